"""The floor: the shard count that is worth keeping whatever the present demand.

Shards cost, and so does traffic that they are too few for. On a day on which demand was d and reacting alone would have
had m shards, a floor of c shards costs max(c, m), and refuses what d exceeds that by. With λ, the shard-hours that one
would pay to spare one shard-hour of refused traffic, both are in the same unit, and the floor that costs least in the
mean of the last days is the one to have. It is the newsvendor's answer, for shards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..model import OUTLOOK_DAYS
from .past import DAY, HOUR, LikeNow, Past

CANDIDATES = 40
"""So many counts are tried at most, evenly spread."""

HOURS_AHEAD = 12
"""How far ahead a smaller count has to prove itself."""

SURPRISE_RATIO = 2.0
"""A surprise may come again at today's level, at most so many times what it was."""

LEAD = 5
"""Periods within which more shards must have paid: the reshard, and some for what is a little early or late."""

PER_DOUBLING = 2
"""Periods by which a further doubling must begin earlier: a call at most doubles."""

GROW_AT_MOST = 8
"""More than three doublings are left to reacting."""

FULL = 0.9
"""More shards than let a day's highest minute fill them so far are not worth trying."""

HOURS_IF_UNKNOWN = 2
"""Hours that a scale-down is taken to last where no day is known: it pays if it halves the stream, rounded up."""

WORTH_GROWING = 0.05
"""What growing ahead of time must bring in at least, as a part of what a scale-down must save."""


class _Hinges:
    """A sum of functions w · max(0, count - x) at some counts; adding one is cheap however many counts there are."""

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
        days: Those that count, and where they are at the time in question.
        current: The open shards.
        cost: Shard-hours that one would pay to spare one shard-hour of refused traffic.
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
        return None  # the shards that there are would have lost nothing
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
    # What pays within the lead decides whether to grow; how far, what pays within the hour.
    return max(best[2], max((whole, count) for _, whole, count in gains)[1])


@dataclass(frozen=True, slots=True)
class Saving:
    """A smaller count that pays."""

    count: int
    hours: int
    """Within how many it pays."""
    days: int
    """The days that it rests on; 0 where none is known."""


def worth_shrinking(past: Past, current: int, lowest: int, cost: float, price: float) -> Saving | None:
    """The count to shrink to; None if no smaller one pays.

    Args:
        past: The last days.
        current: The open shards.
        lowest: The fewest that the present demand needs.
        cost: Shard-hours that one would pay to spare one shard-hour of refused traffic.
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
    """What surprises would refuse of any period's demand at each count, up to a constant, if they came at any time."""
    hinges = _Hinges(counts)
    level = past.reacting[-1] if past.reacting else 1.0
    for at, expected in past.surprises():
        scale = min(max(level / past.reacting[at], 1 / SURPRISE_RATIO), SURPRISE_RATIO)
        hinges.add_all([expected * scale], -1.0)
        hinges.add_all([past.highest[at] * scale], 1.0)
    periods = min(max(past.now, DAY), OUTLOOK_DAYS * DAY)
    return [value / periods for value in hinges.values()]


def _between(low: int, high: int) -> tuple[int, ...]:
    """All counts between two, or as many as are worth trying."""
    steps = min(high - low, CANDIDATES)
    return tuple(low + round(step * (high - low) / steps) for step in range(steps + 1))
