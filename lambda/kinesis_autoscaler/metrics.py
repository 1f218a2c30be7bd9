"""The stream's raw metrics, minute by minute, from one GetMetricData call."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .model import Minute, Telemetry

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_MINUTE = timedelta(minutes=1)
_KINESIS_METRICS = {
    "incomingBytes": ("IncomingBytes", "Sum"),
    "incomingRecords": ("IncomingRecords", "Sum"),
    "readBytes": ("GetRecords.Bytes", "Sum"),
    "throttledRecords": ("WriteProvisionedThroughputExceeded", "Sum"),
    "iteratorAge": ("GetRecords.IteratorAgeMilliseconds", "Maximum"),
}
_DELIVERIES = "deliveries"


class Metrics:
    """What CloudWatch knows of the traffic."""

    def __init__(self, cloudwatch: CloudWatchClient, *, function_name: str) -> None:
        """Use this client; `function_name`'s own Invocations prove that CloudWatch delivers."""
        self._cloudwatch = cloudwatch
        self._function_name = function_name

    def telemetry(self, stream_name: str, *, since: datetime, until: datetime) -> Telemetry:
        """Every full minute between two times; a minute or a metric without a datapoint is None, never zero."""
        start, end = since.replace(second=0, microsecond=0), until.replace(second=0, microsecond=0)
        values: dict[str, dict[datetime, float]] = {}
        paginator = self._cloudwatch.get_paginator("get_metric_data")
        for page in paginator.paginate(
            MetricDataQueries=self._queries(stream_name), StartTime=start, EndTime=end, ScanBy="TimestampAscending"
        ):
            for result in page["MetricDataResults"]:
                series = values.setdefault(result["Id"], {})
                series.update(zip(result["Timestamps"], result["Values"], strict=True))
        ages = values.get("iteratorAge", {})
        minutes = tuple(
            Minute(
                at=at,
                incoming_bytes=values.get("incomingBytes", {}).get(at),
                incoming_records=values.get("incomingRecords", {}).get(at),
                read_bytes=values.get("readBytes", {}).get(at),
                throttled_records=values.get("throttledRecords", {}).get(at),
                iterator_age=timedelta(milliseconds=ages[at]) if at in ages else None,
            )
            for at in (start + n * _MINUTE for n in range(int((end - start) / _MINUTE)))
        )
        return Telemetry(minutes=minutes, deliveries=tuple(sorted(values.get(_DELIVERIES, {}))))

    def _queries(self, stream_name: str) -> Any:  # noqa: ANN401 - a list of MetricDataQuery
        queries = [
            _query(query_id, "AWS/Kinesis", metric, stat, "StreamName", stream_name)
            for query_id, (metric, stat) in _KINESIS_METRICS.items()
        ]
        return [*queries, _query(_DELIVERIES, "AWS/Lambda", "Invocations", "Sum", "FunctionName", self._function_name)]


def _query(query_id: str, namespace: str, metric: str, stat: str, dimension: str, value: str) -> dict[str, Any]:
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": dimension, "Value": value}],
            },
            "Period": 60,
            "Stat": stat,
        },
        "ReturnData": True,
    }
