"""Traffic: a generated day and traces from files."""

from __future__ import annotations

import json

import pytest
from botocore.session import Session
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from simulator.traffic import GET_METRIC_DATA, MINUTES_PER_DAY, TraceError, Traffic, generated_day, read_trace


@pytest.fixture
def trace_file(tmp_path):
    def write(text: str):
        path = tmp_path / "trace.csv"
        path.write_text(text)
        return path

    return write


def shards(trace):
    return [load.shards for load in trace.minutes]


@given(st.floats(0, 10_000))
def test_traffic_for_some_shards_fills_just_these(count):
    assert Traffic.for_shards(count).shards == pytest.approx(count)


def test_the_scarcer_of_bytes_and_records_decides_how_many_shards_are_needed():
    assert Traffic(bytes=60 * 1024**2, records=120_000).shards == 2
    assert Traffic(bytes=180 * 1024**2, records=60_000).shards == 3


def test_a_generated_day_is_the_same_each_time_and_differs_by_seed():
    def day(seed):
        return generated_day("a day", base=1, peak=5, peak_hour=13, burst_hour=16, seed=seed)

    assert len(day(1).minutes) == MINUTES_PER_DAY
    assert day(1) == day(1)
    assert day(1) != day(2)


def test_a_generated_day_has_its_night_its_peak_and_its_burst():
    demand = shards(generated_day("a day", base=1, peak=5, peak_hour=13, burst_hour=18, seed=1))
    assert demand[60] == pytest.approx(1, rel=0.3)
    assert demand[13 * 60] == pytest.approx(5, rel=0.3)
    assert demand[18 * 60 + 10] > 1.5 * demand[18 * 60 - 10]


def test_the_minutes_between_two_lines_are_interpolated(trace_file):
    trace = read_trace(trace_file("timestamp,value\n2026-01-05 00:00:00,1\n2026-01-05 00:04:00,3\n"), mean_shards=2)
    assert shards(trace) == pytest.approx([1, 1.5, 2, 2.5, 3])


def test_values_of_any_unit_are_scaled_to_the_mean_that_is_asked_for(trace_file):
    trace = read_trace(trace_file("timestamp,value\n0,5000\n300,9000\n600,1000\n"), mean_shards=6)
    assert trace.mean_shards == pytest.approx(6)


def test_explicit_bytes_and_records_are_totals_of_their_interval_and_are_not_scaled(trace_file):
    trace = read_trace(trace_file("timestamp,bytes,records\n0,600,50\n300,600,50\n600,600,50\n"))
    assert trace.minutes[0] == Traffic(bytes=120, records=10)
    assert len(trace.minutes) == 11


def test_timestamps_with_a_zone_are_moved_to_utc(trace_file):
    trace = read_trace(trace_file("timestamp,value\n2026-01-05T02:00:00+02:00,1\n2026-01-05T03:00:00+02:00,1\n"))
    assert trace.start.isoformat() == "2026-01-05T00:00:00+00:00"


