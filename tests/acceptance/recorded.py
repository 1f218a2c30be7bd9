"""The walk without Terraform: its resources are created from a recording, on a local AWS in this process."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

from botocore import session
from moto.kinesis.models import Stream, kinesis_backends

from acceptance import scaling
from acceptance.account import Account, connect
from acceptance.leftovers import find
from acceptance.load import SURGE
from acceptance.rehearsal import VirtualTime, calls_take_time
from acceptance.root import Run
from acceptance.steps import DESTROY, steps
from acceptance.terraform import Outcome, TerraformFailedError
from acceptance.waiting import Waiting
from acceptance.walk import Result, Step, Verdict, Walk, carry_out
from simulator.deployment import NAME, add_stream, deploy
from simulator.local_aws import LocalAWS
from tests.world import _one_loader

SETTINGS: dict[str, Any] = {
    "max_shard_count": 4,
    "target_utilization": 0.08,
    "calls_reserved_for_scale_up": 0,
    "foresight": "off",
    "scale_up": {"threshold": 0.1, "evaluation_periods": 2, "datapoints_to_alarm": 2, "cooldown_minutes": 0},
    "scale_down": {
        "threshold": 0.04,
        "period_seconds": 60,
        "evaluation_periods": 5,
        "datapoints_to_alarm": 5,
        "cooldown_minutes": 0,
    },
}
"""The settings of acceptance/root.py. A test compares them."""

_MADE = {"aws_kinesis_stream.this": "create", "module.autoscaler.aws_lambda_function.this": "create"}


class RecordedTerraform:
    """Answers as Terraform does without errors. With `forgets`, its destroy finds no resources."""

    def __init__(self, aws: LocalAWS) -> None:
        self.aws = aws
        self.variables: Mapping[str, Any] | None = None
        self.forgets = False
        self.fails: str | None = None
        self.destroys = 0
        self.account: Account | None = None

    def init(self) -> None:
        pass

    def apply(self, variables: Mapping[str, Any]) -> Outcome:
        before, self.variables = self.variables, variables
        if before is None:
            self._make()
            return Outcome(dict(_MADE))
        touched = {}
        if before["note"] != variables["note"]:
            touched["aws_kinesis_stream.this"] = "update"
        if before["dry_run"] != variables["dry_run"]:
            touched["module.autoscaler.aws_lambda_function.this"] = "update"
            lambda_ = self.aws.client("lambda")
            environment = lambda_.get_function_configuration(FunctionName=NAME)["Environment"]["Variables"]
            environment["DRY_RUN"] = str(variables["dry_run"]).lower()
            lambda_.update_function_configuration(FunctionName=NAME, Environment={"Variables": environment})
        return Outcome(touched)

    def plan(self) -> Outcome:
        """Compares what the module computes at every plan: the shards in the alarms."""
        if self.fails:
            raise TerraformFailedError(f"terraform plan failed: {self.fails}")
        touched = {}
        shards = self.aws.streams.model(NAME).shard_count(self.aws.clock.now())
        for direction in ("scale-up", "scale-down"):
            [alarm] = self.aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{NAME}/{NAME}/{direction}"])[
                "MetricAlarms"
            ]
            if not any(each["Id"] == "shardCount" and each["Expression"] == str(shards) for each in alarm["Metrics"]):
                touched[f"module.scaling.aws_cloudwatch_metric_alarm.{direction}"] = "update"
        return Outcome(touched)

    def destroy(self) -> Outcome:
        self.destroys += 1
        if self.variables is not None and not self.forgets:
            assert self.account is not None
            for each in find(self.account, Run(NAME, self.aws.region)):
                each.kind.delete(self.account.client(each.kind.service), each.identity)
        return Outcome()

    def outputs(self) -> Mapping[str, Any]:
        scope = f"{self.aws.region}:{self.aws.account_id}"
        return {
            "stack": {
                "name": NAME,
                "stream_name": NAME,
                "probe_name": f"{NAME}-probe",
                "scale_up_alarm": f"{NAME}/{NAME}/scale-up",
                "scale_down_alarm": f"{NAME}/{NAME}/scale-down",
                "function_name": NAME,
                "runtime_function_name": f"{NAME}-runtime",
                "topic_arn": f"arn:aws:sns:{scope}:{NAME}",
                "audit_table_name": f"{NAME}-audit",
                "dead_letter_queue_url": self.aws.client("sqs").get_queue_url(QueueName=f"{NAME}-dead-letter")[
                    "QueueUrl"
                ],
                "log_group_name": f"/aws/lambda/{NAME}",
            }
        }

    def _make(self) -> None:
        deploy(self.aws, reconcile_interval_minutes=1)
        add_stream(self.aws, NAME, 1, **SETTINGS)
        self.aws.client("kinesis").create_stream(StreamName=f"{NAME}-probe", ShardCount=1)
        self.aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{NAME}")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr(
                "runtime.py", "def handler(event, context):\n    return {'boto3': '1', 'botocore': '1.44.5'}\n"
            )
        role = self.aws.client("iam").create_role(
            RoleName=f"{NAME}-runtime", Path="/kinesis-acceptance/", AssumeRolePolicyDocument="{}"
        )["Role"]["Arn"]
        self.aws.client("lambda").create_function(
            FunctionName=f"{NAME}-runtime",
            Runtime="python3.13",
            Role=role,
            Handler="runtime.handler",
            Code={"ZipFile": code.getvalue()},
        )


@dataclass
class Stage:
    """A walk before its first step."""

    aws: LocalAWS
    walk: Walk
    terraform: RecordedTerraform
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Actions just before a step, by the step's name: to break something, or to interrupt."""
    shown: list[str] = field(default_factory=list)
    until_the_end: ExitStack = field(default_factory=ExitStack)

    def go(self, chosen: Sequence[Step] | None = None) -> dict[str, Result]:
        """Run the walk. Return the results by the steps' names."""
        results = carry_out(self.walk, chosen or steps(measures=self.walk.measures), DESTROY, self)
        return {result.step.name: result for result in results}

    def begins(self, step: Step, number: int, of: int) -> None:
        if step.name in self.before:
            self.before[step.name]()

    def ends(self, result: Result) -> None:
        self.shown.append(f"{result.step.name}: {result.verdict}: {result.said}")

    def refuse(self, service: str, operation: str, error: Exception) -> None:
        """Let an operation of the walk's clients raise an error from now on."""
        client = self.walk.account.client(service)
        self.until_the_end.enter_context(patch.object(client, operation, Mock(side_effect=error)))

    def what_is_left(self) -> list[str]:
        return [str(each) for each in find(self.walk.account, self.walk.run)]


