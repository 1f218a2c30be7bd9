"""Sorts the numbers of a series by time. Refuses duplicate times, and local times with a clock change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.model import TraceError
from simulator.traffic.series import Series
from simulator.traffic.timestamps import DAY, HOUR, MINUTE, SECOND, shown

MOST_DAYS = 400
_HALF_HOUR = 30 * MINUTE
_ZONES = (
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "America/New_York",
    "America/Santiago",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Asia/Jerusalem",
    "Africa/Cairo",
)
"""One zone for each current rule of clock changes. In the Americas, all follow New York's rule in their own time."""
_IN_UTC = "export them in UTC, or with their offset (2026-11-01T01:00:00+01:00)"


@dataclass(frozen=True)
class Ordered:
    """A series sorted by time, and its original order."""

    series: Series
    was: str
    """Empty if it was sorted, else `newest first` or `not in order of time`."""


def ordered(series: Series) -> Ordered:
    """Return the series sorted by time.

    Raises:
        TraceError: a time occurs twice, two are implausibly far apart, or they are local times with a clock change.

    """
    order = np.argsort(series.at, kind="stable")
    at, places = series.at[order], order
    steps = np.diff(at)
    if len(steps) and not steps.all():
        _refuse_twice(series, at, places)
    if len(at) and at[-1] - at[0] > MOST_DAYS * DAY:
        widest = int(np.argmax(steps))
        raise TraceError(
            f"{series.place(int(places[widest + 1]))}: {shown(int(at[widest + 1]))} is {steps[widest] / DAY:,.0f} days "
            f"after {shown(int(at[widest]))}, and a trace may have {MOST_DAYS} days; correct it, or export fewer days"
        )
    if series.is_naive:
        _refuse_skipped(series, at, places)
    was = ""
    if len(steps) and not (np.diff(order) > 0).all():
        was = "newest first" if (np.diff(order) < 0).all() else "not in order of time"

    def place(index: int) -> str:
        return series.place(int(places[index]))

    return Ordered(replace(series, at=at, amounts=series.amounts[order], place=place), was)


def _refuse_twice(series: Series, at: NDArray[np.int64], places: NDArray[np.int64]) -> None:
    steps = np.diff(at)
    twins = np.flatnonzero(steps == 0)
    # Of two equal times, the file's first is the one whose second occurrence comes first.
    index = int(twins[np.argmin(places[twins + 1])])
    first, second = (series.place(int(places[each])) for each in (index, index + 1))
    when = shown(int(at[index]))
    shortest = int(steps[steps > 0].min(initial=HOUR))
    hour = np.unique(at[twins])
    if series.is_naive and len(hour) * shortest >= _HALF_HOUR and hour[-1] - hour[0] < HOUR:
        raise TraceError(
            f"{second}: {when} occurs a second time, after {_short(first)}, as does all of that hour: "
            f"these are local times of a day on which clocks were put back; {_IN_UTC}"
        )
    remedy = (
        "remove one of the two"
        if series.at[places[index]] % SECOND or _is_exact(series)
        else ("export times in full, for 1.79e+09 has lost its last digits")
    )
    raise TraceError(f"{second}: {when} occurs a second time, after {_short(first)}; {remedy}")


def _is_exact(series: Series) -> bool:
    """Return whether times have more precision than thousands of seconds, unlike those in scientific notation."""
    return bool((series.at % (1000 * SECOND)).any())


def _short(place: str) -> str:
    return place.rpartition(", ")[2]


def _refuse_skipped(series: Series, at: NDArray[np.int64], places: NDArray[np.int64]) -> None:
    """Refuse local times: an hour is missing exactly where clocks were put forward."""
    steps = np.diff(at)
    if not len(steps):
        return
    shortest = int(steps.min())
    for index in np.flatnonzero(np.isin(steps - shortest, (_HALF_HOUR, HOUR))):
        missing = int(at[index]) + shortest
        if zone := _skips(missing):
            raise TraceError(
                f"{series.place(int(places[index + 1]))}: the time from {shown(missing)} on is missing, which clocks "
                f"in {zone} skipped on that day: these are local times; {_IN_UTC}"
            )


def _skips(at: int) -> str | None:
    """Return a zone in which this local time does not exist, or None."""
    local = datetime.fromtimestamp(at / SECOND, UTC).replace(tzinfo=None)
    for name in _ZONES:
        try:
            zone = ZoneInfo(name)
        except ZoneInfoNotFoundError:  # the machine has no time zone database
            continue
        there = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        if abs(there - local) > timedelta(0):
            return name
    return None
