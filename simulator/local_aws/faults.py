"""Faults of this AWS: lost or late metrics, bad answers, stale or muted alarms, refused reshards.

A fault begins when it is requested, and lasts until it is ended or its minutes are over:

    lost = aws.faults.lose_metric("IncomingRecords", StreamName="orders")
    ...
    lost.end()

    with aws.faults.answer_metric_data("InternalError", "IncomingBytes"):
        ...

Calls that fail completely are not included: `LocalAWS.observer` makes them fail.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self, TypeVar

from simulator.aws.kinesis import Limit
from simulator.aws.metric_data import BadAnswer

if TYPE_CHECKING:
    from types import TracebackType

    from simulator.aws.clock import VirtualClock
    from simulator.aws.metrics import MetricKey

KINESIS = "AWS/Kinesis"
_LONG_ENDED = timedelta(hours=1)
_STATUSES = ("InternalError", "PartialData", "Forbidden")


@dataclass
class Fault:
    """A fault from `since` until `until`, or until it is ended. Leaving its `with` block ends it."""

    clock: VirtualClock
    since: datetime
    until: datetime | None

    def lasts(self, moment: datetime | None = None) -> bool:
        """Return whether it is active, now or at another moment."""
        moment = moment or self.clock.now()
        return self.since <= moment and (self.until is None or moment < self.until)

    def end(self) -> None:
        """End it now."""
        self.until = min(self.until or self.clock.now(), self.clock.now())

    def __enter__(self) -> Self:
        """Return the fault, which is already active."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.end()


@dataclass
class _OfMetrics(Fault):
    """A fault of the metrics with these names. None means any name, and omitted dimensions match all."""

    namespace: str | None = None
    names: tuple[str, ...] = ()
    dimensions: frozenset[tuple[str, str]] = frozenset()

    def befalls(self, key: MetricKey) -> bool:
        namespace, name, dimensions = key
        return (
            self.namespace in (None, namespace)
            and (not self.names or name in self.names)
            and self.dimensions <= frozenset(dimensions)
        )


@dataclass
class _Loss(_OfMetrics):
    """Datapoints never arrive."""


@dataclass
class _Delay(_OfMetrics):
    """Datapoints arrive later than usual."""

    by: timedelta = timedelta(0)


@dataclass
class _BadData(_OfMetrics):
    """GetMetricData answers with a status other than Complete."""

    status: str = "InternalError"
    answers: int | None = None
    next_token: bool = True
    given: Counter[MetricKey] = field(default_factory=Counter)


@dataclass
class _StaleAlarms(Fault):
    """DescribeAlarms shows old states."""

    by: timedelta = timedelta(0)


@dataclass
class _RefusedReshards(Fault):
    """Kinesis refuses to change streams."""

    limit: Limit = Limit.STREAMS_AT_ONCE
    prefix: str = ""


@dataclass
class _MutedAlarms(Fault):
    """Alarms change their states, but their actions are delayed."""

    prefix: str = ""


AnyFault = TypeVar("AnyFault", bound=Fault)


