"""What an invocation completes itself, although reconcile would recover it later. Reconcile does not run here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.faults.stage import Actor, Stage
from tests.faults.test_races import dies_before_the_call, lives_for_long, request
from tests.rules import shard_count
from tests.world import World, world

QUICK_RESHARD, SLOW_RESHARD = 20, 300
"""Seconds within which work is done or not done when a retry comes after a minute."""


def it_scales(w: World, s: Stage) -> Actor:
    return s.enter(s.next_from("scale-up"))


def a_scaling_is_under_way(w: World, s: Stage) -> Actor:
    s.enter(request(9)).finish()
    return s.enter(s.next_from("scale-up"))


def somebody_reshards_after_it_has_looked(w: World, s: Stage) -> Actor:
    one = s.enter(s.next_from("scale-up"))
    one.step_to("UpdateShardCount")
    w.aws.client("kinesis").update_shard_count(StreamName="orders", TargetShardCount=9, ScalingType="UNIFORM_SCALING")
    return one


def it_resumes_what_kinesis_has_not_heard_of(w: World, s: Stage) -> Actor:
    return s.enter(dies_before_the_call(w, s))


def it_resumes_what_kinesis_has_accepted(w: World, s: Stage) -> Actor:
    event = s.next_from("scale-up")
    first = s.enter(event)
    first.step_to("PutMetricAlarm")
    first.die()
    first.error = None  # the test makes the retry
    w.aws.clock.advance(timedelta(seconds=61))
    return s.enter(event)


def it_finds_an_intent_that_is_too_old(w: World, s: Stage) -> Actor:
    event = dies_before_the_call(w, s)
    w.aws.clock.advance(timedelta(minutes=5))
    return s.enter(event)


@pytest.mark.parametrize(
    ("invocation", "reshard_seconds", "outcome"),
    [
        (it_scales, SLOW_RESHARD, ("UPDATING", "HIGH_DEMAND")),
        (a_scaling_is_under_way, SLOW_RESHARD, ("SKIPPED", "STREAM_UPDATING")),
        (somebody_reshards_after_it_has_looked, SLOW_RESHARD, ("SKIPPED", "STREAM_UPDATING")),
        (it_resumes_what_kinesis_has_not_heard_of, SLOW_RESHARD, ("UPDATING", "HIGH_DEMAND")),
        (it_resumes_what_kinesis_has_accepted, SLOW_RESHARD, ("UPDATING", "HIGH_DEMAND")),
        (it_resumes_what_kinesis_has_accepted, QUICK_RESHARD, ("SUCCEEDED", "HIGH_DEMAND")),
        (it_finds_an_intent_that_is_too_old, SLOW_RESHARD, ("FAILED", "INTENT_EXPIRED")),
    ],
)
def test_the_alarm_can_fire_again_as_soon_as_the_invocation_has_ended(
    invocation: Callable[[World, Stage], Actor], reshard_seconds: int, outcome: tuple[str, str]
):
    with world(reshard_seconds=reshard_seconds) as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            one = invocation(w, s)
            assert w.alarms()["scale-up"]["StateValue"] == "ALARM"
            one.finish()
            assert (w.statuses()[-1], w.reasons()[-1]) == outcome
            assert w.alarms()["scale-up"]["StateValue"] == "INSUFFICIENT_DATA"
            if outcome[0] in ("UPDATING", "SUCCEEDED"):
                assert {shard_count(alarm) for alarm in w.alarms().values()} == {w.reshards[-1].target} != {8}
        w.calm()
        assert w.broken_rules() == []


def test_a_request_is_resumed_by_its_own_retry():
    with world() as w:
        lives_for_long(w)
        with Stage(w) as s:
            first = s.enter(request(12), "the request")
            first.step_to("UpdateShardCount")
            first.die()
            first.error = None  # the test makes the retry
            w.aws.clock.advance(timedelta(seconds=61))
            s.enter(request(12), "the request").finish()
            assert w.statuses()[-1] == "UPDATING"
            assert w.reshards[-1].target == 12
        w.calm()
        assert w.broken_rules() == []
