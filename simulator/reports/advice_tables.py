"""Advice as tables of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from simulator.advice.advice import Kind
from simulator.advice.findings import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.advice.advice import Advice
    from simulator.advice.several import Row

_LONGEST_REFUSAL = 100


def options(advice: Advice) -> Table:
    """What the stream costs and throttles under the settings and otherwise, on the days that the choice did not see."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column(f"on the last {advice.rest_days:.1f} days")
    for title in ("$ a month", "difference", "throttled"):
        table.add_column(title, justify="right", no_wrap=True)
    own = advice.advised.dollars_per_month
    for each in advice.options:
        beside = "" if each is advice.advised else f"{each.dollars_per_month - own:+,.2f}"
        style = "bold cyan" if each.kind is Kind.ADVISED else "red" if _is_missed(advice, each.throttled_share) else ""
        row = (escape(each.name), f"{each.dollars_per_month:,.2f}", beside, share(each.throttled_share))
        table.add_row(*row, style=style)
    return table


def _is_missed(advice: Advice, throttled: float) -> bool:
    return throttled > advice.question.limit


def streams(rows: Sequence[Row]) -> Table:
    """A line for each stream, as they come."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("stream", overflow="fold")
    for title in ("mean\nshards", "$ a month\ntoday", "$ a month\nadvised", "saved", "throttled"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("today is, and what to know", overflow="fold")
    for row in rows:
        if row.refusal:
            short = row.refusal if len(row.refusal) <= _LONGEST_REFUSAL else f"{row.refusal[:_LONGEST_REFUSAL]}…"
            table.add_row(escape(row.name), "", "", "", "", "", escape(short), style="dim")
            continue
        table.add_row(
            escape(row.name),
            f"{row.mean_shards:.1f}",
            f"{row.today:,.2f}",
            f"{row.advised:,.2f}",
            f"{row.saved:+,.2f}",
            share(row.throttled_share),
            escape("; ".join(_notes(row))),
        )
    return table


def _notes(row: Row) -> list[str]:
    notes = [row.today_is]
    if not row.keeps:
        notes.append("no autoscaler can follow")
    name, dollars = row.cheapest
    if name != Kind.ADVISED and dollars < row.advised and name != Kind.TODAY:
        notes.append(f"{name} is cheaper: ${dollars:,.2f}")
    return notes
