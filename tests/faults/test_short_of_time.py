"""A reconcile that does not reach every stream in its time reaches the others in the next run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain, repeat

import pytest

from kinesis_autoscaler.reconciliation import HOURLY_LOOKS
from tests.faults.stage import Stage
from tests.faults.test_races import RECONCILE
from tests.rules import shard_count
from tests.world import World, world

NAMES = ["bills", "clicks", "orders"]


@pytest.fixture
def w() -> Iterator[World]:
    """Three quiet streams."""
    with world() as w:
        for name in NAMES:
            w.add_stream(name, shards=4, demand=2.0)
        w.run(12)
        yield w


def reshard_all(w: World, count: int) -> None:
    """Alarms of every stream need a repair."""
    for name in NAMES:
        w.reshard_by_hand(count, name)


def reconcile(s: Stage, *, streams: int = 3) -> None:
    """Run a reconcile with time for this many streams."""
    seconds_left = chain([900] * streams, repeat(29))
    run = s.enter(RECONCILE)
    run.get_remaining_time_in_millis = lambda: 1000 * next(seconds_left)
    run.finish()
    assert run.error is None


def repaired(w: World) -> list[str]:
    return [n for n in NAMES if {shard_count(alarm) for alarm in w.alarms(n).values()} == {w.shards(n)}]


def test_each_run_begins_where_the_one_before_it_has_stopped(w):
    reshard_all(w, 5)
    with Stage(w) as s:
        for reached in (["bills"], ["bills", "clicks"], ["bills", "clicks", "orders"]):
            reconcile(s, streams=1)
            assert repaired(w) == reached


def test_after_a_run_that_has_reached_all_the_next_begins_with_the_first(w):
    reshard_all(w, 5)
    with Stage(w) as s:
        reconcile(s, streams=1)
        reconcile(s)
        reshard_all(w, 6)
        reconcile(s, streams=1)
        assert repaired(w) == ["bills"]


def test_a_stream_that_has_been_reached_last_comes_round_again(w):
    reshard_all(w, 5)
    with Stage(w) as s:
        reconcile(s, streams=2)
        w.reshard_by_hand(6, "bills")
        reconcile(s, streams=2)
        assert repaired(w) == NAMES


def test_a_stream_with_a_scaling_to_finish_comes_first(w):
    with Stage(w) as s:
        s.enter({"action": "scale", "stream_name": "orders", "shard_count": 6, "reason": "the launch"}).finish()
        w.run(3)
        reconcile(s, streams=1)
        assert w.statuses("orders") == ["SUCCEEDED"]


def test_a_stream_with_an_alarm_that_is_stuck_comes_first(w):
    w.demand["orders"] = 3.5
    with Stage(w) as s:
        s.next_from("scale-up")  # its notification is lost
        w.run(3)
        reconcile(s, streams=1)
        assert w.alarms("orders")["scale-up"]["StateValue"] == "INSUFFICIENT_DATA"


def test_what_is_due_hourly_is_spread_over_the_runs_where_it_takes_long(w):
    """All are due at once, and each takes longer than a run allows. No run handles all, and none is forgotten."""
    w.aws.clock.advance(timedelta(hours=1))
    asked: list[str] = []

    def slow(running, call):
        if call.operation == "GetMetricData" and running.kind == "reconcile":
            asked.append(repr(call.parameters))
            w.aws.clock.advance(HOURLY_LOOKS + timedelta(seconds=1))

    w.before_call = slow
    for _ in range(4):
        before = len(asked)
        assert w.reconcile()["left_for_next_run"] == 0
        assert len(asked) - before <= 2, "a plan, and a check-up"
    assert all(any(repr(name) in question for question in asked) for name in NAMES)
