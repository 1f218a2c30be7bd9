"""Find the cheapest settings for your traffic within a throttling limit, as a Terraform block.

Tries settings of modules/stream on the first two thirds of the traffic, with a fast model of the stream and its alarms
and with the function's own decisions. Chooses the cheapest settings that throttle no more than --throttling. The last
third of the traffic does not influence the choice and shows what to expect. The result is compared with today's count,
a fixed count for the highest minute, on-demand mode and on-demand Advantage, including reads and retention.

A flag for an input of modules/stream fixes that input. With several FILEs, or with --all, the result is a table with a
row for each stream, sorted by savings. Nothing is written to AWS.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulator.advice.advice import advise
from simulator.advice.block import block
from simulator.advice.dials import FLOORS
from simulator.advice.findings import findings
from simulator.advice.several import Row, Wish, account_sentences, rows
from simulator.aws.prices import US_EAST_1
from simulator.commands.flags import check_writable, number, output_folder
from simulator.commands.given_traffic import DAYS, KEPT, add_traffic_arguments, read_given
from simulator.deployment import module_inputs
from simulator.deployment.terraform import REPOSITORY
from simulator.reports import advice_tables as tables
from simulator.reports import page, pages
from simulator.traffic import TraceError
from simulator.traffic.from_aws import Account

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from rich.console import Console

_FOLDER = REPOSITORY / "build" / "advise"
_FEW = 4
"""Up to this many streams, starting processes takes longer than it saves."""
_READERS = 4
"""Streams that are read from AWS at the same time. CloudWatch allows many more calls."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the flags."""
    parser.usage = "%(prog)s FILE...|--stream NAME|--all|--sample NAME [--throttling PERCENT] [settings]"
    add_traffic_arguments(parser, several=True)
    parser.add_argument(
        "--throttling",
        type=number(float, 0, 100),
        default=0.05,
        metavar="PERCENT",
        help="maximum percentage of throttled traffic, from 0 to 100 (%(default)s)",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder for the result (build/advise/<name>)")
    prices = parser.add_argument_group("readers", "charges apart from shards and writes")
    prices.add_argument(
        "--shared-readers",
        type=number(int, 0, 1000),
        default=1,
        metavar="N",
        help="consumers that poll each stream (%(default)s)",
    )
    prices.add_argument(
        "--fan-out-readers",
        type=number(int, 0, 50),
        metavar="N",
        help="consumers of each stream with enhanced fan-out, up to 50 (what AWS reports, or 0)",
    )
    prices.add_argument(
        "--retention-hours",
        type=number(int, 24, 8760),
        metavar="N",
        help="retention of each stream in hours, from 24 to 8,760 (what AWS reports, or 24)",
    )
    module_inputs.add_setting_flags(parser, all_optional=True)


def run(options: Namespace, console: Console) -> bool:
    """Advise. Return whether there is advice for at least one stream.

    Raises:
        TraceError: the traffic cannot be read, or is too short.
        OutputError: the result cannot be written.
        InvalidInputError: the module would refuse the settings.

    """
    wish = Wish(
        options.throttling / 100,
        module_inputs.inputs(options),
        options.shared_readers,
        options.fan_out_readers,
        options.retention_hours,
        options.mean_shards,
    )
    if options.output:
        check_writable(options.output)
    if options.all or len(options.files) > 1:
        return _several(options, wish, console)
    options.file = options.files[0] if options.files else None
    return _one(options, wish, console)


def _one(options: Namespace, wish: Wish, console: Console) -> bool:
    read = read_given(options, console)
    folder = output_folder(options.output, _FOLDER, read.trace)
    question = wish.of(read)
    with _progress(console) as progress:
        task = progress.add_task("Trying settings", total=len(FLOORS))
        advice = advise(question, tell=lambda: progress.advance(task))
    code, said = block(read.trace.name, advice.choice.inputs), findings(advice)
    console.print(tables.options(advice))
    console.print()
    for sentence in said:
        console.print(f"- {sentence}", markup=False, highlight=False)
    console.print(f"\n{code}", markup=False, highlight=False, soft_wrap=True)
    result = {
        "trace": read.trace.name,
        "read": {"from": read.source, "notes": read.notes},
        "throttling": wish.limit,
        "chosen_on": {"from": advice.at(0).isoformat(), "to": advice.at(advice.split).isoformat()},
        "told_on": {"from": advice.at(advice.split).isoformat(), "to": advice.at(len(question.demand)).isoformat()},
        "keeps": advice.choice.keeps,
        "settings": advice.choice.inputs,
        "options": [asdict(each) for each in advice.options],
        "tried": [{"inputs": each.inputs, "first": asdict(each.first)} for each in advice.choice.tried],
        "findings": said,
        "readers": asdict(question.readers),
        "prices": asdict(US_EAST_1),
    }
    _write(folder, result, code)
    source = "; ".join((f"Traffic: {read.source}", *read.notes))
    page.write(pages.advised(advice, said, code, f"{source}."), folder / "advice.html")
    console.print(f"Kept in {folder}: advice.html, advice.json, stream.tf", soft_wrap=True, highlight=False)
    _tell_prices({read.stream.region} if read.stream else set(), console)
    return True


def _several(options: Namespace, wish: Wish, console: Console) -> bool:
    named = [options.stream is not None, options.sample is not None, bool(options.files), options.all]
    if named.count(True) != 1:
        raise TraceError("Give exactly one source of traffic: FILEs, --stream NAME, --all, or --sample shop")
    if not options.all:
        for flag in ("days", "region", "profile"):
            if getattr(options, flag) is not None:
                raise TraceError(f"--{flag} belongs to --stream and --all, which read from AWS: leave it out")
    account = Account(options.region, options.profile) if options.all else None
    folder = options.output or _FOLDER / (account.region if account else "files")
    check_writable(folder)
    refused: list[Row] = []
    with _progress(console) as progress:
        if account:
            check_writable(KEPT)
            names = account.streams()
            if not names:
                raise TraceError(f"There are no streams in {account.region}: check --region and --profile")
            reading = progress.add_task("Reading from AWS", total=len(names))
            days = options.days or DAYS
            paths = _saved(account, names, days, refused, lambda: progress.advance(reading))
            total = len(names)
        else:
            paths, total = iter(options.files), len(options.files)
        advising = progress.add_task("Trying settings", total=total)
        found = []
        processes = (os.cpu_count() or 1) if total > _FEW else 1
        for row in rows(paths, wish, processes=processes):
            found.append(row)
            progress.update(advising, advance=1, total=total - len(refused))
    found = sorted([*found, *refused], key=lambda row: (bool(row.refusal), -row.saved, row.name))
    console.print(tables.streams(found))
    console.print()
    said = account_sentences(found)
    for sentence in said:
        console.print(f"- {sentence}", markup=False, highlight=False)
    blocks: list[str] = []
    for row in found:
        if row.inputs:
            taken = [each.split('"')[1] for each in blocks]
            blocks.append(block(row.name, row.inputs, taken))
    document = {"throttling": wish.limit, "streams": [asdict(row) for row in found], "prices": asdict(US_EAST_1)}
    _write(folder, document, "\n".join(blocks), name="streams.tf")
    page.write(pages.advised_streams(found, said, "\n".join(blocks)), folder / "advice.html")
    console.print(f"Kept in {folder}: advice.html, advice.json, streams.tf", soft_wrap=True, highlight=False)
    _tell_prices({account.region} if account else set(), console)
    return bool(blocks)


def _saved(account: Account, names: list[str], days: int, refused: list[Row], tell: Any) -> Iterator[Path]:  # noqa: ANN401
    """Yield the file of each stream that could be read; the rows of the others go to `refused`."""

    def save(name: str) -> Path | Row:
        try:
            return account.save(name, KEPT, days=days)
        except TraceError as error:
            return Row(name, refusal=str(error))

    with ThreadPoolExecutor(_READERS) as pool:
        for saved in pool.map(save, names):
            tell()
            if isinstance(saved, Row):
                refused.append(saved)
            else:
                yield saved


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _write(folder: Path, document: dict[str, Any], code: str, *, name: str = "stream.tf") -> None:
    (folder / "advice.json").write_text(json.dumps(document, indent=2) + "\n")
    (folder / name).write_text(code)


def _tell_prices(regions: set[str], console: Console) -> None:
    elsewhere = " Yours may differ." if regions - {"", US_EAST_1.region} else ""
    console.print(
        f"Costs are monthly charges for Kinesis at the prices of {US_EAST_1.region}, {US_EAST_1.date}.{elsewhere} The "
        "autoscaler itself is not included: about a dollar a month for each stream, and two for the fleet.",
        style="dim",
        highlight=False,
    )
