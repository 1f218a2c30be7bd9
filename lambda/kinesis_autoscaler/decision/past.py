"""A stream's last days for foresight: the demand, and the shards that reacting alone would have had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from ..model import OUTLOOK_DAYS, Period

PERIOD = timedelta(minutes=5)
"""The resolution: about the time that it takes to add shards."""

HOUR = timedelta(hours=1) // PERIOD
DAY = timedelta(days=1) // PERIOD

LEVEL = HOUR // 2
"""The mean demand of the last half hour compares today with another day."""

MAX_LEVEL_RATIO = 1.5
"""The maximum factor by which another day is scaled up or down to today's level."""

REACTION = 2
"""Periods from a demand to the first record in its new shards: alarm, decision and reshard."""

WINDOW = HOUR
"""A stream that only reacts keeps the shards for the highest demand of an hour."""

LOOKBACK = OUTLOOK_DAYS * DAY + WINDOW + REACTION + 1
"""Periods that a check needs."""


@dataclass(frozen=True, slots=True)
class LikeNow:
    """The same time on another day: its first period, and today's level divided by that day's."""

    begins: int
    scale: float


class Past:
    """The last days in periods, oldest first, up to the present. It grows over time.

    Attributes:
        highest: the highest demand of any minute of a period, in shards; 0 if unknown.
        mean: the mean demand of a period.
        reacting: the shards that reacting alone would have had in a period.
    """

    def __init__(self, periods: Iterable[Period] = (), *, fill: float) -> None:
        """Begin with these periods. `fill` is the target utilization of the shards."""
        self.highest: list[float] = []
        self.mean: list[float] = []
        self.reacting: list[float] = []
        self._fill = fill
        self._unknown_before: list[int] = [0]
        self._hours_highest = 0.0
        self._surges: list[int] = []
        self._others: dict[int, tuple[range, float]] = {}
        self._scales: dict[int, float] = {}
        self._scales_at = 0
        for period in periods:
            self.append(period)

    @property
    def now(self) -> int:
        """The index of the period that is about to begin."""
        return len(self.highest)

    def append(self, period: Period) -> None:
        """Add a period that has ended.

        A period without traffic or data is known if most of the earlier days had none at that time. Otherwise it is
        unknown: CloudWatch may have lost it, or producers may have failed.
        """
        now = self.now
        _, highest, mean = period
        unknown = self._unknown_before[now]
        if not highest or mean is None:
            unknown += not self._mostly_silent_at_this_time(now)
            highest = mean = 0.0
        reacting = self._reacting(now)
        self.highest.append(highest)
        self.mean.append(mean)
        self.reacting.append(reacting)
        self._unknown_before.append(unknown)
        if highest > reacting and now >= WINDOW:
            self._surges.append(now)

    def is_known(self, first: int, last: int) -> bool:
        """Whether the demand of all periods from `first` up to, but not including, `last` is known."""
        return self._unknown_before[last] == self._unknown_before[first]

    def days_like_now(self, ahead: int, offset: int = 0) -> list[LikeNow]:
        """The last days whose next `ahead` periods are known, the latest first.

        Args:
            ahead: the number of periods that must be known, from now on.
            offset: starts this many periods from now, at the current level.
        """
        now = self.now
        if now < LEVEL or not self.is_known(now - LEVEL, now):
            return []
        days = []
        for then in self._same_time():
            first, last = max(0, then - LEVEL, then + offset - WINDOW - REACTION), min(now, then + offset + ahead)
            if self.is_known(first, last):
                days.append(LikeNow(then + offset, self._scale(then)))
        return days

    def highest_like_now(self, ahead: int) -> float:
        """The highest demand of the next `ahead` periods on any of the last days, at today's level."""
        return max(
            (max(self.highest[then : then + ahead]) * self._scale(then) for then in self._same_time()), default=0.0
        )

    def _same_time(self) -> range:
        """The present time on the last days, the latest first."""
        return range(self.now - DAY, max(LEVEL, self.now - OUTLOOK_DAYS * DAY) - 1, -DAY)

    def _scale(self, then: int) -> float:
        """Today's level divided by that of another day, within bounds. A plan asks a dozen times for the same days."""
        if self._scales_at != self.now:
            self._scales_at, self._scales = self.now, {}
        if then not in self._scales:
            level, level_then = (sum(self.mean[at - LEVEL : at]) for at in (self.now, then))
            self._scales[then] = _ratio(level, level_then, MAX_LEVEL_RATIO)
        return self._scales[then]

    def surprises(self) -> Iterator[tuple[int, float]]:
        """Surges of the last days that no other day had at that time: their time, and the shards that were expected.

        A surge is demand beyond the shards that reacting alone would have had.
        """
        since = self.now - OUTLOOK_DAYS * DAY
        while self._surges and self._surges[0] < since:
            self._others.pop(self._surges.pop(0), None)
        for at in self._surges:
            expected = max(self.reacting[at], self._on_other_days(at))
            if self.highest[at] > expected:
                yield at, expected

    def _reacting(self, now: int) -> float:
        """An hour's highest demand until REACTION periods ago, at most doubling within REACTION."""
        if now < REACTION:
            return 1.0
        at = now - REACTION
        if self.highest[at] >= self._hours_highest:
            self._hours_highest = self.highest[at]
        elif at > WINDOW and self.highest[at - WINDOW - 1] == self._hours_highest:
            self._hours_highest = max(self.highest[at - WINDOW : at + 1])  # the highest demand is no longer in the hour
        enough = self._hours_highest / self._fill
        if at > 1 and enough > (doubled := 2 * max(self.reacting[at - 1], self.reacting[at])):
            enough = doubled
        return max(1.0, enough)

    def _mostly_silent_at_this_time(self, now: int) -> bool:
        """Whether there are earlier days, and most known ones had no traffic in this period."""
        then = range(now - DAY, max(0, now - OUTLOOK_DAYS * DAY) - 1, -DAY)
        known = [period for period in then if self.is_known(period, period + 1)]
        return len(then) > 0 and 2 * sum(self.highest[period] > 0 for period in known) <= len(known)

    def _on_other_days(self, at: int) -> float:
        """The highest demand of any other of the last days at about that time, scaled to that day's level."""
        first = max(LEVEL + 2, self.now - OUTLOOK_DAYS * DAY)
        days = range(at - (at - first) // DAY * DAY, self.now - 1, DAY)
        known, most = self._others.get(at, (None, 0.0))
        if known != days:
            most = max((self._at_that_time(at, then) for then in days if then != at), default=0.0)
            self._others[at] = days, most
        return most

    def _at_that_time(self, at: int, then: int) -> float:
        """The highest demand around a period of another day, at the level of the day of a surge."""
        level, level_then = (sum(self.mean[period - LEVEL - 1 : period - 1]) for period in (at, then))
        return _ratio(level, level_then, MAX_LEVEL_RATIO) * max(self.highest[then - 1 : then + 2])


def _ratio(now: float, then: float, most: float) -> float:
    """The ratio of two levels, within bounds."""
    return min(max(now / then, 1 / most), most) if then > 0 else 1.0
