"""docs/operations.md: its commands run as written, and every alarm and every reason that needs attention is on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.deployment import add_health_alarms, deploy, recording
from simulator.local_aws import LocalAWS, Transport
from simulator.local_aws.environment import with_aws
from simulator.local_aws.function import ApiCall
from tests.integration.aws_cli import aws_cli
from tests.static.terraform_code import REPOSITORY
from tests.world import Running, World

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
DECISIONS = (REPOSITORY / "docs" / "decisions.md").read_text()
ALARMS = "kinesis-autoscaler/orders/scale-up kinesis-autoscaler/orders/scale-down"


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, in the page's order."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(code) for _, code in found]


@dataclass
class Shell:
    """A user's shell with the AWS CLI, in an empty folder."""

    w: World
    folder: Path
    cli: Path

    def run(self, command: str) -> str:
        environment = with_aws(self.w.aws.environment)
        environment["PATH"] = os.pathsep.join([str(self.cli), environment["PATH"]])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout


@pytest.fixture(scope="module")
def cli(tmp_path_factory) -> Iterator[Path]:
    with aws_cli(tmp_path_factory.mktemp("bin")) as folder:
        yield folder


@pytest.fixture(scope="module")
def shell(cli, tmp_path_factory) -> Iterator[Shell]:
    """Today, with a scaling of orders, a decision not to scale it again, and a failure of payments."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with LocalAWS(Transport.HTTP, start=today, reshard_seconds=90) as aws:
        w = World(aws, deploy(aws))
        w.add_stream("orders", shards=4, demand=2.0, max_shard_count=8)
        w.add_stream("payments", shards=4, demand=2.0)
        w.run(20)
        add_health_alarms(aws, [])
        w.before_call = deny_payments
        w.demand["orders"] = 7.9
        w.run(14)
        w.demand["payments"] = 3.8
        w.run(6)
        w.before_call = None
        w.demand["orders"] = 3.0
        yield Shell(w, tmp_path_factory.mktemp("folder"), cli)


def deny_payments(running: Running, call: ApiCall) -> None:
    if call.operation == "UpdateShardCount" and call.parameters["StreamName"] == "payments":
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, call.operation)


@pytest.mark.parametrize(
    ("marker", "count"),
    [
        ('":today"', 160),
        ("WHERE event_date = '$(date", 160),
        ('":failed"', 80),
        ("= 'FAILED'", 80),
        ('":skipped"', 20),
        ("= 'SKIPPED'", 80),
    ],
)
def test_commands_over_the_audit_table_take_any_number_of_records(long_log: Shell, marker: str, count: int):
    [command] = [block for block in blocks("sh") if marker in block]
    rows = [line.split("\t") for line in long_log.run(command).splitlines() if "\t" in line]
    assert len(rows) == count
    times = [row[0] for row in rows]
    assert times == sorted(times, reverse="SKIPPED" in command)


@pytest.fixture(scope="module")
def long_log(cli, tmp_path_factory) -> Iterator[Shell]:
    """A table with 160 records of today, half of them failures: 3 MB. DynamoDB answers with 1 MB at a time."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with LocalAWS(Transport.HTTP, start=today) as aws:
        w = World(aws, deploy(aws))
        items = []
        for number in range(160):
            at = (today + timedelta(seconds=number)).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
            texts = {
                "stream_name": "orders",
                "event_date": at[:10],
                "event_time": f"{at}#scale-up",
                "action": "scale-up",
            }
            texts |= {"status": ("SKIPPED", "FAILED")[number % 2], "reason": "COOLDOWN", "message": "x" * 20_000}
            items.append({key: {"S": text} for key, text in texts.items()} | {"occurrences": {"N": "1"}})
        for start in range(0, len(items), 25):  # the maximum of one call
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            aws.client("dynamodb").batch_write_item(RequestItems={w.deployment.audit_table_name: puts})
        yield Shell(w, tmp_path_factory.mktemp("folder"), cli)


# The commands, in the order of the page

CASES: list[tuple[str, Callable[[Shell, str], None]]] = []