def test_days_are_cut_out_of_a_trace_by_number(trace_file):
    trace = read_trace(trace_file(f"timestamp,value\n0,1\n{86400 * 3},1\n"))
    second = trace.days(1)
    assert len(second.minutes) == MINUTES_PER_DAY
    assert second.start.day == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time,count\n0,1\n60,2\n", "line 1: the header names count, time; it must name timestamp,value"),
        ("", "line 1: the header names nothing"),
        ("timestamp,value\n0,1\n", "at least two lines"),
        ("timestamp,value\n0,1\nyesterday,2\n", "line 3: 'yesterday' is no timestamp"),
        ("timestamp,value\n0,1\n60,many\n", "line 3: value is 'many', which is no number"),
        ("timestamp,value\n0,1\n60,\n", "line 3: value is ''"),
        ("timestamp,value\n0,1\n60\n", "line 3: value is ''"),
        ("timestamp,value\n0,1\n60,-2\n", "line 3: value is -2; it must be 0 or more"),
        ("timestamp,value\n0,1\n60,nan\n", "line 3: value is nan; it must be 0 or more"),
        ("timestamp,value\n60,1\n0,2\n", "line 3: 1970-01-01 00:00:00+00:00 is not after the line before"),
        ("timestamp,value\n0,0\n60,0\n", "all values are 0"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line_and_the_remedy(trace_file, text, complaint):
    with pytest.raises(TraceError, match=r"trace\.csv") as refusal:
        read_trace(trace_file(text))
    assert complaint in str(refusal.value)


def answer(results, **rest):
    """What GetMetricData answers, as the AWS CLI prints it: each metric's values at minutes of an hour."""
    return json.dumps(
        {
            "MetricDataResults": [
                {
                    "Id": id_,
                    "Label": label,
                    "Timestamps": [f"2026-10-01T00:{minute:02}:00+00:00" for minute in values],
                    "Values": list(values.values()),
                    "StatusCode": "Complete",
                }
                for (id_, label), values in results.items()
            ],
            "Messages": [],
            **rest,
        }
    )


SHARD = 60 * 1024**2
BYTES, RECORDS = ("incomingBytes", "IncomingBytes"), ("m2", "orders IncomingRecords")


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_cloudwatch_answers_is_read_in_either_order_of_time(trace_file, newest_first):
    volume = {0: 5 * SHARD, 5: 10 * SHARD, 10: 15 * SHARD}
    records = {0: 500, 5: 1000, 10: 1500}
    if newest_first:
        volume, records = dict(reversed(volume.items())), dict(reversed(records.items()))
    trace = read_trace(trace_file(answer({RECORDS: records, BYTES: volume})))
    assert trace.start.isoformat() == "2026-10-01T00:00:00+00:00"
    assert len(trace.minutes) == 11
    assert [trace.minutes[minute] for minute in (0, 5, 10)] == [
        Traffic(SHARD, 100),
        Traffic(2 * SHARD, 200),
        Traffic(3 * SHARD, 300),
    ]


def test_metrics_are_known_by_their_id_or_their_label(trace_file):
    by_label = {("m1", "IncomingBytes"): {0: 1, 1: 1}, ("m2", "IncomingRecords"): {0: 3, 1: 3}}
    by_id = {("incomingbytes_orders", "a"): {0: 1, 1: 1}, ("incomingrecords", "b"): {0: 3, 1: 3}}
    for results in (by_label, by_id):
        assert read_trace(trace_file(answer(results))).minutes == [Traffic(1, 3), Traffic(1, 3)]


def test_several_pages_one_after_another_are_one_trace(trace_file):
    first = answer({BYTES: {0: 1, 1: 2}, RECORDS: {0: 1}}, NextToken="more")
    second = answer({BYTES: {2: 3}, RECORDS: {1: 2, 2: 3}})
    trace = read_trace(trace_file(f"{first}\n{second}\n"))
    assert trace.minutes == [Traffic(1, 1), Traffic(2, 2), Traffic(3, 3)]


def test_what_cloudwatch_has_nothing_of_is_without_traffic(trace_file):
    trace = read_trace(trace_file(answer({BYTES: {0: 5, 1: 5, 4: 5}, RECORDS: {0: 1, 1: 1, 4: 1}})))
    assert trace.minutes == [Traffic(5, 1), Traffic(5, 1), Traffic(0, 0), Traffic(0, 0), Traffic(5, 1)]


def test_metric_data_is_scaled_only_if_that_is_asked_for(trace_file):
    file = trace_file(answer({BYTES: {0: SHARD, 1: SHARD}, RECORDS: {0: 1, 1: 1}}))
    assert read_trace(file).mean_shards == pytest.approx(1)
    assert read_trace(file, mean_shards=7).mean_shards == pytest.approx(7)


def test_the_documented_command_asks_for_what_is_read():
    queries = json.loads(GET_METRIC_DATA.split("'")[1])
    assert [query["MetricStat"]["Metric"]["MetricName"] for query in queries] == ["IncomingBytes", "IncomingRecords"]
    validate_parameters(
        {"MetricDataQueries": queries, "StartTime": 0, "EndTime": 1},
        Session().get_service_model("cloudwatch").operation_model("GetMetricData").input_shape,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"MetricDataResults": [', "is no JSON"),
        ('{"Datapoints": []}', "has no MetricDataResults; it must be what this command answers:\naws cloudwatch"),
        (answer({BYTES: {0: 1, 1: 1}}), "has no values of IncomingRecords"),
        (answer({BYTES: {0: 1}, RECORDS: {0: 1}}), "at two timestamps at least"),
        (answer({BYTES: {0: 1, 5: 1}, RECORDS: {0: 1, 13: 1}}), "00:13:00+00:00 is no multiple of the period of 300"),
        (answer({BYTES: {0: 1, 1: -1}, RECORDS: {0: 1, 1: 1}}), "is -1; it must be 0 or more"),
        (answer({BYTES: {0: 1, 1: 1}, RECORDS: {0: 1, 1: 1}}, NextToken="more"), "ends with a NextToken"),
        (answer({BYTES: {0: 1, 1: 1}, RECORDS: {0: 1, 1: 1}}).replace("2026", "once"), "which is none"),
        (answer({BYTES: {0: 1, 1: 1}, RECORDS: {0: 1, 1: 1}}).replace("[1, 1]", "[1]"), "2 Timestamps and 1 Values"),
    ],
)
def test_metric_data_that_cannot_be_read_is_refused_with_the_remedy(trace_file, text, complaint):
    with pytest.raises(TraceError, match=r"trace\.csv") as refusal:
        read_trace(trace_file(text))
    assert complaint in str(refusal.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "trace.bin").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(TraceError, match=r"trace\.bin cannot be read: it is not a text file"):
        read_trace(tmp_path / "trace.bin")


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(TraceError, match=r"nothing\.csv"):
        read_trace(tmp_path / "nothing.csv")
