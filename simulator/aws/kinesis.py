"""A Kinesis data stream: what it takes and throttles, how it reshards, what it reports to CloudWatch.

Sources: Amazon Kinesis Data Streams Developer Guide, "Quotas and limits", "Choose the data stream capacity mode" and
"Monitoring with CloudWatch"; UpdateShardCount in the API Reference.

Where the documents are silent:

- Which error answers a target above double or below half: InvalidArgumentException here, as for any parameter that
  "exceeds its restrictions". Half of an odd count rounds up.
- Whether a call that was refused counts towards the ten a day: here it does not. A call that asks for the count the
  stream already has is carried out, and counts.
- How many shards an account is charged with during a reshard: the larger of the two counts here, although short-lived
  shards count too.
- Over whom the ten calls a second are counted: the account here, refused calls included.
- How long a reshard takes, beyond "a few minutes": see reshard_seconds.
- What an idle stream reports: `reports_when_idle`. What OpenShardCount is while the stream is UPDATING: the old count,
  unless `count_while_updating` says otherwise.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.aws.metrics import MetricStore

SHARD_BYTES_PER_MINUTE = 60 * 1024**2
"""One shard takes 1 MiB a second. The sizing formula counts in 1024s; some pages say MB."""

SHARD_RECORDS_PER_MINUTE = 60 * 1000
"""One shard takes 1,000 records a second."""

SHARD_READ_BYTES_PER_SECOND = 2_000_000
"""One shard gives 2 MB a second to all its polling consumers together."""

PROVISIONED, ON_DEMAND = "PROVISIONED", "ON_DEMAND"

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_RESHARDS_PER_DAY, _MODE_SWITCHES_PER_DAY = 10, 2
_UPDATE_CALLS_PER_SECOND = 10
_MAX_SHARDS = 10_000
_ON_DEMAND_LEAST_SHARDS = 4
_ON_DEMAND_SETTLING, _ON_DEMAND_MEMORY = timedelta(minutes=15), timedelta(days=30)


class KinesisError(Exception):
    """A request was refused.

    Attributes:
        code: the AWS error code, for instance ``LimitExceededException``.
    """

    def __init__(self, code: str, message: str) -> None:
        """Refuse a request with an AWS error code and a message for people."""
        super().__init__(message)
        self.code = code


def reshard_seconds(current: int, target: int) -> float:
    """Estimate how long UpdateShardCount takes: an assumption, not a figure of AWS.

    Three minutes, and a second more for each shard that comes or goes; half as long again where the target is not a
    multiple of 25% of the current count, which the API Reference says is slower.
    """
    seconds = 180.0 + abs(target - current)
    return seconds if target * 4 % current == 0 else seconds * 1.5


@dataclass(frozen=True, slots=True)
class Minute:
    """What became of one minute's traffic. Bytes and records need not be whole numbers.

    Attributes:
        offered_bytes: what producers sent.
        offered_records: the same in records.
        accepted_share: the part that was taken, from 0 to 1; the rest was throttled.
        shards: how many shards served the stream. On demand, how many its capacity amounts to.
    """

    offered_bytes: float
    offered_records: float
    accepted_share: float
    shards: float

    @property
    def accepted_bytes(self) -> float:
        """What the stream took: IncomingBytes."""
        return self.offered_bytes * self.accepted_share

    @property
    def accepted_records(self) -> float:
        """What the stream took: IncomingRecords."""
        return self.offered_records * self.accepted_share

    @property
    def throttled_bytes(self) -> float:
        """What the stream refused."""
        return self.offered_bytes - self.accepted_bytes

    @property
    def throttled_records(self) -> float:
        """What the stream refused: WriteProvisionedThroughputExceeded."""
        return self.offered_records - self.accepted_records


class ConsumerState(Enum):
    """What a consumer is doing."""

    RUNNING = "reads everything up to its lag, as fast as the shards allow"
    PAUSED = "polls but makes no headway: its iterator age grows"
    DEAD = "does not poll: its iterator age is not reported at all"


@dataclass
class Consumer:
    """All polling consumers of a stream, in step with each other. Caught up unless told otherwise.

    Enhanced fan-out, which has a throughput and a lag metric of its own, is not modelled.
    A minute's records are read at the rate of the shards they were written to: more shards do not clear a backlog.

    Attributes:
        readers: how many applications read every record.
        state: what they are doing. Change it at any time.
        lag: how far behind they stay while running; their iterator age then stays at that.
    """

    readers: int = 1
    state: ConsumerState = ConsumerState.RUNNING
    lag: timedelta = timedelta(0)
    _unread: deque[_Unread] = field(default_factory=deque, init=False, repr=False)

    def minute(self, start: datetime, arrived_bytes: float, shards: float, retention: timedelta) -> Reads | None:
        """Let the minute from `start` pass, in which this much arrived; None if nothing is reported."""
        end = start + _MINUTE
        if arrived_bytes:
            self._unread.append(_Unread(start, arrived_bytes, shards))
        while self._unread and self._unread[0].arrived < end - retention:
            self._unread.popleft()
        if self.state is ConsumerState.DEAD:
            return None
        read_bytes = self._read(end - self.lag) if self.state is ConsumerState.RUNNING else 0.0
        age = end - self._unread[0].arrived if self._unread else timedelta(0)
        return Reads(read_bytes * self.readers, age)

    def _read(self, until: datetime) -> float:
        """Read for a minute, oldest records first, those that arrived before `until`; return the bytes."""
        seconds, read_bytes = 60.0, 0.0
        while self._unread and self._unread[0].arrived + _MINUTE <= until:
            oldest = self._unread[0]
            rate = SHARD_READ_BYTES_PER_SECOND * oldest.shards / self.readers
            portion = min(oldest.bytes, rate * seconds)
            read_bytes += portion
            seconds -= portion / rate
            if portion < oldest.bytes:
                oldest.bytes -= portion
                break
            self._unread.popleft()
        return read_bytes


@dataclass
class _Unread:
    """What one minute brought and nobody has read yet."""

    arrived: datetime
    bytes: float
    shards: float


@dataclass(frozen=True, slots=True)
class Reads:
    """What consumers did in a minute: GetRecords.Bytes and GetRecords.IteratorAgeMilliseconds."""

    bytes: float
    iterator_age: timedelta


class KinesisAccount:
    """The streams that share an account's quotas in a region."""

    def __init__(self, shard_limit: int = 20_000) -> None:
        """Start without streams; 20,000 is the quota of the largest regions, others have 6,000 or 1,000."""
        self.shard_limit = shard_limit
        self.streams: list[StreamModel] = []
        self._update_calls: deque[datetime] = deque()

    def count_update_call(self, now: datetime) -> None:
        """Count a call of UpdateShardCount, of which there may be ten a second.

        Raises:
            KinesisError: LimitExceededException, the same code as for the ten reshards a day.
        """
        _count(self._update_calls, _UPDATE_CALLS_PER_SECOND, now, timedelta(seconds=1), "UpdateShardCount")

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


