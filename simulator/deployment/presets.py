"""The settings that docs/decisions.md recommends, and the function's settings for given inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kinesis_autoscaler.alarm import Alarm, AlarmNames
from kinesis_autoscaler.model import Action
from kinesis_autoscaler.settings import parse_settings
from simulator.deployment.without_terraform import NAME, alarms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kinesis_autoscaler.model import AlarmRule, Settings

PRESETS: dict[str, dict[str, Any]] = {
    "economical": {
        "throttling_cost": 30,
        "scale_up": {"evaluation_periods": 2, "datapoints_to_alarm": 2},
    },
    "default": {},
    "cautious": {
        "throttling_cost": 1500,
        "target_utilization": 0.7,
        "scale_up": {"threshold": 0.8},
    },
    "strict": {
        "throttling_cost": 4000,
        "target_utilization": 0.6,
        "scale_up": {"threshold": 0.7},
    },
}
"""Inputs of modules/stream by the preset's name, the cheapest first. Other inputs have the module's defaults."""


def settings(inputs: Mapping[str, Any]) -> Settings:
    """Return the settings that the function reads from the alarms that modules/stream creates for these inputs.

    `max_shard_count` is 16 by default, as in `add_stream`.

    Raises:
        InvalidSettingsError: the function would refuse them.

    """
    definitions = alarms("us-east-1", "stream", 1, **inputs)
    up, down = (definitions[AlarmNames(NAME, "stream").of(action)] for action in Action)
    return parse_settings(up["Tags"], scale_up=_rule(up), scale_down=_rule(down))


def _rule(definition: Any) -> AlarmRule:  # noqa: ANN401 - a MetricAlarmTypeDef; only the properties of a rule are used
    return Alarm(definition).rule
