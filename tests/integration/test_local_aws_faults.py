"""The local AWS can lose metrics, be late and stale, and answer with too little data."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from simulator.aws.kinesis import ConsumerState
from simulator.local_aws import START, LocalAWS
from simulator.traffic import Traffic
from tests.integration.transports import over_http_too, usual_transport

STREAM = {"StreamName": "orders"}
SHARD_BYTES = Traffic.for_shards(1).bytes


@usual_transport
def aws(request):
    with LocalAWS(request.param) as local:
        for name in ("orders", "clicks"):
            local.client("kinesis").create_stream(StreamName=name, ShardCount=2)
        yield local


def run(aws, minutes, shards=1.0):
    for _ in range(minutes):
        aws.advance_minute(dict.fromkeys(("orders", "clicks"), Traffic.for_shards(shards)))


def query(name, id_="m", **dimensions):
    metric = {
        "Namespace": "AWS/Kinesis",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in (dimensions or STREAM).items()],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}


def ask(aws, *queries, **more):
    return aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=START,
        EndTime=aws.clock.now(),
        ScanBy="TimestampAscending",
        **more,
    )


def minutes_of(aws, name, **dimensions):
    """Return the minutes since the start with a datapoint."""
    [result] = ask(aws, query(name, **dimensions))["MetricDataResults"]
    return [(moment - START) // timedelta(minutes=1) for moment in result["Timestamps"]]


def put_alarm(aws, **changes):
    topic = aws.client("sns").create_topic(Name="alarms")["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName="told")["QueueUrl"]
    arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="busy",
        Metrics=[query("IncomingBytes")],
        Threshold=1.5 * SHARD_BYTES,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
        **changes,
    )


def told(aws):
    """Return what the alarm's messages contain since the last call."""
    queue = aws.client("sqs").get_queue_url(QueueName="told")["QueueUrl"]
    found = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        aws.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(json.loads(message["Body"])["Message"])["NewStateValue"] for message in found]


def state(aws):
    [alarm] = aws.client("cloudwatch").describe_alarms(AlarmNames=["busy"])["MetricAlarms"]
    return alarm["StateValue"]


class TestLostMetrics:
    @over_http_too
    def test_one_metric_is_lost_while_the_others_go_on(self, aws):
        run(aws, 2)
        lost = aws.faults.lose_metric("IncomingRecords")
        run(aws, 3)
        lost.end()
        run(aws, 3)

        assert minutes_of(aws, "IncomingRecords") == [0, 1, 5, 6]
        assert minutes_of(aws, "IncomingBytes") == [0, 1, 2, 3, 4, 5, 6]

    def test_a_metric_is_lost_of_one_stream_alone(self, aws):
        aws.faults.lose_metric("IncomingBytes", StreamName="orders")
        run(aws, 3)

        assert minutes_of(aws, "IncomingBytes") == []
        assert minutes_of(aws, "IncomingBytes", StreamName="clicks") == [0, 1]

    def test_a_namespace_is_lost_for_so_many_minutes(self, aws):
        aws.faults.lose_namespace("AWS/Kinesis", minutes=2)
        run(aws, 5)

        for name in ("IncomingBytes", "GetRecords.Bytes"):
            assert minutes_of(aws, name) == [2, 3]

    def test_another_namespace_is_not_touched(self, aws):
        aws.faults.lose_namespace("AWS/Lambda")
        run(aws, 3)

        assert minutes_of(aws, "IncomingBytes") == [0, 1]

    def test_an_alarm_does_not_see_what_is_lost(self, aws):
        put_alarm(aws)
        aws.faults.lose_metric("IncomingBytes", minutes=5)
        run(aws, 5, shards=2)
        assert told(aws) == []
        run(aws, 3, shards=2)
        assert told(aws) == ["ALARM"]

    def test_all_is_put_right_at_once(self, aws):
        aws.faults.lose_metric("IncomingBytes")
        aws.faults.lose_namespace("AWS/Kinesis", StreamName="clicks")
        run(aws, 2)
        aws.faults.end_all()
        run(aws, 2)

        assert minutes_of(aws, "IncomingBytes") == minutes_of(aws, "IncomingBytes", StreamName="clicks") == [2]


