"""The search for the cheapest settings within a throttling limit, with the fast loop of `simulator.comparison`.

The first part of the traffic determines the choice. The rest shows what to expect of it, since these days did not
influence the choice. The loop continues from the first part into the rest, as a stream does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.comparison.closed_loop import ClosedLoop, Run, Series, accepted
from simulator.comparison.policies.autoscaler import Autoscaler
from simulator.deployment import module_inputs
from simulator.deployment.presets import settings
from simulator.traffic import MINUTES_PER_DAY

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
    """Traffic that is served under settings, as far as it is needed."""

    def __init__(self, demand: Series, inputs: Mapping[str, Any], split: int, shards: int | None = None) -> None:
        """Start with `shards`, or with the count that the first hour needs. The first part ends before `split`."""
        self.inputs = inputs
        self._demand, self._split, self._warm_up = demand, split, int(split * WARM_UP)
        self._loop = ClosedLoop(demand, first_count(demand, inputs, shards))
        Autoscaler("advised", settings(inputs)).start(self._loop)

    @cached_property
    def first(self) -> Part:
        """The result on the first part."""
        return Part.of(self._loop.run_until(self._split), self._warm_up)

    @cached_property
    def run(self) -> Run:
        """The whole traffic."""
        return self._loop.run_until(len(self._demand))

    def keeps(self, limit: float) -> bool:
        """Whether the first part is throttled no more than `limit`.

        Ends early when more has been throttled than the limit allows in the whole first part.
        """
        allowed = limit * float(self._demand[self._warm_up : self._split].sum())
        for minute in range(self._warm_up, self._split, MINUTES_PER_DAY):
            if float(self._loop.run_until(minute).throttled[self._warm_up :].sum()) > allowed:
                return False
        return self.first.throttled_share <= limit


def serve(demand: Series, inputs: Mapping[str, Any], shards: int | None = None) -> Run:
    """Serve a whole demand under settings."""
    return Trial(demand, inputs, len(demand), shards).run


@dataclass(frozen=True)
class Choice:
    """The settings that were chosen.

    Attributes:
        best: the trial of these settings.
        keeps: whether they throttle no more than the limit, on the first part.
        tried: all trials, in the ladder's order.

    """

    best: Trial
    keeps: bool
    tried: Sequence[Trial]

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The settings as inputs of modules/stream."""
        return self.best.inputs

    @property
    def first(self) -> Part:
        """Their result on the first part."""
        return self.best.first

    @property
    def run(self) -> Run:
        """The whole traffic under the settings."""
        return self.best.run


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
    trials = [Trial(demand, inputs, split, shards) for inputs in ladder]

    @cache
    def keeps(rung: int) -> bool:
        kept = trials[rung].keeps(limit)
        tell()
        return kept

    tried = range(len(ladder)) if every else sorted(_bisected(len(ladder), keeps))
    kept = [trials[rung] for rung in tried if keeps(rung)]
    best = (
        min(kept, key=lambda trial: trial.first.shard_hours)
        if kept
        else min((trials[rung] for rung in tried), key=lambda trial: _cost(trial.first, demand[:split]))
    )
    return Choice(best, bool(kept), [trials[rung] for rung in tried])


def _bisected(rungs: int, keeps: Callable[[int], bool]) -> Iterator[int]:
    """The rungs that lead to the first one that keeps the limit."""
    low, high = 0, rungs - 1
    while low <= high:
        middle = (low + high) // 2
        yield middle
        low, high = (low, middle - 1) if keeps(middle) else (middle + 1, high)


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
