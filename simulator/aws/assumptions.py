"""What AWS does not document, and quotas that it raises on request, in one place: measured values go here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def reshard_seconds(current: int, target: int) -> float:
    """Estimate how long UpdateShardCount takes: an assumption, not a figure of AWS.

    Three minutes, and a second more for each shard that comes or goes; half as long again where the target is not a
    multiple of 25% of the current count, which the API Reference says is slower.
    """
    seconds = 180.0 + abs(target - current)
    return seconds if target * 4 % current == 0 else seconds * 1.5


def count_before(current: int, target: int) -> int:
    """OpenShardCount while the stream is UPDATING: what it was before."""
    del target
    return current


@dataclass(frozen=True)
class Assumptions:
    """What the simulated AWS does where its documents are silent, and its default quotas.

    Attributes:
        metric_delay_seconds: how long after a minute's end its datapoints are visible.
        extra_datapoints: how many more datapoints than EvaluationPeriods an alarm looks at.
        reshard_seconds: how long UpdateShardCount takes, or a function of the current and the target count that tells.
        split_seconds: how long SplitShard takes; kinesis-scaling-utils says about 30 seconds.
        merge_seconds: how long MergeShards takes.
        mode_switch_seconds: how long UpdateStreamMode takes.
        count_while_updating: what OpenShardCount is meanwhile, from the current and the target count.
        reports_when_idle: whether a stream reports zeros, rather than nothing, in a minute without traffic.
        shard_limit: the account's shard quota in the region: 20,000 in the largest, 6,000 or 1,000 in others.
        update_calls_per_day: UpdateShardCount calls for a stream in 24 hours (API Reference: the default).
        update_calls_per_second: UpdateShardCount calls of an account in a second.
        split_calls_per_second: SplitShard calls of an account in a second (API Reference).
        merge_calls_per_second: MergeShards calls of an account in a second (API Reference).
        streams_at_once: how many streams of an account may be UPDATING; None: any number. The API Reference says only
            that too many are refused.
        mode_switches_per_day: UpdateStreamMode calls for a stream in 24 hours.
        fan_out_consumers: registered consumers of a stream (API Reference; 50 with on-demand Advantage).
        call_seconds: how long AWS takes for an answer to an API call.

    """

    metric_delay_seconds: int = 60
    extra_datapoints: int = 2
    reshard_seconds: float | Callable[[int, int], float] = reshard_seconds
    split_seconds: float = 30.0
    merge_seconds: float = 30.0
    mode_switch_seconds: float = 60.0
    count_while_updating: Callable[[int, int], int] = count_before
    reports_when_idle: bool = True
    shard_limit: int = 20_000
    update_calls_per_day: int = 10
    update_calls_per_second: int = 10
    split_calls_per_second: int = 5
    merge_calls_per_second: int = 5
    streams_at_once: int | None = None
    mode_switches_per_day: int = 2
    fan_out_consumers: int = 20
    call_seconds: float = 0.02

    def update_seconds(self, current: int, target: int) -> float:
        """How long UpdateShardCount takes from one count to another."""
        seconds = self.reshard_seconds
        return seconds(current, target) if callable(seconds) else seconds


ASSUMED = Assumptions()
"""What is assumed unless a simulation says otherwise."""
