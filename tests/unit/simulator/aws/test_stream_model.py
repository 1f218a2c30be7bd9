"""The Kinesis model: capacity, throttling, resharding and its limits, consumers, metrics."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from simulator.aws.kinesis import (
    ON_DEMAND,
    PROVISIONED,
    SHARD_BYTES_PER_MINUTE,
    SHARD_RECORDS_PER_MINUTE,
    Consumer,
    ConsumerState,
    KinesisAccount,
    KinesisError,
    StreamModel,
    reshard_seconds,
)
from simulator.aws.metrics import MetricStore

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def stream_of(shards, **options):
    return StreamModel("orders", shards, created_at=START - DAY, **options)


def offer(stream, minute, *, shards=0.0, records=None):
    """Send traffic that fills this many shards by its bytes, or by its records."""
    by_bytes = shards * SHARD_BYTES_PER_MINUTE
    return stream.offer(START + minute * MINUTE, by_bytes, shards if records is None else records)


def refused(stream, target, now=START):
    with pytest.raises(KinesisError) as raised:
        stream.update_shard_count(target, now)
    return raised.value.code


def open_shards(stream, now):
    return stream.describe(now)["StreamDescriptionSummary"]["OpenShardCount"]


def reported(store, metric_name, minute, stat="Sum"):
    at = START + minute * MINUTE
    return store.series("AWS/Kinesis", metric_name, {"StreamName": "orders"}, stat, 60, at, at + MINUTE).get(at)


# --- Capacity --------------------------------------------------------------------------------------------------------


def test_a_shard_takes_one_mebibyte_or_a_thousand_records_a_second():
    assert (SHARD_BYTES_PER_MINUTE, SHARD_RECORDS_PER_MINUTE) == (60 * 1024 * 1024, 60 * 1000)
    full = stream_of(3).offer(START, 3 * SHARD_BYTES_PER_MINUTE, 3 * SHARD_RECORDS_PER_MINUTE)
    assert (full.accepted_bytes, full.accepted_records) == (3 * SHARD_BYTES_PER_MINUTE, 3 * SHARD_RECORDS_PER_MINUTE)
    assert (full.throttled_bytes, full.throttled_records) == (0, 0)


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_demand_that_just_fits_is_accepted_whole(shards, key_skew, share):
    hottest = min(1.0, 1 / shards + key_skew)
    demand = share * min(1 / hottest, shards)
    minute = stream_of(shards, key_skew=key_skew).offer(START, demand * SHARD_BYTES_PER_MINUTE, demand)
    assert (minute.throttled_bytes, minute.throttled_records) == (0, 0)


def test_what_exceeds_the_capacity_in_bytes_is_throttled():
    result = offer(stream_of(2), 0, shards=4, records=1000)
    assert result.accepted_bytes == 2 * SHARD_BYTES_PER_MINUTE
    assert (result.accepted_records, result.throttled_records) == (500, 500)


def test_what_exceeds_the_capacity_in_records_is_throttled():
    result = offer(stream_of(2), 0, shards=1, records=3 * SHARD_RECORDS_PER_MINUTE)
    assert result.accepted_records == pytest.approx(2 * SHARD_RECORDS_PER_MINUTE)
    assert result.accepted_bytes == pytest.approx(2 / 3 * SHARD_BYTES_PER_MINUTE)


def test_a_hot_key_throttles_before_the_stream_is_full():
    skewed = stream_of(4, key_skew=0.25)  # the hottest shard gets half of the traffic instead of a quarter
    assert offer(skewed, 0, shards=2).accepted_share == 1
    assert offer(skewed, 1, shards=3).accepted_share == pytest.approx((1 + 1.5) / 3)


def test_with_all_traffic_on_one_key_more_shards_do_not_help():
    assert offer(stream_of(8, key_skew=1), 0, shards=2).accepted_share == pytest.approx(0.5)


@given(
    demand=st.floats(0, 100),
    records=st.floats(0, 1e7),
    shards=st.integers(1, 64),
    skew=st.floats(0, 1),
)
def test_accepted_and_throttled_add_up_and_never_exceed_the_capacity(demand, records, shards, skew):
    result = offer(stream_of(shards, key_skew=skew), 0, shards=demand, records=records)
    assert result.accepted_bytes + result.throttled_bytes == pytest.approx(result.offered_bytes)
    assert result.accepted_records + result.throttled_records == pytest.approx(result.offered_records)
    assert result.accepted_bytes <= shards * SHARD_BYTES_PER_MINUTE * 1.000001
    assert result.accepted_records <= shards * SHARD_RECORDS_PER_MINUTE * 1.000001


# --- Resharding ------------------------------------------------------------------------------------------------------


def test_a_reshard_is_asynchronous_and_the_old_capacity_serves_until_it_is_done():
    stream = stream_of(4, reshard_seconds=240)
    response = stream.update_shard_count(8, START)
    assert (response["CurrentShardCount"], response["TargetShardCount"]) == (4, 8)
    assert stream.status(START) == "UPDATING"
    assert [offer(stream, minute, shards=8).shards for minute in (0, 3, 4)] == [4, 4, 8]
    assert stream.status(START + 3 * MINUTE) == "UPDATING"
    assert stream.status(START + 4 * MINUTE) == "ACTIVE"


def test_the_minute_that_has_just_passed_may_be_offered_after_the_reshard_was_seen_to_be_done():
    stream = stream_of(4, reshard_seconds=240)
    stream.update_shard_count(8, START)
    assert open_shards(stream, START + 4 * MINUTE) == 8
    assert offer(stream, 3, shards=8).shards == 4


def test_by_default_a_reshard_takes_minutes_longer_for_more_shards_and_for_crooked_targets():
    assert reshard_seconds(4, 8) == 184
    assert reshard_seconds(1000, 2000) == 1180
    assert reshard_seconds(8, 10) == 182  # 10 is 125% of 8
    assert reshard_seconds(8, 11) == 183 * 1.5
    stream = stream_of(4)
    stream.update_shard_count(8, START)
    assert stream.status(START + timedelta(seconds=183)) == "UPDATING"
    assert stream.status(START + timedelta(seconds=184)) == "ACTIVE"


def test_what_the_open_shard_count_is_during_a_reshard_is_a_choice():
    assert open_shards_while_updating() == 4
    assert open_shards_while_updating(count_while_updating=lambda _, target: target) == 8
    assert open_shards_while_updating(count_while_updating=lambda current, target: current + target) == 12


def open_shards_while_updating(**options):
    stream = stream_of(4, **options)
    stream.update_shard_count(8, START)
    return open_shards(stream, START + MINUTE)


def test_a_stream_that_is_updating_refuses_a_reshard():
    stream = stream_of(4, reshard_seconds=240)
    stream.update_shard_count(8, START)
    assert refused(stream, 4, START + 3 * MINUTE) == "ResourceInUseException"


@pytest.mark.parametrize(
    ("current", "least", "most"), [(1, 1, 2), (2, 1, 4), (5, 3, 10), (7, 4, 14), (8, 4, 16), (100, 50, 200)]
)
def test_a_target_lies_between_half_rounded_up_and_double(current, least, most):
    for target in (least, most):
        stream_of(current).update_shard_count(target, START)
    for target in (least - 1, most + 1):
        assert refused(stream_of(current), target) == "InvalidArgumentException"


def test_a_stream_has_at_most_ten_thousand_shards():
    stream_of(5000).update_shard_count(10_000, START)
    assert refused(stream_of(5001), 10_001) == "LimitExceededException"
    assert refused(stream_of(12_000), 10_000) == "LimitExceededException"
    stream_of(12_000).update_shard_count(9_999, START)


def test_a_stream_is_resharded_at_most_ten_times_in_any_24_hours():
    stream = stream_of(4, reshard_seconds=60)
    for hour in range(10):
        stream.update_shard_count(4 + hour % 2, START + hour * HOUR)
    assert refused(stream, 4, START + 10 * HOUR) == "LimitExceededException"
    assert refused(stream, 4, START + DAY - timedelta(seconds=1)) == "LimitExceededException"
    stream.update_shard_count(4, START + DAY)
    assert refused(stream, 4, START + DAY + 2 * MINUTE) == "LimitExceededException"
    stream.update_shard_count(4, START + DAY + HOUR)


def test_a_refused_call_does_not_count_towards_the_ten():
    stream = stream_of(4, reshard_seconds=60)
    for second in range(20):
        assert refused(stream, 9, START - timedelta(seconds=20 - second)) == "InvalidArgumentException"
    for hour in range(10):
        stream.update_shard_count(4, START + hour * HOUR)
        assert refused(stream, 4, START + hour * HOUR) == "ResourceInUseException"


def test_an_account_may_call_ten_times_a_second():
    account = KinesisAccount()
    streams = [StreamModel(f"stream-{number}", 1, account=account, created_at=START) for number in range(12)]
    for stream in streams[:10]:
        stream.update_shard_count(2, START)
    assert refused(streams[10], 2, START + timedelta(milliseconds=999)) == "LimitExceededException"
    assert streams[10].status(START) == "ACTIVE"
    streams[10].update_shard_count(2, START + timedelta(seconds=1))


def test_an_account_has_a_shard_limit_that_streams_in_the_middle_of_a_reshard_count_against():
    account = KinesisAccount(shard_limit=20)
    first, second = (StreamModel(name, 6, account=account, created_at=START) for name in ("first", "second"))
    assert account.describe_limits(START)["OpenShardCount"] == 12
    first.update_shard_count(12, START)
    assert account.open_shards(START + MINUTE) == 18
    assert refused(second, 9) == "LimitExceededException"
    second.update_shard_count(8, START)
    assert account.describe_limits(START)["OpenShardCount"] == account.describe_limits(START)["ShardLimit"] == 20


def test_shards_that_go_count_until_the_reshard_is_done_and_shrinking_is_always_allowed():
    account = KinesisAccount(shard_limit=5)
    stream = StreamModel("orders", 8, account=account, created_at=START, reshard_seconds=60)
    stream.update_shard_count(4, START)
    assert account.open_shards(START) == 8
    assert account.open_shards(START + MINUTE) == 4


def test_a_person_can_reshard_by_hand_without_spending_the_quota():
    stream = stream_of(4, reshard_seconds=60)
    for count in range(5, 40):
        stream.reshard_by_hand(count, START)
    assert open_shards(stream, START) == 39
    stream.update_shard_count(40, START)
    with pytest.raises(KinesisError, match="UPDATING"):
        stream.reshard_by_hand(5, START)


def test_errors_are_those_of_the_kinesis_api():
    operation = Loader().load_service_model("kinesis", "service-2")["operations"]["UpdateShardCount"]
    documented = {error["shape"] for error in operation["errors"]}
    raised = {"InvalidArgumentException", "LimitExceededException", "ResourceInUseException", "ValidationException"}
    assert raised <= documented


def test_the_description_has_the_shape_of_describe_stream_summary():
    shapes = Loader().load_service_model("kinesis", "service-2")["shapes"]
    description = stream_of(4).describe(START)
    assert description.keys() == shapes["DescribeStreamSummaryOutput"]["members"].keys()
    assert description["StreamDescriptionSummary"]["RetentionPeriodHours"] == 24
    summary, shape = description["StreamDescriptionSummary"], shapes["StreamDescriptionSummary"]
    assert set(shape["required"]) <= summary.keys() <= shape["members"].keys()
    assert summary["StreamCreationTimestamp"] == START - DAY
    assert summary["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}


# --- On demand -------------------------------------------------------------------------------------------------------


def on_demand(**options):
    stream = stream_of(1, **options)
    stream.update_stream_mode(ON_DEMAND, START - HOUR)
    return stream


def test_an_on_demand_stream_cannot_be_resharded():
    assert refused(on_demand(), 2) == "ValidationException"


def test_an_on_demand_stream_does_not_count_towards_the_shard_limit():
    account = KinesisAccount(shard_limit=20)
    on_demand(account=account)
    assert account.describe_limits(START) == {
        "ShardLimit": 20,
        "OpenShardCount": 0,
        "OnDemandStreamCount": 1,
        "OnDemandStreamCountLimit": 50,
    }


def test_the_mode_can_be_switched_twice_a_day():
    stream = on_demand()
    assert stream.status(START - HOUR) == "UPDATING"
    assert stream.status(START) == "ACTIVE"
    stream.update_stream_mode(PROVISIONED, START)
    with pytest.raises(KinesisError) as raised:
        stream.update_stream_mode(ON_DEMAND, START + HOUR)
    assert raised.value.code == "LimitExceededException"
    stream.update_stream_mode(ON_DEMAND, START - HOUR + DAY)


def test_on_demand_starts_at_four_shards_worth_and_throttles_a_more_than_doubling_within_15_minutes():
    stream = on_demand()
    assert offer(stream, 0, shards=3).shards == 4
    taken = [offer(stream, minute, shards=5).shards for minute in range(1, 32)]
    assert taken[:14] == [4] * 14
    assert taken[14] == 6  # double the 3 of the first minute, now a quarter of an hour ago
    assert taken[15] == 8  # double the 4 that were taken after it


def test_on_demand_remembers_a_peak_for_thirty_days():
    stream = on_demand()
    offer(stream, 0, shards=4)
    for minute in range(16, 16 + 4 * 24 * 60, 60):
        assert offer(stream, minute, shards=1).shards == 8
    assert offer(stream, 29 * 24 * 60, shards=1).shards == 8
    offer(stream, 31 * 24 * 60, shards=1)
    assert offer(stream, 31 * 24 * 60 + 1, shards=1).shards == 4


def test_a_stream_that_goes_on_demand_keeps_the_capacity_it_had():
    stream = stream_of(16)
    stream.update_stream_mode(ON_DEMAND, START)
    assert offer(stream, 0, shards=16).accepted_share == 1


# --- Metrics ---------------------------------------------------------------------------------------------------------


def test_the_metrics_count_what_was_accepted_and_the_records_that_were_not():
    store = MetricStore()
    offer(stream_of(2, store=store), 0, shards=4, records=1000)
    assert reported(store, "IncomingBytes", 0) == 2 * SHARD_BYTES_PER_MINUTE
    assert reported(store, "IncomingRecords", 0) == 500
    assert reported(store, "IncomingRecords", 0, "SampleCount") == 500
    assert reported(store, "WriteProvisionedThroughputExceeded", 0) == 500


def test_an_idle_stream_reports_zeros_or_nothing():
    for reports_when_idle, expected in ((True, 0), (False, None)):
        store = MetricStore()
        offer(stream_of(2, store=store, reports_when_idle=reports_when_idle), 0)
        for metric in ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded"):
            assert reported(store, metric, 0) == expected


def test_a_stream_without_a_store_reports_nowhere():
    assert offer(stream_of(2), 0, shards=1).accepted_share == 1


# --- Consumers -------------------------------------------------------------------------------------------------------


def ages(stream, store, minutes, *, shards=1.0):
    """Simulate minutes. Return the reported iterator age in minutes for each of them."""
    seen = []
    for minute in minutes:
        offer(stream, minute, shards=shards)
        age = reported(store, "GetRecords.IteratorAgeMilliseconds", minute, "Maximum")
        seen.append(None if age is None else age / 60_000)
    return seen


def test_a_consumer_is_caught_up_by_default():
    store = MetricStore()
    assert ages(stream_of(2, store=store), store, range(3)) == [0, 0, 0]
    assert reported(store, "GetRecords.Bytes", 0) == SHARD_BYTES_PER_MINUTE


def test_a_paused_consumer_falls_behind_and_catches_up_when_it_goes_on():
    store, consumer = MetricStore(), Consumer()
    stream = stream_of(2, store=store, consumer=consumer)
    consumer.state = ConsumerState.PAUSED
    assert ages(stream, store, range(30)) == list(range(1, 31))
    assert reported(store, "GetRecords.Bytes", 29) == 0
    consumer.state = ConsumerState.RUNNING
    catching_up = ages(stream, store, range(30, 60))
    assert catching_up == sorted(catching_up, reverse=True)
    assert (catching_up[0] < 30, catching_up[-1]) == (True, 0)


def test_a_consumer_that_stays_behind_has_a_steady_iterator_age():
    store = MetricStore()
    stream = stream_of(2, store=store, consumer=Consumer(lag=timedelta(minutes=45)))
    assert ages(stream, store, range(60))[45:] == [45] * 15


def test_a_dead_consumer_stops_reporting():
    store = MetricStore()
    stream = stream_of(2, store=store, consumer=Consumer(state=ConsumerState.DEAD))
    assert ages(stream, store, range(3)) == [None] * 3
    assert reported(store, "GetRecords.Bytes", 0) is None


def test_a_stream_without_a_consumer_reports_no_reads():
    store = MetricStore()
    stream = stream_of(2, store=store)
    stream.consumer = None
    assert ages(stream, store, range(3)) == [None] * 3


def test_an_iterator_age_never_exceeds_the_retention():
    store = MetricStore()
    stream = stream_of(2, store=store, consumer=Consumer(state=ConsumerState.PAUSED))
    assert 23 * 60 < max(ages(stream, store, range(0, 48 * 60, 30))) <= 24 * 60


def test_a_shard_gives_two_megabytes_a_second_to_all_readers_together():
    store = MetricStore()
    stream = stream_of(1, store=store, consumer=Consumer(readers=3))
    assert ages(stream, store, range(10))[-1] > 0
    assert reported(store, "GetRecords.Bytes", 9) == 60 * 2_000_000
    store = MetricStore()
    stream = stream_of(1, store=store, consumer=Consumer(readers=3))
    assert ages(stream, store, range(10), shards=0.6) == [0] * 10


def test_more_shards_do_not_clear_an_existing_backlog():
    def minutes_behind_after(reshard_to):
        store, consumer = MetricStore(), Consumer(state=ConsumerState.PAUSED)
        stream = stream_of(2, store=store, consumer=consumer, reshard_seconds=0)
        ages(stream, store, range(60), shards=2)
        consumer.state = ConsumerState.RUNNING
        stream.reshard_by_hand(reshard_to, START + 60 * MINUTE)
        return ages(stream, store, range(60, 70), shards=2)

    assert minutes_behind_after(2) == minutes_behind_after(16)
