"""Situations for the decision's tests: a calm stream of eight shards, with the changes of a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from kinesis_autoscaler.decision import Past, Situation
from kinesis_autoscaler.model import (
    Action,
    AlarmRule,
    History,
    Minute,
    Reason,
    Record,
    Settings,
    Status,
    Stream,
    Telemetry,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BYTES_PER_SHARD_MINUTE = 60 * 1024 * 1024
UP_RULE = AlarmRule(threshold=0.75, period_seconds=60, evaluation_periods=5, datapoints_to_alarm=3)
LAST_DAY = frozenset(NOW - timedelta(minutes=n) for n in range(24 * 60))
DOWN_RULE = AlarmRule(threshold=0.4, period_seconds=300, evaluation_periods=24, datapoints_to_alarm=24)


def settings(**changes) -> Settings:
    return Settings(
        **{
            "min_shard_count": 1,
            "max_shard_count": 64,
            "scale_up": UP_RULE,
            "scale_down": DOWN_RULE,
            "target_utilization": 0.6,
            "scale_down_cooldown": timedelta(minutes=60),
            "calls_reserved_for_scale_up": 4,
            **changes,
        }
    )


def stream(shards: int = 8, *, age: timedelta = timedelta(days=30), status: str = "ACTIVE", on_demand=False) -> Stream:
    return Stream("orders", status, shards, NOW - age, on_demand)


def telemetry(
    shards: float | Sequence[float | None],
    *,
    minutes: int = 180,
    throttled: float | None = None,
    iterator_age: timedelta | None = timedelta(0),
    delivered: bool = True,
) -> Telemetry:
    """Demand in shards: constant, or the values of the last minutes (None: no datapoint)."""
    values: list[float | None] = [shards] * minutes if isinstance(shards, float | int) else list(shards)
    start = NOW - timedelta(minutes=len(values))
    return Telemetry(
        minutes=tuple(
            Minute(
                at=start + timedelta(minutes=n),
                incoming_bytes=None if value is None else value * BYTES_PER_SHARD_MINUTE,
                incoming_records=None if value is None else value * 60_000 / 2,
                throttled_records=throttled,
                iterator_age=iterator_age,
            )
            for n, value in enumerate(values)
        ),
        delivered=LAST_DAY if delivered else frozenset(),
    )


def scaling(
    ago: timedelta,
    action: Action = Action.SCALE_UP,
    *,
    status: Status = Status.SUCCEEDED,
    reason: Reason = Reason.HIGH_DEMAND,
    **changes,
) -> Record:
    at = NOW - ago
    return Record(
        stream_name="orders",
        event_time=f"{at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}#{action}",
        action=action,
        status=status,
        reason=reason,
        message="Scaling orders from 4 to 8 shards: a test.",
        started_at=at,
        **{"from_shard_count": 4, "to_shard_count": 8, **changes},
    )


def situation(
    shards: float | Sequence[float | None] = 4.0,
    *,
    current: int = 8,
    history: Sequence[Record] = (),
    settings_: Settings | None = None,
    stream_: Stream | None = None,
    telemetry_: Telemetry | None = None,
    past: Past | None = None,
) -> Situation:
    settings_, telemetry_ = settings_ or settings(), telemetry_ or telemetry(shards)
    return Situation(
        stream=stream_ or stream(current),
        settings=settings_,
        telemetry=telemetry_,
        history=History(tuple(history)),
        now=NOW,
        past=past,
    )
