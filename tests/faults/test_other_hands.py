"""Changes by people, Terraform and AWS between two checks of the function: it detects, records and corrects them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from simulator.local_aws.function import ApiCall
from tests.faults.stage import Stage
from tests.faults.test_races import lives_for_long, request
from tests.integration import test_consumers as consumers
from tests.rules import shard_count
from tests.world import BRISK, QUICK, Outage, World, world


def steps(w: World) -> list[tuple[str, str, int, int]]:
    """Status, reason and counts of all records except checks."""
    return [
        (item["status"], item["reason"], int(item["from_shard_count"]), int(item["to_shard_count"]))
        for item in w.log()
        if "to_shard_count" in item and item["status"] != "SKIPPED"
    ]


class TestReshardedByHand:
    def test_it_goes_on_record_once_and_counts_against_the_days_calls(self):
        with world() as w:
            lives_for_long(w)
            w.demand["orders"] = 3.0
            w.reshard_by_hand(12)
            w.run(20)
            noted = [item for item in w.log() if item["reason"] == "RESHARDED_ELSEWHERE"]
            assert [(item["status"], int(item["from_shard_count"]), int(item["to_shard_count"])) for item in noted] == [
                ("SUCCEEDED", 8, 12)
            ]
            assert "seen at" in noted[0]["message"]
            assert w.broken_rules() == []

    def test_an_alarm_that_comes_before_reconcile_notes_it_too(self):
        with world() as w:
            lives_for_long(w)
            w.run_until(lambda: w.now.minute % 5 == 0)
            w.reshard_by_hand(10)
            w.demand["orders"] = 9.0
            w.run(15)
            assert ("SUCCEEDED", "RESHARDED_ELSEWHERE", 8, 10) in steps(w)
            assert any(reason == "HIGH_DEMAND" and start == 10 for _, reason, start, _ in steps(w))
            assert w.broken_rules() == []

    def test_an_old_plan_that_is_applied_is_no_reshard(self):
        with world() as w:
            lives_for_long(w)
            w.apply(planned_for=6)
            w.run(12)
            assert [reason for _, reason, _, _ in steps(w)] == ["REQUESTED"]
            assert {shard_count(alarm) for alarm in w.alarms().values()} == {8}

    @pytest.mark.parametrize("by_whom", ["a manual reshard", "an apply that takes it away", "nobody: it is new"])
    def test_consumers_get_the_concurrency_that_the_shards_ask_for(self, by_whom):
        with world() as w:
            consumers.add_function(w, "reader")
            w.add_stream(consumer_functions={"reader": 2}, **{**QUICK, "max_shard_count": 12})
            functions = w.aws.client("lambda")
            if by_whom != "nobody: it is new":
                w.run(12)
            if by_whom == "a manual reshard":
                w.reshard_by_hand(12)
                w.demand["orders"] = 6.0
            elif by_whom == "an apply that takes it away":
                functions.delete_function_concurrency(FunctionName="reader")
            w.run(12)
            assert consumers.concurrency(w) == 2 * w.shards()


class TestDirectionOfARequest:
    def test_it_is_that_from_the_shards_there_are_not_from_what_an_alarm_holds(self):
        with world() as w:
            lives_for_long(w)
            w.pause("scale-down")
            w.run_until(lambda: w.now.minute % 5 == 0)
            w.reshard_by_hand(12)
            assert w.invoke(request(10))["reason"] == "PAUSED"


class TestAppliesMeanwhile:
    @pytest.mark.parametrize(
        "before",
        ["Query", "DescribeStreamSummary", "GetMetricData", "TransactWriteItems", "UpdateShardCount", "PutMetricAlarm"],
    )
    def test_a_threshold_that_is_changed_during_a_scaling_stays(self, before):
        with world() as w:
            lives_for_long(w)
            w.demand["orders"] = 7.0
            with Stage(w) as s:
                scaling = s.enter(s.next_from("scale-up"))
                scaling.step_to(before)
                w.change_alarm("scale-down", Threshold=0.2)
                scaling.finish()
            w.calm()
            assert w.alarms()["scale-down"]["Threshold"] == 0.2
            assert w.broken_rules() == []

    def test_a_maximum_that_is_lowered_below_the_count_is_stepped_down_to_and_recorded(self):
        with world() as w:
            w.add_stream(shards=16, demand=7.0, **QUICK)
            w.run(15)
            w.apply(max_shard_count=12)
            w.run(60)
            assert w.shards() == 12
            assert "ABOVE_MAXIMUM" in w.reasons()
            assert w.broken_rules() == []


class TestHeldAndLateEvents:
    def test_a_call_counts_by_its_own_time_though_its_event_was_held_for_hours(self):
        with world() as w:
            lives_for_long(w)
            w.demand["orders"] = 7.0
            with Stage(w) as s:
                held = s.next_from("scale-up")
                w.aws.clock.advance(timedelta(hours=23))
                w.run(6)
                before = len(w.reshards)
                w.send(held)
                w.aws.clock.advance(timedelta(hours=3))
            w.run(6)
            assert len(w.reshards) >= before
            assert w.broken_rules() == []

    def test_an_alarm_that_still_reads_ok_seconds_after_its_message_is_read_once_more(self):
        with world() as w:
            lives_for_long(w)
            w.demand["orders"] = 7.0
            with Stage(w) as s:
                event = s.next_from("scale-up")
                w.aws.client("cloudwatch").set_alarm_state(
                    AlarmName=w.alarms()["scale-up"]["AlarmName"], StateValue="OK", StateReason="stale"
                )
                actor = s.enter(event)
                actor.step_to("DescribeAlarms")
                actor.step()
                w.aws.client("cloudwatch").set_alarm_state(
                    AlarmName=w.alarms()["scale-up"]["AlarmName"], StateValue="ALARM", StateReason="in step again"
                )
                actor.finish()
            w.run(3)
            assert w.shards() > 8

    def test_a_retry_a_second_early_finds_the_lease_expired(self):
        with world() as w:
            lives_for_long(w)
            w.demand["orders"] = 7.0
            with Stage(w) as s:
                event = s.next_from("scale-up")
                first = s.enter(event)
                first.step_to("UpdateShardCount")
                first.die()
                first.error = None
                w.aws.clock.advance(timedelta(seconds=55))
                s.enter(event).finish()
                assert w.statuses()[-1] == "UPDATING"
            w.calm()
            assert w.broken_rules() == []


class TestAnswersOfKinesis:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("the number of concurrent stream requests exceeds the maximum", "CALL_REFUSED"),
            ("This request would exceed the shard limit for the account 1 in us-east-1.", "ACCOUNT_SHARD_LIMIT"),
            ("Request is forbidden for now.", "QUOTA_EXHAUSTED"),
        ],
    )
    def test_a_refusal_is_over_soon_after_its_cause(self, text, reason):
        with world() as w:
            lives_for_long(w)
            w.demand["orders"] = 7.9
            over = w.now + timedelta(minutes=6)

            def refuse(running, call: ApiCall) -> None:
                if call.operation == "UpdateShardCount" and w.now < over:
                    raise ClientError({"Error": {"Code": "LimitExceededException", "Message": text}}, call.operation)

            w.before_call = refuse
            w.run(6)
            assert reason in w.reasons()
            w.run(22)
            assert w.shards() > 8
            assert w.broken_rules() == []

    def test_the_lost_answer_of_the_last_write_costs_neither_metric_nor_report(self):
        with world() as w:
            lives_for_long(w)
            w.demand["orders"] = 7.0
            w.outages = [Outage("PutItem", times=1, kind="alarm", carried_out=True)]
            before = len(w.aws.functions.invocations)
            w.run_until(lambda: len(w.reshards) > 1 and w.statuses()[-1] == "UPDATING", 10)
            lines = [line for each in w.aws.functions.invocations[before:] for line in each.logs]
            assert any(line.get("ScaleUps") == 1 for line in lines)


class TestRecordsOfADay:
    def test_what_stands_for_days_is_on_record_every_day(self):
        with world() as w:
            w.add_stream(shards=8, demand=7.5, **{**BRISK, "max_shard_count": 8})
            for _ in range(2):
                w.run(20)
                w.aws.clock.advance(timedelta(hours=23, minutes=40))
            w.run(10)
            assert len({item["event_date"] for item in w.log() if item["reason"] == "AT_MAXIMUM"}) == 3

    def test_a_stream_at_its_maximum_is_looked_at_once_an_hour(self):
        with world() as w:
            w.add_stream(shards=8, demand=7.5, **{**BRISK, "max_shard_count": 8})
            w.run(180)
            looks = sum(int(item["occurrences"]) for item in w.log() if item["reason"] == "AT_MAXIMUM")
            assert 2 <= looks <= 4

    def test_a_maximum_that_is_raised_is_used_within_one_reconcile(self):
        with world() as w:
            w.add_stream(shards=8, demand=7.5, **{**BRISK, "max_shard_count": 8})
            w.run(20)
            w.apply(max_shard_count=16)
            w.run(8)
            assert w.shards() > 8
