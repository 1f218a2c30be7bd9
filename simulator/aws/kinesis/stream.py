"""A data stream: what it takes and throttles, how it reshards, what it reports."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.aws.kinesis.account import KinesisAccount
from simulator.aws.kinesis.capacity import (
    ON_DEMAND,
    PROVISIONED,
    SHARD_BYTES_PER_MINUTE,
    SHARD_RECORDS_PER_MINUTE,
    Minute,
)
from simulator.aws.kinesis.consumers import Consumer, FanOutConsumer
from simulator.aws.kinesis.on_demand import OnDemandCapacity
from simulator.aws.kinesis.quotas import KinesisError, count_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.aws.metrics import MetricStore


_MILLISECOND, _MINUTE, _DAY = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(days=1)
_RESHARDS_PER_DAY, _MODE_SWITCHES_PER_DAY = 10, 2
_MAX_SHARDS = 10_000
_MAX_FAN_OUT_CONSUMERS = 20
_ROUNDING = 1e-12  # what floats make of a demand that just fits


def reshard_seconds(current: int, target: int) -> float:
    """Estimate how long UpdateShardCount takes: an assumption, not a figure of AWS.

    Three minutes, and a second more for each shard that comes or goes; half as long again where the target is not a
    multiple of 25% of the current count, which the API Reference says is slower.
    """
    seconds = 180.0 + abs(target - current)
    return seconds if target * 4 % current == 0 else seconds * 1.5


class StreamModel:
    """One data stream. Everything it does follows from the moments it is told; it has no clock of its own.

    Moments must not go back by more than the minute that is being offered.

    Attributes:
        name: the stream's name.
        mode: PROVISIONED or ON_DEMAND.
        key_skew: how much of the traffic the hottest shard gets beyond its even share, from 0 to 1.
        consumer: who polls it; None if nobody does.
        fan_out: the consumers that are registered for enhanced fan-out, by name.
    """

    def __init__(
        self,
        name: str,
        shard_count: int,
        *,
        store: MetricStore | None = None,
        created_at: datetime | None = None,
        reshard_seconds: float | Callable[[int, int], float] = reshard_seconds,
        key_skew: float = 0.0,
        reports_when_idle: bool = True,
        count_while_updating: Callable[[int, int], int] = lambda current, _: current,
        consumer: Consumer | None = None,
        account: KinesisAccount | None = None,
        arn: str | None = None,
    ) -> None:
        """Make an ACTIVE, provisioned stream.

        Args:
            name: the stream's name.
            shard_count: how many open shards it has.
            store: where its metrics go; nowhere unless given.
            created_at: when it was made; now unless given.
            reshard_seconds: how long a reshard takes, or a function of the current and the target count that tells.
            key_skew: how uneven its partition keys are, from 0 (even) to 1 (all traffic on one shard).
            reports_when_idle: whether it reports zeros, rather than nothing, in a minute without traffic.
            count_while_updating: what OpenShardCount is during a reshard, from the current and the target count.
            consumer: who reads from it; one application that keeps up unless given.
            account: whose shard quota it counts towards; no quota unless given.
            arn: its ARN; one of an example account unless given.
        """
        self.name = name
        self.mode = PROVISIONED
        self.key_skew = key_skew
        self.consumer: Consumer | None = consumer or Consumer()
        self.fan_out: dict[str, FanOutConsumer] = {}
        self._store = store
        self._arn = arn or f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"
        self._created_at = created_at or datetime.now(UTC)
        self._reshard_seconds = reshard_seconds
        self._reports_when_idle = reports_when_idle
        self._count_while_updating = count_while_updating
        self._retention = _DAY
        self._counts = [(self._created_at, shard_count)]  # from when on, how many shards: the last may lie ahead
        self._busy_until = self._created_at
        self._reshards: deque[datetime] = deque()
        self._mode_switches: deque[datetime] = deque()
        self._on_demand = OnDemandCapacity()
        self._account = account or KinesisAccount(shard_limit=2**31)
        self._account.streams.append(self)

    # --- Traffic -----------------------------------------------------------------------------------------------------

    def offer(self, minute: datetime, offered_bytes: float, offered_records: float) -> Minute:
        """Send a minute's traffic to the stream, starting at `minute`, and report the metrics of that minute.

        The capacity is that at the start of the minute; within it the traffic is even.
        """
        shards: float = self.shard_count(minute)
        on_demand_shards = self._on_demand.shards(minute)
        if self.mode == ON_DEMAND:
            shards = max(shards, on_demand_shards)
        demand = max(offered_bytes / SHARD_BYTES_PER_MINUTE, offered_records / SHARD_RECORDS_PER_MINUTE)
        accepted = _accepted(demand, shards, self.key_skew)
        self._on_demand.took(minute, accepted)
        result = Minute(offered_bytes, offered_records, accepted / demand if demand else 1.0, shards)
        self._report(minute, result)
        return result

    def _report(self, minute: datetime, result: Minute) -> None:
        if result.offered_records or self._reports_when_idle:
            samples = max(1.0, result.accepted_records)
            self._put(minute, "IncomingBytes", result.accepted_bytes, samples)
            self._put(minute, "IncomingRecords", result.accepted_records, samples)
            self._put(minute, "WriteProvisionedThroughputExceeded", result.throttled_records)
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

    def _put(self, minute: datetime, metric_name: str, value: float, samples: float = 1, **more: str) -> None:
        if self._store is not None:
            dimensions = {"StreamName": self.name, **more}
            self._store.put("AWS/Kinesis", metric_name, dimensions, minute, sum=value, sample_count=samples)

    # --- Shards ------------------------------------------------------------------------------------------------------

    def shard_count(self, now: datetime) -> int:
        """Return how many shards serve the stream: until a reshard is done, as many as before it."""
        return next((count for since, count in reversed(self._counts) if since <= now), self._counts[0][1])

    def status(self, now: datetime) -> str:
        """Return ACTIVE or UPDATING."""
        return "UPDATING" if now < self._busy_until else "ACTIVE"

    def quota_shards(self, now: datetime) -> int:
        """Return how many shards count towards the account's quota: none for an on-demand stream."""
        if self.mode == ON_DEMAND:
            return 0
        return max(self.shard_count(now), self._counts[-1][1])

    def update_shard_count(self, target: int, now: datetime) -> dict[str, Any]:
        """Start a reshard, as UpdateShardCount does, and answer as it does.

        Raises:
            KinesisError: ValidationException for an on-demand stream, ResourceInUseException unless ACTIVE,
                InvalidArgumentException for a target above double or below half, LimitExceededException above 10,000
                shards, above the account's shard limit, after ten reshards within 24 hours or ten calls of the account
                within a second.
        """
        self._account.count_update_call(now)
        if self.mode == ON_DEMAND:
            raise KinesisError("ValidationException", f"stream {self.name} is in on-demand mode")
        self._require_active(now)
        current = self.shard_count(now)
        if not (current + 1) // 2 <= target <= 2 * current:
            raise KinesisError(
                "InvalidArgumentException",
                f"the target of {target} shards is above double or below half of the current {current}",
            )
        if target > _MAX_SHARDS or target == _MAX_SHARDS < current:
            raise KinesisError("LimitExceededException", f"a stream cannot be scaled to {target} shards")
        others = self._account.open_shards(now) - current
        if target > current and others + target > self._account.shard_limit:
            raise KinesisError(
                "LimitExceededException",
                f"the account has {others} other shards; {target} more exceed its limit of {self._account.shard_limit}",
            )
        count_call(self._reshards, _RESHARDS_PER_DAY, now, _DAY, "UpdateShardCount")
        duration = self._reshard_seconds
        seconds = duration(current, target) if callable(duration) else duration
        self._busy_until = now + timedelta(seconds=seconds)
        self._counts.append((self._busy_until, target))
        return {
            "StreamName": self.name,
            "StreamARN": self._arn,
            "CurrentShardCount": current,
            "TargetShardCount": target,
        }

    def reshard_by_hand(self, shard_count: int, now: datetime) -> None:
        """Let a person split or merge shards until there are this many: at once, with no limit and no quota spent."""
        self._require_active(now)
        self._counts.append((now, shard_count))

    def update_stream_mode(self, mode: str, now: datetime) -> None:
        """Switch between PROVISIONED and ON_DEMAND, as UpdateStreamMode does. The number of shards stays.

        Raises:
            KinesisError: ResourceInUseException unless ACTIVE, LimitExceededException after two switches within 24
                hours.
        """
        self._require_active(now)
        count_call(self._mode_switches, _MODE_SWITCHES_PER_DAY, now, _DAY, "UpdateStreamMode")
        self.mode = mode
        self._busy_until = now + _MINUTE

    def register_consumer(self, name: str) -> FanOutConsumer:
        """Register a consumer for enhanced fan-out, as RegisterStreamConsumer does; it is ACTIVE at once.

        Raises:
            KinesisError: ResourceInUseException for a name that is taken, LimitExceededException above 20 consumers.
        """
        if name in self.fan_out:
            raise KinesisError("ResourceInUseException", f"Consumer {name} of stream {self.name} already exists.")
        if len(self.fan_out) >= _MAX_FAN_OUT_CONSUMERS:
            raise KinesisError("LimitExceededException", f"stream {self.name} has {_MAX_FAN_OUT_CONSUMERS} consumers")
        consumer = self.fan_out[name] = FanOutConsumer(name)
        return consumer

    def describe(self, now: datetime) -> dict[str, Any]:
        """Answer DescribeStreamSummary."""
        status, shards = self.status(now), self.shard_count(now)
        if status == "UPDATING":
            shards = self._count_while_updating(shards, self._counts[-1][1])
        return {
            "StreamDescriptionSummary": {
                "StreamName": self.name,
                "StreamARN": self._arn,
                "StreamStatus": status,
                "StreamModeDetails": {"StreamMode": self.mode},
                "RetentionPeriodHours": self._retention // timedelta(hours=1),
                "StreamCreationTimestamp": self._created_at,
                "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
                "EncryptionType": "NONE",
                "OpenShardCount": shards,
                "ConsumerCount": len(self.fan_out),
            }
        }

    def _require_active(self, now: datetime) -> None:
        if self.status(now) != "ACTIVE":
            raise KinesisError("ResourceInUseException", f"stream {self.name} is {self.status(now)}, not ACTIVE")


def _accepted(demand: float, shards: float, key_skew: float) -> float:
    """Return how much of a demand is taken, both in shards' worth, if the hottest shard gets more than its share."""
    hot = min(1.0, 1 / shards + key_skew)
    accepted = min(demand * hot, 1.0) + min(demand * (1 - hot), shards - 1)
    return demand if math.isclose(accepted, demand, rel_tol=_ROUNDING) else accepted
