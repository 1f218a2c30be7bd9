"""Reads JSON: what GetMetricData answers, Grafana's exports, and rows or columns of numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError

from simulator.traffic.model import TraceError
from simulator.traffic.names import Name, is_time, name_of
from simulator.traffic.series import Content, Series, joined
from simulator.traffic.tables import read_rows
from simulator.traffic.timestamps import Instants, instants

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

_COMPLETE = "Complete"
_RULES = (
    ("list", "a list"),
    ("tuple", "a pair of a number and a time"),
    ("too_", "a pair of a number and a time"),
    ("model", "an object"),
    ("dict", "an object"),
    ("string", "text"),
    ("int", "a whole number"),
    ("float", "a number"),
    ("value_error", "a number"),
)
"""What pydantic's kinds of errors ask for, by how these begin."""
_PARTS_OF_UNIONS = {"int", "float", "str", "bool"}
_M = TypeVar("_M", bound=BaseModel)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


_Number = Annotated[float | None, BeforeValidator(_no_bool)]
_Time = Annotated[int | float | str, BeforeValidator(_no_bool)]


class _Message(BaseModel):
    Code: str = ""
    Value: str = ""


class _Result(BaseModel):
    Id: str | None = None
    Label: str | None = None
    Timestamps: list[_Time]
    Values: list[_Number]
    StatusCode: str | None = None
    Messages: list[_Message] | None = None


class _Page(BaseModel):
    MetricDataResults: list[_Result]
    Messages: list[_Message] | None = None
    NextToken: str | None = None
    Period: int | None = None


class _GrafanaField(BaseModel):
    name: str = ""
    type: str | None = None
    labels: dict[str, str] | None = None
    config: dict[str, Any] | None = None


class _GrafanaSchema(BaseModel):
    name: str | None = None
    fields: list[_GrafanaField]


class _GrafanaData(BaseModel):
    values: list[list[Any]]


class _GrafanaFrame(BaseModel):
    schema_: _GrafanaSchema
    data: _GrafanaData


class _GrafanaTarget(BaseModel):
    target: str
    datapoints: list[tuple[_Number, _Time]]


def read_json(text: str, path: Path) -> Content:
    """Read a JSON file: one document, or several one after another.

    Raises:
        TraceError: it is none, or none of traffic.

    """
    documents = list(_documents(text, path))
    flat = [each for document in documents for each in (document if isinstance(document, list) else [document])]
    if not flat or not all(isinstance(each, dict) for each in flat):
        raise TraceError(f"{path} {_not_expected('a list of what is no object')}")
    if all("MetricDataResults" in each for each in flat):
        return _metric_data(flat, path)
    if any("Datapoints" in each for each in flat):
        raise TraceError(
            f"{path} is what get-metric-statistics answers, which is one metric alone; "
            f"get both metrics with this command:\n{GET_METRIC_DATA}"
        )
    if all("target" in each and "datapoints" in each for each in flat):
        return _grafana_targets(flat, path)
    frames = _frames(flat)
    if frames:
        return _grafana_frames(frames, path)
    if any(is_time(str(key)) for key in flat[0]):
        return _rows(flat, path)
    raise TraceError(f"{path} {_not_expected(', '.join(str(key)[:40] for key in list(flat[0])[:8]) or 'nothing')}")


def _not_expected(found: str) -> str:
    return f"has {found} and no MetricDataResults; it must be what this command answers:\n{GET_METRIC_DATA}"


