"""Beyond the daily UpdateShardCount calls, shards are split one at a time, if this is enabled."""

from __future__ import annotations

import pytest

from simulator.aws.kinesis.quotas import Limit
from simulator.traffic import Traffic
from tests.world import World, shard_count, world


@pytest.fixture
def w():
    with world() as w:
        yield w
        assert w.broken_rules() == []


def calls_are_spent(w: World, **settings) -> None:
    """A stream of 8 shards whose only daily call is used up."""
    options = {"update_calls_per_day": 1, "calls_reserved_for_scale_up": 0, "split_beyond_quota": True, **settings}
    w.add_stream(shards=7, demand=4.0, **options)
    w.run(6)
    w.invoke({"action": "scale", "stream_name": "orders", "shard_count": 8, "reason": "to spend a call"})
    w.run(6)
    assert w.shards() == 8


def test_eight_shards_become_sixteen_and_fewer_records_are_throttled_with_each(w):
    calls_are_spent(w)
    counts: list[int] = []
    refused: dict[int, list[float]] = {}
    for _ in range(60):
        minute = w.aws.advance_minute({"orders": Traffic.for_shards(11.0)})["orders"]
        counts.append(w.shards())
        refused.setdefault(counts[-1], []).append(1 - minute.accepted_share)
    assert counts[-1] == 16
    assert sorted(set(counts)) == list(range(8, 17)), "one at a time"
    assert counts == sorted(counts)
    with_so_many = [max(shares[1:] or shares) for _, shares in sorted(refused.items())]
    assert with_so_many == sorted(with_so_many, reverse=True), with_so_many
    assert with_so_many[0] > 0.2 > with_so_many[-1] == 0
    [record] = (item for item in w.log() if item.get("by_splits"))
    assert (record["status"], record["from_shard_count"], record["to_shard_count"]) == ("SUCCEEDED", 8, 16)
    assert "the daily calls are used up, so its widest shards are split one at a time" in record["message"]
    assert {shard_count(alarm) for alarm in w.alarms().values()} == {16}
    assert len(w.splits) == 8
    assert len({shard.width for shard in w.aws.streams.model("orders").shards.open(w.now)}) == 1, "all are even again"


def test_a_split_that_is_refused_ends_the_step_and_does_no_harm(w):
    calls_are_spent(w)
    w.demand["orders"] = 11.0
    w.run_until(lambda: w.shards() == 9)
    w.aws.faults.refuse_reshards(Limit.SHARDS_OF_ACCOUNT, minutes=12)
    w.run(8)
    count = w.shards()
    assert count in (9, 10), "the next may have been under way"
    stopped = next(item for item in w.log() if item.get("by_splits"))
    assert (stopped["status"], stopped["reason"]) == ("FAILED", "STOPPED_SHORT")
    assert "LimitExceededException" in stopped["error"]
    assert {shard_count(alarm) for alarm in w.alarms().values()} == {count}
    w.run(40)
    assert w.shards() > count, "another step goes on from there"


def test_a_step_ends_where_splits_are_not_asked_for_any_more(w):
    calls_are_spent(w)
    w.demand["orders"] = 11.0
    w.run_until(lambda: w.shards() == 9)
    w.apply(split_beyond_quota=False)
    w.run(15)
    assert w.shards() <= 10
    [step] = (item for item in w.log() if item.get("by_splits"))
    assert (step["status"], step["reason"]) == ("FAILED", "STOPPED_SHORT")
    assert step["message"].endswith(": splitting shards is now disabled.")
