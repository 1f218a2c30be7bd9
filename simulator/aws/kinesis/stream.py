"""A data stream: its capacity and throttling, its reshards, its metrics."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.aws.assumptions import ASSUMED, Assumptions
from simulator.aws.kinesis.account import KinesisAccount
from simulator.aws.kinesis.capacity import (
    ON_DEMAND,
    PROVISIONED,
    SHARD_BYTES_PER_MINUTE,
    SHARD_RECORDS_PER_MINUTE,
    Minute,
)
from simulator.aws.kinesis.consumers import Consumer, FanOutConsumer
from simulator.aws.kinesis.keys import Keys, Spread
from simulator.aws.kinesis.on_demand import OnDemandCapacity
from simulator.aws.kinesis.quotas import KinesisError, Limit, count_call
from simulator.aws.kinesis.shards import Layout, Shard, Shards

if TYPE_CHECKING:
    from collections.abc import Collection

    from simulator.aws.metrics import MetricStore


_MILLISECOND, _MINUTE, _DAY = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(days=1)
_MAX_SHARDS = 10_000
_SHARD_LEVEL = ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded")
_ROUNDING = 1e-12  # for rounding errors of a demand that just fits


class StreamModel:
    """One data stream. It has no clock: every method gets the current moment.

    Moments must not go back by more than the minute that is being offered.

    Attributes:
        name: the stream's name.
        mode: PROVISIONED or ON_DEMAND.
        keys: the distribution of the traffic over hash keys. It may be changed at any time.
        shards: its shards and their ranges of hash keys.
        shard_level_metrics: the metrics that it reports for each shard, as set by EnableEnhancedMonitoring. Shard-level
            metrics of reads are not modelled.
        assumptions: the behaviour of this stream where the documents say nothing.
        consumer: its polling consumers, or None.
        fan_out: the consumers that are registered for enhanced fan-out, by name.
    """

    def __init__(
        self,
        name: str,
        shard_count: int,
        *,
        store: MetricStore | None = None,
        created_at: datetime | None = None,
        key_skew: float = 0.0,
        keys: Keys | None = None,
        consumer: Consumer | None = None,
        account: KinesisAccount | None = None,
        arn: str | None = None,
        assumptions: Assumptions = ASSUMED,
        **assumed: Any,  # noqa: ANN401 - fields of Assumptions
    ) -> None:
        """Create an ACTIVE, provisioned stream.

        Args:
            name: the stream's name.
            shard_count: its number of open shards.
            store: receives its metrics; by default they are discarded.
            created_at: the time of its creation; by default now.
            key_skew: the share of traffic that the hottest shard gets beyond its even share, from 0 (even) to 1 (all
                traffic on one shard), for any number of shards. Short for `Keys(skew=…)`.
            keys: the distribution of its partition keys; by default even.
            consumer: its reader; by default one application without lag.
            account: the account whose shard quota applies; by default there is no quota.
            arn: its ARN; by default one of an example account.
            assumptions: its behaviour where the documents say nothing.
            **assumed: values of single assumptions, by name.
        """
        self.name = name
        self.mode = PROVISIONED
        self.keys = keys or Keys(skew=key_skew)
        self.assumptions = replace(assumptions, **assumed)
        self.shard_level_metrics: frozenset[str] = frozenset()
        self.consumer: Consumer | None = consumer or Consumer()
        self.fan_out: dict[str, FanOutConsumer] = {}
        self._store = store
        self._arn = arn or f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"
        self._created_at = created_at or datetime.now(UTC)
        self._retention = _DAY
        self.shards = Shards(shard_count, self._created_at)
        self._spread_over: tuple[Keys, Spread] | None = None
        self._busy_until = self._created_at
        self._reshards: deque[datetime] = deque()
        self._mode_switches: deque[datetime] = deque()
        self._on_demand = OnDemandCapacity()
        self._account = account or KinesisAccount(shard_limit=2**31)
        self._account.streams.append(self)

    @property
    def key_skew(self) -> float:
        """The share of traffic that the hottest shard gets beyond its even share, from 0 to 1."""
        return self.keys.skew

    @key_skew.setter
    def key_skew(self, skew: float) -> None:
        self.keys = replace(self.keys, skew=skew)

    # --- Traffic -----------------------------------------------------------------------------------------------------

    def offer(self, minute: datetime, offered_bytes: float, offered_records: float) -> Minute:
        """Send a minute's traffic to the stream, starting at `minute`, and report the metrics of that minute.

        The capacity is that at the start of the minute. The traffic is even within the minute.
        """
        layout, on_demand_shards = self.shards.open(minute), self._on_demand.shards(minute)
        demand = max(offered_bytes / SHARD_BYTES_PER_MINUTE, offered_records / SHARD_RECORDS_PER_MINUTE)
        spread = self._spread(layout) if self.mode == PROVISIONED else None
        shards = float(len(layout))
        if spread is None:
            shards = max(shards, on_demand_shards)
            accepted = _accepted_on_demand(demand, shards, self.keys.skew)
        else:
            accepted = spread.accepted(demand)
        self._on_demand.took(minute, accepted)
        result = Minute(offered_bytes, offered_records, accepted / demand if demand else 1.0, shards, spread)
        self._report(minute, result)
        return result

    def _spread(self, layout: Layout) -> Spread:
        """Return the distribution of the traffic over these shards, cached until shards or keys change."""
        if (known := self._spread_over) is None or known[0] is not self.keys or known[1].layout is not layout:
            known = self._spread_over = self.keys, self.keys.over(layout)
        return known[1]

    def _report(self, minute: datetime, result: Minute) -> None:
        if result.offered_records or self.assumptions.reports_when_idle:
            self._report_writes(minute, result, _SHARD_LEVEL)
            if self.shard_level_metrics:
                for shard_id, of_shard in result.by_shard().items():
                    self._report_writes(minute, of_shard, self.shard_level_metrics, ShardId=shard_id)
        for each in self.fan_out.values():
            if (lag := each.minute(self._retention)) is not None:
                self._put(
                    minute, "SubscribeToShardEvent.MillisBehindLatest", lag / _MILLISECOND, ConsumerName=each.name
                )
        if self.consumer is None:
            return
        reads = self.consumer.minute(minute, result.accepted_bytes, result.shards, self._retention)
        if reads is not None:
            self._put(minute, "GetRecords.Bytes", reads.bytes)
            self._put(minute, "GetRecords.IteratorAgeMilliseconds", reads.iterator_age / _MILLISECOND)

    def _report_writes(self, minute: datetime, result: Minute, metrics: Collection[str], **more: str) -> None:
        samples = max(1.0, result.accepted_records)
        for name, value, count in (
            ("IncomingBytes", result.accepted_bytes, samples),
            ("IncomingRecords", result.accepted_records, samples),
            ("WriteProvisionedThroughputExceeded", result.throttled_records, 1),
        ):
            if name in metrics or "ALL" in metrics:
                self._put(minute, name, value, count, **more)

    def _put(self, minute: datetime, metric_name: str, value: float, samples: float = 1, **more: str) -> None:
        if self._store is not None:
            dimensions = {"StreamName": self.name, **more}
            self._store.put("AWS/Kinesis", metric_name, dimensions, minute, sum=value, sample_count=samples)

    # --- Shards ------------------------------------------------------------------------------------------------------

    def shard_count(self, now: datetime) -> int:
        """Return the number of shards that serve the stream. It changes at the end of a reshard."""
        return len(self.shards.open(now))

    def status(self, now: datetime) -> str:
        """Return ACTIVE or UPDATING."""
        return "UPDATING" if now < self._busy_until else "ACTIVE"

    def quota_shards(self, now: datetime) -> int:
        """Return the number of shards that count towards the account's quota. An on-demand stream has none."""
        if self.mode == ON_DEMAND:
            return 0
        return max(self.shard_count(now), len(self.shards.newest))

    def update_shard_count(self, target: int, now: datetime) -> dict[str, Any]:
        """Start a reshard to equal ranges, as UpdateShardCount does, and return its answer.

        Raises:
            KinesisError: ValidationException for an on-demand stream, ResourceInUseException unless ACTIVE,
                InvalidArgumentException for a target above double or below half, LimitExceededException above 10,000
                shards, above the account's limits, after ten reshards within 24 hours or ten calls of the account
                within a second.
        """
        self._account.count_update_call(now, self.name)
        self._require_reshardable(now)
        current = self.shard_count(now)
        if not (current + 1) // 2 <= target <= 2 * current:
            raise KinesisError(
                "InvalidArgumentException",
                f"the target of {target} shards is above double or below half of the current {current}",
            )
        if target > _MAX_SHARDS or target == _MAX_SHARDS < current:
            raise KinesisError("LimitExceededException", f"a stream cannot be scaled to {target} shards")
        self._account.check_room(target - current, now)
        self._count(self._reshards, "UpdateShardCount", self.assumptions.update_calls_per_day, now)
        self._reshard(self.shards.even(target), self.assumptions.update_seconds(current, target), now)
        return {
            "StreamName": self.name,
            "StreamARN": self._arn,
            "CurrentShardCount": current,
            "TargetShardCount": target,
        }

    def split_shard(self, shard_id: str, new_starting_hash_key: int, now: datetime) -> None:
        """Start to split a shard in two, as SplitShard does.

        Raises:
            KinesisError: as update_shard_count, but with five calls a second and no daily limit.
                ResourceNotFoundException for an unknown shard. InvalidArgumentException for a closed shard, or for a
                hash key that would leave one of the two without keys.
        """
        self._account.count_split_call(now, self.name)
        self._require_reshardable(now)
        shard = self._open_shard(shard_id)
        if not shard.first < new_starting_hash_key < shard.last:
            raise KinesisError(
                "InvalidArgumentException",
                f"NewStartingHashKey {new_starting_hash_key} used in SplitShard() on shard {shard_id} in stream "
                f"{self.name} is not both greater than the shard's StartingHashKey {shard.first} and less than the "
                f"shard's EndingHashKey {shard.last}.",
            )
        self._account.check_room(1, now)
        self._reshard(self.shards.split(shard, new_starting_hash_key), self.assumptions.split_seconds, now)

    def merge_shards(self, shard_id: str, adjacent_shard_id: str, now: datetime) -> None:
        """Start to merge two neighbours, as MergeShards does.

        Raises:
            KinesisError: as split_shard; InvalidArgumentException unless the two are neighbours.
        """
        self._account.count_merge_call(now, self.name)
        self._require_reshardable(now)
        shard, adjacent = self._open_shard(shard_id), self._open_shard(adjacent_shard_id)
        if shard.last + 1 != adjacent.first and adjacent.last + 1 != shard.first:
            raise KinesisError(
                "InvalidArgumentException",
                f"Shards {shard_id} and {adjacent_shard_id} in stream {self.name} are not an adjacent pair of shards "
                "eligible for merging.",
            )
        self._account.check_room(-1, now)
        self._reshard(self.shards.merge(shard, adjacent), self.assumptions.merge_seconds, now)

    def reshard_by_hand(self, shard_count: int, now: datetime) -> None:
        """Set the number of shards at once, as if a person split or merged shards, without limits and quotas."""
        self._require_active(now)
        self.shards.become(self.shards.even(shard_count), now)

    def _reshard(self, layout: Layout, seconds: float, now: datetime) -> None:
        self._busy_until = now + timedelta(seconds=seconds)
        self.shards.become(layout, self._busy_until)

    def _open_shard(self, shard_id: str) -> Shard:
        if (life := self.shards.life(shard_id)) is None:
            raise KinesisError("ResourceNotFoundException", f"Could not find shard {shard_id} in stream {self.name}.")
        if life.closed_at is not None:
            raise KinesisError(
                "InvalidArgumentException",
                f"Shard {shard_id} in stream {self.name} has already been merged or split, and thus is not eligible "
                "for merging or splitting.",
            )
        return life.shard

    # --- Other calls -------------------------------------------------------------------------------------------------

    def update_stream_mode(self, mode: str, now: datetime) -> None:
        """Switch between PROVISIONED and ON_DEMAND, as UpdateStreamMode does. The number of shards stays.

        Raises:
            KinesisError: ResourceInUseException unless ACTIVE, LimitExceededException after two switches within 24
                hours.
        """
        self._require_active(now)
        self._count(self._mode_switches, "UpdateStreamMode", self.assumptions.mode_switches_per_day, now)
        self.mode = mode
        self._busy_until = now + timedelta(seconds=self.assumptions.mode_switch_seconds)

    def register_consumer(self, name: str) -> FanOutConsumer:
        """Register a consumer for enhanced fan-out, as RegisterStreamConsumer does. It is ACTIVE at once.

        Raises:
            KinesisError: ResourceInUseException for a name that is taken, LimitExceededException above 20 consumers.
        """
        if name in self.fan_out:
            raise KinesisError("ResourceInUseException", f"Consumer {name} of stream {self.name} already exists.")
        if len(self.fan_out) >= self.assumptions.fan_out_consumers:
            raise KinesisError("LimitExceededException", f"stream {self.name} has {len(self.fan_out)} consumers")
        consumer = self.fan_out[name] = FanOutConsumer(name)
        return consumer

    def describe(self, now: datetime) -> dict[str, Any]:
        """Answer DescribeStreamSummary."""
        status, shards = self.status(now), self.shard_count(now)
        if status == "UPDATING":
            shards = self.assumptions.count_while_updating(shards, len(self.shards.newest))
        return {
            "StreamDescriptionSummary": {
                "StreamName": self.name,
                "StreamARN": self._arn,
                "StreamStatus": status,
                "StreamModeDetails": {"StreamMode": self.mode},
                "RetentionPeriodHours": self._retention // timedelta(hours=1),
                "StreamCreationTimestamp": self._created_at,
                "EnhancedMonitoring": [{"ShardLevelMetrics": sorted(self.shard_level_metrics)}],
                "EncryptionType": "NONE",
                "OpenShardCount": shards,
                "ConsumerCount": len(self.fan_out),
            }
        }

    def _count(self, calls: deque[datetime], operation: str, limit: int, now: datetime) -> None:
        refusal = Limit.CALLS_PER_DAY.exceeded(operation=operation, limit=limit, stream=self.name)
        count_call(calls, limit, now, _DAY, refusal)

    def _require_reshardable(self, now: datetime) -> None:
        if self.mode == ON_DEMAND:
            raise KinesisError("ValidationException", f"stream {self.name} is in on-demand mode")
        self._require_active(now)

    def _require_active(self, now: datetime) -> None:
        if self.status(now) != "ACTIVE":
            raise KinesisError("ResourceInUseException", f"stream {self.name} is {self.status(now)}, not ACTIVE")


def _accepted_on_demand(demand: float, shards: float, key_skew: float) -> float:
    """Return how much of a demand is accepted if one of the shards is hot, both in shards' worth."""
    hot = min(1.0, 1 / shards + key_skew)
    accepted = min(demand * hot, 1.0) + min(demand * (1 - hot), shards - 1)
    return demand if math.isclose(accepted, demand, rel_tol=_ROUNDING) else accepted
