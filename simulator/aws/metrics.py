"""CloudWatch's metric store: datapoints by the minute, and GetMetricData.

Sources: Amazon CloudWatch API Reference, GetMetricData; Amazon CloudWatch User Guide, "Metrics retention".
"""

from __future__ import annotations

import math
import sys
from array import array
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from botocore.utils import parse_to_aware_datetime

from simulator.aws import metric_math

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MINUTE = 60
"""Seconds."""

MetricKey: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name and sorted dimensions: what makes a metric unique."""

_DEFAULT_MAX_DATAPOINTS = 100_800
_MAX_QUERIES = 500

# How long CloudWatch keeps datapoints, by the shortest period they are kept for.
_RETENTION = (
    (3600, timedelta(days=455)),
    (300, timedelta(days=63)),
    (60, timedelta(days=15)),
)


class UnsupportedRequestError(ValueError):
    """The request is invalid, or asks for something that this simulator does not model."""


class MetricStore:
    """The datapoints of every metric.

    A datapoint becomes visible `delay_seconds` after its minute has ended. How late the metrics of Kinesis really are
    is not documented; the people who scale streams by them speak of a minute.

    Attributes:
        delay_seconds: how late metrics are.
        revision: changes whenever the past is rewritten: when a datapoint is put into a period that `aggregate` has
            already answered for. Whoever caches aggregates discards them then.
    """

    def __init__(self, delay_seconds: int = 60) -> None:
        """Start without any datapoint."""
        self.delay_seconds = delay_seconds
        self.revision = 0
        self._series: dict[MetricKey, _Minutes] = {}
        self._answered_until = 0

    def put(
        self,
        namespace: str,
        metric_name: str,
        dimensions: Mapping[str, str],
        timestamp: datetime,
        *,
        sum: float,  # noqa: A002 - CloudWatch's name for it
        sample_count: float = 1,
        minimum: float | None = None,
        maximum: float | None = None,
    ) -> None:
        """Add a statistic set to the minute in which `timestamp` lies, as PutMetricData does.

        Minimum and maximum default to the mean of the samples. What the minute already holds is added to.
        """
        if sample_count <= 0:
            raise ValueError("a datapoint has at least one sample")
        mean = sum / sample_count
        minute = _seconds(timestamp) // MINUTE
        key = metric_key(namespace, metric_name, dimensions)
        if (minutes := self._series.get(key)) is None:
            minutes = self._series[key] = _Minutes(minute)
        minutes.add(
            minute, sum, sample_count, mean if minimum is None else minimum, mean if maximum is None else maximum
        )
        if minute * MINUTE < self._answered_until:
            self.revision += 1

    def keys(self) -> Iterable[MetricKey]:
        """Return every metric that there is."""
        return self._series.keys()

    def horizon(self, now: datetime) -> int:
        """Return the epoch second up to which datapoints are visible at `now`: a full minute."""
        return (_seconds(now) - self.delay_seconds) // MINUTE * MINUTE

    def aggregate(self, key: MetricKey, stat: str, start: int, period_seconds: int, horizon: int) -> float | None:
        """Return a statistic of the period that starts at epoch second `start`, a full minute; None if it is missing.

        Only what is visible up to `horizon` counts. The period need not be aligned.
        """
        end = min(start + period_seconds, horizon)
        self._answered_until = max(self._answered_until, end)
        minutes = self._series.get(key)
        return None if minutes is None else minutes.aggregate(stat, start // MINUTE, end // MINUTE)

    def aggregates(self, key: MetricKey, stat: str, starts: range, horizon: int) -> list[tuple[int, float]]:
        """Return what `aggregate` does for many periods, one after another, as (start, value); missing ones are not in.

        `starts` are the starts of the periods; its step is their length.
        """
        if starts:
            self._answered_until = max(self._answered_until, min(starts[-1] + starts.step, horizon))
        minutes = self._series.get(key)
        return [] if minutes is None else minutes.aggregates(stat, starts, horizon // MINUTE)

    def series(
        self,
        namespace: str,
        metric_name: str,
        dimensions: Mapping[str, str],
        stat: str,
        period_seconds: int,
        start: datetime,
        end: datetime,
        *,
        now: datetime | None = None,
    ) -> dict[datetime, float]:
        """Return the datapoints of a metric by the start of their period; a missing datapoint is an absent key.

        Periods are aligned to the epoch. The first one is that in which `start` lies, the last one starts before `end`.

        Args:
            namespace: for instance ``AWS/Kinesis``.
            metric_name: for instance ``IncomingBytes``.
            dimensions: all of the metric's dimensions.
            stat: Sum, Average, Minimum, Maximum or SampleCount.
            period_seconds: a multiple of 60.
            start: inclusive.
            end: exclusive.
            now: what is not visible yet at this moment is left out; None shows everything.
        """
        check_stat(stat)
        check_period(period_seconds)
        starts = _periods(_seconds(start), _seconds(end), period_seconds)
        horizon = starts.stop + period_seconds if now is None else self.horizon(now)
        points = self.aggregates(metric_key(namespace, metric_name, dimensions), stat, starts, horizon)
        return {datetime.fromtimestamp(moment, UTC): value for moment, value in points}

    def get_metric_data(self, request: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Answer a GetMetricData request, both as boto3 has them.

        Metric queries and expressions, ScanBy, MaxDatapoints and NextToken are modelled. As in CloudWatch, the newest
        period may be only partly filled, datapoints older than CloudWatch keeps them for the period are gone, and a
        request with expressions is answered on one page.

        Raises:
            UnsupportedRequestError: the request is invalid or asks for something that is not modelled.
            UnsupportedExpressionError: an expression is.
        """
        queries: Sequence[Mapping[str, Any]] = request["MetricDataQueries"]
        if not 0 < len(queries) <= _MAX_QUERIES:
            raise UnsupportedRequestError(f"a request has 1 to {_MAX_QUERIES} queries, not {len(queries)}")
        program = MetricProgram(queries)
        start, end = (_seconds(parse_to_aware_datetime(request[name])) for name in ("StartTime", "EndTime"))
        descending = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        offset = int(request.get("NextToken") or 0)
        paged = not any("Expression" in query for query in queries)
        room = int(request.get("MaxDatapoints") or _DEFAULT_MAX_DATAPOINTS) if paged else sys.maxsize
        results, position = [], 0
        for query in queries:
            if not query.get("ReturnData", True):
                continue
            points = self._points(program, query["Id"], start, min(end, _seconds(now)), now)
            if descending:
                points.reverse()
            # A page is the next `room` datapoints of all results laid end to end.
            page = points[max(0, offset - position) : max(0, offset + room - position)]
            position += len(points)
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label") or _label(query),
                    "Timestamps": [datetime.fromtimestamp(moment, UTC) for moment, _ in page],
                    "Values": [value for _, value in page],
                    "StatusCode": "Complete" if position <= offset + room else "PartialData",
                }
            )
        response: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
        if position > offset + room:
            response["NextToken"] = str(offset + room)
        return response

    def _points(self, program: MetricProgram, id_: str, start: int, end: int, now: datetime) -> list[tuple[int, float]]:
        period = program.check_result(id_)
        kept = next(age for shortest, age in _RETENTION if period % shortest == 0)
        horizon = self.horizon(now)
        starts = _periods(max(start, _seconds(now - kept)), end, period)
        return program.values(id_, self, starts, horizon)


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric, a statistic of it and the length of its periods in seconds."""

    key: MetricKey
    stat: str
    period: int


class MetricProgram:
    """The queries of one alarm or one GetMetricData request, compiled: metrics to read, expressions to evaluate."""

    def __init__(self, queries: Sequence[Mapping[str, Any]]) -> None:
        """Compile queries as boto3 has them (MetricDataQueries, or an alarm's Metrics).

        Raises:
            UnsupportedRequestError: a query is invalid or not modelled.
            UnsupportedExpressionError: an expression is.
        """
        self._metrics: dict[str, _Metric] = {}
        self._expressions: dict[str, str] = {}
        for query in queries:
            id_ = query["Id"]
            if id_ in self._metrics or id_ in self._expressions:
                raise UnsupportedRequestError(f"two queries have the id {id_!r}")
            if query.get("Expression") is not None:
                self._expressions[id_] = query["Expression"]
            else:
                self._metrics[id_] = _metric(query["MetricStat"])
        self._operands = metric_math.compile_expressions(
            self._expressions, {id_: metric.period for id_, metric in self._metrics.items()}
        )

    @property
    def metric_count(self) -> int:
        """How many metrics are read."""
        return len(self._metrics)

    @property
    def expression_count(self) -> int:
        """How many expressions are evaluated."""
        return len(self._expressions)

    def check_result(self, id_: str) -> int:
        """Return the period in seconds of a query that returns data.

        Raises:
            UnsupportedRequestError: the query yields a scalar, which CloudWatch refuses as a final result, or an array
                of series or a mixture of periods, which are not modelled.
        """
        if id_ in self._metrics:
            return self._metrics[id_].period
        operand = self._operands[id_]
        if not callable(operand):
            kind = "an array of time series" if isinstance(operand, list) else "a scalar"
            raise UnsupportedRequestError(f"the result of {id_!r} is {kind}, not a single time series")
        periods = {metric.period for metric in self._metrics.values()}
        if len(periods) != 1:
            raise UnsupportedRequestError(f"for the expression {id_!r} all metrics must have one and the same period")
        return periods.pop()

    def value(self, id_: str, store: MetricStore, start: int, horizon: int) -> float | None:
        """Return the datapoint of a query that returns data, for the period that starts at epoch second `start`."""
        if (metric := self._metrics.get(id_)) is not None:
            return store.aggregate(metric.key, metric.stat, start, metric.period, horizon)
        operand = self._operands[id_]
        assert callable(operand), "check_result comes first"
        return operand(
            {
                id_: store.aggregate(metric.key, metric.stat, start, metric.period, horizon)
                for id_, metric in self._metrics.items()
            }
        )

    def values(self, id_: str, store: MetricStore, starts: range, horizon: int) -> list[tuple[int, float]]:
        """Return the datapoints that `value` finds for many periods, as (start, value)."""
        if (metric := self._metrics.get(id_)) is not None:
            return store.aggregates(metric.key, metric.stat, starts, horizon)
        points = ((start, self.value(id_, store, start, horizon)) for start in starts)
        return [(start, value) for start, value in points if value is not None]


def _metric(metric_stat: Mapping[str, Any]) -> _Metric:
    if metric_stat.get("Unit"):
        raise UnsupportedRequestError("a query for one unit only is not modelled")
    check_stat(metric_stat["Stat"])
    check_period(metric_stat["Period"])
    metric = metric_stat["Metric"]
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions") or ()}
    return _Metric(
        metric_key(metric["Namespace"], metric["MetricName"], dimensions), metric_stat["Stat"], metric_stat["Period"]
    )


class _Minutes:
    """The minutes of one metric, in columns: sum, number of samples, minimum, maximum.

    An absent minute is the neutral element of each column, so that aggregating needs no special case.
    """

    _NEUTRAL = (0.0, 0.0, math.inf, -math.inf)

    def __init__(self, first: int) -> None:
        self._first = first
        self._columns = [array("d") for _ in self._NEUTRAL]

    def add(self, minute: int, total: float, samples: float, minimum: float, maximum: float) -> None:
        index = self._room_for(minute)
        sums, counts, minima, maxima = self._columns
        sums[index] += total
        counts[index] += samples
        minima[index] = min(minima[index], minimum)
        maxima[index] = max(maxima[index], maximum)

    def _room_for(self, minute: int) -> int:
        before, after = self._first - minute, minute - self._first + 1 - len(self._columns[0])
        for column, neutral in zip(self._columns, self._NEUTRAL, strict=True):
            if before > 0:
                column[:0] = array("d", [neutral]) * before
            if after > 0:
                column.extend([neutral] * after)
        self._first = min(self._first, minute)
        return minute - self._first

    def aggregates(self, stat: str, starts: range, end: int) -> list[tuple[int, float]]:
        """Return a statistic of each period in which there is data before the minute `end`; `starts` are seconds."""
        length = starts.step // MINUTE
        end = min(end, self._first + len(self._columns[0]))
        # Of periods that end before the first minute or start after the last there is nothing to say.
        before = max(0, self._first - starts.start // MINUTE) // length
        after = max(0, -((starts.start // MINUTE - end) // length))
        starts = starts[before:after]
        if not starts:
            return []
        first, size = starts[0] // MINUTE, len(starts) * length
        folded = []
        for column, neutral in zip(self._columns, self._NEUTRAL, strict=True):
            known = column[max(0, first - self._first) : max(0, min(end, first + size) - self._first)]
            lead = max(0, self._first - first)
            minutes = np.full(size, neutral)
            minutes[lead : lead + len(known)] = known
            folded.append(minutes.reshape(len(starts), length))
        present = np.flatnonzero(folded[1].sum(axis=1))
        sums, counts, minima, maxima = (column[present] for column in folded)
        match stat:
            case "Sum":
                values = sums.sum(axis=1)
            case "Average":
                values = sums.sum(axis=1) / counts.sum(axis=1)
            case "Minimum":
                values = minima.min(axis=1)
            case "Maximum":
                values = maxima.max(axis=1)
            case _:
                values = counts.sum(axis=1)
        return [(starts[index], value) for index, value in zip(present.tolist(), values.tolist(), strict=True)]

    def aggregate(self, stat: str, first: int, end: int) -> float | None:
        """Return a statistic of the minutes from `first` up to, not including, `end`."""
        part = slice(max(0, first - self._first), max(0, end - self._first))
        sums, counts, minima, maxima = self._columns
        samples = sum(counts[part])
        if not samples:
            return None
        match stat:
            case "Sum":
                return sum(sums[part])
            case "Average":
                return sum(sums[part]) / samples
            case "Minimum":
                return min(minima[part])
            case "Maximum":
                return max(maxima[part])
            case _:
                return samples


def metric_key(namespace: str, metric_name: str, dimensions: Mapping[str, str]) -> MetricKey:
    """Return the key under which a metric is stored."""
    return namespace, metric_name, tuple(sorted(dimensions.items()))


def check_stat(stat: str) -> None:
    """Refuse a statistic that is not modelled, such as a percentile."""
    if stat not in {"Sum", "Average", "Minimum", "Maximum", "SampleCount"}:
        raise UnsupportedRequestError(f"the statistic {stat!r} is not modelled")


def check_period(period_seconds: int) -> None:
    """Refuse a period that is not a multiple of a minute."""
    if period_seconds <= 0 or period_seconds % MINUTE:
        raise UnsupportedRequestError(f"the period {period_seconds} s is not modelled: it must be a multiple of 60")


def _periods(start: int, end: int, period: int) -> range:
    return range(start // period * period, end, period)


def _seconds(moment: datetime) -> int:
    return math.floor(moment.timestamp())


def _label(query: Mapping[str, Any]) -> str:
    name: str = query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"]
    return name
