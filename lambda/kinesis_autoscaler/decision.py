"""The scaling decision: a pure function of settings, telemetry, the stream, its history and the time.

No AWS call, no clock, no environment. It reads top to bottom like docs/decisions.md: first what forbids a scaling
whatever the demand, then whether the demand asks for one, then how large it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from .model import (
    CALLS_PER_DAY,
    MAX_SHARDS,
    QUOTA_WINDOW,
    Action,
    Decision,
    History,
    Minute,
    Outlook,
    Reason,
    Record,
    Settings,
    Strategy,
    Stream,
    Telemetry,
)

METRIC_DELAY = timedelta(minutes=3)
"""How late a minute's metrics may arrive; AWS does not document it. Windows reach this much further back."""

GROWTH_LOOKBACK = timedelta(minutes=15)
"""The stretch over which growth is measured: long enough to see through noise, short enough to be this wave."""

LEAD_TIME = timedelta(minutes=5)
"""From the look at the metrics to the new shards' first record: resharding takes "a few minutes"."""

MAX_GROWTH = 0.5
"""Growth counts for at most this fraction of the peak: a forecast may enlarge a step, never invent one."""

SATURATED = 0.95
"""At this utilization, accepted traffic no longer shows how much was offered."""

NOT_NEAR_THE_THRESHOLD = 0.95
"""A stream is never shrunk to more than this fraction of its scale-up threshold."""

FAR_FROM_FULL = 0.5
"""Records throttled on a stream emptier than this point at one hot shard, which more shards do not cool."""

PROOF_GAP = timedelta(minutes=20)
"""The longest stretch of a window without data of the stream and without proof that CloudWatch would have delivered it.
The proof comes with every reconcile, which runs at least every 15 minutes."""

CONSUMER_SILENCE = timedelta(minutes=15)
"""Consumers that reported their age and then nothing for this long, while records arrive, count as behind."""

LOOK_AGAIN = timedelta(minutes=10)
"""When a reason that only new data can end is worth another look."""

WORTH_A_CALL = 0.5
"""What a scale-down must save before the other days needed more again, in hours of the whole stream: half of it for one
hour, or a quarter for two."""

LASTS_ANYWAY = 2
"""Hours that a scale-down is taken to last where the last days are unknown: so it must save a quarter of the shards."""

CONSUMER_MEMORY = timedelta(hours=24)
"""Consumers that have reported no age for longer than this are taken to be gone for good."""

LOOK_FOR_SAVING = timedelta(minutes=30)
"""When a stream that is not worth shrinking now is worth another look."""

LIMIT_UNKNOWN = timedelta(hours=1)
"""How long Kinesis' LimitExceeded stands if no call of ours explains it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision may depend on."""

    stream: Stream
    settings: Settings
    telemetry: Telemetry
    history: History
    now: datetime
    outlook: Outlook = field(default_factory=Outlook)


def decide(action: Action, situation: Situation) -> Decision:
    """Decide on an alarm's call for more or fewer shards."""
    return decide_scale_up(situation) if action is Action.SCALE_UP else decide_scale_down(situation)


