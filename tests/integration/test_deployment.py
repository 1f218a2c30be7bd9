"""The whole path without Terraform: traffic, alarm, topic, package.zip, Kinesis, alarms rewritten, audit table."""

from __future__ import annotations

import pytest

from simulator.deployment import add_stream, deploy
from simulator.local_aws import LocalAWS, Transport
from simulator.traffic import Traffic
from tests.integration.test_short_ways import long_way


@pytest.fixture(params=Transport, ids=lambda transport: transport.value)
def autoscaler(request):
    with LocalAWS(request.param) as aws, long_way():
        yield deploy(aws)


def run(autoscaler, minutes, shards):
    for _ in range(minutes):
        autoscaler.aws.advance_minute({"orders": Traffic.for_shards(shards)})


def test_a_busy_stream_is_scaled_up_and_its_log_says_why(autoscaler):
    add_stream(autoscaler.aws, "orders", 2)
    run(autoscaler, 20, shards=2.5)
    assert autoscaler.aws.streams.model("orders").shard_count(autoscaler.aws.clock.now()) == 4
    [scaling] = [item for item in autoscaler.audit_log("orders") if item["status"] != "SKIPPED"]
    assert (scaling["action"], scaling["status"], scaling["reason"]) == ("scale-up", "SUCCEEDED", "HIGH_DEMAND")
    assert (scaling["from_shard_count"], scaling["to_shard_count"]) == (2, 4)


def test_both_alarms_hold_the_new_count_afterwards(autoscaler):
    add_stream(autoscaler.aws, "orders", 2)
    run(autoscaler, 20, shards=2.5)
    for alarm in autoscaler.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        [count] = [query["Expression"] for query in alarm["Metrics"] if query["Id"] == "shardCount"]
        assert count == "4"


def test_a_dry_run_scales_nothing():
    with LocalAWS() as aws:
        autoscaler = deploy(aws, environment={"DRY_RUN": "true"})
        add_stream(aws, "orders", 2)
        run(autoscaler, 20, shards=2.5)
        assert aws.streams.model("orders").shard_count(aws.clock.now()) == 2
        assert "DRY_RUN" in {item["reason"] for item in autoscaler.audit_log("orders")}


def test_the_function_can_be_invoked_by_hand(autoscaler):
    add_stream(autoscaler.aws, "orders", 2)
    answer = autoscaler.invoke({"action": "scale", "stream_name": "orders", "shard_count": 3, "reason": "a launch"})
    assert "errorMessage" not in answer
    assert autoscaler.aws.streams.model("orders").status(autoscaler.aws.clock.now()) == "UPDATING"


def test_a_setting_that_the_module_does_not_have_is_refused():
    with LocalAWS() as aws, pytest.raises(TypeError, match="no input max_shards"):
        add_stream(aws, "orders", 2, max_shards=4)
