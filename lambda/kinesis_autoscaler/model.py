"""The words this function thinks in: settings, demand, stream, record and decision. No behaviour beyond arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

SHARD_WRITE_BYTES_PER_SECOND = 1024 * 1024
"""Write capacity of one shard. AWS's sizing formula uses 1 MiB; the pages that say MB mean a little less."""

SHARD_WRITE_RECORDS_PER_SECOND = 1000
"""Write capacity of one shard in records."""

SHARD_READ_BYTES_PER_SECOND = 2_000_000
"""Read capacity of one shard, shared by all polling consumers: 2 MB/s, taken as 10⁶, the stricter reading."""

CALLS_PER_DAY = 10
"""UpdateShardCount calls that Kinesis allows per stream in a rolling 24 hours."""

MAX_SHARDS = 10_000
"""UpdateShardCount refuses a target above this."""

QUOTA_WINDOW = timedelta(hours=24)
"""The rolling window of CALLS_PER_DAY."""

OUTLOOK_DAYS = 7
"""How many days a scale-down looks back at: a week, so that every kind of day is among them."""


class Action(StrEnum):
    """The direction of a scaling; also the suffix of the alarm that asks for it."""

    SCALE_UP = "scale-up"
    SCALE_DOWN = "scale-down"


class Trigger(StrEnum):
    """What made the function look at a stream."""

    ALARM = "alarm"
    RECONCILE = "reconcile"
    REQUEST = "request"


class Status(StrEnum):
    """The life of an audit record: PENDING → UPDATING → SUCCEEDED | FAILED; or SKIPPED at once."""

    PENDING = "PENDING"
    """The intent is on record; whether Kinesis has accepted the call is not known yet."""
    UPDATING = "UPDATING"
    """Kinesis accepted the call and both alarms hold the new shard count."""
    SUCCEEDED = "SUCCEEDED"
    """The stream is ACTIVE at the target."""
    FAILED = "FAILED"
    """The scaling did not happen, or ended somewhere else; `reason` and `error` say why."""
    SKIPPED = "SKIPPED"
    """A decision not to scale."""

    @property
    def is_open(self) -> bool:
        """Whether something is still left to do for a record of this status."""
        return self in (Status.PENDING, Status.UPDATING)


class Reason(StrEnum):
    """Why the stream was scaled, was not, or could not be. docs/decisions.md explains each to an operator."""

    # Why it was scaled
    HIGH_DEMAND = "HIGH_DEMAND"
    LOW_DEMAND = "LOW_DEMAND"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    REQUESTED = "REQUESTED"
    # Why it was not
    AT_MAXIMUM = "AT_MAXIMUM"
    AT_MINIMUM = "AT_MINIMUM"
    AT_TARGET = "AT_TARGET"
    DEMAND_FITS = "DEMAND_FITS"
    COOLDOWN = "COOLDOWN"
    QUOTA_RESERVED = "QUOTA_RESERVED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    STREAM_UPDATING = "STREAM_UPDATING"
    ON_DEMAND_STREAM = "ON_DEMAND_STREAM"
    CONSUMERS_BEHIND = "CONSUMERS_BEHIND"
    HOT_SHARD_SUSPECTED = "HOT_SHARD_SUSPECTED"
    NO_TELEMETRY = "NO_TELEMETRY"
    STREAM_TOO_YOUNG = "STREAM_TOO_YOUNG"
    STALE_NOTIFICATION = "STALE_NOTIFICATION"
    DRY_RUN = "DRY_RUN"
    PAUSED = "PAUSED"
    INVALID_SETTINGS = "INVALID_SETTINGS"
    INVALID_REQUEST = "INVALID_REQUEST"
    # Why it could not be, or ended elsewhere
    ACCOUNT_SHARD_LIMIT = "ACCOUNT_SHARD_LIMIT"
    STREAM_MISSING = "STREAM_MISSING"
    CALL_REFUSED = "CALL_REFUSED"
    INTENT_EXPIRED = "INTENT_EXPIRED"
    STOPPED_SHORT = "STOPPED_SHORT"


