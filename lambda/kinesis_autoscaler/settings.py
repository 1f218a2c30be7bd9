"""The function's environment, and each stream's settings from the tags of its alarms. Terraform writes both.

The only module that reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from .model import MAX_SHARDS, AlarmRule, Foresight, Settings, Strategy

TAG_PREFIX = "kinesis-autoscaler:"
CONSUMER_TAG_PREFIX = "consumer/"
DISABLED = "disabled"
"""Tag value of a disabled limit."""

_DAY_MINUTES = 24 * 60
_YEAR_MINUTES = 365 * _DAY_MINUTES  # the longest that Kinesis retains records
_COOLDOWN_RULE = f"a whole number of minutes from 0 to {_DAY_MINUTES}"

_T = TypeVar("_T")


class InvalidSettingsError(Exception):
    """A stream's tags or alarms contain something invalid. The message names it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The function's environment variables, all written by the root module."""

    alarm_name_prefix: str
    topic_arn: str
    audit_table_name: str
    audit_retention_days: int
    dry_run: bool
    function_name: str
    log_group_name: str
    region: str
    notification_topic_arn: str | None = None

    @classmethod
    def read(cls) -> Environment:
        """Read the process's environment.

        Raises:
            InvalidSettingsError: A variable is missing or malformed; the message names it.
        """
        try:
            return cls(
                alarm_name_prefix=os.environ["ALARM_NAME_PREFIX"],
                topic_arn=os.environ["TOPIC_ARN"],
                audit_table_name=os.environ["AUDIT_TABLE_NAME"],
                audit_retention_days=_variable("AUDIT_RETENTION_DAYS", int),
                dry_run=_variable("DRY_RUN", _boolean),
                function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
                log_group_name=os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
                region=os.environ["AWS_REGION"],
                notification_topic_arn=os.environ.get("NOTIFICATION_TOPIC_ARN") or None,
            )
        except KeyError as missing:
            raise InvalidSettingsError(f"Environment variable {missing} is not set; apply the root module.") from None


def parse_settings(tags: Mapping[str, str], *, scale_up: AlarmRule, scale_down: AlarmRule) -> Settings:
    """The settings of one stream, from the tags of one of its alarms and from both alarms' definitions.

    A missing tag has the default of `Settings`. Only the maximum has no default, because it limits the cost.

    Raises:
        InvalidSettingsError: A tag is malformed or out of range, or tags contradict each other.
    """
    own = {key.removeprefix(TAG_PREFIX): value for key, value in tags.items() if key.startswith(TAG_PREFIX)}

    def read(name: str, parse: Callable[[str], _T], default: _T, rule: str) -> _T:
        if name not in own:
            return default
        try:
            return parse(own[name])
        except ValueError:
            raise InvalidSettingsError(
                f'The alarm tag {TAG_PREFIX}{name} is "{own[name]}" and must be {rule}; '
                "apply the stream module again to restore it."
            ) from None

    if "max-shard-count" not in own:
        raise InvalidSettingsError(
            f"The alarm tag {TAG_PREFIX}max-shard-count is missing; apply the stream module again to restore it."
        )
    settings = Settings(
        scale_up=scale_up,
        scale_down=scale_down,
        min_shard_count=read("min-shard-count", _count, 1, f"a whole number from 1 to {MAX_SHARDS}"),
        max_shard_count=read("max-shard-count", _count, MAX_SHARDS, f"a whole number from 1 to {MAX_SHARDS}"),
        strategy=read("scaling-strategy", Strategy, Settings.strategy, " or ".join(Strategy)),
        target_utilization=read(
            "target-utilization", _fraction, Settings.target_utilization, "a fraction between 0 and 1"
        ),
        scale_up_cooldown=read("scale-up-cooldown-minutes", _cooldown, Settings.scale_up_cooldown, _COOLDOWN_RULE),
        scale_down_cooldown=read(
            "scale-down-cooldown-minutes", _cooldown, Settings.scale_down_cooldown, _COOLDOWN_RULE
        ),
        max_iterator_age=read(
            "max-iterator-age-minutes",
            lambda text: None if text == DISABLED else _age(text),
            Settings.max_iterator_age,
            f'a whole number of minutes from 1 to {_YEAR_MINUTES} or "{DISABLED}"',
        ),
        update_calls_per_day=read(
            "update-calls-per-day", _quota, Settings.update_calls_per_day, "a whole number from 1 to 1000"
        ),
        calls_reserved_for_scale_up=read(
            "calls-reserved-for-scale-up", _calls, Settings.calls_reserved_for_scale_up, "a whole number from 0 to 999"
        ),
        foresight=read("foresight", Foresight, Settings.foresight, " or ".join(Foresight)),
        throttling_cost=read("throttling-cost", _cost, Settings.throttling_cost, "a number from 1 to 100,000"),
        split_beyond_quota=read("split-beyond-quota", _boolean, Settings.split_beyond_quota, "true or false"),
        split_hot_shards=read("split-hot-shards", _boolean, Settings.split_hot_shards, "true or false"),
        scale_on_throttling=read("scale-on-throttling", _boolean, Settings.scale_on_throttling, "true or false"),
        scale_on_reads=read("scale-on-reads", _boolean, Settings.scale_on_reads, "true or false"),
        consumers={
            name.removeprefix(CONSUMER_TAG_PREFIX): read(name, _concurrency, 0.0, "a whole number from 1 to 10")
            for name in own
            if name.startswith(CONSUMER_TAG_PREFIX)
        },
    )
    if settings.min_shard_count > settings.max_shard_count:
        raise InvalidSettingsError(
            f"The alarm tags say a minimum of {settings.min_shard_count} shards and a maximum of "
            f"{settings.max_shard_count}; apply the stream module again to restore them."
        )
    if settings.calls_reserved_for_scale_up >= settings.update_calls_per_day:
        raise InvalidSettingsError(
            f"The alarm tags reserve {settings.calls_reserved_for_scale_up} of {settings.update_calls_per_day} calls a "
            "day for scale-up, which leaves none for scale-down; apply the stream module again to restore them."
        )
    if settings.strategy is Strategy.TARGET and settings.target_utilization >= scale_up.threshold:
        raise InvalidSettingsError(
            f"The target utilization {settings.target_utilization:g} is not below the scale-up threshold "
            f"{scale_up.threshold:g}, so each scaling would trigger the next; apply the stream module again."
        )
    if settings.strategy is Strategy.TARGET and settings.target_utilization <= scale_down.threshold:
        raise InvalidSettingsError(
            f"The target utilization {settings.target_utilization:g} is not above the scale-down threshold "
            f"{scale_down.threshold:g}, so each scaling would trigger the next; apply the stream module again."
        )
    return settings


def _variable(name: str, parse: Callable[[str], _T]) -> _T:
    text = os.environ[name]
    try:
        return parse(text)
    except ValueError:
        raise InvalidSettingsError(f'Environment variable {name} is "{text}"; apply the root module.') from None


def _count(text: str) -> int:
    return _within(int(text), 1, MAX_SHARDS)


def _calls(text: str) -> int:
    return _within(int(text), 0, 999)


def _quota(text: str) -> int:
    return _within(int(text), 1, 1000)


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise ValueError(text)
    return value


def _concurrency(text: str) -> float:
    return float(_within(int(text), 1, 10))


def _cooldown(text: str) -> timedelta:
    return timedelta(minutes=_within(int(text), 0, _DAY_MINUTES))


def _age(text: str) -> timedelta:
    return timedelta(minutes=_within(int(text), 1, _YEAR_MINUTES))


def _cost(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 100_000:
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f'"{text}" is neither "true" nor "false"')
    return text == "true"


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError(value)
    return value
