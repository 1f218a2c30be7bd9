"""The function has exactly the permissions that it needs: all its calls are compared with Terraform's policy.

The policy comes from a plan. The calls come from scenarios that make every call that the code can make, and in the soak
from all scenarios of test_reasons as well. A missing permission fails, and so does an unused one; the same applies to
resources. The use of a KMS key is not visible here, because AWS services use it for the function.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore import xform_name

import kinesis_autoscaler
from kinesis_autoscaler.model import Reason
from simulator.deployment.terraform import WorkingCopy
from simulator.local_aws import LocalAWS, Transport
from simulator.local_aws.function import ApiCall
from tests.faults.effort import SOAK
from tests.integration.test_reasons import CASES
from tests.world import World, world

pytestmark = pytest.mark.usefixtures("one_provider")

SCOPE = "us-east-1:123456789012"
PEOPLE = f"arn:aws:sns:{SCOPE}:people"
MADE_BY_LAMBDA_ITSELF = {
    ("sqs:SendMessage", f"arn:aws:sqs:{SCOPE}:kinesis-autoscaler-dead-letter"),
    ("logs:CreateLogStream", f"arn:aws:logs:{SCOPE}:log-group:/aws/lambda/kinesis-autoscaler:log-stream:*"),
    ("logs:PutLogEvents", f"arn:aws:logs:{SCOPE}:log-group:/aws/lambda/kinesis-autoscaler:log-stream:*"),
}
"""Actions with the function's role, but not by its code: failed events and logs."""

DIFFERENT_CALLS = {Reason.HIGH_DEMAND, Reason.QUOTA_EXHAUSTED, Reason.STREAM_MISSING, Reason.CALL_REFUSED}
"""Scalings; a look at the account's limits; and calls that AWS refuses."""

Permission = tuple[str, str]
"""An IAM action and a resource: an ARN, or a pattern of ARNs in a policy."""


def test_every_call_that_the_code_can_make_is_among_those_recorded(recorded):
    assert {xform_name(call.operation) for call in recorded} == operations_in_the_code()


def test_no_permission_is_missing(recorded, granted):
    needed = {permission for call in recorded for permission in permissions_of(call)}
    assert {each for each in needed if not any(allows(grant, each) for grant in granted)} == set()


def test_no_permission_is_unused(recorded, granted):
    needed = {permission for call in recorded for permission in permissions_of(call)}
    unused = {grant for grant in granted if not any(allows(grant, each) for each in needed)}
    assert unused == MADE_BY_LAMBDA_ITSELF