class Faults:
    """The faults of one AWS."""

    def __init__(self, clock: VirtualClock) -> None:
        """Start without faults."""
        self._clock = clock
        self._faults: list[Fault] = []

    def __bool__(self) -> bool:
        """Return whether any fault was requested."""
        return bool(self._faults)

    # --- Requesting faults -------------------------------------------------------------------------------------------

    def lose_metric(
        self, name: str, *, namespace: str = KINESIS, minutes: float | None = None, **dimensions: str
    ) -> Fault:
        """Lose a metric's datapoints permanently, for one stream if its StreamName is given."""
        return self._begin(
            _Loss(*self._stretch(minutes), namespace, (name,), frozenset(dimensions.items())),
        )

    def lose_namespace(self, namespace: str = KINESIS, *, minutes: float | None = None, **dimensions: str) -> Fault:
        """Lose the datapoints of a whole namespace."""
        return self._begin(_Loss(*self._stretch(minutes), namespace, (), frozenset(dimensions.items())))

    def delay_metrics(
        self,
        late_minutes: float,
        *names: str,
        namespace: str | None = KINESIS,
        minutes: float | None = None,
        **dimensions: str,
    ) -> Fault:
        """Delay datapoints of these metrics (by default all) by more than `metric_delay_seconds`."""
        by = timedelta(minutes=late_minutes)
        return self._begin(_Delay(*self._stretch(minutes), namespace, names, frozenset(dimensions.items()), by))

    def answer_metric_data(
        self,
        status: str,
        *names: str,
        answers: int | None = None,
        next_token: bool = True,
        namespace: str | None = KINESIS,
        minutes: float | None = None,
        **dimensions: str,
    ) -> Fault:
        """Make GetMetricData answer with this StatusCode for these metrics (by default all).

        InternalError and Forbidden have no data, PartialData has half of them. `answers` is the number of such answers
        for a metric; None means all. If the number is limited, NextToken leads to the missing data, unless `next_token`
        is false. If it is unlimited, there is no NextToken.
        """
        if status not in _STATUSES:
            raise ValueError(f"the StatusCode is one of {', '.join(_STATUSES)}, not {status!r}")
        where = (namespace, names, frozenset(dimensions.items()))
        return self._begin(_BadData(*self._stretch(minutes), *where, status, answers, next_token))

    def stale_alarms(self, seconds: float, *, minutes: float | None = None) -> Fault:
        """Make DescribeAlarms show each alarm's state of `seconds` ago. Messages contain the current state."""
        return self._begin(_StaleAlarms(*self._stretch(minutes), timedelta(seconds=seconds)))

    def mute_alarms(self, prefix: str = "", *, minutes: float | None = None) -> Fault:
        """Mute alarms, as a mute rule does: states change and ActionsEnabled stays, but actions do not run.

        When it ends, alarms in ALARM with delayed actions run them (PutAlarmMuteRule and DeleteAlarmMuteRule in the API
        Reference).
        """
        return self._begin(_MutedAlarms(*self._stretch(minutes), prefix))

    def refuse_reshards(self, limit: Limit, prefix: str = "", *, minutes: float | None = None) -> Fault:
        """Make Kinesis refuse UpdateShardCount, SplitShard and MergeShards with LimitExceededException and its text.

        It applies to streams whose names start with `prefix`. A limit that is really reached needs no fault: set
        `streams.account.shard_limit`, or make the calls that use up the quota.
        """
        return self._begin(_RefusedReshards(*self._stretch(minutes), limit, prefix))

    def end_all(self) -> None:
        """End all faults. Lost datapoints stay lost, and late ones still arrive late."""
        for fault in self._faults:
            fault.end()

    # --- Queries of the services -------------------------------------------------------------------------------------

    def loses(self, key: MetricKey, at: datetime) -> bool:
        """Return whether a datapoint of this moment is lost."""
        return any(fault.befalls(key) and fault.lasts(at) for fault in self._of(_Loss))

    def lateness(self, key: MetricKey, at: datetime) -> timedelta:
        """Return the additional delay of a datapoint of this moment."""
        late = (fault.by for fault in self._of(_Delay) if fault.befalls(key) and fault.lasts(at))
        return max(late, default=timedelta(0))

    def bad_answer(self, key: MetricKey) -> BadAnswer | None:
        """Return the faulty answer of the current GetMetricData call for a metric, or None."""
        for fault in self._of(_BadData):
            if fault.befalls(key) and fault.lasts() and (fault.answers is None or fault.given[key] < fault.answers):
                fault.given[key] += 1
                return BadAnswer(fault.status, next_token=fault.next_token and fault.answers is not None)
        return None

    def staleness(self) -> timedelta:
        """Return the age of the states that DescribeAlarms shows."""
        return max((fault.by for fault in self._of(_StaleAlarms) if fault.lasts()), default=timedelta(0))

    def mutes(self, alarm_name: str) -> bool:
        """Return whether an alarm's actions are delayed."""
        return any(alarm_name.startswith(fault.prefix) and fault.lasts() for fault in self._of(_MutedAlarms))

    def refuses_reshards(self, stream_name: str) -> Limit | None:
        """Return the limit for which changes of a stream are refused now, or None."""
        refusing = (fault for fault in self._of(_RefusedReshards) if fault.lasts())
        return next((fault.limit for fault in refusing if stream_name.startswith(fault.prefix)), None)

    def _stretch(self, minutes: float | None) -> tuple[VirtualClock, datetime, datetime | None]:
        """Return the time range from the present minute for the given minutes."""
        since = self._clock.now().replace(second=0, microsecond=0)
        return self._clock, since, None if minutes is None else since + timedelta(minutes=minutes)

    def _begin(self, fault: Fault) -> Fault:
        gone = self._clock.now() - _LONG_ENDED
        self._faults = [each for each in self._faults if each.until is None or each.until > gone] + [fault]
        return fault

    def _of(self, kind: type[AnyFault]) -> list[AnyFault]:
        return [fault for fault in self._faults if isinstance(fault, kind)]