class Strategy(StrEnum):
    """How large a step is."""

    TARGET = "target"
    """Sized so that demand lands at the target utilization."""
    DOUBLE = "double"
    """Twice or half the shards."""


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When an alarm fires, as its definition says: `datapoints_to_alarm` of `evaluation_periods` beyond `threshold`."""

    threshold: float
    """Fraction of the stream's capacity."""
    period_seconds: int
    evaluation_periods: int
    datapoints_to_alarm: int

    @property
    def window(self) -> timedelta:
        """The stretch of time that the alarm looks at."""
        return timedelta(seconds=self.period_seconds * self.evaluation_periods)


@dataclass(frozen=True)
class Settings:
    """How one stream is to be scaled: its alarms' tags and definitions, both written by Terraform."""

    min_shard_count: int
    max_shard_count: int
    scale_up: AlarmRule
    scale_down: AlarmRule
    strategy: Strategy = Strategy.TARGET
    target_utilization: float = 0.7
    scale_up_cooldown: timedelta = timedelta(minutes=5)
    scale_down_cooldown: timedelta = timedelta(minutes=30)
    max_iterator_age: timedelta | None = timedelta(minutes=30)
    """Consumers further behind than this block a scale-down; None: consumers are not looked at."""
    calls_reserved_for_scale_up: int = 3
    burst_memory: timedelta = timedelta(days=1)
    """For so long the stream keeps room for demand that came too suddenly to be followed; at most a week."""
    scale_on_throttling: bool = False
    scale_on_reads: bool = False
    consumers: Mapping[str, float] = field(default_factory=dict)
    """Consumer function name → reserved concurrency per shard."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What DescribeStreamSummary says of a stream."""

    name: str
    status: str
    """CREATING, ACTIVE, UPDATING or DELETING. `open_shard_count` can be trusted only while ACTIVE."""
    open_shard_count: int
    created_at: datetime
    on_demand: bool = False

    @property
    def is_active(self) -> bool:
        """Whether the stream can be resharded now."""
        return self.status == "ACTIVE"


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of a stream's metrics, or the mean minute of a period; None where CloudWatch has no datapoint."""

    at: datetime
    """The start of the minute, or of the period."""
    incoming_bytes: float | None = None
    incoming_records: float | None = None
    read_bytes: float | None = None
    throttled_records: float | None = None
    iterator_age: timedelta | None = None

    @property
    def has_traffic_data(self) -> bool:
        """Whether Kinesis reported what it accepted in this minute, be it zero."""
        return self.incoming_bytes is not None or self.incoming_records is not None

    @property
    def write_shards(self) -> float:
        """Shards that this minute's accepted writes filled, as a fraction: the larger of bytes and records."""
        return max(
            (self.incoming_bytes or 0) / 60 / SHARD_WRITE_BYTES_PER_SECOND,
            (self.incoming_records or 0) / 60 / SHARD_WRITE_RECORDS_PER_SECOND,
        )

    @property
    def read_shards(self) -> float:
        """Shards that this minute's polled reads filled, as a fraction."""
        return (self.read_bytes or 0) / 60 / SHARD_READ_BYTES_PER_SECOND

    def shards(self, *, with_reads: bool) -> float:
        """Demand of this minute in shards."""
        return max(self.write_shards, self.read_shards) if with_reads else self.write_shards


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What CloudWatch returned, oldest first, with no minute and no period left out."""

    minutes: tuple[Minute, ...]
    deliveries: tuple[datetime, ...] = ()
    """Minutes in which CloudWatch delivered the function's own Invocations metric. Reconcile runs every few minutes, so
    a stretch with a delivery and no data of the stream is a stream without traffic; without one it proves nothing."""
    days: tuple[Minute, ...] = ()
    """For a scale-down: the last days in longer periods, up to the last one that is surely complete."""

    def since(self, start: datetime) -> tuple[Minute, ...]:
        """The minutes from `start` on."""
        return tuple(minute for minute in self.minutes if minute.at >= start)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a stream's last days let expect of its next hours, in shards."""

    peaks: tuple[float, ...] = ()
    """The highest demand to expect within one hour, two hours and so on; empty where the days are unknown."""
    burst: float = 0.0
    """The highest demand that came too suddenly to be followed, and may do so again; 0 where there was none."""


