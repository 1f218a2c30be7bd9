"""A stream's pair of CloudWatch alarms: found, verified, patched and re-armed; never built.

Terraform is the one source of the definitions. The function changes a single literal in them, the expression
`shardCount`, and puts everything else back as it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .model import Action, AlarmRule
from .settings import InvalidSettingsError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

_SHARD_COUNT_ID = "shardCount"
_MIN_SHARD_COUNT_ID = "minShardCount"


class NotOurAlarmError(Exception):
    """An alarm this autoscaler must not act on; the message says why."""


@dataclass(frozen=True, slots=True)
class AlarmNames:
    """The names of a stream's alarms: `<prefix>/<stream>/<action>`, of which no part can hold a slash."""

    prefix: str
    stream_name: str

    def of(self, action: Action) -> str:
        """The name of the alarm that asks for `action`."""
        return f"{self.prefix}/{self.stream_name}/{action}"

    @classmethod
    def parse(cls, alarm_name: str, prefix: str) -> tuple[AlarmNames, Action]:
        """Take an alarm name apart.

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
    def is_paused(self) -> bool:
        """Whether a person has disabled its actions."""
        return not self.definition.get("ActionsEnabled", True)

    @property
    def rule(self) -> AlarmRule:
        """When it fires."""
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
        """The shard count that its usage is a fraction of."""
        return self._literal(_SHARD_COUNT_ID)

    @property
    def min_shard_count(self) -> int:
        """The minimum in its math; only the scale-down alarm has one."""
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

    def notifies(self, topic_arn: str) -> bool:
        """Whether entering ALARM publishes to this topic."""
        return topic_arn in self.definition.get("AlarmActions", [])

    @property
    def _queries(self) -> list[Any]:
        return list(self.definition.get("Metrics", []))

    def _literal(self, query_id: str) -> int:
        expression = next((q.get("Expression", "") for q in self._queries if q["Id"] == query_id), "")
        if not re.fullmatch(r"[1-9]\d*", expression.strip()):
            raise InvalidSettingsError(
                f'The alarm {self.name} has "{expression}" where a shard count must stand (expression {query_id}); '
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
            NotOurAlarmError: They are not, or do not.
        """
        for alarm in self:
            if not alarm.notifies(topic_arn):
                raise NotOurAlarmError(f"The alarm {alarm.name} does not notify this autoscaler's topic.")
            if alarm.stream_names != {self.stream_name}:
                watched = ", ".join(sorted(alarm.stream_names)) or "no stream"
                raise NotOurAlarmError(f"The alarm {alarm.name} watches {watched}, not {self.stream_name}.")


class Alarms:
    """The alarms of this autoscaler in CloudWatch."""

    def __init__(self, cloudwatch: CloudWatchClient, *, prefix: str, topic_arn: str) -> None:
        """Look after the alarms whose names begin with `<prefix>/` and which notify `topic_arn`."""
        self._cloudwatch = cloudwatch
        self._prefix = prefix
        self._topic_arn = topic_arn

    def names_of(self, stream_name: str) -> AlarmNames:
        """The names that a stream's alarms have."""
        return AlarmNames(self._prefix, stream_name)

    def parse(self, alarm_name: str) -> tuple[AlarmNames, Action]:
        """Take an alarm name apart; see AlarmNames.parse."""
        return AlarmNames.parse(alarm_name, self._prefix)

    def pair(self, names: AlarmNames) -> AlarmPair:
        """Read a stream's pair as it is now, verified.

        Raises:
            NotOurAlarmError: One is missing, or is not this autoscaler's.
        """
        both = [names.of(action) for action in Action]
        response = self._cloudwatch.describe_alarms(AlarmNames=both, AlarmTypes=["MetricAlarm"])
        found = {alarm["AlarmName"]: Alarm(alarm) for alarm in response["MetricAlarms"]}
        if missing := [name for name in both if name not in found]:
            raise NotOurAlarmError(f"There is no alarm {' and no alarm '.join(missing)}.")
        pair = AlarmPair(names, found[both[0]], found[both[1]])
        pair.verify(self._topic_arn)
        return pair

    def pairs(self) -> tuple[list[AlarmPair], list[str]]:
        """Find every pair by the topic it notifies, and say of each alarm that has no partner or is not ours why."""
        alarms: dict[str, Alarm] = {}
        paginator = self._cloudwatch.get_paginator("describe_alarms")
        for page in paginator.paginate(ActionPrefix=self._topic_arn, AlarmTypes=["MetricAlarm"]):
            found = (Alarm(definition) for definition in page["MetricAlarms"])
            # The prefix also finds topics whose names only begin like ours, those of another autoscaler.
            alarms.update({alarm.name: alarm for alarm in found if alarm.notifies(self._topic_arn)})
        pairs: dict[str, AlarmPair] = {}
        problems: list[str] = []
        for name in alarms:
            try:
                names, action = self.parse(name)
                if names.stream_name in pairs:
                    continue
                partner = names.of(next(other for other in Action if other is not action))
                if partner not in alarms:
                    raise NotOurAlarmError(f"The alarm {name} has no partner {partner}.")
                pair = AlarmPair(names, alarms[names.of(Action.SCALE_UP)], alarms[names.of(Action.SCALE_DOWN)])
                pair.verify(self._topic_arn)
                pairs[names.stream_name] = pair
            except NotOurAlarmError as reason:
                problems.append(str(reason))
        return list(pairs.values()), list(dict.fromkeys(problems))  # both of a pair may say the same

    def tags(self, alarm: Alarm) -> dict[str, str]:
        """The alarm's tags, where Terraform put the stream's settings."""
        response = self._cloudwatch.list_tags_for_resource(ResourceARN=alarm.arn)
        return {tag["Key"]: tag["Value"] for tag in response.get("Tags", [])}

    def write_shard_count(self, pair: AlarmPair, shard_count: int) -> list[str]:
        """Rewrite `shardCount` where it differs, and nothing else; returns the names of the alarms written.

        PutMetricAlarm overwrites the whole definition and leaves state and tags alone (CloudWatch API reference), so
        every field that it takes is put back as it was read.
        """
        written = []
        for alarm in pair:
            if alarm.shard_count != shard_count:
                self._cloudwatch.put_metric_alarm(**self._patched(alarm, shard_count))
                written.append(alarm.name)
        return written

    def rearm(self, alarm: Alarm, reason: str) -> None:
        """Let an alarm fire again: CloudWatch notifies only when the state changes.

        INSUFFICIENT_DATA rather than OK, so that a user's own OK actions do not run. CloudWatch returns the alarm to
        its actual state at the next evaluation, which is within a minute.
        """
        self._cloudwatch.set_alarm_state(
            AlarmName=alarm.name, StateValue="INSUFFICIENT_DATA", StateReason=reason[:1023]
        )

    def _patched(self, alarm: Alarm, shard_count: int) -> Any:  # noqa: ANN401 - whatever fields the API has
        # An empty list says the same as none, but a math alarm may not have Dimensions at all.
        # The API model says what PutMetricAlarm takes, so fields that AWS adds later survive too.
        shape: Any = self._cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape
        definition: Mapping[str, Any] = {**alarm.definition}
        request = {key: value for key, value in definition.items() if key in shape.members and value not in (None, [])}
        request["Metrics"] = [
            {**query, "Expression": str(shard_count)} if query["Id"] == _SHARD_COUNT_ID else query
            for query in request["Metrics"]
        ]
        return request
