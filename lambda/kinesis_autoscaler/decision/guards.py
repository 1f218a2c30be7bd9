"""The guards that forbid a scaling regardless of the demand."""

from __future__ import annotations

from datetime import timedelta

from ..model import Action, Decision, FanOutConsumer, Reason
from . import quota
from .case import CALM_PACE, Case
from .evidence import missing, unknown
from .wording import ago, span

CONSUMER_SILENCE = timedelta(minutes=15)
"""The range over which consumers' lag is evaluated. Consumers that have stopped reporting for this long, while records
arrive, count as behind. They report every minute, so this does not depend on `max_iterator_age_minutes`."""

CONSUMER_MEMORY = timedelta(hours=24)
"""Consumers that have not reported for longer than this are considered removed: a day, so that consumers of a daily job
are not."""

HEAT_LASTS = timedelta(hours=24)
"""For so long after a hot shard was split its keys are taken to be hot: what is hot by day may be cool at night."""


def unscalable(case: Case) -> Decision | None:
    """The stream can't be resharded, or not now."""
    stream, now = case.situation.stream, case.situation.now
    if stream.on_demand:
        return case.skip(
            Reason.ON_DEMAND_STREAM,
            "the stream is in on-demand mode, in which Kinesis scales it; remove its module block.",
            retry_at=now + CALM_PACE,
        )
    if not stream.is_active:
        return case.skip(
            Reason.STREAM_UPDATING, f"the stream is {stream.status}, another change is in progress.", retry_at=now
        )
    return None


def scaled_up_just_now(case: Case) -> Decision | None:
    """The scale-up cooldown is not over."""
    cooldown, now = case.situation.settings.scale_up_cooldown, case.situation.now
    recent = case.last_scaling(Action.SCALE_UP, within=cooldown)
    if recent is None:
        return None
    return case.skip(
        Reason.COOLDOWN,
        f"it was scaled up {ago(recent.cools_from, now)} and the scale-up cooldown is {span(cooldown)}.",
        retry_at=recent.cools_from + cooldown,
    )


def not_shrinkable(case: Case) -> Decision | None:
    """The first thing that forbids a scale-down."""
    return (
        unscalable(case)
        or _at_minimum(case)
        or _too_young(case)
        or _cooling_down(case)
        or _split_lately(case)
        or quota.exhausted(case)
        or quota.reserved(case)
        or _no_telemetry(case)
        or _consumers_behind(case)
    )


def _at_minimum(case: Case) -> Decision | None:
    minimum = case.situation.settings.min_shard_count
    if case.situation.stream.open_shard_count > minimum:
        return None
    return case.skip(Reason.AT_MINIMUM, f"its minimum is {minimum}.", retry_at=case.situation.now + CALM_PACE)


def _too_young(case: Case) -> Decision | None:
    window = case.situation.settings.scale_down.window
    old_enough_at = case.situation.stream.created_at + window
    if case.situation.now >= old_enough_at:
        return None
    return case.skip(
        Reason.STREAM_TOO_YOUNG,
        f"it is younger than the scale-down window of {span(window)}.",
        retry_at=old_enough_at,
    )


def _cooling_down(case: Case) -> Decision | None:
    settings, now = case.situation.settings, case.situation.now
    # The minutes that made it grow must have left the window: the same data must not cause both directions.
    after_growth = max(settings.scale_down_cooldown, settings.scale_down.window)
    for action, cooldown in ((Action.SCALE_UP, after_growth), (Action.SCALE_DOWN, settings.scale_down_cooldown)):
        if last := case.last_scaling(action, within=cooldown):
            return case.skip(
                Reason.COOLDOWN,
                f"it was scaled {action.removeprefix('scale-')} {ago(last.cools_from, now)}, and a scale-down "
                f"waits {span(cooldown)} after that.",
                retry_at=last.cools_from + cooldown,
            )
    return None


def _split_lately(case: Case) -> Decision | None:
    """A hot shard was split: UpdateShardCount would even that out, and heat lasts longer than an hour's quiet."""
    situation = case.situation
    over = [split.cools_from + HEAT_LASTS for split in situation.history.hot_splits[-1:]]
    above_maximum = situation.stream.open_shard_count > situation.settings.max_shard_count
    if above_maximum or not over or over[0] <= situation.now:
        return None
    return case.skip(
        Reason.HOT_SHARD_SPLIT,
        f"a hot shard was split {ago(over[0] - HEAT_LASTS, situation.now)}, and fewer shards would be even again; a "
        f"scale-down waits {span(HEAT_LASTS)} after that.",
        retry_at=over[0],
    )


def _no_telemetry(case: Case) -> Decision | None:
    situation = case.situation
    telemetry, settings, now = situation.telemetry, situation.settings, situation.now
    window = settings.scale_down.window
    if telemetry.incomplete:
        return case.skip(
            Reason.NO_TELEMETRY,
            f"CloudWatch did not return all data for {', '.join(telemetry.incomplete)}, and missing data is not "
            "missing traffic.",
        )
    gaps = unknown(telemetry, settings, situation.stream.created_at, now - window, now)
    if not telemetry.minutes:
        return case.skip(Reason.NO_TELEMETRY, f"CloudWatch has no data for the last {span(window)}.")
    if not gaps:
        return None
    return case.skip(
        Reason.NO_TELEMETRY,
        f"CloudWatch has no {missing(gaps)} for {len(gaps)} of the last {round(window / timedelta(minutes=1))} "
        f"minutes, the first at {gaps[0].at:%H:%M} UTC, and missing data is not missing traffic.",
    )


def _consumers_behind(case: Case) -> Decision | None:
    limit, now = case.situation.settings.max_iterator_age, case.situation.now
    if limit is None:
        return None
    telemetry = case.situation.telemetry
    writing = any(minute.incoming_records for minute in telemetry.since(now - CONSUMER_SILENCE))
    ages = tuple((each.at, each.iterator_age) for each in telemetry.minutes if each.iterator_age is not None)
    polling = FanOutConsumer("its polling consumers", tuple(sorted(ages)))
    for consumer in (polling, *telemetry.fan_out):
        name = consumer.name if consumer is polling else f"its fan-out consumer {consumer.name}"
        are, have = ("are", "have") if consumer is polling else ("is", "has")
        recent = [lag for at, lag in consumer.lags if at >= now - CONSUMER_SILENCE]
        # The median, so that spikes of single minutes, which KCL is known for, do not count.
        lag = sorted(recent)[len(recent) // 2] if recent else timedelta()
        if lag >= limit:
            return case.skip(
                Reason.CONSUMERS_BEHIND, f"{name} {are} {span(lag)} behind, and the limit is {span(limit)}."
            )
        reported = [at for at, _ in consumer.lags if at >= now - CONSUMER_MEMORY]
        if reported and not recent and writing:
            return case.skip(
                Reason.CONSUMERS_BEHIND,
                f"{name} {have} reported nothing since {reported[-1]:%H:%M} UTC while records keep arriving.",
            )
    return None
