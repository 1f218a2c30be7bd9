"""The figures of the function itself, as rows and as a Markdown table."""

from __future__ import annotations

from collections import Counter

from simulator.aws.assumptions import ASSUMED
from simulator.fleets.alone import Figures, measure

A_CALL = ASSUMED.call_seconds
"""The assumed duration of an AWS call in seconds, for comparison with the function's own time."""


def rows(figures: Figures) -> list[tuple[str, str]]:
    """The figures, each with its label."""
    scaling, start = figures.scaling, figures.start
    waiting = scaling.count * A_CALL
    return [
        *((f"AWS calls of a {kind}", _in_words(calls)) for kind, calls in figures.calls.items()),
        ("package", f"{figures.package_bytes / 1000:.0f} kB; unpacked {figures.source_bytes / 1000:.0f} kB"),
        (
            "start, compared with importing boto3 and creating the same clients",
            f"{start.ratio:.2f} × the CPU time; {start.compiled_ratio:.2f} × with bytecode from an earlier start",
        ),
        (
            "memory after the start, in the same comparison",
            f"at most {_mebibytes(start.bytes)} of Python objects, compared with {_mebibytes(start.bare_bytes)}",
        ),
        (
            f"own time of a warm scaling whose {scaling.count} calls take {A_CALL * 1000:.0f} ms each",
            f"{scaling.own / (scaling.own + waiting):.1%} of the duration",
        ),
    ]


def _mebibytes(number: float) -> str:
    return f"{number / 2**20:.1f} MiB"


def _in_words(calls: Counter[str]) -> str:
    each = ", ".join(f"{count} × {operation}" if count > 1 else operation for operation, count in calls.items())
    return f"{calls.total()}: {each}"


def markdown() -> str:
    """The figures as a table of docs/benchmarks.md."""
    lines = [f"| {label} | {value} |" for label, value in rows(measure())]
    return "\n".join(["| figure | value |", "|---|---|", *lines])