def of(marker: str) -> Callable[[Callable[[Shell, str], None]], Callable[[Shell, str], None]]:
    """Mark a check with its command on the page: the one that contains this text."""

    def remember(check: Callable[[Shell, str], None]) -> Callable[[Shell, str], None]:
        CASES.append((marker, check))
        return check

    return remember


@of("--alarm-name-prefix kinesis-autoscaler-health- --state-value ALARM")
def what_rings_is_listed_with_its_runbook(shell: Shell, command: str) -> None:
    ringing = [line.split("\t") for line in shell.run(command).splitlines()]
    assert {name.removeprefix("kinesis-autoscaler-health-") for name, *_ in ringing} == {"failures", "at-maximum"}


@of('--expression-attribute-values \'{":today"')
@of("WHERE event_date = '$(date -u +%F)'")
def all_of_today_is_every_record(shell: Shell, command: str) -> None:
    rows = [line.split("\t") for line in shell.run(command).splitlines()]
    expected = [item for name in shell.w.bounds for item in shell.w.log(name)]
    assert [row[0] for row in rows] == sorted(item["event_time"] for item in expected)
    assert {(row[1], row[3]) for row in rows} >= {("orders", "HIGH_DEMAND"), ("orders", "AT_MAXIMUM")}


@of('":failed": {"S": "FAILED"}')
@of("""AND \\"status\\" = 'FAILED'\"""")
def what_failed_this_week_is_the_failure_with_its_error(shell: Shell, command: str) -> None:
    [row] = [line.split("\t") for line in shell.run(command).splitlines() if line.strip() and line.strip() != "None"]
    assert row[1:3] == ["payments", "CALL_REFUSED"]
    assert "AccessDeniedException" in row[4]


@of('":skipped": {"S": "SKIPPED"}')
@of("ORDER BY event_time DESC")
def why_orders_did_not_scale_is_told_newest_first(shell: Shell, command: str) -> None:
    rows = [line.split("\t") for line in shell.run(command).splitlines() if "#" in line]
    skipped = [item for item in shell.w.log("orders") if item["status"] == "SKIPPED"]
    assert [row[1] for row in rows] == [item["reason"] for item in reversed(skipped)]
    assert rows[0][1] == "AT_MAXIMUM"
    assert int(rows[0][2]) == 1, "it is looked at once an hour"
    assert rows[0][4].startswith("Left orders at 8 shards, not scaled up: peak demand")


@of("describe-alarms \\\n  --alarm-names")
def the_streams_alarms_are_shown_with_their_state(shell: Shell, command: str) -> None:
    rows = [line.split("\t") for line in shell.run(command).splitlines()]
    assert {row[0] for row in rows} == set(ALARMS.split())
    assert {row[2] for row in rows} == {"True"}


@of('{"action": "reconcile"}')
def a_reconcile_by_hand_answers_what_it_did(shell: Shell, command: str) -> None:
    answer, _ = json.JSONDecoder().raw_decode(shell.run(command))
    assert (answer["streams"], answer["failures"]) == (2, 0)


@of("disable-alarm-actions")
def a_paused_stream_is_not_scaled(shell: Shell, command: str) -> None:
    shell.run(command)
    assert {alarm["ActionsEnabled"] for alarm in shell.w.alarms("orders").values()} == {False}


@of("enable-alarm-actions \\")
def a_resumed_stream_is(shell: Shell, command: str) -> None:
    shell.run(command)
    assert {alarm["ActionsEnabled"] for alarm in shell.w.alarms("orders").values()} == {True}


@of('"reason": "launch at 18:00"')
def scaling_by_hand_answers_the_record(shell: Shell, command: str) -> None:
    shell.w.run(20)
    answer, _ = json.JSONDecoder().raw_decode(shell.run(command))
    assert answer["stream_name"] == "orders"
    assert answer["message"]
    [record] = [item for item in shell.w.log("orders") if item["event_time"] == answer["event_time"]]
    assert (record["trigger"], record["alarm_reason"]) == ("request", "launch at 18:00")


@of("@tsv")
def the_dead_letter_queue_is_looked_at_without_emptying_it(shell: Shell, command: str) -> None:
    assert shell.run(command) == ""
    put_dead_letter(shell.w)
    for _ in range(2):
        [row] = [line.split("\t") for line in shell.run(command).splitlines()]
        assert row[1:] == ["ClientError", "An error occurred"]


