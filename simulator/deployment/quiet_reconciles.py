"""Takes the place of runs of reconcile that scale nothing, which are nearly all of a day's 288.

Most runs only read. Once an hour one renews a stream's plan, and one notes that nothing was throttled. Both cost a
replay most of its time, because a plan reads a week of metrics. So here a plan reads only the minutes that are new, and
remembers the others. The rules are the function's own, and so is everything that is read and stored. Whenever a run
would do more than that, the function runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING

from kinesis_autoscaler.alarm import AlarmPair
from kinesis_autoscaler.alarms import Alarms
from kinesis_autoscaler.audit import AuditTable
from kinesis_autoscaler.decision import HOT_SHARD_WINDOW, make_plan
from kinesis_autoscaler.metrics import Days, Metrics
from kinesis_autoscaler.model import Foresight, Head, History, Period, Plan, Stream, Telemetry
from kinesis_autoscaler.observation import Observer
from kinesis_autoscaler.occasions import FOR_RECONCILE, Question, Seen, check_ups_due, explains, foreseen, stuck
from kinesis_autoscaler.reconciliation import CHECK_UP
from kinesis_autoscaler.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_cloudwatch import CloudWatchClient

    from simulator.deployment.without_terraform import Deployment
    from simulator.local_aws.function import Invocation

_LATE = timedelta(hours=1)
"""How much later than usual a datapoint may arrive."""


@dataclass(frozen=True)
class _Known:
    """What a run would read of a stream."""

    pair: AlarmPair
    stream: Stream
    head: Head
    history: History

    @property
    def is_consistent(self) -> bool:
        """Whether a run would find the stream as the autoscaler has left it, and no consumers to look after."""
        count = self.stream.open_shard_count
        return (
            self.stream.is_active
            and self.head.shard_count == count
            and all(alarm.shard_count == count for alarm in self.pair)
            and not self.head.consumers
        )

    def is_calm(self, now: datetime) -> bool:
        """Whether a run would find nothing to decide and no alarm to re-arm."""
        seen = Seen(self.pair, self.stream, now)
        return not any(occasion(seen) for occasion in FOR_RECONCILE) and all(
            explains(self.history, each, self.pair.of(each), now) for each in stuck(self.pair, now)
        )


class QuietReconciles:
    """Takes the place of the next run of reconcile where it scales nothing. Nobody else changes the streams."""

    def __init__(self, deployment: Deployment) -> None:
        """Watch this autoscaler, whose streams have no consumers with a reserved concurrency."""
        aws = self._aws = deployment.aws
        cloudwatch, kinesis = aws.client("cloudwatch"), aws.client("kinesis")
        function = aws.client("lambda").get_function_configuration(FunctionName=deployment.function_name)
        variables = function["Environment"]["Variables"]
        self._alarms = Alarms(cloudwatch, prefix=variables["ALARM_NAME_PREFIX"], topic_arn=variables["TOPIC_ARN"])
        self._audit = AuditTable(
            aws.client("dynamodb"),
            table_name=variables["AUDIT_TABLE_NAME"],
            retention_days=int(variables["AUDIT_RETENTION_DAYS"]),
        )
        self._streams = Streams(kinesis, bounded=kinesis)
        self._metrics = _RememberedMetrics(cloudwatch, late=timedelta(seconds=aws.store.delay_seconds) + _LATE)
        self._observer = Observer(alarms=self._alarms, streams=self._streams, metrics=self._metrics)
        self._latest: Invocation | None = None
        self._states: object = None  # nothing has been read
        self._known: list[_Known] = []
        self._unwritten: dict[tuple[str, str], Callable[[], None]] = {}

    def replace_next(self) -> bool:
        """Do what a run at this moment would do. Return False, and do nothing, if the function has to do it."""
        latest, states = self._aws.functions.latest, self._aws.alarms.states()
        if self._states is None or latest is not self._latest:
            self._write()
            self._latest, self._states, self._known = latest, states, self._read()
        elif states != self._states:
            pairs = {pair.stream_name: pair for pair in self._alarms.pairs()[0]}
            self._states, self._known = states, [replace(each, pair=pairs[each.stream.name]) for each in self._known]
        now = self._aws.clock.now()
        heads = [self._head_after(known, now) if known.is_calm(now) else None for known in self._known]
        known = [replace(known, head=head) for known, head in zip(self._known, heads, strict=True) if head]
        if not known or len(known) < len(heads):
            self._write()
            return False
        for before, after in zip(self._known, known, strict=True):
            self._keep(before.head, after.head, now)
        self._known = known
        return True

    def _read(self) -> list[_Known]:
        """Read what a run would read; nothing if there is unfinished work."""
        if self._audit.open_records():
            return []
        (pairs, _), heads, now = self._alarms.pairs(), self._audit.heads(), self._aws.clock.now()
        if any(pair.stream_name not in heads for pair in pairs):
            return []
        known = [
            _Known(
                pair,
                self._streams.describe(pair.stream_name),
                heads[pair.stream_name],
                self._audit.history(pair.stream_name, now),
            )
            for pair in pairs
        ]
        return known if all(each.is_consistent for each in known) else []

    def _head_after(self, known: _Known, now: datetime) -> Head | None:
        """A stream's head after a run at a time; None if the run might find something to do."""
        head, plan = known.head, self._plan_after(known, now)
        if plan is None:
            return None
        if check_ups_due([head.stream_name], {head.stream_name: head.checked_at}, CHECK_UP, now):
            if self._metrics.throttled_minutes(head.stream_name, since=now - HOT_SHARD_WINDOW, until=now):
                return None
            head = replace(head, checked_at=now)
        return replace(head, plan=plan)

    def _plan_after(self, known: _Known, now: datetime) -> Plan | None:
        seen = Seen(known.pair, known.stream, now, plan=known.head.plan)
        if foreseen(seen) is None:
            return seen.plan
        settings = self._observer.readable_settings(known.pair)
        if settings is None or (seen.plan and not seen.plan.is_due(now, known.stream.open_shard_count)):
            return None
        if settings.foresight is Foresight.OFF:
            return Plan(now, known.stream.open_shard_count)
        plan = make_plan(self._observer.situation(Question.FORESEE, known.stream, settings, known.history, now))
        return plan if foreseen(replace(seen, plan=plan)) is None else None

    def _keep(self, before: Head, after: Head, now: datetime) -> None:
        """Keep what a run would have written. Only the next run reads it, so only the last of many is written."""
        name, plan = after.stream_name, after.plan
        if plan is not None and plan is not before.plan:
            self._unwritten[name, "plan"] = partial(self._audit.keep_plan, name, plan, now)
        if after.checked_at != before.checked_at:
            self._unwritten[name, "check-up"] = partial(self._audit.check_up, name, {}, now)

    def _write(self) -> None:
        for write in self._unwritten.values():
            write()
        self._unwritten.clear()


class _RememberedMetrics(Metrics):
    """Metrics that remember the periods they have read, except for the latest, of which datapoints may be missing."""

    def __init__(self, cloudwatch: CloudWatchClient, *, late: timedelta) -> None:
        """Use this client. Datapoints arrive within the time `late`."""
        super().__init__(cloudwatch)
        self._late = late
        self._remembered: dict[str, tuple[Period, ...]] = {}

    def days(self, stream_name: str, days: Days) -> Telemetry:
        """Read the periods that are not remembered. The others are as they were."""
        remembered = self._remembered.get(stream_name, ())
        known = list(dropwhile(lambda period: period.at <= days.since - days.period, remembered))
        new = replace(days, since=known[-1].at + days.period) if known else days
        telemetry = super().days(stream_name, new)
        periods = (*known, *telemetry.days)
        if not telemetry.incomplete:
            late = takewhile(lambda period: period.at + days.period > days.until - self._late, reversed(periods))
            self._remembered[stream_name] = periods[: len(periods) - sum(1 for _ in late)]
        return replace(telemetry, days=periods)
