"""CloudWatch dashboards: what their widgets show of simulated metrics.

Sources: CloudWatch API Reference, "Dashboard body structure and syntax"; User Guide, "Using metric math" and "Search
expression syntax".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from simulator.aws import metric_math
from simulator.aws.metric_math import Call, Node, Number, Reference, Text
from simulator.aws.metrics import MetricStore, metric_key

Points = dict[int, float]
"""A line's datapoints by the start of their period, in epoch seconds. Missing datapoints are absent."""


class UnsupportedWidgetError(ValueError):
    """A widget is invalid or not modelled."""


@dataclass(frozen=True)
class Line:
    """One line of a graph, or one number."""

    label: str
    points: Points
    dimensions: Mapping[str, str] = field(default_factory=dict)
    color: str | None = None
    on_the_right: bool = False
    period: int = 60


def lines(properties: Mapping[str, Any], store: MetricStore, start: datetime, end: datetime) -> list[Line]:
    """Return the lines of a metric widget for a time range, in the order of its rows.

    Raises:
        UnsupportedWidgetError: the widget, or an expression of it, is invalid or not modelled.
        UnsupportedExpressionError: an expression is.
    """
    whole = properties.get("setPeriodToTimeRange", False)
    period = int((end - start).total_seconds()) if whole else properties["period"]
    graph = _Graph(store, int(start.timestamp()), int(end.timestamp()), period)
    rows = [_Row.parse(index, row, properties) for index, row in enumerate(properties["metrics"])]
    for row in rows:
        if row.metric is not None:
            graph.read(row)
    for row in rows:
        if row.expression is not None:
            graph.prepare(row)
    computed = graph.compute()
    return [each for row in rows if row.visible for each in _styled(row, computed[row.id], period)]


def _styled(row: _Row, found: list[Line], period: int) -> list[Line]:
    return [
        replace(
            line,
            label=re.sub(r"\$\{PROP\('Dim\.(\w+)'\)\}", lambda m: line.dimensions[m[1]], row.label or line.label),  # noqa: B023
            color=row.color,
            on_the_right=row.on_the_right,
            period=line.period if line.dimensions else period,
        )
        for line in found
    ]


@dataclass(frozen=True)
class _Row:
    """One entry of `metrics`: a metric with its options, or an expression."""

    id: str
    metric: tuple[str, str, Mapping[str, str]] | None
    expression: str | None
    stat: str
    label: str | None
    color: str | None
    visible: bool
    on_the_right: bool

    @classmethod
    def parse(cls, index: int, row: Sequence[Any], properties: Mapping[str, Any]) -> _Row:
        *metric, options = row if isinstance(row[-1], dict) else (*row, {})
        if bool(metric) == ("expression" in options):
            raise UnsupportedWidgetError(f"{row!r} must be either a metric or an expression")
        if metric and (len(metric) % 2 or not all(isinstance(part, str) for part in metric)):
            raise UnsupportedWidgetError(f"{row!r} does not name a metric and pairs of dimensions")
        names = metric[2::2], metric[3::2]
        return cls(
            id=options.get("id", f"row{index}"),
            metric=(metric[0], metric[1], dict(zip(*names, strict=True))) if metric else None,
            expression=options.get("expression"),
            stat=options.get("stat", properties.get("stat", "Average")),
            label=options.get("label"),
            color=options.get("color"),
            visible=options.get("visible", True),
            on_the_right=options.get("yAxis", "left") == "right",
        )