def decide_scale_up(situation: Situation) -> Decision:
    """More shards if the demand of the last minutes asks for them.

    Never above the maximum or twice the current count; at most one step per cooldown; larger steps where demand is
    hidden behind throttling and where few of the day's calls are left.
    """
    case = _Case(Action.SCALE_UP, situation)
    stream, settings, now = situation.stream, situation.settings, situation.now
    if blocked := case.unscalable() or case.at_maximum():
        return blocked
    if recent_up := case.last_scaling(Action.SCALE_UP, within=settings.scale_up_cooldown):
        until = recent_up.started_at + settings.scale_up_cooldown
        return case.skip(
            Reason.COOLDOWN,
            f"it was scaled up {_ago(recent_up.started_at, now)} and the scale-up cooldown is "
            f"{_span(settings.scale_up_cooldown)}.",
            retry_at=until,
        )
    if blocked := case.quota_exhausted():
        return blocked

    recent = situation.telemetry.since(now - settings.scale_up.window - METRIC_DELAY)
    if not any(minute.has_traffic_data for minute in recent):
        return case.skip(
            Reason.NO_TELEMETRY,
            f"CloudWatch has no traffic data of the last {_span(settings.scale_up.window)}.",
            retry_at=now + LOOK_AGAIN,
        )
    peak = _peak(recent, settings)
    throttled = round(sum(minute.throttled_records or 0 for minute in recent))
    utilization = peak / stream.open_shard_count
    case = case.with_demand(peak)
    seen = (
        f"peak demand {_number(peak)} shards in the last {_span(settings.scale_up.window)} "
        f"is {utilization:.0%} of capacity"
    )
    if throttled:
        seen += f" and {throttled:,} records were throttled"

    if throttled and utilization < FAR_FROM_FULL and not settings.scale_on_throttling:
        return case.skip(
            Reason.HOT_SHARD_SUSPECTED,
            f"{seen}: one hot shard is likely, and more shards would not cool it.",
            retry_at=now + LOOK_AGAIN,
        )
    if utilization < settings.scale_up.threshold and not (throttled and settings.scale_on_throttling):
        return case.skip(
            Reason.DEMAND_FITS,
            f"{seen}, under the threshold of {settings.scale_up.threshold:.0%}.",
            retry_at=now + LOOK_AGAIN,
        )

    target = _scale_up_target(situation, peak=peak, throttled=bool(throttled), calls_left=case.calls_left)
    return case.scale(target, Reason.HIGH_DEMAND, f"{seen}; target {settings.target_utilization:.0%}.")


def decide_scale_down(situation: Situation) -> Decision:
    """Fewer shards if the demand of the whole window fits into them.

    Never below the minimum or half the current count; never on missing data, behind consumers, a young stream or the
    minutes that made the stream grow. It spends one of ten calls, so that it must save enough until demand, going by
    the same hours of the last days, needs more again; and what came suddenly of late may come again.
    """
    case = _Case(Action.SCALE_DOWN, situation)
    if blocked := case.not_shrinkable():
        return blocked
    return _shrink_to(case, requested=None)


def decide_minimum(situation: Situation) -> Decision:
    """Bring a stream that is below its minimum up to it, in steps of at most double."""
    case = _Case(Action.SCALE_UP, situation)
    stream, settings = situation.stream, situation.settings
    if blocked := case.unscalable() or case.quota_exhausted():
        return blocked
    if stream.open_shard_count >= settings.min_shard_count:
        return case.skip(Reason.DEMAND_FITS, f"it has the minimum of {settings.min_shard_count} shards.")
    target = min(settings.min_shard_count, 2 * stream.open_shard_count)
    return case.scale(target, Reason.BELOW_MINIMUM, f"its minimum is {settings.min_shard_count} shards.")


def decide_request(situation: Situation, shard_count: int) -> Decision:
    """Go to a shard count that a person or a schedule asked for, as far as one call may go.

    Growth is theirs to decide within bounds and quota. Shrinking meets every guard of a scale-down, and never goes
    below what the demand needs.
    """
    stream, settings = situation.stream, situation.settings
    growing = shard_count > stream.open_shard_count
    case = _Case(Action.SCALE_UP if growing else Action.SCALE_DOWN, situation)
    if blocked := case.unscalable():
        return blocked
    if not settings.min_shard_count <= shard_count <= settings.max_shard_count:
        return case.skip(
            Reason.INVALID_REQUEST,
            f"{_shards(shard_count)} were requested, and its bounds are {settings.min_shard_count} to "
            f"{settings.max_shard_count}; ask for a count within them or change the bounds in Terraform.",
        )
    if shard_count == stream.open_shard_count:
        return case.skip(Reason.AT_TARGET, f"it already has the {shard_count} shards that were requested.")
    if not growing:
        return case.not_shrinkable() or _shrink_to(case, requested=shard_count)
    if blocked := case.quota_exhausted():
        return blocked
    target = min(shard_count, 2 * stream.open_shard_count)
    because = f"{_shards(shard_count)} were requested"
    because += "." if target == shard_count else "; one call can at most double."
    return case.scale(target, Reason.REQUESTED, because)


