"""The demonstration: the real Terraform, the real package, a day of traffic in virtual time.

All resources of Terraform are in a local AWS. No account is needed, and only the chart and the page remain.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.rule import Rule
from rich.table import Table

from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1
from simulator.commands.flags import check_writable, mean_shards, number
from simulator.commands.given_traffic import tell
from simulator.deployment.terraform import REPOSITORY, WorkingCopy
from simulator.deployment.without_terraform import audit_log
from simulator.local_aws import START, LocalAWS, Transport
from simulator.local_aws.environment import with_aws
from simulator.local_aws.replay_loop import StreamReplay, replay
from simulator.reports import charts, page, pages, scaling_log
from simulator.reports.page import PageTable
from simulator.traffic import generated_day, read_trace
from simulator.traffic.ordering import MOST_DAYS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from simulator.local_aws.replay_loop import Minute, Scaling
    from simulator.traffic import Trace

EXAMPLE = "examples/simple"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command line's arguments."""
    parser.add_argument("--trace", type=Path, metavar="FILE", help="file with traffic (see replay)")
    parser.add_argument("--stream", metavar="NAME", help="the stream, if the trace has several streams")
    parser.add_argument("--mean-shards", type=mean_shards, metavar="N", help="scale its mean to N shards (4)")
    parser.add_argument(
        "--days", type=number(int, 1, MOST_DAYS), default=1, metavar="N", help="days to replay, for each stream (1)"
    )
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "build" / "demo", metavar="FOLDER", help="where the chart goes"
    )


def run(options: Namespace, console: Console) -> bool:
    """Run the demo. Return whether the plan has no changes and generated days have scalings.

    Raises:
        TerraformMissingError: Terraform is missing or too old.
        TerraformError: a Terraform command failed.
        TraceError: the trace cannot be read.
        OutputError: the chart cannot be written.

    """
    check_writable(options.output)
    trace = None
    if options.trace:
        read = read_trace(options.trace, mean_shards=options.mean_shards, stream=options.stream)
        tell(read, console)
        trace = read.trace
    start = trace.start.replace(second=0, microsecond=0) if trace else START
    with LocalAWS(Transport.HTTP, start=start) as aws, WorkingCopy(EXAMPLE, aws=aws.environment) as example:
        variables = {"region": aws.region}
        console.print(f"[bold]Local AWS[/] at {aws.environment['AWS_ENDPOINT_URL']}, on a virtual clock")
        with _step(console, f"terraform init in {EXAMPLE}") as show:
            example.init(show)
        with _step(console, f"terraform apply in {EXAMPLE}") as show:
            example.apply(variables, show)
        outputs = example.outputs()
        log_commands: dict[str, str] = outputs["scaling_log_commands"]

        traces = _traces(sorted(log_commands, reverse=True), trace, options.days)
        for stream_name, each in traces.items():
            end = each.start + timedelta(minutes=len(each.minutes))
            part = f", {each.start:%d %b %Y %H:%M} to {end:%d %b %H:%M}" if trace else ""
            console.print(
                f"[bold]{stream_name}[/] gets {each.name}{part}, on average {each.mean_shards:.1f} shards' worth"
            )
        replays = _replay(aws, traces, console)

        with _step(console, "terraform plan -detailed-exitcode"):
            plan = example.plan(variables)
        console.print(_last_words(plan.text), style="red" if plan.has_changes else "green", markup=False)
        logs = {name: audit_log(aws, outputs["audit_table_name"], name) for name in traces}
        for record in replays:
            record.failed = scaling_log.failed(logs[record.stream_name])
        for stream_name, log in logs.items():
            console.print(Rule(f"Scaling log of {stream_name}", align="left"))
            scaling_log.show(log, console)
            _say_the_same(log_commands[stream_name], aws.environment, console)

        chart = options.output / f"{trace.name if trace else 'day'}.png"
        charts.draw(replays, "terraform-aws-kinesis-autoscaler: demand and open shards", chart)
        console.print(Rule("Summary", align="left"))
        console.print(_summary(replays))
        console.print(f"Dollars are for shards only, at the prices of {US_EAST_1.region}, {US_EAST_1.date}.")
        console.print(_proof(aws))
        scalings = {name: scaling_log.scalings(log) for name, log in logs.items()}
        told = pages.demo(replays, scalings, _summary_rows(replays), _last_words(plan.text))
        page.write(told, chart.with_suffix(".html"))
        console.print(f"Chart: {chart}\nPage:  {chart.with_suffix('.html')}", soft_wrap=True)
    return not plan.has_changes and _scaled_as_it_should(replays, is_own=trace is not None)


def _traces(stream_names: Sequence[str], trace: Trace | None, days: int) -> dict[str, Trace]:
    """Return each stream's traffic: a generated day, or a separate part of the trace if it is long enough."""
    if trace is None:
        steady = generated_day("a generated day", base=0.9, peak=6, peak_hour=13, seed=1)
        bursty = generated_day("another generated day", base=0.8, peak=4, peak_hour=14, burst_hour=11, seed=2)
        return dict(zip(stream_names, (steady, bursty), strict=True))
    parts = {name: trace.days(index * days, days) for index, name in enumerate(stream_names)}
    whole = parts[stream_names[0]]
    return {name: part if len(part.minutes) == len(whole.minutes) else whole for name, part in parts.items()}