class _Graph:
    """The rows of one widget, computed.

    `metric_math` computes expressions on single moments. Expressions across time or on searched metrics (FILL with
    REPEAT, SEARCH, SORT) are computed here, and must be the whole expression of a row.
    """

    def __init__(self, store: MetricStore, start: int, end: int, period: int) -> None:
        self._store, self._start, self._end, self._period = store, start, end, period
        self._lines: dict[str, list[Line]] = {}
        self._math: dict[str, str] = {}

    def read(self, row: _Row) -> None:
        assert row.metric is not None
        namespace, name, dimensions = row.metric
        self._lines[row.id] = [
            Line(name, self._points(namespace, name, dimensions, row.stat, self._period), period=self._period)
        ]

    def prepare(self, row: _Row) -> None:
        """Compute an expression across time, or keep it for metric math."""
        assert row.expression is not None
        root = metric_math.parse(_with_quoted_words(row.expression)).root
        if isinstance(root, Call) and root.function in ("FILL", "SEARCH", "SORT"):
            self._lines[row.id] = self._array(root)
        else:
            self._math[row.id] = row.expression

    def compute(self) -> dict[str, list[Line]]:
        """Return the lines of all rows by id."""
        series = {id_: found[0].points for id_, found in self._lines.items() if len(found) == 1}
        computed = metric_math.evaluate(self._math, series, self._moments(self._period), self._period)
        helpers: dict[str, list[Line]] = {id_: [] for id_ in self._math}
        return {
            **helpers,
            **self._lines,
            **{id_: [Line(id_, points, period=self._period)] for id_, points in computed.items()},
        }

    def _moments(self, period: int) -> range:
        if period >= self._end - self._start:
            return range(self._start, self._start + 1)
        return range(self._start // period * period, self._end, period)

    def _points(self, namespace: str, name: str, dimensions: Mapping[str, str], stat: str, period: int) -> Points:
        key = metric_key(namespace, name, dimensions)
        values = {
            moment: self._store.aggregate(key, stat, moment, period, self._end) for moment in self._moments(period)
        }
        return {moment: value for moment, value in values.items() if value is not None}

    def _array(self, node: Node) -> list[Line]:
        match node:
            case Reference(id_) if id_ in self._lines:
                return self._lines[id_]
            case Call("SEARCH", (Text(text), Text(stat), Number(period))):
                return self._search(text, stat, int(period))
            case Call("SORT", (array, Text("MAX"), Text("DESC"), Number(limit))):
                largest = sorted(self._array(array), key=lambda line: -max(line.points.values(), default=0))
                return largest[: int(limit)]
            case Call("FILL", (array, filler)):
                return [replace(line, points=self._filled(line, filler)) for line in self._array(array)]
        raise UnsupportedWidgetError(f"{node} is not modelled")

    def _filled(self, line: Line, filler: Node) -> Points:
        filled: Points = {}
        last: float | None = None
        for moment in self._moments(line.period):
            last = line.points.get(moment, filler.value if isinstance(filler, Number) else last)
            if last is not None:
                filled[moment] = last
        if not isinstance(filler, Number) and filler != Text("REPEAT"):
            raise UnsupportedWidgetError(f"FILL with {filler} is not modelled")
        return filled

    def _search(self, text: str, stat: str, period: int) -> list[Line]:
        match = re.fullmatch(r"\{([^}]+)\}((?: \w+=\"[^\"]+\")+)", text)
        if match is None:
            raise UnsupportedWidgetError(f"the search {text!r} is not modelled")
        wanted_namespace, *schema = match[1].split(",")
        terms = dict(re.findall(r"(\w+)=\"([^\"]+)\"", match[2]))
        if not terms.keys() <= {"MetricName", *schema}:
            raise UnsupportedWidgetError(f"the search {text!r} asks for dimensions that are not in its schema")
        found = []
        for namespace, name, pairs in sorted(self._store.keys()):
            dimensions = dict(pairs)
            if namespace != wanted_namespace or dimensions.keys() != set(schema):
                continue
            if all({"MetricName": name, **dimensions}[term] == value for term, value in terms.items()):
                points = self._points(namespace, name, dimensions, stat, period)
                found.append(Line(f"{name} {' '.join(dimensions.values())}", points, dimensions, period=period))
        return found


def _with_quoted_words(expression: str) -> str:
    """Quote bare words (REPEAT, MAX as an order) so that `metric_math` can parse them."""
    return re.sub(r"\b(REPEAT|LINEAR|MIN|MAX|AVG|SUM|ASC|DESC)(?=\s*[,)])", r'"\1"', expression)