@dataclass(frozen=True, slots=True)
class _Case:
    """One decision in the making: the situation, the direction, and the demand as far as it is known."""

    action: Action
    situation: Situation
    demand: float | None = None

    def with_demand(self, demand: float) -> _Case:
        return _Case(self.action, self.situation, demand)

    def skip(self, reason: Reason, because: str, *, retry_at: datetime | None = None) -> Decision:
        stream = self.situation.stream
        verb = "up" if self.action is Action.SCALE_UP else "down"
        not_scaled = "" if reason is Reason.AT_TARGET else f", not scaled {verb}"
        message = f"Left {stream.name} at {_shards(stream.open_shard_count)}{not_scaled}: {because}"
        return self._decision(reason, message, retry_at=retry_at or self.situation.now + LOOK_AGAIN)

    def scale(self, target: int, reason: Reason, because: str) -> Decision:
        stream = self.situation.stream
        message = f"Scaling {stream.name} from {stream.open_shard_count} to {_shards(target)}: {because}"
        return self._decision(reason, message, target=target)

    def _decision(
        self, reason: Reason, message: str, *, target: int | None = None, retry_at: datetime | None = None
    ) -> Decision:
        current = self.situation.stream.open_shard_count
        return Decision(
            action=self.action,
            reason=reason,
            message=message,
            from_shard_count=current,
            target=target,
            retry_at=retry_at,
            demand_shards=self.demand,
            utilization=None if self.demand is None else self.demand / current,
            calls_left=self.calls_left,
        )

    # What forbids a scaling in either direction

    def unscalable(self) -> Decision | None:
        stream, now = self.situation.stream, self.situation.now
        if stream.on_demand:
            return self.skip(
                Reason.ON_DEMAND_STREAM,
                "the stream is in on-demand mode, where Kinesis scales it; remove its module block.",
                retry_at=now + LIMIT_UNKNOWN,
            )
        if not stream.is_active:
            return self.skip(
                Reason.STREAM_UPDATING, f"the stream is {stream.status}, another change is under way.", retry_at=now
            )
        return None

    def at_maximum(self) -> Decision | None:
        stream, maximum = self.situation.stream, min(self.situation.settings.max_shard_count, MAX_SHARDS)
        if stream.open_shard_count < maximum:
            return None
        return self.skip(
            Reason.AT_MAXIMUM,
            f"its maximum is {maximum}; raise max_shard_count if the traffic is wanted.",
            retry_at=self.situation.now,
        )

    def quota_exhausted(self) -> Decision | None:
        until = self._refused_until() or (self._call_frees(1) if self.calls_left == 0 else None)
        if until is None or until <= self.situation.now:
            return None
        return self.skip(
            Reason.QUOTA_EXHAUSTED,
            f"Kinesis allows {CALLS_PER_DAY} changes of the shard count in 24 hours; "
            f"the next is possible at {until:%Y-%m-%d %H:%M} UTC.",
            retry_at=until,
        )

    # What forbids a scale-down

    def not_shrinkable(self) -> Decision | None:
        return (
            self.unscalable()
            or self._at_minimum()
            or self._too_young()
            or self._cooling_down()
            or self.quota_exhausted()
            or self._quota_reserved()
            or self._no_telemetry()
            or self._consumers_behind()
        )

    def _at_minimum(self) -> Decision | None:
        stream, minimum = self.situation.stream, self.situation.settings.min_shard_count
        if stream.open_shard_count > minimum:
            return None
        return self.skip(Reason.AT_MINIMUM, f"its minimum is {minimum}.", retry_at=self.situation.now + LIMIT_UNKNOWN)

    def _too_young(self) -> Decision | None:
        window = self.situation.settings.scale_down.window
        old_enough_at = self.situation.stream.created_at + window
        if self.situation.now >= old_enough_at:
            return None
        return self.skip(
            Reason.STREAM_TOO_YOUNG,
            f"it is younger than the window of {_span(window)} that a scale-down looks at.",
            retry_at=old_enough_at,
        )

    def _cooling_down(self) -> Decision | None:
        settings, now = self.situation.settings, self.situation.now
        # The minutes that made it grow must have left the window: the same data never argue both ways.
        after_growth = max(settings.scale_down_cooldown, settings.scale_down.window)
        for action, cooldown in ((Action.SCALE_UP, after_growth), (Action.SCALE_DOWN, settings.scale_down_cooldown)):
            if last := self.last_scaling(action, within=cooldown):
                return self.skip(
                    Reason.COOLDOWN,
                    f"it was scaled {action.removeprefix('scale-')} {_ago(last.started_at, now)}, and a scale-down "
                    f"waits {_span(cooldown)} after that.",
                    retry_at=last.started_at + cooldown,
                )
        return None

    def _quota_reserved(self) -> Decision | None:
        reserved = self.situation.settings.calls_reserved_for_scale_up
        if self.calls_left > reserved:
            return None
        return self.skip(
            Reason.QUOTA_RESERVED,
            f"{self.calls_left} of the {CALLS_PER_DAY} calls in 24 hours are left, "
            f"and {reserved} are reserved for scale-up.",
            retry_at=self._call_frees(reserved - self.calls_left + 1),
        )

    def _no_telemetry(self) -> Decision | None:
        window = self.situation.settings.scale_down.window
        since = self.situation.now - window
        telemetry = self.situation.telemetry
        evidence = [minute.at for minute in telemetry.minutes if minute.has_traffic_data]
        gap = _first_gap([*evidence, *telemetry.deliveries], since, self.situation.now)
        if gap is None:
            return None
        return self.skip(
            Reason.NO_TELEMETRY,
            f"CloudWatch has neither traffic data nor proof of delivery around {gap:%H:%M} UTC, "
            "and missing data is not missing traffic.",
        )

    def _consumers_behind(self) -> Decision | None:
        limit, now = self.situation.settings.max_iterator_age, self.situation.now
        if limit is None:
            return None
        ages = [(minute.at, minute.iterator_age) for minute in self.situation.telemetry.minutes if minute.iterator_age]
        known = (*self.situation.telemetry.days, *self.situation.telemetry.minutes)
        reported = [each.at for each in known if each.iterator_age is not None and each.at >= now - CONSUMER_MEMORY]
        latest = self.situation.telemetry.since(now - CONSUMER_SILENCE)
        behind = max((age for at, age in ages if at >= now - CONSUMER_SILENCE), default=timedelta())
        if behind >= limit:
            return self.skip(
                Reason.CONSUMERS_BEHIND,
                f"its consumers are {_span(behind)} behind, and the limit is {_span(limit)}.",
            )
        silent = bool(reported) and reported[-1] < now - CONSUMER_SILENCE
        if silent and any(minute.incoming_records for minute in latest):
            return self.skip(
                Reason.CONSUMERS_BEHIND,
                f"its consumers have reported nothing since {reported[-1]:%H:%M} UTC while records keep arriving.",
            )
        return None

    # History

    @property
    def calls_left(self) -> int:
        """UpdateShardCount calls that the rolling 24 hours still allow."""
        return max(0, CALLS_PER_DAY - len(self._calls()))

    def _calls(self) -> list[datetime]:
        since = self.situation.now - QUOTA_WINDOW
        return [r.started_at for r in self.situation.history.intents if r.used_a_call and r.started_at > since]

    def _call_frees(self, number: int) -> datetime:
        """When the `number`-th oldest call leaves the window."""
        return self._calls()[number - 1] + QUOTA_WINDOW

    def _refused_until(self) -> datetime | None:
        """Kinesis counted calls that we do not know of: believe it until the oldest that we know leaves the window."""
        refused = [r for r in self.situation.history.intents if r.reason is Reason.QUOTA_EXHAUSTED]
        if not refused:
            return None
        at = refused[-1].started_at
        known = [r.started_at for r in self.situation.history.intents if r.used_a_call and r.started_at <= at]
        known = [call for call in known if call > at - QUOTA_WINDOW]
        return known[0] + QUOTA_WINDOW if known else at + LIMIT_UNKNOWN

    def last_scaling(self, action: Action, *, within: timedelta) -> Record | None:
        """The newest scaling of that direction that began less than `within` ago and was not refused."""
        since = self.situation.now - within
        scalings = [r for r in self.situation.history.intents if r.action is action and r.used_a_call]
        return scalings[-1] if scalings and scalings[-1].started_at > since else None


