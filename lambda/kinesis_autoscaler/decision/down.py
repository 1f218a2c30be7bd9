"""Fewer shards: how few, and what speaks against it."""

from __future__ import annotations

import math
from datetime import timedelta

from ..model import Action, Decision, Reason, Settings, Strategy
from .case import LOOK_AGAIN, Case, Situation
from .evidence import THROTTLE_MEMORY, peak, throttled_records, too_few_shards
from .guards import not_shrinkable
from .rounding import round_up_to_quarter
from .up import SATURATED
from .wording import number, span

NOT_NEAR_THE_THRESHOLD = 0.95
"""A stream is never shrunk to more than this fraction of its scale-up threshold."""

WORTH_A_CALL = 0.5
"""What a scale-down must save before the other days needed more again, in hours of the whole stream: half of it for one
hour, or a quarter for two."""

HOURS_IF_UNKNOWN = 2
"""Hours that a scale-down is taken to last where the last days are unknown: so it must save a quarter of the shards."""

LOOK_FOR_SAVING = timedelta(minutes=30)
"""When a stream that is not worth shrinking now is worth another look."""


def decide_scale_down(situation: Situation) -> Decision:
    """Fewer shards if the demand of the whole window fits into them.

    Never below the minimum or half the current count. Never on missing data, on a young stream, while consumers are
    behind, while records are throttled, or on the minutes that made the stream grow. It spends one of ten calls, so
    that it must save enough until demand, going by the same hours of the last days, needs more again; and what came
    suddenly of late may come again.
    """
    case = Case(Action.SCALE_DOWN, situation)
    return not_shrinkable(case) or _shrink_to(case, requested=None)


def decide_shrink_request(situation: Situation, shard_count: int) -> Decision:
    """Fewer shards because somebody asked: every guard holds, and never fewer than the demand needs."""
    case = Case(Action.SCALE_DOWN, situation)
    return not_shrinkable(case) or _shrink_to(case, requested=shard_count)


def _shrink_to(case: Case, *, requested: int | None) -> Decision:
    """The scale-down that the demand allows, of the window and of what is to be expected; or the reason for none."""
    situation = case.situation
    stream, settings, now = situation.stream, situation.settings, situation.now
    current, window, fill = stream.open_shard_count, settings.scale_down.window, _fill(settings)
    above_maximum = current > settings.max_shard_count
    # As far back as the alarm that fired has looked, whose newest datapoint is a minute old: looking further would
    # meet the very demand whose end made it fire.
    recent = situation.telemetry.since(now - window - timedelta(minutes=1))
    demand = peak(recent, settings)
    case = case.with_demand(demand)
    seen = f"peak demand {number(demand)} shards in the last {span(window)}"
    if refused := throttled_records(recent):
        return case.skip(Reason.THROTTLED, f"{refused:,} records were throttled in the last {span(window)}; {seen}.")
    throttled_at = too_few_shards(situation.telemetry, situation.history, settings, current, demand, now)
    if throttled_at + 1 >= current:
        return case.skip(
            Reason.THROTTLED,
            f"{seen}, and at about this demand records were throttled in the last {span(THROTTLE_MEMORY)}, when it had "
            "no more shards than now.",
            retry_at=now + LOOK_FOR_SAVING,
        )

    floor = max(requested or 0, throttled_at + 1 if throttled_at else 0)
    needed = _needed(demand, settings)
    target = _target(case, demand, floor, asked_for=requested is not None)
    if above_maximum and requested is None:
        # Exactly as far as the maximum asks and the demand allows: whether fewer are worth a call is a later matter.
        target = _clamp(case, max(needed, floor, settings.max_shard_count))
    if above_maximum and target >= current:
        return case.skip(
            Reason.DEMAND_FITS,
            f"{seen} needs {needed} shards at {fill:.0%}, more than its maximum of {settings.max_shard_count}.",
            retry_at=now + LOOK_AGAIN,
        )
    enough_left = requested is None and not above_maximum and demand >= settings.scale_down.threshold * current
    if target >= current or enough_left:
        return case.skip(
            Reason.DEMAND_FITS,
            f"{seen} leaves too little to save at {fill:.0%} for one of the day's calls.",
            retry_at=now + LOOK_FOR_SAVING,
        )
    if requested is not None:
        because = f"{requested} shards were requested; {seen} needs {target}; target {fill:.0%}."
        return case.scale(target, Reason.REQUESTED, because)
    if above_maximum:
        because = f"its maximum is {settings.max_shard_count}; {seen} needs {needed} at {fill:.0%}."
        return case.scale(target, Reason.ABOVE_MAXIMUM, because)
    return _shrink_if_it_lasts(case, demand, seen, floor)


def _shrink_if_it_lasts(case: Case, demand: float, seen: str, floor: int) -> Decision:
    """The scale-down that saves enough until more is needed again, going by the last days."""
    settings, outlook = case.situation.settings, case.situation.outlook
    current, fill = case.situation.stream.open_shard_count, _fill(settings)
    lowest = max(demand, outlook.burst * fill / SATURATED)  # a burst may fill the stream: it is soon over
    for hours, ahead in list(enumerate(outlook.peaks, start=1)) or [(HOURS_IF_UNKNOWN, 0.0)]:
        target = _target(case, max(lowest, ahead), floor)
        if (current - target) * hours >= WORTH_A_CALL * current:
            if ahead:
                seen += f", and no more than {number(ahead)} expected within {span(timedelta(hours=hours))}"
            if target > _target(case, max(demand, ahead), floor):
                seen += f", and room is kept for another burst to {number(outlook.burst)}"
            return case.scale(target, Reason.LOW_DEMAND, f"{seen}; target {fill:.0%}.")
    if _target(case, lowest, floor) >= current:
        why = f"and room is kept for another burst to {number(outlook.burst)}"
    elif not outlook.peaks:
        why = "which would save less than a quarter of the shards: too little for one of the day's calls"
    else:
        why = "but going by the last days more is to come too soon for one of the day's calls"
    return case.skip(Reason.DEMAND_FITS, f"{seen}, {why}.", retry_at=case.situation.now + LOOK_FOR_SAVING)


def _target(case: Case, demand: float, floor: int, *, asked_for: bool = False) -> int:
    """Shard count to shrink to for a demand in shards: half of the current one or more; at the current one, none."""
    settings, current = case.situation.settings, case.situation.stream.open_shard_count
    smallest = _clamp(case, floor)
    needed = _needed(demand, settings)
    if settings.strategy is Strategy.DOUBLE and not asked_for:
        return smallest if needed <= smallest else current
    return max(smallest, round_up_to_quarter(needed, current))


def _needed(demand: float, settings: Settings) -> int:
    """The fewest shards that hold a demand."""
    return max(1, math.ceil(round(demand / _fill(settings), 9)))


def _clamp(case: Case, count: int) -> int:
    """The nearest count that one call may shrink to, within the minimum."""
    return max(math.ceil(case.situation.stream.open_shard_count / 2), case.situation.settings.min_shard_count, count)


def _fill(settings: Settings) -> float:
    """How full a smaller stream may be: at the target, and in any case not near the next scale-up."""
    return min(settings.target_utilization, NOT_NEAR_THE_THRESHOLD * settings.scale_up.threshold)
