"""The autoscaler's own cost, without the shards, as tables of docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.reports.markdown import table

if TYPE_CHECKING:
    from simulator.fleets.upkeep import Measured, Upkeep

SIZES = (1, 10, 100, 1000)


def markdown(measured: Measured) -> str:
    """Return a table by kind of stream, and one by number of streams."""
    rows = [_row(kind, upkeep) for kind, upkeep in measured.streams.items()]
    of_kinds = table(
        ("traffic of the stream", "alarms", "custom metrics", "GetMetricData", "other", "USD a month"),
        [*rows, _row("fixed cost of the fleet", measured.fleet)],
    )
    of_sizes = table(
        ("streams", "USD a month", "USD per stream"),
        [(f"{size:,}", f"{measured.of_fleet(size):,.2f}", f"{measured.of_fleet(size) / size:.2f}") for size in SIZES],
    )
    return (
        f"Mean cost of a stream: ${measured.mean:.2f} a month, measured over {measured.days} days of each kind of "
        f"traffic.\n\n"
        f"{of_kinds}\n\nBy number of streams:\n\n{of_sizes}"
    )


def _row(name: str, upkeep: Upkeep) -> tuple[str, ...]:
    parts = (upkeep.alarms, upkeep.custom_metrics, upkeep.metric_data, upkeep.rest, upkeep.total)
    return name, *(f"{dollars:.2f}" for dollars in parts)
