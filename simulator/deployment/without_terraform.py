"""Creates the autoscaler in a local AWS without Terraform, from a recording of Terraform's resources (see `recording`).

It takes milliseconds instead of half a minute, for tests and replays that run it hundreds of times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from simulator.deployment.terraform import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.local_aws import LocalAWS

FILE = Path(__file__).with_name("recording.json")
"""The resources that Terraform created, as recorded by `recording`."""

NAME = "kinesis-autoscaler"
PACKAGE = REPOSITORY / "lambda" / "package.zip"
_TAG_PREFIX = "kinesis-autoscaler:"
_ALARM_FIELDS = {
    "threshold": "Threshold",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
}


@dataclass(frozen=True)
class Deployment:
    """The autoscaler's resources in a local AWS."""

    aws: LocalAWS
    topic_arn: str
    function_name: str
    audit_table_name: str
    dead_letter_queue_url: str

    def audit_log(self, stream_name: str) -> list[dict[str, Any]]:
        """Return the stream's items in the audit table, oldest first. Numbers are `decimal.Decimal`."""
        return audit_log(self.aws, self.audit_table_name, stream_name)

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke the function synchronously. Return its answer, or Lambda's error payload."""
        answer = self.aws.client("lambda").invoke(FunctionName=self.function_name, Payload=json.dumps(event))
        payload: dict[str, Any] = json.load(answer["Payload"])
        return payload


def audit_log(aws: LocalAWS, table_name: str, stream_name: str) -> list[dict[str, Any]]:
    """Return a stream's items in an audit table, oldest first. Numbers are `decimal.Decimal`."""
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table_name,
            KeyConditionExpression="stream_name = :stream",
            ExpressionAttributeValues={":stream": {"S": stream_name}},
        )
    )
    read = TypeDeserializer().deserialize
    items = (item for page in pages for item in page["Items"])
    return [{name: read(value) for name, value in item.items()} for item in items]


def deploy(
    aws: LocalAWS,
    *,
    package: Path = PACKAGE,
    environment: Mapping[str, str] | None = None,
    reconcile_interval_minutes: int | None = None,
) -> Deployment:
    """Create all resources except the streams.

    `environment` replaces variables of the function's environment (`{"DRY_RUN": "true"}`). `reconcile_interval_minutes`
    replaces the default of the root module's input of this name.
    """
    recorded = _recorded(aws.region)
    function = recorded["function"]
    variables = {**function["Environment"]["Variables"], **(environment or {})}
    role_arn = aws.client("iam").create_role(RoleName=NAME, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    topic_arn = aws.client("sns").create_topic(Name=variables["TOPIC_ARN"].rpartition(":")[2])["TopicArn"]
    aws.client("dynamodb").create_table(**recorded["table"], BillingMode="PAY_PER_REQUEST")
    queue_name = recorded["retries"]["DestinationConfig"]["OnFailure"]["Destination"].rpartition(":")[2]
    queue_url = aws.client("sqs").create_queue(QueueName=queue_name)["QueueUrl"]
    function_arn = aws.client("lambda").create_function(
        **{**function, "Environment": {"Variables": variables}},
        FunctionName=NAME,
        Role=role_arn,
        Code={"ZipFile": package.read_bytes()},
    )["FunctionArn"]
    aws.client("lambda").put_function_event_invoke_config(FunctionName=NAME, **recorded["retries"])
    aws.client("lambda").add_permission(
        FunctionName=NAME,
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic_arn,
    )
    aws.client("sns").subscribe(TopicArn=topic_arn, Protocol="lambda", Endpoint=function_arn)
    rate = recorded["schedule"]["ScheduleExpression"]
    if reconcile_interval_minutes is not None:
        rate = f"rate({reconcile_interval_minutes} minute{'' if reconcile_interval_minutes == 1 else 's'})"
    aws.client("scheduler").create_schedule(
        Name=f"{NAME}-reconcile",
        ScheduleExpression=rate,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function_arn, "RoleArn": role_arn, "Input": recorded["schedule"]["Input"]},
    )
    return Deployment(aws, topic_arn, NAME, variables["AUDIT_TABLE_NAME"], queue_url)


