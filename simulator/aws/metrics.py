"""CloudWatch's metric store: datapoints by the minute."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from simulator.aws.assumptions import ASSUMED
from simulator.aws.metric_columns import MINUTE, MinuteColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MetricKey: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name and sorted dimensions, which identify a metric."""


class UnsupportedRequestError(ValueError):
    """The request is invalid or not modelled."""


class MetricStore:
    """The datapoints of every metric.

    A datapoint becomes visible `delay_seconds` after the end of its minute. AWS does not document the delay of Kinesis
    metrics. People who scale streams by them report about a minute.

    Attributes:
        delay_seconds: the delay of metrics.
        revision: changes when the past is rewritten, that is, when a datapoint is put into a period that `aggregate`
            has already returned. A cache of aggregates is then invalid.
    """

    def __init__(self, delay_seconds: int = ASSUMED.metric_delay_seconds) -> None:
        """Start without any datapoint."""
        self.delay_seconds = delay_seconds
        self.revision = 0
        self._series: dict[MetricKey, MinuteColumns] = {}
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
        """Add a statistic set to the minute that contains `timestamp`, as PutMetricData does.

        Minimum and maximum default to the mean of the samples. The set is added to the existing samples of the minute.
        """
        if sample_count <= 0:
            raise ValueError("a datapoint has at least one sample")
        mean = sum / sample_count
        minute = epoch_seconds(timestamp) // MINUTE
        key = metric_key(namespace, metric_name, dimensions)
        if (minutes := self._series.get(key)) is None:
            minutes = self._series[key] = MinuteColumns(minute)
        minutes.add(
            minute, sum, sample_count, mean if minimum is None else minimum, mean if maximum is None else maximum
        )
        if minute * MINUTE < self._answered_until:
            self.revision += 1

    def keys(self) -> Iterable[MetricKey]:
        """Return every metric."""
        return self._series.keys()

    def horizon(self, now: datetime) -> int:
        """Return the epoch second up to which datapoints are visible at `now`: a full minute."""
        return (epoch_seconds(now) - self.delay_seconds) // MINUTE * MINUTE

    def aggregate(self, key: MetricKey, stat: str, start: int, period_seconds: int, horizon: int) -> float | None:
        """Return a statistic of the period that starts at epoch second `start`, a full minute. None if it is missing.

        Only datapoints that are visible up to `horizon` count. The period may be unaligned.
        """
        end = min(start + period_seconds, horizon)
        self._answered_until = max(self._answered_until, end)
        minutes = self._series.get(key)
        return None if minutes is None else minutes.aggregate(stat, start // MINUTE, end // MINUTE)

    def aggregates(self, key: MetricKey, stat: str, starts: range, horizon: int) -> tuple[Sequence[int], list[float]]:
        """Return the starts of consecutive periods, and the result of `aggregate` for each, without missing ones.

        `starts` contains the starts of the periods. Its step is their length.
        """
        if starts:
            self._answered_until = max(self._answered_until, min(starts[-1] + starts.step, horizon))
        minutes = self._series.get(key)
        return ([], []) if minutes is None else minutes.aggregates(stat, starts, horizon // MINUTE)

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
        """Return the datapoints of a metric by the start of their period. Missing datapoints are absent.

        Periods are aligned to the epoch. The first period contains `start`, and the last one starts before `end`.

        Args:
            namespace: for instance ``AWS/Kinesis``.
            metric_name: for instance ``IncomingBytes``.
            dimensions: all of the metric's dimensions.
            stat: Sum, Average, Minimum, Maximum or SampleCount.
            period_seconds: a multiple of 60.
            start: inclusive.
            end: exclusive.
            now: the time that determines which datapoints are visible; None shows all of them.
        """
        check_stat(stat)
        check_period(period_seconds)
        starts = periods_within(epoch_seconds(start), epoch_seconds(end), period_seconds)
        horizon = starts.stop + period_seconds if now is None else self.horizon(now)
        points = self.aggregates(metric_key(namespace, metric_name, dimensions), stat, starts, horizon)
        return {datetime.fromtimestamp(moment, UTC): value for moment, value in zip(*points, strict=True)}


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


def periods_within(start: int, end: int, period: int) -> range:
    """Return the starts of the aligned periods from the one that contains `start` to the last one before `end`."""
    return range(start // period * period, end, period)


def epoch_seconds(moment: datetime) -> int:
    """Return a moment in whole seconds since the epoch."""
    return math.floor(moment.timestamp())
