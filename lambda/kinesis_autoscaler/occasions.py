"""The reasons to check a stream, as data. Pure: other modules act on them.

Alarms and requests come from outside. Reconcile finds the other occasions, in the order of `FOR_RECONCILE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from .alarm import Alarm, AlarmPair
from .events import AlarmEvent, ScaleRequest
from .model import Action, History, Plan, Reason, Record, Stream, Trigger

NOTICE_TAKES = timedelta(minutes=2)
"""The maximum time from an alarm's change of state to its record. Before that, the alarm is not stuck. It covers SNS,
Lambda's first retry and a check, which do not depend on settings."""

NO_DATA_FOR = timedelta(minutes=15)
"""A scale-down alarm without data for this long won't fire by itself: the stream may be idle. The check that follows
uses the alarm's whole window, so an early check does no harm."""

SHOWN_EVERY = timedelta(hours=6)
"""How often an unchanged shard count and the expected demand are reported, so that every graph of a day has them. Four
hours a day cost $0.05 a month for each metric. In between, graphs repeat the count."""

SAME_MOMENT = timedelta(seconds=5)
"""The maximum difference between the function's clock and CloudWatch's."""


class Question(Enum):
    """The question to decide."""

    MORE = "does the demand need more shards?"
    FEWER = "are fewer shards enough?"
    MINIMUM = "does the stream have its minimum?"
    HOT_SHARD = "are records throttled though the stream is not full?"
    FORESEE = "what do the last days predict?"
    REQUEST = "can the stream have the requested count?"


@dataclass(frozen=True, slots=True)
class Occasion:
    """A reason to check a stream."""

    question: Question
    trigger: Trigger
    at: datetime
    """Its time: that of an alarm's change of state, of a request, or of a reconcile."""
    shard_count: int | None = None
    """The count that a request asks for."""
    alarm_name: str | None = None
    why: str | None = None
    """The alarm's own reason, or that of the request."""
    plan: Plan | None = None
    """The previous plan, if a new one is to be made."""

    def action(self, stream: Stream | None) -> Action:
        """The direction in question. That of a request depends on the stream's count."""
        if self.shard_count is not None and stream is not None:
            return Action.towards(self.shard_count, stream.open_shard_count)
        return Action.SCALE_DOWN if self.question is Question.FEWER else Action.SCALE_UP


@dataclass(frozen=True, slots=True)
class Seen:
    """What reconcile knows of a stream without further calls."""

    pair: AlarmPair
    stream: Stream
    now: datetime
    throttled_minutes: int = 0
    """Throttled minutes of the last hour; known at a check-up."""
    plan: Plan | None = None
    """The plan of this hour."""


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
    """The minimum was raised, or somebody has resharded below it."""
    if seen.stream.open_shard_count >= seen.pair.scale_down.min_shard_count:
        return None
    return Occasion(Question.MINIMUM, Trigger.RECONCILE, seen.now)


def silent(seen: Seen) -> Occasion | None:
    """The scale-down alarm has no data and does not fire, although the stream may be idle."""
    alarm = seen.pair.scale_down
    if not alarm.has_no_data or alarm.state_since >= seen.now - NO_DATA_FOR:
        return None
    if seen.stream.open_shard_count <= alarm.min_shard_count:
        return None
    return Occasion(Question.FEWER, Trigger.RECONCILE, seen.now)


def throttled(seen: Seen) -> Occasion | None:
    """Records were throttled in several minutes, which no alarm may react to."""
    if not seen.throttled_minutes:
        return None
    return Occasion(Question.HOT_SHARD, Trigger.RECONCILE, seen.now)


def foreseen(seen: Seen) -> Occasion | None:
    """A new plan must be made, or the plan wants another shard count."""
    plan, count = seen.plan, seen.stream.open_shard_count
    if plan is not None and not (
        plan.is_due(seen.now, count) or plan.wants_more(seen.now, count) or plan.wants_fewer(seen.now, count)
    ):
        return None
    return Occasion(Question.FORESEE, Trigger.RECONCILE, seen.now, plan=plan)


