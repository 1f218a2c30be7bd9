"""Let the alarms of a whole fleet fire in the same minute, under AWS's API quotas and Lambda's rules.

The function is that of package.zip with botocore's own retries, hundreds of invocations side by side in virtual time.
How long it takes until every stream is settled is held against the least that the quotas allow. Then the same for one
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


def markdown(streams: int, sweep_streams: int, console: Console) -> str:
    """The figures as a section of docs/benchmarks.md."""
    drained, swept = _both(streams, sweep_streams, CONCURRENCY, console)
    header = ("what", "takes", "the quotas' least", "ratio")
    return f"{table(header, rows(drained, swept))}\n\n{in_words(drained, swept)}"


def _both(streams: int, sweep_streams: int, concurrency: int, console: Console) -> tuple[Drain, Sweep]:
    with console.status("Setting a fleet up") as status:
        drained = drain(streams, concurrency=concurrency, report=status.update)
        status.update("Setting a larger fleet up")
        return drained, sweep(sweep_streams, report=status.update)


def add_arguments(parser: ArgumentParser) -> None:
    """Name what the command line takes."""
    parser.add_argument(
        "--streams", type=number(int, 1, 100_000), default=STREAMS, metavar="N", help=f"whose alarms fire ({STREAMS})"
    )
    parser.add_argument(
        "--sweep", type=number(int, 1, 100_000), default=SWEEP, metavar="N", help=f"streams of the reconcile ({SWEEP})"
    )
    parser.add_argument(
        "--concurrency",
        type=number(int, 1, 10_000),
        default=CONCURRENCY,
        metavar="N",
        help=f"reserved_concurrent_executions, or the account's limit ({CONCURRENCY})",
    )


def run(options: Namespace, console: Console) -> bool:
    """Run both; whether nothing was lost."""
    drained, swept = _both(options.streams, options.sweep, options.concurrency, console)
    result = Table("", "takes", "the quotas' least", "ratio")
    for row in rows(drained, swept):
        result.add_row(*row)
    console.print(result)
    console.print(in_words(drained, swept))
    for problem in [*drained.problems, *swept.problems]:
        console.print(problem, style="red", markup=False)
    return not drained.problems and not swept.problems
