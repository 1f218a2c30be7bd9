"""Concurrent invocations, in every relevant order of their calls. The rules still hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.faults.copies import in_a_copy
from tests.faults.effort import SOAK, effort
from tests.faults.stage import Actor, Stage, alarm_name
from tests.rules import shard_count
from tests.world import BRISK, World, world

RECONCILE = {"action": "reconcile"}
AN_INSTANT = 1
"""Seconds of a reshard that is too fast for Kinesis to refuse a second one. Only the audit table can prevent it."""
USUAL = 90
ALL = 99
"""More calls than any invocation makes."""
TELLING = ["TransactWriteItems", "UpdateShardCount"]
"""Before these calls, an invocation has read all that it decides on. Others don't know yet what it is about to do."""


def request(shards: int) -> dict[str, Any]:
    return {"action": "scale", "stream_name": "orders", "shard_count": shards, "reason": "the launch"}


def lives_for_long(w: World, **settings: Any) -> None:
    """A stream of 8 shards under constant load, which was scaled once some time ago."""
    w.add_stream(shards=6, demand=4.0, **{**BRISK, **settings})
    w.invoke(request(8))
    w.run(6)
    assert w.statuses() == ["SUCCEEDED"]


def was_never_scaled(w: World, **settings: Any) -> None:
    """A stream of 8 shards under constant load, without any record."""
    w.add_stream(shards=8, demand=4.0, **{**BRISK, **settings})
    w.run(6)


def places(alone: Callable[[int], list[str]], *, thorough: bool) -> Iterable[int | str]:
    """Where an invocation is stopped: before each of the calls that it makes alone and at its end, or at TELLING."""
    if not (SOAK or thorough):
        return TELLING
    calls = in_a_copy(alone, ALL)
    assert len(calls) >= 5, "an invocation that makes no calls meets nobody"
    return range(len(calls) + 1)


def stop(one: Actor, place: int | str) -> None:
    """Run until it has made this many calls, until this call, or to its end."""
    while place not in (len(one.calls) - 1, one.waits_for) and one.step():
        pass


# The concurrent events. Each function returns two events.


def one_scale_up_twice(w: World, s: Stage) -> list[dict[str, Any]]:
    w.demand["orders"] = 7.0
    return [s.next_from("scale-up")] * 2


def one_scale_down_twice(w: World, s: Stage) -> list[dict[str, Any]]:
    w.demand["orders"] = 1.0
    return [s.next_from("scale-down")] * 2


def an_alarm_and_a_request(w: World, s: Stage) -> list[dict[str, Any]]:
    w.demand["orders"] = 7.0
    return [s.next_from("scale-up"), request(10)]


def a_scale_down_and_a_request(w: World, s: Stage) -> list[dict[str, Any]]:
    w.demand["orders"] = 1.0
    return [s.next_from("scale-down"), request(10)]


def two_requests(w: World, s: Stage) -> list[dict[str, Any]]:
    return [request(10), request(12)]


def an_alarm_and_a_reconcile_that_raises_to_the_minimum(w: World, s: Stage) -> list[dict[str, Any]]:
    w.demand["orders"] = 7.0
    up = s.next_from("scale-up")
    w.apply(min_shard_count=10)
    return [up, RECONCILE]


def two_reconciles_that_raise_to_the_minimum(w: World, s: Stage) -> list[dict[str, Any]]:
    w.apply(min_shard_count=10)
    return [RECONCILE, RECONCILE]


def a_request_and_a_reconcile_of_a_silent_stream(w: World, s: Stage) -> list[dict[str, Any]]:
    del w.demand["orders"]
    for _ in range(30):
        w.run(1)
        s.proves_delivery()
    return [request(10), RECONCILE]


def an_alarm_and_a_reconcile_that_finishes_the_scaling_before(w: World, s: Stage) -> list[dict[str, Any]]:
    w.demand["orders"] = 7.0
    s.enter(request(9)).finish()
    w.run(3)
    assert w.statuses()[-1] == "UPDATING"
    return [s.next_from("scale-up"), RECONCILE]


def a_retry_and_a_reconcile_after_a_crash(w: World, s: Stage) -> list[dict[str, Any]]:
    up = dies_before_the_call(w, s)
    return [up, RECONCILE]


def two_retries_after_a_crash(w: World, s: Stage) -> list[dict[str, Any]]:
    up = dies_before_the_call(w, s)
    return [up, up]


def dies_before_the_call(w: World, s: Stage) -> dict[str, Any]:
    """An invocation leaves its intent behind, and its lease expires."""
    w.demand["orders"] = 7.0
    up = s.next_from("scale-up")
    first = s.enter(up)
    first.step_to("UpdateShardCount")
    first.die()
    first.error = None  # the test makes the retry
    w.aws.clock.advance(timedelta(seconds=61))
    return up


