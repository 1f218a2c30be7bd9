"""The floor: the shard count worth having regardless of the current demand.

Shards cost money, and so does throttled traffic. On a day with demand d, on which reacting alone would have had m
shards, a floor of c shards costs max(c, m) and throttles the excess of d over that. λ is the number of shard-hours that
the user would pay to avoid one shard-hour of throttled traffic. It gives both the same unit, and the best floor is the
one with the lowest mean cost over the last days. This is the solution of the newsvendor problem for shards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..model import OUTLOOK_DAYS
from .past import DAY, HOUR, LikeNow, Past

CANDIDATES = 40
"""The maximum number of counts to try, evenly spread."""

HOURS_AHEAD = 12
"""How far ahead a smaller count is evaluated."""

SURPRISE_RATIO = 2.0
"""A surprise may recur at today's level, scaled by at most this factor."""

LEAD = 5
"""Periods within which more shards must pay off: the reshard, plus a margin for demand that is early or late."""

PER_DOUBLING = 2
"""Periods by which each further doubling must begin earlier, because a call at most doubles."""

GROW_AT_MOST = 8
"""Further doublings than these are left to reacting."""

FULL = 0.9
"""Counts at which a day's highest minute would fill less than this are not tried."""

HOURS_IF_UNKNOWN = 2
"""The assumed duration of a scale-down in hours if no day is known: it pays off if it halves the stream, rounded up."""

WORTH_GROWING = 0.05
"""The minimum saving of growing ahead of time, as a fraction of what a scale-down must save."""