def _scale_up_target(situation: Situation, *, peak: float, throttled: bool, calls_left: int) -> int:
    """Shard count to grow to, between current + 1 and double, not above the maximum."""
    stream, settings = situation.stream, situation.settings
    current = stream.open_shard_count
    maximum = min(settings.max_shard_count, 2 * current, MAX_SHARDS)
    if settings.strategy is Strategy.DOUBLE:
        return maximum
    wanted = (peak + _growth(situation, peak)) / settings.target_utilization
    if throttled:
        wanted = max(wanted, 2 * current)  # what was refused is demand that nobody measured
    elif peak >= SATURATED * current:
        wanted = max(wanted, 1.5 * current)
    if calls_left <= 2:
        wanted = max(wanted, 2 * current)  # the last calls of the day must last
    elif calls_left <= 4:
        wanted = max(wanted, 1.5 * current)
    target = max(_round_up_to_quarter(wanted, current), current + 1, min(settings.min_shard_count, maximum))
    return min(target, maximum)


def _shrink_to(case: _Case, *, requested: int | None) -> Decision:
    """The scale-down that the demand allows, of the window and of what is to be expected; or the reason for none."""
    situation = case.situation
    stream, settings, now = situation.stream, situation.settings, situation.now
    current, window, fill = stream.open_shard_count, settings.scale_down.window, _fill(settings)
    # As far back as the alarm that fired has looked, whose newest datapoint is a minute old: looking further would
    # meet the very demand whose end made it fire.
    peak = _peak(situation.telemetry.since(now - window - timedelta(minutes=1)), settings)
    case = case.with_demand(peak)
    seen = f"peak demand {_number(peak)} shards in the last {_span(window)}"

    target = _scale_down_target(case, peak, requested)
    if target > settings.max_shard_count and target > math.ceil(current / 2):
        # Above its maximum, and the load would not fit below it: Kinesis could not go there in one step either.
        return case.skip(
            Reason.DEMAND_FITS,
            f"{seen} needs {_shards(target)} at {fill:.0%}, more than its maximum of {settings.max_shard_count}.",
        )
    if target >= current or (requested is None and peak >= settings.scale_down.threshold * current):
        return case.skip(
            Reason.DEMAND_FITS,
            f"{seen} leaves too little to save at {fill:.0%} for one of the day's calls.",
            retry_at=now + LOOK_FOR_SAVING,
        )
    if requested is not None:
        because = f"{_shards(requested)} were requested; {seen} needs {_shards(target)}; target {fill:.0%}."
        return case.scale(target, Reason.REQUESTED, because)
    return _shrink_if_it_lasts(case, peak, seen)


