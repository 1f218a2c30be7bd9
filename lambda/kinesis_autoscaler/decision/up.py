"""Scale-up: how many shards, and the reasons against it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ..model import MAX_SHARDS, Action, Decision, Minute, Reason, Settings, Strategy
from . import quota
from .case import CALM_PACE, Case, Situation
from .evidence import METRIC_DELAY, hot_minutes, peak, throttled_records
from .guards import scaled_up_just_now, unscalable
from .hot import THROTTLING
from .rounding import round_up_to_quarter
from .wording import number, span

GROWTH_LOOKBACK = timedelta(minutes=15)
"""The range over which growth is measured: long enough to average out noise, short enough to be recent."""

LEAD_TIME = timedelta(minutes=5)
"""From reading the metrics to the new shards' first record: resharding takes "a few minutes"."""

MAX_GROWTH = 0.5
"""Growth counts for at most this fraction of the peak: a forecast may enlarge a step, but not cause one."""

SATURATED = 0.95
"""At this utilization, accepted traffic no longer shows the real demand."""

RETRIES = 0.5
"""At most this share of the sent records counts as refused demand, because producers retry them."""

MUCH_THROTTLED = 0.001
"""From this share of a minute's records, the refused demand can't be measured."""

HOT_SHARD_WINDOW = timedelta(hours=1)
"""The range that reconcile searches for throttled records, once in this time."""

HOT_SHARD_MINUTES = 3
"""A hot shard throttles in at least this many minutes of it. A surge has fewer, or is above the threshold."""


def decide_scale_up(situation: Situation) -> Decision:
    """More shards if the known demand of the last minutes needs them.

    Never above the maximum or twice the current count; at most one step per cooldown; larger steps where demand is
    hidden behind throttling and where few of the day's calls are left.
    """
    case = Case(Action.SCALE_UP, situation)
    stream, settings, now = situation.stream, situation.settings, situation.now
    if blocked := unscalable(case):
        return blocked
    window = settings.scale_up.window
    recent = situation.telemetry.since(now - window - METRIC_DELAY)
    if not any(minute.has_traffic_data for minute in recent):
        return case.skip(Reason.NO_TELEMETRY, f"CloudWatch has no traffic data for the last {span(window)}.")
    demand, throttled = peak(recent, settings), throttled_records(recent)
    utilization = demand / stream.capacity
    case = case.with_demand(demand)
    seen = f"peak demand {number(demand)} shards in the last {span(window)} is {utilization:.0%} of capacity"
    if throttled:
        seen += f" and {throttled:,} records were throttled"

    hot = hot_minutes(recent, situation.history, settings, stream.capacity)
    # The traffic that a full stream refused is demand too: it may exceed the shards that were added since.
    offered = max((_offered(minute, settings) for minute in recent if minute not in hot), default=0.0)
    fits = max(demand, offered) < settings.scale_up.threshold * stream.capacity
    splits = settings.split_hot_shards and stream.reports_by_shard(THROTTLING)
    if fits and not (hot and settings.scale_on_throttling and not splits):
        if hot:
            return _hot_shard(case, recent, hot)
        return case.skip(Reason.DEMAND_FITS, f"{seen}, below the threshold of {settings.scale_up.threshold:.0%}.")
    if stream.open_shard_count >= (maximum := min(settings.max_shard_count, MAX_SHARDS)):
        return case.skip(
            Reason.AT_MAXIMUM,
            f"{seen}, and its maximum is {maximum}; raise max_shard_count if the traffic is wanted.",
            retry_at=now + CALM_PACE,
        )
    if blocked := scaled_up_just_now(case):
        return blocked
    if blocked := quota.exhausted(case):
        if not settings.split_beyond_quota:
            return blocked
        target = min(2 * stream.open_shard_count, maximum)
        because = f"{seen}; the daily calls are used up, so its widest shards are split one at a time."
        return case.scale(target, Reason.HIGH_DEMAND, because, by_splits=True)
    target = _target(case, demand)
    return case.scale(target, Reason.HIGH_DEMAND, f"{seen}; target {settings.target_utilization:.0%}.")


def enough(situation: Situation) -> bool:
    """Whether the demand has dropped for which a stream's shards are being split."""
    settings, now = situation.settings, situation.now
    recent = situation.telemetry.since(now - settings.scale_up.window - METRIC_DELAY)
    known = [minute for minute in recent if minute.has_traffic_data]
    if not known or any(minute.throttles for minute in known):
        return False
    return peak(known, settings) < settings.target_utilization * situation.stream.capacity


