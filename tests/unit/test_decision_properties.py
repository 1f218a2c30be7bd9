"""The rules that the decision keeps with any settings, demand, history and stream."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import settings as search
from hypothesis import strategies as st

from kinesis_autoscaler.decision import (
    PERIOD,
    Past,
    Situation,
    decide_ahead,
    decide_minimum,
    decide_request,
    decide_scale_down,
    decide_scale_up,
    make_plan,
)
from kinesis_autoscaler.model import Action, AlarmRule, History, Period, Reason, Settings, Status, Strategy, Telemetry
from tests.faults.effort import effort
from tests.unit.situations import NOW, scaling, stream, telemetry

THOROUGH = search(max_examples=effort(100), deadline=None)
RARE = search(max_examples=effort(200), deadline=None)
"""For situations that are rarely generated."""
SLOW = search(max_examples=effort(15), deadline=None)
"""Generating days takes long."""


def minutes_up_to(most: int, least: int = 0) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda minutes: timedelta(minutes=minutes))


# Hypothesis takes longer to make a strategy than to draw from it.
BOOLEANS, COUNTS, BOUNDS, PART = st.booleans(), st.integers(1, 400), st.integers(1, 200), st.floats(0, 1)
THRESHOLDS, TARGETS = st.floats(0.3, 1.0), st.floats(0.2, 0.99)
STRATEGIES, ACTIONS = st.sampled_from(Strategy), st.sampled_from(Action)
UP_PERIODS, DOWN_PERIODS, RESERVED = st.integers(1, 15), st.integers(1, 36), st.integers(0, 9)
UP_COOLDOWNS, DOWN_COOLDOWNS = minutes_up_to(30), minutes_up_to(300)
MAXIMUM_AGES, AGES = st.none() | minutes_up_to(60, least=1), st.none() | minutes_up_to(120)
LEVELS = st.lists(st.none() | st.floats(0, 1.2), min_size=1, max_size=5)
THROTTLED = st.none() | st.just(0.0) | st.floats(1, 1e6)


@st.composite
def some_settings(draw) -> Settings:
    low = draw(BOUNDS)
    threshold = draw(THRESHOLDS)
    return Settings(
        min_shard_count=low,
        max_shard_count=low + round(draw(PART) * (400 - low)),
        scale_up=AlarmRule(threshold, 60, draw(UP_PERIODS), 1),
        scale_down=AlarmRule(threshold * (0.05 + 0.85 * draw(PART)), 300, draw(DOWN_PERIODS), 1),
        strategy=(strategy := draw(STRATEGIES)),
        target_utilization=draw(TARGETS) * (threshold if strategy is Strategy.TARGET else 1),
        scale_up_cooldown=draw(UP_COOLDOWNS),
        scale_down_cooldown=draw(DOWN_COOLDOWNS),
        max_iterator_age=draw(MAXIMUM_AGES),
        calls_reserved_for_scale_up=draw(RESERVED),
        scale_on_throttling=draw(BOOLEANS),
        scale_on_reads=draw(BOOLEANS),
    )


@st.composite
def some_telemetry(draw, current: int) -> Telemetry:
    """Levels that last for a while, with noise and gaps, around the capacity of `current` shards."""
    levels = draw(LEVELS)
    minutes = 200
    values = [level for level in levels for _ in range(minutes // len(levels))]
    age = draw(AGES)
    return telemetry(
        [None if value is None else value * current for value in values],
        throttled=draw(THROTTLED),
        iterator_age=age,
        delivered=draw(BOOLEANS),
    )


@st.composite
def some_record(draw):
    return scaling(
        draw(RECORD_AGES),
        draw(ACTIONS),
        status=draw(STATUSES),
        reason=draw(REASONS),
        call_accepted=draw(ACCEPTED),
    )


RECORD_AGES = minutes_up_to(26 * 60)
STATUSES = st.sampled_from([Status.SUCCEEDED, Status.FAILED, Status.SKIPPED])
REASONS = st.sampled_from([Reason.HIGH_DEMAND, Reason.LOW_DEMAND, Reason.QUOTA_EXHAUSTED])
ACCEPTED = st.sampled_from([None, True, False])
RECORDS, FEW_RECORDS = (st.lists(some_record(), max_size=most) for most in (14, 2))
STREAM_AGES, STATES = minutes_up_to(400), st.sampled_from(["ACTIVE", "UPDATING"])


HOURS = st.lists(st.none() | st.floats(0, 1.5), min_size=5, max_size=24)
KNOWN_PERIODS = st.sampled_from([0, 20, 300, 600])


@st.composite
def some_past(draw, current: int) -> Past:
    """The last days: none, or days of hours at any level, or without data."""
    hours = draw(HOURS)
    count = draw(KNOWN_PERIODS)
    levels = [hours[n // 12 % len(hours)] for n in range(count)]
    demands = [None if level is None else level * current for level in levels]
    return Past([Period(NOW - n * PERIOD, demand, demand) for n, demand in enumerate(demands)], fill=0.8)


@st.composite
def situations(draw, *, foreseen: bool = False) -> Situation:
    """Any situation. In half of them, only the demand decides."""
    current = draw(COUNTS)
    healthy = draw(BOOLEANS)
    records = draw(FEW_RECORDS if healthy else RECORDS)
    return Situation(
        stream=stream(
            current,
            age=timedelta(days=30) if healthy else draw(STREAM_AGES),
            status="ACTIVE" if healthy else draw(STATES),
            on_demand=not healthy and draw(BOOLEANS),
        ),
        settings=draw(SETTINGS),
        telemetry=draw(some_telemetry(current)),
        history=History(tuple(sorted(records, key=lambda record: record.started_at))),
        now=NOW,
        past=draw(some_past(current)) if foreseen else None,
    )


SETTINGS = some_settings()
BUSY, QUIET = (st.lists(st.floats(*limits), min_size=1, max_size=5) for limits in ((0.5, 1.2), (0, 0.3)))
LITTLE_THROTTLED = st.none() | st.floats(0, 1e5)


@st.composite
def busy_or_quiet_situations(draw, *, busy: bool) -> Situation:
    """Nothing prevents a scaling, and the demand is mostly high, or mostly low."""
    current = draw(COUNTS)
    levels = draw(BUSY if busy else QUIET)
    values = [level * current for level in levels for _ in range(200 // len(levels))]
    throttled = draw(LITTLE_THROTTLED) if busy else None
    return Situation(
        stream=stream(current),
        settings=replace(draw(SETTINGS), min_shard_count=1, max_shard_count=800, scale_on_throttling=True),
        telemetry=telemetry(values, throttled=throttled),
        history=History(),
        now=NOW,
    )


CALLS = st.integers(0, 12)


@st.composite
def situations_after_calls(draw) -> Situation:
    """Only the calls of the last day can prevent a scaling, most of which the demand asks for."""
    situation = draw(busy_or_quiet_situations(busy=draw(BOOLEANS)))
    records = [scaling(timedelta(hours=23 - n), call_accepted=True) for n in range(draw(CALLS))]
    return replace(situation, history=History(tuple(records)))


def calls_in_the_last_day(situation: Situation) -> int:
    since = NOW - timedelta(hours=24)
    return sum(record.calls_used for record in situation.history.records if record.started_at > since)


def assert_a_legal_target(situation: Situation, target: int) -> None:
    current, bounds = situation.stream.open_shard_count, situation.settings
    assert target <= 2 * current
    assert target >= math.ceil(current / 2)
    # Kinesis's own limits come first: from outside the bounds, one call may not reach them.
    assert target >= min(bounds.min_shard_count, 2 * current)
    assert target < current or target <= bounds.max_shard_count
    assert target != current


@given(situations())
@THOROUGH
def test_a_scale_up_only_grows_and_stays_within_every_bound(situation):
    decision = decide_scale_up(situation)
    if decision.target is not None:
        assert_a_legal_target(situation, decision.target)
        assert decision.target > situation.stream.open_shard_count


@given(situations())
@THOROUGH
def test_a_scale_down_only_shrinks_and_stays_within_every_bound(situation):
    decision = decide_scale_down(situation)
    if decision.target is not None:
        assert_a_legal_target(situation, decision.target)
        assert decision.target < situation.stream.open_shard_count


@given(situations(), st.integers(1, 500))
@THOROUGH
def test_a_request_stays_within_every_bound(situation, shard_count):
    decision = decide_request(situation, shard_count)
    if decision.target is not None:
        assert_a_legal_target(situation, decision.target)
        assert calls_in_the_last_day(situation) < 10


@given(situations())
@THOROUGH
def test_bringing_up_to_the_minimum_stays_within_every_bound(situation):
    decision = decide_minimum(situation)
    if decision.target is not None:
        assert_a_legal_target(situation, decision.target)
        assert calls_in_the_last_day(situation) < 10


@given(situations_after_calls())
@THOROUGH
def test_the_tenth_call_of_a_day_is_the_last_and_scale_down_leaves_its_reserve(situation):
    calls = calls_in_the_last_day(situation)
    if decide_scale_up(situation).target is not None:
        assert calls < 10
    if decide_scale_down(situation).target is not None:
        assert calls < 10 - situation.settings.calls_reserved_for_scale_up


@given(situations())
@RARE
def test_it_never_shrinks_on_missing_data_while_throttled_behind_consumers_or_a_young_stream(situation):
    if decide_scale_down(situation).target is None:
        return
    window = situation.settings.scale_down.window
    in_window = [m for m in situation.telemetry.minutes if NOW - window <= m.at < NOW - timedelta(minutes=3)]
    older_than_a_day = situation.stream.created_at <= NOW - timedelta(days=1)  # and without traffic on all its days
    for minute in in_window:
        complete = minute.incoming_bytes is not None and minute.incoming_records is not None
        delivered = minute.at in situation.telemetry.delivered or minute.iterator_age is not None
        delivered = delivered or minute.throttled_records is not None or older_than_a_day
        assert complete or (not minute.has_traffic_data and delivered)
    assert not any(minute.throttled_records for minute in in_window)
    assert situation.stream.created_at <= NOW - window
    limit = situation.settings.max_iterator_age
    if limit is not None:
        recent = [m.iterator_age for m in situation.telemetry.since(NOW - timedelta(minutes=10))]
        assert all(age is None or age < limit for age in recent)


@given(situations())
@THOROUGH
def test_a_stream_above_its_maximum_is_not_shrunk_by_a_call_for_more(situation):
    if situation.stream.open_shard_count >= situation.settings.max_shard_count:
        assert decide_scale_up(situation).target is None


@given(situations())
@THOROUGH
def test_a_shrunk_stream_holds_the_windows_peak_at_the_target_utilization(situation):
    decision = decide_scale_down(situation)
    if decision.target is not None:
        assert decision.demand_shards <= decision.target * situation.settings.target_utilization + 1e-6


@given(situations(foreseen=True))
@SLOW
def test_growing_ahead_of_time_only_adds_and_keeps_to_every_bound(situation):
    decision = decide_ahead(situation)
    if decision is not None and decision.target is not None:
        current, settings = situation.stream.open_shard_count, situation.settings
        assert current < decision.target <= min(2 * current, settings.max_shard_count)
        assert decision.calls_left > settings.calls_reserved_for_scale_up
        assert situation.stream.is_active
        assert not situation.stream.on_demand


@given(situations(foreseen=True))
@SLOW
def test_shrinking_by_the_last_days_stays_within_every_bound(situation):
    decision = decide_scale_down(situation)
    if decision.target is not None:
        assert_a_legal_target(situation, decision.target)
        assert decision.target < situation.stream.open_shard_count
        assert decision.demand_shards <= decision.target * situation.settings.target_utilization + 1e-6
        assert decision.calls_left > situation.settings.calls_reserved_for_scale_up


@given(situations(foreseen=True))
@SLOW
def test_a_plan_asks_for_nothing_that_one_call_could_not_do(situation):
    plan, current = make_plan(situation), situation.stream.open_shard_count
    assert all(count == 0 or current < count <= 2 * current for count in plan.grow_to)
    assert plan.shrink_to == 0 or current / 2 <= plan.shrink_to < current


@given(situations(), st.floats(1.0, 3.0))
@THOROUGH
def test_more_demand_never_means_fewer_shards(situation, factor):
    def times(value):
        return None if value is None else value * factor

    louder = replace(
        situation,
        telemetry=replace(
            situation.telemetry,
            minutes=tuple(
                m._replace(incoming_bytes=times(m.incoming_bytes), incoming_records=times(m.incoming_records))
                for m in situation.telemetry.minutes
            ),
        ),
    )
    current = situation.stream.open_shard_count
    for decide in (decide_scale_up, decide_scale_down):
        quiet, loud = decide(situation).target or current, decide(louder).target or current
        assert loud >= quiet


@given(busy_or_quiet_situations(busy=True))
@THOROUGH
def test_a_scale_up_cannot_satisfy_the_next_scale_down_on_the_same_data(situation):
    up = decide_scale_up(situation)
    if up.target is not None:
        assert decide_scale_down(_after(situation, up.target, Action.SCALE_UP)).target is None


@given(busy_or_quiet_situations(busy=False))
@THOROUGH
def test_a_scale_down_cannot_satisfy_the_next_scale_up_on_the_same_data(situation):
    down = decide_scale_down(situation)
    if down.target is not None:
        assert decide_scale_up(_after(situation, down.target, Action.SCALE_DOWN)).target is None


def _after(situation: Situation, target: int, action: Action) -> Situation:
    record = scaling(timedelta(), action, to_shard_count=target)
    return replace(
        situation,
        stream=replace(situation.stream, open_shard_count=target),
        history=History((*situation.history.records, record)),
    )


@given(situations())
@THOROUGH
def test_every_decision_is_one_sentence_that_names_the_stream(situation):
    for decision in (decide_scale_up(situation), decide_scale_down(situation), decide_minimum(situation)):
        assert "orders" in decision.message
        assert decision.message.endswith(".")
        assert "\n" not in decision.message
        assert decision.target is not None or decision.retry_at is not None
