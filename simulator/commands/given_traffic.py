"""The flags that select a command's traffic, and its reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.commands.flags import check_writable, mean_shards, number
from simulator.deployment import module_inputs
from simulator.deployment.presets import PRESETS
from simulator.deployment.terraform import REPOSITORY
from simulator.traffic import SAMPLES, TraceError, read_sample, read_stream, read_trace
from simulator.traffic.from_aws import MOST_DAYS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from rich.console import Console

    from simulator.traffic import ReadTrace

KEPT = REPOSITORY / "build" / "traffic"
"""The folder for traffic that was read from AWS."""

DAYS = 14
"""The number of days to read from AWS."""


def add_traffic_arguments(parser: ArgumentParser, *, several: bool = False) -> None:
    """Add the flags for traffic: a file, a stream in AWS, or a sample; with `several`, also several of each."""
    ways = "FILEs, a --stream or --all in AWS, or a --sample" if several else "a FILE, a --stream in AWS, or a --sample"
    group = parser.add_argument_group("traffic", ways)
    a_file = "a CSV or JSON file: see docs/your-traffic.md"
    if several:
        group.add_argument("files", type=Path, nargs="*", metavar="FILE", help=a_file)
        group.add_argument("--all", action="store_true", help="read all streams of an account and region from AWS")
    else:
        group.add_argument("file", type=Path, nargs="?", metavar="FILE", help=a_file)
    group.add_argument(
        "--stream",
        metavar="NAME",
        help="read this stream's traffic, settings and shards from AWS; with FILE: which of the file's streams",
    )
    group.add_argument(
        "--days", type=number(int, 1, MOST_DAYS), metavar="N", help=f"days of --stream, up to {MOST_DAYS} ({DAYS})"
    )
    group.add_argument("--region", metavar="NAME", help="region of --stream in AWS (AWS_REGION, or the profile's)")
    group.add_argument("--profile", metavar="NAME", help="profile of the AWS configuration, for --stream in AWS")
    group.add_argument("--sample", choices=sorted(SAMPLES), help="sample traffic of the project: a week of a shop")
    group.add_argument("--mean-shards", type=mean_shards, metavar="N", help="scale the traffic's mean to N shards")


def read_given(options: Namespace, console: Console) -> ReadTrace:
    """Read the traffic that the flags select, and print how it was read.

    Raises:
        TraceError: it cannot be read, or the flags do not select exactly one source.

    """
    from_aws = options.stream is not None and options.file is None
    if [options.file is not None, from_aws, options.sample is not None].count(True) != 1:
        raise TraceError(
            "Give exactly one source of traffic: a FILE, --stream NAME to read it from AWS, or --sample shop"
        )
    for flag in ("days", "region", "profile"):
        if not from_aws and getattr(options, flag) is not None:
            raise TraceError(f"--{flag} belongs to --stream, which reads from AWS: leave it out, or leave out the file")
    if from_aws:
        check_writable(KEPT)
        with console.status(f"Reading the traffic of {options.stream} from AWS"):
            read = read_stream(
                options.stream,
                KEPT,
                days=options.days or DAYS,
                region=options.region,
                profile=options.profile,
                mean_shards=options.mean_shards,
            )
    elif options.sample:
        read = read_sample(options.sample, mean_shards=options.mean_shards)
    else:
        read = read_trace(options.file, mean_shards=options.mean_shards, stream=options.stream)
    tell(read, console)
    if from_aws:
        console.print(f"Kept in {read.source}: use this file to get the same result.", soft_wrap=True, highlight=False)
    return read


def tell(read: ReadTrace, console: Console) -> None:
    """Print how a trace was read."""
    console.print(read.summary, style="dim", markup=False, highlight=False, soft_wrap=True)


def given_settings(options: Namespace, read: ReadTrace, *, base: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the inputs of modules/stream: flags override a preset, and both override the settings of `read`.

    A preset does not change the bounds of the stream in its alarms.

    Raises:
        InvalidInputError: the module would refuse them.

    """
    known = module_inputs.known(read.stream.settings or {}) if read.stream else {}
    if options.preset:
        known = {name: known[name] for name in ("min_shard_count", "max_shard_count") if name in known}
    return module_inputs.inputs(options, base={**(base or {}), **known, **PRESETS[options.preset or "default"]})
