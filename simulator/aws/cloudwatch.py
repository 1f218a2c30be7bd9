"""CloudWatch alarms: from datapoints to state changes.

Sources: Amazon CloudWatch User Guide, "Using Amazon CloudWatch alarms" and "Configuring how CloudWatch alarms treat
missing data"; PutMetricAlarm and MetricAlarm in the API Reference.

The rules:

- An alarm is evaluated every minute over a window that slides by the minute, so that the datapoints of a 5-minute
  period need not lie at :00 and :05.
- The alarm is in ALARM if at least M (DatapointsToAlarm) of the N (EvaluationPeriods) most recent datapoints breach;
  they need not be consecutive. Otherwise it is OK.
- More than N datapoints are retrieved: the *evaluation range*. With N or more real ones the most recent N of them
  decide and TreatMissingData is ignored. With fewer, as many fillers as N lacks join the real ones.
- `breaching` and `notBreaching` say what a filler is. With `missing` and `ignore` it is neither: M breaching datapoints
  still make an ALARM, and otherwise one that does not breach makes an OK.
- If all real datapoints breach but are fewer than M, `ignore` keeps the state. With `missing` the alarm goes to ALARM
  once the oldest of them is M or more periods old (the guide's "premature alarm state"); until then, and without any
  datapoint, it is INSUFFICIENT_DATA.
- What was measured before the alarm was made counts as well.
- Actions happen only on a change of state, and only if ActionsEnabled. SetAlarmState lasts until the next evaluation,
  because an evaluation starts from whatever state the alarm is in.

Where the documents are silent:

- Their only example of an evaluation range has 5 datapoints for N = 3. Here it is N + 2 for every N.
- The window ends at the newest minute for which the store can have data. If CloudWatch's window ended at the present
  while metrics were late, the newest minute would always be empty: the guide warns of that for FILL, which then makes
  up the most recent datapoint. `window_lag_seconds=0` is that world.
"""

from __future__ import annotations

import copy
import json
import operator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.aws.metrics import MINUTE, MetricProgram, MetricStore, UnsupportedRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.aws.clock import Clock

_BREACHES: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}

_FILLERS = {"breaching": "Breaching", "notBreaching": "NonBreaching"}
_TREATMENTS = {"missing", "ignore", *_FILLERS}

_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

_MAX_METRICS = _MAX_EXPRESSIONS = 10
_MAX_EXPRESSION_LENGTH = 2048
_HOUR, _DAY, _WEEK = 3600, 86_400, 604_800
_MAX_REASON_LENGTH = 1023
_DATAPOINTS_IN_REASON, _DATAPOINTS_IN_REASON_DATA = 5, 25


class InvalidAlarmError(ValueError):
    """PutMetricAlarm would refuse this alarm, or it uses something that this simulator does not model."""


class Datapoint(NamedTuple):
    """One period of the evaluation range. The value is None where the datapoint is missing."""

    start: int
    value: float | None


