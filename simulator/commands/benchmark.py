"""Write the tables and charts of docs/benchmarks.md, from generated traffic and from a folder of traces.

Every policy, preset and the clairvoyant bound serve every trace (`compare` describes the model). The same seeds and
files give the same figures.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.commands import fleet
from simulator.commands.flags import OutputError, check_writable, number
from simulator.commands.given_traffic import tell
from simulator.deployment.terraform import REPOSITORY
from simulator.fleets.splits import measure as measure_splits
from simulator.reports import advice_benchmark, benchmark_page, frontier
from simulator.reports.benchmark_page import Benchmark
from simulator.reports.markdown import with_sections
from simulator.reports.splits import markdown as table_of_splits
from simulator.traffic.generator import DAYS, LEAST_DAYS
from simulator.traffic.ordering import MOST_DAYS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from rich.console import Console

SEEDS = (1, 2, 3)
PAGE = REPOSITORY / "docs" / "benchmarks.md"

SECTIONS: dict[str, Callable[[Benchmark], str]] = {
    **benchmark_page.SECTIONS,
    "frontier": lambda benchmark: frontier.markdown(frontier.measure(benchmark.console)),
    "advice": lambda benchmark: advice_benchmark.markdown(advice_benchmark.measure(benchmark.console)),
    "splits": lambda _: table_of_splits(measure_splits()),
    "fleet": lambda benchmark: fleet.markdown(benchmark.console),
}
"""The generated sections of the page: each section's name in its marks, and its generator."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command line's arguments."""
    parser.add_argument(
        "--traces", type=Path, metavar="FOLDER", help="folder of CSV and JSON files to serve as well (see replay)"
    )
    parser.add_argument(
        "--seeds",
        type=number(int, 0, 2**63 - 1),
        nargs="+",
        default=SEEDS,
        metavar="N",
        help="seeds of the generated traffic (1 2 3)",
    )
    parser.add_argument(
        "--days",
        type=number(int, LEAST_DAYS, MOST_DAYS),
        default=DAYS,
        metavar="N",
        help=f"days of each generated trace ({DAYS})",
    )
    names = list(SECTIONS)
    parser.add_argument(
        "--sections", nargs="+", choices=names, default=names, metavar="NAME", help=f"only these: {', '.join(names)}"
    )
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="the page to write")


def run(options: Namespace, console: Console) -> bool:
    """Write the sections. Always return True.

    Raises:
        TraceError: the folder has no trace, or one that cannot be read.
        OutputError: the page cannot be read or written.
        MissingSectionError: the page lacks the marks of a section.

    """
    try:
        page = options.page.read_text()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{options.page} cannot be read: {reason}; name the page to write, as docs/benchmarks.md"
        ) from None
    with_sections(page, dict.fromkeys(options.sections, ""))  # refuse now instead of after minutes
    check_writable(options.page.parent)
    images = options.page.parent / "images"
    hears = partial(tell, console=console)
    benchmark = Benchmark(tuple(options.seeds), options.traces, options.days, images, console, hears)
    texts = {name: SECTIONS[name](benchmark) for name in options.sections}
    options.page.write_text(with_sections(options.page.read_text(), texts))
    console.print(f"Wrote {', '.join(texts)} of {options.page}", highlight=False)
    return True
