"""The whole way with the real Terraform: what it made keeps working, and every plan shows what a user changed, no more.

One apply serves all of these tests, which run in their order. Each begins and ends with nothing left to plan.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator.deployment.terraform import REPOSITORY, WorkingCopy
from simulator.local_aws import LocalAWS, Transport
from simulator.local_aws.environment import with_aws
from simulator.traffic import Traffic
from tests.rules import shard_count

VARIABLES = {"region": "us-east-1"}
CALLS_OF_A_SCALING = [
    "Query",  # the stream's history in the audit table
    "DescribeAlarms",  # both alarms
    "ListTagsForResource",  # the settings
    "DescribeStreamSummary",
    "GetMetricData",
    "TransactWriteItems",  # the intent
    "UpdateShardCount",
    "PutMetricAlarm",
    "PutMetricAlarm",
    "SetAlarmState",  # re-armed
    "PutItem",  # the record
]


class Root(WorkingCopy):
    """A root module that is also edited, planned ahead and destroyed."""

    def edit(self, old: str, new: str) -> None:
        """Change main.tf, as its owner would."""
        main = self.directory / "main.tf"
        text = main.read_text()
        assert text.count(old) == 1
        main.write_text(text.replace(old, new))

    def plan_ahead(self) -> None:
        self._checked("plan", "-no-color", "-out=ahead", self._variables(VARIABLES))

    def apply_the_plan(self) -> None:
        self._checked("apply", "-no-color", "ahead")

    def actions_of_a_plan(self) -> set[str]:
        """The IAM actions that a plan needs, by the provider's own log of its calls."""
        log = self.directory / "calls.log"
        logging = {"TF_LOG_PROVIDER": "DEBUG", "TF_LOG_PATH": str(log)}
        self._environment |= logging
        self.plan(VARIABLES)
        for name in logging:
            del self._environment[name]
        entries = re.split(r"\n(?=\d{4}-\d\d-\d\dT)", log.read_text())
        sent = [entry for entry in entries if "HTTP Request Sent" in entry]
        calls = {(_logged("rpc.service", entry), _logged("rpc.method", entry)) for entry in sent}
        prefixes = {"CloudWatch Logs": "logs"}
        return {
            f"{prefixes.get(service, service.lower())}:{method}"
            for service, method in calls
            if service != "STS"  # whoever asks who they are needs no permission
        }

    def destroy(self) -> None:
        self._checked("destroy", "-auto-approve", "-no-color", self._variables(VARIABLES))


def _logged(key: str, entry: str) -> str:
    """A value of a log entry, which is quoted if it has spaces."""
    quoted, plain = re.findall(rf'{re.escape(key)}=(?:"([^"]*)"|(\S+))', entry)[0]
    return quoted or plain


@dataclass
class Applied:
    """examples/simple, applied: the streams `orders` (2 shards) and `clicks` (4 shards, doubled from 70% on)."""

    aws: LocalAWS
    root: Root
    demand: dict[str, float]
    """Of each stream, in shards."""

    def run(self, minutes: int, **demand: float) -> None:
        self.demand |= demand
        for _ in range(minutes):
            self.aws.advance_minute({name: Traffic.for_shards(shards) for name, shards in self.demand.items()})

    def shards(self, name: str) -> int:
        return self.aws.streams.model(name).shard_count(self.aws.clock.now())

    def shard_counts_in_alarms(self, name: str) -> list[int]:
        names = [f"kinesis-autoscaler/{name}/{direction}" for direction in ("scale-up", "scale-down")]
        alarms = self.aws.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        return [shard_count(alarm) for alarm in sorted(alarms, key=lambda alarm: alarm["AlarmName"], reverse=True)]

    def scalings(self) -> list[list[str]]:
        """The AWS calls of each invocation that scaled."""
        calls = [[call.operation for call in each.api_calls] for each in self.aws.functions.invocations]
        return [operations for operations in calls if "UpdateShardCount" in operations]


@pytest.fixture(scope="module")
def applied() -> Iterator[Applied]:
    with LocalAWS(Transport.HTTP, reshard_seconds=90) as aws, Root("examples/simple", aws=aws.environment) as root:
        root.init()
        root.apply(VARIABLES)
        yield Applied(aws, root, {"orders": 1.0, "clicks": 2.0})


def test_scalings_in_both_directions_leave_nothing_to_plan(applied):
    applied.run(10)
    applied.run(8, orders=1.9)
    assert applied.shards("orders") > 2
    assert applied.shard_counts_in_alarms("orders") == [applied.shards("orders")] * 2
    assert not applied.root.plan(VARIABLES).has_changes
    applied.run(160, orders=0.3)
    assert applied.shards("orders") == 1
    assert applied.shard_counts_in_alarms("orders") == [1, 1]
    assert not applied.root.plan(VARIABLES).has_changes
    assert [each.error for each in applied.aws.functions.invocations if each.error] == []


def test_a_scaling_makes_eleven_calls_and_one_more_to_look_back_before_it_shrinks(applied):
    applied.run(10, orders=1.2)  # neither alarm has anything to say: an alarm in ALARM would be re-armed as well
    applied.run(8, orders=1.9)
    assert applied.scalings()[-1] == CALLS_OF_A_SCALING
    applied.run(120, orders=0.1)
    looking = CALLS_OF_A_SCALING.index("GetMetricData")
    assert applied.scalings()[-1] == [*CALLS_OF_A_SCALING[:looking], "GetMetricData", *CALLS_OF_A_SCALING[looking:]]


