"""Compares the promise of advice with the result on later weeks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.advice.advice import Advice, Question, advise
from simulator.advice.search import Part, serve
from simulator.comparison.closed_loop import Series
from simulator.traffic import MINUTES_PER_DAY, Trace, Traffic
from simulator.traffic.generator import generate_kind

GIVEN_DAYS = 14
"""Days of traffic for `advise`: as many as it reads from AWS."""

UNSEEN_DAYS = 14
"""The following days, on which the advice is judged."""

LIMIT = 0.0005
"""The maximum share of throttled traffic: the command's default."""

FACTOR = 2
"""The factor by which throttling may exceed a promise that counts as kept."""

SEEDS = (4,)
"""Seeds of generated traffic on which neither defaults nor presets nor the ladder of advice were chosen."""

_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Verdict:
    """The result of the advice for one stream. Throttling is a share of the traffic, from 0 to 1.

    Attributes:
        name: the kind of stream.
        seed: the seed of its traffic.
        is_promise: whether the advice made a promise. It made none if it said that no settings keep the limit, or that
            the settings did not keep it on the last third of the given days.
        promised: the limit, or the higher share that the advice named instead.
        told: the throttling on the last third of the given days, which the advice named.
        unseen: the throttling on the following days.
        shard_hours_of_default: its shard-hours on the following days as a fraction of the default's.
        throttled_by_default: the default's throttling on the following days.
        floor: the advised `min_shard_count`.

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
    """Give advice based on the first days of generated traffic, and serve the following days with it."""
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
