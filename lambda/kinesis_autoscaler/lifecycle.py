"""The life of a record: pure functions from one state to the next."""

from __future__ import annotations

from datetime import datetime, timedelta

from .model import Action, Decision, Reason, Record, Status, Stream, Trigger
from .model.record import event_key, shards
from .occasions import Occasion

RESUME_LIMIT = timedelta(minutes=5)
"""How long an intent without a call is still carried out. After that its demand is too old: the alarm is re-armed, and
the data are read again. This does not depend on the reconcile interval."""

SETTLING = timedelta(minutes=1)
"""How long after the call a stream may not show the change yet."""


def recorded(occasion: Occasion, decision: Decision, request_id: str, now: datetime) -> Record:
    """The record of a decision not to scale."""
    return Record(
        stream_name=decision.stream_name,
        event_time=event_key(occasion.at, decision.action),
        action=decision.action,
        trigger=occasion.trigger,
        status=Status.SKIPPED,
        reason=decision.reason,
        message=decision.message,
        because=decision.because,
        started_at=now,
        from_shard_count=decision.from_shard_count,
        to_shard_count=decision.target,
        demand_shards=decision.demand_shards,
        utilization=decision.utilization,
        hot_shard=decision.hot_shard,
        by_splits=decision.by_splits,
        heat_kept=decision.heat_kept,
        alarm_name=occasion.alarm_name,
        alarm_reason=occasion.why,
        request_id=request_id,
        retry_at=decision.retry_at,
    )


def intended(record: Record, lease_until: datetime) -> Record:
    """The record as the intent of a scaling, before Kinesis is called."""
    return record.with_(status=Status.PENDING, lease_until=lease_until)


def rehearsed(record: Record, retry_at: datetime) -> Record:
    """The record of a scaling that a dry run does not carry out."""
    message = f"Dry run, would scale {record.step}: {record.because}"
    return record.with_(reason=Reason.DRY_RUN, message=message, retry_at=retry_at)


def updating(record: Record, problems: list[str], count: int | None = None) -> Record:
    """Kinesis accepted the call, which leads to this count; of several splits that is a stop on the way."""
    if count in range(record.from_shard_count or 0, record.target):
        record = record.with_(message=f"Scaling {record.step}: {count} of {record.target} by now; {record.because}")
    return record.with_(status=Status.UPDATING, lease_until=None, call_accepted=True, error=" ".join(problems) or None)


def in_doubt(record: Record, error: Exception) -> Record:
    """It is unknown whether Kinesis accepted the call. The stream shows it once it is ACTIVE."""
    return record.with_(lease_until=None, error=str(error))


def left_alone(record: Record, error: Exception, now: datetime) -> Record:
    """Kinesis refused the call because another change is in progress."""
    return record.with_(
        status=Status.SKIPPED,
        reason=Reason.STREAM_UPDATING,
        message=f"Left {record.stream_name} alone: another change of the stream is in progress.",
        error=str(error),
        call_accepted=False,
        lease_until=None,
        retry_at=now,
    )


def refused(record: Record, reason: Reason, why: str, error: Exception, now: datetime, retry_at: datetime) -> Record:
    """Kinesis refused the call."""
    return failed(record, reason, why, now, error=error).with_(call_accepted=False, retry_at=retry_at)


def expired(record: Record, why: str, now: datetime) -> Record:
    """The call was never made, and must not be made anymore."""
    because = f"the call was never made, and {why}"
    return failed(record, Reason.INTENT_EXPIRED, because, now).with_(call_accepted=False)


def failed(record: Record, reason: Reason, why: str, now: datetime, *, error: Exception | None = None) -> Record:
    """The failed record: `why` in a sentence, and the `error` from AWS."""
    return record.with_(
        status=Status.FAILED,
        reason=reason,
        message=f"Could not scale {record.step}: {why}",
        error=str(error or why),
        finished_at=now,
        lease_until=None,
    )


def settled(record: Record, stream: Stream, now: datetime, *, has_consumers: bool) -> Record:
    """The record after a check of the stream: ended, or unchanged while the result is unknown."""
    if not record.status.is_open or not stream.is_active:
        return record
    count = stream.open_shard_count
    if record.by_splits and record.call_accepted and count in range(record.from_shard_count or 0, record.target):
        return record  # more splits are to come
    if record.by_splits and count in range((record.from_shard_count or 0) + 1, record.target):
        return updating(record, [], count)  # the invocation of the first split ended before it was recorded
    untouched = count == record.from_shard_count
    age = now - record.started_at
    if record.status is Status.PENDING:
        alive = record.lease_until is not None and now < record.lease_until
        if alive or (untouched and age < RESUME_LIMIT):
            return record
        if untouched:
            return expired(record, "is now too old.", now)
    elif untouched and age < SETTLING:
        return record
    if count == record.to_shard_count:
        return record.with_(
            status=Status.SUCCEEDED,
            message=f"Scaled {record.step}: {record.because}",
            finished_at=now,
            lease_until=None,
            call_accepted=True,
            lower_consumers=(has_consumers and record.action is Action.SCALE_DOWN) or None,
        )
    why = f"the stream is ACTIVE with {shards(count)}, and the target was {record.to_shard_count}."
    return failed(record, Reason.STOPPED_SHORT, why, now)


def sufficient(record: Record, count: int, now: datetime) -> Record:
    """Not all shards are split, and no more need to be."""
    reached = record.with_(to_shard_count=count)
    message = f"Scaled {reached.step}, on the way to {record.target}: {record.because}"
    return reached.with_(status=Status.SUCCEEDED, message=message, finished_at=now, lease_until=None)


def stopped(record: Record, why: str, now: datetime, *, error: Exception | None = None) -> Record:
    """Some shards are split, and the others must not be split anymore."""
    return failed(record, Reason.STOPPED_SHORT, why, now, error=error)


def resharded_elsewhere(stream: Stream, before: int, request_id: str, now: datetime) -> Record:
    """The record of a change made by somebody else."""
    action = Action.towards(stream.open_shard_count, before)
    because = f"a person, Terraform or another tool resharded it; seen at {now:%Y-%m-%d %H:%M} UTC."
    return Record(
        stream_name=stream.name,
        event_time=event_key(now, action),
        action=action,
        trigger=Trigger.RECONCILE,
        status=Status.SUCCEEDED,
        reason=Reason.RESHARDED_ELSEWHERE,
        message=f"Noticed a change of {stream.name} from {before} to {shards(stream.open_shard_count)}: {because}",
        because=because,
        request_id=request_id,
        started_at=now,
        finished_at=now,
        from_shard_count=before,
        to_shard_count=stream.open_shard_count,
    )


def says_the_same(record: Record, other: Record) -> bool:
    """Whether the same decision was reported on the same day."""
    return (
        (other.reason, other.action, other.status) == (record.reason, record.action, record.status)
        and Trigger.REQUEST not in (record.trigger, other.trigger)
        and other.event_at.date() == record.event_at.date()
        and other.event_time != record.event_time
    )
