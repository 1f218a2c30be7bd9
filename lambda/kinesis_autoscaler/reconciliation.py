"""What alarms can't do: finish what was left unfinished, repair what has drifted, and wake what is stuck.

A run asks Kinesis once for every stream, which is the least that finds a manual reshard, and touches nothing else where
all is well. Streams with something to finish come first; where the time runs out, the next run begins with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .alarms import Alarm, AlarmPair, Alarms
from .audit import AuditTable, SupersededError
from .consumers import Consumers
from .decision import CONSUMER_SILENCE, METRIC_DELAY
from .metrics import Metrics
from .model import Action, History, Reason, Record, Status, Stream
from .reporting import Reporter, logger
from .scaling import Scaler, failed, settle
from .streams import StreamMissingError, Streams

NOTICE_TAKES = timedelta(minutes=2)
"""From an alarm's change of state to the record of what came of it, at the most; before that it is not stuck."""

NO_DATA_FOR = timedelta(minutes=15)
"""A scale-down alarm without data for this long won't fire by itself: the stream may be idle."""

TIME_FOR_ONE_STREAM = timedelta(seconds=30)
"""With less than this left, a run ends and leaves the rest to the next."""


@dataclass(slots=True)
class Summary:
    """What one run has done."""

    streams: int = 0
    finished: int = 0
    repaired: int = 0
    rearmed: int = 0
    failures: int = 0
    left_for_next_run: int = 0


