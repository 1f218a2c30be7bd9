"""The decisions and their messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kinesis_autoscaler.decision import (
    decide_hot_shard,
    decide_minimum,
    decide_request,
    decide_scale_down,
    decide_scale_up,
    enough,
    name_hot_shard,
    split_hot_shard,
)
from kinesis_autoscaler.model import (
    Action,
    Decision,
    FanOutConsumer,
    HottestShard,
    Period,
    Reason,
    Record,
    Shard,
    Status,
    Strategy,
    Telemetry,
)
from tests.unit.situations import NOW, scaling, settings, situation, stream, telemetry

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def quota_refusal(ago):
    return scaling(ago, status=Status.FAILED, reason=Reason.QUOTA_EXHAUSTED, call_accepted=False)


def busy_yesterday(telemetry_: Telemetry) -> Telemetry:
    """The same, with a period of traffic one day before the middle of the window."""
    yesterday = NOW - timedelta(days=1, minutes=60)
    periods = (Period(yesterday + n * 5 * MINUTE, 1.0, 1.0) for n in range(-12, 13))
    return replace(telemetry_, days=tuple(periods))


class TestScaleUp:
    def test_the_recent_peak_lands_at_the_target_utilization(self):
        decision = decide_scale_up(situation(7.2))
        assert decision.target == 12
        assert decision.reason is Reason.HIGH_DEMAND

    def test_the_message_is_one_sentence_with_the_numbers_it_rests_on(self):
        assert decide_scale_up(situation(7.2)).message == (
            "Scaling orders from 8 to 12 shards: peak demand 7.2 shards in the last 5 minutes is 90% of capacity; "
            "target 60%."
        )

    def test_growing_demand_asks_for_more_than_steady_demand_of_the_same_peak(self):
        growing = [4.0] * 150 + [4.0 + 3.2 * n / 29 for n in range(30)]
        assert decide_scale_up(situation(growing)).target > decide_scale_up(situation(7.2)).target

    def test_one_noisy_minute_is_not_growth(self):
        noisy = [6.1] * 178 + [7.0, 6.1]
        assert decide_scale_up(situation(noisy)).target == decide_scale_up(situation(7.0)).target

    def test_a_full_stream_hides_demand_and_grows_by_half_at_least(self):
        saturated = situation(7.7, settings_=settings(target_utilization=0.7))
        assert decide_scale_up(saturated).target == 12

    def test_throttled_records_on_a_busy_stream_double_it(self):
        assert decide_scale_up(situation(telemetry_=telemetry(7.0, throttled=500))).target == 16

    def test_the_target_is_a_multiple_of_a_quarter_of_the_current_count(self):
        assert decide_scale_up(situation(31.0, current=40)).target in {50, 60, 70, 80}

    def test_a_step_never_more_than_doubles(self):
        assert decide_scale_up(situation(30.0)).target == 16

    def test_the_maximum_caps_the_step(self):
        assert decide_scale_up(situation(7.8, settings_=settings(max_shard_count=9))).target == 9

    def test_a_single_throttled_record_does_not_double_a_large_stream(self):
        large = {"current": 100, "settings_": settings(max_shard_count=1000, target_utilization=0.7)}
        calm = telemetry(76.0)
        minutes = (*calm.minutes[:-1], calm.minutes[-1]._replace(throttled_records=1.0))
        without, with_one = situation(76.0, **large), situation(telemetry_=replace(calm, minutes=minutes), **large)
        assert decide_scale_up(with_one).target == decide_scale_up(without).target

    def test_at_the_maximum_nothing_is_done_and_the_numbers_are_told_once_an_hour(self):
        decision = decide_scale_up(situation(7.8, settings_=settings(max_shard_count=8)))
        assert (decision.target, decision.reason, decision.retry_at) == (None, Reason.AT_MAXIMUM, NOW + HOUR)
        assert "peak demand 7.8 shards in the last 5 minutes is 98% of capacity" in decision.message

    def test_at_the_maximum_demand_that_fits_is_told_as_such(self):
        assert decide_scale_up(situation(0.1, settings_=settings(max_shard_count=8))).reason is Reason.DEMAND_FITS

    def test_a_stream_above_a_lowered_maximum_is_not_shrunk_under_load(self):
        assert decide_scale_up(situation(7.8, settings_=settings(max_shard_count=4))).reason is Reason.AT_MAXIMUM

    def test_demand_under_the_threshold_fits(self):
        assert decide_scale_up(situation(5.9)).reason is Reason.DEMAND_FITS

    def test_no_data_is_no_demand_to_act_on(self):
        assert decide_scale_up(situation([None] * 180)).reason is Reason.NO_TELEMETRY

    def test_the_cooldown_after_a_scale_up_is_kept(self):
        decision = decide_scale_up(situation(7.8, history=[scaling(3 * MINUTE)]))
        assert (decision.reason, decision.retry_at) == (Reason.COOLDOWN, NOW + 2 * MINUTE)

    def test_a_refused_scaling_starts_no_cooldown(self):
        refused = scaling(3 * MINUTE, status=Status.FAILED, call_accepted=False)
        assert decide_scale_up(situation(7.8, history=[refused])).target is not None

    def test_the_double_strategy_doubles(self):
        assert decide_scale_up(situation(6.2, settings_=settings(strategy=Strategy.DOUBLE))).target == 16

    def test_reads_count_only_where_they_are_asked_to(self):
        reads = telemetry(1.0)
        minutes = tuple(
            minute.__class__(minute.at, minute.incoming_bytes, minute.incoming_records, 7 * 60 * 2_000_000)
            for minute in reads.minutes
        )
        reads = replace(reads, minutes=minutes)
        assert decide_scale_up(situation(telemetry_=reads)).reason is Reason.DEMAND_FITS
        with_reads = situation(telemetry_=reads, settings_=settings(scale_on_reads=True))
        assert decide_scale_up(with_reads).target == 12


class TestHotShards:
    def test_throttling_on_a_stream_far_from_full_is_said_to_be_a_hot_shard(self):
        decision = decide_scale_up(situation(telemetry_=telemetry(2.0, throttled=500)))
        assert decision.reason is Reason.HOT_SHARD_SUSPECTED
        assert "hot shard" in decision.message

    def test_its_shard_is_named_by_what_its_metrics_tell(self):
        decision = decide_scale_up(situation(telemetry_=telemetry(2.0, throttled=500)))
        hottest = HottestShard(Shard("shardId-3", 0, 99), 8, throttled=1234, throttled_share=0.9, traffic_share=0.25)
        named = name_hot_shard(decision, stream(8), hottest)
        assert named.hot_shard == "shardId-3"
        assert named.message.endswith(
            "; the hottest shard of the last hour is shardId-3 (hash keys 0 to 99), with 1,234 throttled records (90% "
            "of all shards') and 25% of the accepted traffic, where an even share is 12.5%."
        )

    @pytest.mark.parametrize(
        ("facts", "told"),
        [
            (
                {"throttled": 7, "throttled_share": 1.0, "traffic_share": None},
                "7 throttled records (100% of all shards').",
            ),
            (
                {"throttled": None, "throttled_share": None, "traffic_share": 0.5},
                "50% of the accepted traffic, where an even share is 25.0%.",
            ),
        ],
    )
    def test_of_its_shard_only_what_is_measured_is_told(self, facts, told):
        decision = decide_scale_up(situation(telemetry_=telemetry(2.0, throttled=500)))
        hottest = HottestShard(Shard("shardId-3", 0, 99), 4, **facts)
        assert name_hot_shard(decision, stream(4), hottest).because.endswith(f"(hash keys 0 to 99), with {told}")

    def test_where_the_metrics_of_shards_are_on_but_silent_that_is_said(self):
        decision = decide_scale_up(situation(telemetry_=telemetry(2.0, throttled=500)))
        metered = replace(stream(8), shard_level_metrics=frozenset({"IncomingBytes"}))
        named = name_hot_shard(decision, metered, None)
        assert named.because.endswith("; the shard could not be identified from its metrics.")
        assert named.hot_shard is None

    def test_it_scales_where_the_user_wants_that(self):
        hot = situation(telemetry_=telemetry(2.0, throttled=500), settings_=settings(scale_on_throttling=True))
        assert decide_scale_up(hot).target == 16


class TestSplitsBeyondTheQuota:
    SPENT = tuple(scaling((n + 1) * 2 * HOUR) for n in reversed(range(10)))

    def test_a_stream_whose_calls_are_spent_is_doubled_by_splits_where_that_is_asked_for(self):
        decision = decide_scale_up(situation(7.2, history=self.SPENT, settings_=settings(split_beyond_quota=True)))
        assert (decision.target, decision.by_splits) == (16, True)
        assert decision.because.endswith("the daily calls are used up, so its widest shards are split one at a time.")

    def test_never_beyond_the_maximum(self):
        bounded = settings(split_beyond_quota=True, max_shard_count=10)
        assert decide_scale_up(situation(7.2, history=self.SPENT, settings_=bounded)).target == 10

    def test_not_while_there_are_calls(self):
        decision = decide_scale_up(situation(7.2, settings_=settings(split_beyond_quota=True)))
        assert (decision.target, decision.by_splits) == (12, None)

    @pytest.mark.parametrize(
        ("demand", "widest", "is_enough"), [(4.0, 1 / 8, True), (7.0, 1 / 8, False), (7.0, 1 / 16, True)]
    )
    def test_enough_is_what_the_widest_shard_can_take(self, demand, widest, is_enough):
        uneven = replace(stream(12), widest=widest)
        assert enough(situation(demand, stream_=uneven, settings_=settings(target_utilization=0.6))) is is_enough

    def test_nothing_is_enough_while_records_are_throttled_or_nothing_is_known(self):
        assert not enough(situation(telemetry_=telemetry(1.0, throttled=5)))
        assert not enough(situation(telemetry_=Telemetry()))


class TestSplitsOfHotShards:
    """A stream of 12 shards, demand for 4, and records that are always throttled."""

    SHARD = Shard("shardId-7", 0, 2**124, "shardId-1")

    def decide(self, *history: Record, shards: int = 12, found: dict | None = None, **changes) -> Decision:
        facts = {
            "throttled": 9_000.0,
            "throttled_share": 1.0,
            "traffic_share": 0.3,
            "kept_share": None,
            **(found or {}),
        }
        hottest = HottestShard(self.SHARD, shards, **facts)
        hot = situation(
            stream_=replace(stream(shards), shard_level_metrics=frozenset({"ALL"})),
            telemetry_=telemetry(4.0 * shards / 12, throttled=500),
            history=history,
            settings_=settings(**{"split_hot_shards": True, **changes}),
        )
        return split_hot_shard(name_hot_shard(decide_hot_shard(hot), hot.stream, hottest), hot, hottest)

    def split(self, ago: timedelta, hot_shard: str = "shardId-3", **changes) -> Record:
        facts = {"by_splits": True, "hot_shard": hot_shard, "heat_kept": 0, "finished_at": NOW - ago}
        return scaling(ago, reason=Reason.HOT_SHARD_SPLIT, **{**facts, **changes})

    def test_the_shard_is_split_where_that_is_asked_for(self):
        decision = self.decide()
        assert (decision.target, decision.reason, decision.by_splits) == (13, Reason.HOT_SHARD_SPLIT, True)
        assert (decision.hot_shard, decision.heat_kept) == ("shardId-7", 0)
        assert decision.because.endswith("; it is split in the middle.")
        assert self.decide(split_hot_shards=False).target is None

    def test_only_one_that_is_known_to_throttle(self):
        decision = self.decide(found={"throttled": None, "throttled_share": None})
        assert decision.target is None
        assert decision.because.endswith(
            "; to have it split, add WriteProvisionedThroughputExceeded to its shard_level_metrics."
        )

    def test_never_beyond_the_maximum(self):
        decision = self.decide(max_shard_count=12)
        assert decision.target is None
        assert decision.because.endswith("; its maximum of 12 does not allow a split.")

    def test_not_during_the_cooldown_of_a_scale_up(self):
        assert self.decide(scaling(3 * MINUTE)).target is None

    @pytest.mark.parametrize(
        ("shards", "hours", "is_split"),
        [(12, (2, 4), True), (12, (2, 4, 6), False), (12, (2, 4, 25), True), (8, (2, 4), False), (2, (25,), True)],
    )
    def test_a_day_has_three_and_a_stream_one_for_each_four_shards(self, shards, hours, is_split):
        history = [self.split(hour * HOUR) for hour in reversed(hours)]
        assert bool(self.decide(*history, shards=shards).target) is is_split

    def test_one_that_was_refused_does_not_count(self):
        history = [self.split(n * HOUR, status=Status.FAILED, call_accepted=False) for n in (4, 3, 2)]
        assert self.decide(*history).target == 13

    @pytest.mark.parametrize(
        ("kept_before", "kept_share", "reason", "kept"),
        [
            (0, 0.9, Reason.HOT_SHARD_SPLIT, 1),
            (1, 0.9, Reason.ONE_HOT_KEY, None),
            (1, 0.6, Reason.HOT_SHARD_SPLIT, 0),
            (1, None, Reason.HOT_SHARD_SPLIT, 0),
        ],
    )
    def test_where_one_half_keeps_the_heat_twice_it_is_one_key(self, kept_before, kept_share, reason, kept):
        made_it = self.split(2 * HOUR, "shardId-1", heat_kept=kept_before)
        decision = self.decide(made_it, found={"kept_share": kept_share})
        assert (decision.reason, decision.heat_kept) == (reason, kept)
        assert (decision.target is None) is (reason is Reason.ONE_HOT_KEY)

    def test_a_hot_key_that_was_found_out_stays_one_though_its_splits_are_forgotten(self):
        told = scaling(
            HOUR, status=Status.SKIPPED, reason=Reason.ONE_HOT_KEY, to_shard_count=None, hot_shard="shardId-7"
        )
        assert self.decide(told).reason is Reason.ONE_HOT_KEY
        assert self.decide(told.with_(hot_shard="shardId-2")).reason is Reason.HOT_SHARD_SPLIT

    def test_what_was_throttled_before_the_last_split_is_not_held_against_its_halves(self):
        assert self.decide(self.split(2 * MINUTE)).reason is Reason.DEMAND_FITS

    def test_it_comes_before_more_shards_for_all(self):
        both = settings(split_hot_shards=True, scale_on_throttling=True)
        metered = replace(stream(8), shard_level_metrics=frozenset({"ALL"}))
        hot = situation(telemetry_=telemetry(2.0, throttled=500), settings_=both, stream_=metered)
        assert decide_scale_up(hot).reason is Reason.HOT_SHARD_SUSPECTED
        assert decide_scale_up(replace(hot, stream=stream(8))).target == 16, "nobody can tell which it is"

    def test_a_scale_down_waits_a_day_for_the_heat_to_end(self):
        decision = decide_scale_down(situation(1.0, history=[self.split(23 * HOUR)]))
        assert (decision.target, decision.reason, decision.retry_at) == (None, Reason.HOT_SHARD_SPLIT, NOW + HOUR)
        assert decide_scale_down(situation(1.0, history=[self.split(24 * HOUR)])).target == 4

    def test_a_maximum_does_not_wait(self):
        lowered = settings(max_shard_count=6)
        assert decide_scale_down(situation(1.0, history=[self.split(HOUR * 3)], settings_=lowered)).target == 6


class TestUnevenRanges:
    """12 open shards, the widest of which has an eighth of all hash keys."""

    UNEVEN = replace(stream(12), widest=1 / 8)

    def test_usage_is_that_of_the_widest(self):
        decision = decide_scale_up(situation(6.4, stream_=self.UNEVEN))
        assert (decision.target, decision.utilization) == (13, pytest.approx(0.8))
        assert decide_scale_up(situation(6.4, current=12)).reason is Reason.DEMAND_FITS

    def test_a_check_up_finds_demand_that_no_alarm_can_see(self):
        full = situation(stream_=self.UNEVEN, telemetry_=telemetry(7.9, throttled=500))
        assert decide_hot_shard(full).reason is Reason.HIGH_DEMAND
        hot = situation(stream_=self.UNEVEN, telemetry_=telemetry(4.0, throttled=500))
        assert decide_hot_shard(hot).reason is Reason.HOT_SHARD_SUSPECTED


class TestQuota:
    def test_ten_calls_in_24_hours_exhaust_it_until_the_oldest_is_a_day_old(self):
        calls = [scaling((n + 1) * 2 * HOUR) for n in reversed(range(10))]
        decision = decide_scale_up(situation(7.8, history=calls))
        assert decision.reason is Reason.QUOTA_EXHAUSTED
        assert decision.retry_at == NOW + 4 * HOUR

    def test_calls_older_than_24_hours_do_not_count(self):
        calls = [scaling(24 * HOUR + n * MINUTE) for n in reversed(range(10))]
        assert decide_scale_up(situation(7.8, history=calls)).target is not None

    def test_an_unknown_outcome_counts_as_a_call_and_a_refused_one_does_not(self):
        unknown = [scaling((n + 1) * 2 * HOUR, status=Status.FAILED) for n in reversed(range(10))]
        refused = [record.with_(call_accepted=False) for record in unknown]
        assert decide_scale_up(situation(7.8, history=unknown)).reason is Reason.QUOTA_EXHAUSTED
        assert decide_scale_up(situation(7.8, history=refused)).target is not None

    def test_some_calls_are_kept_back_from_scale_down(self):
        calls = [scaling((n + 10) * HOUR) for n in reversed(range(6))]
        decision = decide_scale_down(situation(1.0, history=calls))
        assert decision.reason is Reason.QUOTA_RESERVED
        assert decision.retry_at == NOW + 9 * HOUR
        assert decide_scale_down(situation(1.0, history=calls[1:])).target is not None

    def test_the_last_calls_of_the_day_take_larger_steps(self):
        def target(calls: int) -> int | None:
            return decide_scale_up(
                situation(6.2, history=[scaling((n + 2) * HOUR) for n in reversed(range(calls))])
            ).target

        assert target(0) == 12
        assert target(8) == 16

    def test_a_quota_that_aws_has_raised_allows_more(self):
        calls = [scaling((n + 1) * 2 * HOUR) for n in reversed(range(10))]
        assert decide_scale_up(situation(7.8, history=calls, settings_=settings(update_calls_per_day=20))).target

    def test_a_refusal_that_no_calls_of_ours_explain_stands_for_a_quarter_of_an_hour(self):
        for known in ([], [scaling(20 * HOUR)], [scaling(10 * MINUTE)]):
            decision = decide_scale_up(situation(7.8, history=[*known, quota_refusal(9 * MINUTE)]))
            assert (decision.reason, decision.retry_at) == (Reason.QUOTA_EXHAUSTED, NOW + 6 * MINUTE)
            assert decide_scale_up(situation(7.8, history=[*known, quota_refusal(15 * MINUTE)])).target is not None

    def test_a_refusal_of_the_past_does_not_hide_the_calls_since(self):
        calls = [scaling(19 * HOUR - n * 90 * MINUTE) for n in range(10)]
        decision = decide_scale_up(situation(7.8, history=[quota_refusal(20 * HOUR), *calls]))
        assert (decision.reason, decision.retry_at) == (Reason.QUOTA_EXHAUSTED, NOW + 5 * HOUR)

    def test_a_call_that_was_accepted_since_ends_a_refusal(self):
        history = [quota_refusal(12 * MINUTE), scaling(10 * MINUTE)]
        assert decide_scale_up(situation(7.8, history=history)).target is not None

    def test_a_change_by_others_counts_for_as_many_calls_as_it_took_at_least(self):
        by_others = scaling(2 * HOUR, reason=Reason.RESHARDED_ELSEWHERE, from_shard_count=2, to_shard_count=16)
        assert decide_scale_up(situation(7.8, history=[by_others])).calls_left == 7


class TestScaleDown:
    def test_the_peak_of_the_whole_window_lands_at_the_target_utilization(self):
        assert decide_scale_down(situation([1.0] * 100 + [3.1] + [1.0] * 79)).target == 6

    def test_a_step_never_more_than_halves_and_half_rounds_up(self):
        assert decide_scale_down(situation(0.1, current=5)).target == 3

    def test_the_minimum_holds(self):
        assert decide_scale_down(situation(0.1, settings_=settings(min_shard_count=6))).target == 6
        at_minimum = decide_scale_down(situation(0.1, settings_=settings(min_shard_count=8)))
        assert at_minimum.reason is Reason.AT_MINIMUM

    def test_a_small_saving_is_not_worth_one_of_ten_calls(self):
        assert decide_scale_down(situation(11.5, current=22)).reason is Reason.DEMAND_FITS

    def test_usage_over_the_scale_down_threshold_fits(self):
        assert decide_scale_down(situation(3.4)).reason is Reason.DEMAND_FITS

    def test_the_minutes_that_made_it_grow_must_have_left_the_window(self):
        decision = decide_scale_down(situation(1.0, history=[scaling(119 * MINUTE)]))
        assert decision.reason is Reason.COOLDOWN
        assert decide_scale_down(situation(1.0, history=[scaling(121 * MINUTE)])).target == 4

    def test_the_cooldown_after_a_scale_down_is_kept(self):
        recent = scaling(59 * MINUTE, Action.SCALE_DOWN)
        assert decide_scale_down(situation(1.0, history=[recent])).reason is Reason.COOLDOWN

    def test_a_stream_younger_than_the_window_is_left_alone(self):
        decision = decide_scale_down(situation(1.0, stream_=stream(8, age=119 * MINUTE)))
        assert (decision.reason, decision.retry_at) == (Reason.STREAM_TOO_YOUNG, NOW + MINUTE)

    def test_the_double_strategy_halves_or_does_nothing(self):
        double = settings(strategy=Strategy.DOUBLE)
        assert decide_scale_down(situation(2.0, settings_=double)).target == 4
        assert decide_scale_down(situation(2.6, settings_=double)).reason is Reason.DEMAND_FITS

    def test_a_stream_above_a_lowered_maximum_shrinks_by_half_where_the_load_allows(self):
        assert decide_scale_down(situation(0.5, current=40, settings_=settings(max_shard_count=10))).target == 20

    def test_a_stream_above_a_lowered_maximum_comes_as_near_to_it_as_the_load_allows(self):
        lowered = settings(max_shard_count=22)
        decision = decide_scale_down(situation(15.0, current=40, settings_=lowered))
        assert (decision.target, decision.reason) == (25, Reason.ABOVE_MAXIMUM)
        assert decide_scale_down(situation(15.0, current=25, settings_=lowered)).reason is Reason.DEMAND_FITS

    def test_a_stream_above_a_lowered_maximum_goes_down_whatever_the_threshold_and_never_below_it_for_that(self):
        lowered = settings(max_shard_count=12)
        assert decide_scale_down(situation(7.0, current=16, settings_=lowered)).target == 12
        assert decide_scale_down(situation(0.5, current=16, settings_=lowered)).target == 12

    def test_a_window_with_throttled_records_is_no_time_to_shrink(self):
        throttled = telemetry(1.0)
        minutes = tuple(
            minute._replace(throttled_records=5.0) if n == 150 else minute for n, minute in enumerate(throttled.minutes)
        )
        decision = decide_scale_down(situation(telemetry_=replace(throttled, minutes=minutes)))
        assert decision.reason is Reason.THROTTLED
        assert "5 records were throttled" in decision.message

    def test_a_count_that_throttled_at_this_demand_is_not_gone_back_to(self):
        """A hot shard throttles at 25%, and not with twice the shards."""
        throttled = telemetry(1.0, minutes=10 * 60)
        minutes = tuple(
            minute._replace(throttled_records=50.0) if n < 60 else minute for n, minute in enumerate(throttled.minutes)
        )
        hot = replace(throttled, minutes=minutes)
        grown = scaling(9 * HOUR, from_shard_count=4, to_shard_count=8, finished_at=NOW - 9 * HOUR + 2 * MINUTE)
        assert decide_scale_down(situation(current=8, telemetry_=hot, history=[grown])).target == 5
        assert decide_scale_down(situation(current=5, telemetry_=hot, history=[grown])).reason is Reason.THROTTLED
        calm = replace(
            hot,
            minutes=(*minutes[:300], *(m._replace(incoming_bytes=0.0, incoming_records=0.0) for m in minutes[300:])),
        )
        assert decide_scale_down(situation(current=8, telemetry_=calm, history=[grown])).target == 4


class TestTelemetry:
    def test_an_idle_stream_without_datapoints_goes_down_where_cloudwatch_proves_that_it_delivers(self):
        idle = telemetry([None] * 180, iterator_age=None)
        assert decide_scale_down(situation(telemetry_=idle)).target == 4

    def test_an_idle_stream_that_reports_zeros_goes_down(self):
        assert decide_scale_down(situation(telemetry_=telemetry(0.0, delivered=False))).target == 4

    def test_missing_data_without_proof_of_delivery_is_not_missing_traffic(self):
        silent = busy_yesterday(telemetry([None] * 180, iterator_age=None, delivered=False))
        decision = decide_scale_down(situation(telemetry_=silent))
        assert decision.reason is Reason.NO_TELEMETRY
        assert "no IncomingBytes and IncomingRecords for 117 of the last 120 minutes" in decision.message

    def test_a_stream_that_was_silent_at_this_hour_on_all_days_is_silent(self):
        silent = telemetry([None] * 180, iterator_age=None, delivered=False)
        assert decide_scale_down(situation(telemetry_=silent)).target == 4

    def test_a_stream_of_today_has_no_such_days(self):
        silent = telemetry([None] * 180, iterator_age=None, delivered=False)
        decision = decide_scale_down(situation(telemetry_=silent, stream_=stream(8, age=23 * HOUR)))
        assert decision.reason is Reason.NO_TELEMETRY

    def test_what_polling_consumers_report_proves_silence(self):
        idle = busy_yesterday(telemetry([None] * 180, delivered=False))
        assert decide_scale_down(situation(telemetry_=idle)).target == 4

    @pytest.mark.parametrize("lost", ["incoming_bytes", "incoming_records"])
    def test_one_of_the_two_metrics_is_not_enough(self, lost):
        half = telemetry(1.0)
        minutes = tuple(minute._replace(**{lost: None}) for minute in half.minutes)
        assert decide_scale_down(situation(telemetry_=replace(half, minutes=minutes))).reason is Reason.NO_TELEMETRY

    def test_one_of_the_two_metrics_is_enough_to_grow(self):
        half = telemetry(7.2)
        minutes = tuple(minute._replace(incoming_records=None) for minute in half.minutes)
        assert decide_scale_up(situation(telemetry_=replace(half, minutes=minutes))).target == 12

    def test_an_incomplete_answer_is_named(self):
        half = replace(telemetry(1.0), incomplete=("IncomingRecords",))
        decision = decide_scale_down(situation(telemetry_=half))
        assert decision.reason is Reason.NO_TELEMETRY
        assert "did not return all data for IncomingRecords" in decision.message

    def test_one_hole_in_the_window_without_proof_is_enough_to_stop(self):
        hole = telemetry([1.0] * 90 + [None] + [1.0] * 89, iterator_age=None, delivered=False)
        hole = busy_yesterday(hole)
        assert decide_scale_down(situation(telemetry_=hole)).reason is Reason.NO_TELEMETRY


class TestConsumers:
    def test_consumers_at_the_limit_block_a_scale_down(self):
        behind = telemetry(1.0, iterator_age=timedelta(minutes=30))
        decision = decide_scale_down(situation(telemetry_=behind))
        assert decision.reason is Reason.CONSUMERS_BEHIND
        assert "30 minutes behind" in decision.message

    def test_consumers_under_the_limit_do_not(self):
        assert decide_scale_down(situation(telemetry_=telemetry(1.0, iterator_age=timedelta(minutes=29)))).target == 4

    def test_age_that_stopped_while_records_arrive_blocks(self):
        quiet = telemetry(1.0)
        cut = NOW - timedelta(minutes=20)
        minutes = tuple(
            minute if minute.at < cut else minute.__class__(minute.at, minute.incoming_bytes, minute.incoming_records)
            for minute in quiet.minutes
        )
        dead = replace(quiet, minutes=minutes)
        assert decide_scale_down(situation(telemetry_=dead)).reason is Reason.CONSUMERS_BEHIND

    def test_a_jump_of_single_minutes_does_not(self):
        jumpy = telemetry(1.0)
        minutes = tuple(
            minute._replace(iterator_age=timedelta(days=1)) if n % 10 == 0 else minute
            for n, minute in enumerate(jumpy.minutes)
        )
        assert decide_scale_down(situation(telemetry_=replace(jumpy, minutes=minutes))).target == 4

    @pytest.mark.parametrize(
        ("lag", "until", "reason"),
        [
            (timedelta(minutes=40), NOW, Reason.CONSUMERS_BEHIND),
            (timedelta(seconds=1), NOW - timedelta(minutes=20), Reason.CONSUMERS_BEHIND),
            (timedelta(seconds=1), NOW, Reason.LOW_DEMAND),
            (timedelta(seconds=1), NOW - timedelta(hours=25), Reason.LOW_DEMAND),
        ],
    )
    def test_fan_out_consumers_are_looked_at_by_name(self, lag, until, reason):
        lags = tuple((until - timedelta(minutes=n), lag) for n in reversed(range(1, 100)))
        known = replace(telemetry(1.0), fan_out=(FanOutConsumer("billing", lags),))
        decision = decide_scale_down(situation(telemetry_=known))
        assert decision.reason is reason
        assert reason is Reason.LOW_DEMAND or "fan-out consumer billing" in decision.message

    def test_consumers_that_never_report_an_age_do_not_block(self):
        assert decide_scale_down(situation(telemetry_=telemetry(1.0, iterator_age=None))).target == 4

    def test_the_check_can_be_switched_off(self):
        behind = telemetry(1.0, iterator_age=timedelta(hours=9))
        assert decide_scale_down(situation(telemetry_=behind, settings_=settings(max_iterator_age=None))).target == 4


class TestStreamState:
    @pytest.mark.parametrize("decide", [decide_scale_up, decide_scale_down, decide_minimum])
    def test_an_on_demand_stream_is_left_to_kinesis(self, decide):
        assert decide(situation(7.8, stream_=stream(8, on_demand=True))).reason is Reason.ON_DEMAND_STREAM

    @pytest.mark.parametrize("decide", [decide_scale_up, decide_scale_down, decide_minimum])
    def test_a_stream_that_is_being_changed_is_left_alone(self, decide):
        assert decide(situation(7.8, stream_=stream(8, status="UPDATING"))).reason is Reason.STREAM_UPDATING


class TestMinimum:
    def test_a_stream_below_its_minimum_is_brought_up(self):
        decision = decide_minimum(situation(0.0, settings_=settings(min_shard_count=12)))
        assert (decision.target, decision.reason) == (12, Reason.BELOW_MINIMUM)

    def test_in_steps_where_it_is_far_below(self):
        assert decide_minimum(situation(0.0, settings_=settings(min_shard_count=40))).target == 16


class TestRequest:
    def test_growth_is_carried_out_as_asked(self):
        decision = decide_request(situation(1.0), 13)
        assert (decision.target, decision.reason) == (13, Reason.REQUESTED)

    def test_growth_beyond_double_goes_as_far_as_one_call_may(self):
        decision = decide_request(situation(1.0), 40)
        assert decision.target == 16
        assert "at most double" in decision.message

    def test_bounds_are_refused_with_the_remedy(self):
        decision = decide_request(situation(1.0), 65)
        assert decision.reason is Reason.INVALID_REQUEST
        assert "1 to 64" in decision.message

    def test_shrinking_never_goes_below_what_the_demand_needs(self):
        assert decide_request(situation(3.0), 4).target == 5

    def test_shrinking_meets_the_guards_of_a_scale_down(self):
        behind = telemetry(1.0, iterator_age=timedelta(hours=1))
        assert decide_request(situation(telemetry_=behind), 4).reason is Reason.CONSUMERS_BEHIND

    def test_what_is_there_already_needs_no_call(self):
        assert decide_request(situation(1.0), 8).reason is Reason.AT_TARGET
