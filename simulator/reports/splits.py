"""The effect of splitting single shards, as a table of docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.reports.markdown import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.fleets.splits import Outcome


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each stream with its setting and without."""
    header = ("stream", "setting", "shards", "splits", "throttled (first hour)", "throttled (sixth hour)", "reasons")
    rows = [
        (
            each.kind.title,
            f"`{each.kind.setting}`" if each.with_splits else "–",
            f"{each.kind.shards} → {each.shards}",
            str(each.splits),
            f"{each.throttled[0]:.1%}",
            f"{each.throttled[-1]:.1%}",
            ", ".join(each.told),
        )
        for each in outcomes
    ]
    return table(header, rows)