def _documents(text: str, path: Path) -> Iterator[Any]:
    """The JSON documents that are written one after another."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        if text[position].isspace() or text[position] in ",\x1e":
            position += 1
            continue
        try:
            document, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise TraceError(
                f"{path}, line {error.lineno}: no JSON from there on ({error.msg}); is the file complete?"
            ) from None
        except (ValueError, RecursionError):  # a number of thousands of digits, or brackets in thousands
            raise TraceError(f"{path} {_not_expected('JSON that cannot be read')}") from None
        yield document


def _valid(model: type[_M], document: object, where: str) -> _M:
    """A document as the model has it; an error names the place in it, the rule and what is there."""
    try:
        return TypeAdapter(model).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ""
        for step in first["loc"]:
            if step not in _PARTS_OF_UNIONS:
                place += f"[{step}]" if isinstance(step, int) else f".{step}"
        place = place.lstrip(".") or "the document"
        if first["type"] == "missing":
            raise TraceError(f"{where}: {place} is missing; export the file again") from None
        found, kind = repr(first["input"]), first["type"]
        found = found if len(found) <= 40 else found[:37] + "..."
        rule = next((rule for begin, rule in _RULES if kind.startswith(begin)), "of another type")
        raise TraceError(f"{where}: {place} is {found} and must be {rule}; export the file again") from None


def _metric_data(documents: Sequence[dict[str, Any]], path: Path) -> Content:
    """The series of one or several answers of GetMetricData, told apart by their Id and Label."""
    pages = [_valid(_Page, document, str(path)) for document in documents]
    if pages[-1].NextToken:
        raise TraceError(
            f"{path} ends with a NextToken: there are more pages; append them, or let the AWS CLI fetch them all, "
            "without --no-paginate and --max-items"
        )
    parts: dict[tuple[str, str], list[Series]] = {}
    statuses: dict[tuple[str, str], str] = {}
    notes = [_said(message, "") for page in pages for message in page.Messages or ()]
    for page in pages:
        for result in page.MetricDataResults:
            key = (result.Id or "", result.Label or "")
            name = name_of(key[1], key[0])
            if name is None:
                continue
            statuses[key] = result.StatusCode or _COMPLETE
            notes += [_said(message, key[1] or key[0]) for message in result.Messages or ()]
            parts.setdefault(key, []).append(_of_result(result, name, key[1] or key[0], path))
    for (id_, label), status in statuses.items():
        if status != _COMPLETE:
            raise TraceError(
                f"{path}: CloudWatch answered {status} for {label or id_}, so that values may be missing; "
                "get the data again"
            )
    if not any(len(each.at) for series in parts.values() for each in series):
        known = [result.Label or result.Id or "?" for page in pages for result in page.MetricDataResults]
        has = f"it has results of {', '.join(dict.fromkeys(known))[:200]}" if known else "it has no results"
        raise TraceError(
            f"{path} has no values of IncomingBytes or IncomingRecords: {has}. "
            f"Get them with this command, for a time in which the stream had traffic:\n{GET_METRIC_DATA}"
        )
    period = next((page.Period for page in pages if page.Period), None)
    if period is not None and not 1 <= period <= 3600:
        raise TraceError(f"{path}: the Period is {period} and must be from 1 to 3,600 seconds")
    return Content([joined(series) for series in parts.values()], notes, period)


def _said(message: _Message, label: str) -> str:
    of = f" of {label}" if label else ""
    return f"CloudWatch says{of}: {message.Code} {message.Value}".strip()


def _of_result(result: _Result, name: Name, label: str, path: Path) -> Series:
    if len(result.Timestamps) != len(result.Values):
        raise TraceError(
            f"{path}: {label} has {len(result.Timestamps)} Timestamps and {len(result.Values)} Values; "
            "get the data again"
        )
    return _series(name, label, result.Timestamps, result.Values, path)


def _series(name: Name, label: str, times: Sequence[object], numbers: Sequence[float | None], path: Path) -> Series:
    def place(index: int) -> str:
        return f"{path}, value {index + 1} of {label}"

    if times:
        at = instants(pd.Series([_text(each) for each in times], dtype="str"), place)
    else:
        at = Instants(np.zeros(0, dtype=np.int64), is_naive=False)
    values = np.array([np.nan if each is None else each for each in numbers], dtype=np.float64)
    for index in np.flatnonzero((values < 0) | np.isinf(values))[:1]:
        raise TraceError(f"{place(int(index))} is {values[index]:g}; it must be 0 or more and finite")
    return Series(
        name, label, at.at, values * name.unit.factor, place, at.is_naive, is_per_second=name.unit.is_per_second
    )


def _text(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _grafana_targets(documents: Sequence[dict[str, Any]], path: Path) -> Content:
    """Grafana's older JSON: a target with pairs of a number and a time."""
    series = []
    for number, document in enumerate(documents):
        target = _valid(_GrafanaTarget, document, f"{path}, [{number}]")
        if name := name_of(target.target):
            numbers, times = zip(*target.datapoints, strict=True) if target.datapoints else ((), ())
            series.append(_series(name, target.target, times, numbers, path))
    return _of_grafana(series, [str(each["target"]) for each in documents], path)