def in_order_of_plans(streams: Iterable[Seen]) -> list[Seen]:
    """Streams whose plan wants more shards now, then those without a plan, then those with the oldest plan."""

    def key(seen: Seen) -> tuple[bool, str]:
        plan = seen.plan
        wants_more = plan is not None and plan.wants_more(seen.now, seen.stream.open_shard_count)
        return not wants_more, "" if plan is None else plan.made_at.isoformat()

    return sorted(streams, key=key)


FOR_RECONCILE = (below_minimum, silent)
FOR_CHECK_UP = (throttled,)


def check_ups_due(
    names: Iterable[str], checked: Mapping[str, datetime | None], every: timedelta, now: datetime
) -> list[str]:
    """The streams whose last check-up is at least this long ago; the longest waiting first."""
    last = {name: checked.get(name) for name in names}
    due = {name: at.isoformat() if at else "" for name, at in last.items() if at is None or now - at >= every}
    return sorted(due, key=lambda name: due[name])


def is_another_stretch(before: datetime | None, length: timedelta, now: datetime) -> bool:
    """Whether a new interval of this length has begun since then, counted from midnight."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return before is None or (before - midnight) // length != (now - midnight) // length


def in_order(pairs: list[AlarmPair], unfinished: Iterable[str], cursor: str | None) -> list[str]:
    """Streams with unfinished work or an alarm in ALARM first; then the others by name, starting at the cursor."""
    urgent = {*unfinished, *(pair.stream_name for pair in pairs if any(alarm.in_alarm for alarm in pair))}
    names = {*urgent, *(pair.stream_name for pair in pairs)}
    return sorted(names, key=lambda name: (name not in urgent, cursor is not None and name < cursor, name))


def stuck(pair: AlarmPair, now: datetime) -> tuple[Action, ...]:
    """The alarms that have been in ALARM for longer than a notification takes."""
    return tuple(a for a in Action if pair.of(a).in_alarm and pair.of(a).state_since < now - NOTICE_TAKES)


def stands(history: History, action: Action, now: datetime) -> bool:
    """Whether the last decision in this direction still stands."""
    latest = _latest_about_the_present(history, action)
    return latest is not None and latest.retry_at is not None and now < latest.retry_at


def holds(history: History, action: Action, now: datetime) -> bool:
    """Whether the last decision also rules out what the plan wants. The plan knows more of demand than an alarm."""
    latest = history.latest_of(action)
    if latest is None:
        return False
    if action is Action.SCALE_UP:
        about_the_present = latest.reason in (Reason.DEMAND_FITS, Reason.HOT_SHARD_SUSPECTED, Reason.ONE_HOT_KEY)
    else:
        about_the_present = latest.reason is Reason.DEMAND_FITS and latest.trigger is Trigger.ALARM
    return not about_the_present and latest.retry_at is not None and now < latest.retry_at


def explains(history: History, action: Action, alarm: Alarm, now: datetime) -> bool:
    """Whether the last decision in this direction was about this very state of the alarm, and still stands.

    An alarm that was changed since is checked at once, because its user expects that.
    """
    latest = _latest_about_the_present(history, action)
    if latest is None or not answered(history, action, alarm):
        return False
    changed_since = alarm.configured_at is not None and alarm.configured_at > latest.seen_at
    return not changed_since and (latest.status.is_open or stands(history, action, now))


def answered(history: History, action: Action, alarm: Alarm) -> bool:
    """Whether the last decision in this direction was about this very state of the alarm.

    If it was, re-arming the alarm only triggers the next check. If not, a notification was lost.
    """
    latest = _latest_about_the_present(history, action)
    return latest is not None and latest.seen_at >= alarm.state_since - SAME_MOMENT


def _latest_about_the_present(history: History, action: Action) -> Record | None:
    """The last decision in a direction, unless foresight left the reserved calls to current demand."""
    latest = history.latest_of(action)
    left = latest is not None and action is Action.SCALE_UP and latest.reason is Reason.QUOTA_RESERVED
    return None if left else latest
