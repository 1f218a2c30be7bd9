"""Traffic: a generated day and traces from files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.traffic import MINUTES_PER_DAY, TraceError, Traffic, generated_day, read_trace


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


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(TraceError, match=r"nothing\.csv"):
        read_trace(tmp_path / "nothing.csv")
