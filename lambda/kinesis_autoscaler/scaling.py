"""One scaling, from the event that asks for it to the record that says how it went.

The order of the steps is what makes a crash harmless: the intent is on record before Kinesis is called, the alarms are
rewritten and re-armed after, and the record is completed last. Whoever finds an unfinished record, a second delivery or
reconcile, looks at the stream and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from .alarms import AlarmPair, Alarms
from .audit import LEASE, AlreadyRecordedError, AuditTable, SupersededError, event_key
from .clients import is_permanent
from .consumers import Consumers
from .decision import LOOK_AGAIN, METRIC_DELAY, Situation, decide, decide_minimum, decide_request, decide_scale_down
from .events import AlarmEvent, MalformedEventError, ScaleRequest
from .metrics import Metrics
from .model import Action, Decision, History, Reason, Record, Settings, Status, Stream, Telemetry, Trigger
from .outlook import LOOKBACK, PERIOD, outlook
from .reporting import Reporter, logger
from .settings import InvalidSettingsError, parse_settings
from .streams import AccountShardLimitError, QuotaExhaustedError, StreamInUseError, StreamMissingError, Streams

CALL_TAKES_AT_MOST = timedelta(seconds=40)
"""One UpdateShardCount call with all of botocore's retries; with less of the lease left it is not begun."""

RESUME_LIMIT = timedelta(minutes=5)
"""An intent that Kinesis never heard of is carried out only while its demand is this fresh."""

SETTLING = timedelta(minutes=1)
"""So soon after the call, a stream that still looks untouched may just not show the change yet."""

OLDEST_EVENT = timedelta(hours=24)
"""Records are filed under the time of their event; one that is older would be outside the history that counts."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far an event's time may be ahead of the function's clock."""

RETRY_FAILED = timedelta(hours=1)
"""The pace at which a failure that no retry mends is tried again, until a person has mended its cause."""


_REFUSALS = {
    Reason.QUOTA_EXHAUSTED: "Kinesis has counted ten calls for it in 24 hours, some of them perhaps by others.",
    Reason.ACCOUNT_SHARD_LIMIT: "the account's shard limit has no room for the new shards.",
    Reason.STREAM_MISSING: "the stream does not exist any more.",
    Reason.CALL_REFUSED: "Kinesis refused the call for good.",
}
"""What UpdateShardCount's refusals mean, for people; the record's `error` has AWS's own words."""


class RetryLaterError(Exception):
    """This invocation must not go on; Lambda's retry of the event will."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a stream: what asked for it, and what is known before Kinesis and the metrics are asked."""

    action: Action
    trigger: Trigger
    event_time: str
    pair: AlarmPair
    history: History
    request_id: str
    alarm_name: str | None = None
    alarm_reason: str | None = None

    @property
    def stream_name(self) -> str:
        """The stream looked at."""
        return self.pair.stream_name


def settle(record: Record, stream: Stream, now: datetime, *, has_consumers: bool) -> Record:
    """The record as the stream's state tells it now: ended, or the very same where that can't be told yet."""
    if not record.status.is_open or not stream.is_active:
        return record
    count = stream.open_shard_count
    untouched = count == record.from_shard_count
    age = now - record.started_at
    if record.status is Status.PENDING:
        alive = record.lease_until is not None and now < record.lease_until
        if alive or (untouched and age < RESUME_LIMIT):
            return record
        if untouched:
            expired = failed(record, Reason.INTENT_EXPIRED, "the call was never made, and is too old to make now.", now)
            return expired.with_(call_accepted=False)
    elif untouched and age < SETTLING:
        return record
    if count == record.to_shard_count:
        return record.with_(
            status=Status.SUCCEEDED,
            message="Scaled" + record.message.removeprefix("Scaling"),
            finished_at=now,
            lease_until=None,
            call_accepted=True,
            lower_consumers=(has_consumers and record.action is Action.SCALE_DOWN) or None,
        )
    why = f"the stream is ACTIVE with {count} shards, and the target was {record.to_shard_count}."
    return failed(record, Reason.STOPPED_SHORT, why, now)


def failed(record: Record, reason: Reason, why: str, now: datetime, *, error: Exception | None = None) -> Record:
    """The record, ended badly: `why` for people, and the `error` behind it as AWS put it."""
    return record.with_(
        status=Status.FAILED,
        reason=reason,
        message=f"Could not scale {record.stream_name} from {record.from_shard_count} to {record.to_shard_count} "
        f"shards: {why}",
        error=str(error or why),
        finished_at=now,
        lease_until=None,
    )


