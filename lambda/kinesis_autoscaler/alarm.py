"""A stream's pair of CloudWatch alarms as data: what their definitions say, and whether they are ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from .model import Action, AlarmRule
from .settings import InvalidSettingsError
from .unknown_fields import UNKNOWN_FIELDS

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

SHARD_COUNT_ID = "shardCount"
"""The expression that contains the shard count: the only part of an alarm that this function changes."""

_MIN_SHARD_COUNT_ID = "minShardCount"


class NotOurAlarmError(Exception):
    """An alarm that this autoscaler must not act on. The message says why."""


@dataclass(frozen=True, slots=True)
class AlarmNames:
    """The names of a stream's alarms: `<prefix>/<stream>/<action>`. No part can contain a slash."""

    prefix: str
    stream_name: str

    def of(self, action: Action) -> str:
        """The name of the alarm that asks for `action`."""
        return f"{self.prefix}/{self.stream_name}/{action}"

    @classmethod
    def parse(cls, alarm_name: str, prefix: str) -> tuple[AlarmNames, Action]:
        """Parse an alarm name.

        Raises:
            NotOurAlarmError: It does not have the form `<prefix>/<stream>/scale-up|down`.
        """
        match alarm_name.split("/"):
            case [first, stream, action] if first == prefix and stream and action in set(Action):
                return cls(prefix, stream), Action(action)
        raise NotOurAlarmError(f'The alarm name "{alarm_name}" is not of the form {prefix}/<stream>/scale-up|down.')


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as DescribeAlarms returned it."""

    definition: MetricAlarmTypeDef

    @property
    def name(self) -> str:
        """The alarm's name."""
        return self.definition["AlarmName"]

    @property
    def arn(self) -> str:
        """The alarm's ARN."""
        return self.definition["AlarmArn"]

    @property
    def in_alarm(self) -> bool:
        """Whether its state is ALARM."""
        return self.definition["StateValue"] == "ALARM"

    @property
    def has_no_data(self) -> bool:
        """Whether its state is INSUFFICIENT_DATA."""
        return self.definition["StateValue"] == "INSUFFICIENT_DATA"

    @property
    def state_since(self) -> datetime:
        """When it entered its state."""
        return self.definition.get("StateTransitionedTimestamp") or self.definition["StateUpdatedTimestamp"]

    @property
    def configured_at(self) -> datetime | None:
        """When its definition was last written."""
        return self.definition.get("AlarmConfigurationUpdatedTimestamp")

    @property
    def is_paused(self) -> bool:
        """Whether a person has disabled its actions."""
        return not self.definition.get("ActionsEnabled", True)

    @property
    def rule(self) -> AlarmRule:
        """The condition on which it fires."""
        if "Threshold" not in self.definition:
            raise InvalidSettingsError(
                f"The alarm {self.name} has no fixed threshold; apply the stream module again to restore it."
            )
        periods = self.definition["EvaluationPeriods"]
        return AlarmRule(
            threshold=self.definition["Threshold"],
            period_seconds=max(q["MetricStat"]["Period"] for q in self._queries if "MetricStat" in q),
            evaluation_periods=periods,
            datapoints_to_alarm=self.definition.get("DatapointsToAlarm", periods),
        )

    @property
    def shard_count(self) -> int:
        """The shard count by which its usage is divided."""
        return self._literal(SHARD_COUNT_ID)

    @property
    def min_shard_count(self) -> int:
        """The minimum in its expression. Only the scale-down alarm has one."""
        return self._literal(_MIN_SHARD_COUNT_ID)

    @property
    def stream_names(self) -> set[str]:
        """The streams whose metrics it watches."""
        return {
            dimension["Value"]
            for query in self._queries
            if "MetricStat" in query
            for dimension in query["MetricStat"]["Metric"].get("Dimensions", [])
            if dimension["Name"] == "StreamName"
        }

    def require_rewritable(self) -> None:
        """Check that the shard count can be rewritten without losing anything.

        Raises:
            InvalidSettingsError: The alarm has no shard count, or has a field that this runtime's SDK would erase.
        """
        _ = self.shard_count
        if unknown := self.definition.get(UNKNOWN_FIELDS):
            names = ", ".join(str(name) for name in cast("list[str]", unknown))
            raise InvalidSettingsError(
                f"The alarm {self.name} has {names}, which this function's runtime does not know. Rewriting the alarm "
                "would erase it. Remove it from the alarm, or upgrade to a version of this module with a newer runtime."
            )

    def notifies(self, topic_arn: str) -> bool:
        """Whether entering ALARM publishes to this topic."""
        return topic_arn in self.definition.get("AlarmActions", [])

    def verify(self, topic_arn: str, stream_name: str) -> None:
        """Check that this alarm notifies this autoscaler and watches this stream.

        Raises:
            NotOurAlarmError: It does not.
        """
        if not self.notifies(topic_arn):
            raise NotOurAlarmError(f"The alarm {self.name} does not notify this autoscaler's topic.")
        if self.stream_names != {stream_name}:
            watched = ", ".join(sorted(self.stream_names)) or "no stream"
            raise NotOurAlarmError(f"The alarm {self.name} watches {watched}, not {stream_name}.")

    @property
    def _queries(self) -> list[Any]:
        return list(self.definition.get("Metrics", []))

    def _literal(self, query_id: str) -> int:
        expression = next((q.get("Expression", "") for q in self._queries if q["Id"] == query_id), "")
        if not re.fullmatch(r"[1-9]\d*", expression.strip()):
            raise InvalidSettingsError(
                f'The alarm {self.name} has "{expression}" where a shard count is expected (expression {query_id}); '
                "apply the stream module again to restore it."
            )
        return int(expression)


@dataclass(frozen=True, slots=True)
class AlarmPair:
    """Both alarms of one stream."""

    names: AlarmNames
    scale_up: Alarm
    scale_down: Alarm

    def of(self, action: Action) -> Alarm:
        """The alarm that asks for `action`."""
        return self.scale_up if action is Action.SCALE_UP else self.scale_down

    @property
    def stream_name(self) -> str:
        """The stream they watch."""
        return self.names.stream_name

    def __iter__(self) -> Iterator[Alarm]:
        """Scale-up first."""
        yield from (self.scale_up, self.scale_down)

    def verify(self, topic_arn: str) -> None:
        """Check that both alarms are this autoscaler's and watch the stream that their names say.

        Raises:
            NotOurAlarmError: One of them does not.
        """
        for alarm in self:
            alarm.verify(topic_arn, self.stream_name)
