"""Creates the minutes of a trace from the series of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE, SHARD_RECORDS_PER_MINUTE
from simulator.traffic.model import MOST_SHARDS, TraceError
from simulator.traffic.names import Metric
from simulator.traffic.ordering import ordered
from simulator.traffic.periods import on_grid, period_of
from simulator.traffic.series import Choice, Series, unique
from simulator.traffic.timestamps import MINUTE, SECOND, shown

Numbers = NDArray[np.float64]

_OF_A_SHARD = {Metric.BYTES: SHARD_BYTES_PER_MINUTE, Metric.RECORDS: SHARD_RECORDS_PER_MINUTE}


@dataclass(frozen=True)
class Minutes:
    """The values of each metric per minute.

    Attributes:
        start: the first minute, in microseconds since 1970.
        of: the numbers per minute: totals, or rates if the unit is unknown.
        is_known: whether the number of a minute is known.
        notes: how the numbers were processed.

    """

    start: int
    of: Mapping[Metric, Numbers]
    is_known: Mapping[Metric, NDArray[np.bool_]]
    notes: Sequence[str]


def minutes(choice: Choice, where: str, period_seconds: int | None = None) -> Minutes:
    """Return every minute from the first number to the last.

    Numbers for less than a minute are added up. Numbers for longer periods are spread evenly. Values of unknown unit
    are rates, of which the mean or a linear interpolation is taken. Missing numbers are not filled.

    Raises:
        TraceError: the times or numbers cannot form a trace.

    """
    notes: list[str] = []
    every = {metric: [ordered(each) for each in found] for metric, found in choice.of.items()}
    notes += [f"{was}: sorted" for was in unique(each.was for found in every.values() for each in found if each.was)]
    series = {metric: [each.series for each in found] for metric, found in every.items()}
    parts = [each for found in series.values() for each in found if len(each.at)]
    if not any((~np.isnan(each.amounts)).any() for each in parts):
        raise TraceError(f"{where} has no values; export a time in which the stream had traffic")
    if any(each.is_naive for each in parts):
        notes.append("times without a zone are read as UTC")
    period = period_seconds * SECOND if period_seconds else _common_period(parts)
    if period < MINUTE:
        notes.append(f"values of every {period / SECOND:g} seconds are summed by the minute")
    elif period > MINUTE:
        is_rate = Metric.VALUE in series
        how = "interpolated linearly" if is_rate else "spread evenly over their minutes"
        notes.append(
            f"values of every {period / MINUTE:g} minutes, {how}; only one minute of the last, which may be incomplete"
        )
    parts = [each for each in parts if len(each.at)]
    start = min(int(each.at[0]) for each in parts) // MINUTE * MINUTE
    # The last period may have been incomplete when the numbers were read, so only its first minute is used.
    end = max(int(each.at[-1]) // MINUTE * MINUTE + MINUTE for each in parts)
    count = -(-(end - start) // MINUTE)
    of, is_known = {}, {}
    for metric, found in series.items():
        _refuse_too_much(found, metric, period)
        totals, known = np.zeros(count), np.zeros(count, dtype=np.bool_)
        for each in found:
            if len(each.at):
                added, covered = _by_minute(each, metric, period, start, count)
                totals += added
                known |= covered
        of[metric], is_known[metric] = totals, known
    return Minutes(start, of, is_known, notes)


def _common_period(parts: Sequence[Series]) -> int:
    periods = [(each, period_of(each)) for each in parts if len(each.at) > 1]
    if not periods:
        return period_of(parts[0])  # which refuses the series
    (first, period), *others = periods
    for each, other in others:
        if other != period and min(other, period) < max(other, period) and max(other, period) > MINUTE:
            raise TraceError(
                f"{each.place(0)}: {each.label} has a value every {other // SECOND:,} seconds and {first.label} every "
                f"{period // SECOND:,}; get both with the same period"
            )
    return period


def _refuse_too_much(found: Sequence[Series], metric: Metric, period: int) -> None:
    if metric not in _OF_A_SHARD:
        return
    for each in found:
        a_minute = each.amounts * (60 if each.is_per_second else MINUTE / max(period, MINUTE))
        for index in np.flatnonzero(a_minute > MOST_SHARDS * _OF_A_SHARD[metric])[:1]:
            shards = a_minute[index] / _OF_A_SHARD[metric]
            raise TraceError(
                f"{each.place(int(index))}: {each.amounts[index]:,.4g} {metric.value} would fill {shards:,.4g} shards, "
                f"and Kinesis scales a stream to {MOST_SHARDS:,} at most; check the unit, which must be "
                f"{'bytes' if metric is Metric.BYTES else 'records'} in each period"
            )


def _by_minute(
    series: Series, metric: Metric, period: int, start: int, count: int
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return a series per minute, and which minutes have a number."""
    has_number = ~np.isnan(series.amounts)
    amounts = np.where(has_number, series.amounts, 0.0)
    if period < MINUTE:
        index = ((series.at - start) // MINUTE)[has_number]
        amounts = amounts[has_number] * (period / SECOND if series.is_per_second else 1)
        totals = np.bincount(index, weights=amounts, minlength=count).astype(np.float64)
        numbers = np.bincount(index, minlength=count)
        return (totals / np.maximum(numbers, 1) if metric is Metric.VALUE else totals), numbers > 0
    at = on_grid(series.at, period) - start
    covered = _spread(at, has_number * (period / MINUTE), period, count)
    if metric is Metric.VALUE:
        return np.where(covered > 0, _on_lines(at, series.amounts, period, count), 0.0), covered > 0
    return _spread(at, amounts * (period / SECOND if series.is_per_second else 1), period, count), covered > 0


def _spread(at: NDArray[np.int64], amounts: Numbers, period: int, count: int) -> Numbers:
    """Spread each total evenly over the period that starts at its time, by differences of the cumulative sum."""
    edges = np.column_stack((at, at + period)).ravel()
    total = np.cumsum(amounts)
    sums = np.column_stack((total - amounts, total)).ravel()
    return np.diff(np.interp(np.arange(count + 1) * MINUTE, edges, sums))


def _on_lines(at: NDArray[np.int64], rates: Numbers, period: int, count: int) -> Numbers:
    """Interpolate the rate of each minute linearly. Before a gap and at the end, the rate stays constant."""
    minute = np.arange(count) * MINUTE
    index = np.clip(np.searchsorted(at, minute, side="right") - 1, 0, len(at) - 1)
    following = np.append(rates[1:], np.nan)
    is_next = np.append(np.diff(at) == period, False) & ~np.isnan(following)
    rise = np.where(is_next, following - rates, 0.0)
    rates = rates[index] + rise[index] * ((minute - at[index]) / period)
    return np.nan_to_num(rates, nan=0.0)


def first_unknown(is_known: NDArray[np.bool_], start: int) -> str:
    """Return the time of the first minute without a number, as text."""
    return shown(start + int(np.argmin(is_known)) * MINUTE)