class Scaler:
    """Carries out scalings."""

    def __init__(
        self,
        *,
        alarms: Alarms,
        streams: Streams,
        metrics: Metrics,
        audit: AuditTable,
        consumers: Consumers,
        reporter: Reporter,
        dry_run: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Work with these adapters; with `dry_run`, decide and record, but change nothing."""
        self._alarms = alarms
        self._streams = streams
        self._metrics = metrics
        self._audit = audit
        self._consumers = consumers
        self._reporter = reporter
        self._dry_run = dry_run
        self._clock = clock

    # What asks for a scaling

    def on_alarm(self, event: AlarmEvent, request_id: str) -> Record | None:
        """An alarm has fired, says a message. None: the event is not, or no longer, one to act on.

        Raises:
            NotOurAlarmError: The alarm is not this autoscaler's.
            MalformedEventError: The event is of another day.
        """
        names, action = self._alarms.parse(event.alarm_name)
        self._require_recent(event.changed_at)
        history = self._audit.history(names.stream_name, self._clock())
        event_time = event_key(event.changed_at, action)
        # The record comes before the alarm: re-arming may have happened before the crash that left it unfinished.
        if own := history.find(event_time):
            return self.resume(own)
        pair = self._alarms.pair(names)
        alarm = pair.of(action)
        if not alarm.in_alarm or alarm.is_paused:
            state = "paused" if alarm.is_paused else alarm.definition["StateValue"]
            self._reporter.refused(
                f"The alarm {alarm.name} is {state}; nothing is to be done.", stream=pair.stream_name
            )
            return None
        look = Look(
            action=action,
            trigger=Trigger.ALARM,
            event_time=event_time,
            pair=pair,
            history=history,
            request_id=request_id,
            alarm_name=event.alarm_name,
            alarm_reason=event.reason[:1023],
        )
        latest = history.latest_intent
        if latest is not None and latest.used_a_call and event.changed_at < latest.started_at:
            why = "the alarm fired before the stream's latest scaling began."
            return self._leave(look, Reason.STALE_NOTIFICATION, why, retry_at=self._clock())
        return self._consider(look, lambda situation: decide(action, situation))

    def on_request(self, request: ScaleRequest, request_id: str) -> Record:
        """A person or a schedule asks for a shard count.

        Raises:
            NotOurAlarmError: The stream is not managed by this autoscaler.
            MalformedEventError: The request is of another day.
        """
        now = self._clock()
        self._require_recent(request.requested_at or now)
        pair = self._alarms.pair(self._alarms.names_of(request.stream_name))
        history = self._audit.history(request.stream_name, now)
        growing = request.shard_count > pair.scale_up.shard_count
        look = Look(
            action=Action.SCALE_UP if growing else Action.SCALE_DOWN,
            trigger=Trigger.REQUEST,
            event_time=event_key(request.requested_at or now, Action.SCALE_UP if growing else Action.SCALE_DOWN),
            pair=pair,
            history=history,
            request_id=request_id,
            alarm_reason=request.reason[:1023] or None,
        )
        # A second delivery has the same request id or the same time; by then the direction may look reversed.
        keys = {event_key(request.requested_at, each) for each in Action} if request.requested_at else set()
        for record in history.records:
            if record.trigger is Trigger.REQUEST and (record.request_id == request_id or record.event_time in keys):
                return self.resume(record, pair)
        if pair.of(look.action).is_paused:
            return self._leave(look, Reason.PAUSED, f"the actions of {pair.of(look.action).name} are disabled.")
        return self._consider(look, lambda situation: decide_request(situation, request.shard_count))

    def on_reconcile(self, action: Action, pair: AlarmPair, history: History, request_id: str) -> Record:
        """Reconcile has seen what no alarm tells: a stream under its minimum (scale-up), or one without data."""
        look = Look(
            action=action,
            trigger=Trigger.RECONCILE,
            event_time=event_key(self._clock(), action),
            pair=pair,
            history=history,
            request_id=request_id,
        )
        return self._consider(look, decide_minimum if action is Action.SCALE_UP else decide_scale_down)

    def resume(self, record: Record, pair: AlarmPair | None = None, stream: Stream | None = None) -> Record:
        """Go on with an intent that an earlier invocation has left; any other record is only returned.

        Args:
            record: As it was read.
            pair: The stream's alarms, if they were read already.
            stream: What Kinesis says of it, if that was read already.

        Raises:
            NotOurAlarmError: The stream's alarms are gone; reconcile ends the record.
        """
        now = self._clock()
        if record.status is not Status.PENDING:
            return record
        if record.lease_until is not None and now < record.lease_until:
            logger.info("Another invocation is at work on this record.", extra={"stream": record.stream_name})
            return record
        pair = pair or self._alarms.pair(self._alarms.names_of(record.stream_name))
        try:
            stream = stream or self._streams.describe(record.stream_name)
        except StreamMissingError as missing:
            return self.end(record, failed(record, Reason.STREAM_MISSING, _within_a_sentence(missing), now))
        settings = self._readable_settings(pair)
        consumers = settings.consumers if settings else {}
        settled = settle(record, stream, now, has_consumers=bool(consumers))
        if settled is record and stream.is_active and (why := self._revoked(record, pair, settings)):
            expired = failed(record, Reason.INTENT_EXPIRED, f"the call was never made, and {why}", now)
            settled = expired.with_(call_accepted=False)
        if settled is not record:
            self.sync(pair, stream.open_shard_count)
            return self.end(record, settled, rearm=pair, consumers=consumers)
        taken_over = record.with_(lease_until=now + LEASE)
        try:
            self._audit.update(record, taken_over)
        except SupersededError:
            logger.info("Another invocation took this record over.", extra={"stream": record.stream_name})
            return record
        if stream.is_active:
            return self._call(taken_over, pair, stream, consumers, resumed=True)
        return self._complete(taken_over, taken_over, pair, consumers)  # accepted, though the answer was lost

    # The steps, in their order

    def _consider(self, look: Look, make_decision: Callable[[Situation], Decision]) -> Record:
        """Look at the stream and its metrics, decide, and carry the decision out.

        What AWS refuses for good ends in a FAILED record, unless an intent is on record already: that one is resumed.
        """
        try:
            return self._decide(look, make_decision)
        except ClientError as error:
            if not is_permanent(error):
                raise
            now = self._clock()
            decision = Decision(
                look.action,
                Reason.CALL_REFUSED,
                f"Left {look.stream_name} alone: AWS refused a call for good.",
                retry_at=now + RETRY_FAILED,
            )
            refused = _record(look, decision, now).with_(
                status=Status.FAILED, error=str(error), finished_at=now, call_accepted=False
            )
            try:
                self._audit.add(refused)
            except AlreadyRecordedError:
                raise error from None
            self._reporter.report(refused)
            return refused

    def _decide(self, look: Look, make_decision: Callable[[Situation], Decision]) -> Record:
        now = self._clock()
        try:
            settings = self._settings(look.pair)
        except InvalidSettingsError as invalid:
            return self._leave(look, Reason.INVALID_SETTINGS, _within_a_sentence(invalid), retry_at=now)
        try:
            stream = self._streams.describe(look.stream_name)
        except StreamMissingError as missing:
            return self._leave(look, Reason.STREAM_MISSING, _within_a_sentence(missing), retry_at=now + RETRY_FAILED)
        history = look.history
        previous: tuple[Record, Record] | None = None
        if latest := history.latest_intent:
            previous = latest, settle(latest, stream, now, has_consumers=bool(settings.consumers))
            history = history.replacing(previous[1])
            if previous[1].status.is_open:
                why = f"its change from {latest.from_shard_count} to {latest.to_shard_count} shards is under way."
                return self._leave(look, Reason.STREAM_UPDATING, why, retry_at=now)
        telemetry = self._telemetry(look, settings, now)
        expected = outlook(telemetry.days, settings)
        decision = make_decision(Situation(stream, settings, telemetry, history, now, expected))
        if decision.target is None:
            return self._skip(look, decision)
        if self._dry_run:
            return self._skip(look, _not_carried_out(decision, now))
        intent = _record(look, decision, now).with_(status=Status.PENDING, lease_until=now + LEASE)
        try:
            self._audit.begin(intent, previous=previous)
        except AlreadyRecordedError:
            logger.info("This event is being handled by another invocation.", extra={"stream": look.stream_name})
            return intent
        except SupersededError as busy:
            return self._leave(look, Reason.STREAM_UPDATING, _within_a_sentence(busy), retry_at=now)
        if previous is not None and previous[1] is not previous[0]:
            self._reporter.report(previous[1])
        left = None if decision.calls_left is None else decision.calls_left - 1
        return self._call(intent, look.pair, stream, settings.consumers, calls_left=left)

    def _call(
        self,
        intent: Record,
        pair: AlarmPair,
        stream: Stream,
        consumers: Mapping[str, float],
        *,
        calls_left: int | None = None,
        resumed: bool = False,
    ) -> Record:
        """Ask Kinesis for the intent's target, if the lease leaves time for the answer."""
        if intent.lease_until is None or self._clock() > intent.lease_until - CALL_TAKES_AT_MOST:
            raise RetryLaterError(f"Too late to begin the call for {intent.stream_name}; the next delivery resumes it.")
        try:
            self._streams.update_shard_count(stream, _target(intent))
        except StreamInUseError as in_use:
            skipped = intent.with_(
                status=Status.SKIPPED,
                reason=Reason.STREAM_UPDATING,
                message=f"Left {intent.stream_name} alone: another change of the stream is under way.",
                error=str(in_use),
                call_accepted=False,
                lease_until=None,
                retry_at=self._clock(),
            )
            return self.end(intent, skipped, rearm=pair)
        except QuotaExhaustedError as error:
            if intent.trigger is Trigger.ALARM and not resumed:
                # A burst of calls for many streams meets the same error code, and is over by Lambda's retry.
                raise RetryLaterError(f"Kinesis has no call left for {intent.stream_name} now: {error}") from error
            return self._refused(intent, Reason.QUOTA_EXHAUSTED, error)
        except AccountShardLimitError as error:
            return self._refused(intent, Reason.ACCOUNT_SHARD_LIMIT, error)
        except StreamMissingError as error:
            return self._refused(intent, Reason.STREAM_MISSING, error)
        except ClientError as error:
            if not is_permanent(error):
                raise
            return self._refused(intent, Reason.CALL_REFUSED, error)
        return self._complete(intent, intent.with_(call_accepted=True), pair, consumers, calls_left=calls_left)

    def _refused(self, intent: Record, reason: Reason, error: Exception) -> Record:
        """Kinesis said no, and would say it again: the alarm stays in ALARM until reconcile lets it try anew."""
        now = self._clock()
        refused = failed(intent, reason, _REFUSALS[reason], now, error=error)
        return self.end(intent, refused.with_(call_accepted=False, retry_at=now + RETRY_FAILED))

    def _complete(
        self,
        before: Record,
        accepted: Record,
        pair: AlarmPair,
        consumers: Mapping[str, float],
        *,
        calls_left: int | None = None,
    ) -> Record:
        """Kinesis is at work: rewrite the alarms, raise the consumers, re-arm, and say so in the record."""
        problems = self.sync(pair, _target(accepted))
        if accepted.action is Action.SCALE_UP:
            problems += self._consumers.fit(consumers, _target(accepted))
        updating = accepted.with_(
            status=Status.UPDATING, lease_until=None, call_accepted=True, error=" ".join(problems) or None
        )
        return self.end(before, updating, rearm=pair, calls_left=calls_left)

    def end(
        self,
        before: Record,
        after: Record,
        *,
        rearm: AlarmPair | None = None,
        consumers: Mapping[str, float] | None = None,
        calls_left: int | None = None,
    ) -> Record:
        """Let the alarms fire again, then put the record where it belongs and report it.

        Args:
            before: The record as it stands in the table.
            after: As it is to be.
            rearm: The alarms, if they have something new to fire about.
            consumers: For a scale-up that is found to have succeeded: the functions whose concurrency it raises.
            calls_left: For the report, if known.
        """
        if consumers and after.status is Status.SUCCEEDED and after.action is Action.SCALE_UP:
            self._consumers.fit(consumers, _target(after))
        for alarm in rearm or ():
            if alarm.in_alarm and not alarm.is_paused:
                self._alarms.rearm(alarm, f"Re-armed. {after.message}")
        try:
            self._audit.update(before, after)
        except SupersededError:
            logger.info("Another invocation has moved this record on.", extra={"stream": before.stream_name})
            return before
        self._reporter.report(after, calls_left=calls_left)
        return after

    def _leave(self, look: Look, reason: Reason, why: str, *, retry_at: datetime | None = None) -> Record:
        """Skip for a reason that stands before the demand is known."""
        message = f"Left {look.stream_name} alone: {why}"
        retry_at = retry_at or self._clock() + LOOK_AGAIN
        return self._skip(look, Decision(look.action, reason, message, retry_at=retry_at))

    def _skip(self, look: Look, decision: Decision) -> Record:
        record = _record(look, decision, self._clock()).with_(status=Status.SKIPPED)
        alarm = look.pair.of(look.action)
        if decision.reason is Reason.STREAM_UPDATING and look.action is Action.SCALE_UP and alarm.in_alarm:
            # Demand outgrows the change under way: look again every minute, not only at the next reconcile.
            self._alarms.rearm(alarm, f"Re-armed. {record.message}")
        stored = self._audit.skip(record, latest=look.history.latest)
        if stored is not look.history.latest:  # else this event had been told of before
            self._reporter.report(stored, calls_left=decision.calls_left)
        return stored

    # What reconcile shares

    def consumers_of(self, pair: AlarmPair) -> Mapping[str, float]:
        """The stream's consumers; none where the settings can't be read, since a record must end all the same."""
        settings = self._readable_settings(pair)
        return settings.consumers if settings else {}

    def sync(self, pair: AlarmPair, shard_count: int) -> list[str]:
        """Rewrite `shardCount` in both alarms; returns what a retry can't mend."""
        try:
            self._alarms.write_shard_count(pair, shard_count)
        except InvalidSettingsError as invalid:
            logger.exception("An alarm could not be rewritten.", extra={"stream": pair.stream_name})
            return [str(invalid)]
        except ClientError as error:
            if not is_permanent(error):
                raise
            logger.exception("An alarm could not be rewritten.", extra={"stream": pair.stream_name})
            return [f"An alarm still has the old shard count: {error}"]
        return []

    def _require_recent(self, at: datetime) -> None:
        now = self._clock()
        if not now - OLDEST_EVENT <= at <= now + CLOCK_SKEW:
            raise MalformedEventError(f"The event is of {at:%Y-%m-%d %H:%M} UTC, and only the last 24 hours count.")

    def _revoked(self, intent: Record, pair: AlarmPair, settings: Settings | None) -> str | None:
        """Why an intent may not be carried out any more: what a user has changed since it was written."""
        if self._dry_run:
            return "this is a dry run now."
        if pair.of(intent.action).is_paused:
            return f"the actions of {pair.of(intent.action).name} are disabled now."
        if settings is None:
            return "the settings can't be read now."
        low, high = settings.min_shard_count, settings.max_shard_count
        growing = intent.action is Action.SCALE_UP
        if _target(intent) > high if growing else _target(intent) < low:
            return f"the bounds are {low} to {high} now."
        return None

    def _readable_settings(self, pair: AlarmPair) -> Settings | None:
        try:
            return self._settings(pair)
        except InvalidSettingsError:
            logger.exception("The settings can't be read.", extra={"stream": pair.stream_name})
            return None

    def _telemetry(self, look: Look, settings: Settings, now: datetime) -> Telemetry:
        """The latest minutes; for a scale-down also the last days, so that it can tell what is to come."""
        window = max(settings.scale_up.window, settings.scale_down.window)
        telemetry = self._metrics.telemetry(look.stream_name, since=now - window - timedelta(minutes=30), until=now)
        if look.action is Action.SCALE_UP:
            return telemetry
        days = self._metrics.days(look.stream_name, since=now - LOOKBACK, until=now - METRIC_DELAY, period=PERIOD)
        return replace(telemetry, days=days)

    def _settings(self, pair: AlarmPair) -> Settings:
        for alarm in pair:
            _ = alarm.shard_count  # what can't be rewritten afterwards must stop a scaling before it begins
        tags = self._alarms.tags(pair.scale_up)
        return parse_settings(tags, scale_up=pair.scale_up.rule, scale_down=pair.scale_down.rule)


def _record(look: Look, decision: Decision, now: datetime) -> Record:
    return Record(
        stream_name=look.stream_name,
        event_time=look.event_time,
        action=look.action,
        trigger=look.trigger,
        status=Status.SKIPPED,
        reason=decision.reason,
        message=decision.message,
        started_at=now,
        from_shard_count=decision.from_shard_count,
        to_shard_count=decision.target,
        demand_shards=decision.demand_shards,
        utilization=decision.utilization,
        alarm_name=look.alarm_name,
        alarm_reason=look.alarm_reason,
        request_id=look.request_id,
        retry_at=decision.retry_at,
    )


def _not_carried_out(decision: Decision, now: datetime) -> Decision:
    return replace(
        decision,
        reason=Reason.DRY_RUN,
        message="Dry run, would be " + decision.message[0].lower() + decision.message[1:],
        retry_at=now + LOOK_AGAIN,
    )


def _within_a_sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


def _target(record: Record) -> int:
    if record.to_shard_count is None:
        raise ValueError(f"The record {record.event_time} of {record.stream_name} has no target.")
    return record.to_shard_count
