"""The function with a Kinesis of other authors: it keeps to its limits, and handles its errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.local_aws.function import FunctionCrash
from tests.kinesis_local.server import has_node, kinesis_local
from tests.kinesis_local.world import KinesisLocalWorld, world_with
from tests.rules import shard_count

pytestmark = pytest.mark.skipif(not has_node(), reason="Node.js is missing, and kinesis-local needs it")

SHARD_LIMIT = 50


@pytest.fixture(scope="module")
def kinesis_url() -> Iterator[str]:
    with kinesis_local(
        CREATE_STREAM_DURATION="10ms",
        DELETE_STREAM_DURATION="10ms",
        UPDATE_SHARD_COUNT_DURATION="2s",
        SPLIT_SHARD_DURATION="5s",
        SHARD_LIMIT=str(SHARD_LIMIT),
    ) as url:
        yield url


@pytest.fixture
def w(kinesis_url) -> Iterator[KinesisLocalWorld]:
    with world_with(kinesis_url) as w:
        yield w
        w.delete_all()


def test_a_scale_up_alarm_doubles_the_stream(w):
    steady(w, shards=4, demand=2.0, scaling_strategy="double")
    on_record: list[list[str]] = []
    w.before_call = lambda _, call: on_record.append(w.statuses()) if call.operation == "UpdateShardCount" else None

    w.demand["orders"] = 3.7
    w.run_until(lambda: w.reshards != [])

    assert on_record == [["PENDING"]], "the intent came first"
    assert w.statuses() == ["UPDATING"]
    w.settle()
    w.run(6)
    [record] = w.log()
    assert (record["status"], record["from_shard_count"], record["to_shard_count"]) == ("SUCCEEDED", 4, 8)
    assert w.shards() == 8
    assert counts_in_alarms(w) == {8}
    assert w.broken_rules() == []


@pytest.mark.parametrize(("shards", "half"), [(8, 4), (5, 3)])
def test_a_scale_down_alarm_halves_the_stream_and_rounds_up(w, shards, half):
    steady(w, shards=shards, demand=shards * 0.5)
    w.demand["orders"] = 0.1
    w.run_until(lambda: w.reshards != [])
    w.settle()
    w.run(6)
    assert outcomes(w) == [("SUCCEEDED", shards, half)]
    assert w.shards() == half
    assert counts_in_alarms(w) == {half}
    assert w.broken_rules() == []


def test_kinesis_refuses_more_than_double_and_less_than_half_and_is_never_asked_for_it(w):
    steady(w, shards=4, demand=2.0)
    for target in (9, 1):
        assert refusal(w, target) == "InvalidArgumentException"

    assert [scale(w, count)["to_shard_count"] for count in settled(w, 10, 10, 1)] == [8, 10, 5]

    assert w.asked == [(4, 8), (8, 10), (10, 5)]
    assert w.accepted_targets == [target for _, target in w.asked], "Kinesis refused none"
    assert w.broken_rules() == []


def test_when_the_calls_are_spent_shards_are_split_one_at_a_time(w):
    steady(w, shards=2, demand=1.0, update_calls_per_day=1, calls_reserved_for_scale_up=0, split_beyond_quota=True)
    scale(w, 3)
    w.settle()
    w.demand["orders"] = 2.9
    counts = []
    for _ in range(12):
        w.run(2)
        w.settle()
        counts.append(w.shards())
    assert [count for count in range(3, 7) if count in counts][-3:] == [4, 5, 6], "one at a time"
    assert w.asked == [(2, 3)], "no other call of UpdateShardCount"
    assert counts[-1] == 6
    assert w.statuses()[-1] == "SUCCEEDED"
    assert counts_in_alarms(w) == {6}
    assert w.broken_rules() == []


def test_a_hot_shard_is_split_at_its_middle(w):
    steady(w, shards=4, demand=1.5, split_hot_shards=True, scale_on_throttling=True)
    kinesis = w.aws.client("kinesis")
    kinesis.enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["ALL"])
    w.settle()
    hot = kinesis.list_shards(StreamName="orders")["Shards"][2]
    for _ in range(4):
        for of in ({}, {"ShardId": hot["ShardId"]}):
            dimensions = {"StreamName": "orders", **of}
            at = w.now.replace(second=0, microsecond=0)
            w.aws.store.put("AWS/Kinesis", "WriteProvisionedThroughputExceeded", dimensions, at, sum=5_000)
        w.run(1)
    w.settle()
    w.run(6)
    shards = kinesis.list_shards(StreamName="orders", ShardFilter={"Type": "AT_LATEST"})["Shards"]
    ranges = [shard["HashKeyRange"] for shard in shards if shard.get("ParentShardId") == hot["ShardId"]]
    first, second = sorted((int(keys["StartingHashKey"]), int(keys["EndingHashKey"])) for keys in ranges)
    assert first[1] + 1 == second[0]
    assert abs((first[1] - first[0]) - (second[1] - second[0])) <= 1, "halves"
    assert outcomes(w) == [("SUCCEEDED", 4, 5)]
    assert counts_in_alarms(w) == {5}
    assert w.asked == failures(w) == []
    assert w.broken_rules() == []


def test_a_stream_that_somebody_changes_is_left_alone_until_they_have_done(w):
    steady(w, shards=4, demand=2.0)
    somebody = iter([lambda: split_first_shard(w)])
    w.before_call = lambda running, _: next(somebody, int)() if running.kind == "alarm" else None
    w.demand["orders"] = 3.9
    w.run_until(lambda: w.log() != [])
    [record] = w.log()
    assert (record["status"], record["reason"]) == ("SKIPPED", "STREAM_UPDATING")
    assert w.asked == []

    w.settle()
    w.run_until(lambda: w.reshards != [])
    w.settle()
    w.run(6)
    assert w.log()[-1]["status"] == "SUCCEEDED"
    assert w.broken_rules() == []


def test_a_change_that_begins_just_before_the_call_is_recognised_by_kinesis_refusal(w):
    steady(w, shards=4, demand=2.0)
    somebody = iter([lambda: split_first_shard(w)])
    w.before_call = lambda _, call: next(somebody, int)() if call.operation == "UpdateShardCount" else None
    w.demand["orders"] = 3.9
    w.run_until(lambda: w.log() != [])
    [record] = w.log()
    assert (record["status"], record["reason"]) == ("SKIPPED", "STREAM_UPDATING")
    assert "ResourceInUseException" in record["error"]
    assert w.reshards == failures(w) == []
    w.settle()
    w.run_until(lambda: w.reshards != [])
    w.settle()
    w.run(6)
    assert w.log()[-1]["status"] == "SUCCEEDED"
    assert w.broken_rules() == []


def test_the_alarms_of_a_deleted_stream_are_answered_with_its_absence(w):
    steady(w, shards=4, demand=2.0)
    w.demand["orders"] = 3.7
    w.run(2)
    w.delete()
    del w.demand["orders"]
    w.run(12)
    [record] = w.log()
    assert (record["status"], record["reason"]) == ("SKIPPED", "STREAM_MISSING")
    assert failures(w) == []


def test_a_stream_that_becomes_on_demand_is_left_to_kinesis(w):
    steady(w, shards=4, demand=2.0)
    arn = w.summary()["StreamARN"]
    w.aws.client("kinesis").update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    w.settle()
    w.demand["orders"] = 3.7
    w.run(12)
    [record] = w.log()
    assert (record["status"], record["reason"]) == ("SKIPPED", "ON_DEMAND_STREAM")
    assert w.asked == failures(w) == []


def test_reconcile_notices_that_somebody_has_resharded_and_puts_it_on_record(w):
    steady(w, shards=4, demand=2.0)
    split_first_shard(w)
    w.settle()
    assert counts_in_alarms(w) == {4}
    w.run_until(lambda: w.log() != [])
    [record] = w.log()
    assert (record["reason"], record["from_shard_count"], record["to_shard_count"]) == ("RESHARDED_ELSEWHERE", 4, 5)
    assert counts_in_alarms(w) == {5}
    assert w.asked == failures(w) == []
    assert w.broken_rules() == []


def test_a_reshard_that_is_under_way_is_not_taken_for_done_though_kinesis_tells_its_target():
    with kinesis_local(UPDATE_SHARD_COUNT_DURATION="1h") as url, world_with(url) as w:
        steady(w, shards=4, demand=2.0)
        w.demand["orders"] = 3.7
        w.run_until(lambda: w.reshards != [])
        w.run(20)
        assert w.summary()["OpenShardCount"] == w.accepted_targets[0] == 7
        assert w.summary()["StreamStatus"] == "UPDATING"
        assert outcomes(w) == [("UPDATING", 4, 7)]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_the_call_is_healed_by_looking_at_the_stream(w, moment):
    steady(w, shards=4, demand=2.0)

    def crash_once(_: Any, call: Any) -> None:
        if call.operation == "UpdateShardCount":
            w.before_call = w.after_call = None
            raise FunctionCrash

    setattr(w, f"{moment}_call", crash_once)
    w.demand["orders"] = 3.7
    w.run_until(lambda: w.log() != [])
    assert w.statuses() == ["PENDING"]
    assert len(w.reshards) == (moment == "after")

    w.run_until(lambda: w.reshards != [])
    w.settle()
    w.run(12)
    assert outcomes(w) == [("SUCCEEDED", 4, 7)]
    assert len(w.reshards) == 1, "never twice"
    assert counts_in_alarms(w) == {7}
    assert w.broken_rules() == []


def test_an_account_without_room_for_the_shards_is_named_as_the_reason(w):
    steady(w, shards=10, demand=5.0)
    w.aws.client("kinesis").create_stream(StreamName="others", ShardCount=SHARD_LIMIT - 12)
    w.settle("others")
    w.demand["orders"] = 9.0
    w.run_until(lambda: w.log() != [])
    [record] = w.log()
    assert (record["status"], record["reason"]) == ("FAILED", "ACCOUNT_SHARD_LIMIT")
    assert "LimitExceededException" in record["error"]
    assert w.shards() == 10


# Parts of these tests


def steady(w: KinesisLocalWorld, *, shards: int, demand: float, **settings: Any) -> None:
    """A stream with data of twelve minutes that require no scaling."""
    w.add_stream(shards=shards, demand=demand, **settings)
    w.run(12)
    assert w.log() == []


def scale(w: KinesisLocalWorld, count: int) -> dict[str, Any]:
    return w.invoke({"action": "scale", "stream_name": "orders", "shard_count": count, "reason": "a test"})


def settled(w: KinesisLocalWorld, *counts: int) -> Iterator[int]:
    """Scale to these counts, each after the previous change is complete and recorded and its cooldown is over."""
    for count in counts:
        yield count
        w.settle()
        w.run(11)


def split_first_shard(w: KinesisLocalWorld) -> None:
    kinesis = w.aws.client("kinesis")
    shard = kinesis.list_shards(StreamName="orders")["Shards"][0]
    middle = (int(shard["HashKeyRange"]["StartingHashKey"]) + int(shard["HashKeyRange"]["EndingHashKey"])) // 2
    kinesis.split_shard(StreamName="orders", ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))


def refusal(w: KinesisLocalWorld, target: int) -> str:
    """Return the error with which Kinesis refuses a target."""
    with pytest.raises(ClientError) as refused:
        w.aws.client("kinesis").update_shard_count(
            StreamName="orders", TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
    return str(refused.value.response["Error"]["Code"])


def outcomes(w: KinesisLocalWorld) -> list[tuple[str, int, int]]:
    """Return the results of the scalings."""
    scalings = [item for item in w.log() if item["status"] != "SKIPPED"]
    return [(item["status"], item["from_shard_count"], item["to_shard_count"]) for item in scalings]


def counts_in_alarms(w: KinesisLocalWorld) -> set[int]:
    return {shard_count(alarm) for alarm in w.alarms().values()}


def failures(w: KinesisLocalWorld) -> list[Any]:
    return [invocation.error for invocation in w.aws.functions.invocations if invocation.error]
