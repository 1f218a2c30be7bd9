"""The local AWS splits, merges, lists and measures shards as Kinesis does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from simulator.aws.kinesis import HotRange, Keys, Limit
from simulator.local_aws import START, LocalAWS
from simulator.traffic import Traffic
from tests.integration.transports import over_http_too, usual_transport


@usual_transport
def aws(request):
    with LocalAWS(request.param, split_seconds=30, merge_seconds=30, reshard_seconds=60) as local:
        local.client("kinesis").create_stream(StreamName="orders", ShardCount=2)
        yield local


def run(aws, minutes, shards=1.0):
    for _ in range(minutes):
        aws.advance_minute({"orders": Traffic.for_shards(shards)})


def summary(aws):
    return aws.client("kinesis").describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]


def shards(aws, **more):
    return aws.client("kinesis").list_shards(StreamName="orders", **more)["Shards"]


def open_shards(aws):
    return shards(aws, ShardFilter={"Type": "AT_LATEST"})


def numbers(listed):
    return [int(shard["ShardId"][-12:]) for shard in listed]


def name(number):
    return f"shardId-{number:012}"


def split(aws, number):
    [bounds] = [shard["HashKeyRange"] for shard in shards(aws) if shard["ShardId"] == name(number)]
    middle = (int(bounds["StartingHashKey"]) + int(bounds["EndingHashKey"]) + 1) // 2
    aws.client("kinesis").split_shard(StreamName="orders", ShardToSplit=name(number), NewStartingHashKey=str(middle))


def update(aws, count):
    aws.client("kinesis").update_shard_count(StreamName="orders", TargetShardCount=count, ScalingType="UNIFORM_SCALING")


def error(action):
    with pytest.raises(ClientError) as refused:
        action()
    return refused.value.response["Error"]


class TestResharding:
    @over_http_too
    def test_a_split_takes_half_a_minute_and_every_api_agrees(self, aws):
        split(aws, 0)
        assert summary(aws)["StreamStatus"] == "UPDATING"
        assert numbers(open_shards(aws)) == [0, 1]
        aws.clock.advance(timedelta(seconds=30))

        assert (summary(aws)["StreamStatus"], summary(aws)["OpenShardCount"]) == ("ACTIVE", 3)
        assert numbers(open_shards(aws)) == [1, 2, 3]
        assert [shard.get("ParentShardId") for shard in open_shards(aws)] == [None, name(0), name(0)]
        described = aws.client("kinesis").describe_stream(StreamName="orders")["StreamDescription"]["Shards"]
        assert sorted(numbers(described)) == [0, 1, 2, 3]

    def test_neighbours_are_merged(self, aws):
        aws.client("kinesis").merge_shards(StreamName="orders", ShardToMerge=name(0), AdjacentShardToMerge=name(1))
        run(aws, 1)
        [child] = open_shards(aws)

        assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (name(0), name(1))

    @over_http_too
    def test_one_at_a_time(self, aws):
        split(aws, 0)
        assert error(lambda: split(aws, 1))["Code"] == "ResourceInUseException"
        assert error(lambda: update(aws, 4))["Code"] == "ResourceInUseException"

    def test_update_shard_count_makes_uneven_ranges_even(self, aws):
        split(aws, 0)
        run(aws, 1)
        update(aws, 4)
        run(aws, 2)
        widths = {
            int(shard["HashKeyRange"]["EndingHashKey"]) - int(shard["HashKeyRange"]["StartingHashKey"])
            for shard in open_shards(aws)
        }
        assert widths == {2**126 - 1}

    def test_somebody_elses_call_counts_towards_the_day(self, aws):
        for number in range(10):
            update(aws, 2 + number % 2)
            run(aws, 2)
        assert "10 times" in error(lambda: update(aws, 2))["Message"]
        split(aws, numbers(open_shards(aws))[0])


class TestRefusals:
    @pytest.mark.parametrize(
        ("limit", "text"),
        [
            (Limit.SHARDS_OF_ACCOUNT, "would exceed the shard limit for the account 123456789012 in us-east-1"),
            (Limit.STREAMS_AT_ONCE, "the number of concurrent stream requests exceeds the maximum"),
            (Limit.CALLS_PER_SECOND, "Rate exceeded for stream orders under account 123456789012."),
            (Limit.CALLS_PER_DAY, "for stream orders within 24 hours"),
        ],
        ids=lambda value: value.name if isinstance(value, Limit) else "",
    )
    def test_a_limit_can_be_made_to_refuse_reshards_for_a_while(self, aws, limit, text):
        aws.faults.refuse_reshards(limit, minutes=2)
        for action in (lambda: update(aws, 4), lambda: split(aws, 0)):
            assert error(action)["Code"] == "LimitExceededException"
            assert text in error(action)["Message"]
        run(aws, 2)
        update(aws, 4)

    def test_other_streams_are_not_refused(self, aws):
        with aws.faults.refuse_reshards(Limit.STREAMS_AT_ONCE, "clicks"):
            update(aws, 4)

    @over_http_too
    def test_the_accounts_shard_limit_refuses_by_itself(self, aws):
        aws.streams.account.shard_limit = 3
        text = error(lambda: update(aws, 4))["Message"]
        assert "Current shard count for the account: 2. Limit: 3. Number of additional shards that would have" in text
        assert aws.client("kinesis").describe_limits()["ShardLimit"] == 3


def test_a_quota_that_was_raised_is_assumed_for_the_whole_account():
    with LocalAWS(update_calls_per_day=11, shard_limit=500, reshard_seconds=30) as aws:
        aws.client("kinesis").create_stream(StreamName="orders", ShardCount=2)
        for number in range(11):
            update(aws, 2 + number % 2)
            run(aws, 1)
        assert "11 times" in error(lambda: update(aws, 3))["Message"]
        assert aws.client("kinesis").describe_limits()["ShardLimit"] == 500


class TestListShards:
    def test_closed_shards_are_listed_until_their_records_expire(self, aws):
        split(aws, 0)
        run(aws, 1)
        closed = [shard for shard in shards(aws) if "EndingSequenceNumber" in shard["SequenceNumberRange"]]
        assert numbers(closed) == [0]
        assert numbers(shards(aws)) == [0, 1, 2, 3]

        aws.clock.advance(timedelta(days=1))
        assert numbers(shards(aws)) == [1, 2, 3]

    @over_http_too
    def test_shards_come_in_pages_whose_token_stands_for_the_stream(self, aws):
        update(aws, 4)
        run(aws, 2)
        kinesis, found = aws.client("kinesis"), []
        answer = kinesis.list_shards(StreamName="orders", MaxResults=3, ShardFilter={"Type": "AT_LATEST"})
        found += answer["Shards"]
        answer = kinesis.list_shards(NextToken=answer["NextToken"], MaxResults=3)
        found += answer["Shards"]

        assert numbers(found) == [2, 3, 4, 5]
        assert "NextToken" not in answer

    def test_a_token_and_a_stream_are_not_given_together(self, aws):
        token = aws.client("kinesis").list_shards(StreamName="orders", MaxResults=1)["NextToken"]
        refused = error(lambda: aws.client("kinesis").list_shards(StreamName="orders", NextToken=token))

        assert refused["Code"] == "InvalidArgumentException"
        assert refused["Message"] == "NextToken and StreamName cannot be provided together."

    def test_a_token_lasts_five_minutes(self, aws):
        token = aws.client("kinesis").list_shards(StreamName="orders", MaxResults=1)["NextToken"]
        aws.clock.advance(timedelta(seconds=301))

        assert error(lambda: aws.client("kinesis").list_shards(NextToken=token))["Code"] == "ExpiredNextTokenException"

    def test_a_stream_has_to_be_named(self, aws):
        assert error(lambda: aws.client("kinesis").list_shards())["Code"] == "InvalidArgumentException"

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"Type": "AFTER_SHARD_ID", "ShardId": name(1)}, [2, 3]),
            ({"Type": "AT_TIMESTAMP", "Timestamp": START}, [0, 1]),
            ({"Type": "FROM_TIMESTAMP", "Timestamp": START + timedelta(minutes=5)}, [1, 2, 3]),
            ({"Type": "FROM_TRIM_HORIZON"}, [0, 1, 2, 3]),
            ({"Type": "AT_TRIM_HORIZON"}, [0, 1]),
        ],
        ids=lambda value: value["Type"] if isinstance(value, dict) else "",
    )
    def test_shards_are_filtered(self, aws, asked, expected):
        split(aws, 0)
        run(aws, 10)
        assert numbers(shards(aws, ShardFilter=asked)) == expected


class TestEnhancedMonitoring:
    def of_shard(self, aws, metric, number):
        dimensions = {"StreamName": "orders", "ShardId": name(number)}
        query = {
            "Id": "m",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Kinesis",
                    "MetricName": metric,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        found = aws.client("cloudwatch").get_metric_data(
            MetricDataQueries=[query], StartTime=START, EndTime=aws.clock.now(), ScanBy="TimestampAscending"
        )
        return found["MetricDataResults"][0]["Values"]

    @over_http_too
    def test_shards_report_what_is_enabled_and_while_it_is(self, aws):
        kinesis = aws.client("kinesis")
        aws.streams.model("orders").keys = Keys(hot=(HotRange(0, 0.5, share=0.8),))
        run(aws, 1)
        kinesis.enable_enhanced_monitoring(
            StreamName="orders", ShardLevelMetrics=["IncomingBytes", "WriteProvisionedThroughputExceeded"]
        )
        assert summary(aws)["EnhancedMonitoring"][0]["ShardLevelMetrics"]
        run(aws, 2, shards=1.5)
        kinesis.disable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["ALL"])
        run(aws, 3)

        one = Traffic.for_shards(1).bytes
        assert self.of_shard(aws, "IncomingBytes", 0) == pytest.approx([one, one])
        assert self.of_shard(aws, "IncomingBytes", 1) == pytest.approx([0.15 * one] * 2)
        assert self.of_shard(aws, "IncomingRecords", 0) == []
        assert min(self.of_shard(aws, "WriteProvisionedThroughputExceeded", 0)) > 0
        assert self.of_shard(aws, "WriteProvisionedThroughputExceeded", 1) == [0, 0]
