"""Let the alarms of a whole fleet fire in the same minute, under AWS's API quotas and Lambda's rules.

The function runs from package.zip with botocore's own retries, in hundreds of concurrent invocations in virtual time.
The time until every stream is settled is compared with the minimum that the quotas allow. The same is measured for one
reconcile of a larger fleet, some streams of which were resharded by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from simulator.commands.flags import number
from simulator.fleets.fleet import CONCURRENCY
from simulator.fleets.measurements import Drain, Sweep, drain, sweep
from simulator.reports.fleet_figures import in_words, rows
from simulator.reports.markdown import table

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from rich.console import Console

STREAMS, SWEEP = 1000, 5000
SMALL, SMALL_SWEEP = 15, 60
"""A small fleet, which a test measures again within seconds and compares with docs/benchmarks.md."""

_HEADER = ("measurement", "time", "minimum under the quotas", "ratio")


def markdown(console: Console) -> str:
    """The figures of the small and the large fleet as a section of docs/benchmarks.md."""
    small = rows(*_both(SMALL, SMALL_SWEEP, CONCURRENCY, console))
    drained, swept = _both(STREAMS, SWEEP, CONCURRENCY, console)
    return f"{table(_HEADER, [*small, *rows(drained, swept)])}\n\n{in_words(drained, swept)}"


def _both(streams: int, sweep_streams: int, concurrency: int, console: Console) -> tuple[Drain, Sweep]:
    with console.status("Setting up a fleet") as status:
        drained = drain(streams, concurrency=concurrency, report=status.update)
        status.update("Setting up a larger fleet")
        return drained, sweep(sweep_streams, report=status.update)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command line's arguments."""
    parser.add_argument(
        "--streams",
        type=number(int, 1, 100_000),
        default=STREAMS,
        metavar="N",
        help=f"streams with alarms ({STREAMS})",
    )
    parser.add_argument(
        "--sweep",
        type=number(int, 1, 100_000),
        default=SWEEP,
        metavar="N",
        help=f"streams to reconcile ({SWEEP})",
    )
    parser.add_argument(
        "--concurrency",
        type=number(int, 1, 10_000),
        default=CONCURRENCY,
        metavar="N",
        help=f"reserved_concurrent_executions, or the account's limit ({CONCURRENCY})",
    )


def run(options: Namespace, console: Console) -> bool:
    """Run both measurements. Return whether nothing was lost."""
    drained, swept = _both(options.streams, options.sweep, options.concurrency, console)
    result = Table(*_HEADER)
    for row in rows(drained, swept):
        result.add_row(*row)
    console.print(result)
    console.print(in_words(drained, swept))
    for problem in [*drained.problems, *swept.problems]:
        console.print(problem, style="red", markup=False)
    return not drained.problems and not swept.problems
