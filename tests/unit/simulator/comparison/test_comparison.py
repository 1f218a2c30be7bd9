"""One trace under every policy."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest

from simulator.aws.prices import OnDemandPrices, Prices
from simulator.comparison.outcomes import BOUND, FIXED, ON_DEMAND, OTHERS, UNLIMITED, YOURS, Demand, Kind, outcomes
from simulator.deployment.presets import PRESETS, settings
from simulator.reports import comparison_chart as chart
from simulator.traffic import Trace, Traffic

_ON_DEMAND = OnDemandPrices(2.0, 3.0, 1.0, 1.0, 1.0, 0.0)
ROUND = Prices("nowhere", "today", 1.0, 10.0, 1.0, 1.0, 1.0, _ON_DEMAND, _ON_DEMAND)
"""Prices with a dollar for a shard-hour."""


def wave(days: int = 2) -> np.ndarray:
    minutes = np.arange(days * 1440)
    return 4 + 3 * np.sin(minutes / 1440 * 2 * np.pi)


@pytest.fixture(scope="module")
def results():
    presets = {name: settings({**UNLIMITED, **inputs}) for name, inputs in PRESETS.items()}
    return {each.name: each for each in outcomes(Demand.of_shards(wave()), presets, prices=ROUND)}


def test_every_preset_and_every_other_policy_is_compared(results):
    others = [make().name for make in OTHERS]
    assert list(results) == [*PRESETS, *others, FIXED, ON_DEMAND, BOUND]


def test_nothing_that_throttles_nothing_needs_fewer_shard_hours_than_the_bound(results):
    for each in results.values():
        if each.shard_hours is not None and not each.throttled_share:
            assert each.shard_hours >= results[BOUND].shard_hours, each.name
            assert each.shard_hours_of_bound == pytest.approx(each.shard_hours / results[BOUND].shard_hours)


def test_a_fixed_count_is_charged_for_its_shards_and_the_records(results):
    records = 4 * 60 * 1024**2 / 2048 * 1440 * 365 / 12  # 4 shards' worth of records of 2 KiB in a mean month
    assert results[FIXED].shard_hours == 7 * 48
    assert results[FIXED].dollars_per_month == pytest.approx(7 * 730 + records / 1e6 * 10, rel=0.001)


def test_on_demand_is_charged_for_hours_and_data_in_and_out(results):
    on_demand = results[ON_DEMAND]
    gigabytes = 4 / 1024 * 3600 * 730 * (1 - on_demand.throttled_share)
    assert on_demand.shard_hours is None
    assert on_demand.dollars_per_month == pytest.approx(730 * 2 + gigabytes * 4, rel=0.001)


def test_on_demand_counts_every_record_as_whole_kilobytes():
    small = Trace("small", datetime(2026, 1, 5, tzinfo=UTC), [Traffic(bytes=100 * 1000, records=1000)])
    assert Demand.of(small).charged_bytes == 1000 * 1024


def test_a_month_of_the_bound_costs_the_least_of_all_that_throttle_nothing(results):
    for each in results.values():
        if not each.throttled_share:
            assert each.bill_of_bound >= 1 or each.name == BOUND


def test_settings_of_your_own_come_first():
    demand = Demand.of_shards(wave(1))
    first = outcomes(demand, {}, yours=settings({**UNLIMITED, **PRESETS["default"]}))[0]
    assert (first.name, first.kind) == (YOURS, Kind.YOURS)


@pytest.mark.parametrize(("mean", "count"), [(0.2, 1), (1.6, 2), (5.0, 4), (8.0, 8), (100.0, 128)])
def test_all_start_with_the_power_of_two_nearest_to_the_mean(mean, count):
    assert Demand.of_shards(np.full(10, mean)).first_count == count


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_chart_is_the_same_file_for_the_same_outcomes(results, tmp_path, suffix):
    files = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for file in files:
        chart.draw(list(results.values()), subtitle="a wave", path=file)
    first, second = (file.read_bytes() for file in files)
    assert first == second


def test_the_chart_names_every_policy(results, tmp_path):
    chart.draw(list(results.values()), subtitle="a wave", path=tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text()
    for name in results:
        assert name in text
    assert "a wave" in text


@pytest.fixture
def compare(simulator):
    return partial(simulator, "compare")


def test_the_command_shows_a_table_and_leaves_charts_and_figures(compare, tmp_path):
    trace = tmp_path / "orders.csv"
    lines = [f"2026-01-05T{hour:02}:{minute:02}:00Z,{1 + hour % 6}" for hour in range(24) for minute in (0, 30)]
    trace.write_text("timestamp,value\n" + "\n".join(lines))
    done = compare(str(trace), "--mean-shards", "4", "--min-shard-count", "3", "--output", str(tmp_path / "out"))
    assert done.status == 0, done.err
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert report["mean_shards"] == pytest.approx(4)
    for each in report["outcomes"]:
        assert each["name"] in done.out
    assert report["outcomes"][0]["name"] == YOURS
    assert (tmp_path / "out" / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "out" / "comparison.svg").read_text()
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert all(f">{each['name']}</td>" in page for each in report["outcomes"])


def test_the_command_says_what_is_wrong_with_a_trace(compare, tmp_path):
    done = compare(str(tmp_path / "missing.csv"))
    assert done.status == 1
    assert "missing.csv" in done.err
    assert "Traceback" not in done.err


def test_the_command_refuses_a_mean_that_is_no_traffic(compare):
    done = compare("orders.csv", "--mean-shards", "0")
    assert done.status == 2
    assert "'0' is not a number above 0" in done.err


def test_the_command_refuses_settings_that_the_module_refuses(compare):
    done = compare("orders.csv", "--min-shard-count", "0")
    assert done.status in (1, 2)
    assert "--min-shard-count must be a whole number" in done.err