@dataclass(frozen=True, slots=True)
class Record:
    """One item of the audit table: a scaling from intent to result, or a decision not to scale."""

    stream_name: str
    event_time: str
    """Range key: `2026-11-21T19:20:11.123Z#scale-up`, from the alarm's StateChangeTime."""
    action: Action
    status: Status
    reason: Reason
    message: str
    started_at: datetime
    trigger: Trigger = Trigger.ALARM
    from_shard_count: int | None = None
    to_shard_count: int | None = None
    demand_shards: float | None = None
    utilization: float | None = None
    alarm_name: str | None = None
    alarm_reason: str | None = None
    request_id: str | None = None
    finished_at: datetime | None = None
    error: str | None = None
    occurrences: int = 1
    last_seen_at: datetime | None = None
    """When the latest of `occurrences` happened."""
    retry_at: datetime | None = None
    """Until then the reason stands and the alarm may stay in ALARM; after it, reconcile re-arms the alarm."""
    lease_until: datetime | None = None
    """While PENDING: until then the invocation that wrote the intent is presumed alive."""
    call_accepted: bool | None = None
    """Whether UpdateShardCount was accepted; None while that is unknown. What was not refused counts as a call."""
    superseded_by: str | None = None
    """`event_time` of the next intent for this stream: two intents can't both follow the same one."""
    lower_consumers: bool | None = None
    """The stream is smaller, but its consumers' concurrency waits until their lag is gone."""

    @property
    def used_a_call(self) -> bool:
        """Whether this record counts towards CALLS_PER_DAY. An unknown outcome does: better one scaling too few."""
        return self.status is not Status.SKIPPED and self.call_accepted is not False

    @property
    def needs_reconcile(self) -> bool:
        """Whether reconcile must come back to this record."""
        return self.status.is_open or bool(self.lower_consumers)

    def with_(self, **changes: object) -> Record:
        """This record with some fields replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class History:
    """A stream's audit records of a little more than the last 24 hours, oldest first."""

    records: tuple[Record, ...] = ()

    def find(self, event_time: str) -> Record | None:
        """The record of one event."""
        return next((record for record in self.records if record.event_time == event_time), None)

    @property
    def latest(self) -> Record | None:
        """The newest record."""
        return self.records[-1] if self.records else None

    @property
    def intents(self) -> tuple[Record, ...]:
        """Records of scalings that were at least intended, in the order in which they began."""
        intended = (r for r in self.records if r.status is not Status.SKIPPED and r.to_shard_count is not None)
        return tuple(sorted(intended, key=lambda record: record.started_at))

    @property
    def latest_intent(self) -> Record | None:
        """The scaling that began last."""
        intents = self.intents
        return intents[-1] if intents else None

    def replacing(self, record: Record) -> History:
        """This history with `record` in place of the one of the same event."""
        return History(tuple(record if r.event_time == record.event_time else r for r in self.records))


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and the numbers it rests on."""

    action: Action
    reason: Reason
    message: str
    """One plain sentence for people."""
    from_shard_count: int | None = None
    target: int | None = None
    """Shard count to go to; None: do not scale."""
    retry_at: datetime | None = None
    """For a decision not to scale: when it is worth looking again."""
    demand_shards: float | None = None
    utilization: float | None = None
    calls_left: int | None = None
    """Calls that the rolling 24 hours still allow, before this one."""
