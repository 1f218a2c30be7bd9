"""Measure the function itself: its calls, its package, its start, its own time and its memory.

Results that depend on the machine's speed are measured side by side in one run and given as a ratio. The start is
measured in fresh interpreters, in turns: with the package as Lambda unpacks it, with a package that was compiled
before, and with boto3 and the same clients only. Lambda mounts the package read-only, so Python compiles its sources at
every start.
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
    """Add the command line's arguments."""
    parser.add_argument(
        "--starts", type=number(int, 1, 1000), default=15, metavar="N", help="fresh interpreters of each kind (15)"
    )


def run(options: Namespace, console: Console) -> bool:
    """Measure and print the figures. Always return True."""
    with console.status("Measuring"):
        figures = measure(starts=options.starts)
    result = Table("figure", "value", title="The function itself")
    for row in rows(figures):
        result.add_row(*row)
    console.print(result)
    return True
