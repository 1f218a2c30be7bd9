"""Sample traffic, for a first result without AWS or a file.

`python -m simulator.traffic.sample` writes the files of `samples/`. A test compares them with its output.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE
from simulator.traffic.generator import MEAN_SHARDS, generate_kind

SAMPLES = {"shop": Path(__file__).parent / "samples" / "shop.csv"}
"""The files, by their kind of traffic."""

SETTINGS = {"max_shard_count": 32}
"""Inputs of modules/stream that are suitable for all of them."""

_START = datetime(2026, 10, 5, tzinfo=UTC)
"""A Monday."""
_DAYS = 7
_SEED = 2026
_MEAN_SHARDS = 4.0
_RECORD_BYTES = 1500


def text(name: str) -> str:
    """Return the text of a sample file: `timestamp,bytes,records` per minute, the timestamp in seconds since 1970."""
    shards = generate_kind(name, _SEED, days=_DAYS) * (_MEAN_SHARDS / MEAN_SHARDS)
    lines = ["timestamp,bytes,records"]
    for minute, demand in enumerate(shards):
        records = round(float(demand) * SHARD_BYTES_PER_MINUTE / _RECORD_BYTES)
        lines.append(f"{int(_START.timestamp()) + 60 * minute},{records * _RECORD_BYTES},{records}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name, path in SAMPLES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text(name))
