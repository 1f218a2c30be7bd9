"""Scale-down: how many shards, and the reasons against it."""

from __future__ import annotations

import math
from datetime import timedelta

from ..model import Action, Decision, Reason, Strategy
from ..model.record import shards
from .case import LOOK_AGAIN, Case, Situation
from .evidence import THROTTLE_MEMORY, peak, throttled_records, too_few_shards
from .floor import Saving, worth_shrinking
from .guards import not_shrinkable
from .quota import price_of_a_call
from .rounding import fewest_for, fill_of
from .wording import number, span

HOURS_WITHOUT_FORESIGHT = 4
"""The assumed duration of a scale-down in hours without foresight: it must save a quarter of the shards."""

LOOK_FOR_SAVING = timedelta(hours=1)
"""When to check again a stream that is not worth shrinking now: as often as its plans are made."""


def decide_scale_down(situation: Situation) -> Decision:
    """Fewer shards if the demand of the whole window fits into them.

    Never below the minimum or half the current count. Never on missing data, on a young stream, while consumers are
    behind, while records are throttled, or on the minutes that made the stream grow. It uses one of ten calls, so
    it must save enough, based on what the last days needed in the coming hours.
    """
    case = Case(Action.SCALE_DOWN, situation)
    return not_shrinkable(case) or _shrink_to(case, requested=None)


def decide_shrink_request(situation: Situation, shard_count: int) -> Decision:
    """Fewer shards by request: every guard applies, and never fewer than the demand needs."""
    case = Case(Action.SCALE_DOWN, situation)
    return not_shrinkable(case) or _shrink_to(case, requested=shard_count)


def _shrink_to(case: Case, *, requested: int | None) -> Decision:
    """The scale-down that the demand of the window and the expected demand allow; or the reason for none."""
    situation = case.situation
    stream, settings, now = situation.stream, situation.settings, situation.now
    current, window, fill = stream.open_shard_count, settings.scale_down.window, fill_of(settings)
    above_maximum = current > settings.max_shard_count
    # As far back as the alarm that fired, whose newest datapoint is a minute old. A longer range would include the
    # demand whose end made it fire.
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
    needed = fewest_for(demand, settings)
    target = _clamp(case, max(needed, floor))
    if above_maximum and requested is None:
        # Exactly down to the maximum, as far as the demand allows. Further savings are decided later.
        target = _clamp(case, max(needed, floor, settings.max_shard_count))
    if above_maximum and target >= current:
        return case.skip(
            Reason.DEMAND_FITS,
            f"{seen} needs {needed} shards at {fill:.0%}, more than its maximum of {settings.max_shard_count}.",
            retry_at=now + LOOK_AGAIN,
        )
    # If the last days show what a call is worth, the threshold is not needed.
    enough_left = requested is None and situation.past is None and demand >= settings.scale_down.threshold * current
    if target >= current or (enough_left and not above_maximum):
        return case.skip(
            Reason.DEMAND_FITS,
            f"{seen} needs {shards(target)} at {fill:.0%}, which saves too little for one of the daily calls.",
            retry_at=now + LOOK_FOR_SAVING,
        )
    if requested is not None:
        because = f"{requested} shards were requested; {seen} needs {target}; target {fill:.0%}."
        return case.scale(target, Reason.REQUESTED, because)
    if above_maximum:
        because = f"its maximum is {settings.max_shard_count}; {seen} needs {needed} at {fill:.0%}."
        return case.scale(target, Reason.ABOVE_MAXIMUM, because)
    return _shrink_if_it_pays(case, seen, target)


def _shrink_if_it_pays(case: Case, seen: str, lowest: int) -> Decision:
    """The scale-down that saves enough for one of the daily calls, based on the last days."""
    situation, settings, fill = case.situation, case.situation.settings, fill_of(case.situation.settings)
    current = situation.stream.open_shard_count
    if settings.strategy is Strategy.DOUBLE:
        lowest = math.ceil(current / 2) if lowest <= math.ceil(current / 2) else current
    if situation.past is None:
        # Only the window's demand is known, and a quiet hour says little about the next ones.
        saving = Saving(lowest, HOURS_WITHOUT_FORESIGHT, 0)
        pays = (current - lowest) * HOURS_WITHOUT_FORESIGHT >= current
    else:
        found = worth_shrinking(situation.past, current, lowest, settings.throttling_cost, price_of_a_call(case))
        saving, pays = found or Saving(current, 0, 0), found is not None
    if settings.strategy is Strategy.DOUBLE and saving.count > lowest:
        pays = False
    if pays:
        if saving.days:
            seen += (
                f"; based on {saving.days} of the last days, {shards(saving.count)} pay off within "
                f"{span(timedelta(hours=saving.hours))}"
            )
        return case.scale(saving.count, Reason.LOW_DEMAND, f"{seen}; target {fill:.0%}.")
    return case.skip(
        Reason.DEMAND_FITS,
        f"{seen} would fit into {shards(lowest)} at {fill:.0%}, but based on the last days that would save less than "
        f"one of the {case.calls_left} remaining calls is worth.",
        retry_at=situation.now + LOOK_FOR_SAVING,
    )


def _clamp(case: Case, count: int) -> int:
    """The nearest count that one call may shrink to, within the minimum."""
    return max(math.ceil(case.situation.stream.open_shard_count / 2), case.situation.settings.min_shard_count, count)