def test_a_plan_calls_what_the_documented_policy_of_a_read_only_planner_allows(applied):
    page = (REPOSITORY / "docs" / "security.md").read_text()
    [policy] = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    [statement] = json.loads(policy)["Statement"]
    assert applied.root.actions_of_a_plan() == set(statement["Action"])


def test_the_scaling_log_command_prints_the_latest_records_newest_last_however_many_there_are(applied, tmp_path):
    # Of another stream, since the function would believe these records.
    command = applied.root.outputs()["scaling_log_commands"]["clicks"].replace("S=clicks", "S=archived")
    table = applied.root.outputs()["audit_table_name"]
    skipped = {"status": "SKIPPED", "reason": "COOLDOWN", "from_shard_count": 4, "message": "x" * 8000}
    for number in range(300):  # 2.4 MB: DynamoDB answers with 1 MB at most
        seen = {"occurrences": number, "last_seen_at": f"2026-01-01T{number // 60:02}:{number % 60:02}:30.000Z"}
        write_record(applied.aws, table, number, **skipped, **seen)
    scaled = {"status": "SUCCEEDED", "reason": "HIGH_DEMAND", "from_shard_count": 2, "to_shard_count": 4}
    write_record(applied.aws, table, 300, **scaled, message="Scaled archived from 2 to 4 shards.", occurrences=1)

    titles, *rows = printed(applied, tmp_path, command)

    assert titles == ["last seen", "times", "status", "reason", "shards", "message"]
    assert [int(row[1]) for row in rows] == [*range(251, 300), 1]
    assert rows[-2][:5] == ["2026-01-01T04:59:30.000Z", "299", "SKIPPED", "COOLDOWN", "4"]
    scaled_row = ["2026-01-01T05:00:00.000Z", "1", "SUCCEEDED", "HIGH_DEMAND", "2 -> 4"]
    assert rows[-1] == [*scaled_row, "Scaled archived from 2 to 4 shards."]
    assert not set("$`!\\\n") & set(command)
    assert command.count('"') % 2 == 0
    for shell in filter(shutil.which, ("zsh", "dash", "pwsh")):
        assert printed(applied, tmp_path, command, shell=shell) == [titles, *rows]


def write_record(aws: LocalAWS, table: str, number: int, **attributes: str | int) -> None:
    """A record of the stream `archived`, in the minute of this number."""
    at = f"2026-01-01T{number // 60:02}:{number % 60:02}:00.000Z"
    attributes |= {"stream_name": "archived", "event_time": f"{at}#scale-up", "started_at": at, "action": "scale-up"}
    item = {key: {"N" if isinstance(value, int) else "S": str(value)} for key, value in attributes.items()}
    aws.client("dynamodb").put_item(TableName=table, Item=item)


def printed(applied: Applied, folder: Path, command: str, *, shell: str = "bash") -> list[list[str]]:
    """What a person with the AWS CLI sees: the cells of each line."""
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent}/aws" "$@"\n')
    aws.chmod(0o755)
    environment = with_aws(applied.aws.environment)
    environment["PATH"] = os.pathsep.join([str(folder), environment["PATH"]])
    done = subprocess.run([shell, "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_a_changed_threshold_is_all_that_is_planned_and_scaling_goes_on_with_it(applied):
    applied.run(8, clicks=2.0)
    before = applied.shards("clicks")
    applied.root.edit("threshold           = 0.7", "threshold           = 0.9")
    plan = applied.root.plan(VARIABLES)
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in plan.text
    assert changed_attributes(plan.text) == {"threshold", "alarm_description"}  # which tells the threshold
    applied.root.apply(VARIABLES)
    applied.run(8, clicks=0.8 * before)
    assert applied.shards("clicks") == before
    applied.run(8, clicks=0.95 * before)
    assert applied.shards("clicks") == 2 * before
    assert not applied.root.plan(VARIABLES).has_changes


def test_a_plan_that_was_made_before_a_scaling_is_repaired_by_the_next_reconcile(applied):
    before = applied.shards("clicks")
    applied.root.edit("threshold = 0.3", "threshold = 0.25")
    applied.root.plan_ahead()
    applied.run(8, clicks=0.95 * before)
    after = applied.shards("clicks")
    assert after > before
    applied.root.apply_the_plan()
    assert applied.shard_counts_in_alarms("clicks") == [after, before]
    applied.run(5)
    assert applied.shard_counts_in_alarms("clicks") == [after, after]
    assert not applied.root.plan(VARIABLES).has_changes


def test_destroy_leaves_nothing_behind(applied):
    assert all(everything(applied.aws).values())
    applied.root.destroy()
    assert {kind: found for kind, found in everything(applied.aws).items() if found} == {}


def everything(aws: LocalAWS) -> dict[str, list[object]]:
    """What there is in the account, by kind; the example has some of each."""
    return {
        "alarms": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "functions": aws.client("lambda").list_functions()["Functions"],
        "log groups": aws.client("logs").describe_log_groups()["logGroups"],
        "queues": aws.client("sqs").list_queues().get("QueueUrls", []),
        "roles": aws.client("iam").list_roles()["Roles"],
        "schedules": aws.client("scheduler").list_schedules()["Schedules"],
        "streams": aws.client("kinesis").list_streams()["StreamNames"],
        "subscriptions": aws.client("sns").list_subscriptions()["Subscriptions"],
        "tables": aws.client("dynamodb").list_tables()["TableNames"],
        "topics": aws.client("sns").list_topics()["Topics"],
    }


def changed_attributes(plan: str) -> set[str]:
    """The attributes that a plan would add, change or remove."""
    return set(re.findall(r"^ +[~+-] (\w+) += ", plan, re.MULTILINE))
