"""The local AWS behaves like AWS, over HTTP and in this process, where moto alone would not."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.local_aws import START, LocalAWS, Transport
from simulator.traffic import Traffic
from tests.integration.transports import over_http_too, usual_transport

SOURCE = """
import json, time

def handler(event, context):
    if event.get("fail") or "fail" in json.dumps(event.get("Records", "")):
        raise RuntimeError("no luck")
    metric = {"Namespace": "Demo", "Dimensions": [["Kind"]], "Metrics": [{"Name": "Count"}]}
    about = {"Timestamp": time.time() * 1000, "CloudWatchMetrics": [metric]}
    print(json.dumps({"_aws": about, "Kind": "a", "Count": 3}))
    return {"seen": event}
"""
USAGE = [
    {
        "Id": "bytes",
        "ReturnData": False,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Kinesis",
                "MetricName": "IncomingBytes",
                "Dimensions": [{"Name": "StreamName", "Value": "orders"}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    },
    {"Id": "usage", "Expression": "bytes / (60 * 1048576)", "ReturnData": True},
]


@usual_transport
def aws(request):
    with LocalAWS(request.param) as local:
        yield local


@pytest.fixture
def function_arn(aws):
    """A function that subscribes to the topic `alarms`, with a queue for what fails."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("door.py", SOURCE)
    role = aws.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    arn = aws.client("lambda").create_function(
        FunctionName="function",
        Runtime="python3.13",
        Role=role,
        Handler="door.handler",
        Code={"ZipFile": package.getvalue()},
    )["FunctionArn"]
    aws.client("sqs").create_queue(QueueName="failed")
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="function",
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:{aws.account_id}:failed"}},
    )
    return arn


@pytest.fixture
def topic_arn(aws, function_arn):
    arn = aws.client("sns").create_topic(Name="alarms")["TopicArn"]
    aws.client("sns").subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function_arn)
    return arn


@pytest.fixture
def permission(aws, topic_arn):
    aws.client("lambda").add_permission(
        FunctionName="function",
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic_arn,
    )


@pytest.fixture
def stream(aws):
    aws.client("kinesis").create_stream(StreamName="orders", ShardCount=2)


def put_alarm(aws, topic_arn, **changes):
    settings = {
        "AlarmName": "busy",
        "AlarmActions": [topic_arn],
        "Metrics": USAGE,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1.5,
    }
    aws.client("cloudwatch").put_metric_alarm(**(settings | changes))


def alarm(aws):
    [described] = aws.client("cloudwatch").describe_alarms(AlarmNames=["busy"])["MetricAlarms"]
    return described


def messages(aws):
    """Return what the alarms have sent to the function so far."""
    return [
        json.loads(record["Sns"]["Message"])
        for invocation in aws.functions.invocations
        for record in invocation.event["Records"]
    ]


def minutes(aws, count, shards=None):
    for _ in range(count):
        aws.advance_minute({"orders": Traffic.for_shards(shards)} if shards is not None else None)


