"""The only executor: begin, call, rewrite the alarms, raise the consumers' concurrency, end, resume.

The order of the steps makes a crash harmless. The intent is recorded and the head has moved before the Kinesis call.
The alarms are rewritten and re-armed after it, and the record is completed last. A second delivery or reconcile that
finds an unfinished record checks the stream and continues from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from . import lifecycle
from .alarm import Alarm, AlarmPair, NotOurAlarmError
from .alarms import Alarms
from .audit import LEASE, AlreadyRecordedError, AuditTable, SupersededError
from .clients import is_permanent
from .consumers import Consumers
from .model import Action, Head, History, Reason, Record, Settings, Status, Stream, Trigger
from .model.record import within_a_sentence
from .observation import Observer
from .reporting import Reporter, logger
from .resharding import TAKES_AT_MOST, Outcome, Way
from .settings import InvalidSettingsError
from .streams import StreamMissingError, Streams

RETRY_REFUSED = timedelta(minutes=15)
"""The interval at which a refused call is retried. A fixed policy or a raised limit takes effect within this time."""


class RetryLaterError(Exception):
    """This invocation must stop; Lambda's retry of the event continues."""


class Executor:
    """Carries out decisions, and records their results."""

    def __init__(
        self,
        *,
        alarms: Alarms,
        streams: Streams,
        audit: AuditTable,
        consumers: Consumers,
        reporter: Reporter,
        observer: Observer,
        way: Way,
        splits: Way,
        dry_run: bool,
        clock: Callable[[], datetime],
    ) -> None:
        """Use these adapters. With `dry_run`, record decisions but change nothing."""
        self._alarms = alarms
        self._streams = streams
        self._audit = audit
        self._consumers = consumers
        self._reporter = reporter
        self._observer = observer
        self._way = way
        self._splits = splits
        self._dry_run = dry_run
        self._clock = clock

    # A decision not to scale

    def skip(self, record: Record, alarm: Alarm, history: History, *, calls_left: int | None = None) -> Record:
        """Record a decision not to scale, or in a dry run any decision."""
        if record.to_shard_count is not None:
            record = lifecycle.rehearsed(record, self._clock() + RETRY_REFUSED)
        if record.reason is Reason.STREAM_UPDATING and record.action is Action.SCALE_UP and alarm.in_alarm:
            # Demand exceeds the change in progress: check again every minute, not only at the next reconcile.
            self._alarms.rearm(alarm, f"Re-armed. {record.message}")
        latest = history.latest
        stored = self._audit.skip(record, latest=latest)
        if stored is not latest:  # otherwise this event was already reported
            scaled_at = history.latest_intent.started_at if history.latest_intent else None
            since = (other for other in history.records if scaled_at is None or other.seen_at > scaled_at)
            news = not any(lifecycle.says_the_same(record, other) for other in since)
            self._reporter.report(stored, calls_left=calls_left, news=news)
        return stored

    def refuse(self, record: Record, error: ClientError) -> Record:
        """Record that AWS permanently refused a call of the check.

        Raises:
            ClientError: The event has a record already, which is resumed instead.
        """
        now = self._clock()
        refused = record.with_(
            status=Status.FAILED,
            error=str(error),
            finished_at=now,
            call_accepted=False,
            retry_at=now + RETRY_REFUSED,
        )
        try:
            self._audit.add(refused)
        except AlreadyRecordedError:
            raise error from None
        self._reporter.report(refused)
        return refused

    # A scaling

    def scale(
        self,
        record: Record,
        pair: AlarmPair,
        stream: Stream,
        settings: Settings,
        *,
        previous: tuple[Record, Record] | None,
        calls_left: int | None = None,
    ) -> Record:
        """Carry out a decision.

        Args:
            record: The record of the decision.
            pair: The stream's alarms.
            stream: The stream as the decision saw it.
            settings: The stream's settings.
            previous: The stream's latest intent, as it was read and as it is to be written.
            calls_left: For the report.

        Raises:
            ReshardedElsewhereError: The stream's count differs from the head's, so the decision lacks a change in the
                history.
            SupersededError: Somebody else has begun a scaling.
        """
        now = self._clock()
        intent = lifecycle.intended(record, now + LEASE)
        try:
            self._audit.begin(intent, previous=previous, shard_count=stream.open_shard_count, now=now)
        except AlreadyRecordedError:
            logger.info("This event is being handled by another invocation.", extra={"stream": stream.name})
            return intent
        if previous is not None and previous[1] is not previous[0]:
            self._reporter.report(
                previous[1], shard_count=stream.open_shard_count, accepted_now=_accepted_now(*previous)
            )
        return self._call(intent, pair, stream, settings.consumers, calls_left=calls_left)

    def resume(self, record: Record, pair: AlarmPair | None = None, stream: Stream | None = None) -> Record:
        """Continue an intent that an earlier invocation has left; return any other record unchanged.

        Args:
            record: As it was read.
            pair: The stream's alarms, if they were read already.
            stream: The stream, if it was read already.

        Raises:
            NotOurAlarmError: The stream's alarms no longer exist; reconcile ends the record.
        """
        now = self._clock()
        if record.status is not Status.PENDING and not (record.by_splits and record.status.is_open):
            return record
        if record.lease_until is not None and now < record.lease_until:
            logger.info("Another invocation is working on this record.", extra={"stream": record.stream_name})
            return record
        pair = pair or self._alarms.pair(self._alarms.names_of(record.stream_name))
        try:
            stream = stream or self._streams.describe(record.stream_name)
        except StreamMissingError as missing:
            return self.end(
                record, lifecycle.failed(record, Reason.STREAM_MISSING, within_a_sentence(str(missing)), now)
            )
        if not stream.is_active and (record.lease_until is None or record.by_splits):
            return record  # Kinesis' answer was inconclusive: the count will show the result once the stream is ACTIVE
        settings = self._observer.readable_settings(pair)
        consumers = settings.consumers if settings else {}
        after = lifecycle.settled(record, stream, now, has_consumers=bool(consumers))
        if after is record and (why := self._revoked(record, pair, settings)):
            after = (lifecycle.stopped if record.call_accepted else lifecycle.expired)(record, why, now)
        overflows = record.by_splits and record.hot_shard is None and record.call_accepted
        if after is record and overflows and stream.is_active and settings is not None:
            history = self._audit.history(stream.name, now)
            if self._observer.has_enough(stream, settings, history, now):
                after = lifecycle.sufficient(record, stream.open_shard_count, now)
        if after is not record:
            self.sync(pair, stream.open_shard_count)
            return self.end(record, after, rearm=pair, consumers=consumers, shard_count=stream.open_shard_count)
        taken_over = record.with_(status=Status.PENDING, lease_until=now + LEASE)
        try:
            self._audit.take_over(record, taken_over, now)
        except SupersededError:
            logger.info("Another invocation took this record over.", extra={"stream": record.stream_name})
            return record
        if stream.is_active:
            return self._call(taken_over, pair, stream, consumers, resumed=True)
        # Kinesis accepted the call, but the invocation ended before the answer. If somebody else is changing the
        # stream, its count will not be the target, and the record will end as STOPPED_SHORT.
        return self._accepted(taken_over, pair, consumers, stream)

    def end(
        self,
        before: Record,
        after: Record,
        *,
        rearm: AlarmPair | None = None,
        consumers: Mapping[str, float] | None = None,
        shard_count: int | None = None,
        calls_left: int | None = None,
    ) -> Record:
        """Re-arm the alarms, then write the record's final status and report it.

        Args:
            before: The record as it stands in the table.
            after: The record to write.
            rearm: The alarms to re-arm, if any.
            consumers: The functions whose concurrency a successful scale-up raises.
            shard_count: The stream's shard count, if it is ACTIVE.
            calls_left: For the report, if known.
        """
        if consumers and after.status is Status.SUCCEEDED and after.action is Action.SCALE_UP:
            self._consumers.fit(consumers, after.target)
        for alarm in rearm or ():
            if alarm.in_alarm and not alarm.is_paused:
                self._alarms.rearm(alarm, f"Re-armed. {after.message}")
        try:
            self._audit.update(before, after, shard_count=shard_count)
        except SupersededError:
            logger.info("Another invocation has moved this record on.", extra={"stream": before.stream_name})
            return before
        self._reporter.report(
            after, shard_count=shard_count, calls_left=calls_left, accepted_now=_accepted_now(before, after)
        )
        return after

    def note_elsewhere(self, stream: Stream, head: Head, request_id: str) -> Record | None:
        """Record that somebody else has resharded the stream; None if another invocation was faster."""
        if head.shard_count is None:
            return None
        now = self._clock()
        record = lifecycle.resharded_elsewhere(stream, head.shard_count, request_id, now)
        try:
            self._audit.note(record, head, now)
        except (AlreadyRecordedError, SupersededError):
            return None
        self._reporter.report(record, shard_count=stream.open_shard_count)
        return record

    def sync(self, pair: AlarmPair, shard_count: int) -> tuple[AlarmPair, list[str]]:
        """Rewrite `shardCount` in both alarms; return them, and the problems that a retry can't fix."""
        try:
            return self._alarms.write_shard_count(pair.names, shard_count), []
        except (InvalidSettingsError, NotOurAlarmError) as problem:
            logger.exception("An alarm could not be rewritten.", extra={"stream": pair.stream_name})
            return pair, [str(problem)]
        except ClientError as error:
            if not is_permanent(error):
                raise
            logger.exception("An alarm could not be rewritten.", extra={"stream": pair.stream_name})
            return pair, [f"An alarm still has the old shard count: {error}"]

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
        """Call Kinesis for the intent's target, if the lease leaves enough time for the answer."""
        if intent.lease_until is None or self._clock() > intent.lease_until - TAKES_AT_MOST:
            raise RetryLaterError(f"Too late to begin the call for {intent.stream_name}; the next delivery resumes it.")
        answer = (self._splits if intent.by_splits else self._way).carry_out(stream, intent)
        now, error = self._clock(), answer.error or Exception(answer.why)
        if answer.outcome is Outcome.IN_DOUBT:
            return self.end(intent, lifecycle.in_doubt(intent, error))
        if answer.outcome is Outcome.BUSY and intent.call_accepted:
            return self.end(intent, lifecycle.updating(intent, []), rearm=pair)
        if answer.outcome is Outcome.BUSY:
            return self.end(intent, lifecycle.left_alone(intent, error, now), rearm=pair)
        if answer.outcome is Outcome.LIMITED and intent.trigger is Trigger.ALARM and not resumed:
            # A burst of calls for many streams gets the same error code, and has passed by Lambda's retry.
            raise RetryLaterError(f"Kinesis takes no call for {intent.stream_name} now: {error}") from error
        if answer.outcome is not Outcome.ACCEPTED and intent.call_accepted:
            stopped = lifecycle.stopped(intent, answer.why, now, error=error)
            return self.end(intent, stopped, rearm=pair, shard_count=stream.open_shard_count)
        if answer.outcome is not Outcome.ACCEPTED:
            refused = lifecycle.refused(intent, answer.reason, answer.why, error, now, now + RETRY_REFUSED)
            return self.end(intent, refused)
        return self._accepted(intent, pair, consumers, stream, calls_left=calls_left)

    def _accepted(
        self,
        intent: Record,
        pair: AlarmPair,
        consumers: Mapping[str, float],
        before: Stream,
        *,
        calls_left: int | None = None,
    ) -> Record:
        """After an accepted call: rewrite the alarms, raise the consumers' concurrency, re-arm, update the record."""
        shard_count = before.open_shard_count + 1 if intent.by_splits else intent.target
        pair, problems = self.sync(pair, shard_count)
        if intent.action is Action.SCALE_UP:
            problems += self._consumers.fit(consumers, shard_count)
        return self.end(intent, lifecycle.updating(intent, problems, shard_count), rearm=pair, calls_left=calls_left)

    def _revoked(self, intent: Record, pair: AlarmPair, settings: Settings | None) -> str | None:
        """Why an intent may no longer be carried out: what a user has changed since it was written."""
        if self._dry_run:
            return "dry_run is now on."
        if pair.of(intent.action).is_paused:
            return f"the actions of {pair.of(intent.action).name} are now disabled."
        if settings is None:
            return "the settings can't be read now."
        if intent.by_splits and not (settings.split_hot_shards if intent.hot_shard else settings.split_beyond_quota):
            return "splitting shards is now disabled."
        low, high = settings.min_shard_count, settings.max_shard_count
        growing = intent.action is Action.SCALE_UP
        if intent.target > high if growing else intent.target < low:
            return f"the bounds are {low} to {high} now."
        return None


def _accepted_now(before: Record, after: Record) -> bool:
    """Whether it has just become known that Kinesis accepted the call."""
    return before.status is Status.PENDING and before.call_accepted is None and bool(after.call_accepted)
