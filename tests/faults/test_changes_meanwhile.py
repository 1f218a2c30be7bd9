"""Changes that users make while the function works, or between a crash and its retry, are kept."""

from __future__ import annotations

import pytest

from simulator.local_aws.function import FunctionCrash
from tests.faults.stage import Stage
from tests.faults.test_races import RECONCILE, dies_before_the_call, lives_for_long
from tests.world import World, world


def leaves_an_intent(w: World, load: float) -> None:
    """The first delivery crashes after it has recorded its intent and before it calls Kinesis."""
    lives_for_long(w)
    w.demand["orders"] = load

    def die(running, call):
        if call.operation == "UpdateShardCount":
            raise FunctionCrash

    w.before_call = die
    w.run_until(lambda: "PENDING" in w.statuses())
    w.before_call = None


def pauses(w: World) -> None:
    w.pause("scale-up", "scale-down")


def lowers_the_maximum(w: World) -> None:
    w.apply(max_shard_count=10)


def raises_the_minimum(w: World) -> None:
    w.apply(min_shard_count=7)


def breaks_the_settings(w: World) -> None:
    w.tag_alarms(max_shard_count="plenty")


def begins_a_dry_run(w: World) -> None:
    function = w.aws.client("lambda").get_function(FunctionName=w.deployment.function_name)["Configuration"]
    variables = {**function["Environment"]["Variables"], "DRY_RUN": "true"}
    w.aws.client("lambda").update_function_configuration(
        FunctionName=w.deployment.function_name, Environment={"Variables": variables}
    )


@pytest.mark.parametrize(
    ("load", "changes_their_mind", "why"),
    [
        (7.0, pauses, "the actions of kinesis-autoscaler/orders/scale-up are now disabled"),
        (7.0, lowers_the_maximum, "the bounds are 1 to 10 now"),
        (7.0, breaks_the_settings, "the settings can't be read now"),
        (7.0, begins_a_dry_run, "dry_run is now on"),
        (1.0, pauses, "the actions of kinesis-autoscaler/orders/scale-down are now disabled"),
        (1.0, raises_the_minimum, "the bounds are 7 to 64 now"),
    ],
)
def test_an_intent_is_not_carried_out_after_the_user_has_changed_their_mind(load, changes_their_mind, why):
    with world() as w:
        leaves_an_intent(w, load)
        intent = w.log()[-1]
        changes_their_mind(w)
        w.run(2)
        [record] = [item for item in w.log() if item["event_time"] == intent["event_time"]]
        assert (record["status"], record["reason"]) == ("FAILED", "INTENT_EXPIRED")
        assert record["message"].endswith(f"the call was never made, and {why}.")
        assert record["call_accepted"] is False
        assert intent["event_time"] not in {call.event_time for call in w.reshards}
        if changes_their_mind is breaks_the_settings:
            w.apply()
        w.calm()
        assert w.broken_rules() == []


def a_stream_under_its_minimum(w: World, s: Stage) -> None:
    w.apply(min_shard_count=10)


def an_intent_to_resume(w: World, s: Stage) -> None:
    dies_before_the_call(w, s)


def alarms_to_repair(w: World, s: Stage) -> None:
    w.write_shard_count(5)


@pytest.mark.parametrize("task", [a_stream_under_its_minimum, an_intent_to_resume, alarms_to_repair])
def test_what_reconcile_writes_it_has_not_read_with_the_list_of_all_alarms(task):
    """A run over thousands of streams takes minutes, during which users make changes."""
    with world() as w:
        lives_for_long(w)
        with Stage(w) as s:
            task(w, s)
            reconcile = s.enter(RECONCILE)
            reconcile.step_to("DescribeStreamSummary")
            w.change_alarm("scale-up", AlarmDescription="Ask Mary before you touch it.")
            w.change_alarm("scale-down", Threshold=0.2)
            reconcile.finish()
        w.calm()
        assert w.broken_rules() == []
        assert w.shards() > 8 or task is alarms_to_repair


@pytest.mark.parametrize("task", [a_stream_under_its_minimum, an_intent_to_resume])
def test_reconcile_does_not_scale_what_was_paused_after_it_had_listed_the_alarms(task):
    with world() as w:
        lives_for_long(w)
        with Stage(w) as s:
            task(w, s)
            reconcile = s.enter(RECONCILE)
            reconcile.step_to("DescribeStreamSummary")
            pauses(w)
            reconcile.finish()
        w.calm()
        assert w.broken_rules() == []
        assert w.shards() == 8


def test_reconcile_does_not_wake_an_alarm_that_was_paused_after_it_had_listed_the_alarms():
    with world() as w:
        lives_for_long(w, max_shard_count=8)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            s.next_from("scale-up")  # its notification is lost
            w.run(5)
            reconcile = s.enter(RECONCILE)
            reconcile.step_to("DescribeStreamSummary")
            pauses(w)
            reconcile.finish()
            assert w.alarms()["scale-up"]["StateValue"] == "ALARM"


def begins_to_scale(w: World) -> None:
    lives_for_long(w)
    w.demand["orders"] = 7.0
    w.run_until(lambda: w.statuses()[-1] == "UPDATING")


def dies_with_an_intent(w: World) -> None:
    leaves_an_intent(w, 7.0)


def deletes_the_alarms(w: World) -> None:
    w.delete_alarm("scale-up")
    w.delete_alarm("scale-down")


def deletes_the_stream(w: World) -> None:
    w.demand.clear()
    w.aws.client("kinesis").delete_stream(StreamName="orders")


def deletes_both(w: World) -> None:
    deletes_the_alarms(w)
    deletes_the_stream(w)


def switches_to_on_demand(w: World) -> None:
    w.run(2)  # Kinesis does not switch the mode of a stream during a reshard
    w.switch_mode("ON_DEMAND")


@pytest.mark.parametrize(
    ("begun", "user", "end"),
    [
        (begins_to_scale, deletes_the_alarms, ("SUCCEEDED", "HIGH_DEMAND")),
        (begins_to_scale, deletes_the_stream, ("FAILED", "STREAM_MISSING")),
        (begins_to_scale, deletes_both, ("FAILED", "STREAM_MISSING")),
        (begins_to_scale, switches_to_on_demand, ("FAILED", "ON_DEMAND_STREAM")),
        (dies_with_an_intent, deletes_the_alarms, ("FAILED", "INTENT_EXPIRED")),
        (dies_with_an_intent, deletes_the_stream, ("FAILED", "STREAM_MISSING")),
        (dies_with_an_intent, deletes_both, ("FAILED", "STREAM_MISSING")),
    ],
)
def test_what_was_begun_has_an_end_though_nothing_is_left_to_look_after(begun, user, end):
    with world() as w:
        begun(w)
        user(w)
        w.run(12)
        assert (w.statuses()[-1], w.reasons()[-1]) == end
        assert all(record["finished_at"] for record in w.log())