class TestLateMetrics:
    @over_http_too
    def test_datapoints_arrive_so_much_later_and_none_is_lost(self, aws):
        with aws.faults.delay_metrics(3):
            run(aws, 4)
            assert minutes_of(aws, "IncomingBytes") == []
            run(aws, 2)
            assert minutes_of(aws, "IncomingBytes") == [0, 1]
        run(aws, 3)
        assert minutes_of(aws, "IncomingBytes") == [0, 1, 2, 3, 4, 6, 7]  # the newest are no longer late
        run(aws, 1)

        assert minutes_of(aws, "IncomingBytes") == [0, 1, 2, 3, 4, 5, 6, 7, 8]

    def test_what_is_not_late_is_there_before_what_is(self, aws):
        aws.faults.delay_metrics(10, "IncomingRecords", minutes=1)
        run(aws, 4)

        assert minutes_of(aws, "IncomingBytes") == [0, 1, 2]
        assert minutes_of(aws, "IncomingRecords") == [1, 2]

    def test_an_alarm_counts_late_datapoints_once_they_are_there(self, aws):
        put_alarm(aws, DatapointsToAlarm=1)
        aws.client("cloudwatch").set_alarm_state(AlarmName="busy", StateValue="OK", StateReason="calm")
        with aws.faults.delay_metrics(1):
            run(aws, 3, shards=2)
        assert told(aws) == ["ALARM"]  # about the evaluation range, not about its newest minute


class TestMetricData:
    def test_data_that_cloudwatch_could_not_get_is_owed_to_the_next_page(self, aws):
        run(aws, 5)
        aws.faults.answer_metric_data("InternalError", "IncomingBytes", answers=1)
        first = ask(aws, query("IncomingBytes", "bytes"), query("IncomingRecords", "records"))
        by_id = {result["Id"]: result for result in first["MetricDataResults"]}

        assert (by_id["bytes"]["StatusCode"], by_id["bytes"]["Values"]) == ("InternalError", [])
        assert (by_id["records"]["StatusCode"], len(by_id["records"]["Values"])) == ("Complete", 4)

        second = ask(
            aws, query("IncomingBytes", "bytes"), query("IncomingRecords", "records"), NextToken=first["NextToken"]
        )
        by_id = {result["Id"]: result for result in second["MetricDataResults"]}
        assert (by_id["bytes"]["StatusCode"], len(by_id["bytes"]["Values"])) == ("Complete", 4)
        assert by_id["records"]["Values"] == []
        assert "NextToken" not in second

    @over_http_too
    def test_half_of_the_data_comes_first_and_the_rest_with_the_token(self, aws):
        run(aws, 5)
        aws.faults.answer_metric_data("PartialData", "IncomingBytes", answers=1)
        pages = (
            aws.client("cloudwatch")
            .get_paginator("get_metric_data")
            .paginate(MetricDataQueries=[query("IncomingBytes")], StartTime=START, EndTime=aws.clock.now())
        )
        results = [result for page in pages for result in page["MetricDataResults"]]

        assert [(result["StatusCode"], len(result["Values"])) for result in results] == [
            ("PartialData", 2),
            ("Complete", 2),
        ]

    @pytest.mark.parametrize(
        "fault", [{"answers": 1, "next_token": False}, {"minutes": 1}], ids=["without_token", "for_a_minute"]
    )
    @pytest.mark.parametrize("status", ["InternalError", "PartialData"])
    def test_without_a_token_only_asking_anew_helps(self, aws, status, fault):
        run(aws, 5)
        aws.faults.answer_metric_data(status, "IncomingBytes", **fault)
        answer = ask(aws, query("IncomingBytes"))
        assert answer["MetricDataResults"][0]["StatusCode"] == status
        assert "NextToken" not in answer

        run(aws, 1)
        assert ask(aws, query("IncomingBytes"))["MetricDataResults"][0]["StatusCode"] == "Complete"

    @over_http_too
    def test_what_is_forbidden_stays_so(self, aws):
        run(aws, 5)
        with aws.faults.answer_metric_data("Forbidden", "IncomingBytes", StreamName="orders"):
            for _ in range(2):
                answer = ask(aws, query("IncomingBytes"), query("IncomingBytes", "c", StreamName="clicks"))
                statuses = {result["Id"]: result["StatusCode"] for result in answer["MetricDataResults"]}
                assert statuses == {"m": "Forbidden", "c": "Complete"}
                assert "NextToken" not in answer

        assert ask(aws, query("IncomingBytes"))["MetricDataResults"][0]["StatusCode"] == "Complete"

    def test_an_expression_shares_the_fate_of_its_metrics_and_has_no_token(self, aws):
        run(aws, 5)
        aws.faults.answer_metric_data("InternalError", answers=1)
        answer = ask(aws, query("IncomingBytes"), {"Id": "e", "Expression": "m / 2"})

        assert {result["StatusCode"] for result in answer["MetricDataResults"]} == {"InternalError"}
        assert "NextToken" not in answer

    def test_alarms_do_not_ask_get_metric_data(self, aws):
        put_alarm(aws)
        aws.faults.answer_metric_data("InternalError")
        run(aws, 3, shards=2)

        assert told(aws) == ["ALARM"]

    def test_a_status_that_cloudwatch_does_not_have_is_refused(self, aws):
        with pytest.raises(ValueError, match="InternalError, PartialData, Forbidden, not 'Broken'"):
            aws.faults.answer_metric_data("Broken")


