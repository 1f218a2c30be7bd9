"""The reason for an alarm's change of state, in CloudWatch's words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from simulator.aws.alarm_states import BREACHES, Datapoint, Decision, datapoints_to_alarm

_MAX_REASON_LENGTH = 1023
_DATAPOINTS_IN_REASON, _DATAPOINTS_IN_REASON_DATA = 5, 25


def reason(alarm: Mapping[str, Any], decision: Decision) -> str:
    """Return StateReason."""
    missing = decision.missing
    if decision.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_count(missing, 'datapoint')} {_was(missing)} unknown."
    treated = f"{_count(missing, 'missing datapoint')} {_was(missing)} treated as [{decision.filler}]"
    if not decision.evaluated:
        return f"Threshold Crossed: no datapoints were received for {_count(missing, 'period')} and {treated}."
    breaches, relation = BREACHES[alarm["ComparisonOperator"]]
    to_alarm, threshold = decision.state == "ALARM", float(alarm["Threshold"])
    points = [
        point
        for point in decision.evaluated
        if point.value is not None and breaches(point.value, threshold) == to_alarm
    ]
    if not points:
        return f"Threshold Crossed: {treated}."
    periods, needed = alarm["EvaluationPeriods"], datapoints_to_alarm(alarm)
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


def reason_data(alarm: Mapping[str, Any], period: int, evaluated: Sequence[Datapoint], now: datetime) -> str:
    """Return StateReasonData."""
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
