"""Serve a trace under this module, every other policy, on-demand mode and the clairvoyant bound, and compare.

This module runs with the function's own decision code, its alarms and its reconcile, under the given settings and under
every documented preset. The other autoscalers run as documented or coded, with their own defaults:
aws-samples/kinesis-auto-scaling, epsagon/kinesis-autoscaler, KENZAN's demonstration (as coded, and with its units
corrected) and theburningmonk's recipe. On-demand mode accepts double the peak of the last 30 days, without the last 15
minutes. The bound throttles nothing, with at most ten changes a day and full knowledge of the traffic.

The model includes the capacity of a stream with even keys, the duration of a reshard, metrics that are a minute late,
alarms, Kinesis's refusals, and its prices. It does not include uneven keys, consumers with lag, producers that retry
throttled records, an account's quotas, and the cost of the autoscalers themselves. `replay` runs the real function on a
simulated AWS, which includes more of these.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from simulator.aws.prices import US_EAST_1
from simulator.commands.flags import check_writable, output_folder
from simulator.commands.given_traffic import add_traffic_arguments, given_settings, read_given
from simulator.comparison.outcomes import DEFAULT, UNLIMITED, Demand, Kind, Outcome, outcomes
from simulator.deployment import module_inputs
from simulator.deployment.presets import PRESETS, settings
from simulator.deployment.terraform import REPOSITORY
from simulator.reports import comparison_chart as chart
from simulator.reports import page, pages

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from rich.console import Console


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command line's arguments."""
    parser.usage = "%(prog)s FILE|--stream NAME|--sample NAME [--preset NAME] [settings] [--output FOLDER]"
    add_traffic_arguments(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="folder for table, chart and JSON (build/compare/<name of the trace>)",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        help="settings to start with (those of the stream's alarms if known, else default)",
    )
    module_inputs.add_setting_flags(parser, all_optional=True)


def run(options: Namespace, console: Console) -> bool:
    """Compare. Always return True.

    Raises:
        TraceError: the trace cannot be read.
        OutputError: the result cannot be written.
        InvalidInputError: the module would refuse the settings.

    """
    presets = {name: {**UNLIMITED, **inputs} for name, inputs in PRESETS.items()}
    base = presets[options.preset or DEFAULT]
    module_inputs.inputs(options, base=base)  # refuse before anything is read
    if options.output:
        check_writable(options.output)
    read = read_given(options, console)
    trace, given = read.trace, given_settings(options, read, base=UNLIMITED)
    folder = output_folder(options.output, REPOSITORY / "build" / "compare", trace)
    demand = Demand.of(trace)
    with console.status("Serving the trace under every policy"):
        results = outcomes(
            demand,
            {name: settings(inputs) for name, inputs in presets.items()},
            yours=None if given == base else settings(given),
        )
    days = demand.hours / 24
    mean, most = float(demand.shards.mean()), float(demand.shards.max())
    subtitle = f"{trace.name}: {days:.1f} days, {mean:.1f} shards' worth on average, {most:.1f} at most"
    for suffix in ("png", "svg"):
        chart.draw(results, subtitle=subtitle, path=folder / f"comparison.{suffix}")
    report = {
        "trace": trace.name,
        "read": {"from": read.source, "notes": read.notes},
        "days": days,
        "mean_shards": mean,
        "peak_shards": most,
        "prices": asdict(US_EAST_1),
        "outcomes": [asdict(each) for each in results],
    }
    (folder / "comparison.json").write_text(json.dumps(report, indent=2) + "\n")
    told = "; ".join((f"Traffic: {read.source}", *read.notes))
    page.write(pages.compared(results, subtitle, f"{told}.", given), folder / "comparison.html")
    console.print(f"[bold]{subtitle}[/]\n", highlight=False)
    console.print(table(results))
    console.print(
        f"\nPrices of {US_EAST_1.region}, {US_EAST_1.date}; on-demand data are read once. "
        f"Page, chart and figures: {folder}/comparison.html, .png, .svg and .json",
        highlight=False,
    )
    return True


def table(results: Sequence[Outcome]) -> Table:
    """Return the outcomes as a table, with this module's in color."""
    result = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    result.add_column("\npolicy", no_wrap=True)
    for title in (
        "shard-\nhours",
        "\n× bound",
        "traffic\nthrottled",
        "minutes\nthrottled",
        "calls\na day",
        "$ a\nmonth",
    ):
        result.add_column(title, justify="right", no_wrap=True)
    for each in results:
        result.add_row(
            each.name,
            "–" if each.shard_hours is None else f"{each.shard_hours:,.0f}",
            "–" if each.shard_hours_of_bound is None else f"{each.shard_hours_of_bound:.2f}",
            f"{each.throttled_share:.3%}" if each.throttled_share else "none",
            f"{each.throttled_minutes_share:.2%}" if each.throttled_share else "none",
            "≤ 10" if each.calls_per_day is None else f"{each.calls_per_day:.1f}",
            f"{each.dollars_per_month:,.0f}",
            style={Kind.YOURS: "bold cyan", Kind.OURS: "cyan"}.get(each.kind, ""),
        )
    return result
