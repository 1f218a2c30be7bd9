"""Records what Terraform creates from the module, so that fast tests and replays do not need Terraform.

`python -m simulator.deployment.recording` writes `recording.json`. A test compares the file with what Terraform creates
today.
"""

from __future__ import annotations

import json
from typing import Any

from simulator.deployment.terraform import WorkingCopy
from simulator.deployment.without_terraform import FILE, NAME
from simulator.local_aws import LocalAWS, Transport

ROOT = "tests/fixtures/recording"

# The properties that the module determines, which are the same after every apply.
_FUNCTION = ("Handler", "Runtime", "Architectures", "MemorySize", "Timeout", "Environment", "LoggingConfig")
_RETRIES = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
_INDEX = ("IndexName", "KeySchema", "Projection")
_ALARM = (
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "ActionsEnabled",
    "ComparisonOperator",
    "Threshold",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "TreatMissingData",
)


def record() -> dict[str, Any]:
    """Apply the recording's root to a local AWS and return the resources as the APIs describe them."""
    with LocalAWS(Transport.HTTP) as aws, WorkingCopy(ROOT, aws=aws.environment) as root:
        root.init()
        root.apply()
        function = aws.client("lambda").get_function_configuration(FunctionName=NAME)
        retries = aws.client("lambda").get_function_event_invoke_config(FunctionName=NAME)
        table_name = function["Environment"]["Variables"]["AUDIT_TABLE_NAME"]
        table = aws.client("dynamodb").describe_table(TableName=table_name)["Table"]
        [schedule] = aws.client("scheduler").list_schedules(NamePrefix=NAME)["Schedules"]
        schedule = aws.client("scheduler").get_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
        streams = aws.client("kinesis").list_streams()["StreamNames"]
        return {
            "function": _only(_FUNCTION, function),
            "retries": _only(_RETRIES, retries),
            "table": {
                "TableName": table_name,
                "KeySchema": table["KeySchema"],
                "AttributeDefinitions": _sorted("AttributeName", table["AttributeDefinitions"]),
                "GlobalSecondaryIndexes": [
                    _only(_INDEX, index) for index in _sorted("IndexName", table["GlobalSecondaryIndexes"])
                ],
            },
            "schedule": {"ScheduleExpression": schedule["ScheduleExpression"], "Input": schedule["Target"]["Input"]},
            "streams": {name: describe_stream(aws, name) for name in streams},
            "health_alarms": _health_alarms(aws),
            "dashboards": dashboards(aws),
            "log_queries": {
                query["name"]: query["queryString"]
                for query in aws.client("logs").describe_query_definitions()["queryDefinitions"]
            },
        }


def dashboards(aws: LocalAWS) -> dict[str, Any]:
    """Return the body of every dashboard, by name."""
    cloudwatch = aws.client("cloudwatch")
    names = [each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]]
    return {name: json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) for name in names}


def describe_stream(aws: LocalAWS, stream_name: str) -> dict[str, Any]:
    """Return a stream's two alarms without variable properties, and with the settings in their tags."""
    cloudwatch = aws.client("cloudwatch")
    names = {direction: f"{NAME}/{stream_name}/{direction}" for direction in ("scale-up", "scale-down")}
    described = cloudwatch.describe_alarms(AlarmNames=list(names.values()))["MetricAlarms"]
    by_name = {alarm["AlarmName"]: alarm for alarm in described}
    stream: dict[str, Any] = {}
    for direction, name in names.items():
        alarm = by_name[name]
        tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        stream[direction] = {
            **_only(_ALARM, alarm),
            "Metrics": _sorted("Id", alarm["Metrics"]),
            "Tags": {tag["Key"]: tag["Value"] for tag in tags},
        }
    return stream


def _health_alarms(aws: LocalAWS) -> dict[str, Any]:
    alarms = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-health-")["MetricAlarms"]
    for query in (query for alarm in alarms for query in alarm["Metrics"] if "MetricStat" in query):
        query["MetricStat"]["Metric"]["Dimensions"].sort(key=lambda dimension: str(dimension["Name"]))
    return {
        alarm["AlarmName"]: {**_only(_ALARM, alarm), "Metrics": _sorted("Id", alarm["Metrics"])} for alarm in alarms
    }


def _only(keys: tuple[str, ...], described: dict[str, Any]) -> dict[str, Any]:
    return {key: described[key] for key in keys}


def _sorted(key: str, described: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort a list. Terraform sends sets in an arbitrary order."""
    return sorted(described, key=lambda each: str(each[key]))


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(), indent=1, sort_keys=True) + "\n")
