"""The terms of a scaling: direction, trigger, status and reason; and the limits of Kinesis."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

SHARD_WRITE_BYTES_PER_SECOND = 1024 * 1024
"""Write capacity of one shard. AWS's sizing formula uses 1 MiB; the pages that say MB mean a little less."""

SHARD_WRITE_RECORDS_PER_SECOND = 1000
"""Write capacity of one shard in records."""

SHARD_READ_BYTES_PER_SECOND = 2_000_000
"""Read capacity of one shard, shared by all polling consumers: 2 MB/s, taken as 10⁶, the stricter reading."""

CALLS_PER_DAY = 10
"""UpdateShardCount calls that Kinesis allows per stream in a rolling 24 hours, unless AWS has raised the quota."""

MAX_SHARDS = 10_000
"""UpdateShardCount refuses a target above this."""

QUOTA_WINDOW = timedelta(hours=24)
"""The rolling window of CALLS_PER_DAY."""

OUTLOOK_DAYS = 7
"""How many days foresight reads: a week, which includes every weekday."""


class Action(StrEnum):
    """The direction of a scaling; also the suffix of the alarm that asks for it."""

    SCALE_UP = "scale-up"
    SCALE_DOWN = "scale-down"

    @classmethod
    def towards(cls, target: int, current: int) -> Action:
        """The direction from one shard count to another."""
        return cls.SCALE_UP if target > current else cls.SCALE_DOWN


class Trigger(StrEnum):
    """What triggered a check of a stream."""

    ALARM = "alarm"
    RECONCILE = "reconcile"
    REQUEST = "request"


class Status(StrEnum):
    """The life of an audit record: PENDING → UPDATING → SUCCEEDED | FAILED; or SKIPPED at once."""

    PENDING = "PENDING"
    """The intent is recorded. It is not known yet whether Kinesis has accepted the call."""
    UPDATING = "UPDATING"
    """Kinesis accepted the call, and both alarms have the new shard count."""
    SUCCEEDED = "SUCCEEDED"
    """The stream is ACTIVE at the target."""
    FAILED = "FAILED"
    """The scaling did not happen, or ended at another count. `reason` and `error` say why."""
    SKIPPED = "SKIPPED"
    """A decision not to scale."""

    @property
    def is_open(self) -> bool:
        """Whether a record of this status still requires work."""
        return self in (Status.PENDING, Status.UPDATING)


class Reason(StrEnum):
    """Why the stream was scaled, was not, or could not be. docs/decisions.md explains each to an operator."""

    # Why it was scaled
    HIGH_DEMAND = "HIGH_DEMAND"
    EXPECTED_DEMAND = "EXPECTED_DEMAND"
    LOW_DEMAND = "LOW_DEMAND"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    ABOVE_MAXIMUM = "ABOVE_MAXIMUM"
    REQUESTED = "REQUESTED"
    HOT_SHARD_SPLIT = "HOT_SHARD_SPLIT"
    RESHARDED_ELSEWHERE = "RESHARDED_ELSEWHERE"
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
    ONE_HOT_KEY = "ONE_HOT_KEY"
    THROTTLED = "THROTTLED"
    NO_TELEMETRY = "NO_TELEMETRY"
    STREAM_TOO_YOUNG = "STREAM_TOO_YOUNG"
    STALE_NOTIFICATION = "STALE_NOTIFICATION"
    DRY_RUN = "DRY_RUN"
    PAUSED = "PAUSED"
    INVALID_SETTINGS = "INVALID_SETTINGS"
    INVALID_REQUEST = "INVALID_REQUEST"
    # Why it could not be, or ended at another count
    ACCOUNT_SHARD_LIMIT = "ACCOUNT_SHARD_LIMIT"
    STREAM_MISSING = "STREAM_MISSING"
    CALL_REFUSED = "CALL_REFUSED"
    INTENT_EXPIRED = "INTENT_EXPIRED"
    STOPPED_SHORT = "STOPPED_SHORT"
