"""The stream's metrics, minute by minute. Data that CloudWatch lacks stay unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import ANY, Stubber

from kinesis_autoscaler.metrics import Days, Metrics
from kinesis_autoscaler.model import Minute, Telemetry
from tests.unit.account import Calls

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERIES = ("incomingBytes", "incomingRecords", "readBytes", "throttledRecords", "iteratorAge")
DATAPOINTS_IN_A_CALL = 100_800  # GetMetricData's maximum


@pytest.fixture
def metrics(cloudwatch) -> Metrics:
    return Metrics(cloudwatch)


@pytest.fixture
def publish(cloudwatch):
    """Report a service's values of a metric in the minute that begins then."""

    def publish(metric: str, at: datetime, *values: float, stream: str = "orders", **dimensions: str):
        labels = {"StreamName": stream, **dimensions}
        cloudwatch.put_metric_data(
            Namespace="AWS/Kinesis",
            MetricData=[
                {
                    "MetricName": metric,
                    "Timestamp": at,
                    "Value": value,
                    "Dimensions": [{"Name": name, "Value": label} for name, label in labels.items()],
                }
                for value in values
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
    def test_another_streams_traffic_metrics_tell_when_cloudwatch_delivered(self, metrics, publish):
        publish("IncomingRecords", NOON + 5 * MINUTE, 1, stream="clicks")
        publish("IncomingRecords", NOON, 0, stream="payments")
        publish("IncomingRecords", NOON + 2 * MINUTE, 1, stream="refunds")
        delivered = metrics.delivered(["clicks", "payments"], since=NOON, until=NOON + 10 * MINUTE)
        assert delivered == {NOON, NOON + 5 * MINUTE}

    def test_where_there_is_no_other_stream_nothing_is_asked_and_nothing_proven(self, cloudwatch, metrics):
        calls = Calls(cloudwatch)
        assert metrics.delivered([], since=NOON, until=NOON + 10 * MINUTE) == frozenset()
        assert calls.made == []


class TestFanOut:
    LAG = "SubscribeToShardEvent.MillisBehindLatest"

    def test_each_consumer_has_the_lag_of_the_minutes_in_which_it_reported(self, metrics, publish):
        publish(self.LAG, NOON + 2 * MINUTE, 90_000, 1000, ConsumerName="billing")
        publish(self.LAG, NOON, 0, ConsumerName="billing")
        publish(self.LAG, NOON, 5000, ConsumerName="gone")
        telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 4 * MINUTE, fan_out=["billing", "search"])
        billing, search = telemetry.fan_out
        assert (billing.name, search.name) == ("billing", "search")
        assert billing.lags == ((NOON, timedelta(0)), (NOON + 2 * MINUTE, timedelta(seconds=90)))
        assert search.lags == ()


class TestThrottledMinutes:
    def test_minutes_are_counted_not_records(self, metrics, publish):
        publish("WriteProvisionedThroughputExceeded", NOON, 300)
        publish("WriteProvisionedThroughputExceeded", NOON + MINUTE, 0)
        publish("WriteProvisionedThroughputExceeded", NOON + 2 * MINUTE, 1, 1)
        assert metrics.throttled_minutes("orders", since=NOON, until=NOON + 5 * MINUTE) == 2


class TestDays:
    def days(self, metrics, *, minutes: int = 10, with_reads: bool = False):
        wanted = Days(NOON, NOON + minutes * MINUTE, 5 * MINUTE, with_reads)
        telemetry = metrics.days("orders", wanted)
        assert telemetry.incomplete == ()
        with_minutes = metrics.telemetry("orders", since=NOON + 4 * MINUTE, until=wanted.until, days=wanted)
        assert with_minutes.days == telemetry.days, "of a look for fewer shards, too"
        assert len(with_minutes.minutes) == minutes - 4
        return telemetry.days

    def test_they_come_with_the_minutes_in_one_call(self, cloudwatch, metrics):
        calls = Calls(cloudwatch)
        metrics.telemetry("orders", since=NOON, until=NOON + MINUTE, days=Days(NOON, NOON, 5 * MINUTE, False))
        assert [name for name, _ in calls.made] == ["GetMetricData"]

    def test_each_period_has_its_highest_and_its_mean_demand(self, metrics, publish):
        for n, shards in enumerate([1, 2, 3, 0.5, 1]):
            publish("IncomingBytes", NOON + n * MINUTE, shards * 60 * 1024**2)
            publish("IncomingRecords", NOON + n * MINUTE, 1)
        publish("IncomingBytes", NOON + 7 * MINUTE, 1)
        publish("IncomingRecords", NOON + 7 * MINUTE, 5 * 60_000)
        first, second = self.days(metrics)
        assert (first.at, first.highest, first.mean) == (NOON, 3, pytest.approx(1.5))
        assert (second.at, second.highest, second.mean) == (NOON + 5 * MINUTE, 5, pytest.approx(1))

    def test_a_period_without_data_or_with_half_of_a_minutes_data_is_unknown(self, metrics, publish):
        publish("IncomingBytes", NOON + 7 * MINUTE, 1)
        assert [(period.highest, period.mean) for period in self.days(metrics)] == [(None, None)] * 2

    def test_reads_count_where_they_are_to(self, metrics, publish):
        publish("IncomingBytes", NOON, 60 * 1024**2)
        publish("IncomingRecords", NOON, 1)
        publish("GetRecords.Bytes", NOON, 4 * 60 * 2_000_000)
        assert self.days(metrics, minutes=5)[0].highest == 1
        assert self.days(metrics, minutes=5, with_reads=True)[0].highest == 4


def result(query: str, *numbers: int, **more) -> dict:
    """Return a metric's part of an answer, with the value n + 1 in the n-th minute."""
    return {
        "Id": query,
        "Timestamps": [NOON + n * MINUTE for n in numbers],
        "Values": [n + 1 for n in numbers],
        **more,
    }


def answer(*results: dict, but: dict[str, str] | None = None, **more) -> dict:
    """Return an answer with these results. All other metrics are Complete and empty, except for the given codes."""
    codes = dict.fromkeys(QUERIES, "Complete") | (but or {})
    given = {each["Id"]: each for each in results}
    rest = [result(name, StatusCode=code) for name, code in codes.items() if name not in given]
    return {"MetricDataResults": [{"StatusCode": codes[each["Id"]], **each} for each in results] + rest, **more}


class TestWhatCloudWatchCouldNotTell:
    def test_a_metric_that_is_not_complete_is_asked_for_once_more_and_by_itself(self, cloudwatch, metrics):
        calls = Calls(cloudwatch)
        with Stubber(cloudwatch) as answers:
            answers.add_response(
                "get_metric_data", answer(result("incomingBytes", 0, 1, 2), but={"incomingRecords": "InternalError"})
            )
            answers.add_response(
                "get_metric_data", {"MetricDataResults": [result("incomingRecords", 0, 1, 2, StatusCode="Complete")]}
            )
            telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 3 * MINUTE)
            answers.assert_no_pending_responses()
        asked = [[query["Id"] for query in call["MetricDataQueries"]] for call in calls.of("GetMetricData")]
        assert asked == [list(QUERIES), ["incomingRecords"]]
        assert telemetry.incomplete == ()
        assert [minute.incoming_records for minute in telemetry.minutes] == [1, 2, 3]

    @pytest.mark.parametrize("code", ["InternalError", "PartialData", "Forbidden"])
    def test_one_that_is_not_complete_the_second_time_is_named(self, cloudwatch, metrics, code):
        with Stubber(cloudwatch) as answers:
            answers.add_response("get_metric_data", answer(result("incomingBytes", 0, 2), but={"incomingBytes": code}))
            answers.add_response(
                "get_metric_data", {"MetricDataResults": [result("incomingBytes", 1, StatusCode=code)]}
            )
            telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 3 * MINUTE)
            answers.assert_no_pending_responses()
        assert telemetry.incomplete == ("IncomingBytes",)
        assert [minute.incoming_bytes for minute in telemetry.minutes] == [1, 2, 3], "what came is known all the same"

    def test_one_that_is_left_out_of_the_answer_is_not_complete(self, cloudwatch, metrics):
        with Stubber(cloudwatch) as answers:
            without = answer()
            without["MetricDataResults"] = [r for r in without["MetricDataResults"] if r["Id"] != "throttledRecords"]
            answers.add_response("get_metric_data", without)
            answers.add_response("get_metric_data", {"MetricDataResults": []})
            telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 3 * MINUTE)
        assert telemetry.incomplete == ("WriteProvisionedThroughputExceeded",)

    def test_the_last_page_says_whether_a_metric_is_complete(self, cloudwatch, metrics):
        with Stubber(cloudwatch) as answers:
            answers.add_response("get_metric_data", answer(but=dict.fromkeys(QUERIES, "PartialData"), NextToken="more"))
            answers.add_response("get_metric_data", answer())
            assert metrics.telemetry("orders", since=NOON, until=NOON + 3 * MINUTE).incomplete == ()
            answers.assert_no_pending_responses()


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
        first = {"MetricDataQueries": ANY, "StartTime": ANY, "EndTime": ANY, "ScanBy": "TimestampAscending"}
        with Stubber(cloudwatch) as answers:  # moto has one page only
            answers.add_response("get_metric_data", answer(result("incomingBytes", 0, 1), NextToken="more"), first)
            answers.add_response(
                "get_metric_data",
                answer(result("incomingBytes", 3), result("incomingRecords", 2)),
                {**first, "NextToken": "more"},
            )
            telemetry = metrics.telemetry("orders", since=NOON, until=NOON + 4 * MINUTE)
            answers.assert_no_pending_responses()
        assert [minute.incoming_bytes for minute in telemetry.minutes] == [1, 2, None, 4]
        assert [minute.incoming_records for minute in telemetry.minutes] == [None, None, 3, None]


class TestTotals:
    def test_those_of_a_shard_and_of_the_stream_are_told_apart(self, metrics, publish):
        publish("IncomingBytes", NOON, 5000)
        publish("IncomingBytes", NOON, 400, ShardId="shard-0")
        publish("IncomingBytes", NOON + MINUTE, 500, ShardId="shard-0")
        wanted = [("IncomingBytes", "shard-0"), ("IncomingBytes", "shard-1"), ("IncomingBytes", None)]
        assert metrics.totals("orders", wanted, since=NOON, until=NOON + 2 * MINUTE) == {
            wanted[0]: 900,
            wanted[2]: 5000,
        }

    def test_of_many_shards_no_call_asks_for_more_than_500_metrics(self, cloudwatch, metrics):
        wanted = [("IncomingBytes", f"shard-{number}") for number in range(1001)]
        asked = []
        cloudwatch.meta.events.register(
            "provide-client-params.cloudwatch.GetMetricData",
            lambda params, **_: asked.append(len(params["MetricDataQueries"])),
        )
        metrics.totals("orders", wanted, since=NOON, until=NOON + MINUTE)
        assert asked == [500, 500, 1]
