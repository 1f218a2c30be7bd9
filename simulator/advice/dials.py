"""The inputs of modules/stream that advice chooses, and the values to try."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.deployment import module_inputs
from simulator.deployment.module_inputs import InvalidInputError

DIALS: dict[str, tuple[float, ...]] = {
    "throttling_cost": (30, 15, 30, 60, 60, 200, 60, 15, 200, 200, 200, 200),
    "target_utilization": (0.95, 0.95, 0.93, 0.95, 0.90, 0.93, 0.95, 0.88, 0.80, 0.60, 0.70, 0.70),
    "scale_up.threshold": (1.0, 1.0, 0.98, 1.0, 0.96, 0.98, 0.98, 0.95, 0.90, 0.70, 0.80, 0.80),
    "scale_up.evaluation_periods": (3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1),
    "scale_up.datapoints_to_alarm": (3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1),
    "scale_down.threshold": (0.75, 0.70, 0.70, 0.70, 0.70, 0.70, 0.40, 0.40, 0.40, 0.40, 0.40, 0.40),
    "scale_down.evaluation_periods": (3, 3, 3, 3, 3, 3, 12, 12, 12, 12, 12, 12),
    "scale_down.datapoints_to_alarm": (3, 3, 3, 3, 3, 3, 12, 12, 12, 12, 12, 12),
    "scale_down.cooldown_minutes": (10, 10, 10, 10, 10, 10, 30, 30, 30, 30, 30, 30),
}
"""The value of each input on every rung of the ladder, which leads from the cheapest settings to the most careful.

On generated traffic, each rung throttles less than the one before or costs less at the same throttling.
"""

FLOORS = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.4, 0.75)
"""`min_shard_count` on every rung, as a fraction of the need of the highest minute. Surges that no scaling can follow
need shards in advance."""

HEADROOM = 4
"""`max_shard_count`, if none is given, as a multiple of the need of the highest minute: traffic may grow."""


def rungs(pinned: Mapping[str, Any], peak: float) -> list[dict[str, Any]]:
    """The settings to try, from the cheapest to the most careful: the ladder, with the pinned inputs on top.

    A stream that never fills a shard needs no scaling, and keeps the module's defaults.

    Args:
        pinned: inputs that stay as they are. If `max_shard_count` is not among them, it is derived from the peak.
        peak: the need of the highest minute, in shards.

    Raises:
        InvalidInputError: the module would refuse all of them.

    """
    ladder: list[dict[str, Any]] = []
    refusal = None
    needs_scaling = peak > 1
    for rung in range(len(FLOORS)) if needs_scaling else (0,):
        for dials in (DIALS, {}) if needs_scaling else ({},):  # the defaults, if the rung contradicts the pinned inputs
            inputs = _on_top(_at(rung, peak, dials), pinned)
            try:
                module_inputs.check(inputs)
            except InvalidInputError as error:
                refusal = error
                continue
            if inputs not in ladder:
                ladder.append(inputs)
            break
    if not ladder and refusal:
        raise refusal
    return ladder


def _at(rung: int, peak: float, dials: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    most = max(1, math.ceil(peak - 1e-9))
    inputs: dict[str, Any] = {"max_shard_count": min(max(2, HEADROOM * most), 10_000)}
    if FLOORS[rung]:
        inputs["min_shard_count"] = math.ceil(FLOORS[rung] * most)
    for name, values in dials.items():
        *objects, attribute = name.split(".")
        holder = inputs.setdefault(objects[0], {}) if objects else inputs
        holder[attribute] = values[rung]
    return inputs


def _on_top(inputs: dict[str, Any], pinned: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(inputs)
    for name, value in pinned.items():
        merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    merged["min_shard_count"] = min(merged.get("min_shard_count", 1), merged["max_shard_count"])
    return {name: merged[name] for name in _order(merged)}


def _order(inputs: Mapping[str, Any]) -> Iterator[str]:
    """The names of the inputs, in the module's order."""
    yield from (
        name for name in dict.fromkeys(each.path[0] for each in module_inputs.module_inputs()) if name in inputs
    )
