"""No decision is based on missing or partial data, or on data about something else.

The local AWS loses metrics, answers with too little data, has hot keys and refuses calls. An alarm or a request
arrives. The tests check the audit table and the stream afterwards.
"""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import dropwhile

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simulator.aws.kinesis.consumers import ConsumerState, FanOutConsumer
from simulator.aws.kinesis.quotas import Limit
from simulator.deployment import add_stream, deploy
from simulator.local_aws import LocalAWS
from simulator.traffic import Traffic
from tests.faults.effort import effort
from tests.world import QUICK, World, world


@pytest.fixture
def w():
    with world() as made:
        yield made
        assert made.broken_calls == []


def send(w: World, minutes: int, traffic: Traffic) -> None:
    for _ in range(minutes):
        w.aws.advance_minute({"orders": traffic})


def ask(w: World, count: int) -> dict:
    return w.invoke({"action": "scale", "stream_name": "orders", "shard_count": count, "reason": "a test"})


# Missing and partial metrics

LARGE_RECORDS = Traffic(bytes=0.62 * 8 * World.SHARD_BYTES, records=0.03 * 8 * 60_000)
SMALL_RECORDS = Traffic(bytes=0.03 * 8 * World.SHARD_BYTES, records=0.62 * 8 * 60_000)


@pytest.mark.parametrize(
    ("lost", "traffic"),
    [("IncomingBytes", LARGE_RECORDS), ("IncomingRecords", SMALL_RECORDS)],
    ids=["IncomingBytes", "IncomingRecords"],
)
def test_a_lost_metric_is_not_made_up_for_by_the_other(w, lost, traffic):
    w.add_stream(shards=8)
    send(w, 14, traffic)
    w.aws.faults.lose_metric(lost)
    send(w, 35, traffic)
    assert set(w.reasons()) == {"NO_TELEMETRY"}
    assert f"CloudWatch has no {lost} for " in w.log()[0]["message"]
    assert w.shards() == 8


def test_the_function_s_own_metrics_prove_nothing_of_the_stream_s(w):
    w.add_stream(shards=8, demand=5.5)
    w.run(14)
    w.aws.faults.lose_namespace("AWS/Kinesis")
    w.run(40)
    assert set(w.reasons()) == {"NO_TELEMETRY"}
    assert w.shards() == 8


@pytest.mark.parametrize("status", ["InternalError", "PartialData", "Forbidden"])
def test_a_metric_that_cloudwatch_does_not_answer_in_full_is_not_read_as_no_traffic(w, status):
    w.add_stream(shards=8, demand=5.5)
    w.run(14)
    with w.aws.faults.answer_metric_data(status, "IncomingBytes"):
        record = ask(w, 4)
    assert (record["status"], record["reason"]) == ("SKIPPED", "NO_TELEMETRY")
    assert "CloudWatch did not return all data for IncomingBytes" in record["message"]


def test_a_metric_that_comes_when_asked_again_is_as_good_as_any(w):
    w.add_stream(shards=8, demand=3.0)
    w.run(14)
    with w.aws.faults.answer_metric_data("InternalError", "IncomingBytes", answers=1, next_token=False):
        record = ask(w, 6)
    assert (record["reason"], record["to_shard_count"]) == ("REQUESTED", 6)


# Throttling and hot shards


def test_a_stream_that_throttles_is_not_shrunk_however_empty_it_looks(w):
    w.add_stream(shards=8, demand=2.4)
    w.aws.streams.model("orders").key_skew = 0.4
    w.run(40)
    assert "THROTTLED" in w.reasons()
    assert w.shards() == 8


@given(
    skew=st.floats(0.05, 0.6),
    usage=st.floats(0.15, 0.75),
    shards=st.sampled_from([2, 4, 8]),
    scale_on_throttling=st.booleans(),
)
@example(skew=0.2, usage=0.65, shards=4, scale_on_throttling=True)
@example(skew=0.4, usage=0.3, shards=8, scale_on_throttling=True)
@example(skew=0.375, usage=0.25, shards=8, scale_on_throttling=True)
@settings(max_examples=effort(2), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_skewed_traffic_does_not_flap(skew, usage, shards, scale_on_throttling):
    """A stream may grow until it no longer throttles. It does not return to a count that throttled."""
    with world() as w:
        w.add_stream(shards=shards, demand=usage * shards, scale_on_throttling=scale_on_throttling)
        w.aws.streams.model("orders").key_skew = skew
        w.run(120)
        directions = [call.target > call.before for call in w.reshards]
        after_calm = list(dropwhile(lambda grows: not grows, directions))  # nothing had been throttled before
        assert after_calm == sorted(after_calm, reverse=True), "up, and perhaps down at the end, never up again"


def test_a_hot_shard_is_on_record_within_about_an_hour_though_no_alarm_fires(w):
    w.add_stream(shards=4, demand=2.2)
    w.aws.streams.model("orders").key_skew = 0.3
    w.run(75)
    assert set(w.reasons()) == {"HOT_SHARD_SUSPECTED"}
    assert re.search(
        r"[\d,]+ records \(\d+\.\d%\) were throttled in \d+ of the \d+ minutes since \d\d:\d\d UTC",
        w.log()[-1]["message"],
    )
    assert w.reshards == []


def test_a_hot_shard_that_may_not_be_looked_up_is_on_record_without_its_name(w):
    def deny(running, call):
        if call.operation == "ListShards":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, call.operation)

    w.add_stream(shards=4, demand=2.2)
    w.aws.client("kinesis").enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["IncomingBytes"])
    w.aws.streams.model("orders").key_skew = 0.3
    w.before_call = deny
    w.run(65)
    assert set(w.reasons()) == {"HOT_SHARD_SUSPECTED"}
    assert w.log()[-1]["message"].endswith("; the shard could not be identified from its metrics.")


