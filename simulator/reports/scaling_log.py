"""The scaling log of a stream, as text and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from simulator.local_aws.replay_loop import Scaling

if TYPE_CHECKING:
    from rich.console import Console


def scalings(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the audit table's item of each scaling that was at least intended."""
    return [
        {
            "started_at": item["started_at"],
            "finished_at": item.get("finished_at"),
            "from_shard_count": int(item["from_shard_count"]),
            "to_shard_count": int(item["to_shard_count"]),
            "status": item["status"],
            "reason": item["reason"],
            "message": item["message"],
        }
        for item in log
        if item["status"] != "SKIPPED" and item.get("to_shard_count") is not None
    ]


def failed(log: Sequence[Mapping[str, Any]]) -> list[Scaling]:
    """Return the scalings that failed, at the time at which they began."""
    return [
        Scaling(datetime.fromisoformat(each["started_at"]), each["from_shard_count"], each["to_shard_count"])
        for each in scalings(log)
        if each["status"] == "FAILED"
    ]


def not_scaled(log: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of decisions not to scale by reason code, the most frequent first."""
    counts: Counter[str] = Counter()
    for item in log:
        if item["status"] == "SKIPPED":
            counts[item["reason"]] += int(item.get("occurrences", 1))
    return dict(counts.most_common())


def show(log: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the scalings as a table, and the number of decisions not to scale."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("started (UTC)", "shards", "decision"):
        table.add_column(title, no_wrap=title != "decision")
    for each in scalings(log):
        up = each["to_shard_count"] > each["from_shard_count"]
        change = f"[{'green' if up else 'dark_orange'}]{each['from_shard_count']} → {each['to_shard_count']}[/]"
        failed = "" if each["status"] == "SUCCEEDED" else f"{each['status']}: "
        started = datetime.fromisoformat(each["started_at"])
        table.add_row(f"{started:%a %d %b %H:%M}", change, escape(failed + each["message"]))
    console.print(table)
    if reasons := not_scaled(log):
        console.print("Decided not to scale: " + ", ".join(f"{reason} {count} ×" for reason, count in reasons.items()))
