"""The metric store: the datapoints of a metric, and the answers of GetMetricData."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.aws.metric_data import get_metric_data
from simulator.aws.metric_math import UnsupportedExpressionError
from simulator.aws.metrics import MetricStore, UnsupportedRequestError, metric_key

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ORDERS = {"StreamName": "orders"}
INCOMING_BYTES = ("AWS/Kinesis", "IncomingBytes", ORDERS)


def minutes(count):
    return timedelta(minutes=count)


def store_of(*values, **options):
    """Put one value per minute, from START. None skips a minute."""
    store = MetricStore(**options)
    for minute, value in enumerate(values):
        if value is not None:
            store.put(*INCOMING_BYTES, START + minutes(minute), sum=value)
    return store


def query(id_, stat="Sum", period=60, metric_name="IncomingBytes", **rest):
    dimensions = [{"Name": name, "Value": value} for name, value in ORDERS.items()]
    metric = {"Namespace": "AWS/Kinesis", "MetricName": metric_name, "Dimensions": dimensions}
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **rest}


def request(*queries, start=START, **rest):
    return {"MetricDataQueries": list(queries), "StartTime": start, "EndTime": START + minutes(10), **rest}


def test_a_datapoint_becomes_visible_when_the_delay_after_its_minute_has_passed():
    store = store_of(7, delay_seconds=90)

    def seen(now):
        return store.series(*INCOMING_BYTES, "Sum", 60, START, START + minutes(5), now=now)

    assert seen(START + timedelta(seconds=149)) == {}
    assert seen(START + timedelta(seconds=150)) == {START: 7}


def test_without_a_moment_to_look_from_everything_is_visible():
    assert store_of(7).series(*INCOMING_BYTES, "Sum", 60, START, START + minutes(1)) == {START: 7}


def test_a_missing_minute_has_no_datapoint():
    store = store_of(1, None, 3)
    assert store.series(*INCOMING_BYTES, "Sum", 60, START, START + minutes(5)) == {START: 1, START + minutes(2): 3}


def test_a_metric_that_was_never_reported_has_no_datapoints():
    assert MetricStore().series(*INCOMING_BYTES, "Sum", 60, START, START + minutes(5)) == {}


def test_dimensions_tell_metrics_apart_in_any_order():
    store = MetricStore()
    store.put("N", "M", {"a": "1", "b": "2"}, START, sum=5)
    assert store.series("N", "M", {"b": "2", "a": "1"}, "Sum", 60, START, START + minutes(1)) == {START: 5}
    assert store.series("N", "M", {"a": "1"}, "Sum", 60, START, START + minutes(1)) == {}


def test_statistics_of_a_minute_that_was_reported_to_twice():
    store = MetricStore()
    store.put(*INCOMING_BYTES, START, sum=10, sample_count=4, minimum=1, maximum=6)
    store.put(*INCOMING_BYTES, START + timedelta(seconds=59), sum=2)
    statistics = {
        stat: store.series(*INCOMING_BYTES, stat, 60, START, START + minutes(1))[START]
        for stat in ("Sum", "Average", "Minimum", "Maximum", "SampleCount")
    }
    assert statistics == {"Sum": 12, "Average": 2.4, "Minimum": 1, "Maximum": 6, "SampleCount": 5}


def test_minimum_and_maximum_default_to_the_mean_of_the_samples():
    store = MetricStore()
    store.put(*INCOMING_BYTES, START, sum=10, sample_count=4)
    for stat in ("Minimum", "Maximum"):
        assert store.series(*INCOMING_BYTES, stat, 60, START, START + minutes(1)) == {START: 2.5}


def test_a_period_of_five_minutes_is_aligned_and_sums_the_minutes_it_has():
    store = store_of(1, 2, None, 4, 5, 6)
    points = store.series(*INCOMING_BYTES, "Sum", 300, START + minutes(2), START + minutes(10))
    assert points == {START: 12, START + minutes(5): 6}


def test_an_aggregate_need_not_be_aligned():
    store = store_of(1, 2, 3, 4, 5, 6)
    start = int((START + minutes(1)).timestamp())
    key = metric_key(*INCOMING_BYTES)
    assert store.aggregate(key, "Sum", start, 300, store.horizon(START + minutes(10))) == 20
    assert store.aggregate(key, "Sum", start, 300, store.horizon(START + minutes(4))) == 5  # minutes 1 and 2 are in


def test_minutes_may_arrive_in_any_order():
    store = MetricStore()
    for minute in (5, 2, 9):
        store.put(*INCOMING_BYTES, START + minutes(minute), sum=minute)
    points = store.series(*INCOMING_BYTES, "Maximum", 60, START, START + minutes(10))
    assert points == {START + minutes(minute): minute for minute in (2, 5, 9)}


def test_rewriting_what_was_answered_for_changes_the_revision():
    store = store_of(1, 2, 3)
    store.put(*INCOMING_BYTES, START, sum=1)
    assert store.revision == 0  # nothing has read it yet
    store.aggregate(metric_key(*INCOMING_BYTES), "Sum", int(START.timestamp()), 180, store.horizon(START + minutes(4)))
    store.put(*INCOMING_BYTES, START + minutes(3), sum=4)
    assert store.revision == 0
    store.put(*INCOMING_BYTES, START + minutes(2), sum=4)
    assert store.revision == 1


def test_get_metric_data_answers_newest_first_unless_asked_otherwise():
    store = store_of(1, 2, 3)
    [result] = get_metric_data(store, request(query("m1")), START + minutes(10))["MetricDataResults"]
    assert result == {
        "Id": "m1",
        "Label": "IncomingBytes",
        "Timestamps": [START + minutes(2), START + minutes(1), START],
        "Values": [3, 2, 1],
        "StatusCode": "Complete",
    }
    ascending = request(query("m1", Label="bytes"), ScanBy="TimestampAscending")
    [result] = get_metric_data(store, ascending, START + minutes(10))["MetricDataResults"]
    assert (result["Label"], result["Values"]) == ("bytes", [1, 2, 3])


def test_get_metric_data_hides_what_is_not_visible_yet():
    response = get_metric_data(store_of(1, 2, 3), request(query("m1")), START + minutes(3))
    assert response["MetricDataResults"][0]["Values"] == [2, 1]


def test_get_metric_data_takes_queries_of_different_periods_and_statistics():
    store = store_of(1, 2, 3, 4, 5, 6)
    response = get_metric_data(
        store, request(query("m1", period=300), query("m2", "Maximum", period=600)), START + minutes(30)
    )
    assert [result["Values"] for result in response["MetricDataResults"]] == [[6, 15], [6]]


def test_get_metric_data_evaluates_expressions_and_returns_only_what_is_asked_for():
    store = store_of(60, None, 120)
    queries = [
        query("m1", ReturnData=False),
        {"Id": "rate", "Expression": "FILL(m1, 0) / PERIOD(m1)", "Label": "bytes a second"},
    ]
    [result] = get_metric_data(store, request(*queries), START + minutes(5))["MetricDataResults"]
    assert (result["Id"], result["Label"]) == ("rate", "bytes a second")
    assert result["Values"] == [0, 0, 2, 0, 1]  # never beyond the present


def test_get_metric_data_pages_through_all_datapoints():
    store = store_of(*range(5))
    queries, values, token = [query("m1"), query("m2", "SampleCount")], {"m1": [], "m2": []}, None
    for _ in range(4):
        token_argument = {} if token is None else {"NextToken": token}
        response = get_metric_data(store, request(*queries, MaxDatapoints=3, **token_argument), START + minutes(10))
        for result in response["MetricDataResults"]:
            values[result["Id"]] += result["Values"]
        token = response.get("NextToken")
    assert token is None
    assert values == {"m1": [4, 3, 2, 1, 0], "m2": [1] * 5}


def test_a_request_with_expressions_is_answered_on_one_page():
    queries = [query("m1", ReturnData=False), {"Id": "e1", "Expression": "m1 * 2"}]
    response = get_metric_data(store_of(*range(5)), request(*queries, MaxDatapoints=3), START + minutes(10))
    assert response["MetricDataResults"][0]["Values"] == [8, 6, 4, 2, 0]
    assert "NextToken" not in response


@pytest.mark.parametrize(("period", "days"), [(60, 15), (300, 63), (3600, 455)])
def test_datapoints_are_kept_longer_the_longer_their_period(period, days):
    store = store_of(1)
    start = START - timedelta(hours=1)
    kept = get_metric_data(store, request(query("m1", period=period), start=start), START + timedelta(days=days))
    gone = get_metric_data(
        store, request(query("m1", period=period), start=start), START + timedelta(days=days, seconds=period)
    )
    assert kept["MetricDataResults"][0]["Values"] == [1]
    assert gone["MetricDataResults"][0]["Values"] == []


def test_a_page_may_hold_exactly_what_there_is():
    response = get_metric_data(store_of(*range(5)), request(query("m1"), MaxDatapoints=5), START + minutes(10))
    assert response["MetricDataResults"][0]["StatusCode"] == "Complete"
    assert "NextToken" not in response


def test_a_result_that_goes_on_on_the_next_page_is_partial():
    response = get_metric_data(store_of(*range(5)), request(query("m1"), MaxDatapoints=4), START + minutes(10))
    assert response["MetricDataResults"][0]["StatusCode"] == "PartialData"


def test_a_request_has_at_most_500_queries():
    queries = [query(f"m{number}") for number in range(501)]
    assert len(get_metric_data(MetricStore(), request(*queries[:500]), START)["MetricDataResults"]) == 500
    with pytest.raises(UnsupportedRequestError, match="500"):
        get_metric_data(MetricStore(), request(*queries), START)


@pytest.mark.parametrize(
    "queries",
    [
        [],
        [query("m1", period=0)],
        [query("m1", "p99")],
        [query("m1", period=30)],
        [query("m1"), query("m1")],
        [query("m1"), {"Id": "e1", "Expression": "1"}],
        [query("m1"), {"Id": "e1", "Expression": "[m1]"}],
        [query("m1"), query("m2", period=300), {"Id": "e1", "Expression": "m1 + m2"}],
        [{**query("m1"), "MetricStat": {**query("m1")["MetricStat"], "Unit": "Bytes"}}],
    ],
)
def test_a_request_that_is_not_modelled_is_an_error(queries):
    with pytest.raises(UnsupportedRequestError):
        get_metric_data(MetricStore(), request(*queries), START)


def test_an_expression_that_is_not_modelled_is_an_error():
    with pytest.raises(UnsupportedExpressionError, match="RATE"):
        get_metric_data(MetricStore(), request(query("m1"), {"Id": "e1", "Expression": "RATE(m1)"}), START)


def test_a_datapoint_without_samples_is_refused():
    with pytest.raises(ValueError, match="sample"):
        MetricStore().put(*INCOMING_BYTES, START, sum=0, sample_count=0)


@given(
    values=st.lists(st.none() | st.integers(0, 100), max_size=30),
    start=st.integers(0, 30),
    length=st.integers(1, 12),
    stat=st.sampled_from(["Sum", "Average", "Minimum", "Maximum", "SampleCount"]),
)
def test_aggregates_are_those_of_the_minutes_in_the_period(values, start, length, stat):
    present = [value for value in values[start : start + length] if value is not None]
    expected = {
        "Sum": sum(present),
        "Average": sum(present) / len(present) if present else None,
        "Minimum": min(present, default=None),
        "Maximum": max(present, default=None),
        "SampleCount": len(present),
    }[stat]
    first = int((START + minutes(start)).timestamp())
    aggregate = store_of(*values).aggregate(metric_key(*INCOMING_BYTES), stat, first, 60 * length, 2**40)
    assert aggregate == (expected if present else None)


@given(
    values=st.lists(st.none() | st.integers(0, 100), max_size=60),
    start=st.integers(-40, 80),
    count=st.integers(0, 12),
    length=st.integers(1, 12),
    seen=st.integers(-20, 80),
    stat=st.sampled_from(["Sum", "Average", "Minimum", "Maximum", "SampleCount"]),
)
def test_many_aggregates_at_once_are_those_asked_for_one_by_one(values, start, count, length, seen, stat):
    store, key = store_of(*values), metric_key(*INCOMING_BYTES)
    first = int((START + minutes(start)).timestamp())
    starts = range(first, first + 60 * length * count, 60 * length)
    horizon = int((START + minutes(seen)).timestamp())
    one_by_one = {moment: store.aggregate(key, stat, moment, 60 * length, horizon) for moment in starts}
    expected = {moment: value for moment, value in one_by_one.items() if value is not None}
    assert dict(zip(*store.aggregates(key, stat, starts, horizon), strict=True)) == expected


def test_a_week_of_five_minute_sums_grows_by_its_newest_minutes_as_time_moves():
    store, week, earlier = MetricStore(), 7 * 24 * 60, {}
    asked = query("m1", period=300)
    for minute in range(week + 60):
        store.put(*INCOMING_BYTES, START + minutes(minute), sum=minute)
        now = START + minutes(minute + 1)
        if minute < week or minute % 7:
            continue
        window = {"StartTime": now - minutes(week) - minutes(10), "EndTime": now, "ScanBy": "TimestampAscending"}
        answer = get_metric_data(store, {"MetricDataQueries": [asked], **window}, now)["MetricDataResults"][0]
        points = dict(zip(answer["Timestamps"], answer["Values"], strict=True))
        assert list(points) == sorted(points)
        assert all((moment - START) % minutes(5) == minutes(0) for moment in points)
        visible = minute  # the newest minute is not reported yet
        for index, value in enumerate(points.values(), (min(points) - START) // minutes(5)):
            assert value == sum(range(5 * index, min(5 * index + 5, visible)))
        newest = max(points)
        assert newest == START + minutes((visible - 1) // 5 * 5)
        assert {moment: value for moment, value in earlier.items() if moment >= min(points)}.items() <= points.items()
        earlier = {moment: value for moment, value in points.items() if moment < newest}
