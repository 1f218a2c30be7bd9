"""The rules by which an alarm's datapoints determine its state. `simulator.aws.cloudwatch` lists them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

BREACHES: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}

_FILLERS = {"breaching": "Breaching", "notBreaching": "NonBreaching"}
TREATMENTS = {"missing", "ignore", *_FILLERS}


class Datapoint(NamedTuple):
    """One period of the evaluation range. The value is None where the datapoint is missing."""

    start: int
    value: float | None


class Decision(NamedTuple):
    """A state, the datapoints that led to it, and the number of missing datapoints that were treated as `filler`."""

    state: str
    evaluated: list[Datapoint]
    missing: int = 0
    filler: str = ""


def decide(alarm: Mapping[str, Any], datapoints: list[Datapoint]) -> Decision | None:
    """Return the new state, or None to keep the current one."""
    breaches, _ = BREACHES[alarm["ComparisonOperator"]]
    threshold, needed, treatment = alarm["Threshold"], datapoints_to_alarm(alarm), treatment_of(alarm)
    real = [point for point in datapoints if point.value is not None][: alarm["EvaluationPeriods"]]
    breaching = sum(breaches(point.value, threshold) for point in real if point.value is not None)
    missing = alarm["EvaluationPeriods"] - len(real)
    if missing and treatment in _FILLERS:
        filled = breaching + missing if treatment == "breaching" else breaching
        return Decision("ALARM" if filled >= needed else "OK", real, missing, _FILLERS[treatment])
    if not missing or breaching >= needed or breaching < len(real):
        return Decision("ALARM" if breaching >= needed else "OK", real)
    if treatment == "ignore":
        return None
    oldest_age = max((age for age, point in enumerate(datapoints, 1) if point.value is not None), default=0)
    if oldest_age >= needed:
        return Decision("ALARM", real)
    return Decision("INSUFFICIENT_DATA", datapoints[: alarm["EvaluationPeriods"]], missing)


def treatment_of(alarm: Mapping[str, Any]) -> str:
    """Return TreatMissingData or its default."""
    return alarm.get("TreatMissingData") or "missing"


def datapoints_to_alarm(alarm: Mapping[str, Any]) -> int:
    """Return M: DatapointsToAlarm or its default."""
    return alarm.get("DatapointsToAlarm") or int(alarm["EvaluationPeriods"])
