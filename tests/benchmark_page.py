"""The committed docs/benchmarks.md. Tests measure a sample of each section again, and so notice a stale one."""

from __future__ import annotations

from simulator.commands.benchmark import PAGE

PICTURES = {"benchmark": False, "benchmark-held-out": True}
"""The charts, and whether they show only the held-out traces."""


def committed(name: str) -> str:
    """Return a generated section of the page."""
    return PAGE.read_text().partition(f"<!-- begin {name} -->")[2].partition(f"<!-- end {name} -->")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every line in a section's tables, including headers."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith(("| ---", "|---"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def rows_of_traces(text: str, *, held_out: bool) -> list[list[str]]:
    """Return the rows of every trace, or of the held-out ones. The pictures are drawn from these."""
    groups = text.split("### ")[1:]
    chosen = [group for group in groups if not held_out or not group.startswith("Development")]
    return [row for group in chosen for row in rows(group) if row[0] not in ("trace", "**mean**")]
