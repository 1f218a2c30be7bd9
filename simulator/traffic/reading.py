"""Traffic to replay: one `Traffic` a minute, generated or read from a file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from simulator.traffic.model import Trace, TraceError, Traffic

DEFAULT_MEAN_SHARDS = 4.0
_BYTES, _RECORDS = "IncomingBytes", "IncomingRecords"

GET_METRIC_DATA = """\
aws cloudwatch get-metric-data --start-time 2026-10-01T00:00:00Z --end-time 2026-10-29T00:00:00Z \\
  --metric-data-queries '[
    {"Id": "incomingBytes", "MetricStat": {"Stat": "Sum", "Period": 300, "Metric": {
      "Namespace": "AWS/Kinesis", "MetricName": "IncomingBytes",
      "Dimensions": [{"Name": "StreamName", "Value": "orders"}]}}},
    {"Id": "incomingRecords", "MetricStat": {"Stat": "Sum", "Period": 300, "Metric": {
      "Namespace": "AWS/Kinesis", "MetricName": "IncomingRecords",
      "Dimensions": [{"Name": "StreamName", "Value": "orders"}]}}}
  ]' > orders.json"""
"""How to get a stream's traffic of four weeks. CloudWatch keeps it by the minute for 15 days, by 5 minutes for 63."""


def read_trace(path: Path, *, mean_shards: float | None = None) -> Trace:
    """Read a CSV file of one of two forms, with a header line, or what `aws cloudwatch get-metric-data` answers.

    - `timestamp,value`: a rate in any unit; scaled so that the mean demand is `mean_shards` shards (4 if not given);
    - `timestamp,bytes,records`: totals of the interval that begins at the timestamp, as CloudWatch reports
      IncomingBytes and IncomingRecords; scaled only where `mean_shards` is given.
    - JSON with MetricDataResults, one or several answers one after another (see GET_METRIC_DATA): sums of IncomingBytes
      and IncomingRecords, told apart by their Id or Label, in either order of time; periods of which CloudWatch has
      nothing are without traffic. Scaled only where `mean_shards` is given.

    Timestamps are ISO 8601 (UTC where they name no zone) or seconds since 1970, in CSV in rising order; the minutes
    between two are interpolated. Raises TraceError.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise TraceError(f"{path} cannot be read: {reason}") from error
    rows, is_rate = _metric_data(path, text) if text.lstrip().startswith("{") else _table(path, text)
    minutes = _by_minute(rows)
    mean = sum(load.shards for load in minutes) / len(minutes)
    if mean == 0:
        raise TraceError(f"{path}: all values are 0, there is no traffic to replay")
    if mean_shards is not None or is_rate:
        factor = (mean_shards or DEFAULT_MEAN_SHARDS) / mean
        minutes = [Traffic(load.bytes * factor, load.records * factor) for load in minutes]
    return Trace(path.stem, rows[0].at, minutes)


@dataclass(frozen=True)
class _Row:
    line: int
    at: datetime
    load: Traffic
    is_total: bool


def _table(path: Path, text: str) -> tuple[list[_Row], bool]:
    """The rows of a CSV file, and whether they are rates in any unit."""
    reader = csv.DictReader(text.splitlines(), restkey="beyond the header", restval="")
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
    return rows, "value" in columns


def _row(path: Path, line: int, row: dict[str, str]) -> _Row:
    cells = {name.strip().lower(): text for name, text in row.items()}
    try:
        at = _moment(cells["timestamp"].strip())
    except ValueError:
        raise TraceError(
            f"{path}, line {line}: {cells['timestamp']!r} is no timestamp; "
            "write 2026-01-05T13:00:00Z or seconds since 1970"
        ) from None
    names = ("value",) if "value" in cells else ("bytes", "records")
    amounts = [_amount(path, f"line {line}: {name}", cells[name]) for name in names]
    if "value" in cells:
        return _Row(line, at, Traffic.for_shards(amounts[0]), is_total=False)
    return _Row(line, at, Traffic(*amounts), is_total=True)


def _metric_data(path: Path, text: str) -> tuple[list[_Row], bool]:
    """The rows of one or several answers of GetMetricData, and that they are no rates."""
    pages = list(_documents(path, text))
    if pages[-1].get("NextToken"):
        raise TraceError(
            f"{path} ends with a NextToken: there are more pages; append them, or let the AWS CLI fetch them all, "
            "without --no-paginate and --max-items"
        )
    sums: dict[str, dict[datetime, float]] = {_BYTES: {}, _RECORDS: {}}
    for page in pages:
        for result in page.get("MetricDataResults", ()):
            about = f"{result.get('Id')} {result.get('Label')}"
            for metric, values in sums.items():
                if metric.lower() in about.lower():
                    values.update(_datapoints(path, about, result))
    for metric, values in sums.items():
        if not values:
            raise TraceError(
                f"{path} has no values of {metric}: no result of MetricDataResults has it in its Id or Label. "
                f"Get both metrics like this:\n{GET_METRIC_DATA}"
            )
    moments = sorted({moment for values in sums.values() for moment in values})
    if len(moments) < 2:
        raise TraceError(f"{path}: a trace needs values at two timestamps at least")
    period = min(later - earlier for earlier, later in pairwise(moments))
    for moment in moments:
        if (moment - moments[0]) % period:
            raise TraceError(
                f"{path}: {moment} is no multiple of the period of {period.seconds} seconds after {moments[0]}; get "
                "IncomingBytes and IncomingRecords with the same Period"
            )
    rows = []
    for index in range((moments[-1] - moments[0]) // period + 1):
        at = moments[0] + index * period
        rows.append(_Row(0, at, Traffic(sums[_BYTES].get(at, 0.0), sums[_RECORDS].get(at, 0.0)), is_total=True))
    return rows, False


def _documents(path: Path, text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that are written one after another."""
    decoder, rest = json.JSONDecoder(), text.lstrip()
    while rest:
        try:
            document, end = decoder.raw_decode(rest)
        except ValueError as error:
            raise TraceError(f"{path} is no JSON: {error}") from None
        if not isinstance(document, dict) or "MetricDataResults" not in document:
            raise TraceError(
                f"{path} has no MetricDataResults; it must be what this command answers:\n{GET_METRIC_DATA}"
            )
        yield document
        rest = rest[end:].lstrip()


def _datapoints(path: Path, about: str, result: Mapping[str, Any]) -> dict[datetime, float]:
    timestamps, values = result.get("Timestamps", ()), result.get("Values", ())
    if len(timestamps) != len(values):
        raise TraceError(f"{path}: {about} has {len(timestamps)} Timestamps and {len(values)} Values")
    points = {}
    for timestamp, value in zip(timestamps, values, strict=True):
        try:
            moment = _moment(str(timestamp))
        except ValueError:
            raise TraceError(f"{path}: {about} has the timestamp {timestamp!r}, which is none") from None
        points[moment] = _amount(path, f"a value of {about}", str(value))
    return points


def _moment(text: str) -> datetime:
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _amount(path: Path, what: str, text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        raise TraceError(f"{path}, {what} is {text!r}, which is no number") from None
    if not 0 <= amount < math.inf:
        raise TraceError(f"{path}, {what} is {text}; it must be 0 or more and finite")
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