def _frames(documents: Sequence[dict[str, Any]]) -> list[Any]:
    """Grafana's data frames, alone or as its query inspector has them."""
    frames: list[Any] = []
    for document in documents:
        if "schema" in document and "data" in document:
            frames.append(document)
        results = document.get("results")
        if isinstance(results, dict):
            for result in results.values():
                if isinstance(result, dict) and isinstance(result.get("frames"), list):
                    frames += result["frames"]
    return frames


def _grafana_frames(frames: Sequence[Any], path: Path) -> Content:
    series, labels = [], []
    for number, document in enumerate(frames):
        where = f"{path}, frame {number + 1}"
        renamed = {**document, "schema_": document.get("schema")} if isinstance(document, dict) else document
        frame = _valid(_GrafanaFrame, renamed, where)
        fields, columns = frame.schema_.fields, frame.data.values
        if len(fields) != len(columns) or len({len(column) for column in columns}) > 1:
            raise TraceError(
                f"{where} has {len(fields)} fields and not as many columns of equal length; export it again"
            )
        time = next((index for index, each in enumerate(fields) if each.type == "time" or is_time(each.name)), None)
        if time is None:
            continue
        for field, column in zip(fields, columns, strict=True):
            label = _label(field, frame.schema_)
            if field is fields[time]:
                continue
            labels.append(label)
            if name := name_of(label):
                numbers = _valid_numbers(column, f"{where}, {label}")
                series.append(_series(name, label, columns[time], numbers, path))
    return _of_grafana(series, labels, path)


def _valid_numbers(column: list[Any], where: str) -> list[float | None]:
    class _Column(BaseModel):
        values: list[_Number]

    return _valid(_Column, {"values": column}, where).values


def _label(field: _GrafanaField, schema: _GrafanaSchema) -> str:
    config = field.config or {}
    shown = str(config.get("displayName") or config.get("displayNameFromDS") or field.name)
    if name_of(shown) is None and schema.name:
        shown = f"{schema.name} {shown}"
    streams = [
        value for key, value in (field.labels or {}).items() if key.lower() in {"streamname", "stream", "shardid"}
    ]
    return " ".join([shown, *(each for each in streams if each not in shown)])


def _of_grafana(series: Sequence[Series], labels: Sequence[str], path: Path) -> Content:
    if not series:
        raise TraceError(
            f"{path} has {', '.join(labels)[:200] or 'no series'}, and must have IncomingBytes or IncomingRecords "
            "in a name"
        )
    return Content(series)


def _rows(documents: Sequence[Mapping[str, Any]], path: Path) -> Content:
    """A list of objects, a row each; or one object of columns."""
    names = list(documents[0])
    columns = [documents[0][name] for name in names]
    if len(documents) == 1 and all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) > 1:
            raise TraceError(f"{path}: the columns {', '.join(names)[:200]} are not equally long")
        rows = [list(row) for row in zip(*columns, strict=True)]
    else:
        rows = [[each.get(name) for name in names] for each in documents]
    cells = [["" if each is None else _text(each) for each in row] for row in rows]
    place: Callable[[int], str] = lambda index: f"{path}, item {index + 1}"  # noqa: E731
    return read_rows(names, cells, path, place)
