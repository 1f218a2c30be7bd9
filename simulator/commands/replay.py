"""Replay recorded traffic of a stream to see what the autoscaler would have done.

The real function, from lambda/package.zip, scales a stream of the local AWS in virtual time. Its alarms are those
that modules/stream creates from the settings below. Metrics, alarms, retries, reconcile, the duration of a reshard
and the quotas of Kinesis are modelled as AWS documents them. Runs of reconcile that would scale nothing are replaced
by the same rules without Lambda. You need neither an account nor Terraform.

The traffic comes from AWS (--stream) or from a FILE: a CSV with `timestamp,bytes,records` or `timestamp,value` (in any
unit, scaled by --mean-shards), an export of the CloudWatch console or of Grafana, or the JSON of
`aws cloudwatch get-metric-data`, as below. docs/your-traffic.md describes the formats and the rules.

The traffic excludes records that were throttled at the time, because CloudWatch counts only accepted records. During
the first week the autoscaler knows less of the stream's past than it would have known.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.table import Table

from kinesis_autoscaler.model import CALLS_PER_DAY
from simulator.aws.assumptions import ASSUMED
from simulator.aws.prices import US_EAST_1
from simulator.commands.flags import check_writable, number, output_folder, seconds
from simulator.commands.given_traffic import add_traffic_arguments, given_settings, read_given
from simulator.deployment import add_stream, deploy, module_inputs
from simulator.deployment.presets import PRESETS
from simulator.deployment.quiet_reconciles import QuietReconciles
from simulator.deployment.terraform import REPOSITORY
from simulator.local_aws import LocalAWS
from simulator.local_aws.replay_loop import StreamReplay, replay
from simulator.local_aws.replay_outcome import Outcome
from simulator.reports import charts, page, pages, scaling_log
from simulator.traffic import GET_METRIC_DATA, MINUTES_PER_DAY, MOST_SHARDS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from rich.console import Console

    from simulator.traffic import Trace

_MINUTES_PER_HOUR = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Add the flags."""
    parser.usage = "%(prog)s FILE|--stream NAME|--sample NAME --max-shard-count N [--preset NAME] [settings] [world]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"Get the traffic of a stream with the AWS CLI:\n\n{GET_METRIC_DATA}"
    add_traffic_arguments(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="folder for result and chart (build/replay/<name of the file>)"
    )
    parser.add_argument(
        "--preset", choices=PRESETS, help="settings to start with (those of the stream's alarms if known, else default)"
    )
    module_inputs.add_setting_flags(parser, all_optional=True)
    world = parser.add_argument_group("world", "facts that AWS does not document, or that only you know")
    world.add_argument(
        "--shards",
        type=number(int, 1, MOST_SHARDS),
        metavar="N",
        help="open shards at the start (the stream's current count, or the count at which the first hour's peak is at "
        "the target utilization)",
    )
    world.add_argument(
        "--reshard-seconds",
        type=seconds,
        metavar="S",
        help="duration of a reshard (three minutes, plus a second for each added or removed shard, and 1.5 times as "
        "long if the target is not a multiple of 25%% of the count)",
    )
    world.add_argument(
        "--metric-delay-seconds",
        type=number(int, 0, 24 * 60 * 60),
        default=ASSUMED.metric_delay_seconds,
        metavar="S",
        help="delay of metrics (%(default)s)",
    )
    world.add_argument(
        "--key-skew",
        type=number(float, 0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of the traffic that the hottest shard gets beyond its even share, from 0 to 1 (%(default)s)",
    )
    world.add_argument(
        "--reconcile-interval-minutes",
        type=number(int, 1, 60),
        default=5,
        metavar="N",
        help="the root module's input of this name, from 1 to 60 (%(default)s)",
    )


def run(options: Namespace, console: Console) -> bool:
    """Replay the traffic. Always return True. Ctrl-C ends it early and shows the result so far.

    Raises:
        TraceError: the traffic cannot be read.
        OutputError: the result cannot be written.
        InvalidInputError: the module would refuse a setting.
        KeyboardInterrupt: Ctrl-C ended it early.

    """
    module_inputs.inputs(options, base=PRESETS[options.preset or "default"])  # refuse them before reading anything
    if options.output:
        check_writable(options.output)
    read = read_given(options, console)
    trace, settings = read.trace, given_settings(options, read)
    if "max_shard_count" not in settings:
        raise module_inputs.InvalidInputError(
            "--max-shard-count is required: the maximum number of shards, from 1 to 10,000"
        )
    folder = output_folder(options.output, REPOSITORY / "build" / "replay", trace)
    shards = options.shards or (read.stream and read.stream.shards) or _first_shard_count(trace, settings)
    world: dict[str, Any] = {"metric_delay_seconds": options.metric_delay_seconds, "key_skew": options.key_skew}
    if options.reshard_seconds is not None:
        world["reshard_seconds"] = options.reshard_seconds
    stream_name = re.sub(r"[^\w.-]", "-", trace.name, flags=re.ASCII)[:100]
    record, calls, finished = StreamReplay(stream_name), [], False
    with LocalAWS(start=trace.start.replace(second=0, microsecond=0), **world) as aws:
        autoscaler = deploy(aws, reconcile_interval_minutes=options.reconcile_interval_minutes)
        add_stream(aws, stream_name, shards, **settings)
        aws.schedules.replaced = QuietReconciles(autoscaler).replace_next
        try:
            for so_far in _with_progress(aws, stream_name, trace, console):
                record = so_far
                calls += _calls_of_new_invocations(aws)
            finished = True
        except KeyboardInterrupt:
            if not record.minutes:
                raise
        log = autoscaler.audit_log(stream_name)
    record.failed = scaling_log.failed(log)
    outcome = Outcome.of(record, trace, calls)
    console.print(Rule("Scaling log", align="left"))
    scaling_log.show(log, console)
    if not record.events and not record.throttled_share:
        console.print(f"This traffic needs no scaling: {record.minutes[0].open_shards} shards carry all of it.")
    console.print(Rule("Result", align="left"))
    console.print(_table(record, outcome))
    about = {
        "trace": trace.name,
        "read": {"from": read.source, "notes": read.notes, "mean_shards": trace.mean_shards},
        "start": record.minutes[0].at.isoformat(),
        "end": (record.minutes[-1].at + timedelta(minutes=1)).isoformat(),
        "complete": finished,
        "preset": options.preset,
        "settings": settings,
        "world": {**world, "shards": shards, "reconcile_interval_minutes": options.reconcile_interval_minutes},
        "prices": asdict(US_EAST_1),
    }
    _write(folder, about, outcome, record, log)
    console.print(f"\nChart: {folder / 'replay.png'}\nPage:  {folder / 'replay.html'}", soft_wrap=True)
    if not finished:
        raise KeyboardInterrupt
    return True


def _first_shard_count(trace: Trace, settings: dict[str, Any]) -> int:
    """Return the count at which the first hour's peak is at the target utilization, within the bounds."""
    values = module_inputs.with_defaults(settings)
    peak = max(load.shards for load in trace.minutes[:_MINUTES_PER_HOUR])
    wanted = math.ceil(peak / values["target_utilization"])
    return int(min(max(wanted, values["min_shard_count"]), values["max_shard_count"]))


def _with_progress(aws: LocalAWS, stream_name: str, trace: Trace, console: Console) -> Iterator[StreamReplay]:
    """Replay the trace and show the progress. Yield the record after every minute."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:3.0f}%"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{trace.start:%d %b %Y}", total=len(trace.minutes), speed="")
        started = time.perf_counter()
        for done, (record,) in enumerate(replay(aws, {stream_name: trace}), start=1):
            yield record
            if done % _MINUTES_PER_HOUR == 0:
                speed = done / MINUTES_PER_DAY / (time.perf_counter() - started)
                date = f"{record.minutes[-1].at:%d %b %Y}"
                progress.update(task, completed=done, description=date, speed=f"{speed:.1f} days/s")


def _calls_of_new_invocations(aws: LocalAWS) -> list[datetime]:
    """Return the times of UpdateShardCount calls since the last time. Forget the invocations: there are thousands."""
    calls = [call for invocation in aws.functions.invocations for call in invocation.api_calls]
    aws.functions.invocations.clear()
    return [call.at for call in calls if call.operation == "UpdateShardCount"]


def _table(record: StreamReplay, outcome: Outcome) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=False)
    end = record.minutes[-1].at + timedelta(minutes=1)
    period = f"{record.minutes[0].at:%d %b %Y %H:%M} to {end:%d %b %Y %H:%M}, {outcome.hours / 24:.1f} days"
    throttled = f"{outcome.throttled_share:.4%}, in {outcome.throttled_minutes:,} of {len(record.minutes):,} minutes"
    for name, value in (
        ("period", period),
        ("shard-hours", f"{outcome.shard_hours:,.0f}"),
        ("traffic throttled", throttled),
        ("scaled", f"{outcome.scale_ups} up, {outcome.scale_downs} down"),
        ("calls in 24 hours", f"at most {outcome.most_calls_in_24_hours} of the {CALLS_PER_DAY} that Kinesis allows"),
        ("mean utilization", f"{outcome.mean_utilization:.0%}"),
        ("cost of a month", f"${outcome.dollars_per_month:,.2f} ({US_EAST_1.region}, prices of {US_EAST_1.date})"),
    ):
        table.add_row(name, value)
    return table


def _write(
    folder: Path, about: dict[str, Any], outcome: Outcome, record: StreamReplay, log: list[dict[str, Any]]
) -> None:
    """Write replay.json, replay.html, replay.png and replay.svg."""
    result = {
        **about,
        "result": asdict(outcome),
        "scalings": scaling_log.scalings(log),
        "not_scaled": scaling_log.not_scaled(log),
    }
    (folder / "replay.json").write_text(json.dumps(result, indent=2) + "\n")
    read = "; ".join((f"Traffic: {about['read']['from']}", *about["read"]["notes"]))
    told = pages.replay(record, outcome, result["scalings"], result["not_scaled"], about["settings"], f"{read}.")
    page.write(told, folder / "replay.html")
    for suffix in ("png", "svg"):
        charts.draw([record], "What the autoscaler would have done", folder / f"replay.{suffix}")
