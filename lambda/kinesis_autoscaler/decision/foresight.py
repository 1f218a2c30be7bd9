"""Scale-up before demand needs it, and the hourly plan."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from statistics import fmean

from ..model import MAX_SHARDS, Action, Decision, Foresight, Plan, Reason, Settings, Strategy
from ..model.plan import PLAN_LASTS, PLAN_PERIOD
from ..model.record import shards
from . import floor, quota
from .case import Case, Situation
from .guards import scaled_up_just_now, unscalable
from .past import DAY, HOUR, Past
from .rounding import fewest_for
from .wording import number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LEAST_DAYS = 2
"""The minimum of days for growing ahead of time: traffic on a single day may have been chance."""


def make_plan(situation: Situation) -> Plan:
    """The expected demand of the next hour, based on the last days, and the best counts."""
    case, past = Case(Action.SCALE_UP, situation), situation.past
    count, now = situation.stream.open_shard_count, situation.now
    at = now - (now - _EPOCH) % PLAN_PERIOD
    if past is None or not past.now:
        return Plan(at, count)
    days = past.days_like_now(HOUR)
    peaks = [max(past.highest[day.begins : day.begins + HOUR]) * day.scale for day in days]
    price = quota.price_of_a_call(case)
    offsets = range(PLAN_LASTS // PLAN_PERIOD)
    if past.highest_like_now(HOUR + len(offsets)) > count:
        grow_to = tuple(_grow_to(case, past, price, offset) or 0 for offset in offsets)
    else:
        grow_to = (0,) * len(offsets)
    return Plan(
        made_at=at,
        shard_count=count,
        grow_to=grow_to,
        shrink_to=_shrink_to(case, past, price),
        expected=fmean(peaks) if peaks else None,
        days=len(days),
    )


def what_came(situation: Situation, plan: Plan) -> float | None:
    """The highest demand since a plan was made, in shards; None if it is unknown, or the hour is not over."""
    past, periods = situation.past, (situation.now - plan.made_at) // PLAN_PERIOD
    if past is None or not PLAN_LASTS // PLAN_PERIOD <= periods <= min(past.now, DAY):
        return None
    return max(past.highest[-periods:]) if past.is_known(past.now - periods, past.now) else None


def decide_ahead(situation: Situation) -> Decision | None:
    """More shards before demand needs them, if the last days show that it is worth it; None if not.

    It only adds shards: never beyond the maximum or double, never with the reserved calls.
    """
    case, past = Case(Action.SCALE_UP, situation), situation.past
    stream, settings = situation.stream, situation.settings
    if past is None or settings.foresight is not Foresight.ON or stream.open_shard_count >= _maximum(settings):
        return None
    target = _grow_to(case, past, quota.price_of_a_call(case))
    if target is None:
        return None
    days = past.days_like_now(HOUR)
    peak = max(max(past.highest[day.begins : day.begins + HOUR]) * day.scale for day in days)
    case = case.with_demand(past.highest[-1])
    blocked = unscalable(case) or scaled_up_just_now(case) or quota.exhausted(case) or quota.reserved(case)
    if blocked:
        return blocked
    return case.scale(
        target,
        Reason.EXPECTED_DEMAND,
        f"on {len(days)} of the last days the next hour needed up to {number(peak)} shards at today's level; "
        f"growing now costs less than the throttling with {shards(stream.open_shard_count)}.",
    )


def _grow_to(case: Case, past: Past, price: float, offset: int = 0) -> int | None:
    """The count to grow to `offset` periods from now, as far as one call allows."""
    settings, current = case.situation.settings, case.situation.stream.open_shard_count
    days = past.days_like_now(HOUR, offset)
    if len(days) < LEAST_DAYS:
        return None
    target = floor.worth_growing(past, days, current, settings.throttling_cost, price)
    if target is None:
        return None
    if settings.strategy is Strategy.DOUBLE:
        target = 2 * current
    target = min(target, 2 * current, _maximum(settings))
    return target if target > current else None


def _shrink_to(case: Case, past: Past, price: float) -> int:
    """The count worth shrinking to if no guard forbids it; 0 for none."""
    settings, current = case.situation.settings, case.situation.stream.open_shard_count
    lowest = max(math.ceil(current / 2), settings.min_shard_count, fewest_for(max(past.highest[-HOUR:]), settings))
    saving = floor.worth_shrinking(past, current, lowest, settings.throttling_cost, price)
    return saving.count if saving else 0


def _maximum(settings: Settings) -> int:
    return min(settings.max_shard_count, MAX_SHARDS)
