"""What goes wrong in this AWS while it is told to: metrics lost or late, bad answers, old or mute alarms, refusals.

Each fault begins when it is asked for, and lasts until it is ended or its minutes are over:

    lost = aws.faults.lose_metric("IncomingRecords", StreamName="orders")
    ...
    lost.end()

    with aws.faults.answer_metric_data("InternalError", "IncomingBytes"):
        ...

Calls that fail as a whole are not among them: `LocalAWS.observer` breaks those.
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
    """Something that is wrong from `since` until `until`, or until it is ended. Leaving its `with` block ends it."""

    clock: VirtualClock
    since: datetime
    until: datetime | None

    def lasts(self, moment: datetime | None = None) -> bool:
        """Whether it is on, now or at another moment."""
        moment = moment or self.clock.now()
        return self.since <= moment and (self.until is None or moment < self.until)

    def end(self) -> None:
        """Put it right from now on."""
        self.until = min(self.until or self.clock.now(), self.clock.now())

    def __enter__(self) -> Self:
        """It is on already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.end()


@dataclass
class _OfMetrics(Fault):
    """A fault of the metrics that have these names; None stands for any, and dimensions left out for all."""

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
    """DescribeAlarms shows states as they were a while ago."""

    by: timedelta = timedelta(0)


@dataclass
class _RefusedReshards(Fault):
    """Kinesis refuses to change streams."""

    limit: Limit = Limit.STREAMS_AT_ONCE
    prefix: str = ""


@dataclass
class _MutedAlarms(Fault):
    """Alarms change their states, and their actions wait."""

    prefix: str = ""


AnyFault = TypeVar("AnyFault", bound=Fault)


class Faults:
    """The faults of one AWS."""

    def __init__(self, clock: VirtualClock) -> None:
        """Start with nothing wrong."""
        self._clock = clock
        self._faults: list[Fault] = []

    # --- What can go wrong -------------------------------------------------------------------------------------------

    def lose_metric(
        self, name: str, *, namespace: str = KINESIS, minutes: float | None = None, **dimensions: str
    ) -> Fault:
        """Lose a metric's datapoints for good, of one stream alone where its StreamName is given."""
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
        """Deliver datapoints of these metrics, of all if none is named, later than `metric_delay_seconds` says."""
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
        """Let GetMetricData succeed with this StatusCode for these metrics, for all if none is named.

        InternalError and Forbidden come without data, PartialData with half of them. `answers` is for how many answers
        about a metric, None for all. If these end, NextToken leads to what is owed, unless `next_token` says that there
        is none; where they do not, there is none.
        """
        if status not in _STATUSES:
            raise ValueError(f"the StatusCode is one of {', '.join(_STATUSES)}, not {status!r}")
        where = (namespace, names, frozenset(dimensions.items()))
        return self._begin(_BadData(*self._stretch(minutes), *where, status, answers, next_token))

    def stale_alarms(self, seconds: float, *, minutes: float | None = None) -> Fault:
        """Let DescribeAlarms show each alarm's state as it was `seconds` ago; messages tell the newest."""
        return self._begin(_StaleAlarms(*self._stretch(minutes), timedelta(seconds=seconds)))

    def mute_alarms(self, prefix: str = "", *, minutes: float | None = None) -> Fault:
        """Mute alarms, as a mute rule does: states change and ActionsEnabled stays, but actions do not run.

        When it ends, the alarms that are in ALARM and whose actions waited take them (PutAlarmMuteRule and
        DeleteAlarmMuteRule in the API Reference).
        """
        return self._begin(_MutedAlarms(*self._stretch(minutes), prefix))

    def refuse_reshards(self, limit: Limit, prefix: str = "", *, minutes: float | None = None) -> Fault:
        """Let Kinesis refuse UpdateShardCount, SplitShard and MergeShards with LimitExceededException and its text.

        It befalls streams whose names begin with `prefix`. A limit that is really reached refuses by itself: set
        `streams.account.shard_limit`, or call what others would have called.
        """
        return self._begin(_RefusedReshards(*self._stretch(minutes), limit, prefix))

    def end_all(self) -> None:
        """Put everything right. What was lost stays lost, and what is late comes when it comes."""
        for fault in self._faults:
            fault.end()

    # --- What the services ask ---------------------------------------------------------------------------------------

    def loses(self, key: MetricKey, at: datetime) -> bool:
        """Whether a datapoint of this moment never arrives."""
        return any(fault.befalls(key) and fault.lasts(at) for fault in self._of(_Loss))

    def lateness(self, key: MetricKey, at: datetime) -> timedelta:
        """How much later than usual a datapoint of this moment arrives."""
        late = (fault.by for fault in self._of(_Delay) if fault.befalls(key) and fault.lasts(at))
        return max(late, default=timedelta(0))

    def bad_answer(self, key: MetricKey) -> BadAnswer | None:
        """How GetMetricData, which is just answering, answers for a metric; None if nothing is wrong."""
        for fault in self._of(_BadData):
            if fault.befalls(key) and fault.lasts() and (fault.answers is None or fault.given[key] < fault.answers):
                fault.given[key] += 1
                return BadAnswer(fault.status, next_token=fault.next_token and fault.answers is not None)
        return None

    def staleness(self) -> timedelta:
        """How old the states are that DescribeAlarms shows."""
        return max((fault.by for fault in self._of(_StaleAlarms) if fault.lasts()), default=timedelta(0))

    def mutes(self, alarm_name: str) -> bool:
        """Whether an alarm's actions have to wait."""
        return any(alarm_name.startswith(fault.prefix) and fault.lasts() for fault in self._of(_MutedAlarms))

    def refuses_reshards(self, stream_name: str) -> Limit | None:
        """The limit for which a stream may not be changed now."""
        refusing = (fault for fault in self._of(_RefusedReshards) if fault.lasts())
        return next((fault.limit for fault in refusing if stream_name.startswith(fault.prefix)), None)

    def _stretch(self, minutes: float | None) -> tuple[VirtualClock, datetime, datetime | None]:
        """From the present minute on, for so long."""
        since = self._clock.now().replace(second=0, microsecond=0)
        return self._clock, since, None if minutes is None else since + timedelta(minutes=minutes)

    def _begin(self, fault: Fault) -> Fault:
        gone = self._clock.now() - _LONG_ENDED
        self._faults = [each for each in self._faults if each.until is None or each.until > gone] + [fault]
        return fault

    def _of(self, kind: type[AnyFault]) -> list[AnyFault]:
        return [fault for fault in self._faults if isinstance(fault, kind)]
