"""aws-samples/kinesis-auto-scaling, as coded: golang/scale.go, terraform/scale.tf and terraform/stream.tf."""

from __future__ import annotations

from kinesis_autoscaler.model import AlarmRule
from simulator.aws.kinesis import KinesisError
from simulator.comparison.closed_loop import Alarm, ClosedLoop


class AwsSamples:
    """Doubles at 75% for 5 of 5 × 5 minutes, halves under 25% for 57 of 60 × 5 minutes, without a maximum.

    These are the values of its stack (SCALE_UP_THRESHOLD and others). Half of an odd count is rounded down
    (calculateNewShardCount), which Kinesis refuses. After a refusal the alarm is set to OK (errorHandler), so that it
    fires again at the next evaluation. Its limit of the iterator age is not modelled, because consumers have no lag
    here.
    """

    name = "aws-samples"

    def start(self, loop: ClosedLoop) -> None:
        """Set up both alarms."""
        self._loop = loop
        count = loop.shard_count
        up, down = AlarmRule(0.75, 300, 5, 5), AlarmRule(0.25, 300, 60, 57)
        self._up = loop.watch(Alarm(up, count, lambda: self._scale(self._up, loop.shard_count * 2), above=True))
        self._down = loop.watch(
            Alarm(down, count, lambda: self._scale(self._down, max(1, loop.shard_count // 2)), above=False)
        )

    def _scale(self, fired: Alarm, target: int) -> None:
        if target == self._loop.shard_count:
            return  # with one shard, the scale-down alarm's threshold is -1
        if not self._loop.is_active:
            self._try_again(fired, self._loop.active_from)
            return
        try:
            self._loop.update_shard_count(target)
        except KinesisError:
            self._try_again(fired, self._loop.now + 1)
            return
        for alarm in (self._up, self._down):
            alarm.shard_count = target
            alarm.in_alarm = False

    def _try_again(self, alarm: Alarm, minute: int) -> None:
        def reset() -> None:
            alarm.in_alarm = False

        self._loop.at(minute, reset)
