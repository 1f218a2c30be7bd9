"""The messages that CloudWatch publishes to an SNS topic when an alarm changes its state.

The form is that of recorded messages: one that aws-samples/kinesis-auto-scaling keeps in a comment (2020), and newer
ones, which add the alarm's actions, DatapointsToAlarm and AlarmConfigurationUpdatedTimestamp.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.loaders import create_loader

from simulator.aws.alarm_reasons import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.aws.cloudwatch import StateChange


def alarm_message(alarm: Mapping[str, Any], change: StateChange, region: str, account: str) -> dict[str, Any]:
    """Return the message about an alarm's change of state, to be serialized as JSON.

    Args:
        alarm: the alarm as DescribeAlarms returns it.
        change: the change of state.
        region: the region's code, for instance ``us-east-2``.
        account: the account's 12 digits.
    """
    updated = alarm["AlarmConfigurationUpdatedTimestamp"]
    return {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": timestamp(
            datetime.fromisoformat(updated) if isinstance(updated, str) else updated
        ),
        "NewStateValue": change.new_state,
        "NewStateReason": change.reason,
        "StateChangeTime": timestamp(change.at),
        "Region": region_name(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": change.old_state,
        "OKActions": list(alarm.get("OKActions", [])),
        "AlarmActions": list(alarm.get("AlarmActions", [])),
        "InsufficientDataActions": list(alarm.get("InsufficientDataActions", [])),
        "Trigger": _trigger(alarm),
    }


def alarm_subject(change: StateChange, region: str) -> str:
    """Return the message's subject line."""
    return f'{change.new_state}: "{change.alarm_name}" in {region_name(region)}'


@cache
def region_name(region: str) -> str:
    """Return a region's display name, for instance ``US East (Ohio)``, or its code if botocore has no name for it."""
    for partition in create_loader().load_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            name: str = partition["regions"][region]["description"]
            return name
    return region


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    conditions = {
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    if alarm.get("Metrics"):
        metrics = [_metric_query(query) for query in alarm["Metrics"]]
        period = next(query["MetricStat"]["Period"] for query in metrics if "MetricStat" in query)
        return {"Period": period, **conditions, "Metrics": metrics}
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "StatisticType": "Statistic",
        "Statistic": alarm["Statistic"].upper(),
        "Unit": alarm.get("Unit"),
        "Dimensions": _dimensions(alarm),
        "Period": alarm["Period"],
        **conditions,
    }


def _metric_query(query: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in query:
        return dict(query)
    metric = query["MetricStat"]["Metric"]
    return {**query, "MetricStat": {**query["MetricStat"], "Metric": {**metric, "Dimensions": _dimensions(metric)}}}


def _dimensions(metric: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a metric's dimensions in the form of messages, with keys in lower case."""
    return [{"value": dimension["Value"], "name": dimension["Name"]} for dimension in metric.get("Dimensions") or ()]
