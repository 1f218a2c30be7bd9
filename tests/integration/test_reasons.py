"""Every reason code, reached through the whole function: from an alarm, a request or a reconcile to the audit item."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from kinesis_autoscaler.model import Reason
from simulator.aws.kinesis import ConsumerState
from simulator.aws.kinesis.keys import HotKey, HotRange, Keys
from simulator.local_aws.function import FunctionCrash
from tests.rules import shard_count
from tests.world import QUICK, Outage, World, world


@dataclass(frozen=True)
class Case:
    """A scenario that must end in a record with this reason."""

    reason: Reason
    come_about: Callable[[World], None]
    environment: dict[str, str]


CASES: list[Case] = []


def reaches(reason: Reason, **environment: str) -> Callable[[Callable[[World], None]], Callable[[], None]]:
    """Make a test of a scenario. It runs in its own world, whose records and rules are checked."""

    def test_of(circumstances: Callable[[World], None]) -> Callable[[], None]:
        CASES.append(Case(reason, circumstances, environment))

        def test() -> None:
            with world(**environment) as w:
                circumstances(w)
                items = [item for name in w.bounds for item in w.log(name)]
                assert reason in {item["reason"] for item in items}, items
                for item in items:
                    assert broken_promises(item) == [], item
                w.calm()
                assert w.broken_rules() == [], items

        test.__name__ = circumstances.__name__
        return test

    return test_of


def test_every_reason_is_reached():
    assert {case.reason for case in CASES} == set(Reason)


# Why it was scaled


@reaches(Reason.HIGH_DEMAND)
def test_traffic_that_rises_brings_more_shards(w):
    steady(w)
    w.demand["orders"] = 7.0
    w.run_until(lambda: w.statuses() == ["UPDATING"])
    [record] = w.log()
    assert (record["from_shard_count"], record["to_shard_count"]) == (8, 14)
    assert record["message"].startswith("Scaling orders from 8 to 14 shards: peak demand 7.0 shards")
    assert record["alarm_name"] == "kinesis-autoscaler/orders/scale-up"
    assert record["alarm_reason"].startswith("Threshold Crossed")
    assert (record["demand_shards"], record["utilization"]) == (Decimal(7), Decimal("0.875"))
    assert {action: shard_count(alarm) for action, alarm in w.alarms().items()} == {"scale-up": 14, "scale-down": 14}
    w.run(6)
    [record] = w.log()
    assert record["status"] == "SUCCEEDED"
    assert record["message"].startswith("Scaled orders from 8 to 14 shards: peak demand 7.0 shards")


@reaches(Reason.HIGH_DEMAND)
def test_a_hot_shard_brings_more_shards_where_the_user_wants_that(w):
    steady(w, demand=3.5, scale_on_throttling=True)
    w.aws.streams.model("orders").key_skew = 0.25
    w.run(4)
    assert "records were throttled" in w.log()[0]["message"]
    assert w.reshards[0].target == 16


@reaches(Reason.EXPECTED_DEMAND)
def test_traffic_of_every_day_finds_its_shards_there(w):
    begins = w.now + timedelta(minutes=40)

    def demand(at):
        return 7.0 if timedelta() <= (at - begins) % timedelta(days=1) < timedelta(hours=1) else 2.4

    w.add_stream(shards=4, demand=2.4, target_utilization=0.7, foresight="on")
    w.have_days(5, demand)
    w.run(40)
    [record] = [item for item in w.log() if item["status"] == "SUCCEEDED"]
    assert (record["reason"], record["trigger"]) == ("EXPECTED_DEMAND", "reconcile")
    assert record["message"] == (
        "Scaled orders from 4 to 7 shards: on 4 of the last days the next hour needed up to 7.0 shards at "
        "today's level; growing now costs less than the throttling with 4 shards."
    )
    w.demand["orders"] = 7.0
    w.run(10)
    assert list(w.accepted_shards["orders"].values())[-10:] == [7.0] * 10, "nothing is throttled meanwhile"


@reaches(Reason.LOW_DEMAND)
def test_traffic_that_falls_brings_fewer_shards(w):
    steady(w)
    w.demand["orders"] = 1.6
    w.run(18)
    [record] = w.log()
    assert record["status"] == "SUCCEEDED"
    assert record["message"].startswith("Scaled orders from 8 to 4 shards: peak demand 1.6 shards in the last 10 min")
    assert w.shards() == 4


@reaches(Reason.LOW_DEMAND)
def test_a_stream_without_traffic_that_reports_zeros_goes_to_its_minimum(w):
    steady(w, min_shard_count=2)
    w.demand["orders"] = 0.0
    w.run(60)
    assert [reshard.target for reshard in w.reshards] == [4, 2]
    assert {item["trigger"] for item in w.log()} == {"alarm"}


@reaches(Reason.LOW_DEMAND)
def test_a_stream_without_traffic_that_reports_nothing_goes_to_its_minimum(w):
    """Another stream, whose metrics arrive, proves that CloudWatch delivers."""
    steady(w, min_shard_count=2)
    w.add_stream("clicks", shards=2, demand=1.0)
    del w.demand["orders"]
    w.run(90)
    assert [reshard.target for reshard in w.reshards] == [4, 2]
    assert {item["trigger"] for item in w.log()} == {"reconcile"}
    assert "alarm_name" not in w.log()[0]


@reaches(Reason.LOW_DEMAND)
def test_a_stream_that_nobody_reads_shrinks_where_consumers_are_not_looked_at(w):
    steady(w, max_iterator_age_minutes=None)
    w.aws.streams.model("orders").consumer.state = ConsumerState.PAUSED
    w.run(40)
    w.demand["orders"] = 1.0
    w.run(20)
    assert w.shards() == 4


@reaches(Reason.ABOVE_MAXIMUM)
def test_a_maximum_that_was_lowered_is_reached_as_the_demand_allows(w):
    steady(w, shards=16, demand=7.0)
    w.apply(max_shard_count=12)
    w.run(30)
    assert w.shards() == 12
    assert "its maximum is 12" in w.log()[-1]["message"]


@reaches(Reason.RESHARDED_ELSEWHERE)
def test_what_others_have_resharded_goes_on_record(w):
    steady(w)
    w.reshard_by_hand(9)
    w.run(8)
    [record] = [item for item in w.log() if item["reason"] == "RESHARDED_ELSEWHERE"]
    assert (record["status"], record["from_shard_count"], record["to_shard_count"]) == ("SUCCEEDED", 8, 9)


@reaches(Reason.THROTTLED)
def test_a_stream_whose_hot_shard_throttles_is_not_shrunk(w):
    steady(w)
    w.run(30)
    w.aws.streams.model("orders").key_skew = 0.6
    w.demand["orders"] = 2.0
    w.run(30)
    assert w.shards() == 8


@reaches(Reason.BELOW_MINIMUM)
def test_a_minimum_that_was_raised_is_reached_in_steps(w):
    steady(w, shards=4, demand=2.0)
    w.apply(min_shard_count=20)
    w.run(30)
    assert [reshard.target for reshard in w.reshards] == [8, 16, 20]
    first, *_ = w.log()
    assert first["message"] == "Scaled orders from 4 to 8 shards: its minimum is 20 shards."
    assert {item["trigger"] for item in w.log()} == {"reconcile"}


@reaches(Reason.REQUESTED)
def test_a_person_may_ask_for_shards_before_a_peak(w):
    steady(w, demand=5.0)
    answer = w.invoke({"action": "scale", "stream_name": "orders", "shard_count": 12, "reason": "the launch"})
    assert (answer["status"], answer["from_shard_count"], answer["to_shard_count"]) == ("UPDATING", 8, 12)
    w.run(6)
    [record] = w.log()
    assert record["message"] == "Scaled orders from 8 to 12 shards: 12 shards were requested."
    assert (record["trigger"], record["alarm_reason"]) == ("request", "the launch")
    assert w.shards() == 12


@reaches(Reason.REQUESTED)
def test_a_request_for_fewer_shards_goes_no_further_than_the_demand_allows(w):
    steady(w, demand=3.2)
    w.run(10)
    scale(w, 4)
    w.run(6)
    [record] = w.log()
    assert w.shards() == record["to_shard_count"] == 6
    assert record["message"].startswith("Scaled orders from 8 to 6 shards: 4 shards were requested; peak demand 3.2")


# Why it was not


@reaches(Reason.AT_MAXIMUM)
def test_a_stream_at_its_maximum_is_left_and_said_to_be(w):
    steady(w, max_shard_count=8)
    w.demand["orders"] = 7.5
    w.run(20)
    [record] = w.log()
    assert record["status"] == "SKIPPED"
    assert record["message"] == (
        "Left orders at 8 shards, not scaled up: peak demand 7.5 shards in the last 3 minutes is 94% of capacity, and "
        "its maximum is 8; raise max_shard_count if the traffic is wanted."
    )
    assert record["occurrences"] == 1, "it is looked at again in an hour"
    assert w.reshards == []


@reaches(Reason.AT_MAXIMUM)
def test_a_maximum_that_was_raised_takes_effect_at_the_next_reconcile(w):
    steady(w, max_shard_count=8)
    w.demand["orders"] = 7.5
    w.run(10)
    w.apply(max_shard_count=32)
    w.run(6)
    assert len(w.reshards) == 1


@reaches(Reason.AT_MAXIMUM)
def test_a_maximum_that_was_lowered_does_not_shrink_a_stream_under_load(w):
    steady(w, shards=16, demand=9.0)
    w.apply(max_shard_count=8)
    w.run(30)
    assert [reshard.target for reshard in w.reshards] == [15], "which 9 shards' worth of traffic fills to 60%"
    assert scale(w, 8)["status"] == "SKIPPED"
    w.demand["orders"] = 14.0
    w.run(30)
    assert len(w.reshards) == 1


@reaches(Reason.AT_MINIMUM)
def test_a_stream_that_someone_has_just_merged_to_its_minimum_is_left(w):
    steady(w, min_shard_count=2)
    w.run(5)
    w.demand["orders"] = 0.5
    w.run(10)
    w.aws.streams.model("orders").reshard_by_hand(2, w.now)
    w.run(1)
    [record] = w.log()
    assert record["message"] == "Left orders at 2 shards, not scaled down: its minimum is 2."
    w.run(8)
    assert w.reasons() == ["AT_MINIMUM", "RESHARDED_ELSEWHERE"]


@reaches(Reason.AT_TARGET)
def test_a_request_for_the_shards_that_there_are_is_left(w):
    steady(w)
    assert scale(w, 8)["reason"] == "AT_TARGET"
    [record] = w.log()
    assert record["message"].endswith("it already has the 8 shards that were requested.")


@reaches(Reason.DEMAND_FITS)
def test_an_alarm_that_counts_with_too_few_shards_causes_a_look_and_no_scaling(w):
    steady(w)
    w.write_shard_count(4)
    w.run(1)
    [record] = w.log()
    assert record["message"] == (
        "Left orders at 8 shards, not scaled up: peak demand 4.0 shards in the last 3 minutes is 50% of capacity, "
        "below the threshold of 75%."
    )
    w.run(7)
    assert w.reshards == []


@reaches(Reason.COOLDOWN)
def test_a_second_step_up_waits_for_the_cooldown(w):
    steady(w, scale_up={**QUICK["scale_up"], "cooldown_minutes": 15})
    w.demand["orders"] = 7.0
    w.run(8)
    w.demand["orders"] = 13.0
    w.run(4)
    assert len(w.reshards) == 1
    assert "and the scale-up cooldown is 15 minutes." in w.log()[-1]["message"]
    w.run(15)
    assert [reshard.before for reshard in w.reshards] == [8, 14]


@reaches(Reason.COOLDOWN)
def test_a_step_down_waits_until_the_traffic_that_made_the_stream_grow_has_left_the_window(w):
    steady(w, scale_down={**QUICK["scale_down"], "evaluation_periods": 4, "datapoints_to_alarm": 4})
    w.demand["orders"] = 7.0
    w.run(3)
    w.demand["orders"] = 1.0
    w.run(7)
    record = next(item for item in w.log() if item["reason"] == "COOLDOWN")
    assert re.search(
        r"it was scaled up \d minutes ago, and a scale-down waits 10 minutes after that", record["message"]
    )
    w.run(8)
    assert [reshard.target for reshard in w.reshards] == [14, 7]


@reaches(Reason.QUOTA_RESERVED)
def test_a_step_down_leaves_the_last_calls_of_the_day_to_steps_up(w):
    steady(w)
    for count in range(9, 15):
        scale(w, count)
        w.run(2)
    w.demand["orders"] = 1.0
    w.run(40)
    record = w.log()[-1]
    assert "4 of the 10 calls in 24 hours are left, and 4 are reserved for scale-up." in record["message"]
    assert w.shards() == 14


@reaches(Reason.QUOTA_EXHAUSTED)
def test_after_ten_scalings_the_stream_waits_for_the_first_to_be_a_day_old(w):
    steady(w)
    for count in range(9, 19):
        scale(w, count)
        w.run(2)
    w.demand["orders"] = 17.0
    w.run(6)
    record = w.log()[-1]
    assert record["status"] == "SKIPPED"
    assert re.search(
        r"Kinesis allows 10 changes .* in 24 hours; the next is possible at 2026-01-06 00:12 UTC\.", record["message"]
    )
    assert w.shards() == 18
    w.aws.clock.advance(timedelta(hours=23, minutes=30))
    w.run(15)
    assert w.shards() > 18


@reaches(Reason.QUOTA_EXHAUSTED)
def test_calls_of_someone_else_exhaust_the_quota_too(w):
    steady(w)
    for count in (9, 8) * 5:
        w.aws.client("kinesis").update_shard_count(
            StreamName="orders", TargetShardCount=count, ScalingType="UNIFORM_SCALING"
        )
        w.run(2)
    w.demand["orders"] = 7.0
    w.run(30)
    failed, *skipped = (item for item in w.log() if item["reason"] != "RESHARDED_ELSEWHERE")
    assert (failed["status"], failed["call_accepted"]) == ("FAILED", False)
    assert "LimitExceededException" in failed["error"]
    assert {item["status"] for item in skipped} <= {"SKIPPED"}, "Kinesis is not asked again and again"


@reaches(Reason.STREAM_UPDATING)
def test_an_alarm_during_someone_elses_change_is_heard_again_after_it(w):
    steady(w)
    w.demand["orders"] = 7.0
    w.run(2)
    w.aws.client("kinesis").update_shard_count(StreamName="orders", TargetShardCount=9, ScalingType="UNIFORM_SCALING")
    w.run(1)
    [record] = w.log()
    assert record["message"].endswith("the stream is UPDATING, another change is in progress.")
    w.run(8)
    assert [reshard.before for reshard in w.reshards] == [9]


@reaches(Reason.STREAM_UPDATING)
def test_demand_that_outgrows_a_step_under_way_brings_the_next_as_soon_as_it_is_done(w):
    steady(w, scale_on_throttling=True, scale_up={**QUICK["scale_up"], "cooldown_minutes": 0})
    stream = w.aws.streams.model("orders")
    stream.assumptions = replace(stream.assumptions, reshard_seconds=300)
    w.demand["orders"] = 7.0
    w.run(3)
    w.demand["orders"] = 14.0
    w.run(8)
    assert "its change from 8 to 14 shards is in progress." in w.log()[1]["message"]
    assert [reshard.before for reshard in w.reshards] == [8, 14]


@reaches(Reason.ON_DEMAND_STREAM)
def test_an_on_demand_stream_is_left_to_kinesis(w):
    steady(w)
    w.switch_mode("ON_DEMAND")
    w.demand["orders"] = 7.0
    w.run(30)
    [record] = w.log()
    assert "remove its module block" in record["message"]
    assert len(w.invocations("alarm")) == 1
    assert w.reshards == []


@reaches(Reason.CONSUMERS_BEHIND)
def test_a_stream_whose_consumers_lag_is_not_shrunk_until_they_have_caught_up(w):
    steady(w, max_iterator_age_minutes=10)
    consumer = w.aws.streams.model("orders").consumer
    consumer.state = ConsumerState.PAUSED
    w.run(12)
    w.demand["orders"] = 1.0
    w.run(14)
    record = w.log()[-1]
    assert re.search(r"its polling consumers are \d\d minutes behind, and the limit is 10 minutes\.", record["message"])
    assert w.shards() == 8
    consumer.state = ConsumerState.RUNNING
    w.run(45)
    assert w.shards() < 8


@reaches(Reason.CONSUMERS_BEHIND)
def test_a_stream_whose_consumers_have_gone_silent_is_not_shrunk(w):
    steady(w)
    w.aws.streams.model("orders").consumer.state = ConsumerState.DEAD
    w.run(10)
    w.demand["orders"] = 1.0
    w.run(40)
    record = w.log()[-1]
    assert re.search(r"reported nothing since \d\d:\d\d UTC while records keep arriving\.", record["message"])
    assert w.shards() == 8


@reaches(Reason.HOT_SHARD_SUSPECTED)
def test_one_hot_shard_is_named_rather_than_cooled_with_more_shards(w):
    """No alarm has a reason to fire. The hourly check-up detects it."""
    steady(w, demand=4.0)
    w.aws.streams.model("orders").key_skew = 0.2
    w.run(70)
    [record] = w.log()
    assert re.search(
        r"[\d,]+ records \([\d.]+%\) were throttled in \d+ of the \d+ minutes since \d\d:\d\d UTC, at a peak demand of "
        r"\d\.\d shards, \d\d% of capacity: one hot shard or bursts of seconds are likely",
        record["message"],
    )
    assert record["message"].endswith(
        '; to see which shard, set shard_level_metrics = ["IncomingBytes", "IncomingRecords", '
        '"WriteProvisionedThroughputExceeded"] in its aws_kinesis_stream, which costs about $7.20 a month for 8 shards.'
    )
    assert w.reshards == []


@reaches(Reason.HOT_SHARD_SUSPECTED)
def test_a_hot_shard_is_named_where_shards_have_metrics_of_their_own(w):
    steady(w, demand=4.0)
    w.aws.client("kinesis").enable_enhanced_monitoring(
        StreamName="orders",
        ShardLevelMetrics=["IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded"],
    )
    w.aws.streams.model("orders").key_skew = 0.2
    w.run(70)
    [record] = w.log()
    assert re.search(
        r"; the hottest shard of the last hour is shardId-000000000000 \(hash keys 0 to "
        r"42535295865117307932921825928971026431\), with [\d,]+ throttled records \(100% of all shards'\) and "
        r"2\d% of the accepted traffic, where an even share is 12\.5%\.$",
        record["message"],
    )
    assert record["hot_shard"] == "shardId-000000000000"


@reaches(Reason.HOT_SHARD_SPLIT)
def test_a_hot_range_is_split_until_it_is_cool(w):
    is_hot(w, HotRange(0, 1 / 12, share=0.65))
    w.run(2)
    before = throttled_share(w, 2)
    assert before > 0.3
    w.run(45)
    assert throttled_share(w, 5) < before / 10
    assert [status for status, _ in hot_splits(w)] == ["SUCCEEDED"] * 3
    assert w.shards() == 15
    assert {shard_count(alarm) for alarm in w.alarms().values()} == {15}
    first = next(item for item in w.log() if "heat_kept" in item)
    assert first["message"].startswith("Scaled orders from 12 to 13 shards: ")
    assert first["message"].endswith("; it is split in the middle.")
    assert (len(w.splits), w.reshards) == (3, []), "UpdateShardCount would make the ranges even again"
    held = [
        item["message"] for item in w.log() if (item["action"], item["reason"]) == ("scale-down", "HOT_SHARD_SPLIT")
    ]
    assert held[-1].endswith(" and fewer shards would be even again; a scale-down waits 24 hours after that.")


@reaches(Reason.ONE_HOT_KEY)
def test_one_hot_key_is_found_out_after_two_splits(w):
    is_hot(w, HotKey(0.03, share=0.4))
    w.run(45)
    (_, parent), (_, child) = hot_splits(w)
    assert parent != child
    assert w.shards() == 14
    told = w.log()[-1]
    assert (told["status"], told["reason"]) == ("SKIPPED", "ONE_HOT_KEY")
    assert told["message"].endswith(
        "; one half stayed hot after two splits in a row, so one key is hot, and more shards do not help."
    )
    assert w.reshards == []


@reaches(Reason.NO_TELEMETRY)
def test_missing_metrics_are_not_missing_traffic(w):
    steady(w)
    w.cloudwatch_is_down = True
    w.run(45)
    assert [item["reason"] for item in w.log()] == ["NO_TELEMETRY"]
    assert re.search(
        r"no IncomingBytes and IncomingRecords for \d+ of the last 10 minutes, the first at \d\d:\d\d UTC",
        w.log()[0]["message"],
    )
    assert w.reshards == []


@reaches(Reason.STREAM_TOO_YOUNG)
def test_a_new_stream_is_not_shrunk_before_a_whole_window_is_known(w):
    w.add_stream(shards=8, demand=1.0, scale_down={**QUICK["scale_down"], "datapoints_to_alarm": 4})
    w.run(9)
    [record] = w.log()
    assert record["message"].endswith("it is younger than the scale-down window of 10 minutes.")
    w.run(15)
    assert w.shards() < 8


@reaches(Reason.STALE_NOTIFICATION)
def test_a_notification_from_before_the_last_scaling_is_not_acted_on(w):
    steady(w, scale_up={**QUICK["scale_up"], "cooldown_minutes": 30})
    w.outages = [Outage("GetMetricData")]
    w.demand["orders"] = 7.0
    w.run_until(lambda: any(each.attempt == 3 for each in w.invocations("alarm")))
    w.outages = []
    w.run_until(lambda: "SUCCEEDED" in w.statuses())
    w.demand["orders"] = 13.0
    w.run_until(lambda: w.alarms()["scale-up"]["StateValue"] == "ALARM")
    letter, *_ = w.dead_letters()  # a reconcile may also have failed permanently
    w.invoke(letter["requestPayload"])
    record = next(item for item in w.log() if item["reason"] == "STALE_NOTIFICATION")
    assert record["message"] == "Left orders alone: the alarm fired before the stream's latest scaling began."
    assert len(w.reshards) == 1


@reaches(Reason.DRY_RUN, DRY_RUN="true")
def test_a_dry_run_records_every_transition_and_changes_nothing(w):
    steady(w)
    before = {action: shard_count(alarm) for action, alarm in w.alarms().items()}
    for transitions in (1, 2, 3):
        w.demand["orders"] = 7.0
        w.run(3)
        [record] = w.log()
        assert record["occurrences"] == transitions
        w.demand["orders"] = 4.0
        w.run(4)
    assert record["status"] == "SKIPPED"
    assert record["message"].startswith("Dry run, would scale orders from 8 to 14 shards: peak demand 7.0 shards")
    w.demand["orders"] = 1.0
    w.run(12)
    assert w.log()[-1]["message"].startswith("Dry run, would scale orders from 8 to 4 shards")
    assert w.reshards == []
    assert {action: shard_count(alarm) for action, alarm in w.alarms().items()} == before
    assert w.shards() == 8


@reaches(Reason.DRY_RUN, DRY_RUN="true")
def test_a_dry_run_goes_on_looking_at_an_alarm_that_stays(w):
    steady(w)
    w.demand["orders"] = 7.0
    w.run(40)
    assert sum(record["occurrences"] for record in w.log()) >= 3
    assert w.reshards == []


@reaches(Reason.PAUSED)
def test_a_request_does_not_move_a_paused_stream(w):
    steady(w)
    w.pause("scale-up")
    assert scale(w, 12)["reason"] == "PAUSED"
    [record] = w.log()
    assert record["message"].endswith("the actions of kinesis-autoscaler/orders/scale-up are disabled.")
    assert w.reshards == []


@reaches(Reason.HIGH_DEMAND)
def test_a_paused_alarm_scales_nothing_until_it_is_enabled_again(w):
    steady(w)
    w.pause("scale-up")
    w.demand["orders"] = 7.0
    w.run(30)
    assert w.log() == []
    w.pause("scale-up", paused=False)
    w.run(7)
    assert len(w.reshards) == 1


@reaches(Reason.INVALID_SETTINGS)
def test_a_malformed_tag_is_refused_by_name(w):
    steady(w)
    w.tag_alarms(max_shard_count="many")
    w.demand["orders"] = 7.0
    w.run(4)
    [record] = w.log()
    assert record["message"].startswith(
        'Left orders alone: the alarm tag kinesis-autoscaler:max-shard-count is "many" and must be a whole number'
    )
    assert w.reshards == []
    w.apply()
    w.run(6)
    assert len(w.reshards) == 1


@reaches(Reason.INVALID_SETTINGS)
def test_a_missing_maximum_is_refused_since_it_is_the_ceiling_of_the_cost(w):
    steady(w)
    untag_alarms(w, "max-shard-count")
    w.demand["orders"] = 7.0
    w.run(4)
    [record] = w.log()
    assert "tag kinesis-autoscaler:max-shard-count is missing" in record["message"]
    assert w.reshards == []


@reaches(Reason.HIGH_DEMAND)
def test_other_missing_tags_take_their_defaults(w):
    steady(w, target_utilization=0.5, scale_up={**QUICK["scale_up"], "threshold": 0.9})
    untag_alarms(w, *(name for name in w.tags(w.alarms()["scale-up"]) if name != "max-shard-count"))
    w.demand["orders"] = 7.6
    w.run(4)
    [record] = w.log()
    assert record["to_shard_count"] == 12, "for 80%; 50% would have brought 16"
    w.apply()


@reaches(Reason.INVALID_REQUEST)
def test_a_request_beyond_the_bounds_is_refused_with_the_bounds(w):
    steady(w, min_shard_count=2, max_shard_count=16)
    assert scale(w, 17)["reason"] == scale(w, 1)["reason"] == "INVALID_REQUEST"
    above, below = w.log()
    assert "17 shards were requested, and its bounds are 2 to 16" in above["message"] + below["message"]
    assert w.reshards == []


# Why a scaling was impossible or ended elsewhere


@reaches(Reason.ACCOUNT_SHARD_LIMIT)
def test_an_account_without_room_is_told_apart_from_an_exhausted_quota(w):
    w.aws.streams.account.shard_limit = 9
    steady(w)
    w.demand["orders"] = 7.0
    w.run(30)
    assert {item["status"] for item in w.log()} == {"FAILED"}
    assert "LimitExceededException" in w.log()[0]["error"]
    assert len(w.log()) <= 3, "it is tried again every quarter of an hour, not all the time"


@reaches(Reason.STREAM_MISSING)
def test_the_alarm_of_a_stream_that_was_deleted_is_answered_once(w):
    steady(w)
    w.demand["orders"] = 7.0
    w.run(2)
    w.aws.client("kinesis").delete_stream(StreamName="orders")
    del w.demand["orders"]
    w.run(20)
    [record] = w.log()
    assert record["message"].endswith("there is no stream orders in this account and region.")
    assert [each.error for each in w.aws.functions.invocations if each.error] == []


@reaches(Reason.CALL_REFUSED)
def test_a_call_that_is_not_allowed_fails_four_times_an_hour_rather_than_all_the_time(w):
    steady(w)
    w.before_call = lambda running, call: deny(call) if call.operation == "UpdateShardCount" else None
    w.demand["orders"] = 7.0
    w.run(50)
    record = w.log()[0]
    assert {item["status"] for item in w.log()} == {"FAILED"}
    assert 2 <= len(w.log()) <= 4
    assert record["message"].startswith("Could not scale orders from 8 to 14 shards: ")
    assert "AccessDeniedException" in record["error"]
    w.before_call = None
    w.run(25)
    assert len(w.reshards) == 1


@reaches(Reason.CALL_REFUSED)
def test_a_question_that_is_not_allowed_is_on_record_too(w):
    steady(w)
    w.before_call = lambda running, call: deny(call) if call.operation == "DescribeStreamSummary" else None
    w.demand["orders"] = 7.0
    w.run(8)
    [record] = w.log()
    assert (record["status"], record["call_accepted"]) == ("FAILED", False)
    assert "AccessDeniedException" in record["error"]
    assert len(w.invocations("alarm")) == 1, "no retry could mend it"


@reaches(Reason.INTENT_EXPIRED)
def test_an_intent_that_could_not_be_carried_out_in_time_gives_way_to_a_fresh_decision(w):
    steady(w)
    w.before_call = lambda running, call: crash_at_update(call)
    w.demand["orders"] = 7.0
    w.run(8)
    w.before_call = None
    w.run(8)
    expired, *_, fresh = w.log()
    assert (expired["status"], expired["reason"]) == ("FAILED", "INTENT_EXPIRED")
    assert expired["call_accepted"] is False
    assert (fresh["status"], fresh["reason"]) == ("SUCCEEDED", "HIGH_DEMAND")
    assert len(w.reshards) == 1


@reaches(Reason.STOPPED_SHORT)
def test_a_stream_that_ended_at_another_count_is_reported_with_both(w):
    steady(w)
    w.demand["orders"] = 7.0
    w.run_until(lambda: w.statuses() == ["UPDATING"])
    w.run(2)
    w.aws.streams.model("orders").reshard_by_hand(12, w.now)
    w.run(6)
    [record] = w.log()
    assert record["status"] == "FAILED"
    assert record["error"] == "the stream is ACTIVE with 12 shards, and the target was 14."
    assert {shard_count(alarm) for alarm in w.alarms().values()} == {12}


# The audit item's contract

TYPES: dict[str, type] = {
    "stream_name": str,
    "event_time": str,
    "event_date": str,
    "action": str,
    "status": str,
    "reason": str,
    "message": str,
    "from_shard_count": Decimal,
    "to_shard_count": Decimal,
    "demand_shards": Decimal,
    "utilization": Decimal,
    "alarm_name": str,
    "alarm_reason": str,
    "request_id": str,
    "started_at": str,
    "finished_at": str,
    "error": str,
    "hot_shard": str,
    "heat_kept": Decimal,
    "occurrences": Decimal,
    "last_seen_at": str,
    "expires_at": Decimal,
}
ALWAYS = {
    "stream_name",
    "event_time",
    "event_date",
    "action",
    "status",
    "reason",
    "message",
    "request_id",
    "started_at",
    "occurrences",
    "expires_at",
}
A_SENTENCE = r"[A-Z][^\n]*[^.\s]\."
A_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def broken_promises(item: dict[str, Any]) -> list[str]:
    """Return the deviations of an audit item from its documented form."""
    problems = [f"{name} is missing" for name in ALWAYS - item.keys()]
    problems += [
        f"{name} is a {type(item[name])}"
        for name, kind in TYPES.items()
        if not isinstance(item.get(name, kind()), kind)
    ]
    if not re.fullmatch(A_TIME + "#" + item["action"], item["event_time"]):
        problems.append("event_time is not a time and a direction")
    if item["event_date"] != item["event_time"][:10]:
        problems.append("event_date is another day")
    if not re.fullmatch(A_SENTENCE, item["message"]) or re.search(r"[.!?] +[A-Z]", item["message"]):
        problems.append("message is not one sentence")
    problems += [
        f"{name} is not a time"
        for name in ("started_at", "finished_at", "last_seen_at", "retry_at")
        if name in item and not re.fullmatch(A_TIME, item[name])
    ]
    if item["status"] in ("SUCCEEDED", "FAILED") and "finished_at" not in item:
        problems.append("it has ended and has no finished_at")
    if item["status"] == "FAILED" and not item.get("error"):
        problems.append("it has failed and has no error")
    if item["status"] != "SKIPPED" and not item["message"].startswith("Left "):
        wanting = {"from_shard_count", "to_shard_count"} - item.keys()
        problems += [f"{name} is missing" for name in wanting]
        if not re.search(rf" from {item['from_shard_count']} to {item['to_shard_count']} shards?: ", item["message"]):
            problems.append("message does not tell the shard counts")
    if datetime.fromtimestamp(int(item["expires_at"]), UTC) < datetime.fromisoformat(item["started_at"]):
        problems.append("it expires before it began")
    return problems


# Parts of scenarios


def steady(w: World, *, shards: int = 8, demand: float = 4.0, **settings: Any) -> None:
    """A stream with data of twelve minutes that require no scaling."""
    w.add_stream(shards=shards, demand=demand, **settings)
    w.run(12)
    assert w.log() == []


def is_hot(w: World, hot: HotKey | HotRange, **settings: Any) -> None:
    """A stream that is far from full. Some of its keys get much of the traffic, throttle, and are detected."""
    steady(w, shards=12, demand=5.0, split_hot_shards=True, scale_on_throttling=True, **settings)
    w.aws.client("kinesis").enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["ALL"])
    w.aws.streams.model("orders").keys = Keys(hot=(hot,))


def throttled_share(w: World, minutes: int) -> float:
    """Return the throttled share of the last minutes' traffic."""
    accepted = list(w.accepted_shards["orders"].values())[-minutes:]
    return 1 - sum(accepted) / (w.demand["orders"] * minutes)


def hot_splits(w: World) -> list[tuple[str, str]]:
    """Return the results of the splits of hot shards, and the shard of each."""
    return [(item["status"], item["hot_shard"]) for item in w.log() if "heat_kept" in item]


def scale(w: World, count: int) -> dict[str, Any]:
    return w.invoke({"action": "scale", "stream_name": "orders", "shard_count": count, "reason": "a test"})


def untag_alarms(w: World, *names: str) -> None:
    for alarm in w.alarms().values():
        keys = [f"kinesis-autoscaler:{name}" for name in names]
        w.aws.client("cloudwatch").untag_resource(ResourceARN=alarm["AlarmArn"], TagKeys=keys)


def deny(call) -> None:
    error = {"Code": "AccessDeniedException", "Message": "explicit deny in a service control policy"}
    raise ClientError({"Error": error}, call.operation)


def crash_at_update(call) -> None:
    if call.operation == "UpdateShardCount":
        raise FunctionCrash
