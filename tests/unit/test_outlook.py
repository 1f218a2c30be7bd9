"""What a scale-down expects of the coming hours: the daily pattern, and bursts that may come again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from kinesis_autoscaler.decision import decide_scale_down
from kinesis_autoscaler.decision.outlook import PERIOD
from kinesis_autoscaler.model import Minute, Reason, Telemetry
from tests.unit.situations import BYTES_PER_SHARD_MINUTE, NOW, settings, situation

DAY = timedelta(days=1)
NOON = NOW
CALM = 2.0


def days(demand: Callable[[datetime], float], count: float = 7.5) -> Telemetry:
    """Telemetry of some days as a scale-down gets it: the last hours by the minute, the days by the period."""
    return Telemetry(
        minutes=_points(demand, timedelta(minutes=1), timedelta(hours=3)), days=_points(demand, PERIOD, count * DAY)
    )


def _points(demand: Callable[[datetime], float], step: timedelta, length: timedelta) -> tuple[Minute, ...]:
    return tuple(
        Minute(at, demand(at) * BYTES_PER_SHARD_MINUTE, 0.0, iterator_age=timedelta())
        for at in (NOON - n * step for n in range(length // step, 0, -1))
    )


def calm_but(level: float, hour: float, hours: float = 4, *, on: Callable[[datetime], bool] = lambda _: True):
    """Calm days on which demand is at a level from an hour on."""

    def demand(at: datetime) -> float:
        begins = at.replace(hour=0, minute=0) + timedelta(hours=hour)
        return level if begins <= at < begins + timedelta(hours=hours) and on(at) else CALM

    return demand


def decide_by_pattern(telemetry: Telemetry):
    return decide(telemetry, burst_memory=timedelta(0))


def decide(telemetry: Telemetry, *, burst_memory: timedelta = DAY):
    return decide_scale_down(situation(current=8, telemetry_=telemetry, settings_=settings(burst_memory=burst_memory)))


class TestPattern:
    def test_a_stream_is_not_shrunk_for_less_than_it_is_worth_before_demand_returns_as_on_other_days(self):
        decision = decide_by_pattern(days(calm_but(4.8, 12.5)))
        assert (decision.target, decision.reason) == (None, Reason.DEMAND_FITS)
        assert "going by the last days" in decision.message
        assert decision.retry_at == NOW + timedelta(minutes=30)

    def test_it_is_shrunk_where_demand_returns_late_enough(self):
        decision = decide_by_pattern(days(calm_but(4.8, 14)))
        assert decision.target == 4
        assert "no more than 2.0 expected within 60 minutes" in decision.message

    def test_it_is_shrunk_by_less_where_only_that_lasts_long_enough_to_be_worth_it(self):
        # Half of it would do for half an hour; three quarters do until the evening.
        stairs = lambda at: 3.0 if (at.hour, at.minute) >= (12, 30) else CALM  # noqa: E731
        assert decide_by_pattern(days(stairs)).target == 6

    def test_the_highest_of_the_last_seven_days_counts(self):
        once = calm_but(4.8, 12.5, on=lambda at: at.date() == (NOON - 6 * DAY).date())
        assert decide_by_pattern(days(once)).target is None

    def test_what_was_eight_days_ago_does_not(self):
        once = calm_but(4.8, 12.5, on=lambda at: at.date() == (NOON - 8 * DAY).date())
        assert decide_by_pattern(days(once, count=9)).target == 4

    def test_other_days_are_scaled_to_todays_level(self):
        busier = calm_but(4.8, 12.5)
        half_as_busy_today = days(lambda at: busier(at) / 2 if at >= NOON - timedelta(hours=6) else busier(at))
        assert decide_by_pattern(half_as_busy_today).target == 4

    def test_a_standstill_does_not_make_the_other_days_go_away(self):
        usual = calm_but(9.6, 12.5)
        outage = days(lambda at: 0.0 if at >= NOON - timedelta(hours=3) else usual(at))
        assert decide_by_pattern(outage).target is None

    def test_without_a_day_of_data_the_window_alone_decides(self):
        assert decide_by_pattern(days(calm_but(4.8, 12.5), count=0.5)).target == 4

    def test_without_a_day_of_data_it_must_save_a_quarter(self):
        calm = days(lambda _: 1.9, count=0.5)
        smaller = situation(current=5, telemetry_=calm, settings_=settings(burst_memory=timedelta(0)))
        assert decide_scale_down(smaller).target is None
        assert "leaves too little to save at 60% for one of the day's calls" in decide_scale_down(smaller).message


def mornings(*days_ago: int) -> Telemetry:
    """Calm days, with a quarter of an hour at six shards in the mornings of some."""
    dates = {(NOON - n * DAY).date() for n in days_ago}
    return days(calm_but(6.0, 8, 1 / 4, on=lambda at: at.date() in dates))


class TestBursts:
    def test_room_is_kept_for_a_burst_of_the_last_day(self):
        assert decide(mornings(0, 5)).target is None

    def test_one_that_came_on_a_single_day_is_forgotten_a_day_sooner(self):
        assert decide(mornings(0)).target == 4
        assert decide(mornings(0), burst_memory=2 * DAY).target is None

    def test_a_burst_may_fill_the_stream(self):
        decision = decide_scale_down(situation(current=10, telemetry_=mornings(0, 5)))
        assert decision.target == 7
        assert "and room is kept for another burst to 6.0; target 60%." in decision.message

    def test_it_is_forgotten_after_the_days_that_the_settings_say(self):
        assert decide(mornings(0, 5), burst_memory=timedelta(0)).target == 4
        assert decide(mornings(0, 5), burst_memory=timedelta(hours=3)).target == 4

    def test_longer_memory_reaches_further_back(self):
        assert decide(mornings(3, 5)).target == 4
        assert decide(mornings(3, 5), burst_memory=4 * DAY).target is None

    def test_demand_that_grows_slowly_is_no_burst(self):
        hill = days(lambda at: CALM + max(0.0, 4.0 - abs((at.hour * 60 + at.minute - 7 * 60) / 30)))
        assert decide(hill).target == 4