@dataclass(frozen=True)
class Meeting:
    """Two concurrent events, their stream, and its settings."""

    events: Callable[[World, Stage], list[dict[str, Any]]]
    settings: dict[str, Any] = field(default_factory=dict)
    stream: Callable[..., None] = lives_for_long

    def prepare(self, w: World) -> None:
        self.stream(w, **self.settings)

    @property
    def name(self) -> str:
        return self.events.__name__ + ("" if self.stream is lives_for_long else f" {self.stream.__name__}")


BOTH_WOULD_SCALE = [
    Meeting(one_scale_up_twice),
    Meeting(one_scale_down_twice),
    Meeting(an_alarm_and_a_request),
    Meeting(a_scale_down_and_a_request),
    Meeting(two_requests),
    Meeting(an_alarm_and_a_reconcile_that_raises_to_the_minimum),
    Meeting(two_reconciles_that_raise_to_the_minimum),
    Meeting(a_request_and_a_reconcile_of_a_silent_stream),
    Meeting(a_retry_and_a_reconcile_after_a_crash),
    Meeting(two_retries_after_a_crash),
    # Here, only the key of the record shows that two deliveries are of the same event.
    Meeting(one_scale_up_twice, stream=was_never_scaled),
    Meeting(one_scale_down_twice, stream=was_never_scaled),
    Meeting(two_retries_after_a_crash, stream=was_never_scaled),
    Meeting(a_retry_and_a_reconcile_after_a_crash, stream=was_never_scaled),
]
AT_EVERY_CALL = [Meeting(an_alarm_and_a_request)]
"""The pair that `make test` stops before each call, and not only before calls that write shared knowledge."""
MEETINGS = [*BOTH_WOULD_SCALE, Meeting(an_alarm_and_a_reconcile_that_finishes_the_scaling_before)]
REFUSED_BY_KINESIS = [*AT_EVERY_CALL, Meeting(one_scale_up_twice), Meeting(a_retry_and_a_reconcile_after_a_crash)]
ALIKE = {one_scale_up_twice, one_scale_down_twice, two_reconciles_that_raise_to_the_minimum, two_retries_after_a_crash}
"""Meetings of two equal events, where it does not matter which is stopped."""


def meetings() -> Iterator[Any]:
    """Each meeting, which of its events are stopped, in turn, and how long a reshard takes.

    A reshard of the usual time has Kinesis refuse a second call, so that outside of the soak it is tried in a few.
    """
    for each in MEETINGS:
        both = each.events not in ALIKE and (SOAK or each.stream is lives_for_long)
        yield pytest.param(each, (0, 1) if both else (0,), AN_INSTANT, id=each.name)
        if SOAK or each in REFUSED_BY_KINESIS:
            yield pytest.param(each, (0,), USUAL, id=f"{each.name}, with a reshard of the usual time")


def each_would_scale_if_it_were_alone(w: World, s: Stage, events: list[dict[str, Any]]) -> None:
    def alone(event: dict[str, Any]) -> None:
        before = len(w.reshards)
        s.enter(event).finish()
        assert len(w.reshards) == before + 1, event

    for event in events[:1] if events[0] == events[1] else events:
        in_a_copy(alone, event)


@pytest.mark.parametrize(("meeting", "stopped", "reshard_seconds"), [*meetings()])
def test_one_invocation_runs_between_two_calls_of_another(meeting, stopped, reshard_seconds):
    """Between any two calls for one pair, and for the others where it matters most."""
    with world(reshard_seconds=reshard_seconds) as w:
        meeting.prepare(w)
        with Stage(w) as s:
            events = meeting.events(w, s)
            assert (events[0] == events[1]) == (meeting.events in ALIKE)
            if meeting in BOTH_WOULD_SCALE and reshard_seconds == AN_INSTANT:
                each_would_scale_if_it_were_alone(w, s, events)

            def meet(place: int | str, first: int) -> list[str]:
                one = s.enter(events[first])
                stop(one, place)
                s.enter(events[1 - first]).finish()
                w.aws.clock.advance(timedelta(seconds=2))
                one.finish()
                assert s.blind == [], (place, first, w.log())
                s.end()
                w.calm(7)
                assert w.broken_rules() == [], (place, first, w.log())
                return one.calls

            for first in stopped:
                thorough = meeting in AT_EVERY_CALL and (first, reshard_seconds) == (0, AN_INSTANT)
                for place in places(partial(meet, first=first), thorough=thorough):
                    in_a_copy(meet, place, first)


