"""Leaves out the runs of reconcile that would change nothing, which are most of a day's 288.

The rules are the function's own: what it reads, and on which occasions it acts. After a run that found nothing to do,
another one can only find something if an alarm has changed its state or the function has run, which is read again, or
because time has passed: a plan or a check-up is due, or a decision does not stand any longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kinesis_autoscaler.alarm import AlarmPair
from kinesis_autoscaler.alarms import Alarms
from kinesis_autoscaler.audit import AuditTable
from kinesis_autoscaler.model import Head, History, Stream
from kinesis_autoscaler.occasions import FOR_RECONCILE, Seen, check_ups_due, explains, foreseen, stuck
from kinesis_autoscaler.reconciliation import CHECK_UP
from kinesis_autoscaler.streams import Streams
from simulator.deployment.without_terraform import NAME, Deployment

if TYPE_CHECKING:
    from simulator.local_aws.function import Invocation

_READS = ("Describe", "Get", "List", "Query")
_OF_THE_HEAD = "UpdateItem"
"""How a run stores a plan or the time of a check-up. After any other change there may be more to do."""


@dataclass(frozen=True)
class _Known:
    """What a run would read of a stream."""

    pair: AlarmPair
    stream: Stream
    head: Head
    history: History

    def calls_for_nothing(self, now: datetime) -> bool:
        """Return whether a run at a time would only read."""
        seen = Seen(self.pair, self.stream, now, plan=self.head.plan)
        return not (
            foreseen(seen)
            or any(occasion(seen) for occasion in FOR_RECONCILE)
            or check_ups_due([self.stream.name], {self.stream.name: self.head.checked_at}, CHECK_UP, now)
            or not all(explains(self.history, each, self.pair.of(each), now) for each in stuck(self.pair, now))
        )


class QuietReconciles:
    """Knows whether the next run of reconcile would change nothing. Nobody else changes the streams."""

    def __init__(self, deployment: Deployment) -> None:
        """Watch this autoscaler, whose streams have no consumers with a reserved concurrency."""
        aws = self._aws = deployment.aws
        kinesis = aws.client("kinesis")
        self._alarms = Alarms(aws.client("cloudwatch"), prefix=NAME, topic_arn=deployment.topic_arn)
        self._audit = AuditTable(aws.client("dynamodb"), table_name=deployment.audit_table_name, retention_days=1)
        self._streams = Streams(kinesis, bounded=kinesis)
        self._read_after: tuple[Invocation | None, object] | None = None
        self._known: list[_Known] = []

    def is_next(self) -> bool:
        """Return whether a run at this moment would change nothing."""
        present = self._aws.functions.latest, self._aws.alarms.states()
        if present != self._read_after:
            self._read_after, self._known = present, self._read() if _leaves_nothing(present[0]) else []
        now = self._aws.clock.now()
        return bool(self._known) and all(known.calls_for_nothing(now) for known in self._known)

    def _read(self) -> list[_Known]:
        """Read what a run would read; nothing if there is unfinished work."""
        if self._audit.open_records():
            return []
        (pairs, _), heads, now = self._alarms.pairs(), self._audit.heads(), self._aws.clock.now()
        if any(pair.stream_name not in heads or heads[pair.stream_name].consumers for pair in pairs):
            return []
        return [
            _Known(
                pair,
                self._streams.describe(pair.stream_name),
                heads[pair.stream_name],
                self._audit.history(pair.stream_name, now),
            )
            for pair in pairs
        ]


def _leaves_nothing(latest: Invocation | None) -> bool:
    """Return whether the latest invocation was a run that changed at most a head."""
    return (
        latest is not None
        and latest.error is None
        and latest.event == {"action": "reconcile"}
        and all(call.operation.startswith((*_READS, _OF_THE_HEAD)) for call in latest.api_calls)
    )