def _replay(aws: LocalAWS, traces: Mapping[str, Trace], console: Console) -> list[StreamReplay]:
    bar = Progress(TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.percentage:3.0f}%"))
    task = bar.add_task("", total=max(len(trace.minutes) for trace in traces.values()))
    replays: list[StreamReplay] = []
    with Live(console=console, refresh_per_second=8) as live:
        for replays in replay(aws, traces):
            newest = {each.stream_name: each.minutes[-1] for each in replays}
            bar.update(task, advance=1, description=f"{aws.clock.now():%a %H:%M}")
            live.update(Group(_now(newest), bar))
            for each in replays:
                if each.events and each.events[-1].at == each.minutes[-1].at:
                    console.print(_event_line(each.stream_name, each.events[-1]))
    return replays


def _now(newest: Mapping[str, Minute]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("stream", "demand", "shards", ""):
        table.add_column(title, justify="left" if title in {"stream", ""} else "right")
    for stream_name, minute in newest.items():
        usage = minute.demand_shards / minute.open_shards
        gauge = "█" * round(min(usage, 1.0) * 30)
        color = "red" if usage > 1 else "cyan"
        table.add_row(
            stream_name,
            f"{minute.demand_shards:.1f}",
            str(minute.open_shards),
            f"[{color}]{gauge:░<30}[/] {usage:4.0%}",
        )
    return table


def _event_line(stream_name: str, event: Scaling) -> str:
    up = event.to_shards > event.from_shards
    arrow = "[green]▲ up  [/]" if up else "[dark_orange]▼ down[/]"
    return f"  {event.at:%a %H:%M}  {arrow}  {stream_name}: {event.from_shards} → {event.to_shards} shards"


@contextmanager
def _step(console: Console, title: str) -> Iterator[Any]:
    """Show a step while it runs, with its last line of output and its duration."""
    started = time.perf_counter()
    with console.status(title) as status:

        def show(line: str) -> None:
            if line.strip():
                status.update(f"{title}  [dim]{escape(line.strip()[: console.width - len(title) - 8])}[/]")

        yield show
    console.print(f"[green]✔[/] {title}  [dim]{time.perf_counter() - started:.0f} s[/]")


def _last_words(plan: str) -> str:
    """Return the conclusion of Terraform's output."""
    conclusions = [line for line in plan.splitlines() if line.startswith(("No changes.", "Plan:"))]
    return conclusions[-1] if conclusions else plan


def _say_the_same(command: str, aws: Mapping[str, str], console: Console) -> None:
    """Show the command that prints the log. It runs as for a user, but with the AWS CLI of this environment."""
    environment = with_aws(aws)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    answer = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)  # noqa: S602
    if answer.returncode:
        console.print(answer.stderr, markup=False, highlight=False, soft_wrap=True)
    answer.check_returncode()
    console.print("\nTo print the latest records, including decisions not to scale, with the AWS CLI:", style="dim")
    console.print(f"$ {command}\n", style="dim", markup=False, highlight=False, soft_wrap=True)


def _summary_rows(replays: Sequence[StreamReplay]) -> PageTable:
    """Return each stream's result, and the cost of its shards compared with a fixed count for its highest minute."""
    a_month = US_EAST_1.shard_hour * HOURS_PER_MONTH
    head = (
        "stream",
        "scaled up",
        "scaled down",
        "shards",
        "shard-hours",
        "throttled",
        "$ a month",
        "fixed at the peak",
    )
    rows = []
    for each in replays:
        ups = sum(event.to_shards > event.from_shards for event in each.events)
        counts = [minute.open_shards for minute in each.minutes]
        peak = max(1, math.ceil(max(minute.demand_shards for minute in each.minutes)))
        rows.append(
            (
                each.stream_name,
                str(ups),
                str(len(each.events) - ups),
                f"{min(counts)} to {max(counts)}",
                f"{each.shard_hours:,.0f}",
                f"{each.throttled_share:.3%}",
                f"{each.shard_hours / len(counts) * 60 * a_month:,.2f}",
                f"{peak} shards: {peak * a_month:,.2f}",
            )
        )
    return PageTable("Summary", head, rows, frozenset(range(1, len(head))))


def _summary(replays: Sequence[StreamReplay]) -> Table:
    summary = _summary_rows(replays)
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    for column, title in enumerate(summary.head):
        table.add_column(title, justify="right" if column in summary.numbers else "left")
    for row in summary.rows:
        table.add_row(*row)
    return table


def _proof(aws: LocalAWS) -> str:
    """Return how the scalings were made."""
    invocations = aws.functions.invocations
    scalings = [
        [call.operation for call in invocation.api_calls]
        for invocation in invocations
        if any(call.operation == "UpdateShardCount" for call in invocation.api_calls)
    ]
    failed = sum(invocation.error is not None for invocation in invocations)
    most = max(scalings, key=len, default=[])
    return (
        f"The function ran {len(invocations)} times ({failed} failed) from the package that Terraform uploaded. "
        f"An invocation that scaled a stream made at most {len(most)} AWS calls: {', '.join(most)}."
    )


def _scaled_as_it_should(replays: Sequence[StreamReplay], *, is_own: bool) -> bool:
    """Return whether the generated days were scaled up and down. The user's own traffic may need no scaling."""
    directions = {event.to_shards > event.from_shards for each in replays for event in each.events}
    return is_own or directions == {True, False}
