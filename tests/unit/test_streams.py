"""Kinesis's answers about a stream, and the meaning of its refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
import time_machine
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from kinesis_autoscaler.model import Shard, Stream
from kinesis_autoscaler.streams import (
    AccountShardLimitError,
    CallInDoubtError,
    QuotaExhaustedError,
    StreamInUseError,
    StreamMissingError,
    Streams,
    TooManyAtOnceError,
)
from tests.unit.account import Calls

CREATED = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
ORDERS_ARN = "arn:aws:kinesis:us-east-2:123456789012:stream/orders"
ORDERS = Stream("orders", "ACTIVE", 4, CREATED, arn=ORDERS_ARN)


@pytest.fixture
def streams(kinesis) -> Streams:
    with time_machine.travel(CREATED, tick=False):
        kinesis.create_stream(StreamName="orders", ShardCount=4)
        kinesis.create_stream(StreamName="clicks", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    return Streams(kinesis, bounded=kinesis)


def summary(**changes) -> dict:
    """Return an answer to DescribeStreamSummary."""
    return {
        "StreamDescriptionSummary": {
            "StreamName": "orders",
            "StreamARN": ORDERS_ARN,
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": CREATED,
            "EnhancedMonitoring": [],
            "OpenShardCount": 4,
            **changes,
        }
    }


class TestDescribing:
    def test_a_provisioned_stream_has_its_open_shards_and_its_age(self, streams):
        assert streams.describe("orders") == ORDERS

    def test_closed_shards_do_not_count(self, kinesis, streams):
        kinesis.update_shard_count(StreamName="orders", TargetShardCount=2, ScalingType="UNIFORM_SCALING")
        assert len(kinesis.list_shards(StreamName="orders")["Shards"]) > 2
        assert streams.describe("orders").open_shard_count == 2

    def test_an_on_demand_stream_is_known_as_such(self, streams):
        assert streams.describe("clicks").on_demand

    def test_its_shard_level_metrics_are_known(self, kinesis, streams):
        kinesis.enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["IncomingBytes"])
        stream = streams.describe("orders")
        assert stream.reports_by_shard("IncomingBytes")
        assert not stream.reports_by_shard("IncomingRecords")

    def test_where_all_shard_level_metrics_are_on_each_of_them_is(self):
        assert replace(ORDERS, shard_level_metrics=frozenset({"ALL"})).reports_by_shard("IncomingBytes")

    def test_its_open_shards_have_their_hash_keys(self, kinesis, streams):
        ranges = sorted((shard.first, shard.last) for shard in streams.open_shards(ORDERS))
        assert len(ranges) == 4
        assert (ranges[0][0], ranges[-1][1]) == (0, 2**128 - 1)
        assert all(last + 1 == first for (_, last), (first, _) in pairwise(ranges))

    def test_open_shards_come_in_pages_whose_token_is_sent_alone(self, kinesis, streams):
        def page(number: int) -> dict:
            keys = {"StartingHashKey": str(number), "EndingHashKey": str(number)}
            sequence = {"StartingSequenceNumber": "0"}
            return {"Shards": [{"ShardId": f"shard-{number}", "HashKeyRange": keys, "SequenceNumberRange": sequence}]}

        with Stubber(kinesis) as answers:
            first = {"StreamName": "orders", "ShardFilter": {"Type": "AT_LATEST"}}
            answers.add_response("list_shards", {**page(0), "NextToken": "more"}, first)
            answers.add_response("list_shards", page(1), {"NextToken": "more"})
            assert [shard.id for shard in streams.open_shards(ORDERS)] == ["shard-0", "shard-1"]

    def test_a_stream_whose_mode_is_not_told_is_a_provisioned_one(self, kinesis, streams):
        with Stubber(kinesis) as answers:
            answers.add_response("describe_stream_summary", summary())
            assert not streams.describe("orders").on_demand

    @pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING"])
    def test_only_an_active_stream_can_be_resharded(self, kinesis, streams, status):
        assert streams.describe("orders").is_active
        with Stubber(kinesis) as answers:  # moto's streams are always ACTIVE
            answers.add_response("describe_stream_summary", summary(StreamStatus=status))
            stream = streams.describe("orders")
        assert (stream.status, stream.is_active) == (status, False)

    def test_a_missing_stream_is_named(self, streams):
        with pytest.raises(StreamMissingError, match="There is no stream invoices in this account and region"):
            streams.describe("invoices")

    def test_any_other_failure_is_passed_on(self, kinesis, streams):
        with Stubber(kinesis) as answers:
            answers.add_client_error("describe_stream_summary", "AccessDeniedException")
            with pytest.raises(ClientError, match="AccessDenied"):
                streams.describe("orders")


class TestUpdating:
    @pytest.mark.parametrize("target", [8, 5, 2])
    def test_kinesis_reshards_the_stream_uniformly(self, kinesis, streams, target):
        calls = Calls(kinesis)
        streams.update_shard_count(ORDERS, target)
        assert calls.made == [
            (
                "UpdateShardCount",
                {"StreamName": "orders", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"},
            )
        ]
        assert streams.describe("orders").open_shard_count == target

    def test_the_call_goes_out_through_the_client_whose_time_is_bounded(self, aws, kinesis, streams):
        bounded = aws.client("kinesis")
        patient_calls, bounded_calls = Calls(kinesis), Calls(bounded)
        streams = Streams(kinesis, bounded=bounded)
        streams.update_shard_count(streams.describe("orders"), 8)
        assert [name for name, _ in patient_calls.made] == ["DescribeStreamSummary"]
        assert [name for name, _ in bounded_calls.made] == ["UpdateShardCount"]

    def test_a_missing_stream_is_named(self, streams):
        with pytest.raises(StreamMissingError, match="invoices"):
            streams.update_shard_count(Stream("invoices", "ACTIVE", 4, CREATED), 8)

    def test_a_stream_in_use_is_changed_by_someone_else(self, kinesis, streams):
        with Stubber(kinesis) as answers:
            answers.add_client_error("update_shard_count", "ResourceInUseException", "Stream orders is UPDATING.")
            with pytest.raises(StreamInUseError, match="Stream orders is UPDATING"):
                streams.update_shard_count(ORDERS, 8)

    def test_a_stream_in_use_after_a_retry_may_be_changed_by_us_or_by_someone_else(self, kinesis, streams):
        with Stubber(kinesis) as answers:
            answers.add_client_error("update_shard_count", "ResourceInUseException", response_meta={"RetryAttempts": 1})
            with pytest.raises(CallInDoubtError):
                streams.update_shard_count(ORDERS, 8)
            answers.assert_no_pending_responses()

    @pytest.mark.parametrize(
        ("room", "meaning"),
        [(0, AccountShardLimitError), (3, AccountShardLimitError), (4, QuotaExhaustedError)],
    )
    def test_an_unnamed_limit_is_the_accounts_where_the_account_has_no_room(self, kinesis, streams, room, meaning):
        with Stubber(kinesis) as answers:
            answers.add_client_error("update_shard_count", "LimitExceededException", "A limit was exceeded.")
            answers.add_response(
                "describe_limits",
                {
                    "ShardLimit": 200,
                    "OpenShardCount": 200 - room,
                    "OnDemandStreamCount": 0,
                    "OnDemandStreamCountLimit": 50,
                },
            )
            with pytest.raises(meaning, match="A limit was exceeded"):
                streams.update_shard_count(ORDERS, 8)
            answers.assert_no_pending_responses()

    def test_a_scale_down_can_only_meet_the_limit_of_calls(self, kinesis, streams):
        with Stubber(kinesis) as answers:  # a call of DescribeLimits would be an error here
            answers.add_client_error("update_shard_count", "LimitExceededException")
            with pytest.raises(QuotaExhaustedError):
                streams.update_shard_count(ORDERS, 2)

    @pytest.mark.parametrize(
        ("says", "meaning"),
        [
            ("Target shard count would exceed the shard limit of this account.", AccountShardLimitError),
            ("The Shard Count for the account is too high.", AccountShardLimitError),
            ("There are too many simultaneous UpdateShardCount requests.", TooManyAtOnceError),
            ("Rate exceeded for account 123456789012.", TooManyAtOnceError),
        ],
    )
    @pytest.mark.parametrize("target", [8, 2])
    def test_a_limit_is_what_the_answer_says_without_asking_further(self, kinesis, streams, says, meaning, target):
        with Stubber(kinesis) as answers:  # a call of DescribeLimits would be an error here
            answers.add_client_error("update_shard_count", "LimitExceededException", says)
            with pytest.raises(meaning, match=says):
                streams.update_shard_count(ORDERS, target)

    @pytest.mark.parametrize(
        "code", ["AccessDeniedException", "InvalidArgumentException", "InternalFailure", "ThrottlingException"]
    )
    def test_any_other_failure_is_passed_on(self, kinesis, streams, code):
        with Stubber(kinesis) as answers:
            answers.add_client_error("update_shard_count", code)
            with pytest.raises(ClientError, match=code):
                streams.update_shard_count(ORDERS, 8)

    def test_an_on_demand_stream_is_refused_by_kinesis(self, streams):
        with pytest.raises(ClientError, match="ValidationException"):
            streams.update_shard_count(Stream("clicks", "ACTIVE", 4, CREATED, on_demand=True), 8)


class TestSplitting:
    def test_a_shard_is_split_at_the_middle_of_its_hash_keys(self, kinesis, streams):
        with Stubber(kinesis) as answers:
            expected = {"StreamName": "orders", "ShardToSplit": "shardId-1", "NewStartingHashKey": "15"}
            answers.add_response("split_shard", {}, expected)
            streams.split_shard(ORDERS, Shard("shardId-1", 10, 19))

    @pytest.mark.parametrize(
        ("code", "text", "meaning"),
        [
            ("ResourceInUseException", "Stream orders is UPDATING.", StreamInUseError),
            ("LimitExceededException", "Rate exceeded for stream orders.", TooManyAtOnceError),
            ("LimitExceededException", "This would exceed the shard limit.", AccountShardLimitError),
        ],
    )
    def test_its_refusals_mean_what_those_of_other_changes_do(self, kinesis, streams, code, text, meaning):
        with Stubber(kinesis) as answers:
            answers.add_client_error("split_shard", code, text)
            with pytest.raises(meaning):
                streams.split_shard(ORDERS, Shard("shardId-1", 10, 19))


class TestFanOutConsumers:
    def test_a_stream_without_any_is_not_asked_for_their_names(self, kinesis, streams):
        calls = Calls(kinesis)
        assert streams.fan_out_consumers(streams.describe("orders")) == []
        assert [name for name, _ in calls.made] == ["DescribeStreamSummary"]

    def test_their_names_are_listed_to_the_last_page(self, kinesis, streams):
        stream = replace(ORDERS, fan_out_consumers=2)

        def page(name: str, **more) -> dict:
            consumer = {"ConsumerName": name, "ConsumerARN": f"{ORDERS_ARN}/consumer/{name}:1"}
            return {
                "Consumers": [{**consumer, "ConsumerStatus": "ACTIVE", "ConsumerCreationTimestamp": CREATED}],
                **more,
            }

        with Stubber(kinesis) as answers:
            request = {"StreamARN": ORDERS_ARN}
            answers.add_response("list_stream_consumers", page("billing", NextToken="more"), request)
            answers.add_response("list_stream_consumers", page("search"), {**request, "NextToken": "more"})
            assert streams.fan_out_consumers(stream) == ["billing", "search"]
            answers.assert_no_pending_responses()

    def test_how_many_there_are_is_what_kinesis_says_of_the_stream(self, kinesis, streams):
        with Stubber(kinesis) as answers:
            answers.add_response("describe_stream_summary", summary(ConsumerCount=2))
            assert streams.describe("orders").fan_out_consumers == 2
