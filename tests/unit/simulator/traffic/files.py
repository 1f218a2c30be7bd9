"""Files of users: a day's wave of traffic in every known format."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE

START = datetime(2026, 10, 5, tzinfo=UTC)
DAY = 1440
SHARD = SHARD_BYTES_PER_MINUTE
RECORD = 2048


@cache
def wave(minute: float) -> float:
    """Return demand between 1 and 6 shards over the day."""
    return round(1 + 5 * ((1 - math.cos(minute / DAY * math.tau)) / 2) ** 2, 3)


@cache
def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


@cache
def iso(minute: float) -> str:
    return f"{at(minute):%Y-%m-%dT%H:%M:%SZ}"


@cache
def epoch(minute: float) -> int:
    return int(at(minute).timestamp())


def table(
    row: Callable[[int], Sequence[object]],
    *,
    header: str = "timestamp,value",
    minutes: Sequence[int] = range(DAY),
    separator: str = ",",
    end: str = "\n",
) -> str:
    """Return a CSV file: its header, and a row for each minute."""
    lines = [header.replace(",", separator), *(separator.join(str(each) for each in row(minute)) for minute in minutes)]
    return end.join(lines) + end


def values(stamp: Callable[[int], object] = iso, **form: object) -> str:
    """Return `timestamp,value` rows, with the timestamps in the format of `stamp`."""
    return table(lambda minute: (stamp(minute), wave(minute)), **form)


def totals(period: int = 1, stamp: Callable[[int], object] = iso, **form: object) -> str:
    """Return `timestamp,bytes,records` rows, the sums of periods of some minutes."""

    def row(minute: int) -> tuple[object, ...]:
        volume = sum(round(wave(each) * SHARD) for each in range(minute, minute + period))
        return stamp(minute), volume, volume // RECORD

    given = {"header": "timestamp,bytes,records", "minutes": range(0, DAY, period), **form}
    return table(row, **given)


def result(label: str, numbers: dict[int, float], *, id_: str = "m1", **more: object) -> dict[str, object]:
    """Return one of GetMetricData's results: numbers per minute."""
    stamps = [at(minute).isoformat() for minute in numbers]
    return {"Id": id_, "Label": label, "Timestamps": stamps, "Values": list(numbers.values()), **more}


def answer(*results: dict[str, object], **more: object) -> str:
    return json.dumps({"MetricDataResults": results, "Messages": [], **more})


def both(numbers: dict[int, float], name: str = "", **more: object) -> tuple[dict[str, object], dict[str, object]]:
    """Return results of bytes and records; a record has 2 KiB."""
    prefix = f"{name} " if name else ""
    records = {minute: value / RECORD for minute, value in numbers.items()}
    suffix = name.replace("-", "") or "it"
    return (
        result(f"{prefix}IncomingBytes", numbers, id_=f"b{suffix}", **more),
        result(f"{prefix}IncomingRecords", records, id_=f"r{suffix}", **more),
    )


def in_file(folder: Path, content: str | bytes, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