class Reconciler:
    """Brings every stream of this autoscaler back to order."""

    def __init__(
        self,
        *,
        alarms: Alarms,
        streams: Streams,
        metrics: Metrics,
        audit: AuditTable,
        consumers: Consumers,
        reporter: Reporter,
        scaler: Scaler,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Work with these adapters."""
        self._alarms = alarms
        self._streams = streams
        self._metrics = metrics
        self._audit = audit
        self._consumers = consumers
        self._reporter = reporter
        self._scaler = scaler
        self._clock = clock

    def run(self, request_id: str, time_left: Callable[[], timedelta]) -> Summary:
        """Reconcile every stream, as far as the time allows. One stream's failure does not stop the others."""
        summary = Summary()
        unfinished: dict[str, list[Record]] = {}
        for record in self._audit.open_records():
            unfinished.setdefault(record.stream_name, []).append(record)
        pairs, problems = self._alarms.pairs()
        for problem in problems:
            self._reporter.refused(problem)
        by_stream = {pair.stream_name: pair for pair in pairs}
        cursor = self._audit.reconcile_cursor()
        order = _in_order(pairs, unfinished.keys(), cursor)
        shard_counts: dict[str, int] = {}
        for position, stream_name in enumerate(order):
            if time_left() < TIME_FOR_ONE_STREAM:
                summary.left_for_next_run = len(order) - position
                self._audit.keep_reconcile_cursor(stream_name)
                break
            try:
                records = unfinished.get(stream_name, [])
                if pair := by_stream.get(stream_name):
                    self._reconcile(pair, records, request_id, summary, shard_counts)
                else:
                    self._finish_without_alarms(records, summary)
            except SupersededError:
                logger.info("Another invocation is at work on this stream.", extra={"stream": stream_name})
            except Exception:  # noqa: BLE001 - the other streams must be reached
                summary.failures += 1
                logger.exception("Reconcile failed for a stream.", extra={"stream": stream_name})
                self._reporter.emit({"Failures": 1}, stream=stream_name)
            summary.streams += 1
        else:
            if cursor is not None:
                self._audit.drop_reconcile_cursor()
        # Zeros too, so that there is a graph of what, with luck, does not happen.
        self._reporter.emit({"Reconciles": 1, "AlarmRepairs": summary.repaired, "StuckAlarms": summary.rearmed})
        self._reporter.shard_counts(shard_counts, complete=not summary.left_for_next_run)
        return summary

    def _reconcile(
        self,
        pair: AlarmPair,
        records: list[Record],
        request_id: str,
        summary: Summary,
        shard_counts: dict[str, int],
    ) -> None:
        try:
            stream = self._streams.describe(pair.stream_name)
        except StreamMissingError:
            self._fail_all(records, Reason.STREAM_MISSING, "the stream does not exist any more.", summary)
            return
        if stream.on_demand:
            self._fail_all(records, Reason.ON_DEMAND_STREAM, "the stream is in on-demand mode now.", summary)
            return
        # What Kinesis says during a change is not documented; the alarms hold what the stream is changing to.
        shard_counts[stream.name] = stream.open_shard_count if stream.is_active else pair.scale_up.shard_count
        still_open = self._finish(pair, stream, records, summary)
        if not stream.is_active or still_open:
            return
        if any(alarm.shard_count != stream.open_shard_count for alarm in pair):
            self._repair(pair, stream, summary)
        self._wake(pair, stream, request_id, summary)

    def _finish(self, pair: AlarmPair, stream: Stream, records: list[Record], summary: Summary) -> bool:
        """End what can be ended; True if an intent is still under way, so that the stream is best left alone."""
        under_way = False
        for record in records:
            if record.status is Status.PENDING:
                after = self._scaler.resume(record, stream=stream)
            elif record.status is Status.UPDATING:
                consumers = self._scaler.consumers_of(pair) if stream.is_active else {}
                after = settle(record, stream, self._clock(), has_consumers=bool(consumers))
                if after is not record:
                    after = self._scaler.end(record, after)
            else:
                after = self._lower_consumers(pair, stream, record)
            summary.finished += after.status is not record.status
            under_way = under_way or after.status.is_open
        return under_way

    def _lower_consumers(self, pair: AlarmPair, stream: Stream, record: Record) -> Record:
        """After a scale-down, once nobody lags: fewer shards need fewer consumers."""
        now = self._clock()
        limit = CONSUMER_SILENCE + METRIC_DELAY
        telemetry = self._metrics.telemetry(pair.stream_name, since=now - limit, until=now)
        ages = [minute.iterator_age for minute in telemetry.minutes if minute.iterator_age is not None]
        lagging = any(age > timedelta(minutes=1) for age in ages[-3:])
        if lagging or not stream.is_active:
            return record
        problems = self._consumers.fit(self._scaler.consumers_of(pair), stream.open_shard_count)
        done = record.with_(lower_consumers=None, error=" ".join(problems) or record.error)
        self._audit.update(record, done)
        return done

    def _repair(self, pair: AlarmPair, stream: Stream, summary: Summary) -> None:
        # Read again: a user's change since this run's listing must not be overwritten with what was read then.
        fresh = self._alarms.pair(pair.names)
        if self._scaler.sync(fresh, stream.open_shard_count):
            summary.failures += 1
            self._reporter.emit({"Failures": 1}, stream=pair.stream_name)
            return
        summary.repaired += 1
        logger.warning(
            "Repaired shardCount in the alarms.",
            extra={"stream": pair.stream_name, "from": pair.scale_up.shard_count, "to": stream.open_shard_count},
        )
        self._reporter.emit({"AlarmRepairs": 1}, stream=pair.stream_name, in_total=False)

    def _wake(self, pair: AlarmPair, stream: Stream, request_id: str, summary: Summary) -> None:
        """Do what an alarm would have asked for, or let it ask again."""
        now = self._clock()
        if not any(_due(pair, stream, now)):
            return
        pair = self._alarms.pair(pair.names)  # as it is now: the listing may be many streams old
        wanted, stuck = _due(pair, stream, now)
        history = self._audit.history(pair.stream_name, now)
        for action in wanted:
            if not pair.of(action).is_paused and not _stands(history, action, now):
                self._scaler.on_reconcile(action, pair, history, request_id)
                return
        for action in stuck:
            alarm = pair.of(action)
            if not alarm.is_paused and not _explains(history, action, alarm, now):
                self._alarms.rearm(
                    alarm, "Re-armed by reconcile: in ALARM for longer than its last decision justifies."
                )
                summary.rearmed += 1
                self._reporter.emit({"StuckAlarms": 1}, stream=pair.stream_name, in_total=False)

    def _finish_without_alarms(self, records: list[Record], summary: Summary) -> None:
        """The stream's module block is gone, but what it had begun still has an end."""
        try:
            stream = self._streams.describe(records[0].stream_name)
        except StreamMissingError:
            self._fail_all(records, Reason.STREAM_MISSING, "the stream does not exist any more.", summary)
            return
        for record in records:
            if record.lower_consumers:
                self._audit.update(record, record.with_(lower_consumers=None))
                continue
            after = settle(record, stream, self._clock(), has_consumers=False)
            if after is not record:
                self._scaler.end(record, after)
                summary.finished += 1

    def _fail_all(self, records: Iterable[Record], reason: Reason, why: str, summary: Summary) -> None:
        for record in records:
            if record.status.is_open:
                self._scaler.end(record, failed(record, reason, why, self._clock()))
            else:
                self._audit.update(record, record.with_(lower_consumers=None))
            summary.finished += 1


def _in_order(pairs: list[AlarmPair], unfinished: Iterable[str], cursor: str | None) -> list[str]:
    """Streams with something to finish or an alarm in ALARM first; the rest by name, from the cursor on and round."""
    urgent = {*unfinished, *(pair.stream_name for pair in pairs if any(alarm.in_alarm for alarm in pair))}
    names = {*urgent, *(pair.stream_name for pair in pairs)}
    return sorted(names, key=lambda name: (name not in urgent, cursor is not None and name < cursor, name))


def _due(pair: AlarmPair, stream: Stream, now: datetime) -> tuple[list[Action], list[Action]]:
    """What no alarm will ask for, and whose alarm has been in ALARM for longer than a notice takes."""
    below_minimum = stream.open_shard_count < pair.scale_down.min_shard_count
    silent = (
        pair.scale_down.has_no_data
        and pair.scale_down.state_since < now - NO_DATA_FOR
        and stream.open_shard_count > pair.scale_down.min_shard_count
    )
    wanted = [Action.SCALE_UP] if below_minimum else [Action.SCALE_DOWN] if silent else []
    return wanted, [a for a in Action if pair.of(a).in_alarm and pair.of(a).state_since < now - NOTICE_TAKES]


def _latest(history: History, action: Action) -> Record | None:
    return next((record for record in reversed(history.records) if record.action is action), None)


def _stands(history: History, action: Action, now: datetime) -> bool:
    """Whether the last decision in this direction said to look again later than now."""
    latest = _latest(history, action)
    return latest is not None and latest.retry_at is not None and now < latest.retry_at


def _explains(history: History, action: Action, alarm: Alarm, now: datetime) -> bool:
    """Whether the last decision in this direction was about this very state of the alarm, and still stands."""
    latest = _latest(history, action)
    if latest is None:
        return False
    about = latest.last_seen_at or latest.started_at
    about_this_state = about >= alarm.state_since - timedelta(seconds=5)
    return about_this_state and (latest.status.is_open or _stands(history, action, now))
