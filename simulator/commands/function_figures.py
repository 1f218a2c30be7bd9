"""Measure the function itself: its calls, its package, its start, its own time and its memory.

What a machine's speed decides is measured side by side in one run and told as a ratio. The start is that of fresh
interpreters, one kind after the other: of the package as Lambda unpacks it, whose sources are compiled at every start
since Lambda mounts them read-only, and for comparison of one that was compiled before; against importing boto3 and
making the same clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from simulator.commands.flags import number
from simulator.fleets.alone import measure
from simulator.reports.function_figures import rows

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from rich.console import Console


def add_arguments(parser: ArgumentParser) -> None:
    """Name what the command line takes."""
    parser.add_argument(
        "--starts", type=number(int, 1, 1000), default=15, metavar="N", help="fresh interpreters of each kind (15)"
    )


def run(options: Namespace, console: Console) -> bool:
    """Measure and tell; always True."""
    with console.status("Measuring"):
        figures = measure(starts=options.starts)
    result = Table("", "measured", title="The function itself")
    for row in rows(figures):
        result.add_row(*row)
    console.print(result)
    return True
