"""The function crashes before each of its AWS calls, and after the last. The rules still hold.

A crash after a call and a crash before the next one have the same effect, so only one of them is tested. A read leaves
nothing behind, so outside of the soak a crash before or after one is tested in one scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from simulator.aws.kinesis.keys import HotRange, Keys
from simulator.local_aws.function import FunctionCrash
from tests.faults.copies import in_a_copy
from tests.faults.effort import SOAK
from tests.world import World, world


@dataclass(frozen=True)
class Scenario:
    """The preparation of an invocation, and the required final state."""

    kind: str
    """The kind of the invocation that crashes: alarm, reconcile or scale."""
    prepare: Callable[[World], None]
    go: Callable[[World], None]
    ends_with: Callable[[World], bool]
    attempt: int = 1


def has_grown(w: World) -> bool:
    return w.shards() > 8 and "SUCCEEDED" in w.statuses()


def scale_up() -> Scenario:
    def prepare(w: World) -> None:
        w.add_stream(shards=8, demand=4.0)
        w.run(12)

    def go(w: World) -> None:
        w.demand["orders"] = 7.0
        w.run(4)

    return Scenario("alarm", prepare, go, has_grown)


def scale_down() -> Scenario:
    def prepare(w: World) -> None:
        w.add_stream(shards=8, demand=4.0)
        w.run(12)

    def go(w: World) -> None:
        w.demand["orders"] = 1.0
        w.run(12)

    return Scenario("alarm", prepare, go, lambda w: w.shards() < 8)


def scheduled_scale() -> Scenario:
    def go(w: World) -> None:
        event = {"action": "scale", "stream_name": "orders", "shard_count": 12, "reason": "the launch"}
        w.aws.functions.invoke_later(_function_arn(w), event)

    def prepare(w: World) -> None:
        w.add_stream(shards=8, demand=5.5)
        w.run(12)

    return Scenario("scale", prepare, go, lambda w: w.shards() == 12 or w.statuses() == ["FAILED"])


def resume() -> Scenario:
    """The first delivery has crashed right after Kinesis accepted. The second one crashes too."""
    return _after_a_first_crash("after_call")


def resume_before_the_call() -> Scenario:
    """The first delivery has crashed after it recorded its intent and before it called Kinesis."""
    return _after_a_first_crash("before_call")


def _after_a_first_crash(when: str) -> Scenario:
    def go(w: World) -> None:
        sabotage = w.before_call, w.after_call
        w.before_call = w.after_call = None
        setattr(w, when, _crash_at_update)
        w.demand["orders"] = 7.0
        w.run_until(lambda: any(each.error for each in w.invocations("alarm")))
        w.before_call, w.after_call = sabotage
        w.run(2)

    return Scenario("alarm", scale_up().prepare, go, has_grown, attempt=2)


def reconcile() -> Scenario:
    """All work at once: a record to complete, alarms to repair, a stuck alarm, and a stream below its minimum."""

    def prepare(w: World) -> None:
        w.add_stream(shards=8, demand=4.0)
        w.add_stream("small", shards=2, demand=0.5, min_shard_count=4)
        w.add_stream("stuck", shards=2, demand=1.9, max_shard_count=2)
        w.run(6)

    def go(w: World) -> None:
        sabotage = w.before_call, w.after_call
        w.before_call = w.after_call = None
        w.demand["orders"] = 7.0
        w.run_until(lambda: "UPDATING" in w.statuses())
        w.write_shard_count(5, "stuck")
        w.before_call, w.after_call = sabotage
        w.run(6)

    return Scenario("reconcile", prepare, go, lambda w: has_grown(w) and w.shards("small") == 4)


def first_split() -> Scenario:
    """The daily calls are used up. Two shards become four by splits."""

    def prepare(w: World) -> None:
        w.add_stream(
            shards=1, demand=0.72, update_calls_per_day=1, calls_reserved_for_scale_up=0, split_beyond_quota=True
        )
        w.run(6)
        w.invoke({"action": "scale", "stream_name": "orders", "shard_count": 2, "reason": "to spend the call"})
        w.run(6)

    def go(w: World) -> None:
        w.demand["orders"] = 2.8
        w.run(4)

    def all_are_split(w: World) -> bool:
        step = [item["status"] for item in w.log() if item.get("by_splits")]
        return w.shards() == 4 and step[-1:] == ["SUCCEEDED"]

    return Scenario("alarm", prepare, go, all_are_split)


def second_split() -> Scenario:
    """The first split is made, and the invocation that makes the next one crashes."""
    first = first_split()

    def go(w: World) -> None:
        sabotage = w.before_call, w.after_call
        w.before_call = w.after_call = None
        w.demand["orders"] = 2.8
        w.run_until(lambda: w.shards() == 3)
        w.before_call, w.after_call = sabotage
        w.run(3)

    return Scenario("alarm", first.prepare, go, first.ends_with)


def split_of_a_hot_shard() -> Scenario:
    """Half of the traffic goes to a sixth of the keys."""

    def prepare(w: World) -> None:
        options = {"split_hot_shards": True, "scale_on_throttling": True}
        w.add_stream(shards=4, demand=1.5, **options)
        w.aws.client("kinesis").enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["ALL"])
        w.run(6)

    def go(w: World) -> None:
        w.aws.streams.model("orders").keys = Keys(hot=(HotRange(0.02, 0.2, share=0.7),))
        w.run(4)

    def is_split_once(w: World) -> bool:
        step = [item["status"] for item in w.log() if "heat_kept" in item]
        return w.shards() == 5 and step[-1:] == ["SUCCEEDED"]

    return Scenario("alarm", prepare, go, is_split_once)


SCENARIOS = [
    scale_up,
    scale_down,
    scheduled_scale,
    resume,
    resume_before_the_call,
    reconcile,
    first_split,
    second_split,
    split_of_a_hot_shard,
]

WRITES = {
    "TransactWriteItems",
    "UpdateShardCount",
    "SplitShard",
    "PutMetricAlarm",
    "SetAlarmState",
    "PutItem",
    "UpdateItem",
}
"""After any of these, a crash leaves something half done."""


@pytest.mark.parametrize("scenario_of", SCENARIOS, ids=lambda each: each.__name__)
def test_the_rules_hold_wherever_the_function_dies(scenario_of):
    scenario = scenario_of()
    with world() as w:
        scenario.prepare(w)

        def dies(number: int, operation: str, when: str) -> None:
            crashed: list[str] = []

            def crash(running, call):
                here = (running.kind, running.attempt, running.calls) == (scenario.kind, scenario.attempt, number)
                if here and not crashed:
                    crashed.append(call.operation)
                    raise FunctionCrash

            setattr(w, f"{when}_call", crash)
            scenario.go(w)
            assert crashed == [operation], f"the {number}. call was not met again: {crashed}"
            w.calm(12)
            where = f"crash {when} call {number}, {operation}; log: {w.log()}"
            assert w.broken_rules() == [], where
            assert scenario.ends_with(w), where

        calls = in_a_copy(calls_of, scenario, w)
        assert len(calls) >= 5, "a scenario that makes no calls proves nothing"
        thorough = SOAK or scenario_of is scale_up
        for number, operation in enumerate(calls, 1):
            if thorough:
                in_a_copy(dies, number, operation, "before")
            elif operation in WRITES:
                in_a_copy(dies, number, operation, "after")
        if thorough:
            in_a_copy(dies, len(calls), calls[-1], "after")


def calls_of(scenario: Scenario, w: World) -> list[str]:
    """Return the calls that the invocation makes without a crash, in a prepared world."""
    calls: list[str] = []
    seen: list[object] = []

    def listen(running, call):
        if (running.kind, running.attempt) == (scenario.kind, scenario.attempt) and (not seen or seen[0] is running):
            seen[:] = [running]
            calls.append(call.operation)

    w.before_call = listen
    scenario.go(w)
    return calls


def _crash_at_update(running, call):
    if call.operation == "UpdateShardCount":
        raise FunctionCrash


def _function_arn(w: World) -> str:
    return w.aws.client("lambda").get_function(FunctionName=w.deployment.function_name)["Configuration"]["FunctionArn"]


def test_a_lambda_retry_comes_after_the_lease_of_the_intent_it_resumes():
    with world() as w:
        scenario = scale_up()
        scenario.prepare(w)
        w.before_call = lambda running, call: _crash_at_update(running, call) if running.attempt == 1 else None
        scenario.go(w)
        w.run(3)
        record = w.log()[-1]
        assert record["status"] in ("UPDATING", "SUCCEEDED")
        assert w.reshards[-1].at - w.now < timedelta(0)
        assert len(w.reshards) == 1