class _Hinges:
    """A sum of functions w · max(0, count - x) at several counts. Adding one is cheap for any number of counts."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = counts
        self._low, self._high = counts[0], counts[-1]
        self._per_shard = (len(counts) - 1) / max(1, self._high - self._low)
        self._weights = [0.0] * len(counts)
        self._offsets = [0.0] * len(counts)

    def add_all(self, xs: Sequence[float], weight: float) -> None:
        low, high, per_shard, weights, offsets = self._low, self._high, self._per_shard, self._weights, self._offsets
        for x in xs:
            if x < high:
                at = math.ceil((x - low) * per_shard) if x > low else 0
                weights[at] += weight
                offsets[at] += weight * x

    def values(self) -> list[float]:
        sums = zip(self._counts, accumulate(self._weights), accumulate(self._offsets), strict=True)
        return [weight * count - offset for count, weight, offset in sums]


def worth_growing(past: Past, days: Sequence[LikeNow], current: int, cost: float, price: float) -> int | None:
    """The count to grow to before demand does, as it has on these days; None if it is not worth it.

    Args:
        past: The last days.
        days: The days that count, each with its position at that time.
        current: The open shards.
        cost: Shard-hours that the user would pay to avoid one shard-hour of throttled traffic.
        price: What a scale-down would have to save, in shard-hours.
    """
    horizons = (LEAD, LEAD + PER_DOUBLING, LEAD + 2 * PER_DOUBLING, HOUR)
    peak = max(
        (max(past.highest[day.begins : day.begins + HOUR], default=0.0) * day.scale for day in days), default=0.0
    )
    if peak <= current:
        return None
    lost_until = {}
    for begin, end in pairwise((0, *horizons)):
        lost_until[end] = [
            (have, need * day.scale)
            for day in days
            for shards, need in zip(
                past.reacting[day.begins + begin : day.begins + end],
                past.highest[day.begins + begin : day.begins + end],
                strict=True,
            )
            if need * day.scale > (have := max(current, shards * day.scale))
        ]
    if not any(lost_until.values()):
        return None  # the current shards would have throttled nothing
    counts = _between(current, min(GROW_AT_MOST * current, math.ceil(peak / FULL)))
    held, spared = _Hinges(counts), _Hinges(counts)
    for day in days:
        held.add_all([max(current, have * day.scale) for have in past.reacting[day.begins : day.begins + HOUR]], 1.0)
    spared_until = {}
    for end, lost in lost_until.items():
        spared.add_all([have for have, _ in lost], 1.0)
        spared.add_all([need for _, need in lost], -1.0)
        spared_until[end] = spared.values()
    gains = []
    for n, (count, extra) in enumerate(zip(counts, held.values(), strict=True)):
        doublings = max(1, math.ceil(math.log2(count / current) - 1e-9))
        soon = spared_until[LEAD + (doublings - 1) * PER_DOUBLING][n]
        gains.append((cost * soon - extra, cost * spared_until[HOUR][n] - extra, count))
    best = max(gains)
    if best[0] < WORTH_GROWING * price * HOUR * len(days):
        return None
    # The lead decides whether to grow, and the hour how far.
    return max(best[2], max((whole, count) for _, whole, count in gains)[1])


@dataclass(frozen=True, slots=True)
class Saving:
    """A smaller count that pays off."""

    count: int
    hours: int
    """The hours within which it pays off."""
    days: int
    """The number of days behind it; 0 if none is known."""


def worth_shrinking(past: Past, current: int, lowest: int, cost: float, price: float) -> Saving | None:
    """The count to shrink to; None if no smaller one pays off.

    Args:
        past: The last days.
        current: The open shards.
        lowest: The minimum for the current demand.
        cost: Shard-hours that the user would pay to avoid one shard-hour of throttled traffic.
        price: What the call must save, in shard-hours.
    """
    if lowest >= current:
        return None
    counts = _between(lowest, current)
    surprises = [cost * value for value in _surprises(past, counts)]
    days = past.days_like_now(HOURS_AHEAD * HOUR)
    if not days:
        hours = HOURS_IF_UNKNOWN
        sums = [hours * (count + surprise) for count, surprise in zip(counts, surprises, strict=True)]
        least = min(sums)
        return Saving(counts[sums.index(least)], hours, 0) if sums[-1] - least >= hours * (current // 2) else None
    if HOURS_AHEAD * (current - lowest) < price:
        return None  # not even without any traffic
    costs = _Hinges(counts)
    for hour in range(1, HOURS_AHEAD + 1):
        for day in days:
            begin, scale = day.begins + (hour - 1) * HOUR, day.scale
            held = [shards * scale for shards in past.reacting[begin : begin + HOUR]]
            needed = [demand * scale for demand in past.highest[begin : begin + HOUR]]
            costs.add_all(held, 1.0)
            # What demand exceeds them by is refused, as far as the floor does not take it.
            if lost := [(have, need) for have, need in zip(held, needed, strict=True) if need > have]:
                costs.add_all([have for have, _ in lost], -cost)
                costs.add_all([need for _, need in lost], cost)
        per_hour = 1 / (HOUR * len(days))
        sums = [value * per_hour + surprise * hour for value, surprise in zip(costs.values(), surprises, strict=True)]
        least = min(sums)
        if sums[-1] - least >= price:
            return Saving(counts[sums.index(least)], hour, len(days))
    return None


def _surprises(past: Past, counts: Sequence[int]) -> list[float]:
    """The throttling by surprises at each count, up to a constant, if they may come at any time."""
    hinges = _Hinges(counts)
    level = past.reacting[-1] if past.reacting else 1.0
    for at, expected in past.surprises():
        scale = min(max(level / past.reacting[at], 1 / SURPRISE_RATIO), SURPRISE_RATIO)
        hinges.add_all([expected * scale], -1.0)
        hinges.add_all([past.highest[at] * scale], 1.0)
    periods = min(max(past.now, DAY), OUTLOOK_DAYS * DAY)
    return [value / periods for value in hinges.values()]


def _between(low: int, high: int) -> tuple[int, ...]:
    """All counts between two, or a selection if there are too many."""
    steps = min(high - low, CANDIDATES)
    return tuple(low + round(step * (high - low) / steps) for step in range(steps + 1))
