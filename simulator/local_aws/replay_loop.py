"""Replays traffic against a local AWS and records demand, capacity, throttling and scalings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from simulator.local_aws import LocalAWS
    from simulator.traffic import Trace


_MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class Minute:
    """One minute of a stream.

    Attributes:
        at: its start.
        demand_shards: the number of evenly filled shards that the traffic needs.
        open_shards: the number of open shards.
        throttled_share: the share of the traffic that was throttled, from 0 to 1.

    """

    at: datetime
    demand_shards: float
    open_shards: int
    throttled_share: float


@dataclass(frozen=True)
class Scaling:
    """A change of a stream's number of shards, at the minute from which it applied."""

    at: datetime
    from_shards: int
    to_shards: int


@dataclass
class StreamReplay:
    """The record of one stream in a replay.

    Attributes:
        stream_name: the stream's name.
        minutes: its minutes so far.
        failed: scalings that failed, at the minute at which they began.
    """

    stream_name: str
    minutes: list[Minute] = field(default_factory=list)
    failed: list[Scaling] = field(default_factory=list)

    @property
    def events(self) -> list[Scaling]:
        """All changes of the number of shards, in order."""
        pairs = zip(self.minutes, self.minutes[1:], strict=False)
        return [
            Scaling(later.at, earlier.open_shards, later.open_shards)
            for earlier, later in pairs
            if earlier.open_shards != later.open_shards
        ]

    @property
    def shard_hours(self) -> float:
        """Open shards times hours, which Kinesis charges."""
        return sum(minute.open_shards for minute in self.minutes) / _MINUTES_PER_HOUR

    @property
    def throttled_share(self) -> float:
        """The share of all traffic that was throttled, from 0 to 1."""
        demand = sum(minute.demand_shards for minute in self.minutes)
        return sum(minute.demand_shards * minute.throttled_share for minute in self.minutes) / demand if demand else 0.0


def replay(aws: LocalAWS, traces: Mapping[str, Trace]) -> Iterator[list[StreamReplay]]:
    """Send each stream its trace, minute by minute. Yield the record so far after every minute.

    A stream whose trace ends before the others' reports nothing afterwards.
    """
    replays = {stream_name: StreamReplay(stream_name) for stream_name in traces}
    for index in range(max(len(trace.minutes) for trace in traces.values())):
        at = aws.clock.now()
        traffic = {name: trace.minutes[index] for name, trace in traces.items() if index < len(trace.minutes)}
        for name, minute in aws.advance_minute(traffic).items():
            # Less than a record is a rounding error.
            throttled = int(minute.throttled_records) / minute.offered_records if minute.offered_records else 0.0
            replays[name].minutes.append(Minute(at, traffic[name].shards, int(minute.shards), throttled))
        yield list(replays.values())
