"""CloudWatch alarms: from datapoints to state changes.

Sources: Amazon CloudWatch User Guide, "Using Amazon CloudWatch alarms" and "Configuring how CloudWatch alarms treat
missing data"; PutMetricAlarm and MetricAlarm in the API Reference.

The rules:

- An alarm is evaluated every minute over a window that slides by the minute, so that the datapoints of a 5-minute
  period need not lie at :00 and :05.
- The alarm is in ALARM if at least M (DatapointsToAlarm) of the N (EvaluationPeriods) most recent datapoints breach;
  they need not be consecutive. Otherwise it is OK.
- More than N datapoints are retrieved: the *evaluation range*. With N or more real datapoints, the most recent N of
  them decide, and TreatMissingData is ignored. With fewer, fillers are added until there are N.
- `breaching` and `notBreaching` define what a filler is. With `missing` and `ignore` it is neither: M breaching
  datapoints still cause ALARM, and otherwise a datapoint that does not breach causes OK.
- If all real datapoints breach but are fewer than M, `ignore` keeps the state. With `missing` the alarm goes to ALARM
  once the oldest of them is M or more periods old (the guide's "premature alarm state"). Until then, and without any
  datapoint, it is INSUFFICIENT_DATA.
- Datapoints from before the creation of the alarm count as well.
- Actions run only on a change of state, and only if ActionsEnabled. The effect of SetAlarmState lasts until the next
  evaluation, because an evaluation starts from the current state of the alarm.
Assumptions where the documents say nothing:

- Their only example of an evaluation range has 5 datapoints for N = 3. Here it is N + 2 for every N.
- The window ends at the newest minute for which the store can have data. If CloudWatch's window ended at the present
  while metrics were late, the newest minute would always be empty. The guide warns of that for FILL, which then
  creates the most recent datapoint. `window_lag_seconds=0` simulates this.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.aws.alarm_reasons import reason, reason_data
from simulator.aws.alarm_states import BREACHES, TREATMENTS, Datapoint, datapoints_to_alarm, decide, treatment_of
from simulator.aws.assumptions import ASSUMED
from simulator.aws.metric_columns import MINUTE
from simulator.aws.metric_data import MetricProgram
from simulator.aws.metrics import MetricStore, UnsupportedRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.aws.clock import Clock


_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

_MAX_METRICS = _MAX_EXPRESSIONS = 10
_MAX_EXPRESSION_LENGTH = 2048
_HOUR, _DAY, _WEEK = 3600, 86_400, 604_800


class InvalidAlarmError(ValueError):
    """PutMetricAlarm would refuse this alarm, or it uses something that this simulator does not model."""


@dataclass(frozen=True)
class StateChange:
    """A transition of an alarm from one state to another.

    Attributes:
        alarm_name: the alarm's name.
        old_state: OK, ALARM or INSUFFICIENT_DATA.
        new_state: OK, ALARM or INSUFFICIENT_DATA, but not the old state.
        reason: a sentence like CloudWatch's, as in StateReason.
        reason_data: JSON like CloudWatch's, as in StateReasonData.
        at: the time of the change.
        actions: the ARNs of the actions to take: none if the alarm's actions are disabled.
    """

    alarm_name: str
    old_state: str
    new_state: str
    reason: str
    reason_data: str
    at: datetime
    actions: tuple[str, ...]


class AlarmEvaluator:
    """Evaluates alarms as DescribeAlarms returns them. The caller keeps their states."""

    def __init__(
        self,
        store: MetricStore,
        clock: Clock,
        *,
        window_lag_seconds: int | None = None,
        extra_datapoints: int = ASSUMED.extra_datapoints,
    ) -> None:
        """Evaluate over the metrics in `store`, at the time of `clock`.

        Args:
            store: the metrics.
            clock: the current time.
            window_lag_seconds: how long before the present the window ends; by default the store's delay.
            extra_datapoints: the number of datapoints in the evaluation range beyond N.
        """
        self._store = store
        self._clock = clock
        self._lag = store.delay_seconds if window_lag_seconds is None else window_lag_seconds
        self._extra_datapoints = extra_datapoints
        self._sources: dict[str, _DatapointSource] = {}

    def evaluate(self, alarm: Mapping[str, Any]) -> StateChange | None:
        """Return the change of state that an evaluation at this moment causes, or None if the state stays.

        Raises:
            InvalidAlarmError: the alarm is invalid or not modelled.
            UnsupportedExpressionError: one of its expressions is.
        """
        datapoints = self.datapoints(alarm)
        decision = decide(alarm, datapoints)
        if decision is None or decision.state == alarm["StateValue"]:
            return None
        now = self._clock.now()
        return StateChange(
            alarm_name=alarm["AlarmName"],
            old_state=alarm["StateValue"],
            new_state=decision.state,
            reason=reason(alarm, decision),
            reason_data=reason_data(alarm, self._source(alarm).period, decision.evaluated, now),
            at=now,
            actions=tuple(alarm.get(_ACTIONS[decision.state], ())) if alarm["ActionsEnabled"] else (),
        )

    def datapoints(self, alarm: Mapping[str, Any]) -> list[Datapoint]:
        """Return the alarm's evaluation range at this moment, newest datapoint first."""
        source = self._source(alarm)
        now = self._clock.now()
        end = (int(now.timestamp()) - self._lag) // MINUTE * MINUTE
        count = alarm["EvaluationPeriods"] + self._extra_datapoints
        starts = range(end - source.period, end - (count + 1) * source.period, -source.period)
        return source.read(self._store, starts, self._store.horizon(now))

    def _source(self, alarm: Mapping[str, Any]) -> _DatapointSource:
        """Return what computes the alarm's datapoints. It is created again when the alarm's metrics have changed."""
        definition = _definition(alarm)
        source = self._sources.get(alarm["AlarmName"])
        if source is None or source.definition != definition:
            source = self._sources[alarm["AlarmName"]] = _DatapointSource(definition)
        source.check(alarm)
        return source


