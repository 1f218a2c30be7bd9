"""The resources of fast tests and replays are those that Terraform creates."""

from __future__ import annotations

import json

from simulator.deployment import NAME, add_stream, alarms, recording
from simulator.local_aws import LocalAWS

RECORDED = json.loads(recording.FILE.read_text())
OTHER = {
    "min_shard_count": 2,
    "max_shard_count": 40,
    "scaling_strategy": "double",
    "target_utilization": 0.5,
    "scale_up": {
        "threshold": 0.8,
        "period_seconds": 120,
        "evaluation_periods": 4,
        "datapoints_to_alarm": 2,
        "cooldown_minutes": 3,
    },
    "scale_down": {
        "threshold": 0.25,
        "period_seconds": 600,
        "evaluation_periods": 6,
        "datapoints_to_alarm": 5,
        "cooldown_minutes": 90,
    },
    "max_iterator_age_minutes": None,
    "update_calls_per_day": 20,
    "calls_reserved_for_scale_up": 2,
    "foresight": "forecast_only",
    "throttling_cost": 350,
    "split_beyond_quota": True,
    "scale_on_reads": True,
    "scale_on_throttling": True,
    "consumer_functions": {"reader": 3},
}
"""The settings of the stream `other` in tests/fixtures/recording."""


def test_the_recording_is_what_terraform_makes_today(one_provider):
    assert recording.record() == RECORDED, "if meant: python -m simulator.deployment.recording"


def test_other_settings_give_the_alarms_that_terraform_gives():
    rendered = alarms("us-east-1", "other", 2, **OTHER)
    for direction, alarm in RECORDED["streams"]["other"].items():
        assert rendered[f"{NAME}/other/{direction}"] == alarm


def test_every_form_of_the_expressions_is_recorded():
    for form, throttling, reads in [
        ("plain", True, False),
        ("reads", True, True),
        ("without-throttling", False, False),
        ("reads-without-throttling", False, True),
    ]:
        rendered = alarms("us-east-1", form, 2, scale_on_throttling=throttling, scale_on_reads=reads)
        assert {name: alarm["Metrics"] for name, alarm in rendered.items()} == {
            f"{NAME}/{form}/{direction}": alarm["Metrics"] for direction, alarm in RECORDED["streams"][form].items()
        }


def test_a_stream_without_terraform_has_the_alarms_of_one_with_it():
    with LocalAWS() as aws:
        add_stream(aws, "other", 2, **OTHER)
        assert recording.describe_stream(aws, "other") == RECORDED["streams"]["other"]
