"""Writes to a Kinesis stream at a steady rate, to watch a deployment scale in a real account.

It shows the cost of the run, and asks before it starts. Throttled records are retried until they are accepted, as with
real producers.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from rich.console import Console
from rich.progress import Progress, TextColumn

from tools import consent

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

PUT_UNIT_BYTES = 25 * 1024
"""Kinesis bills a record in units of 25 KB, rounded up."""

PRICE_PER_MILLION_UNITS = 0.014
"""Dollars in us-east-1, 2026-11; other regions cost up to twice as much. docs/benchmarks.md has the prices' sources."""

MAX_RECORDS = 500
"""The maximum of records in a PutRecords call,"""
MAX_CALL_BYTES = 5 * 1024 * 1024
"""and of bytes, including partition keys (Kinesis API Reference)."""

MAX_RECORD_BYTES = 1024 * 1024
"""The maximum of bytes in a record, including its partition key."""

MAX_RECORDS_PER_SECOND = 1_000_000
MAX_MINUTES = 7 * 24 * 60
"""A week. A larger number is probably a mistake, and expensive."""

_KEY_BYTES = 32
_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


class LoadError(Exception):
    """The request can't be carried out. The message says why, and what to do."""


@dataclass(frozen=True)
class Load:
    """What to write."""

    stream: str
    records_per_second: int
    record_bytes: int
    minutes: float

    def __post_init__(self) -> None:
        """Reject numbers that Kinesis would refuse, or that are no load.

        Raises:
            LoadError: A number is out of range; the message names it, the rule and the remedy.
        """
        if not 1 <= self.records_per_second <= MAX_RECORDS_PER_SECOND:
            raise LoadError(
                f"RECORDS_PER_SECOND is {self.records_per_second} and must be from 1 to {MAX_RECORDS_PER_SECOND:,}, "
                "the maximum of one process."
            )
        if not 1 <= self.record_bytes <= MAX_RECORD_BYTES - _KEY_BYTES:
            raise LoadError(
                f"RECORD_BYTES is {self.record_bytes} and must be from 1 to {MAX_RECORD_BYTES - _KEY_BYTES:,}: "
                "a record with its partition key has at most 1 MiB."
            )
        if not 0 < self.minutes <= MAX_MINUTES:
            raise LoadError(f"MINUTES is {self.minutes:g} and must be above 0 and at most {MAX_MINUTES:,}: a week.")

    @property
    def records(self) -> int:
        """Records in all."""
        return round(self.records_per_second * self.minutes * 60)

    @property
    def dollars(self) -> float:
        """The cost of the records, without the stream's shards."""
        units = self.records * math.ceil((self.record_bytes + _KEY_BYTES) / PUT_UNIT_BYTES)
        return units / 1e6 * PRICE_PER_MILLION_UNITS

    @property
    def shards(self) -> float:
        """Shards that the load fills."""
        return max(self.records_per_second / 1000, self.records_per_second * (self.record_bytes + _KEY_BYTES) / 1024**2)

    @property
    def records_per_call(self) -> int:
        """Records in one PutRecords call."""
        return max(1, min(MAX_RECORDS, MAX_CALL_BYTES // (self.record_bytes + _KEY_BYTES)))


@dataclass
class Result:
    """The result of a load."""

    accepted: int = 0
    throttled: int = 0
    """Refusals; a record may be refused more than once."""
    calls: int = 0
    seconds: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)


def run(
    load: Load,
    kinesis: KinesisClient,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    report: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Write the load, second by second. Throttled records come first in the next call.

    Args:
        load: What to write.
        kinesis: The client to write with.
        clock: Returns seconds, for pacing.
        sleep: Waits for a number of seconds.
        report: Called after every call.
    """
    result = Result()
    payload = os.urandom(load.record_bytes)
    waiting: deque[dict[str, Any]] = deque()
    begun, made = clock(), 0
    while result.accepted < load.records:
        due = min(load.records, math.ceil((clock() - begun) * load.records_per_second) or 1)
        while made < due:
            waiting.append({"Data": payload, "PartitionKey": uuid.uuid4().hex})
            made += 1
        if not waiting:
            sleep(min(1.0, 1 / load.records_per_second))
            continue
        batch: list[Any] = [waiting.popleft() for _ in range(min(load.records_per_call, len(waiting)))]
        answer = kinesis.put_records(StreamName=load.stream, Records=batch)
        refused = [record for record, told in zip(batch, answer["Records"], strict=True) if told.get("ErrorCode")]
        for told in answer["Records"]:
            if code := told.get("ErrorCode"):
                result.errors[code] = result.errors.get(code, 0) + 1
        waiting.extendleft(reversed(refused))
        result.calls += 1
        result.accepted += len(batch) - len(refused)
        result.throttled += len(refused)
        result.seconds = clock() - begun
        report(result)
        if len(refused) == len(batch):
            sleep(0.5)  # the stream is full: wait for new capacity
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, write, and sum up."""
    console = Console()
    try:
        return _run(_parse(arguments), console)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return _INTERRUPTED


def _run(options: argparse.Namespace, console: Console) -> int:
    try:
        load = Load(options.stream, options.records_per_second, options.record_bytes, options.minutes)
    except LoadError as error:
        console.print(f"[red]{error}[/]")
        return 2
    console.print(
        f"{load.records:,} records of {load.record_bytes:,} bytes to [bold]{load.stream}[/], "
        f"{load.records_per_second:,} a second for {load.minutes:g} minutes: they fill {load.shards:.1f} shards and "
        f"cost about [bold]${load.dollars:.2f}[/] (us-east-1), beside the shards that the autoscaler will add."
    )
    region = os.environ.get("AWS_REGION") or None  # which boto3 does not read
    config = Config(retries={"mode": "standard", "total_max_attempts": 8})
    try:
        kinesis = boto3.client("kinesis", region_name=region, config=config)
    except NoRegionError:
        console.print("[red]The region of the stream is unknown: set AWS_REGION.[/]")
        return 2
    except BotoCoreError as error:
        console.print(f"The AWS configuration cannot be used: {error}", style="red", markup=False)
        return 2
    if not options.yes and not _agreed(console):
        console.print("Nothing was written.")
        return 1
    result = Result()
    with Progress(*Progress.get_default_columns(), TextColumn("{task.fields[note]}"), console=console) as progress:
        task = progress.add_task("Writing", total=load.records, note="")

        def report(so_far: Result) -> None:
            nonlocal result
            result = so_far
            progress.update(task, completed=so_far.accepted, note=f"{so_far.throttled:,} throttled")

        try:
            run(load, kinesis, report=report)
        except KeyboardInterrupt:
            console.print("Stopped.")
        except (BotoCoreError, ClientError) as error:
            console.print(f"AWS cannot be written to: {error}", style="red", markup=False)
            return 2
    rate = result.accepted / result.seconds if result.seconds else 0.0
    console.print(
        f"{result.accepted:,} records accepted in {result.seconds:,.0f} s ({rate:,.0f} a second), "
        f"{result.throttled:,} refusals, {result.calls:,} calls."
    )
    return 0


def _agreed(console: Console) -> bool:
    answer = consent.asked(console.input)
    if answer is None:
        console.print("\nThere is no terminal to ask at. To agree beforehand, use YES=1 (or --yes).")
    return bool(answer)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.load", description=__doc__.partition("\n")[0])
    parser.add_argument("--stream", required=True, help="name of the stream")
    parser.add_argument("--records-per-second", type=int, required=True)
    parser.add_argument("--record-bytes", type=int, default=1024)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--yes", action="store_true", help="accept the cost without asking")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
