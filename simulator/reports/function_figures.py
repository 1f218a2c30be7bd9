"""The figures of the function itself, as rows and as a table."""

from __future__ import annotations

from collections import Counter

from simulator.aws.assumptions import ASSUMED
from simulator.fleets.alone import Figures, measure

A_CALL = ASSUMED.call_seconds
"""What an AWS call is taken to last, in seconds, where the function's own time is held against it: an assumption."""


def rows(figures: Figures) -> list[tuple[str, str]]:
    """The figures, each with what it is of."""
    scaling, start, compiled = figures.scaling, figures.start, figures.compiled_start
    waiting = scaling.count * A_CALL
    return [
        *((f"AWS calls of a {kind}", _in_words(calls)) for kind, calls in figures.calls.items()),
        ("package", f"{figures.package_bytes:,} bytes; unpacked {figures.source_bytes:,}"),
        (
            "start, against importing boto3 and making the same clients",
            f"{start.ratio:.2f} × its CPU time; with bytecode from an earlier start {compiled.ratio:.2f} ×",
        ),
        (
            "memory once started, against the same",
            f"{start.bytes / 2**20:.1f} MiB of Python objects at the most against {start.bare_bytes / 2**20:.1f} MiB",
        ),
        (
            f"a warm scaling's own time, where its {scaling.count} calls take {A_CALL * 1000:.0f} ms each",
            f"{scaling.own / (scaling.own + waiting):.1%} of its duration",
        ),
    ]


def _in_words(calls: Counter[str]) -> str:
    each = ", ".join(f"{count} × {operation}" if count > 1 else operation for operation, count in calls.items())
    return f"{calls.total()}: {each}"


def markdown() -> str:
    """The figures as a table of docs/benchmarks.md."""
    lines = [f"| {label} | {value} |" for label, value in rows(measure())]
    return "\n".join(["| | |", "|---|---|", *lines])
