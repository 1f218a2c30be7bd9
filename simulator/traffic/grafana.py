"""Reads Grafana's JSON exports: data frames, answers of the query inspector, and targets with datapoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from simulator.traffic.model import TraceError
from simulator.traffic.names import is_time, name_of
from simulator.traffic.series import Content, Series
from simulator.traffic.validation import Number, Time, series_of, valid


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
    schema_: _GrafanaSchema = Field(alias="schema")
    data: _GrafanaData


class _GrafanaTarget(BaseModel):
    target: str
    datapoints: list[tuple[Number, Time]]


def targets(documents: Sequence[dict[str, Any]], path: Path) -> Content:
    """Return the content of Grafana's older JSON: targets with pairs of a number and a time."""
    series = []
    for number, document in enumerate(documents):
        target = valid(_GrafanaTarget, document, f"{path}, [{number}]")
        if name := name_of(target.target):
            numbers, times = zip(*target.datapoints, strict=True) if target.datapoints else ((), ())
            series.append(series_of(name, target.target, times, numbers, path))
    return _of_grafana(series, [str(each["target"]) for each in documents], path)


def frames(documents: Sequence[dict[str, Any]]) -> list[Any]:
    """Return Grafana's data frames, from a bare list or from an answer of the query inspector."""
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


def of_frames(frames: Sequence[Any], path: Path) -> Content:
    """Return the series of data frames, one field of which is the time."""
    series, labels = [], []
    for number, document in enumerate(frames):
        where = f"{path}, frame {number + 1}"
        frame = valid(_GrafanaFrame, document, where)
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
                series.append(series_of(name, label, columns[time], numbers, path))
    return _of_grafana(series, labels, path)


def _valid_numbers(column: list[Any], where: str) -> list[float | None]:
    class _Column(BaseModel):
        values: list[Number]

    return valid(_Column, {"values": column}, where).values


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
