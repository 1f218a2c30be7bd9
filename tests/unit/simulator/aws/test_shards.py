"""Shards have ranges of hash keys: the distribution of traffic, splits, merges, and reshards to equal ranges."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.aws.kinesis import (
    HASH_KEYS,
    ON_DEMAND,
    SHARD_BYTES_PER_MINUTE,
    HotKey,
    HotRange,
    Keys,
    KinesisAccount,
    KinesisError,
    StreamModel,
)
from simulator.aws.metrics import MetricStore

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def stream_of(shards, **options):
    return StreamModel("orders", shards, created_at=START - timedelta(days=1), **options)


def offer(stream, shards, minute=0):
    return stream.offer(START + minute * MINUTE, shards * SHARD_BYTES_PER_MINUTE, shards * 1000)


def ranges(stream, now=START):
    """Return the bounds of the open shards, as fractions of all hash keys."""
    return [(shard.first / HASH_KEYS, (shard.last + 1) / HASH_KEYS) for shard in stream.shards.open(now)]


def ids(stream, now=START):
    return [shard.number for shard in stream.shards.open(now)]


def name(number):
    return f"shardId-{number:012}"


def split(stream, number, now=START):
    shard = stream.shards.life(name(number)).shard
    stream.split_shard(shard.id, (shard.first + shard.last + 1) // 2, now)


def refusal(action):
    with pytest.raises(KinesisError) as refused:
        action()
    return refused.value.code


# --- Ranges ----------------------------------------------------------------------------------------------------------


def test_a_new_stream_has_equal_ranges_that_cover_all_hash_keys():
    assert ranges(stream_of(4)) == [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]
    assert stream_of(3).shards.newest[-1].last == HASH_KEYS - 1


def test_a_split_takes_its_time_and_then_two_children_share_the_range():
    stream = stream_of(2, split_seconds=30)
    split(stream, 0)
    assert (stream.status(START), ids(stream)) == ("UPDATING", [0, 1])
    done = START + 30 * SECOND
    assert (stream.status(done), ids(stream, done)) == ("ACTIVE", [2, 3, 1])
    assert ranges(stream, done) == [(0, 0.25), (0.25, 0.5), (0.5, 1)]
    assert [shard.parent for shard in stream.shards.open(done)] == [name(0), name(0), None]


def test_a_merge_takes_its_time_and_then_one_child_has_both_ranges():
    stream = stream_of(4, merge_seconds=30)
    stream.merge_shards(name(2), name(1), START)
    done = START + 30 * SECOND
    assert (stream.status(done - SECOND), ids(stream, done)) == ("UPDATING", [0, 4, 3])
    assert ranges(stream, done) == [(0, 0.25), (0.25, 0.75), (0.75, 1)]
    child = stream.shards.life(name(4)).shard
    assert (child.parent, child.adjacent_parent) == (name(2), name(1))


def test_update_shard_count_makes_uneven_ranges_even_again():
    stream = stream_of(2)
    split(stream, 0)
    stream.update_shard_count(4, START + MINUTE)
    later = START + 60 * MINUTE
    assert ranges(stream, later) == [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]
    assert ids(stream, later) == [2, 3, 4, 5]  # two of the ranges existed already


def test_a_shard_that_merges_in_a_reshard_is_the_child_of_both():
    stream = stream_of(4)
    stream.update_shard_count(2, START)
    children = stream.shards.open(START + 60 * MINUTE)
    assert [(child.parent, child.adjacent_parent) for child in children] == [(name(0), name(1)), (name(2), name(3))]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["split", "merge", "even"]), st.integers(0, 100)), max_size=12))
def test_whatever_is_done_the_open_shards_cover_every_hash_key_once(steps):
    stream, now = stream_of(3), START
    for step, choice in steps:
        layout = stream.shards.open(now)
        if step == "split":
            split(stream, layout[choice % len(layout)].number, now)
        elif step == "merge" and len(layout) > 1:
            lower = choice % (len(layout) - 1)
            stream.merge_shards(layout[lower].id, layout[lower + 1].id, now)
        elif step == "even":
            count = len(layout)
            stream.reshard_by_hand(max(1, (count + 1) // 2 + choice % (count + 1)), now)
        now += 10 * MINUTE
    bounds = [(shard.first, shard.last) for shard in stream.shards.open(now)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == HASH_KEYS - 1
    assert all(last + 1 == first for (_, last), (first, _) in pairwise(bounds))
    assert len({shard.number for shard in stream.shards.open(now)}) == len(bounds)


# --- Refusals --------------------------------------------------------------------------------------------------------


def test_only_an_active_stream_is_split_or_merged():
    stream = stream_of(4)
    split(stream, 0)
    assert refusal(lambda: split(stream, 1)) == "ResourceInUseException"
    assert refusal(lambda: stream.merge_shards(name(1), name(2), START)) == "ResourceInUseException"


def test_a_shard_that_does_not_exist_or_is_closed_is_not_split():
    stream = stream_of(2)
    assert refusal(lambda: stream.split_shard(name(9), 7, START)) == "ResourceNotFoundException"
    split(stream, 0)
    assert refusal(lambda: split(stream, 0, START + MINUTE)) == "InvalidArgumentException"


@pytest.mark.parametrize("hash_key", [0, HASH_KEYS // 2, HASH_KEYS - 1])
def test_a_split_leaves_keys_to_both_children(hash_key):
    assert refusal(lambda: stream_of(2).split_shard(name(0), hash_key, START)) == "InvalidArgumentException"


def test_only_neighbours_are_merged():
    stream = stream_of(4)
    assert refusal(lambda: stream.merge_shards(name(0), name(2), START)) == "InvalidArgumentException"
    assert refusal(lambda: stream.merge_shards(name(0), name(0), START)) == "InvalidArgumentException"


def test_an_on_demand_stream_is_neither_split_nor_merged():
    stream = stream_of(4)
    stream.mode = ON_DEMAND
    assert refusal(lambda: split(stream, 0)) == "ValidationException"
    assert refusal(lambda: stream.merge_shards(name(0), name(1), START)) == "ValidationException"


def test_an_account_splits_five_times_a_second():
    account = KinesisAccount()
    streams = [stream_of(2, account=account) for _ in range(6)]
    for stream in streams[:5]:
        split(stream, 0)
    assert refusal(lambda: split(streams[5], 0)) == "LimitExceededException"
    split(streams[5], 0, START + SECOND)


def test_splits_do_not_count_towards_the_ten_calls_a_day():
    stream, now = stream_of(1), START
    for _ in range(12):
        split(stream, stream.shards.open(now)[0].number, now)
        now += MINUTE
    stream.update_shard_count(14, now)


def test_a_split_needs_room_in_the_account_and_a_merge_does_not():
    account = KinesisAccount(shard_limit=4)
    stream = stream_of(4, account=account)
    with pytest.raises(KinesisError, match=r"Current shard count for the account: 4\. Limit: 4\. Number .*: 1\."):
        split(stream, 0)
    stream.merge_shards(name(0), name(1), START)


def test_too_many_streams_at_once_are_refused_where_that_is_assumed():
    account = KinesisAccount(assumptions=stream_of(1, streams_at_once=2).assumptions)
    streams = [stream_of(2, account=account) for _ in range(3)]
    for stream in streams[:2]:
        split(stream, 0)
    with pytest.raises(KinesisError, match="the number of concurrent stream requests exceeds the maximum"):
        streams[2].update_shard_count(4, START)
    streams[2].update_shard_count(4, START + MINUTE)


def test_a_raised_quota_allows_more_calls_a_day():
    stream = stream_of(8, update_calls_per_day=12, reshard_seconds=60)
    for number in range(12):
        stream.update_shard_count(8 + number % 2, START + number * 2 * MINUTE)
    with pytest.raises(KinesisError, match="UpdateShardCount was called 12 times for stream orders within 24 hours"):
        stream.update_shard_count(9, START + 60 * MINUTE)


# --- Traffic ---------------------------------------------------------------------------------------------------------


def test_even_keys_fill_wide_shards_first():
    stream = stream_of(2)
    split(stream, 0)
    now = 1  # the shards have a quarter, a quarter and a half
    assert offer(stream, 2, now).accepted_share == 1
    assert offer(stream, 3, now).accepted_share == pytest.approx((0.75 + 0.75 + 1) / 3)


def test_a_hot_range_throttles_its_shards_alone():
    stream = stream_of(4, keys=Keys(hot=(HotRange(0.25, 0.5, share=0.6),)))
    result = offer(stream, 2.5)
    by_shard = result.by_shard()
    hot = by_shard[name(1)]
    assert hot.offered_bytes == pytest.approx(0.7 * result.offered_bytes)
    assert hot.accepted_bytes == pytest.approx(SHARD_BYTES_PER_MINUTE)
    assert all(by_shard[name(number)].throttled_records == 0 for number in (0, 2, 3))
    assert sum(each.throttled_records for each in by_shard.values()) == pytest.approx(result.throttled_records)


def test_splitting_a_hot_range_cools_it():
    stream = stream_of(4, keys=Keys(hot=(HotRange(0.25, 0.5, share=0.6),)))
    assert offer(stream, 2).throttled_records > 0
    split(stream, 1)
    assert offer(stream, 2, 1).throttled_records == 0


def test_splitting_does_not_cool_a_hot_key():
    stream, now = stream_of(4, keys=Keys(hot=(HotKey(0.3, share=0.6),))), START
    for minute in range(4):
        hot = max(offer(stream, 2, minute).by_shard().items(), key=lambda each: each[1].offered_bytes)
        assert hot[1].throttled_records > 0
        split(stream, int(hot[0][-12:]), now)
        now += MINUTE
    assert offer(stream, 2, 4).accepted_share == pytest.approx((0.8 + 1) / 2, rel=0.02)


def test_the_skew_stays_with_the_hottest_shard_however_many_there_are():
    for shards in (2, 4, 8):
        stream = stream_of(shards, key_skew=0.25)
        shares = [each.offered_bytes for each in offer(stream, 1).by_shard().values()]
        assert shares[0] / sum(shares) == pytest.approx(1 / shards + 0.25)
        assert shares[1:] == pytest.approx([shares[1]] * (shards - 1))


def test_keys_may_change_at_any_time():
    stream = stream_of(2)
    assert offer(stream, 1.9).accepted_share == 1
    stream.key_skew = 0.5
    assert offer(stream, 1.9, 1).accepted_share == pytest.approx(1 / 1.9)
    stream.keys = Keys()
    assert offer(stream, 1.9, 2).accepted_share == 1


@given(
    st.lists(st.tuples(st.floats(0, 0.9), st.floats(0.01, 0.1), st.floats(0, 0.3)), max_size=3),
    st.floats(0, 1),
    st.integers(1, 9),
    st.floats(0, 40),
)
def test_shares_add_up_and_no_shard_takes_more_than_it_can(hot, skew, shards, demand):
    keys = Keys(tuple(HotRange(first, first + width, share) for first, width, share in hot), skew=skew)
    result = offer(stream_of(shards, keys=keys), demand)
    by_shard = result.by_shard().values()
    assert sum(each.offered_bytes for each in by_shard) == pytest.approx(result.offered_bytes)
    assert sum(each.accepted_bytes for each in by_shard) == pytest.approx(result.accepted_bytes)
    assert all(each.accepted_bytes <= SHARD_BYTES_PER_MINUTE * 1.000001 for each in by_shard)


@pytest.mark.parametrize("shares", [(0.6, 0.5), (-0.1,)])
def test_keys_get_no_more_than_all_of_the_traffic(shares):
    with pytest.raises(ValueError, match="shares of the traffic"):
        Keys(tuple(HotKey(0.5, share) for share in shares))


def test_a_range_of_hash_keys_must_ascend():
    with pytest.raises(ValueError, match=r"0\.5 to 0\.2 does not"):
        HotRange(0.5, 0.2, share=0.1)


# --- Shard-level metrics ---------------------------------------------------------------------------------------------


def of_shard(store, metric, number):
    dimensions = {"StreamName": "orders", "ShardId": name(number)}
    return store.series("AWS/Kinesis", metric, dimensions, "Sum", 60, START, START + MINUTE).get(START)


def test_shards_report_for_themselves_only_where_that_is_switched_on():
    store = MetricStore()
    offer(stream_of(2, store=store), 1)
    assert of_shard(store, "IncomingBytes", 0) is None


def test_shards_report_what_is_switched_on():
    store = MetricStore()
    stream = stream_of(2, store=store, key_skew=0.25)
    stream.shard_level_metrics = frozenset({"IncomingBytes", "WriteProvisionedThroughputExceeded"})
    result = offer(stream, 2)
    hot, other = (of_shard(store, "IncomingBytes", number) for number in (0, 1))
    assert (hot, other) == (SHARD_BYTES_PER_MINUTE, pytest.approx(0.5 * SHARD_BYTES_PER_MINUTE))
    assert of_shard(store, "WriteProvisionedThroughputExceeded", 0) == pytest.approx(result.throttled_records)
    assert of_shard(store, "WriteProvisionedThroughputExceeded", 1) == 0
    assert of_shard(store, "IncomingRecords", 0) is None
