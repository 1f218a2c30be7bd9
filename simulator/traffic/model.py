"""What producers send to a stream, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE, SHARD_RECORDS_PER_MINUTE

MINUTES_PER_DAY = 24 * 60
MOST_SHARDS = 10_000
"""To which UpdateShardCount scales a stream at most (botocore's service model of Kinesis)."""
RECORD_BYTES = 2048
"""Assumed where only bytes are known: these are then what fills a shard, and records are at half of theirs."""


@dataclass(frozen=True)
class Traffic:
    """What producers send to a stream in one minute, before any of it is throttled."""

    bytes: float
    records: float

    @classmethod
    def for_shards(cls, shards: float) -> Traffic:
        """A minute that fills this many shards, by its bytes."""
        return cls(shards * SHARD_BYTES_PER_MINUTE, shards * SHARD_BYTES_PER_MINUTE / RECORD_BYTES)

    @property
    def shards(self) -> float:
        """How many evenly filled shards would take it: the larger of its bytes and its records."""
        return max(self.bytes / SHARD_BYTES_PER_MINUTE, self.records / SHARD_RECORDS_PER_MINUTE)


class TraceError(ValueError):
    """A trace file that cannot be read; the message names the file, the line and the remedy."""


@dataclass(frozen=True)
class Trace:
    """Traffic minute by minute, from `start` on."""

    name: str
    start: datetime
    minutes: Sequence[Traffic]

    @property
    def mean_shards(self) -> float:
        """The mean demand, in shards."""
        return sum(load.shards for load in self.minutes) / len(self.minutes)

    def days(self, first: int, count: int = 1) -> Trace:
        """`count` days from the `first` on (0 is that with which the trace starts); fewer if it ends before."""
        begin, end = first * MINUTES_PER_DAY, (first + count) * MINUTES_PER_DAY
        return Trace(self.name, self.start + timedelta(minutes=begin), self.minutes[begin:end])
