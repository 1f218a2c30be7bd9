"""GetMetricData, and the queries that it shares with alarms.

Sources: Amazon CloudWatch API Reference, GetMetricData; Amazon CloudWatch User Guide, "Metrics retention".
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from botocore.utils import parse_to_aware_datetime

from simulator.aws import metric_math
from simulator.aws.metric_columns import MINUTE
from simulator.aws.metrics import (
    MetricKey,
    MetricStore,
    UnsupportedRequestError,
    check_period,
    check_stat,
    epoch_seconds,
    metric_key,
    periods_within,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DEFAULT_MAX_DATAPOINTS = 100_800
_MAX_QUERIES = 500
_DAY = 24 * 3600
_FROM_WORST = ("Forbidden", "InternalError", "PartialData")

# How long CloudWatch keeps datapoints, by their shortest available period.
_RETENTION = (
    (3600, timedelta(days=455)),
    (300, timedelta(days=63)),
    (60, timedelta(days=15)),
)


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric, a statistic, and the length of the periods in seconds."""

    key: MetricKey
    stat: str
    period: int


class MetricProgram:
    """The queries of one alarm or one GetMetricData request, compiled: metrics to read, expressions to evaluate."""

    def __init__(self, queries: Sequence[Mapping[str, Any]]) -> None:
        """Compile queries in boto3's form (MetricDataQueries, or an alarm's Metrics).

        Raises:
            UnsupportedRequestError: a query is invalid or not modelled.
            UnsupportedExpressionError: an expression is invalid or not modelled.
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

    def keys(self) -> set[MetricKey]:
        """Return every metric that is read."""
        return {metric.key for metric in self._metrics.values()}

    def worst(self, id_: str, bad: Mapping[MetricKey, BadAnswer]) -> BadAnswer | None:
        """Return the worst of the bad answers that affect a query, or None."""
        read = {self._metrics[id_].key} if id_ in self._metrics else self.keys()
        answers = [bad[key] for key in read if key in bad]
        return min(answers, key=lambda answer: _FROM_WORST.index(answer.status), default=None)

    @property
    def metric_count(self) -> int:
        """The number of metrics that are read."""
        return len(self._metrics)

    @property
    def expression_count(self) -> int:
        """The number of expressions that are evaluated."""
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

    def values(self, id_: str, store: MetricStore, starts: range, horizon: int) -> tuple[Sequence[int], list[float]]:
        """Return the starts of the periods for which `value` finds a datapoint, and these datapoints."""
        if (metric := self._metrics.get(id_)) is not None:
            return store.aggregates(metric.key, metric.stat, starts, horizon)
        points = ((start, self.value(id_, store, start, horizon)) for start in starts)
        found = [(start, value) for start, value in points if value is not None]
        return [start for start, _ in found], [value for _, value in found]


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


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """A faulty answer of GetMetricData for a metric.

    Attributes:
        status: InternalError or Forbidden, which have no data, or PartialData, which has half of them.
        next_token: whether NextToken leads to the other half. Never with Forbidden or in a request with expressions.

    """

    status: str
    next_token: bool = False


def get_metric_data(
    store: MetricStore,
    request: Mapping[str, Any],
    now: datetime,
    bad_answer: Callable[[MetricKey], BadAnswer | None] = lambda _: None,
) -> dict[str, Any]:
    """Answer a GetMetricData request. Both have boto3's form.

    Metric queries and expressions, ScanBy, MaxDatapoints and NextToken are modelled. As in CloudWatch, the newest
    period may be incomplete, datapoints expire after the retention of their period, and a request with expressions is
    answered on one page.

    `bad_answer` returns the faulty answer for a metric, or None. It is called once for each metric of a request. A
    faulty answer for one metric of a request also applies to all expressions of the request, which is an assumption.

    Raises:
        UnsupportedRequestError: the request is invalid or not modelled.
        UnsupportedExpressionError: an expression is invalid or not modelled.
    """
    queries: Sequence[Mapping[str, Any]] = request["MetricDataQueries"]
    if not 0 < len(queries) <= _MAX_QUERIES:
        raise UnsupportedRequestError(f"a request has 1 to {_MAX_QUERIES} queries, not {len(queries)}")
    program = MetricProgram(queries)
    start, end = (epoch_seconds(parse_to_aware_datetime(request[name])) for name in ("StartTime", "EndTime"))
    descending = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    offset, owed = _read_token(request.get("NextToken"))
    paged = not any("Expression" in query for query in queries)
    bad = {key: answer for key in program.keys() if (answer := bad_answer(key)) is not None}  # noqa: SIM118 - no dict
    room = int(request.get("MaxDatapoints") or _DEFAULT_MAX_DATAPOINTS) if paged else sys.maxsize
    results, position, still_owed = [], 0, {}
    for query in queries:
        if not query.get("ReturnData", True):
            continue
        starts, values = _points(store, program, query["Id"], start, min(end, epoch_seconds(now)), now)
        if descending:
            starts, values = starts[::-1], values[::-1]
        # A page is the next `room` datapoints of all results in sequence.
        id_, first, last = query["Id"], max(0, offset - position), max(0, offset + room - position)
        first = owed.get(id_, first)
        position += len(values)
        status = "Complete" if position <= offset + room else "PartialData"
        if (answer := program.worst(id_, bad)) is not None:
            status, whole = answer.status, min(last, len(values))
            last = first + (whole - first) // 2 if status == "PartialData" else first
            if answer.next_token and paged and status != "Forbidden" and last < whole:
                still_owed[id_] = last
        results.append(
            {
                "Id": id_,
                "Label": query.get("Label") or _label(query),
                "Timestamps": _moments(starts[first:last], program.check_result(id_)),
                "Values": values[first:last],
                "StatusCode": status,
            }
        )
    response: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    if position > offset + room or still_owed:
        response["NextToken"] = json.dumps([offset + room, still_owed])
    return response


def _moments(starts: Sequence[int], period: int) -> list[datetime]:
    """Return the timestamps of datapoints, which are in ascending or in descending order."""
    if not starts:
        return []
    low, high = min(starts[0], starts[-1]), max(starts[0], starts[-1])
    minutes = chain.from_iterable(map(_minutes_of, range(low // _DAY, high // _DAY + 1)))
    first, last = low % _DAY // MINUTE, low % _DAY // MINUTE + (high - low) // MINUTE
    if len(starts) == (high - low) // period + 1:  # no datapoint is missing, as in most weeks
        every = list(islice(minutes, first, last + 1, period // MINUTE))
        return every if low == starts[0] else every[::-1]
    known = list(islice(minutes, first, last + 1))
    return [known[(start - low) // MINUTE] for start in starts]


@lru_cache(maxsize=64)
def _minutes_of(day: int) -> tuple[datetime, ...]:
    """Return the minutes of a day, counted from the epoch. The same days are requested many times."""
    midnight = datetime.fromtimestamp(day * _DAY, UTC)
    return tuple(midnight + timedelta(minutes=minute) for minute in range(_DAY // MINUTE))


def _read_token(token: str | None) -> tuple[int, dict[str, int]]:
    """Return the position in the sequence of all results, and the next datapoint of results that are behind it."""
    offset, owed = json.loads(token) if token else (0, {})
    return offset, owed


def _points(
    store: MetricStore, program: MetricProgram, id_: str, start: int, end: int, now: datetime
) -> tuple[Sequence[int], list[float]]:
    period = program.check_result(id_)
    kept = next(age for shortest, age in _RETENTION if period % shortest == 0)
    horizon = store.horizon(now)
    starts = periods_within(max(start, epoch_seconds(now - kept)), end, period)
    return program.values(id_, store, starts, horizon)


def _label(query: Mapping[str, Any]) -> str:
    name: str = query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"]
    return name