@contextmanager
def stage(folder: Path, *, measures: bool = False) -> Iterator[Stage]:
    """A local AWS in this process, with a walk. Without measurements, its load is shorter and has fewer records."""
    surge = SURGE if measures else replace(SURGE, records_per_second=10, record_bytes=16_000, minutes=7)
    with (
        LocalAWS() as aws,
        patch.object(session, "create_loader", _one_loader),
        patch.object(Stream, "put_record", lambda *_: ("1", "shardId-000000000000")),  # nothing reads them
        patch.object(scaling, "SURGE", surge),
        ExitStack() as stack,
    ):
        calls_take_time(aws)
        account = _account(aws.region)
        if not measures:  # test_real_terraform.py and the whole walk go through the protocol
            stack.enter_context(patch.object(account.client("kinesis"), "put_records", partial(_put_records, aws)))
        terraform = RecordedTerraform(aws)
        terraform.account = account
        waiting = Waiting(VirtualTime(aws), lambda _: None)
        walk = Walk(Run(NAME, aws.region), folder, account, terraform, waiting, measures=measures)
        yield Stage(aws, walk, terraform, until_the_end=stack)


@cache
def _account(region: str) -> Account:
    """Return the account, the same in each local AWS, because its clients take long to create."""
    return connect(region=region, profile=None, endpoint_url=None)


def _put_records(aws: LocalAWS, *, StreamName: str, Records: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's names
    """Write records without the protocol, which would take most of the time of these tests."""
    records = [{**record, "Data": _encoded(record["Data"])} for record in Records]
    return kinesis_backends[aws.account_id][aws.region].put_records(None, StreamName, records)


@lru_cache
def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def failed(results: Mapping[str, Result]) -> dict[str, str]:
    """Return the sentences of the failed steps."""
    return {name: each.said for name, each in results.items() if each.verdict is Verdict.FAILED}
