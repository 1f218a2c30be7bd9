"""Finds the settings of least cost that throttle no more than was named, with the fast loop of `simulator.comparison`.

The settings are chosen on the first part of the traffic, and told on the rest: what is promised is what happened on
days that had no say in the choice. The loop runs on from the first part into the rest, as a stream does.
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
"""Of the traffic: what the choice sees."""

WARM_UP = 1 / 3
"""Of what the choice sees: here nothing counts yet, for the autoscaler has not seen the stream's days, as it has on one
that is older."""

WORTH = 200
"""Shard-hours that sparing a shard-hour of throttled traffic is worth, where no settings keep to what was named."""

_MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class Part:
    """What settings came to on a part of the traffic."""

    shard_hours: float
    throttled_share: float

    @classmethod
    def of(cls, run: Run, first: int = 0, last: int | None = None) -> Part:
        """The minutes from `first` up to, but not including, `last`."""
        return cls.served(run.demand[first:last], run.shards[first:last])

    @classmethod
    def served(cls, demand: Series, shards: Series) -> Part:
        """A demand under shards that are given, minute by minute."""
        total = float(demand.sum())
        refused = total - float(accepted(demand, shards).sum())
        return cls(float(shards.sum()) / _MINUTES_PER_HOUR, max(0.0, refused) / total if total else 0.0)


@dataclass(frozen=True)
class Tried:
    """Settings that were tried, and what they came to on the first part."""

    inputs: Mapping[str, Any]
    first: Part


@dataclass(frozen=True)
class Choice:
    """The settings that were chosen.

    Attributes:
        inputs: of modules/stream.
        keeps: whether they throttle no more than was named, on the first part.
        first: what they came to there.
        tried: all that were tried, in the ladder's order.

    """

    inputs: Mapping[str, Any]
    keeps: bool
    first: Part
    tried: Sequence[Tried]


def serve(demand: Series, inputs: Mapping[str, Any], shards: int | None = None) -> Run:
    """Serve a demand under settings; the stream starts with so many shards, or with what its first hour needs."""
    return ClosedLoop(demand, first_count(demand, inputs, shards)).run(Autoscaler("advised", settings(inputs)))


def first_count(demand: Series, inputs: Mapping[str, Any], shards: int | None = None) -> int:
    """The shards with which the stream starts."""
    values = module_inputs.with_defaults(inputs)
    wanted = shards or math.ceil(float(demand[:_MINUTES_PER_HOUR].max()) / values["target_utilization"])
    return int(min(max(wanted, values["min_shard_count"]), values["max_shard_count"]))


def choose(
    demand: Series,
    ladder: Sequence[Mapping[str, Any]],
    limit: float,
    *,
    shards: int | None = None,
    every: bool = True,
    tell: Callable[[], object] = lambda: None,
) -> Choice:
    """The cheapest settings of a ladder that throttle no more than `limit`, a share from 0 to 1.

    The ladder leads from the thriftiest to the most careful. With `every` each rung is tried; otherwise the first one
    that keeps the limit is searched for by halves, as if each rung throttled less than the one before. Where none keeps
    it, a throttled shard-hour is taken to be worth WORTH shard-hours. `tell` is called after every trial.
    """
    tried: dict[int, Tried] = {}

    def keeps(rung: int) -> bool:
        if rung not in tried:
            run = serve(demand, ladder[rung], shards)
            tried[rung] = Tried(ladder[rung], Part.of(run, int(len(demand) * WARM_UP)))
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
        else min(tried, key=lambda rung: (_cost(tried[rung].first, demand), rung))
    )
    return Choice(ladder[best], bool(kept), tried[best].first, [tried[rung] for rung in sorted(tried)])


def _cost(part: Part, demand: Series) -> float:
    """Shard-hours, with what throttling is worth."""
    return part.shard_hours + WORTH * part.throttled_share * float(demand.sum()) / _MINUTES_PER_HOUR


def surges(demand: Series, minutes: int) -> NDArray[np.int64]:
    """When demand grew to more than double within so many minutes: the first minute of each such time."""
    if len(demand) <= minutes:
        return np.array([], dtype=np.int64)
    before = np.lib.stride_tricks.sliding_window_view(demand[:-1], minutes).max(axis=1)
    now = demand[minutes:]
    sudden = (now > 2 * np.maximum(before, 1.0)).astype(np.int64)
    starts: NDArray[np.int64] = np.flatnonzero(np.diff(sudden, prepend=0) > 0) + minutes
    apart = np.diff(starts, prepend=starts[:1] - minutes - 1) > minutes
    return starts[apart]
