"""What alarms can't do: complete interrupted changes, correct drifted alarms, and re-arm stuck ones.

A run makes one Kinesis call for each stream, the minimum to detect a manual reshard. It changes nothing if all is well.
Streams with unfinished work come first. If the time runs out, the next run begins with the rest. Once an hour each
stream has a check-up for slow changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from . import occasions
from .alarm import AlarmPair
from .alarms import Alarms
from .audit import AuditTable
from .change import Executor
from .consumers import Consumers
from .decision import CONSUMER_SILENCE, HOT_SHARD_WINDOW, METRIC_DELAY
from .lifecycle import failed, settled, stopped
from .metrics import Metrics
from .model import Head, Reason, Record, Status, Stream
from .observation import Observer
from .occasions import FOR_CHECK_UP, FOR_RECONCILE, Occasion, Seen, explains, foreseen, in_order_of_plans, stands, stuck
from .reporting import Reporter, logger
from .rounds import OneStream, Summary
from .scaling import Scaler
from .streams import StreamMissingError, Streams

_Each = TypeVar("_Each")

TIME_FOR_ONE_STREAM = timedelta(seconds=30)
"""With less time than this left, a run ends and leaves the rest to the next one."""

CHECK_UP = HOT_SHARD_WINDOW - timedelta(minutes=5)
"""How often a stream is checked for what no alarm shows: slightly less than the range that is searched, so that the
next reconcile leaves no gap. One metric of GetMetricData an hour is $0.0073 a month."""

HOURLY_LOOKS = timedelta(minutes=2)
"""The maximum time that a run spends on plans, and also on check-ups. Otherwise a run over a large fleet could overlap
the next one."""

KEEPING_UP = timedelta(minutes=1)
"""Consumers with at most this lag have read the shards that a scale-down has closed."""


class Reconciler:
    """Restores the consistency of every stream of this autoscaler."""

    def __init__(
        self,
        *,
        alarms: Alarms,
        streams: Streams,
        metrics: Metrics,
        audit: AuditTable,
        consumers: Consumers,
        reporter: Reporter,
        observer: Observer,
        executor: Executor,
        scaler: Scaler,
        clock: Callable[[], datetime],
    ) -> None:
        """Use these parts."""
        self._alarms = alarms
        self._streams = streams
        self._metrics = metrics
        self._audit = audit
        self._consumers = consumers
        self._reporter = reporter
        self._observer = observer
        self._executor = executor
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
        heads, cursor = self._audit.heads(), self._audit.reconcile_cursor()
        calm: dict[str, Stream] = {}
        counts: dict[str, int] = {}
        order = occasions.in_order(pairs, unfinished.keys(), cursor)
        for position, name in enumerate(order):
            if time_left() < TIME_FOR_ONE_STREAM:
                summary.left_for_next_run = len(order) - position
                self._audit.keep_reconcile_cursor(name)
                break
            with OneStream(name, summary, self._reporter):
                records, pair = unfinished.get(name, []), by_stream.get(name)
                if pair is None:
                    self._finish_without_alarms(records, summary)
                elif stream := self._reconcile(pair, records, heads.get(name), request_id, summary, counts):
                    calm[name] = stream
            summary.streams += 1
        else:
            if cursor is not None:
                self._audit.drop_reconcile_cursor()
        self._foresee(by_stream, calm, heads, request_id, summary, time_left)
        checked = {name: head.checked_at for name, head in heads.items()}
        for name in self._in_time(occasions.check_ups_due(calm, checked, CHECK_UP, self._clock()), time_left):
            with OneStream(name, summary, self._reporter):
                self._check_up(by_stream[name], calm[name], heads.get(name), request_id)
        # Zeros are not reported, because a metric costs by the hours in which it is reported.
        done = {"AlarmRepairs": summary.repaired or None, "StuckAlarms": summary.stuck or None}
        self._reporter.emit({"Reconciles": 1, **done})
        if not summary.left_for_next_run:
            self._reporter.fleet(counts)
        return summary

    # Every run

    def _reconcile(
        self,
        pair: AlarmPair,
        records: list[Record],
        head: Head | None,
        request_id: str,
        summary: Summary,
        counts: dict[str, int],
    ) -> Stream | None:
        """Reconcile one stream; return it if no change is in progress."""
        try:
            stream = self._streams.describe(pair.stream_name)
        except StreamMissingError:
            self._fail_all(records, Reason.STREAM_MISSING, "the stream no longer exists.", summary)
            return None
        if stream.on_demand:
            self._fail_all(records, Reason.ON_DEMAND_STREAM, "the stream is now in on-demand mode.", summary)
            return None
        # The count during a change is not documented; the alarms contain the target of the change.
        counts[stream.name] = stream.open_shard_count if stream.is_active else pair.scale_up.shard_count
        still_open = self._finish(pair, stream, records, summary)
        if not stream.is_active or still_open:
            return None
        if not records:
            self._note_what_others_did(stream, head, request_id)
        if any(alarm.shard_count != stream.open_shard_count for alarm in pair):
            self._repair(pair, stream, summary)
        if head is not None and head.consumers and not any(record.lower_consumers for record in records):
            self._raise_consumers(head.consumers, stream)
        looked = self._wake(pair, stream, request_id, summary)
        return None if looked else stream

    def _finish(self, pair: AlarmPair, stream: Stream, records: list[Record], summary: Summary) -> bool:
        """End the records that can be ended. True if an intent is in progress: the stream must be left alone."""
        under_way = False
        for record in records:
            if record.status is Status.PENDING or (record.by_splits and record.status.is_open):
                after = self._executor.resume(record, stream=stream)
            elif record.status is Status.UPDATING:
                consumers = self._observer.consumers(pair) if stream.is_active else {}
                after = settled(record, stream, self._clock(), has_consumers=bool(consumers))
                if after is not record:
                    after = self._executor.end(record, after, shard_count=stream.open_shard_count)
            else:
                after = self._lower_consumers(pair, stream, record)
            summary.finished += after.status is not record.status
            under_way = under_way or after.status.is_open
        return under_way

    def _note_what_others_did(self, stream: Stream, head: Head | None, request_id: str) -> None:
        """Detect a reshard by hand, or by an apply that does not ignore the shard count."""
        if head is None or head.shard_count is None:
            self._audit.adopt(stream.name, stream.open_shard_count)
        elif head.shard_count != stream.open_shard_count:
            self._executor.note_elsewhere(stream, head, request_id)

    def _repair(self, pair: AlarmPair, stream: Stream, summary: Summary) -> None:
        if self._executor.sync(pair, stream.open_shard_count)[1]:
            summary.failures += 1
            self._reporter.emit({"Failures": 1}, stream=pair.stream_name)
            return
        summary.repaired += 1
        logger.warning(
            "Repaired shardCount in the alarms.",
            extra={"stream": pair.stream_name, "from": pair.scale_up.shard_count, "to": stream.open_shard_count},
        )
        done = {"AlarmRepairs": 1, "ShardCount": stream.open_shard_count}
        self._reporter.emit(done, stream=pair.stream_name, in_total=False)

    def _wake(self, pair: AlarmPair, stream: Stream, request_id: str, summary: Summary) -> bool:
        """Take the decision that an alarm would have triggered, or re-arm it; return whether the stream was checked."""
        now = self._clock()
        occasion = _first(FOR_RECONCILE, Seen(pair, stream, now))
        if occasion is None and not stuck(pair, now):
            return False
        pair = self._alarms.pair(pair.names)  # read again: the listing may be outdated by now
        occasion = _first(FOR_RECONCILE, Seen(pair, stream, now))
        history = self._audit.history(pair.stream_name, now)
        if occasion is not None:
            action = occasion.action(stream)
            if not pair.of(action).is_paused and not stands(history, action, now):
                self._scaler.look(occasion, pair, history, request_id)
                return True
        for action in stuck(pair, now):
            alarm = pair.of(action)
            if not alarm.is_paused and not explains(history, action, alarm, now):
                self._alarms.rearm(
                    alarm, "Re-armed by reconcile: in ALARM for longer than its last decision justifies."
                )
                summary.rearmed += 1
                if not occasions.answered(history, action, alarm):
                    summary.stuck += 1
                    self._reporter.emit({"StuckAlarms": 1}, stream=pair.stream_name, in_total=False)
        return False

    # Consumers

    def _raise_consumers(self, consumers: Mapping[str, float], stream: Stream) -> None:
        """Raise concurrency that a manual reshard or a `terraform apply` left too low for the shards."""
        low, _ = self._consumers.unfit(consumers, stream.open_shard_count)
        if low:
            self._fit({name: consumers[name] for name in low}, stream)

    def _lower_consumers(self, pair: AlarmPair, stream: Stream, record: Record) -> Record:
        """Lower the concurrency after a scale-down, once no consumer lags."""
        if not stream.is_active or not self._keeps_up(stream):
            return record
        problems = self._consumers.fit(self._observer.consumers(pair), stream.open_shard_count)
        done = record.with_(lower_consumers=None, error=" ".join(problems) or record.error)
        self._audit.update(record, done)
        return done

    def _keeps_up(self, stream: Stream) -> bool:
        now = self._clock()
        fan_out = self._streams.fan_out_consumers(stream)
        since = now - CONSUMER_SILENCE - METRIC_DELAY
        telemetry = self._metrics.telemetry(stream.name, since=since, until=now, fan_out=fan_out)
        ages = [minute.iterator_age for minute in telemetry.minutes if minute.iterator_age is not None]
        lags = [ages, *([lag for _, lag in consumer.lags] for consumer in telemetry.fan_out)]
        return not any(lag > KEEPING_UP for recent in lags for lag in recent[-3:])

    def _fit(self, consumers: Mapping[str, float], stream: Stream) -> None:
        logger.warning(
            "Restored the reserved concurrency of consumers.",
            extra={"stream": stream.name, "consumers": sorted(consumers), "shards": stream.open_shard_count},
        )
        for problem in self._consumers.fit(consumers, stream.open_shard_count):
            logger.error(problem, extra={"stream": stream.name})
            self._reporter.emit({"Failures": 1}, stream=stream.name)

    # Once an hour

    def _foresee(
        self,
        pairs: Mapping[str, AlarmPair],
        calm: Mapping[str, Stream],
        heads: Mapping[str, Head],
        request_id: str,
        summary: Summary,
        time_left: Callable[[], timedelta],
    ) -> None:
        """Renew old plans, and carry out what plans want."""
        now = self._clock()
        plans = {name: head.plan for name, head in heads.items()}
        seen_of_each = (Seen(pairs[name], calm[name], now, plan=plans.get(name)) for name in calm)
        due = ((seen, occasion) for seen in in_order_of_plans(seen_of_each) if (occasion := foreseen(seen)))
        for seen, occasion in self._in_time(due, time_left):
            with OneStream(seen.stream.name, summary, self._reporter):
                history = self._audit.history(seen.stream.name, now)
                self._scaler.look(occasion, seen.pair, history, request_id)

    def _in_time(self, each: Iterable[_Each], time_left: Callable[[], timedelta]) -> Iterator[_Each]:
        """As many as the time allows. The longest waiting come first, so that the others follow in the next run."""
        until = self._clock() + HOURLY_LOOKS
        for one in each:
            if time_left() < TIME_FOR_ONE_STREAM or self._clock() >= until:
                return
            yield one

    def _check_up(self, pair: AlarmPair, stream: Stream, head: Head | None, request_id: str) -> None:
        now = self._clock()
        if occasions.is_another_stretch(head.checked_at if head else None, occasions.SHOWN_EVERY, now):
            self._reporter.emit({"ShardCount": stream.open_shard_count}, stream=stream.name, in_total=False)
        consumers = self._observer.consumers(pair)
        if consumers:
            low, high = self._consumers.unfit(consumers, stream.open_shard_count)
            wrong = low | high if high and self._keeps_up(stream) else low
            if wrong:
                self._fit({name: consumers[name] for name in wrong}, stream)
        throttled = self._metrics.throttled_minutes(stream.name, since=now - HOT_SHARD_WINDOW, until=now)
        occasion = _first(FOR_CHECK_UP, Seen(pair, stream, now, throttled_minutes=throttled))
        if occasion is not None:
            self._scaler.look(occasion, pair, self._audit.history(stream.name, now), request_id)
        self._audit.check_up(stream.name, consumers, now)

    # What can't go on

    def _finish_without_alarms(self, records: list[Record], summary: Summary) -> None:
        """The stream's module block was removed, but its open records must still be ended."""
        try:
            stream = self._streams.describe(records[0].stream_name)
        except StreamMissingError:
            self._fail_all(records, Reason.STREAM_MISSING, "the stream no longer exists.", summary)
            return
        for record in records:
            if record.lower_consumers:
                self._audit.update(record, record.with_(lower_consumers=None))
                continue
            after = settled(record, stream, self._clock(), has_consumers=False)
            if after is record and record.by_splits and stream.is_active:
                after = stopped(record, "the stream's alarms no longer exist.", self._clock())
            if after is not record:
                self._executor.end(record, after, shard_count=stream.open_shard_count)
                summary.finished += 1

    def _fail_all(self, records: Iterable[Record], reason: Reason, why: str, summary: Summary) -> None:
        for record in records:
            if record.status.is_open:
                self._executor.end(record, failed(record, reason, why, self._clock()))
            else:
                self._audit.update(record, record.with_(lower_consumers=None))
            summary.finished += 1


def _first(candidates: Iterable[Callable[[Seen], Occasion | None]], seen: Seen) -> Occasion | None:
    return next((occasion for of in candidates if (occasion := of(seen)) is not None), None)