class StreamModel:
    """One data stream. Everything it does follows from the moments it is told; it has no clock of its own.

    Moments must not go back by more than the minute that is being offered.

    Attributes:
        name: the stream's name.
        mode: PROVISIONED or ON_DEMAND.
        key_skew: how much of the traffic the hottest shard gets beyond its even share, from 0 to 1.
        consumer: who reads from it; None if nobody does.
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
        self._on_demand = _OnDemandCapacity()
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
        if self.consumer is None:
            return
        reads = self.consumer.minute(minute, result.accepted_bytes, result.shards, self._retention)
        if reads is not None:
            self._put(minute, "GetRecords.Bytes", reads.bytes)
            self._put(minute, "GetRecords.IteratorAgeMilliseconds", reads.iterator_age / timedelta(milliseconds=1))

    def _put(self, minute: datetime, metric_name: str, value: float, samples: float = 1) -> None:
        if self._store is not None:
            dimensions = {"StreamName": self.name}
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
        _count(self._reshards, _RESHARDS_PER_DAY, now, _DAY, "UpdateShardCount")
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
        _count(self._mode_switches, _MODE_SWITCHES_PER_DAY, now, _DAY, "UpdateStreamMode")
        self.mode = mode
        self._busy_until = now + _MINUTE

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
                "ConsumerCount": 0,
            }
        }

    def _require_active(self, now: datetime) -> None:
        if self.status(now) != "ACTIVE":
            raise KinesisError("ResourceInUseException", f"stream {self.name} is {self.status(now)}, not ACTIVE")


def _accepted(demand: float, shards: float, key_skew: float) -> float:
    """Return how much of a demand is taken, both in shards' worth, if the hottest shard gets more than its share."""
    hot = min(1.0, 1 / shards + key_skew)
    if demand * hot <= 1.0 and demand * (1 - hot) <= shards - 1:
        return demand
    return min(demand * hot, 1.0) + min(demand * (1 - hot), shards - 1)


def _count(calls: deque[datetime], limit: int, now: datetime, window: timedelta, operation: str) -> None:
    """Count a call towards a quota per rolling window."""
    while calls and calls[0] <= now - window:
        calls.popleft()
    if len(calls) >= limit:
        raise KinesisError("LimitExceededException", f"{operation} was called {limit} times within {window}")
    calls.append(now)


class _OnDemandCapacity:
    """What a stream takes on demand: double the peak of the last 30 days, but not of the last 15 minutes.

    That is how "throttles if traffic more than doubles within 15 minutes" is read here. A new stream takes 4 shards'
    worth: 4 MiB or 4,000 records a second.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[datetime, float]] = deque()
        self._peaks: deque[tuple[datetime, float]] = deque()  # ever smaller: each is the peak from its minute on

    def took(self, minute: datetime, shards: float) -> None:
        """Note what the stream took, in shards' worth."""
        self._recent.append((minute, shards))

    def shards(self, minute: datetime) -> float:
        """Return the capacity in a minute, in shards' worth."""
        while self._recent and self._recent[0][0] <= minute - _ON_DEMAND_SETTLING:
            settled = self._recent.popleft()
            while self._peaks and self._peaks[-1][1] <= settled[1]:
                self._peaks.pop()
            self._peaks.append(settled)
        while self._peaks and self._peaks[0][0] <= minute - _ON_DEMAND_MEMORY:
            self._peaks.popleft()
        return max(_ON_DEMAND_LEAST_SHARDS, 2 * self._peaks[0][1] if self._peaks else 0)
