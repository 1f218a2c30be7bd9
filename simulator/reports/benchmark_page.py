"""The sections of docs/benchmarks.md about the traces under every policy, as tables and charts."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

from simulator.aws.prices import US_EAST_1
from simulator.comparison.corpus import DEVELOPMENT, Case, cases
from simulator.comparison.outcomes import DEFAULT, Kind, Outcome
from simulator.comparison.results import Match, Mean, Result, geometric_mean, matches, mean_of, serve
from simulator.fleets import upkeep
from simulator.reports import comparison_chart as chart
from simulator.reports.function_figures import markdown as figures_of_function
from simulator.reports.markdown import percent, table
from simulator.reports.upkeep import markdown as figures_of_upkeep

if TYPE_CHECKING:
    from rich.console import Console

    from simulator.traffic import ReadTrace

RATIO_AIM = 0.85
"""The goal for every other policy: a preset throttles no more and needs at most this fraction of its shard-hours."""

DAILY_LIKENESS = 0.7
"""The minimum correlation of days of traffic with a daily pattern."""

DAILY_AIM = (2.0, 0.001)
"""The default's goal on such traffic: at most this multiple of the bound, and less than this throttled share."""

_ALL = "all traces"


@dataclass
class Benchmark:
    """One run of the benchmark. Traces are served when a section first needs results."""

    seeds: Sequence[int]
    folder: Path | None
    days: int
    images: Path
    console: Console
    tell: Callable[[ReadTrace], None] = lambda _: None
    """Receives every file that was read, with its notes."""
    seconds: float = field(default=0.0, init=False)

    @cached_property
    def cases(self) -> list[Case]:
        """Every trace."""
        return list(cases(self.seeds, self.folder, days=self.days, tell=self.tell))

    @cached_property
    def results(self) -> list[Result]:
        """Every trace under every policy, served on all cores."""
        started, every = time.perf_counter(), self.cases
        longest_first = sorted(range(len(every)), key=lambda index: -every[index].demand.shards.size)
        with ProcessPoolExecutor() as pool:
            served = pool.map(serve, [every[index] for index in longest_first])
            shown = track(served, "Serving traces", total=len(every), console=self.console)
            by_index = dict(zip(longest_first, shown, strict=True))
        self.seconds = time.perf_counter() - started
        return [by_index[index] for index in range(len(every))]

    @property
    def groups(self) -> dict[str, list[Result]]:
        """The results by group, in order."""
        ordered = sorted(self.results, key=lambda result: (result.case.group != DEVELOPMENT, result.case.group))
        return {name: list(group) for name, group in groupby(ordered, key=lambda result: result.case.group)}

    def names(self, *kinds: Kind) -> list[str]:
        """Return the policies of these kinds."""
        return [each.name for each in self.results[0].outcomes if each.kind in kinds]


# --- Sections --------------------------------------------------------------------------------------------------------


def _summary(benchmark: Benchmark) -> str:
    """Return the means of every policy over all traces, and draw the charts."""
    means = [mean_of(each.name, benchmark.results) for each in benchmark.results[0].outcomes]
    count = len(benchmark.results)
    every = [result for group in benchmark.groups.values() for result in group]
    _draw(benchmark, "benchmark", every, f"{count} traces")
    held_out = [result for name, group in benchmark.groups.items() if name != DEVELOPMENT for result in group]
    if held_out:
        _draw(benchmark, "benchmark-held-out", held_out, f"the {len(held_out)} held-out traces")
    rows = [
        (
            f"**{each.name}**" if each.kind is Kind.OURS else each.name,
            "–" if each.shard_hours_of_bound is None else f"{each.shard_hours_of_bound:.2f}",
            f"{each.bill_of_bound:.2f}",
            percent(each.throttled_share),
            percent(each.throttled_minutes_share),
            "≤ 10" if each.calls_per_day is None else f"{each.calls_per_day:.1f}",
        )
        for each in means
    ]
    header = ("policy", "shard-hours × bound", "bill × bound", "traffic throttled", "minutes throttled", "calls a day")
    return table(header, rows)


def _draw(benchmark: Benchmark, name: str, results: Sequence[Result], what: str) -> None:
    chart.draw(
        [mean_of(each.name, results) for each in results[0].outcomes],
        subtitle=f"{what}: geometric mean of the cost, mean of the throttled share",
        path=benchmark.images / f"{name}.png",
        drawn_from=_rows(benchmark, results),
    )


def _rows(benchmark: Benchmark, results: Sequence[Result]) -> list[list[str]]:
    """Return the rows of traces under every policy, as on the page."""
    names = benchmark.names(Kind.OURS, Kind.OTHER, Kind.NONE)
    return [[result.case.name, *(_cell(result.of(name)) for name in names)] for result in results]