@pytest.mark.parametrize("meeting", [an_alarm_and_a_request, two_requests], ids=lambda each: each.__name__)
def test_the_head_tells_a_streams_very_first_scalings_of_each_other(meeting):
    """There is no earlier record, and the reshard is over before Kinesis could refuse the second call."""
    with world(reshard_seconds=AN_INSTANT) as w:
        was_never_scaled(w)
        with Stage(w) as s:
            events = meeting(w, s)

            def meet(place: int | str) -> list[str]:
                one = s.enter(events[0])
                stop(one, place)
                s.enter(events[1]).finish()
                w.aws.clock.advance(timedelta(seconds=2))
                one.finish()
                assert s.blind == [], w.log()
                s.end()
                w.calm(7)
                assert w.broken_rules() == [], w.log()
                return one.calls

            for place in places(meet, thorough=False):
                in_a_copy(meet, place)


@pytest.mark.parametrize("action", ["scale-up", "scale-down"])
def test_one_event_delivered_twenty_times_at_once_scales_once(action):
    """Both run to a call in parallel, and then one after the other, the later one first."""
    with world(reshard_seconds=AN_INSTANT) as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0 if action == "scale-up" else 1.0
        with Stage(w) as s:
            event = s.next_from(action)
            before = len(w.reshards)

            def part_after(place: int | str) -> list[str]:
                deliveries = [s.enter(event) for _ in range(20)]
                for delivery in deliveries:
                    stop(delivery, place)
                for delivery in reversed(deliveries):
                    delivery.finish()
                assert len(w.reshards) == before + 1, w.log()
                assert [each.error for each in deliveries] == [None] * 20
                s.end()
                w.calm(7)
                assert w.broken_rules() == [], w.log()
                return deliveries[-1].calls

            for place in places(part_after, thorough=False):
                in_a_copy(part_after, place)