@of("while message=")
def redriving_sends_the_events_again_and_takes_them_out(shell: Shell, command: str) -> None:
    put_dead_letter(shell.w)
    before = len(shell.w.invocations("reconcile"))
    shell.run(command)
    assert len(shell.w.invocations("reconcile")) > before
    assert shell.w.dead_letters() == []


@of("purge-queue")
def purging_empties_the_queue(shell: Shell, command: str) -> None:
    put_dead_letter(shell.w)
    shell.run(command)
    assert shell.w.dead_letters() == []


@of("--index-name open-records")
def what_is_under_way_is_listed_until_it_is_done(shell: Shell, command: str) -> None:
    shell.w.run(30)
    assert shell.run(command) == ""
    shell.w.invoke({"action": "scale", "stream_name": "payments", "shard_count": 9, "reason": "a test"})
    assert shell.run(command).startswith("payments\tScaling payments from ")


@of("aws dynamodb scan")
def the_records_are_kept_in_a_file(shell: Shell, command: str) -> None:
    shell.run(command)
    kept = json.loads((shell.folder / "kinesis-autoscaler-audit.json").read_text())
    records = [item for item in kept["Items"] if "event_date" in item]
    assert len(records) == sum(len(shell.w.log(name)) for name in shell.w.bounds)


def put_dead_letter(w: World) -> None:
    """A reconcile that failed three times."""
    body = {
        "timestamp": "2026-01-05T00:00:00.000Z",
        "requestPayload": {"action": "reconcile"},
        "responsePayload": {"errorType": "ClientError", "errorMessage": "An error occurred"},
    }
    w.aws.client("sqs").send_message(QueueUrl=w.deployment.dead_letter_queue_url, MessageBody=json.dumps(body))


def test_every_command_is_checked_once():
    for command in blocks("sh"):
        assert len([marker for marker, _ in CASES if marker in command]) == 1, command
    assert len(CASES) == len(blocks("sh"))


@pytest.mark.skipif(shutil.which("jq") is None, reason="some of the commands need jq")
@pytest.mark.parametrize("command", blocks("sh"), ids=lambda command: " ".join(command.split())[:60])
def test_a_command_does_what_the_page_says(shell, command):
    [check] = [check for marker, check in CASES if marker in command]
    check(shell, command)


# The schedule


def test_a_scheduled_request_is_carried_out_once_however_often_it_is_delivered():
    [example] = blocks("hcl")
    match = re.search(r"<<-JSON\n(.*?)JSON\n", example, re.DOTALL)
    assert match
    event: dict[str, Any] = json.loads(match[1].replace("<aws.scheduler.scheduled-time>", "2026-01-05T00:12:00Z"))
    with LocalAWS(reshard_seconds=90) as aws:
        w = World(aws, deploy(aws))
        w.add_stream("orders", shards=8, demand=4.0)
        w.run(12)
        assert w.invoke(event)["event_time"] == "2026-01-05T00:12:00.000Z#scale-up"
        w.invoke(event)
        w.run(10)
        w.invoke(event)
        assert w.shards() == 12
        assert w.statuses().count("SUCCEEDED") == 1


# Completeness


@pytest.mark.parametrize("name", json.loads(recording.FILE.read_text())["health_alarms"])
def test_every_health_alarm_has_its_section(name):
    assert re.search(rf"^### {name.removeprefix('kinesis-autoscaler-health-')}$", PAGE, re.MULTILINE)


def test_every_reason_that_is_a_worry_has_its_remedy():
    rows = re.findall(r"^\| ([A-Z_]+) \| (.*?) \| (.*?) \|", DECISIONS, re.MULTILINE)
    worries = {reason for reason, _, worry in rows if worry != "no"}
    assert worries == set(re.findall(r"^\| ([A-Z_]+)(?:, \w+)? \|", PAGE, re.MULTILINE))


def test_every_link_leads_somewhere():
    for target, anchor in re.findall(r"\]\((?!https://)([^)#]*)(?:#([^)]*))?\)", PAGE):
        path = (REPOSITORY / "docs" / target).resolve() if target else REPOSITORY / "docs" / "operations.md"
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
