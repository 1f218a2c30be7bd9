"""epsagon/kinesis-autoscaler, as coded: kinesis_autoscaler/*.py and examples/stream_subscription.yml."""

from __future__ import annotations

import math
from collections.abc import Callable

from kinesis_autoscaler.model import AlarmRule
from simulator.aws.kinesis import KinesisError
from simulator.comparison.closed_loop import MINUTES_PER_DAY, Alarm, ClosedLoop

_PERIOD = 5
_RETRY_AFTER = (1, 2)  # minutes until Lambda retries a failed asynchronous invocation


class Epsagon:
    """Grows at 75% for 5 minutes by 100%, 50% or 25%; shrinks to twice the day's peak after a day at or under 25%.

    The thresholds are those of its example, the steps those of its code. It does not check the stream's status. In this
    model OpenShardCount is the old one while the stream is UPDATING: the alarms then seem out of sync and are set back
    to the old count.
    """

    name = "Epsagon"

    def start(self, loop: ClosedLoop) -> None:
        """Set up both alarms."""
        self._loop = loop
        count = loop.shard_count
        up, down = AlarmRule(0.75, 300, 1, 1), AlarmRule(0.25, 300, 288, 288)
        self._up = loop.watch(Alarm(up, count, lambda: self._scale(self._larger), above=True))
        self._down = loop.watch(Alarm(down, count, lambda: self._scale(self._smaller), above=False, or_equal=True))

    def _scale(self, target_of: Callable[[int], int], attempt: int = 0) -> None:
        loop = self._loop
        current = loop.shard_count
        if self._up.shard_count != current:
            self._sync(current)
            return
        target = target_of(current)
        if target == current:
            return
        try:
            loop.update_shard_count(target)
        except KinesisError:
            if attempt < len(_RETRY_AFTER):
                loop.at(loop.now + _RETRY_AFTER[attempt], lambda: self._scale(target_of, attempt + 1))
            return
        self._sync(target)

    def _sync(self, shard_count: int) -> None:
        for alarm in (self._up, self._down):
            alarm.shard_count = shard_count
            alarm.in_alarm = False

    @staticmethod
    def _larger(current: int) -> int:
        percent = 100 if current <= 3 else 50 if current <= 50 else 25
        return math.ceil(current * (1 + percent / 100))

    def _smaller(self, current: int) -> int:
        last = self._loop.visible_until
        sums = self._loop.accepted_sums[max(0, last - MINUTES_PER_DAY) : last + 1 : _PERIOD]
        peak = float((sums[1:] - sums[:-1]).max(initial=0.0)) / _PERIOD
        return max(math.ceil(current / 2), math.ceil(peak * 2))
