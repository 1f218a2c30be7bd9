"""The outcome of a replay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1
from simulator.local_aws.replay_loop import StreamReplay
from simulator.traffic import Trace

_DAY = timedelta(days=1)
_MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class Outcome:
    """The outcome of a replay.

    Attributes:
        hours: its length.
        shard_hours: open shards times hours.
        throttled_share: the share of the traffic that was throttled, from 0 to 1.
        throttled_minutes: the number of minutes with throttling.
        scale_ups: the number of increases of the shard count.
        scale_downs: the number of decreases.
        most_calls_in_24_hours: the most UpdateShardCount calls in 24 hours. Kinesis allows ten.
        mean_utilization: the accepted traffic as a fraction of the capacity of the open shards.
        dollars_per_month: Kinesis's charge for shards and records, extrapolated to a month.

    """

    hours: float
    shard_hours: float
    throttled_share: float
    throttled_minutes: int
    scale_ups: int
    scale_downs: int
    most_calls_in_24_hours: int
    mean_utilization: float
    dollars_per_month: float

    @classmethod
    def of(cls, record: StreamReplay, trace: Trace, calls: Iterable[datetime]) -> Outcome:
        """Compute the outcome of a record, which covers a trace or its beginning."""
        minutes = record.minutes
        taken = [
            (load.bytes * (1 - minute.throttled_share), load.records * (1 - minute.throttled_share))
            for minute, load in zip(minutes, trace.minutes, strict=False)
        ]
        accepted_bytes, records = (sum(each) for each in zip(*taken, strict=True))
        hours = len(minutes) / _MINUTES_PER_HOUR
        dollars = US_EAST_1.provisioned(record.shard_hours, records, accepted_bytes / records if records else 0)
        ups = sum(event.to_shards > event.from_shards for event in record.events)
        accepted_shards = sum(minute.demand_shards * (1 - minute.throttled_share) for minute in minutes)
        return cls(
            hours=hours,
            shard_hours=record.shard_hours,
            throttled_share=record.throttled_share,
            throttled_minutes=sum(minute.throttled_share > 0 for minute in minutes),
            scale_ups=ups,
            scale_downs=len(record.events) - ups,
            most_calls_in_24_hours=most_within(_DAY, calls),
            mean_utilization=accepted_shards / sum(minute.open_shards for minute in minutes),
            dollars_per_month=dollars / hours * HOURS_PER_MONTH,
        )


def most_within(window: timedelta, moments: Iterable[datetime]) -> int:
    """Return the maximum number of moments within a window. The moments are sorted."""
    recent: deque[datetime] = deque()
    most = 0
    for moment in moments:
        recent.append(moment)
        while recent[0] <= moment - window:
            recent.popleft()
        most = max(most, len(recent))
    return most
