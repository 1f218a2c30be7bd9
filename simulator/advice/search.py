"""The search for the cheapest settings within a throttling limit, with the fast loop of `simulator.comparison`.

The first part of the traffic determines the choice. The rest shows what to expect of it, since these days did not
influence the choice. The loop continues from the first part into the rest, as a stream does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.comparison.closed_loop import ClosedLoop, Run, Series, accepted
from simulator.comparison.policies.autoscaler import Autoscaler
from simulator.deployment import module_inputs
from simulator.deployment.presets import settings

FIRST_PART = 2 / 3
"""The part of the traffic that determines the choice."""

WARM_UP = 1 / 3
"""The part of the first part that does not count: here foresight does not know the stream's days yet, as it does on an
older stream."""

WORTH = 200
"""Shard-hours that it is worth to avoid one shard-hour of throttled traffic, if no settings keep the limit."""

_MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class Part:
    """The result of settings on a part of the traffic."""

    shard_hours: float
    throttled_share: float

    @classmethod
    def of(cls, run: Run, first: int = 0, last: int | None = None) -> Part:
        """The result of the minutes from `first` up to, but not including, `last`."""
        return cls.served(run.demand[first:last], run.shards[first:last])

    @classmethod
    def served(cls, demand: Series, shards: Series) -> Part:
        """The result of a demand, served by a given number of shards in each minute."""
        total = float(demand.sum())
        refused = total - float(accepted(demand, shards).sum())
        return cls(float(shards.sum()) / _MINUTES_PER_HOUR, max(0.0, refused) / total if total else 0.0)


class Trial:
    """Traffic that is served under settings, up to a minute that may be moved forward."""

    def __init__(self, demand: Series, inputs: Mapping[str, Any], shards: int | None = None) -> None:
        """Start with `shards`, or with the count that the first hour needs."""
        self.inputs = inputs
        self._loop = ClosedLoop(demand, first_count(demand, inputs, shards))
        Autoscaler("advised", settings(inputs)).start(self._loop)

    def until(self, minute: int) -> Run:
        """The run before a minute. A later minute continues it."""
        return self._loop.run_until(minute)


def serve(demand: Series, inputs: Mapping[str, Any], shards: int | None = None) -> Run:
    """Serve a whole demand under settings."""
    return Trial(demand, inputs, shards).until(len(demand))


@dataclass(frozen=True)
class Tried:
    """Settings that were tried, and their result on the first part."""

    inputs: Mapping[str, Any]
    first: Part


@dataclass(frozen=True)
class Choice:
    """The settings that were chosen.

    Attributes:
        inputs: of modules/stream.
        keeps: whether they throttle no more than the limit, on the first part.
        first: their result on the first part.
        tried: all settings that were tried, in the ladder's order.
        run: the whole traffic under the settings.

    """

    inputs: Mapping[str, Any]
    keeps: bool
    first: Part
    tried: Sequence[Tried]
    run: Run


def first_count(demand: Series, inputs: Mapping[str, Any], shards: int | None = None) -> int:
    """The shards with which the stream starts: `shards`, or the count that the first hour needs, within the bounds."""
    values = module_inputs.with_defaults(inputs)
    wanted = shards or math.ceil(float(demand[:_MINUTES_PER_HOUR].max()) / values["target_utilization"])
    return int(min(max(wanted, values["min_shard_count"]), values["max_shard_count"]))


def choose(
    demand: Series,
    ladder: Sequence[Mapping[str, Any]],
    limit: float,
    split: int,
    *,
    shards: int | None = None,
    every: bool = True,
    tell: Callable[[], object] = lambda: None,
) -> Choice:
    """The cheapest settings of a ladder that throttle no more than `limit` before the minute `split`.

    The ladder leads from the cheapest to the most careful. If none of its settings keeps the limit, a throttled
    shard-hour counts as WORTH shard-hours.

    Args:
        demand: the traffic, in shards.
        ladder: inputs of modules/stream.
        limit: the maximum share of throttled traffic, from 0 to 1.
        split: the first minute that must not influence the choice.
        shards: the count at the start; None for what the first hour needs.
        every: whether to try each rung. Otherwise the first one that keeps the limit is found by bisection, as if each
            rung throttled less than the one before.
        tell: called after each trial.
    """
    trials = [Trial(demand, inputs, shards) for inputs in ladder]
    tried: dict[int, Tried] = {}

    def keeps(rung: int) -> bool:
        if rung not in tried:
            first = Part.of(trials[rung].until(split), int(split * WARM_UP))
            tried[rung] = Tried(ladder[rung], first)
            tell()
        return tried[rung].first.throttled_share <= limit

    if every:
        for rung in range(len(ladder)):
            keeps(rung)
    else:
        low, high = 0, len(ladder) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if keeps(middle) else (middle + 1, high)
        keeps(low)
    kept = [rung for rung in tried if keeps(rung)]
    best = (
        min(kept, key=lambda rung: (tried[rung].first.shard_hours, rung))
        if kept
        else min(tried, key=lambda rung: (_cost(tried[rung].first, demand[:split]), rung))
    )
    return Choice(
        inputs=ladder[best],
        keeps=bool(kept),
        first=tried[best].first,
        tried=[tried[rung] for rung in sorted(tried)],
        run=trials[best].until(len(demand)),
    )


def _cost(part: Part, demand: Series) -> float:
    """Shard-hours, plus the worth of throttled traffic in shard-hours."""
    return part.shard_hours + WORTH * part.throttled_share * float(demand.sum()) / _MINUTES_PER_HOUR


def surges(demand: Series, minutes: int) -> NDArray[np.int64]:
    """The minutes at which demand began to more than double within `minutes`."""
    if len(demand) <= minutes:
        return np.array([], dtype=np.int64)
    before = np.lib.stride_tricks.sliding_window_view(demand[:-1], minutes).max(axis=1)
    now = demand[minutes:]
    sudden = (now > 2 * np.maximum(before, 1.0)).astype(np.int64)
    starts: NDArray[np.int64] = np.flatnonzero(np.diff(sudden, prepend=0) > 0) + minutes
    apart = np.diff(starts, prepend=starts[:1] - minutes - 1) > minutes
    return starts[apart]