# Idle streams and consumers


@pytest.mark.parametrize("minutes", [5, 30])
def test_an_idle_stream_goes_down_to_its_minimum_at_any_pace_of_reconcile(minutes):
    with LocalAWS(metric_delay_seconds=60) as aws:
        deployment = deploy(aws, reconcile_interval_minutes=minutes)
        add_stream(aws, "orders", 4, **QUICK)
        for _ in range(150):
            last = aws.advance_minute({"orders": Traffic(bytes=0, records=0)})["orders"]
        assert last.shards == 1
        assert {item["reason"] for item in deployment.audit_log("orders")} >= {"LOW_DEMAND"}


def test_a_lag_of_single_minutes_does_not_keep_a_stream_large(w):
    w.add_stream(shards=8, demand=1.0)
    put = w.aws.store.put

    def put_with_jumps(namespace, name, dimensions, minute, **values):
        if name == "GetRecords.IteratorAgeMilliseconds" and minute.minute % 10 == 0:
            values["sum"] = 86_400_000
        put(namespace, name, dimensions, minute, **values)

    w.aws.store.put = put_with_jumps
    w.run(40)
    assert w.shards() < 8


def fan_out_consumer(w: World, name: str) -> FanOutConsumer:
    stream = w.summary()["StreamARN"]
    w.aws.client("kinesis").register_stream_consumer(StreamARN=stream, ConsumerName=name)
    return w.aws.streams.model("orders").fan_out[name]


def test_an_enhanced_fan_out_consumer_that_lags_keeps_the_stream_large_until_it_has_caught_up(w):
    w.add_stream(shards=8, demand=1.0)
    billing = fan_out_consumer(w, "billing")
    billing.lag = timedelta(hours=2)
    w.run(40)
    assert w.shards() == 8
    assert set(w.reasons()) == {"CONSUMERS_BEHIND"}
    assert "its fan-out consumer billing" in w.log()[0]["message"]
    billing.lag = timedelta(0)
    w.run(75)
    assert w.shards() < 8


def test_an_enhanced_fan_out_consumer_that_fell_silent_counts_as_behind_and_one_never_seen_does_not(w):
    w.add_stream(shards=8, demand=4.0)
    billing = fan_out_consumer(w, "billing")
    w.run(15)
    billing.state = ConsumerState.DEAD
    w.run(35)
    w.demand["orders"] = 1.0
    w.run(20)
    assert w.shards() == 8
    assert "CONSUMERS_BEHIND" in w.reasons()

    w.add_stream("clicks", shards=8, demand=1.0)
    clicks = w.aws.client("kinesis").describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
    w.aws.client("kinesis").register_stream_consumer(StreamARN=clicks["StreamARN"], ConsumerName="never")
    w.aws.streams.model("clicks").fan_out["never"].state = ConsumerState.DEAD
    w.run(40)
    assert w.shards("clicks") < 8


# Late and stale answers


def test_metrics_that_are_late_do_not_shrink_a_stream_that_is_busy_meanwhile(w):
    w.add_stream(shards=8, demand=1.0)
    w.run(6)
    w.aws.faults.delay_metrics(8)
    w.demand["orders"] = 6.0
    w.run(40)
    assert w.shards() >= 8
    assert [call for call in w.reshards if call.target < call.before] == []


def test_an_alarm_that_describe_alarms_shows_late_is_acted_on(w):
    w.add_stream(shards=8, demand=4.0)
    w.run(12)
    w.aws.faults.stale_alarms(seconds=2)
    w.demand["orders"] = 7.5
    w.run(8)
    assert [call.target > call.before for call in w.reshards] == [True]


# Refusals


@pytest.mark.parametrize("limit", [Limit.SHARDS_OF_ACCOUNT, Limit.STREAMS_AT_ONCE, Limit.CALLS_PER_DAY])
def test_a_stream_is_scaled_soon_after_what_refused_it_is_over(w, limit):
    w.add_stream(shards=8, demand=4.0)
    w.run(12)
    w.aws.faults.refuse_reshards(limit, minutes=20)
    w.demand["orders"] = 7.9
    w.run(20)
    assert w.reshards == []
    w.run(22)
    assert w.reshards, "15 minutes, and the reconcile that wakes the alarm"


def test_a_refusal_does_not_hide_the_calls_that_are_on_record(w):
    """Ten calls are known, one of them refused. The daily calls are still used up."""
    w.add_stream(shards=8, demand=4.0, max_shard_count=64)
    for count in range(9, 14):
        ask(w, count)
        w.run(4)
    w.aws.faults.refuse_reshards(Limit.CALLS_PER_DAY, minutes=1)
    assert ask(w, 14)["reason"] == "QUOTA_EXHAUSTED"
    w.run(20)
    for count in range(14, 19):
        ask(w, count)
        w.run(4)
    assert len(w.reshards) == 10
    record = ask(w, 19)
    assert (record["status"], record["reason"]) == ("SKIPPED", "QUOTA_EXHAUSTED")
    assert len(w.reshards) == 10