def _aims(benchmark: Benchmark) -> str:
    """Return the preset that throttles no more than each other policy, and its relative cost, by group of traces."""
    groups = {**benchmark.groups, _ALL: benchmark.results}
    by_group = {group: {match.other.name: match for match in matches(results)} for group, results in groups.items()}
    rows = [(name, *(_match(found[name]) for found in by_group.values())) for name in benchmark.names(Kind.OTHER)]
    return table(("other autoscaler", *groups), rows)


def _match(match: Match) -> str:
    if match.preset is None or match.ratio is None:
        return "no preset throttles as little"
    return f"{'✓' if match.ratio <= RATIO_AIM else '✗'} {match.preset.name}, {match.ratio:.2f}"


def _daily(benchmark: Benchmark) -> str:
    """Return the default's results on every trace with a daily pattern."""
    multiple, throttled = DAILY_AIM
    daily = [each for each in benchmark.results if each.case.likeness_of_days >= DAILY_LIKENESS]
    rows, reached = [], 0
    for result in sorted(daily, key=lambda result: -result.case.surge):
        default = result.of(DEFAULT)
        meets = default.cost_of_bound <= multiple and default.throttled_share < throttled
        reached += meets
        rows.append(
            (
                f"{result.case.name} ({result.case.group})",
                f"{result.case.likeness_of_days:.2f}",
                f"{result.case.surge:.1f}",
                f"{default.cost_of_bound:.2f}",
                percent(default.throttled_share),
                "✓" if meets else "✗",
            )
        )
    header = ("trace", "correlation of days", "surge", "shard-hours × bound", "throttled", "goal")
    return f"The goal is met on {reached} of {len(daily)} traces.\n\n{table(header, rows)}"


def _traces(benchmark: Benchmark) -> str:
    """Return every trace under every policy."""
    names = benchmark.names(Kind.OURS, Kind.OTHER, Kind.NONE)
    parts = []
    for group, results in benchmark.groups.items():
        mean = ["**mean**", *(f"**{_cell(mean_of(name, results))}**" for name in names)]
        rows = [*_rows(benchmark, results), mean]
        parts.append(f"### {group.capitalize()}\n\n{table(('trace', *names), rows)}")
    return "\n\n".join(parts)


def _cell(outcome: Outcome | Mean) -> str:
    return f"{outcome.cost_of_bound:.2f}, {percent(outcome.throttled_share)}"


def _sensitivity(benchmark: Benchmark) -> str:
    """Return the default's results under conditions that are worse than assumed."""
    asked = [result for result in benchmark.results if result.variants]
    rows = []
    for name in asked[0].variants if asked else ():
        costs, shares = zip(*(result.variants[name] for result in asked), strict=True)
        worst = asked[int(np.argmax(shares))].case.name
        mean = percent(float(np.mean(shares)))
        rows.append((name, f"{geometric_mean(costs):.2f}", mean, f"{percent(max(shares))} ({worst})"))
    return table(("conditions", "shard-hours × bound", "throttled (mean)", "throttled (worst trace)"), rows)


def _corpus(benchmark: Benchmark) -> str:
    """Return every trace and its properties."""
    rows = [
        (
            case.name,
            case.group,
            f"{case.days:.0f}",
            f"{case.demand.shards.mean():.1f}",
            f"{case.demand.shards.max() / case.demand.shards.mean():.1f}",
            f"{case.likeness_of_days:.2f}",
            f"{case.surge:.1f}",
        )
        for case in benchmark.cases
    ]
    return table(("trace", "group", "days", "mean shards", "peak / mean", "correlation of days", "surge"), rows)


def _run(benchmark: Benchmark) -> str:
    """Return the conditions of the run."""
    results = benchmark.results
    given = [result.case.name for result in results if not result.case.is_generated]
    seeds = ", ".join(str(seed) for seed in benchmark.seeds)
    return (
        f"{len(results)} traces, {sum(result.case.days for result in results):,.0f} days: generated from the seeds "
        f"{seeds}" + (f", and given: {', '.join(given)}" if given else "") + ". "
        f"Served on {datetime.now(UTC):%d %B %Y} in {benchmark.seconds / 60:.0f} minutes on {os.cpu_count()} cores "
        f"({platform.machine()}, Python {platform.python_version()}). Prices: {US_EAST_1.region}, {US_EAST_1.date}."
    )


def _cost(benchmark: Benchmark) -> str:
    """Return the autoscaler's own cost."""
    with benchmark.console.status("Measuring what it costs"):
        return figures_of_upkeep(upkeep.measure())


SECTIONS: dict[str, Callable[[Benchmark], str]] = {
    "run": _run,
    "summary": _summary,
    "aims": _aims,
    "daily": _daily,
    "sensitivity": _sensitivity,
    "corpus": _corpus,
    "traces": _traces,
    "function": lambda _: figures_of_function(),
    "cost": _cost,
}
"""The generated sections of the page: each section's name in its marks, and its generator."""
