"""The stream's metrics, minute by minute; what CloudWatch does not have stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import ANY, Stubber

from kinesis_autoscaler.metrics import Metrics
from kinesis_autoscaler.model import Minute, Telemetry
from tests.unit.account import Calls

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DATAPOINTS_IN_A_CALL = 100_800  # GetMetricData's maximum


@pytest.fixture
def metrics(cloudwatch) -> Metrics:
    return Metrics(cloudwatch, function_name="kinesis-autoscaler")


@pytest.fixture
def publish(cloudwatch):
    """Let a service report values of a metric in the minute that begins then."""

    def publish(metric: str, at: datetime, *values: float, stream: str | None = "orders", function: str | None = None):
        namespace, dimension = (
            ("AWS/Lambda", {"Name": "FunctionName", "Value": function})
            if function
            else ("AWS/Kinesis", {"Name": "StreamName", "Value": stream})
        )
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[
                {"MetricName": metric, "Timestamp": at, "Value": value, "Dimensions": [dimension]} for value in values
            ],
        )

    return publish


class TestMinutes:
    def test_each_metric_finds_its_place(self, metrics, publish):
        publish("IncomingBytes", NOON, 5000)
        publish("IncomingRecords", NOON, 50)
        publish("GetRecords.Bytes", NOON, 9000)
        publish("WriteProvisionedThroughputExceeded", NOON, 3)
        publish("GetRecords.IteratorAgeMilliseconds", NOON, 1500)
        telemetry = metrics.telemetry("orders", since=NOON, until=NOON + MINUTE)
        assert telemetry == Telemetry(
            minutes=(
                Minute(
                    at=NOON,
                    incoming_bytes=5000,
                    incoming_records=50,
                    read_bytes=9000,
                    throttled_records=3,
                    iterator_age=timedelta(seconds=1.5),
                ),
            )
        )

    def test_no_minute_is_left_out_and_a_missing_datapoint_is_unknown_not_zero(self, metrics, publish):
        publish("IncomingBytes", NOON, 5000)
        publish("IncomingBytes", NOON + 2 * MINUTE, 0)
        telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 4 * MINUTE)
        assert telemetry.minutes == (
            Minute(NOON, incoming_bytes=5000),
            Minute(NOON + MINUTE),
            Minute(NOON + 2 * MINUTE, incoming_bytes=0),
            Minute(NOON + 3 * MINUTE),
        )

    def test_a_stream_that_reports_nothing_has_unknown_minutes(self, metrics):
        telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 2 * MINUTE)
        assert telemetry == Telemetry(minutes=(Minute(NOON), Minute(NOON + MINUTE)))

    def test_consumers_that_keep_up_have_an_age_of_zero(self, metrics, publish):
        publish("GetRecords.IteratorAgeMilliseconds", NOON, 0)
        (minute,) = metrics.telemetry("orders", since=NOON, until=NOON + MINUTE).minutes
        assert minute.iterator_age == timedelta(0)

    def test_traffic_adds_up_within_a_minute_and_the_oldest_iterator_counts(self, metrics, publish):
        publish("IncomingBytes", NOON, 1000, 2000)
        publish("GetRecords.IteratorAgeMilliseconds", NOON, 1000, 90_000, 2000)
        (minute,) = metrics.telemetry("orders", since=NOON, until=NOON + MINUTE).minutes
        assert minute.incoming_bytes == 3000
        assert minute.iterator_age == timedelta(seconds=90)

    def test_other_streams_do_not_count(self, metrics, publish):
        publish("IncomingBytes", NOON, 5000, stream="orders-dev")
        assert metrics.telemetry("orders", since=NOON, until=NOON + MINUTE).minutes == (Minute(NOON),)

    def test_a_minute_that_is_not_over_is_left_out(self, metrics, publish):
        for n in range(4):
            publish("IncomingBytes", NOON + n * MINUTE, 1000)
        telemetry = metrics.telemetry(
            "orders", since=NOON + timedelta(seconds=40), until=NOON + 3 * MINUTE - timedelta(microseconds=1)
        )
        assert [minute.at for minute in telemetry.minutes] == [NOON, NOON + MINUTE]

    def test_times_in_another_zone_are_the_same_minutes(self, metrics, publish):
        publish("IncomingBytes", NOON, 5000)
        since = datetime.fromisoformat("2026-11-21T17:45:00+05:45")
        (minute,) = metrics.telemetry("orders", since=since, until=since + MINUTE).minutes
        assert (minute.at, minute.incoming_bytes) == (NOON, 5000)


class TestProofOfDelivery:
    def test_the_functions_own_invocations_tell_when_cloudwatch_delivered(self, metrics, publish):
        publish("Invocations", NOON + 5 * MINUTE, 1, function="kinesis-autoscaler")
        publish("Invocations", NOON, 2, function="kinesis-autoscaler")
        publish("Invocations", NOON + 2 * MINUTE, 1, function="another")
        telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 10 * MINUTE)
        assert telemetry.deliveries == (NOON, NOON + 5 * MINUTE)

    def test_they_prove_nothing_about_traffic(self, metrics, publish):
        publish("Invocations", NOON, 1, function="kinesis-autoscaler")
        (minute,) = metrics.telemetry("orders", since=NOON, until=NOON + MINUTE).minutes
        assert not minute.has_traffic_data


class TestTheCall:
    def test_one_call_gets_everything_of_more_than_a_day(self, cloudwatch, metrics):
        calls = Calls(cloudwatch)
        minutes = metrics.telemetry("orders", since=NOON - timedelta(hours=26), until=NOON).minutes
        assert len(minutes) == 26 * 60
        assert [name for name, _ in calls.made] == ["GetMetricData"]
        (call,) = calls.of("GetMetricData")
        assert len(call["MetricDataQueries"]) * len(minutes) <= DATAPOINTS_IN_A_CALL
        assert {query["MetricStat"]["Period"] for query in call["MetricDataQueries"]} == {60}

    def test_values_are_put_together_across_pages(self, cloudwatch, metrics):
        def page(*results, **more):
            return {
                "MetricDataResults": [
                    {
                        "Id": query,
                        "Timestamps": [NOON + n * MINUTE for n in numbers],
                        "Values": [n + 1 for n in numbers],
                    }
                    for query, numbers in results
                ],
                **more,
            }

        first = {"MetricDataQueries": ANY, "StartTime": ANY, "EndTime": ANY, "ScanBy": "TimestampAscending"}
        with Stubber(cloudwatch) as answers:  # moto has one page only
            answers.add_response(
                "get_metric_data", page(("incomingBytes", [0, 1]), ("deliveries", [0]), NextToken="more"), first
            )
            answers.add_response(
                "get_metric_data",
                page(("incomingBytes", [3]), ("incomingRecords", [2]), ("deliveries", [3])),
                {**first, "NextToken": "more"},
            )
            telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 4 * MINUTE)
            answers.assert_no_pending_responses()
        assert [minute.incoming_bytes for minute in telemetry.minutes] == [1, 2, None, 4]
        assert [minute.incoming_records for minute in telemetry.minutes] == [None, None, 3, None]
        assert telemetry.deliveries == (NOON, NOON + 3 * MINUTE)
