"""Reads a trace from a file, and summarizes in one line what was read, added up, scaled, filled and assumed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE
from simulator.traffic.answers import read_json
from simulator.traffic.from_aws import Account
from simulator.traffic.metric_data import GET_METRIC_DATA
from simulator.traffic.minutes import Minutes, Numbers, first_unknown, minutes
from simulator.traffic.model import MOST_SHARDS, RECORD_BYTES, Trace, TraceError, Traffic
from simulator.traffic.names import Metric
from simulator.traffic.sample import SAMPLES, SETTINGS
from simulator.traffic.series import Stream, of_one_stream
from simulator.traffic.tables import read_csv
from simulator.traffic.text import read_text
from simulator.traffic.timestamps import SECOND

DEFAULT_MEAN_SHARDS = 4.0
_SMALL_RECORD_BYTES = 1024
"""Records of this size reach a shard's limit of records just before its limit of bytes."""
_CLI_FORMS = re.compile(
    r"\s*(?:METRICDATARESULTS\b|MetricDataResults:|-{3,}[\s|]*\n?\|\s*GetMetricData)", re.IGNORECASE
)


@dataclass(frozen=True)
class ReadTrace:
    """A trace, and how it was read.

    Attributes:
        trace: the trace.
        source: the file, stream or sample.
        notes: what was added up, scaled, filled and assumed, as phrases.
        stream: the stream's settings and shards, if it was read from AWS.

    """

    trace: Trace
    source: str
    notes: tuple[str, ...] = ()
    stream: Stream | None = None

    @property
    def summary(self) -> str:
        """Return all of it as one line."""
        trace = self.trace
        end = trace.start + timedelta(minutes=len(trace.minutes))
        peak = max(load.shards for load in trace.minutes)
        what = (
            f"Read {self.source}: {len(trace.minutes):,} minutes from {trace.start:%Y-%m-%d %H:%M} to "
            f"{end:%Y-%m-%d %H:%M} UTC, on average {trace.mean_shards:.2f} shards' worth, {peak:.2f} at most"
        )
        return "; ".join((what, *self.notes))


def read_trace(path: Path, *, mean_shards: float | None = None, stream: str | None = None) -> ReadTrace:
    """Read the traffic of a stream from a CSV or JSON file.

    - CSV with a header: `timestamp,bytes,records` or CloudWatch's names, with totals of the period that starts at the
      timestamp. One of the two is enough. Or `timestamp,value`, a rate in any unit, which is scaled so that the mean
      demand is `mean_shards` shards (default 4).
    - JSON: one or more pages of answers of `aws cloudwatch get-metric-data` (see GET_METRIC_DATA), or a Grafana export.

    docs/your-traffic.md describes the accepted forms and the rules. Totals are scaled only if `mean_shards` is given.
    `stream` selects one of several streams in a file.

    Raises:
        TraceError: it cannot be read. The message is one sentence with the line, the error and the remedy.
    """
    text = read_text(path)
    if _CLI_FORMS.match(text):
        raise TraceError(
            f"{path} is not the AWS CLI's JSON: add --output json to the command, like this:\n{GET_METRIC_DATA}"
        )
    is_json = text.lstrip()[:1] in {"{", "["}
    content = read_json(text, path) if is_json else read_csv(text, path)
    choice = of_one_stream(content, stream, str(path))
    read = minutes(choice, str(path), content.period_seconds)
    notes = [*content.notes, *choice.notes, *read.notes, *_gaps(read)]
    loads, assumed = _loads(read)
    loads, scaled = _scaled(loads, mean_shards, is_rate=Metric.VALUE in read.of, path=path)
    start = datetime.fromtimestamp(read.start / SECOND, UTC)
    name = content.stream.name if content.stream else path.stem
    known = _known_of(content.stream) if content.stream else []
    return ReadTrace(Trace(name, start, loads), str(path), (*notes, *assumed, *scaled, *known), content.stream)


def read_sample(name: str, *, mean_shards: float | None = None) -> ReadTrace:
    """Read traffic that is included in the project, with suitable settings: one of SAMPLES."""
    read = read_trace(SAMPLES[name], mean_shards=mean_shards)
    return replace(read, source=f"the sample {name}", stream=Stream(name, settings=SETTINGS))


def read_stream(
    stream: str,
    folder: Path,
    *,
    days: int = 14,
    region: str | None = None,
    profile: str | None = None,
    mean_shards: float | None = None,
) -> ReadTrace:
    """Read the traffic of a stream from AWS, with its settings and shards, and save it in a file of `folder`.

    The result is that of `read_trace` for this file, which is the result's `source`. See `simulator.traffic.from_aws`.

    Raises:
        TraceError: AWS cannot be reached, refuses, or has no such stream or no traffic of it.

    """
    path = Account(region, profile).save(stream, folder, days=days)
    return read_trace(path, mean_shards=mean_shards)