@given(schedule=st.lists(st.integers(0, 4), max_size=60), reshard_seconds=st.sampled_from([AN_INSTANT, 10, USUAL]))
@example(schedule=[], reshard_seconds=AN_INSTANT)
@settings(max_examples=effort(7), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_five_invocations_interleave_call_by_call(schedule, reshard_seconds):
    """The scale-up twice, a request, and two reconciles that would both raise the stream to its minimum."""
    with world(reshard_seconds=reshard_seconds) as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            up = s.next_from("scale-up")
            w.apply(min_shard_count=10)
            actors = [s.enter(event) for event in (up, up, request(12), RECONCILE, RECONCILE)]
            for number in schedule:
                actors[number].step()
            for actor in actors:
                actor.finish()
            assert s.blind == [], w.log()
        w.calm()
        assert w.broken_rules() == [], w.log()


STALLS = [timedelta(seconds=61), timedelta(seconds=21), timedelta(minutes=7)]
TAKEOVERS = [*product(["the retry", "reconcile"], [AN_INSTANT, USUAL], STALLS)]
"""Who takes over, how long a reshard takes, and how long the first one stalls."""


def alters_one_thing(takeover: tuple[object, ...]) -> bool:
    """Whether a takeover differs from the first one in no more than one respect."""
    return sum(one != other for one, other in zip(takeover, TAKEOVERS[0], strict=True)) <= 1


@pytest.mark.parametrize(
    ("takes_over", "reshard_seconds", "stall"), [each for each in TAKEOVERS if SOAK or alters_one_thing(each)], ids=str
)
def test_whoever_stalls_past_its_lease_does_not_act_on_it_any_more(takes_over, reshard_seconds, stall):
    """It stalls after an answer has arrived. The moment between reading the clock and the call can't be protected."""
    with world(reshard_seconds=reshard_seconds) as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            event = s.next_from("scale-up")

            def stall_after(place: int | str) -> list[str]:
                one, stalled = s.enter(event), []

                def stalls(running, call):
                    if running is one.running and place in (running.calls, call.operation):
                        stalled.append(call)
                        w.aws.clock.advance(stall)
                        s.enter(event if takes_over == "the retry" else RECONCILE, one.aws_request_id).finish()
                        w.aws.clock.advance(timedelta(seconds=2))

                w.after_call = stalls
                one.finish()
                w.after_call = None
                assert len(stalled) == (place not in (0, ALL))
                assert s.blind == [], (place, w.log())
                s.end()
                w.calm(7)
                assert w.broken_rules() == [], (place, w.log())
                assert w.shards() > 8
                return one.calls

            thorough = (takes_over, reshard_seconds, stall) == TAKEOVERS[0]
            for place in places(stall_after, thorough=thorough):
                in_a_copy(stall_after, place)


def test_events_that_arrive_in_reverse_order_scale_once():
    with world() as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            events = []
            for _ in range(3):  # the alarm is re-armed and fires again
                events.append(s.next_from("scale-up"))
                w.aws.client("cloudwatch").set_alarm_state(
                    AlarmName=alarm_name(events[-1]), StateValue="INSUFFICIENT_DATA", StateReason="by hand"
                )
            events.append(s.next_from("scale-up"))
            before = len(w.reshards)
            for event in reversed(events):
                s.enter(event).finish()
                w.aws.clock.advance(timedelta(seconds=1))
            assert len(w.reshards) == before + 1
            assert w.log()[-1]["event_time"] == w.reshards[-1].event_time
        w.calm()
        assert w.broken_rules() == []


def test_an_event_from_before_the_last_scaling_is_stale_even_if_the_alarm_has_fired_again():
    with world(reshard_seconds=AN_INSTANT) as w:
        lives_for_long(w, max_shard_count=10)
        w.demand["orders"] = 7.8
        with Stage(w) as s:
            late = s.next_from("scale-up")
            w.aws.client("cloudwatch").set_alarm_state(
                AlarmName=alarm_name(late), StateValue="INSUFFICIENT_DATA", StateReason="by hand"
            )
            s.enter(s.next_from("scale-up")).finish()
            w.run(1)  # at the maximum, the alarm is in ALARM again
            before = len(w.reshards)
            s.enter(late).finish()
            assert len(w.reshards) == before
            assert "STALE_NOTIFICATION" in w.reasons()
        w.calm()
        assert w.broken_rules() == []


@pytest.mark.parametrize("after", [timedelta(minutes=10), timedelta(hours=5), timedelta(hours=30)], ids=str)
def test_a_redelivery_after_everything_is_done_changes_nothing(after):
    with world() as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            event = s.next_from("scale-up")
            s.enter(event).finish()
            w.run(5)
            s.enter(RECONCILE).finish()
            w.aws.clock.advance(after)
            w.run(5)
            w.demand["orders"] = 12.9  # the alarm is in ALARM again, and its own notification is still on its way
            s.next_from("scale-up")
            before, log = len(w.reshards), w.log()
            s.enter(event).finish()
            assert len(w.reshards) == before
            assert w.log() == log
        w.calm()
        assert w.broken_rules() == []


def test_what_aws_refuses_for_good_does_not_stand_between_two_scalings():
    """The record of a refusal is not an intent: invocations before and after it know of each other."""

    def deny(running, call):
        if running.calls == 5 and call.operation == "GetMetricData":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not now"}}, call.operation)

    with world(reshard_seconds=AN_INSTANT) as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            before = s.enter(s.next_from("scale-up"))
            before.step_to("TransactWriteItems")
            w.before_call = deny
            s.enter(request(9)).finish()
            w.before_call = None
            assert w.reasons()[-1] == "CALL_REFUSED"
            after = s.enter(request(10))
            after.step_to("TransactWriteItems")
            before.finish()
            w.aws.clock.advance(timedelta(seconds=2))
            after.finish()
            assert s.blind == []
            assert w.statuses().count("SKIPPED") == 1
        w.calm()
        assert w.broken_rules() == []


def test_an_old_intent_is_not_given_up_while_someone_is_about_to_carry_it_out():
    """It was taken over in time, and would be too old now."""
    with world(reshard_seconds=AN_INSTANT) as w:
        lives_for_long(w)
        with Stage(w) as s:
            up = dies_before_the_call(w, s)
            w.aws.clock.advance(timedelta(minutes=3, seconds=50))
            one = s.enter(up)
            one.step_to("UpdateShardCount")
            w.aws.clock.advance(timedelta(seconds=15))
            before = len(w.reshards)
            s.enter(request(10)).finish()
            one.finish()
            assert len(w.reshards) == before + 1
            assert w.reasons()[-1] == "STREAM_UPDATING"
        w.calm()
        assert w.broken_rules() == [], w.log()


def test_of_two_that_have_seen_a_lease_run_out_one_takes_the_intent_over():
    with world(reshard_seconds=AN_INSTANT) as w:
        lives_for_long(w)
        with Stage(w) as s:
            up = dies_before_the_call(w, s)
            one, two = s.enter(up), s.enter(up)
            one.step_to("TransactWriteItems")
            two.step_to("TransactWriteItems")
            one.step_to("UpdateShardCount")
            two.finish()
            one.finish()
            assert [each for each in (one, two) if each.accepted] == [one]
        w.calm()
        assert w.broken_rules() == [], w.log()


def test_a_reconcile_right_behind_the_call_does_not_give_up_what_kinesis_does_not_show_yet():
    with world() as w:
        lives_for_long(w)
        w.demand["orders"] = 7.0
        with Stage(w) as s:
            up = s.next_from("scale-up")
            s.enter(up).finish()
            as_before = {"status": lambda now: "ACTIVE", "shard_count": lambda now: 8}
            with patch.multiple(w.aws.streams.model("orders"), **as_before):
                assert w.summary()["StreamStatus"] == "ACTIVE"
                s.enter(RECONCILE).finish()
            assert w.statuses()[-1] == "UPDATING"
            assert {shard_count(alarm) for alarm in w.alarms().values()} == {w.reshards[-1].target}
        w.calm()
        assert w.broken_rules() == [], w.log()
