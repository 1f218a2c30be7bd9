"""Reads JSON: answers of GetMetricData, Grafana's exports, and rows or columns of numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.traffic import grafana
from simulator.traffic.metric_data import GET_METRIC_DATA, metric_data
from simulator.traffic.model import TraceError
from simulator.traffic.names import is_time
from simulator.traffic.series import Content
from simulator.traffic.tables import read_rows
from simulator.traffic.validation import text_of


def read_json(text: str, path: Path) -> Content:
    """Read a JSON file with one document or several consecutive ones.

    Raises:
        TraceError: it is not JSON, or contains no traffic.

    """
    documents = list(_documents(text, path))
    flat = [each for document in documents for each in (document if isinstance(document, list) else [document])]
    if not flat or not all(isinstance(each, dict) for each in flat):
        raise TraceError(f"{path} {_not_expected('a list of what is no object')}")
    if all("MetricDataResults" in each for each in flat):
        return metric_data(flat, path)
    if any("Datapoints" in each for each in flat):
        raise TraceError(
            f"{path} is what get-metric-statistics answers, which is one metric alone; "
            f"get both metrics with this command:\n{GET_METRIC_DATA}"
        )
    if all("target" in each and "datapoints" in each for each in flat):
        return grafana.targets(flat, path)
    frames = grafana.frames(flat)
    if frames:
        return grafana.of_frames(frames, path)
    if any(is_time(str(key)) for key in flat[0]):
        return _rows(flat, path)
    raise TraceError(f"{path} {_not_expected(', '.join(str(key)[:40] for key in list(flat[0])[:8]) or 'nothing')}")


def _not_expected(found: str) -> str:
    return f"has {found} and no MetricDataResults; it must be what this command answers:\n{GET_METRIC_DATA}"


def _documents(text: str, path: Path) -> Iterator[Any]:
    """Yield the consecutive JSON documents of a text."""
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
        except (ValueError, RecursionError):  # a number with thousands of digits, or thousands of nested brackets
            raise TraceError(f"{path} {_not_expected('JSON that cannot be read')}") from None
        yield document


def _rows(documents: Sequence[Mapping[str, Any]], path: Path) -> Content:
    """Return the content of a list of objects (rows), or of one object of columns."""
    names = list(documents[0])
    columns = [documents[0][name] for name in names]
    if len(documents) == 1 and all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) > 1:
            raise TraceError(f"{path}: the columns {', '.join(names)[:200]} are not equally long")
        rows = [list(row) for row in zip(*columns, strict=True)]
    else:
        rows = [[each.get(name) for name in names] for each in documents]
    cells = [["" if each is None else text_of(each) for each in row] for row in rows]
    place: Callable[[int], str] = lambda index: f"{path}, item {index + 1}"  # noqa: E731
    return read_rows(names, cells, path, place)
