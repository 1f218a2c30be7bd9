"""The alarms on the autoscaler itself: each fires for its cause, and ends after its cause."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.deployment import add_health_alarms
from simulator.local_aws.function import ApiCall, FunctionCrash
from tests.integration.people import TOPIC_ARN, People
from tests.world import Outage, Running, World, world


@pytest.fixture
def w():
    """A steady stream, watched by health alarms that have seen a few reconciles."""
    with world() as w:
        w.people = People(w.aws)
        w.add_stream()
        w.run(20)
        add_health_alarms(w.aws, [TOPIC_ARN])
        w.run(2)
        assert unwell(w) == set()
        yield w


def unwell(w: World) -> set[str]:
    """The health alarms that are in ALARM."""
    found = w.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="kinesis-autoscaler-health-", StateValue="ALARM")
    return {alarm["AlarmName"].removeprefix("kinesis-autoscaler-health-") for alarm in found["MetricAlarms"]}


def deny(operation: str) -> Any:
    def before(running: Running, call: ApiCall) -> None:
        if call.operation == operation:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, operation)

    return before


def test_an_autoscaler_at_its_work_sets_none_off(w):
    w.demand["orders"] = 7.0
    w.run(40)
    assert w.shards() > 8
    assert unwell(w) == set()
    assert [message.subject for message in w.people.messages() if "ALARM:" in message.subject] == []


def test_a_scaling_that_fails_sets_off_failures_and_people_hear_of_it_and_of_its_end(w):
    w.before_call = deny("UpdateShardCount")
    w.demand["orders"] = 7.0
    w.run_until(lambda: unwell(w) == {"failures"}, at_most=6)
    w.before_call = None
    w.run_until(lambda: unwell(w) == set(), at_most=15)
    subjects = [message.subject for message in w.people.messages()]
    assert [subject for subject in subjects if subject.startswith("ALARM:")] == [
        'ALARM: "kinesis-autoscaler-health-failures" in US East (N. Virginia)'
    ]
    assert subjects[-1].startswith('OK: "kinesis-autoscaler-health-failures"')


def test_a_function_that_keeps_failing_sets_off_errors_dead_letters_and_no_reconcile(w):
    w.outages = [Outage("Query", kind="reconcile")]
    w.run_until(lambda: unwell(w) == {"function-errors", "dead-letters", "no-reconcile"}, at_most=60)


def test_an_error_that_a_retry_has_healed_sets_off_none(w):
    def crash_once(running: Running, call: ApiCall) -> None:
        if running.kind == "reconcile":
            w.before_call = None
            raise FunctionCrash

    w.before_call = crash_once
    w.run(15)
    assert [each.attempt for each in w.aws.functions.invocations if each.error] == [1]
    assert unwell(w) == set()


def test_a_function_held_back_for_a_quarter_of_an_hour_sets_off_throttles(w):
    for minute in range(18):
        dimensions = {"FunctionName": w.deployment.function_name}
        w.aws.store.put("AWS/Lambda", "Throttles", dimensions, w.now, sum=3.0)
        w.run(1)
        assert minute > 10 or unwell(w) == set()
    assert unwell(w) == {"function-throttles"}
    w.run(10)
    assert unwell(w) == set()


def test_a_schedule_that_stops_sets_off_no_reconcile_within_twenty_minutes(w):
    scheduler = w.aws.client("scheduler")
    [schedule] = scheduler.list_schedules()["Schedules"]
    scheduler.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
    w.run(12)
    assert unwell(w) == set()
    w.run(8)
    assert unwell(w) == {"no-reconcile"}
    w.reconcile()
    w.run(3)
    assert unwell(w) == set()


def test_a_stream_at_its_maximum_under_load_is_told_as_long_as_the_load_lasts(w):
    w.tag_alarms(max_shard_count="8")
    w.demand["orders"] = 7.5
    w.run_until(lambda: unwell(w) == {"at-maximum"}, at_most=6)
    for _ in range(60):
        w.run(1)
        assert unwell(w) == {"at-maximum"}
    w.demand["orders"] = 4.0
    w.run_until(lambda: unwell(w) == set(), at_most=80)


def test_a_stream_that_has_had_all_its_changes_of_the_day_is_told(w):
    for count in range(9, 19):
        w.invoke({"action": "scale", "stream_name": "orders", "shard_count": count, "reason": "a test"})
        w.run(2)
    assert unwell(w) == set()
    w.demand["orders"] = 17.0
    w.run_until(lambda: unwell(w) == {"quota-exhausted"}, at_most=6)