@pytest.fixture(scope="module")
def granted() -> set[Permission]:
    """The actions and resources that the function's role allows."""
    with LocalAWS(Transport.HTTP) as aws, WorkingCopy("tests/fixtures/permissions", aws=aws.environment) as root:
        root.init()
        root._checked("plan", "-no-color", "-out=plan")
        plan = json.loads(root._checked("show", "-json", "plan"))
    [module] = plan["planned_values"]["root_module"]["child_modules"]
    policies = {each["address"].removeprefix("module.autoscaler."): each["values"] for each in module["resources"]}
    statements = json.loads(policies["aws_iam_role_policy.function"]["policy"])["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {
        (action, resource)
        for statement in statements
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


@pytest.fixture(scope="module")
def recorded() -> list[ApiCall]:
    """Every call of the function over all scenarios, or outside of the soak over those that differ in their calls."""
    calls: list[ApiCall] = []
    scenarios = [(case.come_about, case.environment) for case in CASES if SOAK or case.reason in DIFFERENT_CALLS]
    for scenario, environment in [
        *scenarios,
        (consumers_follow, {}),
        (one_reads_by_fan_out, {}),
        (shards_are_split, {}),
        (time_runs_out, {}),
    ]:
        with world(**environment, NOTIFICATION_TOPIC_ARN=PEOPLE) as w:
            w.aws.client("sns").create_topic(Name="people")
            scenario(w)
            calls += [call for invocation in w.aws.functions.invocations for call in invocation.api_calls]
    return calls


def consumers_follow(w: World) -> None:
    """A stream scales up and down, and its consumer's concurrency with it."""
    w.aws.client("lambda").create_function(
        FunctionName="reader",
        Runtime="python3.13",
        Role=f"arn:aws:iam::123456789012:role/{w.deployment.function_name}",
        Handler="reader.handler",
        Code={"ZipFile": (Path(kinesis_autoscaler.__file__).parents[1] / "package.zip").read_bytes()},
    )
    w.add_stream(consumer_functions={"reader": 2})
    w.run(12)
    w.demand["orders"] = 7.0
    w.run(8)
    assert concurrency(w) == 2 * w.shards() > 16
    w.demand["orders"] = 1.0
    w.run(60)
    assert concurrency(w) == 2 * w.shards() < 16


def one_reads_by_fan_out(w: World) -> None:
    """A stream with a consumer of enhanced fan-out scales down."""
    w.add_stream(demand=1.0)
    w.aws.client("kinesis").register_stream_consumer(StreamARN=stream("orders"), ConsumerName="billing")
    w.run(30)
    assert w.shards() < 8


def shards_are_split(w: World) -> None:
    """A stream's daily calls are used up, and demand grows."""
    w.add_stream(update_calls_per_day=1, calls_reserved_for_scale_up=0, split_beyond_quota=True)
    w.run(12)
    w.demand["orders"] = 7.0
    w.run(10)
    w.demand["orders"] = 13.0
    w.run(12)
    assert w.shards() > 16


def time_runs_out(w: World) -> None:
    """AWS answers so slowly that one reconcile does not reach every stream. Later ones reach them."""
    for name in ("one", "two", "three"):
        w.add_stream(name)
    w.before_call = lambda running, call: (
        w.aws.clock.advance(timedelta(minutes=8)) if call.operation == "DescribeStreamSummary" else None
    )
    assert w.reconcile()["left_for_next_run"] == 1
    w.before_call = None
    assert w.reconcile()["left_for_next_run"] == 0


def concurrency(w: World) -> int:
    answer = w.aws.client("lambda").get_function_concurrency(FunctionName="reader")
    return int(answer["ReservedConcurrentExecutions"])


def permissions_of(call: ApiCall) -> Iterator[Permission]:
    """The IAM actions that a call requires (Service Authorization Reference)."""
    for action, resource in PERMISSIONS[call.operation](call.parameters):
        yield f"{call.service}:{action}", resource


def alarm(name: str) -> str:
    return f"arn:aws:cloudwatch:{SCOPE}:alarm:{name}"


def stream(name: str) -> str:
    return f"arn:aws:kinesis:{SCOPE}:stream/{name}"


def table(parameters) -> str:
    index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
    return f"arn:aws:dynamodb:{SCOPE}:table/{parameters['TableName']}{index}"


PERMISSIONS: dict[str, Callable[..., list[Permission]]] = {
    # IAM authorizes a listing for all alarms, regardless of the result.
    "DescribeAlarms": lambda p: [("DescribeAlarms", alarm(name)) for name in p.get("AlarmNames", ["*"])],
    "ListTagsForResource": lambda p: [("ListTagsForResource", p["ResourceARN"])],
    "PutMetricAlarm": lambda p: [("PutMetricAlarm", alarm(p["AlarmName"]))],
    "SetAlarmState": lambda p: [("SetAlarmState", alarm(p["AlarmName"]))],
    "GetMetricData": lambda p: [("GetMetricData", "*")],
    "DescribeStreamSummary": lambda p: [("DescribeStreamSummary", stream(p["StreamName"]))],
    "ListStreamConsumers": lambda p: [("ListStreamConsumers", p["StreamARN"])],
    "ListShards": lambda p: [("ListShards", stream(p["StreamName"]))],
    "SplitShard": lambda p: [("SplitShard", stream(p["StreamName"]))],
    "UpdateShardCount": lambda p: [("UpdateShardCount", stream(p["StreamName"]))],
    "DescribeLimits": lambda p: [("DescribeLimits", "*")],
    "Query": lambda p: [("Query", table(p))],
    "GetItem": lambda p: [("GetItem", table(p))],
    "PutItem": lambda p: [("PutItem", table(p))],
    "UpdateItem": lambda p: [("UpdateItem", table(p))],
    "DeleteItem": lambda p: [("DeleteItem", table(p))],
    # A transaction needs the permissions of its operations, and none of its own.
    "TransactWriteItems": lambda p: [
        (f"{kind}Item", table(operation)) for item in p["TransactItems"] for kind, operation in item.items()
    ],
    "Publish": lambda p: [("Publish", p["TopicArn"])],
    **{
        name: lambda p, name=name: [(name, f"arn:aws:lambda:{SCOPE}:function:{p['FunctionName']}")]
        for name in ("GetFunctionConcurrency", "PutFunctionConcurrency")
    },
}


def allows(grant: Permission, needed: Permission) -> bool:
    """Return whether a statement's action and resource pattern cover a call. "*" is a call without a resource."""
    pattern = re.escape(grant[1]).replace(r"\*", ".*").replace(r"\?", ".")
    return grant[0] == needed[0] and re.fullmatch(pattern, needed[1]) is not None


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def operations_in_the_code() -> set[str]:
    """Return every name in the function's code that is an operation of one of its clients."""
    services = ("cloudwatch", "dynamodb", "kinesis", "lambda", "sns")
    known = {
        xform_name(operation)
        for service in services
        for operation in boto3.client(service, region_name="us-east-1").meta.service_model.operation_names
    }
    names: set[str] = set()
    for source in Path(kinesis_autoscaler.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                names.add(node.func.attr)
                if node.func.attr == "get_paginator":
                    names |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return names & known
