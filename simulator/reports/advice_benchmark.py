"""The section of docs/benchmarks.md that compares the promises of advice with later weeks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

from simulator.advice.judging import FACTOR, LIMIT, SEEDS, Verdict, judge
from simulator.comparison.results import geometric_mean
from simulator.reports.markdown import percent, table
from simulator.traffic.generator import KINDS

if TYPE_CHECKING:
    from rich.console import Console


def measure(console: Console) -> list[Verdict]:
    """Every kind of stream of every seed, on all cores."""
    cases = [(kind, seed) for seed in SEEDS for kind in KINDS]
    with ProcessPoolExecutor() as pool:
        judged = pool.map(judge, *zip(*cases, strict=True))
        return list(track(judged, "Judging advice", total=len(cases), console=console))


def markdown(verdicts: Sequence[Verdict]) -> str:
    """The sentence and the table."""
    rows = [
        (
            f"{each.name} ({each.seed})",
            percent(each.promised) if each.is_promise else "none",
            percent(each.told),
            percent(each.unseen),
            "–" if not each.is_promise else "✓" if each.is_kept else "✗",
            percent(each.throttled_by_default),
            f"{each.shard_hours_of_default:.2f}",
        )
        for each in verdicts
    ]
    ratios = [each.shard_hours_of_default for each in verdicts]
    promised = [each for each in verdicts if each.is_promise]
    unseen = float(np.mean([each.unseen for each in promised]))
    rows.append(
        (
            "**mean**",
            "",
            f"**{percent(float(np.mean([each.told for each in verdicts])))}**",
            f"**{percent(float(np.mean([each.unseen for each in verdicts])))}**",
            "",
            f"**{percent(float(np.mean([each.throttled_by_default for each in verdicts])))}**",
            f"**{geometric_mean(ratios):.2f}**",
        )
    )
    kept = sum(each.is_kept for each in promised)
    head = (
        "trace (seed)",
        "promised",
        "expected",
        "later weeks",
        "kept",
        "default, later weeks",
        "shard-hours / default's",
    )
    return (
        f"The limit is {percent(LIMIT)}. `advise` made a promise for {len(promised)} of {len(verdicts)} traces, which "
        f"throttled {percent(unseen)} on average in the later weeks. It kept the promise within a factor of {FACTOR} "
        f"for {kept} of them. Over all traces, the settings need {geometric_mean(ratios):.2f} of the default's "
        f"shard-hours.\n\n{table(head, rows)}"
    )
