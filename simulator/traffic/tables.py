"""Reads tables: CSV with a common separator, and the rows of a JSON list."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from simulator.traffic.amounts import amounts
from simulator.traffic.model import TraceError
from simulator.traffic.names import Metric, Name, is_local_time, is_time, is_utc, name_of
from simulator.traffic.series import Content, Series
from simulator.traffic.timestamps import Instants, instants

FORMS = "timestamp,bytes,records or timestamp,value"
_SEPARATORS = ",;\t|"
_ROWS_TO_SEARCH = 20
_LOOKS_LIKE_TIME = re.compile(
    r"\s*(?:\d{9,20}(?:\.\d*)?|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}.*)"
)
_ABOUT_COLUMNS = {
    "full label", "label", "namespace", "metric", "metric name", "metricname", "statistic", "stat", "period", "unit",
    "dimensions", "streamname", "stream name", "id", "region", "account", "account id", "y axis",
}  # fmt: skip
_LONG_FORM = {"series", "metric", "metricname", "metric_name", "metric name", "label", "name"}
_STREAMS = {"stream", "streamname", "stream_name", "stream name"}
_SHARDS = {"shard", "shardid", "shard_id", "shard id"}
_VALUES = ("value", "sum", "values")

Row = tuple[int, list[str]]


def read_csv(text: str, path: Path) -> Content:
    """Read a CSV file.

    Raises:
        TraceError: it is not CSV, or contains no traffic.

    """
    lines = text.splitlines(keepends=True)
    rows_of = {mark: _rows(lines[: _ROWS_TO_SEARCH * 2], mark, path, strict=False) for mark in _candidates(lines)}
    separator, header = _header(rows_of, path)
    rows = _rows(lines, separator, path)
    position = next(index for index, row in enumerate(rows) if row[0] == header[0])
    names, first = _names(rows, position, path)
    body = [row for row in rows[first:] if row[1] != header[1]]
    for number, cells in body:
        if len(cells) != len(names) and (len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :])):
            raise TraceError(
                f"{path}, line {number}: {len(cells)} cells, and the header has {len(names)}; "
                "give each column a name, and quote numbers with a decimal comma"
            )
    numbers = [number for number, _ in body]
    return read_rows(
        names, [cells[: len(names)] for _, cells in body], path, lambda index: f"{path}, line {numbers[index]}"
    )


def _candidates(lines: Sequence[str]) -> str:
    """Return the possible separators. A first line `sep=;`, which Excel writes, defines it."""
    said = re.fullmatch(r"\s*\"?sep=(.)\"?\s*", lines[0]) if lines else None
    return said[1] if said and said[1] in _SEPARATORS else _SEPARATORS


def _rows(lines: Sequence[str], separator: str, path: Path, *, strict: bool = True) -> list[Row]:
    """Return the non-empty rows with their line numbers. Comments start with #."""
    kept = ("\n" if line.lstrip().startswith("#") or line.startswith("sep=") else line for line in lines)
    reader = csv.reader(kept, delimiter=separator, skipinitialspace=True, strict=strict)
    rows: list[Row] = []
    try:
        rows.extend((reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
    except csv.Error as error:
        raise TraceError(f"{path}, line {reader.line_num}: {error}; write it as plain CSV") from None
    return rows


def _header(rows_of: dict[str, list[Row]], path: Path) -> tuple[str, Row]:
    """Return the separator and the header: the first row that names a time, or that of CloudWatch's console."""
    for separator, rows in rows_of.items():
        for row in rows[:_ROWS_TO_SEARCH]:
            if len(row[1]) > 1 and any(is_time(cell) for cell in row[1]):
                return separator, row
            if any(_LOOKS_LIKE_TIME.fullmatch(cell) for cell in row[1]):
                break
    for separator, rows in rows_of.items():
        if rows and len(rows[0][1]) > 1 and rows[0][1][0].strip().lower() in _ABOUT_COLUMNS:
            return separator, rows[0]
    separator, rows = max(rows_of.items(), key=lambda item: len(item[1][0][1]) if item[1] else 0)
    if not rows:
        raise TraceError(f"{path} is empty; it must have a header, {FORMS}, and a line for each minute")
    number, cells = rows[0]
    if any(_LOOKS_LIKE_TIME.fullmatch(cell) for cell in cells):
        raise TraceError(f"{path}, line {number}: the file has no header; put {FORMS} above its first line")
    raise TraceError(f"{path}, line {number}: the header names {_quoted(cells)}; it must name {FORMS}")


def _names(rows: Sequence[Row], position: int, path: Path) -> tuple[list[str], int]:
    """Return the columns' names, and the position of the first row below the header."""
    number, cells = rows[position]
    if any(is_time(cell) for cell in cells):
        return [cell.strip() for cell in cells], position + 1
    about: dict[str, list[str]] = {}
    end = position
    while end < len(rows) and rows[end][1][0].strip().lower() in _ABOUT_COLUMNS | {""}:
        about[rows[end][1][0].strip().lower()] = rows[end][1]
        end += 1
    width = max(len(cells) for cells in about.values())
    names = ["timestamp"]
    for column in range(1, width):
        said = [cells[column].strip() for cells in about.values() if column < len(cells)]
        label = next((each for each in said if name_of(each)), "")
        names.append(
            " ".join(dict.fromkeys([label, *about.get("statistic", [""] * width)[column : column + 1]])).strip()
        )
    if not any(name_of(each) for each in names[1:]):
        said = [cell for cells in about.values() for cell in cells[1:]]
        raise TraceError(f"{path}, line {number}: the header names {_quoted(said)}; it must name {FORMS}")
    return names, end


def read_rows(names: Sequence[str], rows: Sequence[Sequence[str]], path: Path, place: Callable[[int], str]) -> Content:
    """Return the series of a table with the columns `names`.

    Raises:
        TraceError: it is not a table of traffic.

    """
    time = next(index for index, name in enumerate(names) if is_time(name))
    if is_local_time(names[time]):
        raise TraceError(
            f"{path}: the column {names[time]} has local times, an hour of which may occur twice; export UTC instead"
        )
    columns = {index: name for index, text in enumerate(names) if index != time and (name := name_of(text))}
    lower = [name.lower().strip() for name in names]
    label = next((index for index, name in enumerate(lower) if name in _LONG_FORM), None)
    value = next((lower.index(name) for name in _VALUES if name in lower), None)
    is_long = value is not None and (label is not None or "unit" in lower)
    if not columns and not is_long:
        raise TraceError(f"{path}: the columns are {_quoted(names)}; among them must be {FORMS}")
    if not rows:
        raise TraceError(f"{path} has no rows below its header; export a value for each minute")
    table = pd.DataFrame(list(rows), dtype="str")
    at = instants(table[time], place)
    if is_utc(names[time]):
        at = replace(at, is_naive=False)
    if not {name.metric for name in columns.values()} - {Metric.VALUE} and value is not None:
        said = None if label is None else table[label]
        if said is None and "unit" in lower:
            said = table[lower.index("unit")].map(_metric_of_unit)
        names_metrics = said is not None and any(name_of(str(each)) for each in said.unique())
        if said is not None and (names_metrics or not columns):  # else the label describes something else
            for index in (index for index, name in enumerate(lower) if name in _STREAMS | _SHARDS):
                said = said + " " + table[index]
            return Content(_long(table, at, said, value, path, place))
    series = [_series(table[index], name, names[index], at, place) for index, name in columns.items()]
    for kind, set_name in ((_STREAMS, "stream"), (_SHARDS, "shard")):
        column = next((index for index, name in enumerate(lower) if name in kind), None)
        if column is not None:
            series = [part for each in series for part in _split(each, table[column], set_name)]
    return Content(series)


def _metric_of_unit(unit: str) -> str:
    return {"bytes": "IncomingBytes", "count": "IncomingRecords"}.get(unit.strip().lower(), unit)


def _long(
    table: pd.DataFrame, at: Instants, labels: pd.Series[str], value: int, path: Path, place: Callable[[int], str]
) -> list[Series]:
    """Return the series of a table with a row for each time and metric."""
    result = []
    for label in labels.str.strip().unique():
        if name := name_of(str(label)):
            rows = np.flatnonzero((labels.str.strip() == label).to_numpy(dtype=bool))
            of_label = replace(at, at=at.at[rows])
            result.append(_series(table[value].iloc[rows], name, str(label), of_label, _within(place, rows)))
    if not result:
        said = _quoted([str(each) for each in labels.unique()])
        raise TraceError(f"{path} has rows of {said}, and must have rows of IncomingBytes or IncomingRecords")
    return result


def _within(place: Callable[[int], str], rows: np.ndarray) -> Callable[[int], str]:
    return lambda index: place(int(rows[index]))


def _series(cells: pd.Series[str], name: Name, label: str, at: Instants, place: Callable[[int], str]) -> Series:
    numbers, is_per_second = amounts(cells.reset_index(drop=True), name.metric, label, place)
    return Series(
        name, label, at.at, numbers * name.unit.factor, place, at.is_naive, is_per_second or name.unit.is_per_second
    )


def _split(series: Series, keys: pd.Series[str], what: str) -> list[Series]:
    """Split a series by the values of another column."""
    parts = []
    for key in keys.unique():
        rows = np.flatnonzero((keys == key).to_numpy(dtype=bool))
        said = str(key).strip()
        name = replace(series.name, stream=said) if what == "stream" else replace(series.name, shard=said)
        parts.append(
            replace(
                series,
                name=name,
                label=f"{series.label} of {key}",
                at=series.at[rows],
                amounts=series.amounts[rows],
                place=_within(series.place, rows),
            )
        )
    return parts


def _quoted(names: Sequence[str]) -> str:
    shown = [name.strip()[:40] for name in names if name.strip()][:8]
    return ", ".join(shown) or "nothing"
