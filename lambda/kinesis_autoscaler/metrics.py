"""The stream's raw metrics, by the minute or over days in longer periods, and the gaps that CloudWatch left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice, repeat
from operator import add, ge
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
"""The metrics of a `Minute`, in the order of its fields: each one's query ID, name and statistic."""
_WRITES = ("incomingBytes", "incomingRecords")
_BYTES_A_MINUTE = 60 * SHARD_WRITE_BYTES_PER_SECOND
_RECORDS_A_MINUTE = 60 * SHARD_WRITE_RECORDS_PER_SECOND
_READ_BYTES_A_MINUTE = 60 * SHARD_READ_BYTES_PER_SECOND
QUERIES_AT_ONCE = 500
"""The limits of one GetMetricData call (API Reference)."""

_Column = list[float | None]
"""The datapoint of each requested minute; None for a minute without one."""


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
        first = min(since, days.since) if days else since
        columns, incomplete = self._columns(queries, first, until)
        return Telemetry(
            minutes=_points(columns, first, since, until),
            incomplete=incomplete,
            days=_periods(columns, first, days) if days else (),
            fan_out=tuple(
                FanOutConsumer(
                    consumer,
                    tuple((at, timedelta(milliseconds=lag)) for at, lag in _datapoints(columns[query_id], first)),
                )
                for query_id, consumer in consumers.items()
            ),
        )

    def days(self, stream_name: str, days: Days) -> Telemetry:
        """Only the last days: the metrics of accepted traffic and, for reads, of the bytes read.

        Throttled records are left out: they would not make the demand of past days any clearer.
        """
        names = [*_WRITES, "readBytes"] if days.with_reads else _WRITES
        columns, incomplete = self._columns(_stream_queries(stream_name, names), days.since, days.until)
        return Telemetry(days=_periods(columns, days.since, days), incomplete=incomplete)

    def throttled_minutes(self, stream_name: str, *, since: datetime, until: datetime) -> int:
        """The number of minutes between two times in which records were throttled."""
        columns, _ = self._columns(_stream_queries(stream_name, ["throttledRecords"]), since, until)
        return sum(value > 0 for value in columns["throttledRecords"] if value is not None)

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
            columns, _ = self._columns(queries[first : first + QUERIES_AT_ONCE], since, until)
            for name, column in columns.items():
                if values := [value for value in column if value is not None]:
                    totals[wanted[int(name.removeprefix("total"))]] = sum(values)
        return totals

    def delivered(self, stream_names: Sequence[str], *, since: datetime, until: datetime) -> frozenset[datetime]:
        """The minutes between two times in which CloudWatch has traffic metrics of any of these streams."""
        queries = [
            _query(f"other{number}", "IncomingRecords", "Sum", {"StreamName": name})
            for number, name in enumerate(stream_names)
        ]
        columns = self._columns(queries, since, until)[0] if queries else {}
        return frozenset(at for column in columns.values() for at, _ in _datapoints(column, since))

    def _columns(
        self, queries: list[Any], since: datetime, until: datetime
    ) -> tuple[dict[str, _Column], tuple[str, ...]]:
        """The datapoints by query, and the metrics that are incomplete even after a second request.

        GetMetricData answers 200 with a StatusCode for each metric. Only Complete means that missing datapoints do not
        exist (CloudWatch API Reference).
        """
        columns, open_ids = self._ask(queries, since, until)
        if open_ids:
            again, open_ids = self._ask([q for q in queries if q["Id"] in open_ids], since, until)
            for query_id, column in again.items():
                both = zip(columns[query_id], column, strict=True)
                columns[query_id] = [first if second is None else second for first, second in both]
        names = {query["Id"]: query["MetricStat"]["Metric"]["MetricName"] for query in queries}
        return columns, tuple(names[query_id] for query_id in names if query_id in open_ids)

    def _ask(self, queries: list[Any], since: datetime, until: datetime) -> tuple[dict[str, _Column], frozenset[str]]:
        first, last = _number(since), _number(until)
        columns: dict[str, _Column] = {query["Id"]: [None] * (last - first) for query in queries}
        status: dict[str, str] = dict.fromkeys(columns, "missing")
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=_beginning(since),
            EndTime=_beginning(until),
            ScanBy="TimestampAscending",
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                _fill(columns[result["Id"]], first, result["Timestamps"], result["Values"])
                status[result["Id"]] = result.get("StatusCode", "Complete")
        return columns, frozenset(query_id for query_id, code in status.items() if code != "Complete")