def _shrink_if_it_lasts(case: _Case, peak: float, seen: str) -> Decision:
    """The scale-down that saves enough until more is needed again, going by the last days."""
    settings, outlook = case.situation.settings, case.situation.outlook
    current, fill = case.situation.stream.open_shard_count, _fill(settings)
    lowest = max(peak, outlook.burst * fill / SATURATED)  # a burst may fill the stream: it is soon over
    ceiling = max(settings.max_shard_count, math.ceil(current / 2))  # what is to come is not a reason to stay above it
    for hours, ahead in list(enumerate(outlook.peaks, start=1)) or [(LASTS_ANYWAY, 0.0)]:
        target = min(_scale_down_target(case, max(lowest, ahead)), ceiling)
        if (current - target) * hours >= WORTH_A_CALL * current:
            if ahead:
                seen += f", and no more than {_number(ahead)} expected within {_span(timedelta(hours=hours))}"
            if target > _scale_down_target(case, max(peak, ahead)):
                seen += f", and room is kept for another burst to {_number(outlook.burst)}"
            return case.scale(target, Reason.LOW_DEMAND, f"{seen}; target {fill:.0%}.")
    if _scale_down_target(case, lowest) >= current:
        why = f"and room is kept for another burst to {_number(outlook.burst)}"
    elif not outlook.peaks:
        why = "which would save less than a quarter of the shards: too little for one of the day's calls"
    else:
        why = "but going by the last days more is to come too soon for one of the day's calls"
    return case.skip(Reason.DEMAND_FITS, f"{seen}, {why}.", retry_at=case.situation.now + LOOK_FOR_SAVING)