class _DatapointSource:
    """Computes each datapoint of an alarm once.

    A window that slides by a minute contains one new datapoint. The other datapoints are cached until the past is
    rewritten or the alarm's metrics or expressions change.
    """

    def __init__(self, definition: Sequence[Mapping[str, Any]]) -> None:
        self.definition = copy.deepcopy(definition)  # the caller may later change the alarm in place
        self._program = MetricProgram(definition)
        returned = [query["Id"] for query in definition if query.get("ReturnData", True)]
        if len(returned) != 1:
            raise InvalidAlarmError(f"exactly one metric or expression must return data, not {len(returned)}")
        if self._program.metric_count > _MAX_METRICS or self._program.expression_count > _MAX_EXPRESSIONS:
            raise InvalidAlarmError(f"an alarm has at most {_MAX_METRICS} metrics and {_MAX_EXPRESSIONS} expressions")
        if any(len(query.get("Expression") or "") > _MAX_EXPRESSION_LENGTH for query in definition):
            raise InvalidAlarmError(f"an expression has at most {_MAX_EXPRESSION_LENGTH} characters")
        [self._result] = returned
        try:
            self.period = self._program.check_result(self._result)
        except UnsupportedRequestError as error:
            raise InvalidAlarmError(str(error)) from error
        self._ended: dict[int, list[Datapoint]] = {}
        self._revision = 0

    def check(self, alarm: Mapping[str, Any]) -> None:
        """Refuse what PutMetricAlarm would refuse, and what is not modelled."""
        if alarm["ComparisonOperator"] not in BREACHES or alarm.get("Threshold") is None:
            raise InvalidAlarmError("only alarms with a fixed threshold are modelled")
        if "WallClockWindow" in (alarm.get("EvaluationWindow") or {}) or alarm.get("WarmUpConfiguration"):
            raise InvalidAlarmError("only alarms with a sliding window and without warm-up are modelled")
        if treatment_of(alarm) not in TREATMENTS:
            raise InvalidAlarmError(f"{treatment_of(alarm)!r} is not a way to treat missing data")
        if not 1 <= datapoints_to_alarm(alarm) <= alarm["EvaluationPeriods"]:
            raise InvalidAlarmError("DatapointsToAlarm must be from 1 to EvaluationPeriods")
        if alarm["EvaluationPeriods"] * self.period > (_DAY if self.period < _HOUR else _WEEK):
            raise InvalidAlarmError("EvaluationPeriods x Period is more than a day (a week, for periods of an hour)")

    def read(self, store: MetricStore, starts: range, horizon: int) -> list[Datapoint]:
        """Return the datapoints that start at these moments, the newest first."""
        if self._revision != store.revision:
            self._revision = store.revision
            self._ended.clear()
        phase = starts[0] % self.period  # windows that share no period have different phases
        ended = self._ended.get(phase, [])
        if ended and (ended[-1].start > starts[-1] or ended[0].start > starts[0]):
            ended = []  # the range is longer than before, or an earlier one
        missing = starts[: (starts[0] - ended[0].start) // self.period] if ended else starts
        new = [Datapoint(start, self._program.value(self._result, store, start, horizon)) for start in missing]
        datapoints = [*new, *ended][: len(starts)]
        open_periods = sum(start + self.period > horizon for start in missing)  # the newest ones, which can change
        self._ended[phase] = datapoints[open_periods:]
        return datapoints


def _definition(alarm: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the alarm's metric queries. An alarm on a single metric gets the same form."""
    if alarm.get("Metrics"):
        metrics: Sequence[Mapping[str, Any]] = alarm["Metrics"]
        return metrics
    if "MetricName" not in alarm:
        raise InvalidAlarmError("only alarms on metrics and on metric math are modelled")
    metric = {
        "Namespace": alarm["Namespace"],
        "MetricName": alarm["MetricName"],
        "Dimensions": alarm.get("Dimensions", []),
    }
    stat = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    return [
        {
            "Id": "metric",
            "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": stat, "Unit": alarm.get("Unit")},
        }
    ]
