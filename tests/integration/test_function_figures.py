"""The figures of the function are measured, and meet their goals if they do not depend on a machine's speed."""

from __future__ import annotations

import re
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from simulator.deployment import PACKAGE
from simulator.fleets.alone import Figures, measure, measure_start
from simulator.reports.function_figures import rows
from tests.benchmark_page import committed
from tests.benchmark_page import rows as rows_of_page

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "architecture.md").read_text()
SOURCES = (PACKAGE.parent / "kinesis_autoscaler").rglob("*.py")
CALLS_OF_THE_PAGE = re.findall(r"\| [\d, ]+ \| \w+ (\w+) \|", PAGE)


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure(starts=1, scalings=2)


def test_a_scale_up_calls_what_the_architecture_page_says(figures):
    assert len(CALLS_OF_THE_PAGE) == 13
    assert sorted(figures.calls["scale-up"].elements()) == sorted(CALLS_OF_THE_PAGE)


def test_a_scale_down_calls_the_same_though_it_reads_days_of_metrics(figures):
    assert figures.calls["scale-down"] == figures.calls["scale-up"]


def test_a_decision_not_to_scale_changes_nothing_but_the_log(figures):
    calls = figures.calls["decision not to scale"]
    assert calls["PutItem"] == 1
    assert not set(calls) & {"UpdateShardCount", "PutMetricAlarm", "SetAlarmState", "TransactWriteItems"}


def test_a_reconcile_asks_once_for_each_stream(figures):
    calls = figures.calls["reconcile of 2 streams"]
    assert calls["DescribeStreamSummary"] == 2
    assert (calls["DescribeAlarms"], calls["Query"]) == (1, 2), "all alarms at once; open records, and heads"


def test_the_package_is_that_which_is_deployed(figures):
    assert figures.package_bytes == PACKAGE.stat().st_size
    assert figures.source_bytes == sum(path.stat().st_size for path in SOURCES)


def test_the_start_is_measured_with_and_without_bytecode(figures):
    start = figures.start
    assert min(start.seconds, start.compiled_seconds, start.bare_seconds) > 0
    assert start.bytes > start.bare_bytes > 2**20


def test_a_package_that_does_not_start_is_no_figure(monkeypatch):
    monkeypatch.setattr("simulator.fleets.alone._OURS", "import kinesis_autoscaler.nothing")
    with pytest.raises(CalledProcessError, match="returned non-zero exit status"):
        measure_start(1)


def test_own_time_and_calls_of_a_scaling_are_told_apart(figures):
    assert figures.scaling.count == figures.calls["scale-up"].total()
    assert figures.scaling.own > 0
    assert figures.scaling.calls > 0


def test_every_figure_has_a_line(figures):
    text = "\n".join(f"{label}: {value}" for label, value in rows(figures))
    for kind, calls in figures.calls.items():
        assert f"AWS calls of a {kind}: {calls.total()}: " in text
    assert f"{figures.package_bytes / 1000:.0f} kB; unpacked" in text
    assert f"{figures.start.ratio:.2f} ×" in text


def test_the_page_has_todays_calls_sizes_and_memory(figures):
    """The other figures are ratios of times, which depend on the machine."""
    told = dict(rows_of_page(committed("function"))[1:])
    today = dict(rows(figures))
    assert told.keys() == today.keys()
    for label, value in today.items():
        if label.startswith("AWS calls"):
            assert told[label] == value, "make benchmark"
        if label.startswith(("package", "memory")):
            assert numbers(told[label]) == pytest.approx(numbers(value), rel=0.05), "make benchmark"


def numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"\d+(?:\.\d+)?", text)]