def _scale_down_target(case: _Case, demand: float, requested: int | None = None) -> int:
    """Shard count to shrink to for a demand in shards: half of the current one or more; at the current one, none."""
    settings, current = case.situation.settings, case.situation.stream.open_shard_count
    smallest = max(math.ceil(current / 2), settings.min_shard_count, requested or 0)
    needed = max(1, math.ceil(demand / _fill(settings)))
    if settings.strategy is Strategy.DOUBLE and requested is None:
        return smallest if needed <= smallest else current
    return max(smallest, _round_up_to_quarter(needed, current))


def _fill(settings: Settings) -> float:
    """How full a smaller stream may be: at the target, and in any case not near the next scale-up."""
    return min(settings.target_utilization, NOT_NEAR_THE_THRESHOLD * settings.scale_up.threshold)


def _peak(minutes: Sequence[Minute], settings: Settings) -> float:
    """The largest demand of any minute, in shards; zero where there is none."""
    return max((minute.shards(with_reads=settings.scale_on_reads) for minute in minutes), default=0.0)


def _growth(situation: Situation, peak: float) -> float:
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
    return min(max(0.0, slope * (LEAD_TIME / timedelta(minutes=1))), MAX_GROWTH * peak)


def _round_up_to_quarter(wanted: float, current: int) -> int:
    """The next multiple of 25% of the current count: Kinesis reaches those faster (UpdateShardCount's reference)."""
    quarters = math.ceil(round(4 * wanted / current, 9))
    return math.ceil(quarters * current / 4)


def _first_gap(evidence: Sequence[datetime], start: datetime, end: datetime) -> datetime | None:
    """Where the first stretch without evidence begins that is longer than PROOF_GAP, or is all there is; or None."""
    points = sorted(at for at in evidence if start <= at <= end)
    if not points:
        return start
    return next((a for a, b in pairwise([start, *points, end]) if b - a > PROOF_GAP), None)


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _shards(count: int) -> str:
    return f"{count} shard" if count == 1 else f"{count} shards"


def _span(duration: timedelta) -> str:
    minutes = round(duration / timedelta(minutes=1))
    if minutes >= 120 and minutes % 60 == 0:
        return f"{minutes // 60} hours"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _ago(then: datetime, now: datetime) -> str:
    return f"{_span(now - then)} ago"