def add_health_alarms(aws: LocalAWS, actions: Sequence[str]) -> list[str]:
    """Create the alarms that the module creates with these `alarm_actions`. Return their names."""
    recorded = _recorded(aws.region)["health_alarms"]
    for name, alarm in recorded.items():
        people = {"AlarmActions": list(actions), "OKActions": list(actions)}
        aws.client("cloudwatch").put_metric_alarm(**{**alarm, **people, "AlarmName": name})
    return list(recorded)


def add_stream(aws: LocalAWS, stream_name: str, shard_count: int, **settings: Any) -> None:  # noqa: ANN401 - any input
    """Create a stream and its pair of alarms.

    `settings` are inputs of modules/stream by name. Omitted ones have the module's defaults, except max_shard_count,
    which is 16. `scale_up` and `scale_down` are dicts and may be partial.
    """
    aws.client("kinesis").create_stream(StreamName=stream_name, ShardCount=shard_count)
    for name, alarm in alarms(aws.region, stream_name, shard_count, **settings).items():
        tags = [{"Key": key, "Value": value} for key, value in alarm.pop("Tags").items()]
        aws.client("cloudwatch").put_metric_alarm(**alarm, AlarmName=name, Tags=tags)


def alarms(
    region: str,
    stream_name: str,
    shard_count: int,
    **settings: Any,  # noqa: ANN401 - as Terraform's
) -> dict[str, dict[str, Any]]:
    """Return the alarms that the module would create, by name: PutMetricAlarm's parameters, with the tags as a dict."""
    throttling, reads = settings.get("scale_on_throttling", False), settings.get("scale_on_reads", False)
    form = {
        (True, False): "plain",
        (True, True): "reads",
        (False, False): "without-throttling",
        (False, True): "reads-without-throttling",
    }[throttling, reads]
    result = {}
    for direction, alarm in _recorded(region)["streams"][form].items():
        of_direction = settings.get(direction.replace("-", "_"), {})
        for setting, field in _ALARM_FIELDS.items():
            alarm[field] = of_direction.get(setting, alarm[field])
        literals = {
            "shardCount": shard_count,
            "minShardCount": settings.get("min_shard_count"),
            "maxShardCount": settings.get("max_shard_count"),
        }
        _set_metrics(alarm["Metrics"], stream_name, of_direction.get("period_seconds"), literals)
        _set_tags(alarm["Tags"], settings)
        result[f"{NAME}/{stream_name}/{direction}"] = alarm
    return result


def _set_metrics(
    queries: list[dict[str, Any]], stream_name: str, period: int | None, literals: Mapping[str, int | None]
) -> None:
    """Replace the stream, the period and literal numbers in recorded metric queries."""
    recorded_period = next(query["MetricStat"]["Period"] for query in queries if "MetricStat" in query)
    for query in queries:
        if "MetricStat" in query:
            query["MetricStat"]["Metric"]["Dimensions"][0]["Value"] = stream_name
            query["MetricStat"]["Period"] = period or recorded_period
        elif literals.get(query["Id"]) is not None:
            query["Expression"] = str(literals[query["Id"]])
        elif period:
            query["Expression"] = query["Expression"].replace(f"({recorded_period} *", f"({period} *")


def _set_tags(tags: dict[str, str], settings: Mapping[str, Any]) -> None:
    """Replace the settings in recorded tags."""
    values = dict(settings)
    for function_name, concurrency in values.pop("consumer_functions", {}).items():
        tags[f"{_TAG_PREFIX}consumer/{function_name}"] = str(concurrency)
    for direction in ("scale_up", "scale_down"):
        of_direction = values.pop(direction, {})
        if "cooldown_minutes" in of_direction:
            values[f"{direction}_cooldown_minutes"] = of_direction["cooldown_minutes"]
    for name, value in values.items():
        tag = _TAG_PREFIX + name.replace("_", "-")
        if tag not in tags:
            raise TypeError(f"modules/stream has no input {name}")
        tags[tag] = "disabled" if value is None else json.dumps(value).strip('"')


@cache
def _recorded_text() -> str:
    return FILE.read_text()


def _recorded(region: str) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(_recorded_text().replace("us-east-1", region))
    return recorded
