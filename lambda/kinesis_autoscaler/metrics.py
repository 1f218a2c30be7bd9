"""The stream's raw metrics, by the minute or over days in longer periods, and the gaps that CloudWatch left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .model import (
    SHARD_READ_BYTES_PER_SECOND,
    SHARD_WRITE_BYTES_PER_SECOND,
    SHARD_WRITE_RECORDS_PER_SECOND,
    FanOutConsumer,
    Minute,
    Period,
    Telemetry,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMESPACE = "AWS/Kinesis"
_METRICS = {
    "incomingBytes": ("IncomingBytes", "Sum"),
    "incomingRecords": ("IncomingRecords", "Sum"),
    "readBytes": ("GetRecords.Bytes", "Sum"),
    "throttledRecords": ("WriteProvisionedThroughputExceeded", "Sum"),
    "iteratorAge": ("GetRecords.IteratorAgeMilliseconds", "Maximum"),
}
_WRITES = ("incomingBytes", "incomingRecords")
QUERIES_AT_ONCE = 500
"""The limits of one GetMetricData call (API Reference)."""

_Series = dict[str, dict[int, float]]
"""The datapoints of each query by minute, counted from the epoch."""


@dataclass(frozen=True, slots=True)
class Days:
    """The requested periods of the last days: those that began after one time and ended before another."""

    since: datetime
    until: datetime
    period: timedelta
    with_reads: bool


class Metrics:
    """Reads the traffic from CloudWatch."""

    def __init__(self, cloudwatch: CloudWatchClient) -> None:
        """Use this client."""
        self._cloudwatch = cloudwatch

    def telemetry(
        self,
        stream_name: str,
        *,
        since: datetime,
        until: datetime,
        fan_out: Sequence[str] = (),
        days: Days | None = None,
    ) -> Telemetry:
        """Every full minute between two times. A minute or a metric without a datapoint is None, never zero.

        Args:
            stream_name: The stream.
            since: The first minute.
            until: The end.
            fan_out: Names of its consumers with enhanced fan-out.
            days: The last days, if they are needed too. The same call reads them at no cost: GetMetricData is charged
                by metric (CloudWatch pricing), and a week of a metric costs as much as an hour.
        """
        consumers = {f"fanOut{number}": name for number, name in enumerate(fan_out)}
        queries = [*_stream_queries(stream_name, _METRICS)]
        for query_id, consumer in consumers.items():
            dimensions = {"StreamName": stream_name, "ConsumerName": consumer}
            queries.append(_query(query_id, "SubscribeToShardEvent.MillisBehindLatest", "Maximum", dimensions))
        series, incomplete = self._series(queries, min(since, days.since) if days else since, until)
        return Telemetry(
            minutes=_points(series, since, until),
            incomplete=incomplete,
            days=_periods(series, days) if days else (),
            fan_out=tuple(
                FanOutConsumer(
                    consumer,
                    tuple(
                        (_moment(number), timedelta(milliseconds=lag))
                        for number, lag in sorted(series.get(query_id, {}).items())
                    ),
                )
                for query_id, consumer in consumers.items()
            ),
        )

    def days(self, stream_name: str, days: Days) -> Telemetry:
        """Only the last days: the metrics of accepted traffic and, for reads, of the bytes read.

        Throttled records are left out: they would not make the demand of past days any clearer.
        """
        names = [*_WRITES, "readBytes"] if days.with_reads else _WRITES
        series, incomplete = self._series(_stream_queries(stream_name, names), days.since, days.until)
        return Telemetry(days=_periods(series, days), incomplete=incomplete)

    def throttled_minutes(self, stream_name: str, *, since: datetime, until: datetime) -> int:
        """The number of minutes between two times in which records were throttled."""
        queries = _stream_queries(stream_name, ["throttledRecords"])
        series, _ = self._series(queries, since, until)
        return sum(value > 0 for value in series.get("throttledRecords", {}).values())

    def totals(
        self, stream_name: str, wanted: Sequence[tuple[str, str | None]], *, since: datetime, until: datetime
    ) -> dict[tuple[str, str | None], float]:
        """Sums over a time range, by metric and shard ID; None stands for the whole stream.

        Metrics without a datapoint are left out.
        """
        queries = []
        for number, (metric, shard) in enumerate(wanted):
            dimensions = {"StreamName": stream_name, **({"ShardId": shard} if shard else {})}
            queries.append(_query(f"total{number}", metric, "Sum", dimensions))
        totals: dict[tuple[str, str | None], float] = {}
        for first in range(0, len(queries), QUERIES_AT_ONCE):
            series, _ = self._series(queries[first : first + QUERIES_AT_ONCE], since, until)
            totals |= {
                wanted[int(name.removeprefix("total"))]: sum(values.values())
                for name, values in series.items()
                if values
            }
        return totals

    def delivered(self, stream_names: Sequence[str], *, since: datetime, until: datetime) -> frozenset[datetime]:
        """The minutes between two times in which CloudWatch has traffic metrics of any of these streams."""
        queries = [
            _query(f"other{number}", "IncomingRecords", "Sum", {"StreamName": name})
            for number, name in enumerate(stream_names)
        ]
        series = self._series(queries, since, until)[0] if queries else {}
        return frozenset(_moment(number) for values in series.values() for number in values)

    def _series(self, queries: list[Any], since: datetime, until: datetime) -> tuple[_Series, tuple[str, ...]]:
        """The datapoints by query, and the metrics that are incomplete even after a second request.

        GetMetricData answers 200 with a StatusCode for each metric. Only Complete means that missing datapoints do not
        exist (CloudWatch API Reference).
        """
        series, open_ids = self._ask(queries, since, until)
        if open_ids:
            again, open_ids = self._ask([q for q in queries if q["Id"] in open_ids], since, until)
            for query_id, values in again.items():
                series.setdefault(query_id, {}).update(values)
        names = {query["Id"]: query["MetricStat"]["Metric"]["MetricName"] for query in queries}
        return series, tuple(names[query_id] for query_id in names if query_id in open_ids)

    def _ask(self, queries: list[Any], since: datetime, until: datetime) -> tuple[_Series, frozenset[str]]:
        series: _Series = {}
        status: dict[str, str] = dict.fromkeys((query["Id"] for query in queries), "missing")
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=_beginning(since),
            EndTime=_beginning(until),
            ScanBy="TimestampAscending",
        )
        times: list[datetime] = []
        numbers: list[int] = []
        for page in pages:
            for result in page["MetricDataResults"]:
                if result["Timestamps"] != times:  # most metrics of a stream have the same
                    times = result["Timestamps"]
                    numbers = [_number(at) for at in times]
                series.setdefault(result["Id"], {}).update(zip(numbers, result["Values"], strict=True))
                status[result["Id"]] = result.get("StatusCode", "Complete")
        return series, frozenset(query_id for query_id, code in status.items() if code != "Complete")


def _points(series: _Series, since: datetime, until: datetime) -> tuple[Minute, ...]:
    numbers = range(_number(since), _number(until))
    each = zip(numbers, *(map(series.get(name, {}).get, numbers) for name in _METRICS), strict=True)
    return tuple(
        Minute(
            at=_moment(number),
            incoming_bytes=in_bytes,
            incoming_records=in_records,
            read_bytes=read_bytes,
            throttled_records=throttled,
            iterator_age=None if age is None else timedelta(milliseconds=age),
        )
        for number, in_bytes, in_records, read_bytes, throttled, age in each
    )


def _periods(series: _Series, days: Days) -> tuple[Period, ...]:
    """The demand of each full period. A minute with traffic and a missing metric makes its period unknown."""
    since, length = _beginning(days.since, days.period), days.period // _MINUTE
    count, first = (days.until - since) // days.period, _number(since)
    in_bytes, in_records = (series.get(name, {}) for name in _WRITES)
    read_bytes = series.get("readBytes", {}) if days.with_reads else {}
    lost = {(number - first) // length for number in in_bytes.keys() ^ in_records.keys()}
    numbers = range(first, first + count * length)
    demand = [
        None
        if written is None or records is None
        else max(
            written / (60 * SHARD_WRITE_BYTES_PER_SECOND),
            records / (60 * SHARD_WRITE_RECORDS_PER_SECOND),
            (read or 0.0) / (60 * SHARD_READ_BYTES_PER_SECOND),
        )
        for written, records, read in zip(
            *(map(values.get, numbers) for values in (in_bytes, in_records, read_bytes)), strict=True
        )
    ]
    periods = []
    for n in range(count):
        known = [shards for shards in demand[n * length : (n + 1) * length] if shards is not None]
        at = since + n * days.period
        periods.append(Period(at, max(known), sum(known) / length) if known and n not in lost else Period(at))
    return tuple(periods)


def _number(moment: datetime) -> int:
    """The minute that contains a time, counted from the epoch. Numbers are faster than times in sets of a week."""
    return int(moment.timestamp() // 60)


def _moment(number: int) -> datetime:
    """The start of a minute."""
    return _EPOCH + number * _MINUTE


def _beginning(moment: datetime, period: timedelta = _MINUTE) -> datetime:
    """The start of the period that contains a time, counted from the epoch."""
    return moment - (moment - _EPOCH) % period


def _stream_queries(stream_name: str, query_ids: Iterable[str]) -> list[dict[str, Any]]:
    return [_query(query_id, *_METRICS[query_id], {"StreamName": stream_name}) for query_id in query_ids]


def _query(query_id: str, metric: str, stat: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": _NAMESPACE,
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": _MINUTE // timedelta(seconds=1),
            "Stat": stat,
        },
        "ReturnData": True,
    }
