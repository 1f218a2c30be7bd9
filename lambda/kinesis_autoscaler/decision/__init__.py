"""The scaling decision: a pure function of settings, telemetry, the stream, its history and the time.

No AWS call, no clock, no environment. It follows docs/decisions.md: first the guards that forbid a scaling, then
whether the demand needs one, then its size.
"""

from __future__ import annotations

from ..model import Action, Decision, Reason
from ..model.record import shards
from . import quota
from .case import CALM_PACE, LOOK_AGAIN, Case, Situation
from .down import decide_scale_down, decide_shrink_request
from .evidence import METRIC_DELAY, THROTTLE_MEMORY, unknown
from .foresight import decide_ahead, make_plan, what_came
from .guards import CONSUMER_MEMORY, CONSUMER_SILENCE, unscalable
from .hot import SHARD_LEVEL_METRICS, THROTTLING, name_hot_shard, split_hot_shard
from .past import LOOKBACK, PERIOD, Past
from .rounding import fill_of
from .up import HOT_SHARD_WINDOW, decide_hot_shard, decide_minimum, decide_scale_up, enough

__all__ = [
    "CALM_PACE",
    "CONSUMER_MEMORY",
    "CONSUMER_SILENCE",
    "HOT_SHARD_WINDOW",
    "LOOKBACK",
    "LOOK_AGAIN",
    "METRIC_DELAY",
    "PERIOD",
    "SHARD_LEVEL_METRICS",
    "THROTTLE_MEMORY",
    "THROTTLING",
    "Past",
    "Situation",
    "decide",
    "decide_ahead",
    "decide_hot_shard",
    "decide_minimum",
    "decide_request",
    "decide_scale_down",
    "decide_scale_up",
    "enough",
    "fill_of",
    "make_plan",
    "name_hot_shard",
    "split_hot_shard",
    "unknown",
    "what_came",
]


def decide(action: Action, situation: Situation) -> Decision:
    """Decide after an alarm has fired for more or fewer shards."""
    return decide_scale_up(situation) if action is Action.SCALE_UP else decide_scale_down(situation)


def decide_request(situation: Situation, shard_count: int) -> Decision:
    """Scale to a shard count that a person or a schedule requested, as far as one call allows.

    Bounds and quota limit growth. Shrinking must also pass every guard of a scale-down, and never goes below what the
    demand needs.
    """
    stream, settings = situation.stream, situation.settings
    case = Case(Action.towards(shard_count, stream.open_shard_count), situation)
    if blocked := unscalable(case):
        return blocked
    if not settings.min_shard_count <= shard_count <= settings.max_shard_count:
        return case.skip(
            Reason.INVALID_REQUEST,
            f"{shards(shard_count)} were requested, and its bounds are {settings.min_shard_count} to "
            f"{settings.max_shard_count}; ask for a count within them or change the bounds in Terraform.",
        )
    if shard_count == stream.open_shard_count:
        return case.skip(Reason.AT_TARGET, f"it already has the {shard_count} shards that were requested.")
    if case.action is Action.SCALE_DOWN:
        return decide_shrink_request(situation, shard_count)
    if blocked := quota.exhausted(case):
        return blocked
    target = min(shard_count, 2 * stream.open_shard_count)
    because = f"{shards(shard_count)} were requested"
    because += "." if target == shard_count else "; one call can at most double the count."
    return case.scale(target, Reason.REQUESTED, because)
