"""The stream's raw metrics: minute by minute, or over days in longer periods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .model import Minute, Telemetry

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
        own = _query(_DELIVERIES, "AWS/Lambda", "Invocations", "Sum", "FunctionName", self._function_name, _MINUTE)
        queries = [*_stream_queries(stream_name, _MINUTE, _KINESIS_METRICS), own]
        values = self._values(queries, since, until, _MINUTE)
        return Telemetry(
            minutes=_points(values, since, until, _MINUTE), deliveries=tuple(sorted(values.get(_DELIVERIES, {})))
        )

    def days(self, stream_name: str, *, since: datetime, until: datetime, period: timedelta) -> tuple[Minute, ...]:
        """Every full period between two times, each as its mean minute; of iterator ages, the highest.

        Throttled records are left out: of past days, what was asked for is not known any better by them.
        """
        queries = _stream_queries(stream_name, period, ["incomingBytes", "incomingRecords", "readBytes", "iteratorAge"])
        return _points(self._values(queries, since, until, period), since, until, period)

    def _values(
        self, queries: list[Any], since: datetime, until: datetime, period: timedelta
    ) -> dict[str, dict[datetime, float]]:
        values: dict[str, dict[datetime, float]] = {}
        paginator = self._cloudwatch.get_paginator("get_metric_data")
        for page in paginator.paginate(
            MetricDataQueries=queries,
            StartTime=_beginning(since, period),
            EndTime=_beginning(until, period),
            ScanBy="TimestampAscending",
        ):
            for result in page["MetricDataResults"]:
                series = values.setdefault(result["Id"], {})
                series.update(zip(result["Timestamps"], result["Values"], strict=True))
        return values


def _points(
    values: Mapping[str, Mapping[datetime, float]], since: datetime, until: datetime, period: timedelta
) -> tuple[Minute, ...]:
    start, end = _beginning(since, period), _beginning(until, period)
    ages = values.get("iteratorAge", {})

    def per_minute(query_id: str, at: datetime) -> float | None:
        total = values.get(query_id, {}).get(at)
        return None if total is None else total * (_MINUTE / period)

    return tuple(
        Minute(
            at=at,
            incoming_bytes=per_minute("incomingBytes", at),
            incoming_records=per_minute("incomingRecords", at),
            read_bytes=per_minute("readBytes", at),
            throttled_records=per_minute("throttledRecords", at),
            iterator_age=timedelta(milliseconds=ages[at]) if at in ages else None,
        )
        for at in (start + n * period for n in range((end - start) // period))
    )


def _beginning(moment: datetime, period: timedelta) -> datetime:
    """The beginning of the period that a moment lies in, counted from the epoch."""
    return moment - (moment - _EPOCH) % period


def _stream_queries(stream_name: str, period: timedelta, query_ids: Iterable[str]) -> list[dict[str, Any]]:
    named = ((query_id, *_KINESIS_METRICS[query_id]) for query_id in query_ids)
    return [
        _query(query_id, "AWS/Kinesis", metric, stat, "StreamName", stream_name, period)
        for query_id, metric, stat in named
    ]


def _query(
    query_id: str, namespace: str, metric: str, stat: str, dimension: str, value: str, period: timedelta
) -> dict[str, Any]:
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": dimension, "Value": value}],
            },
            "Period": period // timedelta(seconds=1),
            "Stat": stat,
        },
        "ReturnData": True,
    }
