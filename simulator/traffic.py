"""Traffic to replay: one `Traffic` a minute, generated or read from a file."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from simulator.kinesis import SHARD_BYTES_PER_MINUTE, SHARD_RECORDS_PER_MINUTE

MINUTES_PER_DAY = 24 * 60
DEFAULT_MEAN_SHARDS = 4.0
# Records of 2 KiB: bytes are then what fills a shard, records are at half of theirs.
_RECORD_BYTES = 2048


@dataclass(frozen=True)
class Traffic:
    """What producers send to a stream in one minute, before any of it is throttled."""

    bytes: float
    records: float

    @classmethod
    def for_shards(cls, shards: float) -> Traffic:
        """A minute that fills this many shards, by its bytes."""
        return cls(shards * SHARD_BYTES_PER_MINUTE, shards * SHARD_BYTES_PER_MINUTE / _RECORD_BYTES)

    @property
    def shards(self) -> float:
        """How many evenly filled shards would take it: the larger of its bytes and its records."""
        return max(self.bytes / SHARD_BYTES_PER_MINUTE, self.records / SHARD_RECORDS_PER_MINUTE)


class TraceError(ValueError):
    """A trace file that cannot be read; the message names the file, the line and the remedy."""


@dataclass(frozen=True)
class Trace:
    """Traffic minute by minute, from `start` on."""

    name: str
    start: datetime
    minutes: Sequence[Traffic]

    @property
    def mean_shards(self) -> float:
        """The mean demand, in shards."""
        return sum(load.shards for load in self.minutes) / len(self.minutes)

    def days(self, first: int, count: int = 1) -> Trace:
        """`count` days from the `first` on (0 is that with which the trace starts); fewer if it ends before."""
        begin, end = first * MINUTES_PER_DAY, (first + count) * MINUTES_PER_DAY
        return Trace(self.name, self.start + timedelta(minutes=begin), self.minutes[begin:end])


def generated_day(name: str, *, base: float, peak: float, peak_hour: float, burst_hour: float, seed: int) -> Trace:
    """A day of a stream in common use: a daily wave between `base` and `peak` shards, noise, and a burst.

    The burst doubles the traffic within three minutes and is over after an hour. The same seed gives the same day.
    """
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    minutes = []
    for minute in range(MINUTES_PER_DAY):
        hour = minute / 60
        wave = (1 + math.cos((hour - peak_hour) / 24 * math.tau)) / 2
        demand = base + (peak - base) * wave**2
        since_burst = minute - burst_hour * 60
        demand *= 1 + max(0.0, min(since_burst / 3, 1.0, 2 - since_burst / 30))
        minutes.append(Traffic.for_shards(demand * dice.lognormvariate(0, 0.06)))
    return Trace(name, datetime(2026, 1, 5, tzinfo=UTC), minutes)


def read_trace(path: Path, *, mean_shards: float | None = None) -> Trace:
    """Read a CSV file of one of two forms, with a header line.

    - `timestamp,value`: a rate in any unit; scaled so that the mean demand is `mean_shards` shards (4 if not given);
    - `timestamp,bytes,records`: totals of the interval that begins at the timestamp, as CloudWatch reports
      IncomingBytes and IncomingRecords; scaled only where `mean_shards` is given.

    Timestamps are ISO 8601 (UTC where they name no zone) or seconds since 1970, in rising order, at any interval; the
    minutes between two lines are interpolated. Raises TraceError.
    """
    try:
        reader = csv.DictReader(path.read_text().splitlines(), restkey="beyond the header", restval="")
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from error
    columns = {name.strip().lower() for name in reader.fieldnames or ()}
    if not ({"timestamp", "value"} <= columns or {"timestamp", "bytes", "records"} <= columns):
        raise TraceError(
            f"{path}, line 1: the header names {', '.join(sorted(columns)) or 'nothing'}; "
            "it must name timestamp,value or timestamp,bytes,records"
        )
    rows = [_row(path, reader.line_num, row) for row in reader]
    if len(rows) < 2:
        raise TraceError(f"{path}: a trace needs at least two lines below its header")
    for earlier, later in pairwise(rows):
        if later.at <= earlier.at:
            raise TraceError(
                f"{path}, line {later.line}: {later.at} is not after the line before; sort the file by time"
            )
    minutes = _by_minute(rows)
    mean = sum(load.shards for load in minutes) / len(minutes)
    if mean == 0:
        raise TraceError(f"{path}: all values are 0, there is no traffic to replay")
    if mean_shards is not None or "value" in columns:
        factor = (mean_shards or DEFAULT_MEAN_SHARDS) / mean
        minutes = [Traffic(load.bytes * factor, load.records * factor) for load in minutes]
    return Trace(path.stem, rows[0].at, minutes)


@dataclass(frozen=True)
class _Row:
    line: int
    at: datetime
    load: Traffic
    is_total: bool


def _row(path: Path, line: int, row: dict[str, str]) -> _Row:
    cells = {name.strip().lower(): text for name, text in row.items()}
    try:
        at = _moment(cells["timestamp"].strip())
    except ValueError:
        raise TraceError(
            f"{path}, line {line}: {cells['timestamp']!r} is no timestamp; "
            "write 2026-01-05T13:00:00Z or seconds since 1970"
        ) from None
    if "value" in cells:
        return _Row(line, at, Traffic.for_shards(_amount(path, line, "value", cells["value"])), is_total=False)
    load = Traffic(_amount(path, line, "bytes", cells["bytes"]), _amount(path, line, "records", cells["records"]))
    return _Row(line, at, load, is_total=True)


def _moment(text: str) -> datetime:
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _amount(path: Path, line: int, column: str, text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        raise TraceError(f"{path}, line {line}: {column} is {text!r}, which is no number") from None
    if not 0 <= amount < math.inf:
        raise TraceError(f"{path}, line {line}: {column} is {text}; it must be 0 or more and finite")
    return amount


def _by_minute(rows: Sequence[_Row]) -> list[Traffic]:
    """The rate of each minute from the first row to the last, on the straight line between two rows."""
    rates = []
    for row, (earlier, later) in zip(rows, [*pairwise(rows), (rows[-2], rows[-1])], strict=True):
        minutes = (later.at - earlier.at) / timedelta(minutes=1) if row.is_total else 1
        rates.append(Traffic(row.load.bytes / minutes, row.load.records / minutes))
    loads, index = [], 0
    for minute in range(int((rows[-1].at - rows[0].at) / timedelta(minutes=1)) + 1):
        at = rows[0].at + timedelta(minutes=minute)
        while index < len(rows) - 2 and rows[index + 1].at <= at:
            index += 1
        share = (at - rows[index].at) / (rows[index + 1].at - rows[index].at)
        before, after = rates[index], rates[index + 1]
        loads.append(
            Traffic(
                before.bytes + share * (after.bytes - before.bytes),
                before.records + share * (after.records - before.records),
            )
        )
    return loads
