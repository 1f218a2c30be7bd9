"""The environment and the alarms' tags that Terraform writes, and the values that are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinesis_autoscaler.model import AlarmRule, Foresight, Settings, Strategy
from kinesis_autoscaler.settings import Environment, InvalidSettingsError, parse_settings
from tests.unit.account import TAGS
from tests.unit.situations import DOWN_RULE

UP_RULE = AlarmRule(threshold=0.85, period_seconds=60, evaluation_periods=2, datapoints_to_alarm=2)

VARIABLES = {
    "ALARM_NAME_PREFIX": "kinesis-autoscaler",
    "TOPIC_ARN": "arn:aws:sns:us-east-2:123456789012:kinesis-autoscaler",
    "AUDIT_TABLE_NAME": "kinesis-autoscaler-audit",
    "AUDIT_RETENTION_DAYS": "90",
    "DRY_RUN": "false",
    "AWS_LAMBDA_FUNCTION_NAME": "kinesis-autoscaler",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/kinesis-autoscaler",
    "AWS_REGION": "us-east-2",
    "NOTIFICATION_TOPIC_ARN": "arn:aws:sns:us-east-2:123456789012:people",
}


def tags(**changes: str | None) -> dict[str, str]:
    """Return a stream's tags as Terraform writes them. None omits a tag."""
    values = {**TAGS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return {f"kinesis-autoscaler:{name}": value for name, value in values.items() if value is not None}


def parse(tags: dict[str, str]) -> Settings:
    return parse_settings(tags, scale_up=UP_RULE, scale_down=DOWN_RULE)


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def _variables(self, monkeypatch):
        for name, value in VARIABLES.items():
            monkeypatch.setenv(name, value)

    def test_every_variable_is_read(self):
        assert Environment.read() == Environment(
            alarm_name_prefix="kinesis-autoscaler",
            topic_arn="arn:aws:sns:us-east-2:123456789012:kinesis-autoscaler",
            audit_table_name="kinesis-autoscaler-audit",
            audit_retention_days=90,
            dry_run=False,
            function_name="kinesis-autoscaler",
            log_group_name="/aws/lambda/kinesis-autoscaler",
            region="us-east-2",
            notification_topic_arn="arn:aws:sns:us-east-2:123456789012:people",
        )

    @pytest.mark.parametrize(
        "name", [name for name in VARIABLES if name not in ("NOTIFICATION_TOPIC_ARN", "AWS_LAMBDA_LOG_GROUP_NAME")]
    )
    def test_a_missing_variable_is_named(self, monkeypatch, name):
        monkeypatch.delenv(name)
        with pytest.raises(InvalidSettingsError, match=name):
            Environment.read()

    @pytest.mark.parametrize(("name", "value"), [("AUDIT_RETENTION_DAYS", "ninety"), ("DRY_RUN", "yes")])
    def test_a_malformed_variable_is_refused_with_its_value(self, monkeypatch, name, value):
        monkeypatch.setenv(name, value)
        with pytest.raises(InvalidSettingsError, match=value):
            Environment.read()

    @pytest.mark.parametrize("value", [None, ""])
    def test_without_a_notification_topic_there_is_none(self, monkeypatch, value):
        monkeypatch.delenv("NOTIFICATION_TOPIC_ARN")
        if value is not None:
            monkeypatch.setenv("NOTIFICATION_TOPIC_ARN", value)
        assert Environment.read().notification_topic_arn is None

    def test_a_dry_run_is_asked_for_with_true(self, monkeypatch):
        monkeypatch.setenv("DRY_RUN", "true")
        assert Environment.read().dry_run


class TestTags:
    def test_every_tag_is_read(self):
        assert parse(
            tags(
                min_shard_count="2",
                max_shard_count="32",
                scaling_strategy="double",
                target_utilization="0.5",
                scale_up_cooldown_minutes="7",
                scale_down_cooldown_minutes="90",
                max_iterator_age_minutes="45",
                calls_reserved_for_scale_up="3",
                scale_on_throttling="true",
                scale_on_reads="true",
            )
            | {"kinesis-autoscaler:consumer/ship-orders": "2", "kinesis-autoscaler:consumer/bill_orders": "10"}
        ) == Settings(
            min_shard_count=2,
            max_shard_count=32,
            scale_up=UP_RULE,
            scale_down=DOWN_RULE,
            strategy=Strategy.DOUBLE,
            target_utilization=0.5,
            scale_up_cooldown=timedelta(minutes=7),
            scale_down_cooldown=timedelta(minutes=90),
            max_iterator_age=timedelta(minutes=45),
            calls_reserved_for_scale_up=3,
            scale_on_throttling=True,
            scale_on_reads=True,
            consumers={"ship-orders": 2, "bill_orders": 10},
        )

    def test_only_the_maximum_must_be_there_and_the_rest_has_defaults(self):
        only_the_maximum = parse({"kinesis-autoscaler:max-shard-count": "64"})
        assert only_the_maximum == Settings(
            min_shard_count=1, max_shard_count=64, scale_up=UP_RULE, scale_down=DOWN_RULE
        )

    @pytest.mark.parametrize(
        ("tag", "setting", "other", "default"),
        [
            ("min-shard-count", "min_shard_count", "2", 1),
            ("scaling-strategy", "strategy", "double", Strategy.TARGET),
            ("target-utilization", "target_utilization", "0.5", 0.8),
            ("scale-up-cooldown-minutes", "scale_up_cooldown", "7", timedelta(minutes=5)),
            ("scale-down-cooldown-minutes", "scale_down_cooldown", "90", timedelta(minutes=30)),
            ("max-iterator-age-minutes", "max_iterator_age", "45", timedelta(minutes=30)),
            ("calls-reserved-for-scale-up", "calls_reserved_for_scale_up", "4", 3),
            ("foresight", "foresight", "forecast_only", Foresight.ON),
            ("throttling-cost", "throttling_cost", "35.5", 200.0),
            ("scale-on-throttling", "scale_on_throttling", "true", Settings.scale_on_throttling),
            ("scale-on-reads", "scale_on_reads", "true", False),
        ],
    )
    def test_a_missing_tag_takes_its_default_and_leaves_the_others_alone(self, tag, setting, other, default):
        without_tag = {name: value for name, value in tags().items() if name != f"kinesis-autoscaler:{tag}"}
        assert parse(without_tag) == replace(parse(tags()), **{setting: default})
        assert getattr(parse({**tags(), f"kinesis-autoscaler:{tag}": other}), setting) != default

    def test_without_the_maximum_nothing_is_scaled(self):
        with pytest.raises(InvalidSettingsError, match="kinesis-autoscaler:max-shard-count is missing"):
            parse(tags(max_shard_count=None))

    @pytest.mark.parametrize(
        ("tag", "rule", "values"),
        [
            ("min-shard-count", "a whole number from 1 to 10000", ["", "0", "-1", "1.5", "10001", "one"]),
            ("max-shard-count", "a whole number from 1 to 10000", ["", "0", "-1", "64.0", "10001", "none"]),
            ("scaling-strategy", "target or double", ["", "Target", "triple"]),
            ("target-utilization", "a fraction between 0 and 1", ["", "0", "1", "-0.5", "60%", "60", "nan", "inf"]),
            ("scale-up-cooldown-minutes", "a whole number of minutes from 0 to 1440", ["", "5m", "nan", "inf"]),
            ("scale-down-cooldown-minutes", "a whole number of minutes from 0 to 1440", ["", "1h", "nan", "inf"]),
            (
                "max-iterator-age-minutes",
                'a whole number of minutes from 1 to 525600 or "disabled"',
                ["", "off", "nan", "null"],
            ),
            ("calls-reserved-for-scale-up", "a whole number from 0 to 999", ["", "-1", "1000", "4.0"]),
            ("update-calls-per-day", "a whole number from 1 to 1000", ["", "0", "1001", "10.0"]),
            ("scale-on-throttling", "true or false", ["", "True", "1", "yes"]),
            ("scale-on-reads", "true or false", ["", "False", "0", "no"]),
            ("consumer/ship-orders", "a whole number from 1 to 10", ["", "two", "nan", "inf"]),
        ],
    )
    def test_a_malformed_tag_is_refused_with_its_name_its_value_and_the_rule(self, tag, rule, values):
        for value in values:
            with pytest.raises(InvalidSettingsError) as refusal:
                parse({**tags(), f"kinesis-autoscaler:{tag}": value})
            assert f'kinesis-autoscaler:{tag} is "{value}" and must be {rule}' in str(refusal.value)

    def test_disabled_switches_the_look_at_consumers_off(self):
        assert parse(tags(max_iterator_age_minutes="disabled")).max_iterator_age is None

    def test_a_cooldown_may_be_none_at_all(self):
        assert parse(tags(scale_up_cooldown_minutes="0")).scale_up_cooldown == timedelta(0)

    def test_other_tags_of_the_alarm_are_not_ours_to_read(self):
        foreign = {"team": "orders", "max-shard-count": "7", "other:kinesis-autoscaler:max-shard-count": "8"}
        assert parse({**foreign, **tags()}) == parse(tags())

    def test_a_minimum_above_the_maximum_is_refused_with_both(self):
        with pytest.raises(InvalidSettingsError, match="minimum of 65 shards and a maximum of 64"):
            parse(tags(min_shard_count="65"))

    @pytest.mark.parametrize(("reserved", "calls"), [("10", "10"), ("3", "3"), ("12", "11")])
    def test_a_reserve_of_all_calls_is_refused_with_both(self, reserved, calls):
        with pytest.raises(InvalidSettingsError, match=f"reserve {reserved} of {calls} calls a day"):
            parse(tags(calls_reserved_for_scale_up=reserved, update_calls_per_day=calls))

    def test_a_raised_quota_leaves_room_for_a_larger_reserve(self):
        settings = parse(tags(calls_reserved_for_scale_up="12", update_calls_per_day="40"))
        assert (settings.calls_reserved_for_scale_up, settings.update_calls_per_day) == (12, 40)

    def test_a_minimum_at_the_maximum_pins_the_stream(self):
        assert parse(tags(min_shard_count="64")).min_shard_count == 64

    @pytest.mark.parametrize("target", ["0.85", "0.9"])
    def test_a_target_that_would_ask_for_the_next_scaling_is_refused(self, target):
        with pytest.raises(InvalidSettingsError, match=f"{target} is not below the scale-up threshold 0.85"):
            parse(tags(target_utilization=target))

    def test_the_double_strategy_may_have_any_target(self):
        assert parse(tags(target_utilization="0.9", scaling_strategy="double")).target_utilization == 0.9

    @given(st.dictionaries(st.sampled_from(sorted(TAGS)), st.text(max_size=8) | st.integers().map(str)))
    def test_whatever_the_tags_hold_it_is_within_bounds_or_refused(self, anything):
        try:
            settings = parse({**tags(), **{f"kinesis-autoscaler:{name}": value for name, value in anything.items()}})
        except InvalidSettingsError:
            return
        assert 1 <= settings.min_shard_count <= settings.max_shard_count <= 10_000
        assert 0 < settings.target_utilization < 1
        assert settings.scale_up_cooldown >= timedelta(0)
        assert settings.scale_down_cooldown >= timedelta(0)
        assert 0 <= settings.calls_reserved_for_scale_up < settings.update_calls_per_day <= 1000
