"""theburningmonk.com, "Auto-scaling Kinesis streams with AWS Lambda" (2017), as described."""

from __future__ import annotations

from kinesis_autoscaler.model import AlarmRule
from simulator.aws.kinesis import KinesisError
from simulator.comparison.closed_loop import MINUTES_PER_DAY, Alarm, ClosedLoop

_PERIOD = 5
_CRON_MINUTES = 36 * 60


class Burningmonk:
    """Doubles at 80% for 5 minutes; every 36 hours halves if the last day's 5-minute points were all under 50%.

    Of the metrics in the text, this uses IncomingBytes and IncomingRecords of the stream at "say 80% of the provisioned
    throughput". Of the ways to scale, it uses UpdateShardCount, "doubled up". The text names no period for the alarm;
    the five minutes of its scale-down are used. After scaling the alarm's state is set to OK, as in the text. The
    text's bounds are not modelled, because each stream has its own.
    """

    name = "theburningmonk"

    def start(self, loop: ClosedLoop) -> None:
        """Set up the alarm and the cron job."""
        self._loop = loop
        rule = AlarmRule(0.8, _PERIOD * 60, 1, 1)
        self._up = loop.watch(Alarm(rule, loop.shard_count, self._double, above=True))
        loop.at(_CRON_MINUTES, self._cron)

    def _double(self) -> None:
        loop = self._loop
        if not loop.is_active:
            loop.at(loop.active_from, self._set_to_ok)
            return
        self._scale(loop.shard_count * 2)

    def _cron(self) -> None:
        loop = self._loop
        loop.at(loop.now + _CRON_MINUTES, self._cron)
        last = loop.visible_until
        sums = loop.accepted_sums[max(0, last - MINUTES_PER_DAY) : last + 1 : _PERIOD]
        peak = float((sums[1:] - sums[:-1]).max(initial=0.0)) / _PERIOD
        half = (loop.shard_count + 1) // 2
        if peak < 0.5 * loop.shard_count and half < loop.shard_count:
            self._scale(half)

    def _scale(self, target: int) -> None:
        try:
            self._loop.update_shard_count(target)
        except KinesisError:
            self._loop.at(self._loop.now + _PERIOD, self._set_to_ok)
            return
        self._up.shard_count = target
        self._set_to_ok()

    def _set_to_ok(self) -> None:
        self._up.in_alarm = False
