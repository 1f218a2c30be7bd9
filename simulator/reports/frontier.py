"""The section of docs/benchmarks.md about the effect of throttling_cost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

from rich.progress import track

from simulator.comparison.frontier import FRESH_SEEDS, SETTINGS, Served, Share, serve_under_all, traces
from simulator.reports.markdown import percent, table

if TYPE_CHECKING:
    from rich.console import Console


def measure(console: Console) -> list[Served]:
    """Serve every trace on all cores."""
    every = traces()
    with ProcessPoolExecutor() as pool:
        served = pool.map(serve_under_all, every)
        return list(track(served, "Serving fresh seeds", total=len(every), console=console))


def markdown(served: Sequence[Served]) -> str:
    """Return every setting over all traces and by weeks, then by kind of traffic."""
    seeds = " and ".join(str(seed) for seed in FRESH_SEEDS)
    means = [
        (
            setting,
            *(_cell([each.whole[setting] for each in served if each.seed == seed]) for seed in FRESH_SEEDS),
            _cell([each.first_week[setting] for each in served]),
            _cell([each.later[setting] for each in served]),
        )
        for setting in SETTINGS
    ]
    titles = ("setting", *(f"seed {seed}" for seed in FRESH_SEEDS), "the first week", "later weeks")
    by_kind = groupby(sorted(served, key=lambda each: each.name), key=lambda each: each.name)
    kinds = [
        (name, *(_cell([each.whole[setting] for each in of_kind]) for setting in SETTINGS))
        for name, of_kind in ((name, list(group)) for name, group in by_kind)
    ]
    return (
        f"Shard-hours × bound, and the share of traffic throttled, on seeds {seeds}:\n\n{table(titles, means)}\n\n"
        f"By kind of traffic, over both seeds:\n\n{table(('traffic', *SETTINGS), kinds)}"
    )


def _cell(shares: Sequence[Share]) -> str:
    mean = Share.mean(shares)
    return f"{mean.multiple:.2f}, {percent(mean.throttled)}"
