"""Storage and aggregation of the datapoints of a metric."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MINUTE = 60
"""Seconds."""


class MinuteColumns:
    """The minutes of one metric, in columns: sum, number of samples, minimum, maximum.

    An absent minute contains the neutral element of each column, so aggregation needs no special case.
    """

    _NEUTRAL = (0.0, 0.0, math.inf, -math.inf)

    def __init__(self, first: int) -> None:
        """Start without datapoints. `first`, in minutes since the epoch, is approximately their first minute."""
        self._first = first
        self._columns = [array("d") for _ in self._NEUTRAL]

    def add(self, minute: int, total: float, samples: float, minimum: float, maximum: float) -> None:
        """Add samples to a minute, counted since the epoch."""
        sums, counts, minima, maxima = self._columns
        if minute == self._first + len(sums):  # the next minute, as nearly always
            for column, value in zip(self._columns, (total, samples, minimum, maximum), strict=True):
                column.append(value)
            return
        index = self._room_for(minute)
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

    def aggregates(self, stat: str, starts: range, end: int) -> tuple[Sequence[int], list[float]]:
        """Return the starts of the periods with data before the minute `end`, and a statistic of each.

        Starts are in seconds.
        """
        length = starts.step // MINUTE
        end = min(end, self._first + len(self._columns[0]))
        # Periods that end before the first minute or start after the last one have no data.
        before = max(0, self._first - starts.start // MINUTE) // length
        after = max(0, -((starts.start // MINUTE - end) // length))
        starts = starts[before:after]
        if not starts:
            return [], []
        first, size = starts[0] // MINUTE, len(starts) * length
        sums, counts, minima, maxima = range(len(self._columns))

        def folded(column: int) -> NDArray[np.float64]:
            """The minutes of a column, by period."""
            asked = slice(max(0, first - self._first), max(0, min(end, first + size) - self._first))
            known = np.array(self._columns[column][asked])  # a copy, because the column may grow in another thread
            if len(known) < size:
                lead = max(0, self._first - first)
                minutes = np.full(size, self._NEUTRAL[column])
                minutes[lead : lead + len(known)] = known
                known = minutes
            return known.reshape(len(starts), length)

        def over(ufunc: np.ufunc, column: int) -> NDArray[np.float64]:
            """An aggregate of each period with data. Periods of a minute are their own aggregates."""
            values = folded(column)
            if len(present) < len(starts):
                values = values[present]
            return values[:, 0] if length == 1 else ufunc.reduce(values, axis=1)

        present = np.flatnonzero(folded(counts).any(axis=1) if length > 1 else folded(counts)[:, 0])
        match stat:
            case "Sum":
                values = over(np.add, sums)
            case "Average":
                values = over(np.add, sums) / over(np.add, counts)
            case "Minimum":
                values = over(np.minimum, minima)
            case "Maximum":
                values = over(np.maximum, maxima)
            case _:
                values = over(np.add, counts)
        found = starts if len(present) == len(starts) else (starts.start + present * starts.step).tolist()
        return found, values.tolist()

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
