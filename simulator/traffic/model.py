"""The traffic that producers send to a stream, per minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE, SHARD_RECORDS_PER_MINUTE

MINUTES_PER_DAY = 24 * 60
MOST_SHARDS = 10_000
"""The maximum number of shards for UpdateShardCount (botocore's service model of Kinesis)."""
RECORD_BYTES = 2048
"""Assumed where only bytes are known: these are then what fills a shard, and records are at half of theirs."""


@dataclass(frozen=True)
class Traffic:
    """The traffic that producers send to a stream in one minute, before throttling."""

    bytes: float
    records: float

    @classmethod
    def for_shards(cls, shards: float) -> Traffic:
        """Return a minute of traffic whose bytes fill this many shards."""
        return cls(shards * SHARD_BYTES_PER_MINUTE, shards * SHARD_BYTES_PER_MINUTE / RECORD_BYTES)

    @property
    def shards(self) -> float:
        """The number of evenly filled shards that the traffic needs: the larger of its bytes and its records."""
        return max(self.bytes / SHARD_BYTES_PER_MINUTE, self.records / SHARD_RECORDS_PER_MINUTE)


class TraceError(ValueError):
    """A trace file cannot be read. The message names the file, the line and the remedy."""


@dataclass(frozen=True)
class Trace:
    """Traffic per minute from `start`."""

    name: str
    start: datetime
    minutes: Sequence[Traffic]

    @property
    def mean_shards(self) -> float:
        """The mean demand, in shards."""
        return sum(load.shards for load in self.minutes) / len(self.minutes)

    def days(self, first: int, count: int = 1) -> Trace:
        """Return `count` days from day `first` (0 is the first of the trace), or fewer if the trace ends before."""
        begin, end = first * MINUTES_PER_DAY, (first + count) * MINUTES_PER_DAY
        return Trace(self.name, self.start + timedelta(minutes=begin), self.minutes[begin:end])
