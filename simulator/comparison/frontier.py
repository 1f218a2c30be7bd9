"""The effect of `throttling_cost`: its values and the presets, on generated traffic that no number was chosen on.

Each stream's first week, in which its days are not yet known, is evaluated separately.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.comparison.bound import clairvoyant_shard_hours
from simulator.comparison.closed_loop import MINUTES_PER_DAY, Run
from simulator.comparison.generator import DAYS, generate
from simulator.comparison.outcomes import UNLIMITED, Demand, serve
from simulator.comparison.policies.autoscaler import Autoscaler
from simulator.comparison.results import geometric_mean
from simulator.deployment.presets import PRESETS, settings

FRESH_SEEDS = (4, 5)
"""Seeds of traffic that no number was chosen on."""

DIAL = (10, 50, 1000)
"""Values of `throttling_cost` besides those of the presets, with the module's defaults for the other inputs."""

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    **PRESETS,
    **{f"throttling_cost = {cost}": {"throttling_cost": cost} for cost in DIAL},
    'foresight = "off"': {"foresight": "off"},
}
"""Inputs of modules/stream, by their name on the page."""

WEEK = 7 * MINUTES_PER_DAY


@dataclass(frozen=True)
class Share:
    """The cost and throttling of a setting.

    Attributes:
        multiple: shard-hours as a multiple of the clairvoyant bound's.
        throttled: the share of the traffic that was throttled, from 0 to 1.
    """

    multiple: float
    throttled: float

    @classmethod
    def mean(cls, shares: Sequence[Share]) -> Share:
        """Return the mean of several traces: geometric for the multiples, arithmetic for the throttled shares."""
        return cls(
            geometric_mean(each.multiple for each in shares), float(np.mean([each.throttled for each in shares]))
        )


@dataclass(frozen=True)
class Served:
    """One trace under every setting: all of it, its first week, and the later weeks."""

    name: str
    seed: int
    whole: Mapping[str, Share]
    first_week: Mapping[str, Share]
    later: Mapping[str, Share]


def traces(seeds: Sequence[int] = FRESH_SEEDS, days: int = DAYS) -> list[tuple[str, int, Demand]]:
    """Return the name, seed and traffic of every generated trace."""
    return [(name, seed, Demand.of_shards(shards)) for seed in seeds for name, shards in generate(seed, days=days)]


def serve_under_all(trace: tuple[str, int, Demand]) -> Served:
    """Serve one trace of more than a week under every setting."""
    name, seed, demand = trace
    runs = {
        setting: serve(demand, Autoscaler(setting, settings({**UNLIMITED, **inputs})))
        for setting, inputs in SETTINGS.items()
    }
    whole, first_week, later = (_shares(runs, part) for part in (slice(None), slice(WEEK), slice(WEEK, None)))
    return Served(name, seed, whole, first_week, later)


def _shares(runs: Mapping[str, Run], part: slice) -> dict[str, Share]:
    parts = {setting: Run(run.demand[part], run.shards[part]) for setting, run in runs.items()}
    bound = clairvoyant_shard_hours(next(iter(parts.values())).demand)
    return {setting: Share(run.shard_hours / bound, run.throttled_share) for setting, run in parts.items()}