def _known_of(stream: Stream) -> list[str]:
    """Return notes on a stream that was read from AWS."""
    has = "settings are those of its alarms" if stream.settings else "it has no alarms of modules/stream"
    if stream.is_on_demand:
        return [has, "it is in on-demand mode, and this is what provisioned mode would do"]
    return [has, f"it has {stream.shards} shards"] if stream.shards else [has]


def _gaps(read: Minutes) -> list[str]:
    """Return notes on minutes without values."""
    known = np.logical_or.reduce(list(read.is_known.values()))
    missing = int((~known).sum())
    if not missing:
        return []
    count = "1 minute" if missing == 1 else f"{missing:,} of {len(known):,} minutes"
    first = (
        f"at {first_unknown(known, read.start)}" if missing == 1 else f"the first at {first_unknown(known, read.start)}"
    )
    return [f"no value for {count} ({first}): counted as no traffic"]


def _loads(read: Minutes) -> tuple[list[Traffic], list[str]]:
    """Return the traffic of each minute. If only bytes or only records are known, the other is estimated."""
    notes: list[str] = []
    if Metric.VALUE in read.of:
        return [Traffic.for_shards(float(rate)) for rate in read.of[Metric.VALUE]], notes
    none = np.zeros(len(next(iter(read.of.values()))))
    volume, records = read.of.get(Metric.BYTES, none), read.of.get(Metric.RECORDS, none)
    size = _RECORD_SIZES[volume.any(), records.any()]
    if volume.any() and records.any():
        if volume.sum() < records.sum():
            notes.append("there are fewer bytes than records: are the two columns swapped?")
        volume, records, filled = _completed(volume, records)
        if filled:
            notes.append(
                f"{filled:,} minutes have only bytes or only records: the other is estimated from the mean record size"
            )
    elif volume.any():
        records = volume / size
        notes.append(
            f"records are unknown and assumed to have {size:,} bytes each: if yours are below 1 KiB, "
            "their number may be the limit instead"
        )
    elif records.any():
        volume = records * size
        notes.append(
            f"bytes are unknown and assumed to be {size:,} a record: if yours are larger, they may be the limit instead"
        )
    return [Traffic(float(each), float(count)) for each, count in zip(volume, records, strict=True)], notes


_RECORD_SIZES: Mapping[tuple[Any, Any], int] = {
    (True, False): RECORD_BYTES,
    (False, True): _SMALL_RECORD_BYTES,
    (True, True): 0,
    (False, False): 0,
}


def _completed(volume: Numbers, records: Numbers) -> tuple[Numbers, Numbers, int]:
    both = (volume > 0) & (records > 0)
    if not both.any():
        return volume, records, 0
    size = float(volume[both].sum() / records[both].sum())
    lacks_records, lacks_bytes = (volume > 0) & (records == 0), (records > 0) & (volume == 0)
    records = np.where(lacks_records, volume / size, records)
    volume = np.where(lacks_bytes, records * size, volume)
    return volume, records, int((lacks_records | lacks_bytes).sum())


def _scaled(
    loads: list[Traffic], mean_shards: float | None, *, is_rate: bool, path: Path
) -> tuple[list[Traffic], list[str]]:
    if mean_shards is None and not is_rate:
        return loads, []
    shards = np.array([load.shards for load in loads])
    top = float(shards.max())
    if top == 0:
        return loads, ["all values are 0"]
    wanted = mean_shards or DEFAULT_MEAN_SHARDS
    factor = wanted / float((shards / top).mean()) / top  # the mean of very large numbers would be infinite
    if top * factor > MOST_SHARDS:
        raise TraceError(
            f"{path}: with a mean of {wanted:g} shards the highest minute would need {top * factor:,.0f}, and Kinesis "
            f"scales a stream to {MOST_SHARDS:,} at most; give a lower --mean-shards"
        )
    loads = [Traffic(load.bytes * factor, load.records * factor) for load in loads]
    if not is_rate:
        return loads, [f"scaled by {factor:.4g} to a mean of {wanted:g} shards"]
    mebibytes = SHARD_BYTES_PER_MINUTE / 60 / 1024**2 * wanted
    note = (
        f"values of unknown unit, scaled so that their mean is {wanted:g} shards ({mebibytes:g} MiB/s): "
        "choose it with --mean-shards, or give real amounts as timestamp,bytes,records"
    )
    return loads, [note]
