"""The steps of every check of a stream: an occasion, one observation, one decision, and the resulting change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from . import decision as decisions
from .alarm import AlarmPair
from .alarms import Alarms
from .audit import OLDEST_EVENT, AuditTable, ReshardedElsewhereError, SupersededError
from .change import RETRY_REFUSED, Executor
from .clients import is_permanent
from .decision import LOOK_AGAIN, Situation
from .events import AlarmEvent, MalformedEventError, ScaleRequest
from .lifecycle import recorded, settled
from .model import Action, Decision, Foresight, History, Plan, Reason, Record, Settings, Stream, Trigger
from .model.record import event_key, within_a_sentence
from .observation import Observer
from .occasions import SHOWN_EVERY, Occasion, Question, holds, is_another_stretch, of_alarm, of_request
from .reporting import Reporter, logger
from .settings import InvalidSettingsError
from .streams import StreamMissingError, Streams

CLOCK_SKEW = timedelta(minutes=5)
"""The maximum by which an event's time may be ahead of the function's clock."""

JUST_NOW = timedelta(minutes=1)
"""How long after an alarm's change of state DescribeAlarms may not show it yet."""

READ_AGAIN_AFTER = 2.0
"""Seconds until the second attempt."""


class Scaler:
    """Checks streams, and has decisions carried out."""

    def __init__(
        self,
        *,
        alarms: Alarms,
        streams: Streams,
        audit: AuditTable,
        observer: Observer,
        executor: Executor,
        reporter: Reporter,
        dry_run: bool,
        clock: Callable[[], datetime],
    ) -> None:
        """Use these parts. With `dry_run`, decide and record, but change nothing."""
        self._alarms = alarms
        self._streams = streams
        self._audit = audit
        self._observer = observer
        self._executor = executor
        self._reporter = reporter
        self._dry_run = dry_run
        self._clock = clock

    def on_alarm(self, event: AlarmEvent, request_id: str) -> Record | None:
        """Handle a message that an alarm has fired. None: the event requires no action (anymore).

        Raises:
            NotOurAlarmError: The alarm is not this autoscaler's.
            MalformedEventError: The event is too old, or from the future.
        """
        names, action = self._alarms.parse(event.alarm_name)
        self._require_recent(event.changed_at)
        history = self._audit.history(names.stream_name, self._clock())
        # The record is checked before the alarm, because a crash may have come after the alarm was re-armed.
        event = replace(event, changed_at=history.time_for(event.changed_at, action, Trigger.ALARM))
        if own := history.find(event_key(event.changed_at, action)):
            return self._executor.resume(own)
        pair = self._alarms.pair(names)
        if not pair.of(action).in_alarm and self._clock() - event.changed_at < JUST_NOW:
            time.sleep(READ_AGAIN_AFTER)
            pair = self._alarms.pair(names)
        alarm = pair.of(action)
        if not alarm.in_alarm or alarm.is_paused:
            state = "paused" if alarm.is_paused else alarm.definition["StateValue"]
            self._reporter.refused(
                f"The alarm {alarm.name} is {state}; no action is required.", stream=pair.stream_name
            )
            return None
        occasion = of_alarm(event, action)
        latest = history.latest_intent
        if latest is not None and latest.changed_shards and event.changed_at < latest.started_at:
            why = "the alarm fired before the stream's latest scaling began."
            return self._leave(
                occasion, pair, history, request_id, Reason.STALE_NOTIFICATION, why, retry_at=self._clock()
            )
        return self.look(occasion, pair, history, request_id)

    def on_request(self, request: ScaleRequest, request_id: str) -> Record | None:
        """Handle a person's or a schedule's request for a shard count.

        Raises:
            NotOurAlarmError: The stream is not managed by this autoscaler.
            MalformedEventError: The request is too old, or from the future.
        """
        now = self._clock()
        self._require_recent(request.requested_at or now)
        pair = self._alarms.pair(self._alarms.names_of(request.stream_name))
        history = self._audit.history(request.stream_name, now)
        # A second delivery has the same request ID or time. By then the direction may appear reversed.
        keys = {event_key(request.requested_at, each) for each in Action} if request.requested_at else set()
        for record in history.records:
            if record.trigger is Trigger.REQUEST and (record.request_id == request_id or record.event_time in keys):
                return self._executor.resume(record, pair)
        return self.look(of_request(request, now), pair, history, request_id)

    def look(self, occasion: Occasion, pair: AlarmPair, history: History, request_id: str) -> Record | None:
        """Check the stream and its metrics, decide, and carry out the decision. None: there was nothing to decide.

        A call that AWS refuses permanently ends in a FAILED record, unless there is an intent already: that is resumed.
        """
        try:
            return self._look(occasion, pair, history, request_id)
        except ClientError as error:
            if not is_permanent(error):
                raise
            decision = Decision(
                pair.stream_name, occasion.action(None), Reason.CALL_REFUSED, "AWS refused a call permanently."
            )
            return self._executor.refuse(recorded(occasion, decision, request_id, self._clock()), error)

    def _look(self, occasion: Occasion, pair: AlarmPair, history: History, request_id: str) -> Record | None:
        now = self._clock()

        def leave(reason: Reason, why: str, retry_at: datetime, stream: Stream | None = None) -> Record:
            return self._leave(occasion, pair, history, request_id, reason, why, retry_at=retry_at, stream=stream)

        try:
            settings = self._observer.settings(pair)
            stream = self._streams.describe(pair.stream_name)
        except InvalidSettingsError as invalid:
            return leave(Reason.INVALID_SETTINGS, within_a_sentence(str(invalid)), now)
        except StreamMissingError as missing:
            return leave(Reason.STREAM_MISSING, within_a_sentence(str(missing)), now + RETRY_REFUSED)
        alarm = pair.of(occasion.action(stream))
        if occasion.trigger is Trigger.REQUEST and alarm.is_paused:
            return leave(Reason.PAUSED, f"the actions of {alarm.name} are disabled.", now + LOOK_AGAIN, stream)
        previous: tuple[Record, Record] | None = None
        if latest := history.latest_intent:
            previous = latest, settled(latest, stream, now, has_consumers=bool(settings.consumers))
            history = history.replacing(previous[1])
            if previous[1].status.is_open and latest.by_splits and alarm is pair.scale_up:
                return self._executor.resume(latest, pair, stream)
            if previous[1].status.is_open:
                why = f"its change from {latest.from_shard_count} to {latest.to_shard_count} shards is in progress."
                return leave(Reason.STREAM_UPDATING, why, now, stream)
        try:
            try:
                return self._decide(occasion, pair, stream, settings, history, request_id, previous)
            except ReshardedElsewhereError as elsewhere:
                noted = self._executor.note_elsewhere(stream, elsewhere.head, request_id)
                if noted is None:
                    raise SupersededError("Another invocation is working on it.") from elsewhere
                with_it = history.plus(noted)
                return self._decide(occasion, pair, stream, settings, with_it, request_id, (noted, noted))
        except SupersededError as busy:
            return leave(Reason.STREAM_UPDATING, within_a_sentence(str(busy)), now, stream)

    def _decide(
        self,
        occasion: Occasion,
        pair: AlarmPair,
        stream: Stream,
        settings: Settings,
        history: History,
        request_id: str,
        previous: tuple[Record, Record] | None,
    ) -> Record | None:
        now = self._clock()
        if occasion.question is Question.FORESEE:
            decision = self._foresee(occasion, pair, stream, settings, history)
            if decision is None:
                return None
        else:
            situation = self._observer.situation(occasion.question, stream, settings, history, now)
            decision = _answer(occasion, situation)
            if decision.reason is Reason.HOT_SHARD_SUSPECTED:
                decision = self._name_hot_shard(decision, situation, may_split=not pair.scale_up.is_paused)
        if occasion.trigger is Trigger.RECONCILE:
            at = history.time_for(occasion.at, decision.action, occasion.trigger)
            occasion = replace(occasion, at=at)
        record = recorded(occasion, decision, request_id, now)
        if decision.target is None or self._dry_run:
            return self._executor.skip(record, pair.of(decision.action), history, calls_left=decision.calls_left)
        left = None if decision.calls_left is None else decision.calls_left - (not decision.by_splits)
        return self._executor.scale(record, pair, stream, settings, previous=previous, calls_left=left)

    def _name_hot_shard(self, decision: Decision, situation: Situation, *, may_split: bool) -> Decision:
        """Name it where the stream's metrics do. A decision that stands for an hour is not made more often."""
        hottest, stream = None, situation.stream
        try:
            hottest = self._observer.hottest_shard(stream, self._clock())
        except ClientError:
            logger.exception("The hot shard could not be looked up.", extra={"stream": stream.name})
        named = decisions.name_hot_shard(decision, stream, hottest)
        return decisions.split_hot_shard(named, situation, hottest) if may_split else named

    def _foresee(
        self, occasion: Occasion, pair: AlarmPair, stream: Stream, settings: Settings, history: History
    ) -> Decision | None:
        """Plan the next hour, and decide if the plan wants another shard count; None if it doesn't."""
        now = self._clock()
        if settings.foresight is Foresight.OFF:
            self._audit.keep_plan(stream.name, Plan(now, stream.open_shard_count), now)
            return None
        situation = self._observer.situation(Question.FORESEE, stream, settings, history, now)
        plan = decisions.make_plan(situation)
        self._audit.keep_plan(stream.name, plan, now)
        came = None if occasion.plan is None else decisions.what_came(situation, occasion.plan)
        last = None if occasion.plan is None else occasion.plan.made_at
        show = is_another_stretch(last, SHOWN_EVERY, plan.made_at)
        self._reporter.forecast(stream.name, plan, occasion.plan, came, show=show)
        if settings.foresight is not Foresight.ON:
            return None
        decision = None
        if not pair.scale_up.is_paused and not holds(history, Action.SCALE_UP, now):
            decision = decisions.decide_ahead(situation)
        if decision is None and plan.wants_fewer(now, stream.open_shard_count):
            if pair.scale_down.is_paused or holds(history, Action.SCALE_DOWN, now):
                return None
            fewer = self._observer.situation(Question.FEWER, stream, settings, history, now)
            decision = decisions.decide_scale_down(fewer)
        return decision

    def _leave(
        self,
        occasion: Occasion,
        pair: AlarmPair,
        history: History,
        request_id: str,
        reason: Reason,
        why: str,
        *,
        retry_at: datetime,
        stream: Stream | None = None,
    ) -> Record:
        """Skip for a reason that applies regardless of the demand."""
        action = occasion.action(stream)
        decision = Decision(pair.stream_name, action, reason, why, retry_at=retry_at)
        record = recorded(occasion, decision, request_id, self._clock())
        return self._executor.skip(record, pair.of(action), history)

    def _require_recent(self, at: datetime) -> None:
        now = self._clock()
        if not now - OLDEST_EVENT <= at <= now + CLOCK_SKEW:
            raise MalformedEventError(
                f"The event is from {at:%Y-%m-%d %H:%M} UTC; only events of the last 24 hours are accepted."
            )


_ANSWERS: Mapping[Question, Callable[[Situation], Decision]] = {
    Question.MORE: decisions.decide_scale_up,
    Question.FEWER: decisions.decide_scale_down,
    Question.MINIMUM: decisions.decide_minimum,
    Question.HOT_SHARD: decisions.decide_hot_shard,
}


def _answer(occasion: Occasion, situation: Situation) -> Decision:
    if occasion.shard_count is not None:
        return decisions.decide_request(situation, occasion.shard_count)
    return _ANSWERS[occasion.question](situation)
