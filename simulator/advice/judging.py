"""Holds advice against weeks that it did not see: what it promised, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.advice.advice import Advice, Question, advise
from simulator.advice.search import Part, serve
from simulator.comparison.closed_loop import Series
from simulator.traffic import MINUTES_PER_DAY, Trace, Traffic
from simulator.traffic.generator import generate_kind

GIVEN_DAYS = 14
"""That are given to `advise`, as it reads them from AWS."""

UNSEEN_DAYS = 14
"""On which the advice is judged: those that follow."""

LIMIT = 0.0005
"""How much may be throttled: the command's default."""

FACTOR = 2
"""Within which a promise counts as kept."""

SEEDS = (4,)
"""Of the generated traffic: neither defaults nor presets nor the ladder of advice were chosen on them."""

_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Verdict:
    """What became of the advice for one stream.

    Attributes:
        name: the kind of stream.
        seed: of its traffic.
        is_promise: whether advice promised anything: it did not if it said that no settings keep to what was named, or
            that they did not on the part that was kept back.
        promised: the share of the traffic that may be throttled: what was named, or what it said instead.
        told: what was throttled on the part of the given days that the choice did not see.
        unseen: what was throttled on the days that nobody had seen.
        shard_hours_of_default: its shard-hours on these days as a fraction of the default's.
        throttled_by_default: what the default throttled on them.
        floor: the `min_shard_count` that was advised.

    """

    name: str
    seed: int
    is_promise: bool
    promised: float
    told: float
    unseen: float
    shard_hours_of_default: float
    throttled_by_default: float
    floor: int

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept, within the factor."""
        return self.unseen <= FACTOR * self.promised


def judge(kind: str, seed: int) -> Verdict:
    """Give advice on the first days of generated traffic, and serve the following ones with it."""
    demand = generate_kind(kind, seed, days=GIVEN_DAYS + UNSEEN_DAYS)
    advice = advise(Question(_trace(kind, demand[: GIVEN_DAYS * MINUTES_PER_DAY]), None, LIMIT, {}))
    inputs = advice.choice.inputs
    ours = Part.of(serve(demand, inputs), GIVEN_DAYS * MINUTES_PER_DAY)
    ceiling = {"max_shard_count": inputs["max_shard_count"]}
    default = Part.of(serve(demand, ceiling), GIVEN_DAYS * MINUTES_PER_DAY)
    return Verdict(
        name=kind,
        seed=seed,
        is_promise=advice.choice.keeps and advice.advised.throttled_share <= FACTOR * LIMIT,
        promised=_promised(advice),
        told=advice.advised.throttled_share,
        unseen=ours.throttled_share,
        shard_hours_of_default=ours.shard_hours / default.shard_hours,
        throttled_by_default=default.throttled_share,
        floor=inputs.get("min_shard_count", 1),
    )


def _promised(advice: Advice) -> float:
    return max(
        LIMIT, 0.0 if advice.choice.keeps else advice.choice.first.throttled_share, advice.advised.throttled_share
    )


def _trace(name: str, demand: Series) -> Trace:
    return Trace(name, _MONDAY, [Traffic.for_shards(float(shards)) for shards in demand])