def _fill(column: _Column, first: int, times: Sequence[datetime], values: Sequence[float]) -> None:
    """Set the minutes of these datapoints in a column that begins at the minute `first`."""
    if not times:
        return
    begin, end = _number(times[0]) - first, _number(times[-1]) - first + 1
    if begin >= 0 and end <= len(column) and end - begin == len(times) == len(values):
        column[begin:end] = values  # no minute is missing, as in most weeks, which have 10,080
        return
    for at, value in zip(times, values, strict=True):
        if 0 <= (index := _number(at) - first) < len(column):
            column[index] = value


def _datapoints(column: _Column, since: datetime) -> Iterator[tuple[datetime, float]]:
    """The datapoints of a column that begins at a time, with their times."""
    first = _number(since)
    return ((_moment(first + n), value) for n, value in enumerate(column) if value is not None)


def _part(column: _Column, begin: int, end: int) -> _Column:
    """A part of a column that may begin before it."""
    return [*[None] * -begin, *column[:end]] if begin < 0 else column[begin:end]


def _points(columns: Mapping[str, _Column], first: datetime, since: datetime, until: datetime) -> tuple[Minute, ...]:
    begin, end = _number(since) - _number(first), _number(until) - _number(first)
    columns = {name: _part(columns[name], begin, end) for name in _METRICS}
    ages = [None if age is None else timedelta(milliseconds=age) for age in columns.pop("iteratorAge")]
    times = _times(_beginning(since), _MINUTE, end - begin)
    return tuple(map(Minute._make, zip(times, *columns.values(), ages, strict=True)))


def _periods(columns: Mapping[str, _Column], first: datetime, days: Days) -> tuple[Period, ...]:
    """The demand of each full period. A minute with traffic and a missing metric makes its period unknown."""
    since, length = _beginning(days.since, days.period), days.period // _MINUTE
    count, begin = (days.until - since) // days.period, _number(since) - _number(first)
    end = begin + count * length
    in_bytes, in_records = (_part(columns[name], begin, end) for name in _WRITES)
    demand = _demand(in_bytes, in_records)
    if days.with_reads:
        demand = [
            shards if shards is None or read is None else max(shards, read / _READ_BYTES_A_MINUTE)
            for shards, read in zip(demand, _part(columns["readBytes"], begin, end), strict=True)
        ]
    each = zip(_times(since, days.period, count), zip(*[iter(demand)] * length, strict=True), strict=True)
    if None not in demand:
        return tuple(Period(at, max(shards), sum(shards) / length) for at, shards in each)
    both = zip(in_bytes, in_records, strict=True)
    lost = {n // length for n, (written, records) in enumerate(both) if (written is None) != (records is None)}
    known = ((at, [shards for shards in minutes if shards is not None]) for at, minutes in each)
    return tuple(
        Period(at, max(shards), sum(shards) / length) if shards and n not in lost else Period(at)
        for n, (at, shards) in enumerate(known)
    )


def _demand(in_bytes: _Column, in_records: _Column) -> Sequence[float | None]:
    """The demand of each minute in shards: the larger of bytes and records, of which both must be known."""
    by_bytes = [value / _BYTES_A_MINUTE for value in in_bytes if value is not None]
    by_records = [value / _RECORDS_A_MINUTE for value in in_records if value is not None]
    if min(len(by_bytes), len(by_records)) < len(in_bytes):
        return [
            None if written is None or records is None else max(written / _BYTES_A_MINUTE, records / _RECORDS_A_MINUTE)
            for written, records in zip(in_bytes, in_records, strict=True)
        ]
    # Most streams fill their shards by the same metric all week. That is seen sooner than the maximum of each minute.
    if all(map(ge, by_bytes, by_records)):
        return by_bytes
    return by_records if all(map(ge, by_records, by_bytes)) else list(map(max, by_bytes, by_records))


def _times(first: datetime, step: timedelta, count: int) -> Iterator[datetime]:
    """This many times, from the first in steps. Adding a step is faster than to calculate a time from its number."""
    return islice(accumulate(repeat(step), add, initial=first), count)


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
