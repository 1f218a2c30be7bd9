"""The shards that a demand needs, and the counts that Kinesis reaches fast."""

from __future__ import annotations

import math

from ..model import Settings

NOT_NEAR_THE_THRESHOLD = 0.95
"""A stream is never shrunk to more than this fraction of its scale-up threshold."""


def fill_of(settings: Settings) -> float:
    """The maximum utilization after a scale-down: the target, but not near the scale-up threshold."""
    return min(settings.target_utilization, NOT_NEAR_THE_THRESHOLD * settings.scale_up.threshold)


def fewest_for(demand: float, settings: Settings) -> int:
    """The minimum of shards for a demand."""
    return max(1, math.ceil(round(demand / fill_of(settings), 9)))


def round_up_to_quarter(wanted: float, current: int) -> int:
    """The next multiple of 25% of the current count, if that is a whole number; otherwise the next whole number.

    Kinesis reaches multiples of 25% faster than other counts (UpdateShardCount's reference).
    """
    needed, quarters = math.ceil(round(wanted, 9)), math.ceil(round(4 * wanted / current, 9))
    return quarters * current // 4 if quarters * current % 4 == 0 else needed
