"""A generated day of traffic."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

from simulator.traffic.model import MINUTES_PER_DAY, Trace, Traffic


def generated_day(
    name: str, *, base: float, peak: float, peak_hour: float, burst_hour: float | None = None, seed: int
) -> Trace:
    """Return a typical day: a wave between `base` and `peak` shards, noise, and optionally a burst.

    The burst doubles the traffic within three minutes and ends after an hour. The same seed gives the same day.
    """
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    minutes = []
    for minute in range(MINUTES_PER_DAY):
        hour = minute / 60
        wave = (1 + math.cos((hour - peak_hour) / 24 * math.tau)) / 2
        demand = base + (peak - base) * wave**2
        if burst_hour is not None:
            since_burst = minute - burst_hour * 60
            demand *= 1 + max(0.0, min(since_burst / 3, 1.0, 2 - since_burst / 30))
        minutes.append(Traffic.for_shards(demand * dice.lognormvariate(0, 0.06)))
    return Trace(name, datetime(2026, 1, 5, tzinfo=UTC), minutes)
