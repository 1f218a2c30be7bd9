"""A stream's pair of CloudWatch alarms: finds, verifies, patches and re-arms them, but never creates them.

Terraform is the only source of the definitions. The function changes a single literal in them, the expression
`shardCount`, and writes everything else back as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .alarm import SHARD_COUNT_ID, Alarm, AlarmNames, AlarmPair, NotOurAlarmError
from .model import Action

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


class Alarms:
    """The alarms of this autoscaler in CloudWatch."""

    def __init__(self, cloudwatch: CloudWatchClient, *, prefix: str, topic_arn: str) -> None:
        """Manage the alarms whose names begin with `<prefix>/` and that notify `topic_arn`."""
        self._cloudwatch = cloudwatch
        self._prefix = prefix
        self._topic_arn = topic_arn

    def names_of(self, stream_name: str) -> AlarmNames:
        """The names that a stream's alarms have."""
        return AlarmNames(self._prefix, stream_name)

    def parse(self, alarm_name: str) -> tuple[AlarmNames, Action]:
        """Parse an alarm name; see AlarmNames.parse."""
        return AlarmNames.parse(alarm_name, self._prefix)

    def pair(self, names: AlarmNames) -> AlarmPair:
        """Read and verify a stream's current pair.

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
        """Find every pair by the topic that it notifies, and report why an alarm has no partner or is not ours."""
        alarms: dict[str, Alarm] = {}
        paginator = self._cloudwatch.get_paginator("describe_alarms")
        for page in paginator.paginate(ActionPrefix=self._topic_arn, AlarmTypes=["MetricAlarm"]):
            found = (Alarm(definition) for definition in page["MetricAlarms"])
            # The prefix also matches longer topic names, for example those of another autoscaler.
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
        """The alarm's tags, which contain the stream's settings."""
        response = self._cloudwatch.list_tags_for_resource(ResourceARN=alarm.arn)
        return {tag["Key"]: tag["Value"] for tag in response.get("Tags", [])}

    def neighbours(self, stream_name: str, most: int) -> list[str]:
        """At most `most` other streams of this autoscaler whose alarms have data."""
        answer = self._cloudwatch.describe_alarms(ActionPrefix=self._topic_arn, AlarmTypes=["MetricAlarm"])
        found = (Alarm(definition) for definition in answer["MetricAlarms"])
        others = (alarm.stream_names - {stream_name} for alarm in found if not alarm.has_no_data)
        return sorted(set().union(*others))[:most]

    def write_shard_count(self, names: AlarmNames, shard_count: int) -> AlarmPair:
        """Rewrite `shardCount` in both alarms where it differs, and nothing else; returns them as they were read.

        Each alarm is read immediately before it is written: PutMetricAlarm overwrites the whole definition (CloudWatch
        API Reference), and a user may have changed it just before. State and tags stay.

        Raises:
            NotOurAlarmError: One is missing, or is not this autoscaler's.
            InvalidSettingsError: One has no shard count.
        """
        fresh = []
        for action in Action:
            alarm = self._read(names.of(action))
            alarm.verify(self._topic_arn, names.stream_name)
            alarm.require_rewritable()
            if alarm.shard_count != shard_count:
                self._cloudwatch.put_metric_alarm(**self._patched(alarm, shard_count))
            fresh.append(alarm)
        return AlarmPair(names, *fresh)

    def _read(self, name: str) -> Alarm:
        found = self._cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        if not found:
            raise NotOurAlarmError(f"There is no alarm {name}.")
        return Alarm(found[0])

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
        # The API model says what PutMetricAlarm takes. An alarm with a field that the model lacks never comes here.
        shape: Any = self._cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape
        definition: Mapping[str, Any] = {**alarm.definition}
        request = {key: value for key, value in definition.items() if key in shape.members and value not in (None, [])}
        request["Metrics"] = [
            {**query, "Expression": str(shard_count)} if query["Id"] == SHARD_COUNT_ID else query
            for query in request["Metrics"]
        ]
        return request