class TestAlarms:
    def test_the_message_is_there_before_describe_alarms_knows(self, aws):
        put_alarm(aws)
        run(aws, 2)
        aws.faults.stale_alarms(10)
        run(aws, 2, shards=2)
        assert told(aws) == ["ALARM"]
        assert state(aws) == "OK"
        assert aws.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"] == []

        aws.clock.advance(timedelta(seconds=10))
        assert state(aws) == "ALARM"

    @over_http_too
    def test_a_stale_alarm_has_the_definition_of_today(self, aws):
        put_alarm(aws)
        run(aws, 2)
        aws.faults.stale_alarms(10)
        run(aws, 2, shards=2)
        put_alarm(aws, AlarmDescription="changed")
        [alarm] = aws.client("cloudwatch").describe_alarms(AlarmNames=["busy"])["MetricAlarms"]

        assert (alarm["StateValue"], alarm["AlarmDescription"]) == ("OK", "changed")

    def test_a_state_that_somebody_sets_is_stale_too(self, aws):
        put_alarm(aws)
        run(aws, 2)
        aws.faults.stale_alarms(10)
        aws.client("cloudwatch").set_alarm_state(AlarmName="busy", StateValue="ALARM", StateReason="a drill")
        assert state(aws) == "OK"

    def test_a_muted_alarm_changes_its_state_and_tells_nobody(self, aws):
        put_alarm(aws)
        muted = aws.faults.mute_alarms("bus")
        run(aws, 3, shards=2)
        [alarm] = aws.client("cloudwatch").describe_alarms(AlarmNames=["busy"])["MetricAlarms"]
        assert (alarm["StateValue"], alarm["ActionsEnabled"], told(aws)) == ("ALARM", True, [])

        muted.end()
        run(aws, 1, shards=2)
        assert told(aws) == ["ALARM"]
        run(aws, 2, shards=2)
        assert told(aws) == []

    def test_what_is_over_when_the_mute_ends_is_not_told(self, aws):
        put_alarm(aws, OKActions=[aws.client("sns").create_topic(Name="alarms")["TopicArn"]])
        aws.faults.mute_alarms("busy", minutes=6)
        run(aws, 3, shards=2)
        run(aws, 5, shards=1)
        assert told(aws) == []


class TestFanOut:
    def register(self, aws, *names):
        arn = aws.client("kinesis").describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"][
            "StreamARN"
        ]
        for name in names:
            aws.client("kinesis").register_stream_consumer(StreamARN=arn, ConsumerName=name)
        return arn

    def summary(self, aws):
        return aws.client("kinesis").describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]

    def behind(self, aws, consumer):
        """Return the reported lag of a consumer, in seconds."""
        result = ask(aws, query("SubscribeToShardEvent.MillisBehindLatest", ConsumerName=consumer, **STREAM))
        return [value / 1000 for value in result["MetricDataResults"][0]["Values"]]

    @over_http_too
    def test_consumers_are_registered_listed_and_counted(self, aws):
        assert self.summary(aws)["ConsumerCount"] == 0
        arn = self.register(aws, "billing", "search")
        listed = aws.client("kinesis").list_stream_consumers(StreamARN=arn)["Consumers"]

        assert [(each["ConsumerName"], each["ConsumerStatus"]) for each in listed] == [
            ("billing", "ACTIVE"),
            ("search", "ACTIVE"),
        ]
        assert self.summary(aws)["ConsumerCount"] == 2

    def test_a_consumer_that_is_deregistered_is_gone_and_the_others_stay(self, aws):
        arn = self.register(aws, "billing", "search")
        aws.client("kinesis").deregister_stream_consumer(StreamARN=arn, ConsumerName="billing")
        run(aws, 2)
        listed = aws.client("kinesis").list_stream_consumers(StreamARN=arn)["Consumers"]

        assert [each["ConsumerName"] for each in listed] == ["search"]
        assert self.summary(aws)["ConsumerCount"] == 1
        assert (self.behind(aws, "billing"), self.behind(aws, "search")) == ([], [0])

    def test_each_reports_its_own_lag_every_minute(self, aws):
        self.register(aws, "billing", "search")
        consumers = aws.streams.model("orders").fan_out
        consumers["billing"].lag = timedelta(minutes=30)
        run(aws, 2)
        consumers["billing"].state = ConsumerState.PAUSED
        run(aws, 2)
        consumers["billing"].state = ConsumerState.DEAD
        run(aws, 3)

        assert self.behind(aws, "billing") == [1800, 1800, 1860, 1920]
        assert self.behind(aws, "search") == [0] * 6

    @over_http_too
    def test_a_name_is_registered_once(self, aws):
        self.register(aws, "billing")
        with pytest.raises(ClientError, match="ResourceInUseException"):
            self.register(aws, "billing")

    def test_a_stream_has_at_most_twenty(self, aws):
        self.register(aws, *(f"consumer-{number}" for number in range(20)))
        with pytest.raises(ClientError, match="LimitExceededException"):
            self.register(aws, "one-more")
