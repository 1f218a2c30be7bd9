"""The results of every trace under every policy, and their means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.aws import kinesis
from simulator.comparison.closed_loop import METRIC_DELAY_MINUTES, ClosedLoop
from simulator.comparison.corpus import DEVELOPMENT, Case
from simulator.comparison.outcomes import BOUND, DEFAULT, UNLIMITED, Kind, Outcome, outcomes
from simulator.comparison.policies.autoscaler import Autoscaler
from simulator.deployment.presets import PRESETS, settings


@dataclass(frozen=True)
class Result:
    """The results of a trace: under every policy, and under the default in variants of the model."""

    case: Case
    outcomes: Sequence[Outcome]
    variants: Mapping[str, tuple[float, float]]
    """The default's multiple of the bound and throttled share, by variant of the model. Only for generated development
    traces."""

    def of(self, name: str) -> Outcome:
        """Return the outcome of a policy or preset."""
        return next(each for each in self.outcomes if each.name == name)


@dataclass(frozen=True)
class World:
    """The assumptions of the closed loop that a variant may change."""

    reshard_factor: float = 1.0
    metric_delay: int = METRIC_DELAY_MINUTES
    key_skew: float = 0.0


VARIANTS = {
    "reshards take twice as long": World(reshard_factor=2.0),
    "metrics are 3 minutes late": World(metric_delay=3),
    "the hottest shard gets 1% of all traffic beyond its share": World(key_skew=0.01),
}


def serve(case: Case) -> Result:
    """Serve one trace under all policies and variants."""
    found = outcomes(case.demand, {name: settings({**UNLIMITED, **inputs}) for name, inputs in PRESETS.items()})
    result = Result(case, found, {})
    if not (case.is_generated and case.group == DEVELOPMENT):
        return result
    default = result.of(DEFAULT)
    variants = {"as assumed": (default.cost_of_bound, default.throttled_share)}
    bound = result.of(BOUND).shard_hours or 1.0
    variants |= {name: serve_in(world, case, bound) for name, world in VARIANTS.items()}
    return replace(result, variants=variants)


def serve_in(world: World, case: Case, bound: float) -> tuple[float, float]:
    """Return the default's multiple of the bound's shard-hours, and its throttled share."""
    loop = ClosedLoop(
        case.demand.shards,
        case.demand.first_count,
        reshard_seconds=lambda current, target: world.reshard_factor * kinesis.reshard_seconds(current, target),
        metric_delay=world.metric_delay,
        key_skew=world.key_skew,
    )
    run = loop.run(Autoscaler(DEFAULT, settings({**UNLIMITED, **PRESETS[DEFAULT]})))
    return run.shard_hours / bound, run.throttled_share


@dataclass(frozen=True)
class Mean:
    """The mean of a policy over several traces: geometric for multiples of the bound, arithmetic otherwise."""

    name: str
    kind: Kind
    shard_hours_of_bound: float | None
    bill_of_bound: float
    throttled_share: float
    throttled_minutes_share: float
    calls_per_day: float | None

    @property
    def cost_of_bound(self) -> float:
        """Shard-hours, or in on-demand mode the bill, as a multiple of the bound's."""
        return self.bill_of_bound if self.shard_hours_of_bound is None else self.shard_hours_of_bound


def mean_of(name: str, results: Sequence[Result]) -> Mean:
    """Return a policy's mean over traces with equal weights."""
    each = [result.of(name) for result in results]
    multiples = [one.shard_hours_of_bound for one in each if one.shard_hours_of_bound is not None]
    calls = [one.calls_per_day for one in each if one.calls_per_day is not None]
    return Mean(
        name=name,
        kind=each[0].kind,
        shard_hours_of_bound=geometric_mean(multiples) if multiples else None,
        bill_of_bound=geometric_mean(one.bill_of_bound for one in each),
        throttled_share=float(np.mean([one.throttled_share for one in each])),
        throttled_minutes_share=float(np.mean([one.throttled_minutes_share for one in each])),
        calls_per_day=float(np.mean(calls)) if calls else None,
    )


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean of positive numbers."""
    return float(np.exp(np.mean(np.log(list(values)))))


@dataclass(frozen=True)
class Match:
    """Another policy, and the cheapest preset that throttles no more."""

    other: Mean
    preset: Mean | None

    @property
    def ratio(self) -> float | None:
        """The preset's shard-hours as a fraction of the other policy's."""
        return self.preset.cost_of_bound / self.other.cost_of_bound if self.preset else None


def matches(results: Sequence[Result]) -> Iterator[Match]:
    """Yield the matching preset for every other autoscaler."""
    means = [mean_of(each.name, results) for each in results[0].outcomes]
    ours = sorted((each for each in means if each.kind is Kind.OURS), key=lambda each: each.cost_of_bound)
    for other in (each for each in means if each.kind is Kind.OTHER):
        yield Match(other, next((each for each in ours if each.throttled_share <= other.throttled_share), None))