def metric(aws, name, dimensions, namespace):
    answer = aws.client("cloudwatch").get_metric_data(
        StartTime=START,
        EndTime=START + timedelta(hours=1),
        ScanBy="TimestampAscending",
        MetricDataQueries=[
            {
                "Id": "it",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
    )
    return answer["MetricDataResults"][0]["Values"]


class TestLambda:
    @over_http_too
    def test_a_synchronous_invocation_returns_what_the_handler_returns(self, aws, function_arn):
        answer = aws.client("lambda").invoke(FunctionName="function", Payload=b'{"a": 1}')
        assert json.load(answer["Payload"]) == {"seen": {"a": 1}}

    @over_http_too
    def test_a_synchronous_failure_is_told_and_not_retried(self, aws, function_arn):
        answer = aws.client("lambda").invoke(FunctionName="function", Payload=b'{"fail": true}')
        assert answer["FunctionError"] == "Unhandled"
        assert json.load(answer["Payload"])["errorMessage"] == "no luck"
        minutes(aws, 5)
        assert len(aws.functions.invocations) == 1

    def test_an_asynchronous_failure_is_retried_after_one_and_two_minutes_and_then_given_up(self, aws, function_arn):
        aws.client("lambda").invoke(FunctionName="function", Payload=b'{"fail": true}', InvocationType="Event")
        minutes(aws, 10)
        tries = aws.functions.invocations
        assert [each.started_at - START for each in tries] == [timedelta(minutes=minute) for minute in (0, 1, 3)]
        assert len({each.request_id for each in tries}) == 1
        queue_url = aws.client("sqs").get_queue_url(QueueName="failed")["QueueUrl"]
        [message] = aws.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
        record = json.loads(message["Body"])
        assert record["requestPayload"] == {"fail": True}
        assert record["requestContext"] == {
            "requestId": tries[0].request_id,
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        }
        assert record["responsePayload"]["errorType"] == "RuntimeError"

    def test_an_event_is_given_up_before_it_is_too_old(self, aws, function_arn):
        aws.client("lambda").put_function_event_invoke_config(FunctionName="function", MaximumEventAgeInSeconds=60)
        aws.client("lambda").invoke(FunctionName="function", Payload=b'{"fail": true}', InvocationType="Event")
        minutes(aws, 10)
        assert len(aws.functions.invocations) == 2

    def test_invocations_and_embedded_metrics_become_metrics(self, aws, function_arn):
        for _ in range(2):
            aws.client("lambda").invoke(FunctionName="function", Payload=b"{}")
        aws.client("lambda").invoke(FunctionName="function", Payload=b'{"fail": true}')
        minutes(aws, 2)
        assert metric(aws, "Invocations", {"FunctionName": "function"}, "AWS/Lambda") == [3]
        assert metric(aws, "Errors", {"FunctionName": "function"}, "AWS/Lambda") == [1]
        assert metric(aws, "Count", {"Kind": "a"}, "Demo") == [6]

    @over_http_too
    def test_the_logging_configuration_is_kept(self, aws, function_arn):
        aws.client("lambda").update_function_configuration(
            FunctionName="function", LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}
        )
        described = aws.client("lambda").get_function_configuration(FunctionName="function")
        assert described["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"


class TestSns:
    @over_http_too
    def test_a_function_gets_the_event_that_sns_really_sends(self, aws, topic_arn, permission):
        aws.client("sns").publish(TopicArn=topic_arn, Message="hello", Subject="greeting")
        [invocation] = aws.functions.invocations
        [record] = invocation.event["Records"]
        assert record["EventSource"] == "aws:sns"
        assert record["EventSubscriptionArn"].startswith(f"{topic_arn}:")
        assert record["Sns"]["TopicArn"] == topic_arn
        assert record["Sns"]["Message"] == "hello"
        assert record["Sns"]["Subject"] == "greeting"
        assert record["Sns"]["Timestamp"] == "2026-01-05T00:00:00.000Z"

    def test_a_topic_that_may_not_invoke_the_function_does_not(self, aws, topic_arn):
        aws.client("sns").publish(TopicArn=topic_arn, Message="hello")
        assert aws.functions.invocations == []

    def test_a_message_that_the_function_fails_on_is_retried(self, aws, topic_arn, permission):
        aws.client("sns").publish(TopicArn=topic_arn, Message="fail")
        minutes(aws, 5)
        assert [each.attempt for each in aws.functions.invocations] == [1, 2, 3]


class TestScheduler:
    @over_http_too
    def test_a_schedule_invokes_its_function_at_its_rate(self, aws, function_arn):
        aws.client("scheduler").create_schedule(
            Name="reconcile",
            ScheduleExpression="rate(5 minutes)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": function_arn,
                "RoleArn": "arn:aws:iam::1:role/x",
                "Input": '{"at": "<aws.scheduler.scheduled-time>"}',
            },
        )
        minutes(aws, 12)
        assert [each.event["at"] for each in aws.functions.invocations] == [
            "2026-01-05T00:05:00Z",
            "2026-01-05T00:10:00Z",
        ]

    def test_a_disabled_schedule_does_not(self, aws, function_arn):
        aws.client("scheduler").create_schedule(
            Name="reconcile",
            ScheduleExpression="rate(1 minute)",
            State="DISABLED",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": function_arn, "RoleArn": "arn:aws:iam::1:role/x"},
        )
        minutes(aws, 3)
        assert aws.functions.invocations == []


@pytest.mark.usefixtures("stream")
class TestKinesis:
    def open_shards(self, aws):
        listed = aws.client("kinesis").list_shards(StreamName="orders")["Shards"]
        return sum("EndingSequenceNumber" not in shard["SequenceNumberRange"] for shard in listed)

    def summary(self, aws):
        answer = aws.client("kinesis").describe_stream_summary(StreamName="orders")
        return answer["StreamDescriptionSummary"]

    @over_http_too
    def test_a_reshard_takes_time_and_every_api_agrees_on_the_count(self, aws):
        aws.client("kinesis").update_shard_count(StreamName="orders", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
        assert self.summary(aws)["StreamStatus"] == "UPDATING"
        assert self.open_shards(aws) == 2
        minutes(aws, 10)
        assert self.summary(aws)["StreamStatus"] == "ACTIVE"
        assert self.summary(aws)["OpenShardCount"] == self.open_shards(aws) == 4
        described = aws.client("kinesis").describe_stream(StreamName="orders")["StreamDescription"]
        assert described["StreamStatus"] == "ACTIVE"

    @over_http_too
    def test_what_is_written_counts_in_its_minute(self, aws):
        records = [{"Data": b"x" * 30, "PartitionKey": f"{number:02}"} for number in range(50)]
        for _ in range(2):
            answer = aws.client("kinesis").put_records(StreamName="orders", Records=records)
            assert [each["ShardId"][:8] for each in answer["Records"]] == ["shardId-"] * 50
        minutes(aws, 1)
        minutes(aws, 2, shards=0)
        assert metric(aws, "IncomingRecords", {"StreamName": "orders"}, "AWS/Kinesis") == [100, 0]
        assert metric(aws, "IncomingBytes", {"StreamName": "orders"}, "AWS/Kinesis") == [100 * 32, 0]

    @over_http_too
    def test_a_stream_cannot_be_more_than_doubled(self, aws):
        with pytest.raises(aws.client("kinesis").exceptions.InvalidArgumentException):
            aws.client("kinesis").update_shard_count(
                StreamName="orders", TargetShardCount=5, ScalingType="UNIFORM_SCALING"
            )

    def test_a_stream_that_is_updating_cannot_be_updated(self, aws):
        aws.client("kinesis").update_shard_count(StreamName="orders", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
        with pytest.raises(aws.client("kinesis").exceptions.ResourceInUseException):
            aws.client("kinesis").update_shard_count(
                StreamName="orders", TargetShardCount=2, ScalingType="UNIFORM_SCALING"
            )

    def test_the_eleventh_call_within_a_day_is_refused(self, aws):
        for number in range(10):
            aws.client("kinesis").update_shard_count(
                StreamName="orders", TargetShardCount=4 if number % 2 == 0 else 2, ScalingType="UNIFORM_SCALING"
            )
            minutes(aws, 10)
        with pytest.raises(aws.client("kinesis").exceptions.LimitExceededException):
            aws.client("kinesis").update_shard_count(
                StreamName="orders", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
            )

    def test_an_on_demand_stream_cannot_be_resharded(self, aws):
        aws.client("kinesis").create_stream(StreamName="elastic", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        with pytest.raises(ClientError) as refusal:
            aws.client("kinesis").update_shard_count(
                StreamName="elastic", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
            )
        assert refusal.value.response["Error"]["Code"] == "ValidationException"

    def test_a_stream_switched_to_on_demand_says_so(self, aws):
        arn = self.summary(aws)["StreamARN"]
        aws.client("kinesis").update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        assert self.summary(aws)["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}

    def test_a_shard_that_a_person_splits_counts(self, aws):
        shard = aws.client("kinesis").list_shards(StreamName="orders")["Shards"][0]
        middle = (int(shard["HashKeyRange"]["StartingHashKey"]) + int(shard["HashKeyRange"]["EndingHashKey"])) // 2
        aws.client("kinesis").split_shard(
            StreamName="orders", ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
        )
        assert self.summary(aws)["StreamStatus"] == "UPDATING"
        minutes(aws, 1)
        assert self.summary(aws)["OpenShardCount"] == self.open_shards(aws) == 3

    @over_http_too
    def test_the_accounts_limits_tell_its_open_shards(self, aws):
        aws.client("kinesis").create_stream(StreamName="clicks", ShardCount=3)
        self.summary(aws)
        aws.client("kinesis").describe_stream_summary(StreamName="clicks")
        assert aws.client("kinesis").describe_limits()["OpenShardCount"] == 5
        aws.client("kinesis").delete_stream(StreamName="clicks")
        assert aws.client("kinesis").describe_limits()["OpenShardCount"] == 2

    def test_what_a_stream_took_becomes_its_metrics_a_minute_late(self, aws):
        minutes(aws, 1, shards=3)
        assert metric(aws, "IncomingBytes", {"StreamName": "orders"}, "AWS/Kinesis") == []
        minutes(aws, 1, shards=1)
        assert metric(aws, "IncomingBytes", {"StreamName": "orders"}, "AWS/Kinesis") == [2 * 60 * 1024**2]

    def test_the_traffic_of_a_minute_is_accounted_for(self, aws):
        outcome = aws.advance_minute({"orders": Traffic.for_shards(4)})
        assert outcome["orders"].accepted_share == pytest.approx(0.5)


@pytest.mark.usefixtures("stream", "permission")
class TestCloudWatch:
    def test_a_new_alarm_has_insufficient_data(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        assert alarm(aws)["StateValue"] == "INSUFFICIENT_DATA"

    @over_http_too
    def test_an_alarm_fires_once_when_its_expression_crosses_the_threshold(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        minutes(aws, 5, shards=1)
        assert messages(aws) == []
        minutes(aws, 5, shards=2)
        [message] = messages(aws)
        assert (message["AlarmName"], message["OldStateValue"], message["NewStateValue"]) == ("busy", "OK", "ALARM")
        assert message["Region"] == "US East (N. Virginia)"
        assert alarm(aws)["StateValue"] == "ALARM"
        assert alarm(aws)["StateTransitionedTimestamp"] == START + timedelta(minutes=7)

    def test_an_alarm_tells_nobody_where_the_topics_policy_does_not_let_cloudwatch_in(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        policy = {"Version": "2012-10-17", "Statement": []}
        for service, told in (("events", 0), ("cloudwatch", 1)):
            allow = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic_arn}
            policy["Statement"].append({**allow, "Principal": {"Service": f"{service}.amazonaws.com"}})
            aws.client("sns").set_topic_attributes(
                TopicArn=topic_arn, AttributeName="Policy", AttributeValue=json.dumps(policy)
            )
            for state in ("ALARM", "INSUFFICIENT_DATA"):
                aws.client("cloudwatch").set_alarm_state(AlarmName="busy", StateValue=state, StateReason="a drill")
            assert len(messages(aws)) == told

    def test_putting_an_alarm_anew_leaves_its_state_and_its_tags(self, aws, topic_arn):
        put_alarm(aws, topic_arn, Tags=[{"Key": "owner", "Value": "me"}])
        minutes(aws, 5, shards=2)
        put_alarm(aws, topic_arn, Threshold=1.7, Tags=[{"Key": "owner", "Value": "you"}])
        assert (alarm(aws)["StateValue"], alarm(aws)["Threshold"]) == ("ALARM", 1.7)
        tags = aws.client("cloudwatch").list_tags_for_resource(ResourceARN=alarm(aws)["AlarmArn"])["Tags"]
        assert tags == [{"Key": "owner", "Value": "me"}]

    def test_an_alarm_that_is_set_back_fires_again_while_its_reason_lasts(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        minutes(aws, 5, shards=2)
        aws.client("cloudwatch").set_alarm_state(
            AlarmName="busy", StateValue="INSUFFICIENT_DATA", StateReason="armed again"
        )
        minutes(aws, 1, shards=2)
        assert [message["NewStateValue"] for message in messages(aws)] == ["ALARM", "ALARM"]

    def test_set_alarm_state_acts_on_a_change_and_only_on_a_change(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        for _ in range(2):
            aws.client("cloudwatch").set_alarm_state(AlarmName="busy", StateValue="ALARM", StateReason="a drill")
        assert [message["NewStateReason"] for message in messages(aws)] == ["a drill"]

    def test_disabled_actions_tell_nobody(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        aws.client("cloudwatch").disable_alarm_actions(AlarmNames=["busy"])
        minutes(aws, 5, shards=2)
        assert alarm(aws)["StateValue"] == "ALARM"
        assert messages(aws) == []

    def test_each_state_has_its_own_actions(self, aws, topic_arn):
        put_alarm(aws, topic_arn, AlarmActions=[], OKActions=[topic_arn])
        minutes(aws, 5, shards=2)
        assert messages(aws) == []
        minutes(aws, 5, shards=1)
        assert [message["NewStateValue"] for message in messages(aws)] == ["OK"]

    def test_a_deleted_alarm_is_silent(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        aws.client("cloudwatch").delete_alarms(AlarmNames=["busy"])
        minutes(aws, 5, shards=2)
        assert messages(aws) == []

    @over_http_too
    def test_alarms_are_described_in_pages(self, aws, topic_arn):
        for number in range(7):
            put_alarm(aws, topic_arn, AlarmName=f"busy-{number}")
        pages = (
            aws.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix="busy-", PaginationConfig={"PageSize": 3})
        )
        assert [len(page["MetricAlarms"]) for page in pages] == [3, 3, 1]

    def test_alarms_are_found_by_what_they_notify(self, aws, topic_arn):
        put_alarm(aws, topic_arn)
        put_alarm(aws, topic_arn, AlarmName="other", AlarmActions=[])
        found = aws.client("cloudwatch").describe_alarms(ActionPrefix=topic_arn)["MetricAlarms"]
        assert [each["AlarmName"] for each in found] == ["busy"]

    @over_http_too
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"Namespace": "AWS/Kinesis"}, "InvalidParameterCombination"),
            ({"Period": 60}, "InvalidParameterCombination"),
            ({"AlarmActions": [f"arn:aws:sns:us-east-1:123456789012:{n}" for n in range(6)]}, "ValidationError"),
        ],
    )
    def test_what_cloudwatch_refuses_is_refused(self, aws, topic_arn, change, code):
        with pytest.raises(ClientError) as refusal:
            put_alarm(aws, topic_arn, **change)
        assert refusal.value.response["Error"]["Code"] == code


@over_http_too
def test_boto3_needs_no_arguments_to_find_it(aws):
    boto3.client("kinesis").create_stream(StreamName="orders", ShardCount=1)
    assert aws.client("kinesis").list_streams()["StreamNames"] == ["orders"]


@pytest.mark.parametrize("transport", Transport)
def test_nothing_is_left_for_the_next_one(transport):
    for _ in range(2):
        with LocalAWS(transport) as aws:
            assert aws.client("kinesis").list_streams()["StreamNames"] == []
            aws.client("kinesis").create_stream(StreamName="orders", ShardCount=1)


def test_it_lives_in_the_region_that_it_is_given():
    with LocalAWS(region="eu-central-1") as aws:
        aws.client("kinesis").create_stream(StreamName="orders", ShardCount=1)
        summary = aws.client("kinesis").describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
        assert summary["StreamARN"] == "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"


@over_http_too
def test_a_stream_keeps_the_tags_that_it_is_created_with(aws):
    aws.client("kinesis").create_stream(StreamName="orders", ShardCount=1, Tags={"team": "data"})
    aws.client("kinesis").add_tags_to_stream(StreamName="orders", Tags={"cost": "42"})
    tags = aws.client("kinesis").list_tags_for_stream(StreamName="orders")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "data", "cost": "42"}
