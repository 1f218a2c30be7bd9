"""Traffic: its demand, a generated day, the sample, and the command that gets it from AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from botocore.session import Session
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from simulator.traffic import (
    GET_METRIC_DATA,
    MINUTES_PER_DAY,
    SAMPLES,
    Trace,
    Traffic,
    generated_day,
    read_sample,
    sample,
)


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


def test_days_are_cut_out_of_a_trace_by_number():
    trace = Trace("orders", datetime(2026, 1, 1, tzinfo=UTC), [Traffic(1, 1)] * (3 * MINUTES_PER_DAY + 1))
    second = trace.days(1)
    assert len(second.minutes) == MINUTES_PER_DAY
    assert second.start.day == 2
    assert len(trace.days(3).minutes) == 1


def test_the_documented_command_asks_for_what_is_read():
    queries = json.loads(GET_METRIC_DATA.split("'")[1])
    assert [query["MetricStat"]["Metric"]["MetricName"] for query in queries] == ["IncomingBytes", "IncomingRecords"]
    validate_parameters(
        {"MetricDataQueries": queries, "StartTime": 0, "EndTime": 1},
        Session().get_service_model("cloudwatch").operation_model("GetMetricData").input_shape,
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_what_its_command_makes(name):
    assert SAMPLES[name].read_text() == sample.text(name)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_a_week_with_settings_that_fit_it(name):
    read = read_sample(name)
    assert len(read.trace.minutes) == 7 * MINUTES_PER_DAY
    assert max(load.shards for load in read.trace.minutes) < read.stream.settings["max_shard_count"]
    assert f"the sample {name}" in read.summary
