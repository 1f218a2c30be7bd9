"""Why a stream is looked at. Pure: each occasion is data, and what follows from it is for others.

Alarms and requests come from outside. What no alarm asks for, reconcile finds: `FOR_RECONCILE` says in which order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from .alarm import Alarm, AlarmPair
from .events import AlarmEvent, ScaleRequest
from .model import Action, History, Stream, Trigger

NOTICE_TAKES = timedelta(minutes=2)
"""From an alarm's change of state to the record of what came of it, at the most; before that it is not stuck."""

NO_DATA_FOR = timedelta(minutes=15)
"""A scale-down alarm without data for this long won't fire by itself: the stream may be idle."""


class Question(Enum):
    """What is to be decided."""

    MORE = "does the demand need more shards?"
    FEWER = "would fewer shards do?"
    MINIMUM = "does the stream have its minimum?"
    HOT_SHARD = "are records throttled though the stream is not full?"
    REQUEST = "may the stream have the count that was asked for?"


@dataclass(frozen=True, slots=True)
class Occasion:
    """A reason to look at a stream."""

    question: Question
    trigger: Trigger
    at: datetime
    """When it came up: an alarm's change of state, a request's time, a reconcile."""
    shard_count: int | None = None
    """What a request asks for."""
    alarm_name: str | None = None
    why: str | None = None
    """The alarm's own reason, or that of whoever asked."""

    def action(self, stream: Stream | None) -> Action:
        """The direction that is asked about; a request's follows from what the stream has."""
        if self.shard_count is not None and stream is not None:
            return Action.towards(self.shard_count, stream.open_shard_count)
        return Action.SCALE_DOWN if self.question is Question.FEWER else Action.SCALE_UP


@dataclass(frozen=True, slots=True)
class Seen:
    """What reconcile knows of a stream without asking for more."""

    pair: AlarmPair
    stream: Stream
    now: datetime
    throttled_minutes: int = 0
    """Of the last hour; known at a check-up."""


def of_alarm(event: AlarmEvent, action: Action) -> Occasion:
    """An alarm has fired."""
    question = Question.MORE if action is Action.SCALE_UP else Question.FEWER
    return Occasion(question, Trigger.ALARM, event.changed_at, alarm_name=event.alarm_name, why=event.reason[:1023])


def of_request(request: ScaleRequest, now: datetime) -> Occasion:
    """A person or a schedule asks for a shard count."""
    return Occasion(
        Question.REQUEST,
        Trigger.REQUEST,
        request.requested_at or now,
        shard_count=request.shard_count,
        why=request.reason[:1023] or None,
    )


def below_minimum(seen: Seen) -> Occasion | None:
    """The minimum was raised, or somebody has gone below it."""
    if seen.stream.open_shard_count >= seen.pair.scale_down.min_shard_count:
        return None
    return Occasion(Question.MINIMUM, Trigger.RECONCILE, seen.now)


def silent(seen: Seen) -> Occasion | None:
    """The scale-down alarm has no data, and so does not fire, though the stream may be idle."""
    alarm = seen.pair.scale_down
    if not alarm.has_no_data or alarm.state_since >= seen.now - NO_DATA_FOR:
        return None
    if seen.stream.open_shard_count <= alarm.min_shard_count:
        return None
    return Occasion(Question.FEWER, Trigger.RECONCILE, seen.now)


def throttled(seen: Seen) -> Occasion | None:
    """Records were throttled over some time, and no alarm may have reason to fire."""
    if not seen.throttled_minutes:
        return None
    return Occasion(Question.HOT_SHARD, Trigger.RECONCILE, seen.now)


FOR_RECONCILE = (below_minimum, silent)
FOR_CHECK_UP = (throttled,)


def stuck(pair: AlarmPair, now: datetime) -> tuple[Action, ...]:
    """The alarms that have been in ALARM for longer than a notice takes."""
    return tuple(a for a in Action if pair.of(a).in_alarm and pair.of(a).state_since < now - NOTICE_TAKES)


def stands(history: History, action: Action, now: datetime) -> bool:
    """Whether the last decision in this direction said to look again later than now."""
    latest = history.latest_of(action)
    return latest is not None and latest.retry_at is not None and now < latest.retry_at


def explains(history: History, action: Action, alarm: Alarm, now: datetime) -> bool:
    """Whether the last decision in this direction was about this very state of the alarm, and still stands.

    An alarm that was changed since is worth a look at once: its user waits for it.
    """
    latest = history.latest_of(action)
    if latest is None:
        return False
    about_this_state = latest.seen_at >= alarm.state_since - timedelta(seconds=5)
    changed_since = alarm.configured_at is not None and alarm.configured_at > latest.seen_at
    return about_this_state and not changed_since and (latest.status.is_open or stands(history, action, now))
