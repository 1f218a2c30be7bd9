"""CloudWatch: moto stores alarms. This module evaluates them, changes their state and runs their actions."""

from __future__ import annotations

import json
from collections import deque
from copy import copy
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from botocore.parsers import create_parser
from moto.cloudwatch.exceptions import InvalidParameterCombination, ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult
from moto.core.serialize import JSONSerializer, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.sns.models import sns_backends

from simulator.aws.cloudwatch import AlarmEvaluator, StateChange
from simulator.aws.messages import alarm_message, alarm_subject
from simulator.aws.metric_data import get_metric_data
from simulator.local_aws.topics import may_publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from simulator.aws.clock import VirtualClock
    from simulator.aws.metrics import MetricStore
    from simulator.local_aws.faults import Faults

# Arguments that PutMetricAlarm refuses together with `Metrics` (CloudWatch API Reference, PutMetricAlarm, "Metrics").
_NOT_WITH_METRICS = ("namespace", "metric_name", "dimensions", "period", "unit", "statistic", "extended_statistic")
_STATE_FIELDS = {
    "StateReason": "state_reason",
    "StateReasonData": "state_reason_data",
    "StateValue": "state_value",
    "StateUpdatedTimestamp": "state_updated_timestamp",
    "StateTransitionedTimestamp": "state_transitioned_timestamp",
}
"""Properties of an alarm that change without PutMetricAlarm, and their names in moto."""
_MAX_ACTIONS = 5
_MAX_PAGE = 100
_STATES_KEPT = 10


class Alarms:
    """Evaluates the alarms of moto's CloudWatch."""

    def __init__(
        self,
        clock: VirtualClock,
        store: MetricStore,
        account_id: str,
        region: str,
        faults: Faults,
    ) -> None:
        """Evaluate the alarms of one account and region."""
        self._faults = faults
        self._clock = clock
        self._store = store
        self._evaluator = AlarmEvaluator(store, clock)
        self._account_id = account_id
        self._region = region
        self._definitions: WeakKeyDictionary[Alarm, dict[str, Any]] = WeakKeyDictionary()
        self._past: dict[str, deque[tuple[datetime, dict[str, Any]]]] = {}
        self._muted: dict[str, StateChange] = {}

    def evaluate(self) -> None:
        """Evaluate every metric alarm once, as CloudWatch does each minute, and run the actions of changes."""
        backend: CloudWatchBackend = cloudwatch_backends[self._account_id][self._region]
        for name in [name for name in self._muted if not self._faults.mutes(name)]:
            waited, muted = self._muted.pop(name), backend.alarms.get(name)
            if muted and muted.state_value == waited.new_state == "ALARM":
                self._act(muted, waited)
        for alarm in [alarm for alarm in backend.alarms.values() if alarm.rule is None]:
            # An action of an earlier alarm may have replaced this one. Then the new definition is evaluated in the next
            # minute.
            if backend.alarms.get(alarm.name) is alarm:
                change = self._evaluator.evaluate(self.describe(alarm))
                if change:
                    self._remember(alarm)
                    alarm.update_state(change.reason, change.reason_data, change.new_state)
                    self._changed(alarm, change)

    def states(self) -> dict[str, tuple[str, datetime]]:
        """Return the state of each alarm by its name, and since when it has been updated."""
        alarms: dict[str, Alarm] = cloudwatch_backends[self._account_id][self._region].alarms
        return {name: (alarm.state_value, alarm.state_updated_timestamp) for name, alarm in alarms.items()}

    def describe(self, alarm: Alarm) -> dict[str, Any]:
        """Describe an alarm as DescribeAlarms does. The description is cached until the next PutMetricAlarm."""
        if alarm not in self._definitions:
            self._definitions[alarm] = _described(alarm)
        definition = self._definitions[alarm]
        definition["ActionsEnabled"] = alarm.actions_enabled
        for name, field in _STATE_FIELDS.items():
            definition[name] = getattr(alarm, field)
        return definition

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch moto, which resets the state on PutMetricAlarm, runs no actions, has no pages and no metric math."""
        put_metric_alarm = CloudWatchBackend.put_metric_alarm
        set_alarm_state = CloudWatchBackend.set_alarm_state

        def put(backend: CloudWatchBackend, name: str, **settings: Any) -> Alarm:  # noqa: ANN401 - moto's
            _validate(settings)
            existing = backend.alarms.get(name)
            if existing:
                settings["tags"] = None  # only TagResource changes the tags of an existing alarm
            alarm = put_metric_alarm(backend, name, **settings)
            if existing:
                for field in ("history", *_STATE_FIELDS.values()):
                    setattr(alarm, field, getattr(existing, field))
            else:
                self._past.pop(name, None)
                self._muted.pop(name, None)
                alarm.state_value = "INSUFFICIENT_DATA"
                _mark_transition(alarm)
            return alarm

        def set_state(
            backend: CloudWatchBackend, alarm_name: str, reason: str, reason_data: str, state_value: str
        ) -> None:
            alarm = backend.alarms.get(alarm_name)
            before = alarm.state_value if alarm else ""
            if alarm and before != state_value:
                self._remember(alarm)
            set_alarm_state(backend, alarm_name, reason, reason_data, state_value)
            if alarm and before != state_value:
                actions = tuple(_actions(alarm)[state_value]) if alarm.actions_enabled else ()
                now = self._clock.now()
                self._changed(
                    alarm, StateChange(alarm_name, before, state_value, reason, reason_data or "", now, actions)
                )

        def metric_data(response: CloudWatchResponse) -> ActionResult:
            return ActionResult(
                get_metric_data(self._store, response.params, self._clock.now(), self._faults.bad_answer)
            )

        yield patch.object(CloudWatchBackend, "put_metric_alarm", put)
        yield patch.object(CloudWatchBackend, "set_alarm_state", set_state)
        yield patch.object(
            CloudWatchResponse, "describe_alarms", lambda response: _describe_alarms(response, self._shown)
        )
        yield patch.object(CloudWatchResponse, "get_metric_data", metric_data)

    def _changed(self, alarm: Alarm, change: StateChange) -> None:
        """Run the actions of a change of state, unless the alarm is muted."""
        _mark_transition(alarm)
        self._muted.pop(alarm.name, None)
        if self._faults.mutes(alarm.name):
            self._muted[alarm.name] = change
        else:
            self._act(alarm, change)

    def _act(self, alarm: Alarm, change: StateChange) -> None:
        """Publish a change to the topics among its actions. Other kinds of action are not simulated."""
        message = alarm_message(self.describe(alarm), change, self._region, self._account_id)
        topics = sns_backends[self._account_id][self._region].topics
        for action in change.actions:
            if action in topics and may_publish(topics[action], "cloudwatch"):
                topics[action].publish(json.dumps(message), subject=alarm_subject(change, self._region))

    def _remember(self, alarm: Alarm) -> None:
        """Save the old state, for answers that are stale."""
        state = {field: getattr(alarm, field, None) for field in _STATE_FIELDS.values()}
        self._past.setdefault(alarm.name, deque(maxlen=_STATES_KEPT)).append((self._clock.now(), state))

    def _shown(self, alarm: Alarm) -> Alarm:
        """Return an alarm as DescribeAlarms shows it, with its current state or, during a fault, an old one."""
        at = self._clock.now() - self._faults.staleness()
        state = next((state for left_at, state in self._past.get(alarm.name, ()) if left_at > at), None)
        if state is None:
            return alarm
        shown = copy(alarm)
        vars(shown).update(state)
        return shown


def _described(alarm: Alarm) -> dict[str, Any]:
    """Return the description that boto3 creates from moto's answer."""
    operation = get_service_model("cloudwatch").operation_model("DescribeAlarms")
    transformers = CloudWatchResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER
    picker = XFormedAttributePicker(response_transformers=transformers)
    kind = "MetricAlarms" if alarm.rule is None else "CompositeAlarms"
    written = JSONSerializer(operation, value_picker=picker).serialize({kind: [alarm]})
    answer = {**written, "body": str(written["body"]).encode()}
    parsed: dict[str, Any] = create_parser("json").parse(answer, operation.output_shape)[kind][0]
    return parsed


