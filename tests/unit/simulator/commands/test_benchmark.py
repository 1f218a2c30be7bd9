"""The benchmark's tables and charts, from a corpus of a few days."""

from __future__ import annotations

import re
from functools import partial
from itertools import groupby, islice

import numpy as np
import pytest
from rich.console import Console

from simulator.commands.benchmark import SECTIONS
from simulator.comparison.corpus import DEVELOPMENT, Case, cases
from simulator.comparison.frontier import FRESH_SEEDS, SETTINGS, serve_under_all, traces
from simulator.comparison.outcomes import BOUND, OTHERS, Demand, Kind, Outcome
from simulator.comparison.results import Result, geometric_mean, matches, mean_of, serve
from simulator.deployment.presets import PRESETS
from simulator.reports import frontier
from simulator.reports.benchmark_page import DAILY_LIKENESS, Benchmark
from simulator.reports.stamp import digest, drawn_from
from simulator.traffic import TraceError
from simulator.traffic.generator import KINDS
from tests.benchmark_page import PICTURES, rows, rows_of_traces
from tests.faults.effort import SOAK

CELL = re.compile(r"^\*{0,2}\d+\.\d\d, (\d+\.\d{3}%|0)\*{0,2}$")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a trace of four days."""
    folder = tmp_path_factory.mktemp("traces")
    lines = [f"2026-01-{5 + hour // 24:02}T{hour % 24:02}:00:00Z,{2 + hour % 24 // 4}" for hour in range(96)]
    (folder / "orders.csv").write_text("timestamp,value\n" + "\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory, folder):
    """The given trace, and the first traces of two seeds, or all of them with FAULTS=soak."""
    images = tmp_path_factory.mktemp("images")
    benchmark = Benchmark((1, 2), folder, 3, images, Console(quiet=True))
    if not SOAK:
        by_group = groupby(benchmark.cases, key=lambda case: case.group)
        benchmark.cases = [case for _, group in by_group for case in islice(group, 2)]
    return benchmark


@pytest.fixture(scope="module")
def summary(benchmark):
    """The section whose making leaves the charts."""
    return SECTIONS["summary"](benchmark)


@pytest.fixture
def command(simulator):
    return partial(simulator, "benchmark")


def outcome(name: str, kind: Kind, cost: float, throttled: float) -> Outcome:
    return Outcome(name, kind, cost, cost, throttled, throttled, 1.0, cost, cost)


def result(*outcomes: Outcome) -> Result:
    case = Case("made up", DEVELOPMENT, is_generated=True, demand=Demand.of_shards(np.ones(120)))
    return Result(case, [*outcomes, outcome(BOUND, Kind.BOUND, 1.0, 0.0)], {})


def test_costs_are_averaged_geometrically_and_shares_plainly():
    two = [result(outcome("a", Kind.OURS, 1.0, 0.1)), result(outcome("a", Kind.OURS, 4.0, 0.3))]
    mean = mean_of("a", two)
    assert mean.cost_of_bound == pytest.approx(2.0)
    assert mean.throttled_share == pytest.approx(0.2)
    assert geometric_mean([1.0, 8.0]) == pytest.approx(8**0.5)


def test_a_policy_is_held_against_the_cheapest_preset_that_throttles_no_more():
    one = result(
        outcome("cheap", Kind.OURS, 1.2, 0.02),
        outcome("middling", Kind.OURS, 1.6, 0.01),
        outcome("careful", Kind.OURS, 2.0, 0.001),
        outcome("other", Kind.OTHER, 2.0, 0.01),
    )
    (match,) = matches([one])
    assert match.preset is not None
    assert (match.preset.name, match.ratio) == ("middling", pytest.approx(0.8))


def test_a_policy_that_throttles_less_than_every_preset_has_no_match():
    one = result(outcome("cheap", Kind.OURS, 1.2, 0.02), outcome("other", Kind.OTHER, 9.0, 0.001))
    (match,) = matches([one])
    assert (match.preset, match.ratio) == (None, None)


def test_the_given_traces_and_the_first_seed_are_for_development_and_other_seeds_are_held_out(folder):
    groups = {}
    for case in cases((1, 2), folder, days=3):
        groups.setdefault(case.group, []).append(case.name)
    assert groups == {DEVELOPMENT: ["orders", *KINDS], "held out, seed 2": list(KINDS)}


def test_given_traces_are_noisy_from_minute_to_minute_and_have_the_mean_of_the_generated_ones(folder):
    given = next(cases((), folder)).demand.shards
    assert given.mean() == pytest.approx(8.0)
    assert np.abs(np.diff(given)).max() > 0.5


def test_a_folder_without_traces_is_refused(tmp_path):
    with pytest.raises(TraceError, match="has no CSV or JSON files"):
        next(cases((1,), tmp_path))


def case(shards: np.ndarray) -> Case:
    return Case("made up", DEVELOPMENT, is_generated=True, demand=Demand.of_shards(shards))


def test_days_that_repeat_are_alike_and_days_of_noise_are_not():
    wave = 5 + np.sin(np.arange(4 * 1440) / 1440 * 2 * np.pi)
    assert case(wave).likeness_of_days == pytest.approx(1.0)
    noise = np.repeat(np.random.default_rng(1).uniform(1, 2, 24 * 20), 60)
    assert abs(case(noise).likeness_of_days) < DAILY_LIKENESS / 2


def test_a_surge_is_growth_over_the_hour_that_ended_ten_minutes_before():
    steps = np.repeat([1.0, 3.0, 1.0], 200)
    assert case(steps).surge == pytest.approx(3.0)
    assert case(np.full(600, 2.0)).surge == pytest.approx(1.0)


def test_every_section_is_written_and_names_every_policy_and_preset(benchmark, summary):
    assert {row[0].strip("*") for row in rows(summary)[1:]} >= {*PRESETS, *(make().name for make in OTHERS), BOUND}
    assert [row[0] for row in rows(SECTIONS["aims"](benchmark))[1:]] == [make().name for make in OTHERS]
    assert f"{len(benchmark.cases)} traces" in SECTIONS["run"](benchmark)
    assert len(rows(SECTIONS["corpus"](benchmark))) == 1 + len(benchmark.cases)
    assert len(rows(SECTIONS["sensitivity"](benchmark))) == 1 + 4


def test_every_trace_has_a_cost_and_a_throttled_share_under_every_policy(benchmark):
    cells = [cell for row in rows(SECTIONS["traces"](benchmark)) if row[0] != "trace" for cell in row[1:]]
    means = 2  # one for the given traces with the first seed's, and one for the other seed's
    assert len(cells) == (len(benchmark.cases) + means) * len(benchmark.names(Kind.OURS, Kind.OTHER, Kind.NONE))
    assert all(CELL.match(cell) for cell in cells)


def test_the_dial_is_told_by_seed_by_weeks_and_by_kind_of_traffic(monkeypatch):
    """Of three days, and weeks of one day."""
    monkeypatch.setattr("simulator.comparison.frontier.WEEK", 1440)
    first_of_each_seed = [serve_under_all(next(each)) for each in (iter(traces((seed,), 3)) for seed in FRESH_SEEDS)]
    section = frontier.markdown(first_of_each_seed)
    means, kinds = (rows(part)[1:] for part in section.split("By kind of traffic"))
    assert [row[0] for row in means] == list(SETTINGS)
    assert [row[0] for row in kinds] == [first_of_each_seed[0].name]
    assert all(CELL.match(cell) for row in (*means, *kinds) for cell in row[1:])


def test_the_charts_are_small_enough_for_a_page(benchmark, summary):
    for name in PICTURES:
        assert 1_000 < (benchmark.images / f"{name}.png").stat().st_size < 150_000


def test_a_picture_knows_the_traces_that_it_was_drawn_from(benchmark, summary):
    for name, held_out in PICTURES.items():
        told = rows_of_traces(SECTIONS["traces"](benchmark), held_out=held_out)
        assert drawn_from(benchmark.images / f"{name}.png") == digest(told)


def test_the_same_seeds_and_files_give_the_same_figures(folder):
    first, again = ([serve(case) for case in islice(cases((1,), folder, days=3), 2 if SOAK else 1)] for _ in range(2))
    assert [result.outcomes for result in first] == [result.outcomes for result in again]
    assert [result.variants for result in first] == [result.variants for result in again]


def test_the_command_writes_the_sections_that_it_is_asked_for_and_leaves_the_rest(command, tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text("by hand\n<!-- begin corpus -->\n<!-- end corpus -->\n<!-- begin aims -->\n<!-- end aims -->\n")
    done = command("--page", page, "--sections", "corpus", "--days", "3", "--seeds", "3")
    assert done.status == 0, done.err
    text = page.read_text()
    assert text.startswith("by hand\n<!-- begin corpus -->\n\n| trace |")
    assert text.endswith("<!-- begin aims -->\n<!-- end aims -->\n")


def test_the_command_refuses_a_page_without_places_before_it_serves_anything(command, tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text("by hand\n")
    done = command("--page", page)
    assert done.status == 1
    assert "The page lacks <!-- begin run -->" in " ".join(done.err.split())
    assert page.read_text() == "by hand\n"


def test_the_command_refuses_days_too_few_for_an_outage(command):
    done = command("--days", "2")
    assert done.status == 2
    assert "'2' is not a whole number from 3 to 400" in done.err
