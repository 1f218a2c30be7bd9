"""Beyond the day's calls of UpdateShardCount, shards are split one at a time, where that is asked for."""

from __future__ import annotations

import pytest

from simulator.aws.kinesis.keys import HotKey, HotRange, Keys
from simulator.traffic import Traffic
from tests.world import World, shard_count, world


@pytest.fixture
def w():
    with world() as w:
        yield w
        assert w.broken_rules() == []


def calls_are_spent(w: World, **settings) -> None:
    """A stream of 8 shards, for which the day's one call is spent."""
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
    assert len({shard.width for shard in w.aws.streams.model("orders").shards.open(w.now)}) == 1, "all are even again"


SHARD_LEVEL = ["IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded"]


def is_hot(w: World, hot: HotKey | HotRange, *, shards: int = 12, demand: float = 5.0, **settings) -> None:
    """A stream that is far from full, some of whose keys take much of the traffic."""
    w.add_stream(shards=shards, demand=demand, split_hot_shards=True, **settings)
    w.aws.client("kinesis").enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=SHARD_LEVEL)
    w.run(12)
    w.aws.streams.model("orders").keys = Keys(hot=(hot,))


def throttled_in(w: World, minutes: int) -> float:
    """The share of the traffic of the next minutes that is refused."""
    begins = w.now
    w.run(minutes)
    accepted = [each for at, each in w.accepted_shards["orders"].items() if at >= begins]
    return 1 - sum(accepted) / (w.demand["orders"] * len(accepted))


def splits(w: World) -> list[tuple[str, str]]:
    """What became of the splits of hot shards, and which shard each was of."""
    return [(item["status"], item["hot_shard"]) for item in w.log() if "heat_kept" in item]


def test_a_hot_range_is_split_until_it_is_cool(w):
    is_hot(w, HotRange(0, 1 / 12, share=0.65), scale_on_throttling=True)
    before = throttled_in(w, 2)
    w.run(45)
    assert before > 0.3
    assert throttled_in(w, 5) < before / 10
    assert [status for status, _ in splits(w)] == ["SUCCEEDED"] * 3
    assert w.shards() == 15
    assert {shard_count(alarm) for alarm in w.alarms().values()} == {15}
    first = next(item for item in w.log() if "heat_kept" in item)
    assert first["message"].startswith("Scaled orders from 12 to 13 shards: ")
    assert first["message"].endswith("; it is split at its middle.")
    assert w.reshards == [], "UpdateShardCount would make the ranges even again"


def test_one_hot_key_is_found_out_after_two_splits(w):
    is_hot(w, HotKey(0.03, share=0.4), scale_on_throttling=True)
    w.run(45)
    assert [status for status, _ in splits(w)] == ["SUCCEEDED"] * 2
    assert w.shards() == 14
    last = w.log()[-1]
    assert (last["status"], last["reason"]) == ("SKIPPED", "ONE_HOT_KEY")
    assert last["message"].endswith("this is one key, which no number of shards cools.")
    assert w.reshards == []