def _mark_transition(alarm: Alarm) -> None:
    """Record the time of the last change of state, which DescribeAlarms returns and moto does not know."""
    vars(alarm)["state_transitioned_timestamp"] = alarm.state_updated_timestamp


def _actions(alarm: Alarm) -> dict[str, list[str]]:
    return {
        "ALARM": alarm.alarm_actions,
        "OK": alarm.ok_actions,
        "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
    }


def _notifies(alarm: Alarm, action_prefix: str | None) -> bool:
    actions = [action for of_state in _actions(alarm).values() for action in of_state]
    return action_prefix is None or any(action.startswith(action_prefix) for action in actions)


def _validate(settings: Mapping[str, Any]) -> None:
    """Refuse settings that CloudWatch refuses and moto accepts."""
    if settings.get("metric_data_queries"):
        for name in _NOT_WITH_METRICS:
            if settings.get(name):
                raise InvalidParameterCombination(f"{name} cannot be specified together with Metrics")
    for kind in ("alarm_actions", "ok_actions", "insufficient_data_actions"):
        if len(settings.get(kind) or ()) > _MAX_ACTIONS:
            raise ValidationError(f"{kind}: at most {_MAX_ACTIONS} actions are allowed for a state")


def _describe_alarms(response: CloudWatchResponse, shown: Callable[[Alarm], Alarm]) -> ActionResult:
    """Answer DescribeAlarms with every filter and with pages, which moto's lacks."""
    parameters = response.params
    names = parameters.get("AlarmNames")
    alarms = [
        alarm
        for alarm in map(shown, response.cloudwatch_backend.alarms.values())
        if (not names or alarm.name in names)
        and alarm.name.startswith(parameters.get("AlarmNamePrefix", ""))
        and parameters.get("StateValue", alarm.state_value) == alarm.state_value
        and _notifies(alarm, parameters.get("ActionPrefix"))
    ]
    start = int(parameters.get("NextToken") or 0)
    end = start + min(int(parameters.get("MaxRecords") or _MAX_PAGE), _MAX_PAGE)
    page = alarms[start:end]
    return ActionResult(
        {
            "MetricAlarms": [alarm for alarm in page if alarm.rule is None],
            "CompositeAlarms": [alarm for alarm in page if alarm.rule is not None],
            "NextToken": str(end) if end < len(alarms) else None,
        }
    )
