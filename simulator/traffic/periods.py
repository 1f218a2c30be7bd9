"""The period of each number of a series."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.model import TraceError
from simulator.traffic.series import Series
from simulator.traffic.timestamps import HOUR, MINUTE, SECOND, shown

_USUAL = [each * SECOND for each in (1, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)]
_MOST_JITTER = 0.25
"""As a fraction of the period."""
_LEAST_RUN, _LONG_RUN = 3, 12
"""The number of consecutive equal steps that make a period, in a short file and in a long one."""
_FEW_PARTS = 3
"""A file with at most this many parts of equal steps is a combination of several files."""


def period_of(series: Series) -> int:
    """Return the period of a sorted series in microseconds: its smallest step.

    Raises:
        TraceError: it has several periods, or none.

    """
    at = series.at
    if len(at) < 2:
        raise TraceError(
            f"{series.place(0)}: this is the only value, and a trace needs at least two; "
            "export a value for each minute of some days"
        )
    steps = np.diff(at)
    least = int(steps.min())
    if (steps % least).any():
        least = _nearest_usual(int(np.median(steps)))
        if least >= MINUTE:
            _refuse_off_grid(series, least)
    if least > HOUR:
        raise TraceError(
            f"{series.place(1)}: {shown(int(at[1]))} is {least / HOUR:g} hours after {shown(int(at[0]))}, too long for "
            "a trace; export a value every minute, at most every hour"
        )
    _refuse_mixed(series, np.rint(steps / least).astype(np.int64), least)
    return least


def on_grid(at: NDArray[np.int64], period: int) -> NDArray[np.int64]:
    """Return the times rounded to multiples of the period after the first, which is rounded to its minute."""
    moved: NDArray[np.int64] = at[0] // MINUTE * MINUTE + np.rint((at - at[0]) / period).astype(np.int64) * period
    return moved


def _nearest_usual(step: int) -> int:
    nearest = min(_USUAL, key=lambda usual: abs(usual - step))
    return nearest if abs(nearest - step) <= nearest // 10 else max(step // SECOND * SECOND, SECOND)


def _refuse_off_grid(series: Series, period: int) -> None:
    places = np.rint((series.at - series.at[0]) / period)
    off = np.abs(series.at - series.at[0] - places * period) > period * _MOST_JITTER
    off[1:] |= np.diff(places) < 1
    for index in np.flatnonzero(off)[:1]:
        raise TraceError(
            f"{series.place(int(index))}: {shown(int(series.at[index]))} is not a multiple of the period of "
            f"{period // SECOND} seconds after {shown(int(series.at[0]))}; get all values with the same period"
        )


def _refuse_mixed(series: Series, steps: NDArray[np.int64], period: int) -> None:
    """Refuse a part with evenly larger steps, because it has another period and not a gap after each value."""
    if (steps == 1).all():
        return
    changes = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    is_in_parts = len(changes) <= _FEW_PARTS + 1 and int(np.diff(changes).min()) >= _LEAST_RUN
    longest = _LEAST_RUN if is_in_parts else min(max(_LEAST_RUN, len(steps) // 4), _LONG_RUN)
    for begin, end in pairwise(changes):
        other = int(steps[begin]) * period
        if other > period and other > MINUTE and end - begin >= longest:
            raise TraceError(
                f"{series.place(begin)}: from {shown(int(series.at[begin]))} to {shown(int(series.at[end]))} values "
                f"come every {other // SECOND:,} seconds and elsewhere every {period // SECOND:,}; "
                "get all of them with the same period"
            )
