"""The quotas that an account's streams share in a region."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Protocol

from simulator.aws.kinesis.capacity import ON_DEMAND
from simulator.aws.kinesis.quotas import count_call

_UPDATE_CALLS_PER_SECOND = 10


class CountedStream(Protocol):
    """What an account has to know of a stream."""

    mode: str

    def quota_shards(self, now: datetime) -> int:
        """Return how many shards count towards the quota."""


class KinesisAccount:
    """The streams that share an account's quotas in a region."""

    def __init__(self, shard_limit: int = 20_000) -> None:
        """Start without streams; 20,000 is the quota of the largest regions, others have 6,000 or 1,000."""
        self.shard_limit = shard_limit
        self.streams: list[CountedStream] = []
        self._update_calls: deque[datetime] = deque()

    def count_update_call(self, now: datetime) -> None:
        """Count a call of UpdateShardCount, of which there may be ten a second.

        Raises:
            KinesisError: LimitExceededException, the same code as for the ten reshards a day.
        """
        count_call(self._update_calls, _UPDATE_CALLS_PER_SECOND, now, timedelta(seconds=1), "UpdateShardCount")

    def open_shards(self, now: datetime) -> int:
        """Return how many shards count towards the quota."""
        return sum(stream.quota_shards(now) for stream in self.streams)

    def describe_limits(self, now: datetime) -> dict[str, int]:
        """Answer DescribeLimits."""
        on_demand = sum(stream.mode == ON_DEMAND for stream in self.streams)
        return {
            "ShardLimit": self.shard_limit,
            "OpenShardCount": self.open_shards(now),
            "OnDemandStreamCount": on_demand,
            "OnDemandStreamCountLimit": 50,
        }
