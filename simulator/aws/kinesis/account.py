"""The quotas that all streams of an account in a region share."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Protocol

from simulator.aws.assumptions import ASSUMED, Assumptions
from simulator.aws.kinesis.capacity import ON_DEMAND
from simulator.aws.kinesis.quotas import KinesisError, Limit, count_call

_SECOND = timedelta(seconds=1)


class CountedStream(Protocol):
    """The part of a stream that an account uses."""

    mode: str

    def status(self, now: datetime) -> str:
        """Return ACTIVE or UPDATING."""

    def quota_shards(self, now: datetime) -> int:
        """Return the number of shards that count towards the quota."""


class KinesisAccount:
    """The streams that share an account's quotas in a region.

    Attributes:
        shard_limit: the quota of shards. It may be changed at any time.
        streams: all of them.

    """

    def __init__(
        self,
        shard_limit: int | None = None,
        *,
        account_id: str = "123456789012",
        region: str = "us-east-1",
        assumptions: Assumptions = ASSUMED,
    ) -> None:
        """Start without streams. The default shard limit is the assumed one."""
        self.shard_limit = assumptions.shard_limit if shard_limit is None else shard_limit
        self.streams: list[CountedStream] = []
        self._assumptions = assumptions
        self._about = {"account": account_id, "region": region}
        self._calls: defaultdict[str, deque[datetime]] = defaultdict(deque)

    def count_update_call(self, now: datetime, stream_name: str = "") -> None:
        """Count a call of UpdateShardCount. Ten a second are allowed.

        Raises:
            KinesisError: LimitExceededException, the same code as for the ten reshards a day.

        """
        self._count("UpdateShardCount", self._assumptions.update_calls_per_second, now, stream_name)

    def count_split_call(self, now: datetime, stream_name: str) -> None:
        """Count a call of SplitShard. Five a second are allowed."""
        self._count("SplitShard", self._assumptions.split_calls_per_second, now, stream_name)

    def count_merge_call(self, now: datetime, stream_name: str) -> None:
        """Count a call of MergeShards. Five a second are allowed."""
        self._count("MergeShards", self._assumptions.merge_calls_per_second, now, stream_name)

    def _count(self, operation: str, limit: int, now: datetime, stream_name: str) -> None:
        refusal = self.refusal(Limit.CALLS_PER_SECOND, stream=stream_name)
        count_call(self._calls[operation], limit, now, _SECOND, refusal)

    def check_room(self, more: int, now: datetime) -> None:
        """Check that a reshard that adds `more` shards may begin.

        Raises:
            KinesisError: LimitExceededException, because of the shard limit or the number of streams in UPDATING.

        """
        present = self.open_shards(now)
        if more > 0 and present + more > self.shard_limit:
            raise self.refusal(Limit.SHARDS_OF_ACCOUNT, open=present, limit=self.shard_limit, more=more)
        busy = sum(stream.status(now) != "ACTIVE" for stream in self.streams)
        if self._assumptions.streams_at_once is not None and busy >= self._assumptions.streams_at_once:
            raise self.refusal(Limit.STREAMS_AT_ONCE)

    def refusal(self, exceeded: Limit, **about: object) -> KinesisError:
        """Return the error for an exceeded limit."""
        return exceeded.exceeded(**self._about, **about)

    def open_shards(self, now: datetime) -> int:
        """Return the number of shards that count towards the quota."""
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
