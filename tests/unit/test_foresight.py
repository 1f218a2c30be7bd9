"""The forecast from a stream's last days: when to grow ahead of time, and how far shrinking saves money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinesis_autoscaler.decision import PERIOD, Past, decide_ahead, decide_scale_down, make_plan
from kinesis_autoscaler.decision.past import REACTION, WINDOW
from kinesis_autoscaler.model import Action, AlarmRule, Foresight, Period, Plan, Reason, Strategy
from tests.unit.situations import NOW, scaling, settings, situation, telemetry

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FILL = 0.8
SETTINGS = settings(
    scale_up=AlarmRule(0.9, 60, 1, 1),
    target_utilization=FILL,
    calls_reserved_for_scale_up=3,
    scale_down_cooldown=timedelta(0),
    min_shard_count=1,
)

Demand = Callable[[datetime], float | None]


def past(demand: Demand, days: float = 7.5, *, until: datetime = NOW) -> Past:
    """Return the last days of a demand that is constant for a period. None is a period without data in CloudWatch."""
    count = int(days * DAY / PERIOD)
    moments = [until - n * PERIOD for n in range(count, 0, -1)]
    return Past([Period(at, demand(at), demand(at)) for at in moments], fill=FILL)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0, 9.0, 30.0]), min_size=20, max_size=80))
def test_a_stream_that_only_reacts_has_the_shards_for_the_highest_demand_of_an_hour(demands):
    """As known REACTION periods ago, and at most twice as many as then. Here each hour is looked at anew."""
    have: list[float] = []
    for now in range(len(demands)):
        hour = demands[max(0, now - REACTION - WINDOW) : max(0, now - REACTION + 1)]
        enough = max(hour, default=0.0) / FILL
        if now > REACTION + 1:
            enough = min(enough, 2 * max(have[now - REACTION - 1], have[now - REACTION]))
        have.append(max(1.0, enough))
    assert Past([Period(NOW, each, each) for each in demands], fill=FILL).reacting == have


def look(demand: Demand, *, shards: int = 8, days: float = 7.5, at: datetime = NOW, settings_=SETTINGS, history=()):
    """Return the situation at a time. All data except the last days are those of NOW."""
    now = demand(at - PERIOD) or 0.0
    return situation(now, current=shards, past=past(demand, days, until=at), settings_=settings_, history=history)


def batch(
    level: float, begins: float, hours: float = 1, calm: float = 2.0, days: Callable[[datetime], bool] | None = None
):
    """Return calm days with a batch that begins at an hour of the day."""

    def demand(at: datetime) -> float:
        runs = begins <= at.hour + at.minute / 60 < begins + hours
        return level if runs and (days is None or days(at)) else calm

    return demand


class TestGrowingAhead:
    def test_it_grows_before_demand_does_as_on_other_days(self):
        decision = decide_ahead(look(batch(6.0, begins=12.25), shards=4))
        assert (decision.action, decision.reason) == (Action.SCALE_UP, Reason.EXPECTED_DEMAND)
        assert 6 <= decision.target <= 8
        assert "on 7 of the last days the next hour needed up to 6.0 shards" in decision.message

    def test_it_does_not_grow_hours_before(self):
        assert decide_ahead(look(batch(6.0, begins=14), shards=4)) is None

    def test_it_does_not_grow_for_what_came_on_one_day_of_many(self):
        once = batch(6.0, begins=12.25, days=lambda at: at.date() == (NOW - DAY).date())
        assert decide_ahead(look(once, shards=4, settings_=replace(SETTINGS, throttling_cost=5))) is None

    def test_what_throttling_costs_decides_how_many_days_have_to_agree(self):
        twice = batch(6.0, begins=12.25, days=lambda at: (NOW - at).days in (1, 2))
        assert decide_ahead(look(twice, shards=4, settings_=replace(SETTINGS, throttling_cost=1))) is None
        assert decide_ahead(look(twice, shards=4, settings_=replace(SETTINGS, throttling_cost=1000))) is not None

    def test_the_days_are_taken_at_todays_level(self):
        growing = look(lambda at: batch(6.0, 12.25)(at) * (1.3 if NOW - at < HOUR else 1.0), shards=4)
        assert decide_ahead(growing).target >= 8

    def test_it_at_most_doubles_and_begins_earlier_where_it_must_double_twice(self):
        decision = decide_ahead(look(batch(30.0, begins=12 + 35 / 60), shards=8))
        assert decision.target == 16
        assert decide_ahead(look(batch(15.0, begins=12 + 35 / 60), shards=8)) is None

    def test_it_never_goes_beyond_the_maximum(self):
        capped = replace(SETTINGS, max_shard_count=5)
        assert decide_ahead(look(batch(6.0, begins=12.25), shards=4, settings_=capped)).target == 5
        assert decide_ahead(look(batch(6.0, begins=12.25), shards=5, settings_=capped)) is None

    def test_it_never_spends_the_calls_that_are_kept_for_demand(self):
        used = [scaling(timedelta(hours=2, minutes=n)) for n in range(7)]
        decision = decide_ahead(look(batch(6.0, begins=12.25), shards=4, history=used))
        assert (decision.target, decision.reason) == (None, Reason.QUOTA_RESERVED)
        assert decide_ahead(look(batch(6.0, begins=12.25), shards=4, history=used[1:])).target is not None

    def test_it_takes_more_to_grow_the_fewer_calls_are_left(self):
        short = batch(5.2, begins=12.25)
        little = replace(SETTINGS, throttling_cost=10, calls_reserved_for_scale_up=0)
        used = [scaling(timedelta(hours=2, minutes=n)) for n in range(9)]
        assert decide_ahead(look(short, shards=4, settings_=little)) is not None
        assert decide_ahead(look(short, shards=4, settings_=little, history=used)) is None

    def test_it_takes_two_days_to_be_a_pattern(self):
        demand = batch(6.0, begins=12.25)
        assert decide_ahead(look(demand, shards=4, days=1.5)) is None
        assert "on 2 of the last days" in decide_ahead(look(demand, shards=4, days=2.5)).message

    def test_with_doubling_it_doubles(self):
        doubling = replace(SETTINGS, strategy=Strategy.DOUBLE)
        assert decide_ahead(look(batch(5.0, begins=12.25), shards=4, settings_=doubling)).target == 8

    @pytest.mark.parametrize("foresight", [Foresight.OFF, Foresight.FORECAST_ONLY])
    def test_it_does_nothing_where_it_is_not_to_be_acted_on(self, foresight):
        assert decide_ahead(look(batch(6.0, 12.25), shards=4, settings_=replace(SETTINGS, foresight=foresight))) is None


class TestShrinking:
    def test_it_shrinks_as_far_as_pays_by_the_last_days(self):
        decision = decide_scale_down(look(batch(6.0, begins=20), shards=8))
        assert (decision.target, decision.reason) == (4, Reason.LOW_DEMAND)
        assert "based on 7 of the last days, 4 shards pay off within" in decision.message

    def test_it_stays_where_demand_is_about_to_return(self):
        decision = decide_scale_down(look(batch(7.5, begins=12.5, hours=8), shards=8))
        assert (decision.target, decision.reason) == (None, Reason.DEMAND_FITS)
        assert "less than one of the 10 remaining calls is worth" in decision.message

    def test_a_call_is_the_dearer_the_fewer_are_left(self):
        demand = batch(6.5, begins=15)
        assert decide_scale_down(look(demand, shards=8)).target is not None
        used = [scaling(timedelta(hours=3, minutes=n)) for n in range(6)]
        assert decide_scale_down(look(demand, shards=8, history=used)).target is None

    def test_a_surge_that_no_other_day_had_at_that_time_may_come_again_at_any_time(self):
        surge = batch(7.5, begins=3, hours=0.25, days=lambda at: at.date() == NOW.date())
        careless, careful = (replace(SETTINGS, throttling_cost=cost) for cost in (2, 5000))
        assert decide_scale_down(look(surge, shards=8, settings_=careless)).target == 4
        assert decide_scale_down(look(surge, shards=8, settings_=careful)).target in (None, 8, 7)

    def test_a_surge_that_comes_every_day_takes_no_room_at_other_times(self):
        daily = batch(7.5, begins=3, hours=0.25)
        assert decide_scale_down(look(daily, shards=8, settings_=replace(SETTINGS, throttling_cost=500))).target == 4

    @pytest.mark.parametrize("utilization", [0.45, 0.55, 0.65])
    def test_a_steady_stream_comes_to_its_target(self, utilization):
        shards = 40
        for _ in range(4):
            steady = look(lambda _: 40 * utilization, shards=shards)
            if not make_plan(steady).shrink_to:
                break
            shards = decide_scale_down(steady).target
        assert shards == pytest.approx(40 * utilization / FILL, abs=1)

    @pytest.mark.parametrize("utilization", [0.45, 0.55, 0.65])
    def test_a_steady_stream_comes_to_its_target_within_its_first_day_too(self, utilization):
        shards = 40
        for hours in range(1, 24, 2):
            young = look(lambda _: 40 * utilization, shards=shards, days=1 + hours / 24)
            if make_plan(young).shrink_to:
                shards = decide_scale_down(young).target
        assert shards == pytest.approx(40 * utilization / FILL, abs=1)

    @pytest.mark.parametrize("count", [2, 3, 4, 5, 9])
    def test_a_stream_of_a_few_hours_shrinks_after_a_burst_whatever_its_count(self, count):
        quiet = look(lambda _: 0.3, shards=count, days=0.5)
        assert make_plan(quiet).shrink_to == decide_scale_down(quiet).target == (count + 1) // 2


class TestDaysOfAllKinds:
    """Days that differ from the others."""

    def office(self, at: datetime) -> float:
        return 12.0 if at.weekday() < 5 and 9 <= at.hour < 17 else 2.0

    def test_on_a_weekend_the_weekdays_are_taken_at_the_weekends_level(self):
        saturday = datetime(2026, 11, 21, 8, 50, tzinfo=NOW.tzinfo)
        assert saturday.weekday() == 5
        # On the five weekdays it would go to 16 at nine o'clock. At most two days are like it.
        decision = decide_ahead(look(self.office, shards=4, at=saturday))
        assert decision is not None
        assert decision.target == 8, "one doubling, and the next only if that is not enough"

    def test_on_a_holiday_it_gives_back_within_hours_what_it_grew_for_nothing(self):
        holiday = datetime(2026, 11, 19, 11, 30, tzinfo=NOW.tzinfo)

        def demand(at: datetime) -> float:
            return 2.0 if at.date() == holiday.date() else self.office(at)

        assert decide_scale_down(
            look(demand, shards=8, at=holiday, settings_=replace(SETTINGS, throttling_cost=20))
        ).target

    def test_a_producer_that_stopped_is_followed_down_by_present_demand_alone(self):
        stopped = look(lambda at: None if NOW - at < 2 * HOUR else 6.0, shards=8)
        silent = replace(stopped, telemetry=telemetry(0.0))
        assert decide_scale_down(silent).target == 4
        assert decide_ahead(silent) is None

    def test_a_launch_is_followed_by_reacting_and_expected_from_its_third_day_on(self):
        launched = NOW - 1.6 * DAY
        demand = lambda at: batch(12.0, begins=12.25)(at) if at >= launched else 2.0  # noqa: E731
        few_days = look(demand, shards=4, settings_=replace(SETTINGS, throttling_cost=20))
        assert make_plan(few_days).expected < 12 / 3

    @pytest.mark.parametrize("sooner", [True, False])
    def test_after_the_clocks_change_the_first_days_batch_is_off_by_an_hour_and_the_later_ones_count(self, sooner):
        berlin = ZoneInfo("Europe/Berlin")
        demand: Demand = lambda at: 6.0 if at.astimezone(berlin).hour == 3 else 2.0  # noqa: E731
        change = datetime(2026, 3 if sooner else 10, 29 if sooner else 25, tzinfo=berlin)
        on_the_third_day = (change + 3 * DAY).replace(hour=2, minute=45).astimezone(NOW.tzinfo)
        assert decide_ahead(look(demand, shards=4, at=on_the_third_day)).target >= 6


class TestWhatIsNotKnown:
    def test_a_day_without_data_does_not_count(self):
        lost = lambda at: None if (NOW - at) // DAY == 2 else batch(6.0, begins=12.25)(at)  # noqa: E731
        assert "on 5 of the last days" in decide_ahead(look(lost, shards=4)).message

    def test_lost_data_never_argues_for_fewer_shards(self):
        busy = batch(7.0, begins=12.5, hours=8)
        assert decide_scale_down(look(busy, shards=9)).target is None
        for day in range(6):
            lost = lambda at, day=day: None if (NOW - at) // DAY == day and at.hour >= 13 else busy(at)  # noqa: E731
            assert decide_scale_down(look(lost, shards=9)).target is None

    def test_hours_in_which_no_day_has_traffic_are_silent_and_known(self):
        idle = lambda at: 6.0 if 13 <= at.hour < 18 else None  # noqa: E731
        noon = past(idle)
        assert noon.is_known(288, noon.now)
        assert len(noon.days_like_now(12)) == 6, "of the first day nobody can tell"

    def test_without_todays_level_no_day_is_like_today(self):
        assert past(lambda at: None if NOW - at < HOUR / 4 else 2.0).days_like_now(12) == []


class TestPlan:
    def test_its_last_period_looks_beyond_the_hour(self):
        plan = make_plan(look(batch(6.0, begins=13.2), shards=4))
        assert plan.grow_to[-1] >= 6
        assert not any(plan.grow_to[:6])

    def test_it_says_from_which_period_on_more_are_worth_having(self):
        plan = make_plan(look(batch(6.0, begins=12.75), shards=4))
        first = next(n for n, count in enumerate(plan.grow_to) if count)
        assert timedelta(0) < first * PERIOD <= timedelta(minutes=45)
        assert (plan.days, plan.expected) == (7, pytest.approx(6.0))
        at = plan.made_at + first * PERIOD
        assert plan.wants_more(at, 4)
        assert not plan.wants_more(at - timedelta(seconds=1), 4)
        assert not plan.wants_more(at, 64)

    def test_it_says_how_many_would_do(self):
        plan = make_plan(look(batch(6.0, begins=20), shards=8))
        assert plan.shrink_to == 4
        assert plan.wants_fewer(NOW, 8)

    def test_it_is_due_after_an_hour_or_once_the_stream_has_other_shards(self):
        plan = Plan(NOW, 8, shrink_to=4)
        assert not plan.is_due(NOW + timedelta(minutes=59), 8)
        assert plan.is_due(NOW + HOUR, 8)
        assert plan.is_due(NOW, 9)
        assert not plan.wants_fewer(NOW, 9)

    def test_a_stream_without_a_past_has_an_empty_plan(self):
        plan = make_plan(situation(2.0, past=past(lambda _: None, days=0)))
        assert (plan.grow_to, plan.shrink_to, plan.expected, plan.days) == ((), 0, None, 0)

    def test_it_begins_with_a_period_so_that_a_schedules_jitter_moves_nothing(self):
        late = replace(look(batch(6.0, 20)), now=NOW + timedelta(minutes=3, seconds=59))
        assert make_plan(late).made_at == NOW