def decide_minimum(situation: Situation) -> Decision:
    """Bring a stream that is below its minimum up to it, in steps of at most double."""
    case = Case(Action.SCALE_UP, situation)
    stream, settings = situation.stream, situation.settings
    if blocked := unscalable(case) or quota.exhausted(case):
        return blocked
    if stream.open_shard_count >= settings.min_shard_count:
        return case.skip(Reason.DEMAND_FITS, f"it has the minimum of {settings.min_shard_count} shards.")
    target = min(settings.min_shard_count, 2 * stream.open_shard_count)
    return case.scale(target, Reason.BELOW_MINIMUM, f"its minimum is {settings.min_shard_count} shards.")


def decide_hot_shard(situation: Situation) -> Decision:
    """Whether records are throttled though no alarm has reason to fire: the sign of a hot shard.

    It never scales for demand above the threshold: the scale-up alarm is on its way, unless the shards were split and
    the alarm, which knows how many there are, can't know that the widest are full.
    """
    case = Case(Action.SCALE_UP, situation)
    settings, now = situation.settings, situation.now
    if blocked := unscalable(case):
        return blocked
    if situation.stream.widest:
        decision = decide_scale_up(situation)
        if decision.reason not in (Reason.DEMAND_FITS, Reason.HOT_SHARD_SUSPECTED):
            return decision
    recent = situation.telemetry.since(now - HOT_SHARD_WINDOW)
    case = case.with_demand(peak(recent, settings))
    hot = hot_minutes(recent, situation.history, settings, situation.stream.capacity)
    if len(hot) >= HOT_SHARD_MINUTES:
        return _hot_shard(case, recent, hot)
    return case.skip(
        Reason.DEMAND_FITS,
        f"records were throttled below the threshold of {settings.scale_up.threshold:.0%} in {len(hot)} of the last "
        f"{round(HOT_SHARD_WINDOW / timedelta(minutes=1))} minutes, which a surge can explain.",
        retry_at=now + CALM_PACE,
    )


def _hot_shard(case: Case, recent: Sequence[Minute], hot: Sequence[Minute]) -> Decision:
    """Records are throttled on a stream that is not full: one shard is, or single seconds are."""
    situation = case.situation
    refused = throttled_records(hot)
    share = refused / max(1.0, refused + sum(minute.incoming_records or 0 for minute in recent))
    return case.skip(
        Reason.HOT_SHARD_SUSPECTED,
        f"{refused:,} records ({share:.1%}) were throttled in {len(hot)} of the {len(recent)} minutes since "
        f"{recent[0].at:%H:%M} UTC, at a peak demand of {number(case.demand or 0)} shards, "
        f"{(case.demand or 0) / situation.stream.capacity:.0%} of capacity: one hot shard or bursts of seconds "
        "are likely, and more shards would not cool a hot key.",
        retry_at=situation.now + CALM_PACE,
    )


def _offered(minute: Minute, settings: Settings) -> float:
    """The demand of a minute in shards with what was refused, of which producers' retries are a part."""
    return minute.shards(with_reads=settings.scale_on_reads) / (1 - min(minute.throttled_share, RETRIES))


def _target(case: Case, demand: float) -> int:
    """Shard count to grow to, between current + 1 and double, not above the maximum."""
    situation = case.situation
    settings, current = situation.settings, situation.stream.open_shard_count
    maximum = min(settings.max_shard_count, 2 * current, MAX_SHARDS)
    if settings.strategy is Strategy.DOUBLE:
        return maximum
    recent = situation.telemetry.since(situation.now - settings.scale_up.window - METRIC_DELAY)
    refused_share = max((minute.throttled_share for minute in recent), default=0.0)
    offered = demand / (1 - min(refused_share, RETRIES))
    wanted = (offered + _growth(situation, demand)) / settings.target_utilization
    if refused_share >= MUCH_THROTTLED or (refused_share and settings.scale_on_throttling):
        wanted = max(wanted, 2 * current)
    elif demand >= SATURATED * situation.stream.capacity:
        wanted = max(wanted, 1.5 * current)
    if case.calls_left <= 2:
        wanted = max(wanted, 2 * current)  # the last calls of the day must last
    elif case.calls_left <= 4:
        wanted = max(wanted, 1.5 * current)
    target = max(round_up_to_quarter(wanted, current), current + 1, min(settings.min_shard_count, maximum))
    return min(target, maximum)


def _growth(situation: Situation, demand: float) -> float:
    """Shards by which demand will have grown when new shards take records: the trend carried over the lead time.

    The slope is least squares over the lookback, so that one noisy minute does not make a trend.
    """
    minutes = [
        minute for minute in situation.telemetry.since(situation.now - GROWTH_LOOKBACK) if minute.has_traffic_data
    ]
    if len(minutes) < 3:
        return 0.0
    x = [(minute.at - minutes[0].at) / timedelta(minutes=1) for minute in minutes]
    y = [minute.shards(with_reads=situation.settings.scale_on_reads) for minute in minutes]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
    return min(max(0.0, slope * (LEAD_TIME / timedelta(minutes=1))), MAX_GROWTH * demand)
