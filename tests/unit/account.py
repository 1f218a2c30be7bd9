"""Terraform's resources in a fake AWS account: the alarms of a stream and the audit table."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

from kinesis_autoscaler.alarm import Alarm, AlarmNames, AlarmPair
from kinesis_autoscaler.model import Action

REGION = "us-east-2"
PREFIX = "kinesis-autoscaler"
TOPIC_ARN = f"arn:aws:sns:{REGION}:123456789012:{PREFIX}"
TABLE = f"{PREFIX}-audit"
TAGS = {
    "min-shard-count": "1",
    "max-shard-count": "64",
    "scaling-strategy": "target",
    "target-utilization": "0.6",
    "scale-up-cooldown-minutes": "5",
    "scale-down-cooldown-minutes": "60",
    "max-iterator-age-minutes": "30",
    "calls-reserved-for-scale-up": "4",
    "scale-on-throttling": "true",
    "scale-on-reads": "false",
}

_ROOT = Path(__file__).resolve().parents[2]


def recorded(kind: str, name: str) -> dict[str, Any]:
    """Return a recorded answer or message under tests/fixtures."""
    content: dict[str, Any] = json.loads((_ROOT / "tests" / "fixtures" / kind / f"{name}.json").read_text())
    return content


def alarm_definition(action: Action, stream_name: str = "orders", prefix: str = PREFIX, **changes) -> dict[str, Any]:
    """Return a stream's alarm in the form of DescribeAlarms."""
    alarm = recorded("alarms", action.replace("-", "_"))
    name = f"{prefix}/{stream_name}/{action}"
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            query["MetricStat"]["Metric"]["Dimensions"] = [{"Name": "StreamName", "Value": stream_name}]
    times = {key: datetime.fromisoformat(value) for key, value in alarm.items() if key.endswith("Timestamp")}
    arn = f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:{name}"
    return {**alarm, **times, "AlarmName": name, "AlarmArn": arn, **changes}


def put_alarm(cloudwatch, definition: dict[str, Any], *, tags: dict[str, str] | None = None) -> None:
    """Create or change an alarm, as Terraform or a user would."""
    takes = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    request = {key: value for key, value in definition.items() if key in takes}
    if tags is not None:
        request["Tags"] = [{"Key": f"kinesis-autoscaler:{name}", "Value": value} for name, value in tags.items()]
    cloudwatch.put_metric_alarm(**request)


def put_alarms(cloudwatch, stream_name: str = "orders", prefix: str = PREFIX, tags=TAGS, **changes) -> AlarmPair:
    """Create a stream's two alarms. `changes` apply to both."""
    for action in Action:
        put_alarm(cloudwatch, alarm_definition(action, stream_name, prefix, **changes), tags=tags)
    return read_pair(cloudwatch, stream_name, prefix)


def read_pair(cloudwatch, stream_name: str = "orders", prefix: str = PREFIX) -> AlarmPair:
    """Return a stream's two alarms as CloudWatch has them now."""
    names = AlarmNames(prefix, stream_name)
    return AlarmPair(names, *(Alarm(read_alarm(cloudwatch, names.of(action))) for action in Action))


def read_alarm(cloudwatch, name: str) -> dict[str, Any]:
    """Return an alarm in the form of DescribeAlarms."""
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return alarm


def with_literal(definition: dict[str, Any], query_id: str, expression: str) -> dict[str, Any]:
    """Return an alarm with another expression for one of its ids."""
    metrics = [
        {**query, "Expression": expression} if query["Id"] == query_id else query for query in definition["Metrics"]
    ]
    return {**definition, "Metrics": metrics}


def create_audit_table(dynamodb) -> None:
    """Create the audit table as audit.tf defines it."""
    table = _table_in_terraform()
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode=table["billing_mode"],
        KeySchema=_keys(table),
        AttributeDefinitions=[
            {"AttributeName": attribute["name"], "AttributeType": attribute["type"]} for attribute in table["attribute"]
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index["name"],
                "KeySchema": _keys(index),
                "Projection": {"ProjectionType": index["projection_type"]},
            }
            for index in table["global_secondary_index"]
        ],
    )
    (ttl,) = table["ttl"]
    dynamodb.update_time_to_live(
        TableName=TABLE,
        TimeToLiveSpecification={"AttributeName": ttl["attribute_name"], "Enabled": ttl["enabled"]},
    )


@cache
def _table_in_terraform() -> dict[str, Any]:
    (resource,) = hcl2.loads((_ROOT / "audit.tf").read_text())["resource"]
    table: dict[str, Any] = _unquoted(resource)["aws_dynamodb_table"]["audit"]
    return table


def _unquoted(value: Any) -> Any:
    if isinstance(value, dict):
        return {_unquoted(key): _unquoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unquoted(item) for item in value]
    return value.strip('"') if isinstance(value, str) else value


def _keys(table: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"AttributeName": table["hash_key"], "KeyType": "HASH"},
        {"AttributeName": table["range_key"], "KeyType": "RANGE"},
    ]


class Calls:
    """Record the calls of a client in order, as (operation, parameters)."""

    def __init__(self, client) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        client.meta.events.register("provide-client-params.*.*", self._note)

    def of(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of each call of an operation."""
        return [parameters for name, parameters in self.made if name == operation]

    def _note(self, params, model, **_) -> None:
        self.made.append((model.name, params))
