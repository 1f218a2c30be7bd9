"""kenzanlabs/custom-resource-auto-scaling-kinesis-demo (2018), as coded and with its units corrected."""

from __future__ import annotations

import math

from simulator.aws.kinesis import KinesisError
from simulator.comparison.closed_loop import ClosedLoop

_MONITOR_MINUTES = 10
_TARGET_PERCENT = 75.0
_MAX_SHARDS = 10  # src/config.py
_SHARD_PERCENT = 100.0 * 30
"""The utilization of a full shard as src/monitoring_resource.py computes it. It divides the bytes of a minute (up to
60 MiB) by 2 MiB, and the records of a minute (up to 60,000) by 1,000. For bytes, the result is 30 times too high."""


class Kenzan:
    """Application Auto Scaling tracks a utilization of 75%, measured every 10 minutes. It scales up only, to 10 shards.

    Its utilization is 30 times too high, so it requests its maximum at the first measurement. The maximum is that of
    src/config.py. README.md registers the stream with a maximum of 5, which would throttle more. Kinesis allowed two
    calls a day when this autoscaler was written. The model allows it ten.
    """

    name = "KENZAN, as coded"

    def __init__(self, *, units_right: bool = False) -> None:
        """Take it as coded, or with its units corrected and without its maximum."""
        self._full_shard = 100.0 if units_right else _SHARD_PERCENT
        self._maximum = 10_000 if units_right else _MAX_SHARDS
        if units_right:
            self.name = "KENZAN, units corrected"

    def start(self, loop: ClosedLoop) -> None:
        """Set up the monitor."""
        self._loop = loop
        loop.at(_MONITOR_MINUTES, self._monitor)

    def _monitor(self) -> None:
        loop = self._loop
        loop.at(loop.now + _MONITOR_MINUTES, self._monitor)
        last = loop.visible_until
        first = max(0, last - _MONITOR_MINUTES)
        if last == first or not loop.is_active:
            return
        mean = float(loop.accepted_sums[last] - loop.accepted_sums[first]) / (last - first)
        percent = mean / loop.shard_count * self._full_shard
        desired = min(math.ceil(loop.shard_count * percent / _TARGET_PERCENT), self._maximum, 2 * loop.shard_count)
        if desired <= loop.shard_count:
            return  # the scaler does not support scaling down
        try:
            loop.update_shard_count(desired)
        except KinesisError:
            return  # the next measurement repeats the request
