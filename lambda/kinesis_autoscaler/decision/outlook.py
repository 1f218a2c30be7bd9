"""What a stream's last days let expect of its next hours: its daily pattern, and bursts that may come again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate, dropwhile

from ..model import OUTLOOK_DAYS, Minute, Outlook, Settings

PERIOD = timedelta(minutes=5)
"""The resolution of what is looked at: fine enough for a day's pattern, and a fifth of the data of minutes."""

LEVEL = timedelta(minutes=30)
"""Today is compared with another day by the mean demand of the last half hour."""

LOOKBACK = timedelta(days=OUTLOOK_DAYS) + 2 * LEVEL
"""How far back all of that reaches, with some to spare for how late metrics are."""

MAX_LEVEL_RATIO = 2.0
"""Another day counts for at most twice and at least half of what it was, however today compares with it."""

HOURS_AHEAD = 12
"""How far ahead the other days are followed."""

BURST_GROWTH = 1.7
"""Demand that grows by this factor within BURST_RISE comes faster than a stream can be scaled."""

BURST_RISE = timedelta(minutes=10)
"""About how long it takes from the first minute of a growth to the first record in a new shard."""

RECURRING_DAYS = 2
"""On so many days have bursts come where they are a habit. One of a single day says less of the next: it is forgotten a
day sooner."""


def outlook(days: Sequence[Minute], settings: Settings) -> Outlook:
    """What is to be expected after the last days, given in periods of PERIOD up to now, oldest first.

    From the stream's first data on, a period without data is one without traffic: a day that was lost counts for less
    than the other days.
    """
    since_first = dropwhile(lambda period: not period.has_traffic_data, days)
    demand = [period.shards(with_reads=settings.scale_on_reads) for period in since_first]
    return Outlook(peaks=_peaks(demand), burst=_burst(demand, settings.burst_memory // PERIOD))


def _peaks(demand: Sequence[float]) -> tuple[float, ...]:
    """The highest of any of the last days from this time of the day on, each scaled to today's level."""
    hour, day, recent = timedelta(hours=1) // PERIOD, timedelta(days=1) // PERIOD, LEVEL // PERIOD
    level = sum(demand[-recent:])
    days = []
    for then in range(len(demand) - day, recent - 1, -day):
        scale = _level_ratio(level, sum(demand[then - recent : then]))
        hours = [max(demand[begin : begin + hour]) for begin in range(then, then + HOURS_AHEAD * hour, hour)]
        days.append([scale * peak for peak in accumulate(hours, max)])
    return tuple(max(of_days) for of_days in zip(*days[:OUTLOOK_DAYS], strict=True))


def _level_ratio(level: float, then: float) -> float:
    """How today compares with another day, within bounds: the little of a quiet hour says little of the next one."""
    if not then:
        return MAX_LEVEL_RATIO if level else 1.0
    return min(max(level / then, 1 / MAX_LEVEL_RATIO), MAX_LEVEL_RATIO)


def _burst(demand: Sequence[float], remembered: int) -> float:
    """The highest demand of the last so many periods that came too suddenly to be followed."""
    rise, day = BURST_RISE // PERIOD, timedelta(days=1) // PERIOD
    arrivals = [n for n in range(rise, len(demand)) if demand[n] > BURST_GROWTH * demand[n - rise]]
    if len({(len(demand) - 1 - n) // day for n in arrivals}) < RECURRING_DAYS:
        remembered -= day
    return max((max(demand[n : n + 2]) for n in arrivals if n >= len(demand) - remembered), default=0.0)
