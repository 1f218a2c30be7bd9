"""Scalings between plans: Terraform's resources keep working, and every plan shows only what a user changed.

One apply of examples/simple, with additional streams, serves all of these tests, which run in their order. What a test
has left to plan would be among the changes of the next plan, which are compared with all that is expected.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator.aws.kinesis.keys import HotRange, Keys
from simulator.deployment.terraform import REPOSITORY
from simulator.local_aws import LocalAWS
from simulator.local_aws.environment import with_aws
from tests.lives.bench import NOTHING, Bench, Outcome, Root, bench
from tests.lives.configuration import alarms, scaled, scaling, stream
from tests.rules import shard_count
from tests.terraform_calls import calls_of_terraform

CALLS_OF_A_SCALING = [
    "Query",  # the stream's history in the audit table
    "DescribeAlarms",  # both alarms
    "ListTagsForResource",  # the settings
    "DescribeStreamSummary",
    "GetMetricData",
    "TransactWriteItems",  # the intent, and the head
    "UpdateShardCount",
    "DescribeAlarms",  # each alarm, immediately before it is written
    "PutMetricAlarm",
    "DescribeAlarms",
    "PutMetricAlarm",
    "SetAlarmState",  # re-armed
    "PutItem",  # the record
]
SHARD_LEVEL_METRICS = ["IncomingRecords", "WriteProvisionedThroughputExceeded"]
CONSUMER = """
resource "aws_iam_role" "reader" {
  name               = "reader"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_lambda_function" "reader" {
  function_name = "reader"
  role          = aws_iam_role.reader.arn
  filename      = "../../lambda/package.zip"
  handler       = "reader.handler"
  runtime       = "python3.13"

  lifecycle {
    ignore_changes = [reserved_concurrent_executions]
  }
}
"""


@dataclass
class Applied:
    """The streams of examples/simple, a stream `consumed` by a function whose concurrency follows, a stream
    `unprotected` by Terraform, and a stream with `skewed` keys.

    `orders` starts with 2 shards, `clicks` with 4 and doubles from 70% on. The others start with 2.
    """

    stage: Bench
    root: Root

    def run(self, minutes: int, **demand: float) -> None:
        self.stage.traffic |= demand
        self.stage.pass_minutes(minutes)

    def edit(self, old: str, new: str) -> None:
        """Change main.tf, as its owner would."""
        text = (self.root.directory / "main.tf").read_text()
        assert text.count(old) == 1
        self.root.write(text.replace(old, new))

    def shards(self, name: str) -> int:
        return self.stage.shards(name)

    def shard_counts_in_alarms(self, name: str) -> list[int]:
        names = [f"kinesis-autoscaler/{name}/{direction}" for direction in ("scale-up", "scale-down")]
        found = self.stage.aws.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        return [shard_count(alarm) for alarm in sorted(found, key=lambda alarm: alarm["AlarmName"], reverse=True)]

    def outputs(self) -> dict[str, Any]:
        told = json.loads(self.root.terraform("output", "-json")[1])
        return {name: output["value"] for name, output in told.items()}

    def scalings(self, stream_name: str) -> list[list[str]]:
        """Return the AWS calls of each invocation that an alarm caused and that scaled this stream."""
        return [
            [call.operation for call in each.api_calls]
            for each in self.stage.aws.functions.invocations
            if any(call.parameters.get("TargetShardCount") for call in each.api_calls)
            and {call.parameters.get("StreamName") for call in each.api_calls} <= {stream_name, None}
        ]


@pytest.fixture(scope="module")
def applied() -> Iterator[Applied]:
    with bench(reshard_seconds=90) as stage:
        root = stage.existing_root(stage.repository / "examples" / "simple")
        (root.directory / "terraform.tfvars").write_text('region = "us-east-1"\n')
        example = (root.directory / "main.tf").read_text()
        # Reconcile scales the stream when foresight expects it to save money, and not when the alarm fires.
        example = example.replace("  max_shard_count = 16\n", '  max_shard_count = 16\n  foresight       = "off"\n')
        assert 'foresight       = "off"' in example
        may_set = 'source = "../.."\n  consumer_function_arns = [aws_lambda_function.reader.arn]\n'
        may_set += "  allow_shard_splits = true\n"
        consumed = stream("consumed") + scaling("consumed", "consumer_functions = { reader = 2 }")
        root.write(
            example.replace('source = "../.."\n', may_set, 1)
            + CONSUMER
            + consumed
            + scaled("unprotected", lifecycle="")
            + stream("skewed", f"shard_level_metrics = {json.dumps(SHARD_LEVEL_METRICS)}", shard_count=4)
            + scaling("skewed", "split_hot_shards = true", "scale_on_throttling = true")
        )
        assert root.apply().errors == []
        stage.traffic |= {"orders": 1.0, "clicks": 2.0, "consumed": 1.2, "unprotected": 1.2, "skewed": 1.5}
        yield Applied(stage, root)


@dataclass
class Plan:
    """A plan after scalings of each kind, the calls that it made, and the shards of `skewed` before the split."""

    outcome: Outcome
    calls: Counter[str]
    before_the_split: int


@pytest.fixture(scope="module")
def plan(applied) -> Plan:
    """`orders` has been scaled up and down to 1 shard, `consumed` up, and the hot shard of `skewed` was split."""
    applied.run(10)  # no alarm fires: an alarm in ALARM would also be re-armed
    applied.run(8, orders=1.9)
    assert applied.shards("orders") > 2
    assert applied.shard_counts_in_alarms("orders") == [applied.shards("orders")] * 2
    applied.stage.traffic |= {"orders": 0.3}
    applied.stage.pass_minutes_until(lambda: applied.shards("orders") == 1, limit=160)
    before_the_split = applied.shards("skewed")
    applied.stage.aws.streams.model("skewed").keys = Keys(hot=(HotRange(0.02, 0.2, share=0.7),))
    applied.run(12, consumed=1.9)
    with calls_of_terraform() as seen:
        outcome = applied.root.plan()
    return Plan(outcome, Counter(seen), before_the_split)


def test_scalings_in_both_directions_leave_nothing_to_plan(applied, plan):
    assert len(applied.scalings("orders")) > 1
    assert applied.shards("orders") == 1
    assert applied.shard_counts_in_alarms("orders") == [1, 1]
    assert [each.error for each in applied.stage.aws.functions.invocations if each.error] == []
    assert (plan.outcome.touched, plan.outcome.outputs, plan.outcome.errors) == (NOTHING, NOTHING, [])


def test_a_scaling_reads_each_alarm_before_it_writes_it_and_makes_thirteen_calls(applied, plan):
    up, *down = applied.scalings("orders")
    assert up == CALLS_OF_A_SCALING
    assert down
    assert down[0] == CALLS_OF_A_SCALING


def test_a_consumer_whose_concurrency_followed_a_scaling_leaves_nothing_to_plan(applied, plan):
    assert applied.shards("consumed") > 2
    found = applied.stage.aws.client("lambda").get_function_concurrency(FunctionName="reader")
    assert found["ReservedConcurrentExecutions"] == 2 * applied.shards("consumed")
    assert plan.outcome.touched == NOTHING


def test_a_hot_shard_that_was_split_leaves_nothing_to_plan(applied, plan):
    after = plan.before_the_split + 1
    assert applied.shards("skewed") == after
    assert applied.shard_counts_in_alarms("skewed") == [after] * 2
    assert len({shard.width for shard in applied.stage.aws.streams.model("skewed").shards.newest}) > 1
    assert plan.outcome.touched == NOTHING


def test_a_plan_calls_what_the_documented_policy_of_a_read_only_planner_allows(plan):
    page = (REPOSITORY / "docs" / "security.md").read_text()
    [policy] = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    [statement] = json.loads(policy)["Statement"]
    # The request for the own identity needs no permission.
    calls = Counter({call: number for call, number in plan.calls.items() if not call.startswith("sts:")})
    assert calls.keys() == set(statement["Action"])
    streams, health_alarms = calls["kinesis:ListShards"], 7
    assert streams > 2
    # docs/operations.md describes what this means for a root with a thousand streams.
    assert calls["kinesis:DescribeStreamSummary"] == calls["kinesis:ListTagsForStream"] == 2 * streams
    assert calls["cloudwatch:DescribeAlarms"] == calls["cloudwatch:ListTagsForResource"] == 2 * streams + health_alarms


def test_the_scaling_log_command_prints_the_latest_records_newest_last_however_many_there_are(applied, tmp_path):
    # Records of another stream, because the function would trust them.
    command = applied.outputs()["scaling_log_commands"]["clicks"].replace("S=clicks", "S=archived")
    table = applied.outputs()["audit_table_name"]
    skipped = {"status": "SKIPPED", "reason": "COOLDOWN", "from_shard_count": 4, "message": "x" * 8000}
    records = []
    for number in range(300):  # 2.4 MB: DynamoDB answers with at most 1 MB
        seen = {"occurrences": number, "last_seen_at": f"2026-01-01T{number // 60:02}:{number % 60:02}:30.000Z"}
        records.append(record(number, **skipped, **seen))
    scaled = {"status": "SUCCEEDED", "reason": "HIGH_DEMAND", "from_shard_count": 2, "to_shard_count": 4}
    records.append(record(300, **scaled, message="Scaled archived from 2 to 4 shards.", occurrences=1))
    write(applied.stage.aws, table, records)

    titles, *rows = printed(applied, tmp_path, command)

    assert titles == ["first seen", "last seen", "times", "status", "reason", "shards", "message"]
    assert [int(row[2]) for row in rows] == [*range(251, 300), 1]
    assert rows[-2][1:6] == ["2026-01-01T04:59:30.000Z", "299", "SKIPPED", "COOLDOWN", "4"]
    assert rows[-2][0] == "2026-01-01T04:59:00.000Z", "a merged record shows when it began"
    scaled_row = ["2026-01-01T05:00:00.000Z", "2026-01-01T05:00:00.000Z", "1", "SUCCEEDED", "HIGH_DEMAND", "2 -> 4"]
    assert rows[-1] == [*scaled_row, "Scaled archived from 2 to 4 shards."]
    assert not set("$`!\\\n") & set(command)
    assert command.count('"') % 2 == 0
    for shell in filter(shutil.which, ("zsh", "dash", "pwsh")):
        assert printed(applied, tmp_path, command, shell=shell) == [titles, *rows]


def record(number: int, **attributes: str | int) -> dict[str, Any]:
    """Return a record of the stream `archived`, with this number as its minute."""
    at = f"2026-01-01T{number // 60:02}:{number % 60:02}:00.000Z"
    attributes |= {"stream_name": "archived", "event_time": f"{at}#scale-up", "started_at": at, "action": "scale-up"}
    return {key: {"N" if isinstance(value, int) else "S": str(value)} for key, value in attributes.items()}


def write(aws: LocalAWS, table: str, records: list[dict[str, Any]]) -> None:
    """Write records, 25 in each call: the most that DynamoDB takes."""
    for begin in range(0, len(records), 25):
        requests = [{"PutRequest": {"Item": each}} for each in records[begin : begin + 25]]
        answer = aws.client("dynamodb").batch_write_item(RequestItems={table: requests})
        assert answer["UnprocessedItems"] == {}


def printed(applied: Applied, folder: Path, command: str, *, shell: str = "bash") -> list[list[str]]:
    """Return what the AWS CLI prints: the cells of each line."""
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent}/aws" "$@"\n')
    aws.chmod(0o755)
    environment = with_aws(applied.stage.aws.environment)
    environment["PATH"] = os.pathsep.join([str(folder), environment["PATH"]])
    done = subprocess.run([shell, "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_a_changed_threshold_is_all_that_is_planned_and_scaling_goes_on_with_it(applied):
    applied.run(8, clicks=2.0)
    before = applied.shards("clicks")
    applied.edit("threshold           = 0.7", "threshold           = 0.9")
    reviewed = applied.root.terraform("plan", "-no-color", "-out=reviewed")[1]
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in reviewed
    assert changed_attributes(reviewed) == {"threshold", "alarm_description"}  # which contains the threshold
    assert applied.root.apply("reviewed").errors == []
    applied.run(8, clicks=0.8 * before)
    assert applied.shards("clicks") == before
    applied.run(8, clicks=0.95 * before)
    assert applied.shards("clicks") == 2 * before


def test_a_plan_that_was_made_before_a_scaling_is_repaired_by_the_next_reconcile(applied):
    before = applied.shards("clicks")
    applied.edit("threshold = 0.3", "threshold = 0.25")
    assert applied.root.plan("-out=ahead").touched == {
        "module.clicks_scaling.aws_cloudwatch_metric_alarm.scale_down[0]": "update"
    }
    applied.run(8, clicks=0.95 * before)
    after = applied.shards("clicks")
    assert after > before
    assert applied.root.apply("ahead").errors == []
    assert applied.shard_counts_in_alarms("clicks") == [after, before]
    applied.run(5)
    assert applied.shard_counts_in_alarms("clicks") == [after, after]


def test_a_plan_in_the_middle_of_a_reshard_is_repaired_by_the_next_reconcile(applied):
    before = applied.shards("orders")
    model, clock = applied.stage.aws.streams.model("orders"), applied.stage.aws.clock
    applied.stage.traffic |= {"orders": before * 1.5}
    applied.stage.pass_minutes_until(lambda: model.status(clock.now()) == "UPDATING")
    life = applied.root.live()
    assert set(life.apply.touched) <= alarms("orders")
    assert life.left == NOTHING
    applied.run(6)
    assert applied.shards("orders") > before
    assert applied.shard_counts_in_alarms("orders") == [applied.shards("orders")] * 2
    assert applied.root.plan().touched == NOTHING


def test_a_refresh_alone_takes_note_of_a_scaling_and_touches_nothing(applied):
    before = applied.shards("orders")
    applied.run(12, orders=before * 0.95)
    assert applied.shards("orders") > before
    seen = applied.root.apply("-refresh-only")
    assert seen.errors == []
    assert seen.touched == NOTHING
    assert seen.drift == dict.fromkeys(["aws_kinesis_stream.orders", *alarms("orders")], "update")
    assert applied.root.plan().touched == NOTHING


def test_without_ignore_changes_an_apply_takes_back_the_count_and_the_autoscaler_raises_it_again(applied):
    applied.run(12, unprotected=1.9)
    raised = applied.shards("unprotected")
    assert raised > 2
    taken_back = applied.root.apply(minutes_pass=True)
    assert taken_back.touched == {"aws_kinesis_stream.unprotected": "update"}
    assert taken_back.errors == []
    applied.run(15)
    assert applied.shards("unprotected") == raised
    assert applied.shard_counts_in_alarms("unprotected") == [raised, raised]


def changed_attributes(plan: str) -> set[str]:
    """Return the attributes that a plan would add, change or remove."""
    return set(re.findall(r"^ +[~+-] (\w+) += ", plan, re.MULTILINE))