@dataclass(frozen=True)
class StateChange:
    """A transition of an alarm from one state to another.

    Attributes:
        alarm_name: the alarm's name.
        old_state: OK, ALARM or INSUFFICIENT_DATA.
        new_state: the same, but another.
        reason: a sentence like CloudWatch's, as in StateReason.
        reason_data: JSON like CloudWatch's, as in StateReasonData.
        at: when it happened.
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
    """Evaluates alarms as DescribeAlarms returns them. It keeps no state of theirs: that is the caller's."""

    def __init__(
        self, store: MetricStore, clock: Clock, *, window_lag_seconds: int | None = None, extra_datapoints: int = 2
    ) -> None:
        """Evaluate over the metrics in `store`, at the time of `clock`.

        Args:
            store: where the metrics are.
            clock: what the present is.
            window_lag_seconds: how long before the present the window ends; the store's delay unless given.
            extra_datapoints: how many more datapoints than N the evaluation range has.
        """
        self._store = store
        self._clock = clock
        self._lag = store.delay_seconds if window_lag_seconds is None else window_lag_seconds
        self._extra_datapoints = extra_datapoints
        self._sources: dict[str, _DatapointSource] = {}

    def evaluate(self, alarm: Mapping[str, Any]) -> StateChange | None:
        """Return the change of state that an evaluation at this moment brings about; None if the state stays.

        Raises:
            InvalidAlarmError: the alarm is invalid or not modelled.
            UnsupportedExpressionError: one of its expressions is.
        """
        datapoints = self.datapoints(alarm)
        decision = _decide(alarm, datapoints)
        if decision is None or decision.state == alarm["StateValue"]:
            return None
        now = self._clock.now()
        return StateChange(
            alarm_name=alarm["AlarmName"],
            old_state=alarm["StateValue"],
            new_state=decision.state,
            reason=_reason(alarm, decision),
            reason_data=_reason_data(alarm, self._source(alarm).period, decision.evaluated, now),
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
        """Return what computes the alarm's datapoints, made anew when the alarm's metrics have changed."""
        definition = _definition(alarm)
        source = self._sources.get(alarm["AlarmName"])
        if source is None or source.definition != definition:
            source = self._sources[alarm["AlarmName"]] = _DatapointSource(definition)
        source.check(alarm)
        return source


class _DatapointSource:
    """Computes an alarm's datapoints, each once.

    Sliding by a minute brings one new datapoint; the others were seen before. They are kept as long as nobody rewrites
    the past and the alarm's metrics and expressions stay the same.
    """

    def __init__(self, definition: Sequence[Mapping[str, Any]]) -> None:
        self.definition = copy.deepcopy(definition)  # the caller may go on to change the alarm in place
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
        self._seen: dict[int, float | None] = {}
        self._revision = 0

    def check(self, alarm: Mapping[str, Any]) -> None:
        """Refuse what PutMetricAlarm would refuse, and what is not modelled."""
        if alarm["ComparisonOperator"] not in _BREACHES or alarm.get("Threshold") is None:
            raise InvalidAlarmError("only alarms with a fixed threshold are modelled")
        if "WallClockWindow" in (alarm.get("EvaluationWindow") or {}) or alarm.get("WarmUpConfiguration"):
            raise InvalidAlarmError("only alarms with a sliding window and without warm-up are modelled")
        if _treatment(alarm) not in _TREATMENTS:
            raise InvalidAlarmError(f"{_treatment(alarm)!r} is not a way to treat missing data")
        if not 1 <= _datapoints_to_alarm(alarm) <= alarm["EvaluationPeriods"]:
            raise InvalidAlarmError("DatapointsToAlarm must be from 1 to EvaluationPeriods")
        if alarm["EvaluationPeriods"] * self.period > (_DAY if self.period < _HOUR else _WEEK):
            raise InvalidAlarmError("EvaluationPeriods x Period is more than a day (a week, for periods of an hour)")

    def read(self, store: MetricStore, starts: range, horizon: int) -> list[Datapoint]:
        """Return the datapoints that start at these moments."""
        slides = self.period // MINUTE  # so many windows go by until datapoints are seen again
        if self._revision != store.revision or len(self._seen) > 2 * len(starts) * slides:
            self._revision = store.revision
            self._seen.clear()
        seen, datapoints = self._seen, []
        for start in starts:
            try:
                value = seen[start]
            except KeyError:
                value = self._program.value(self._result, store, start, horizon)
                if start + self.period <= horizon:  # a period that is not over yet will change
                    seen[start] = value
            datapoints.append(Datapoint(start, value))
        return datapoints


def _definition(alarm: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the alarm's metric queries; an alarm on a single metric is given the form of the others."""
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


# --- From datapoints to a state --------------------------------------------------------------------------------------


class _Decision(NamedTuple):
    """A state, the datapoints that led to it and how many missing ones were taken as `filler`."""

    state: str
    evaluated: list[Datapoint]
    missing: int = 0
    filler: str = ""


def _decide(alarm: Mapping[str, Any], datapoints: list[Datapoint]) -> _Decision | None:
    """Decide on a state; None keeps the current one."""
    breaches, _ = _BREACHES[alarm["ComparisonOperator"]]
    threshold, needed, treatment = alarm["Threshold"], _datapoints_to_alarm(alarm), _treatment(alarm)
    real = [point for point in datapoints if point.value is not None][: alarm["EvaluationPeriods"]]
    breaching = sum(breaches(point.value, threshold) for point in real if point.value is not None)
    missing = alarm["EvaluationPeriods"] - len(real)
    if missing and treatment in _FILLERS:
        filled = breaching + missing if treatment == "breaching" else breaching
        return _Decision("ALARM" if filled >= needed else "OK", real, missing, _FILLERS[treatment])
    if not missing or breaching >= needed or breaching < len(real):
        return _Decision("ALARM" if breaching >= needed else "OK", real)
    if treatment == "ignore":
        return None
    oldest_age = max((age for age, point in enumerate(datapoints, 1) if point.value is not None), default=0)
    if oldest_age >= needed:
        return _Decision("ALARM", real)
    return _Decision("INSUFFICIENT_DATA", datapoints[: alarm["EvaluationPeriods"]], missing)


def _treatment(alarm: Mapping[str, Any]) -> str:
    return alarm.get("TreatMissingData") or "missing"


def _datapoints_to_alarm(alarm: Mapping[str, Any]) -> int:
    return alarm.get("DatapointsToAlarm") or int(alarm["EvaluationPeriods"])


# --- In CloudWatch's words -------------------------------------------------------------------------------------------


def _reason(alarm: Mapping[str, Any], decision: _Decision) -> str:
    missing = decision.missing
    if decision.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_count(missing, 'datapoint')} {_was(missing)} unknown."
    treated = f"{_count(missing, 'missing datapoint')} {_was(missing)} treated as [{decision.filler}]"
    if not decision.evaluated:
        return f"Threshold Crossed: no datapoints were received for {_count(missing, 'period')} and {treated}."
    breaches, relation = _BREACHES[alarm["ComparisonOperator"]]
    to_alarm, threshold = decision.state == "ALARM", float(alarm["Threshold"])
    points = [
        point
        for point in decision.evaluated
        if point.value is not None and breaches(point.value, threshold) == to_alarm
    ]
    if not points:
        return f"Threshold Crossed: {treated}."
    periods, needed = alarm["EvaluationPeriods"], _datapoints_to_alarm(alarm)
    share = f"{len(points)} out of the last {periods} datapoints"
    recent = f"[{', '.join(map(_shown, points[:_DATAPOINTS_IN_REASON]))}]"
    crossed = f"{_was(len(points))} {'' if to_alarm else 'not '}{relation} the threshold ({threshold})"
    if len(points) > _DATAPOINTS_IN_REASON:
        sentence = f"{share} {crossed}. The most recent datapoints which crossed the threshold: {recent}"
    else:
        sentence = f"{share} {recent} {crossed}"
    if decision.filler:
        sentence += f" and {treated}"
    minimum = _count(needed if to_alarm else periods - needed + 1, "datapoint")
    transition = "OK -> ALARM" if to_alarm else "ALARM -> OK"
    return f"Threshold Crossed: {sentence} (minimum {minimum} for {transition} transition)."[:_MAX_REASON_LENGTH]


def _shown(point: Datapoint) -> str:
    return f"{point.value} ({datetime.fromtimestamp(point.start, UTC):%d/%m/%y %H:%M:%S})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _reason_data(alarm: Mapping[str, Any], period: int, evaluated: Sequence[Datapoint], now: datetime) -> str:
    evaluated = evaluated[:_DATAPOINTS_IN_REASON_DATA]
    real = [point for point in reversed(evaluated) if point.value is not None]
    data: dict[str, Any] = {"version": "1.0", "queryDate": timestamp(now)}
    if real:
        data["startDate"] = _timestamp_of(real[0])
    if alarm.get("Statistic"):
        data["statistic"] = alarm["Statistic"]
    data |= {
        "period": period,
        "recentDatapoints": [point.value for point in real],
        "threshold": float(alarm["Threshold"]),
        "evaluatedDatapoints": [
            {"timestamp": _timestamp_of(point)} | ({} if point.value is None else {"value": point.value})
            for point in evaluated
        ],
    }
    return json.dumps(data, separators=(",", ":"))


def timestamp(moment: datetime) -> str:
    """Return a moment as CloudWatch writes it, for instance ``2020-04-23T21:17:44.775+0000``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _timestamp_of(point: Datapoint) -> str:
    return timestamp(datetime.fromtimestamp(point.start, UTC))
