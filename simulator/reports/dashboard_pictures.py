"""Pictures of CloudWatch dashboards with simulated metrics.

`python -m simulator.reports.dashboard_pictures` applies examples/fleet to a local AWS with the real Terraform,
replays a day of traffic, and draws the dashboards. A picture shows the widgets of a dashboard's JSON, approximately at
their positions in the console.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from kinesis_autoscaler.model import Reason
from simulator.aws import log_queries
from simulator.aws.dashboards import Line, UnsupportedWidgetError, lines
from simulator.aws.metrics import MetricStore
from simulator.deployment.recording import dashboards as dashboards_of
from simulator.deployment.terraform import REPOSITORY, WorkingCopy
from simulator.deployment.without_terraform import FILE
from simulator.local_aws import START, LocalAWS, Transport
from simulator.local_aws.replay_loop import replay
from simulator.reports.stamp import stamp
from simulator.traffic import generated_day

EXAMPLE = "examples/fleet"
_SOURCES = ("monitoring.tf", "modules/stream/dashboard.tf", "examples/fleet/main.tf")
IMAGES = REPOSITORY / "docs" / "images"

_COLUMN, _ROW = 0.66, 0.52  # inches per unit of the console's grid, which is 24 columns wide
_COLUMNS = 24
_CHARACTER = 0.06  # inches, slightly more than the average in a label of size 7.5
_PALETTE = (
    "#1f77b4",
    "#ff9f40",
    "#2ca089",
    "#b04a9d",
    "#8c6d31",
    "#7f8c9b",
    "#d62839",
    "#17becf",
    "#9fbf3b",
    "#5b4b9a",
)
_SIGNS = {"o": "●", "^": "▲", "s": "■", "D": "◆", "v": "▼", "X": "✖"}
"""The shapes of the lines' markers, and their characters in legends."""
_MARKS_A_LINE = 12
_REASON_COLORS = [color for name in ("tab20", "tab20b") for color in mpl.colormaps[name](range(20))]
_STATES = {"OK": "#1b8a5a", "ALARM": "#d62839", "INSUFFICIENT_DATA": "#8a8a8a"}
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 8.5, "axes.edgecolor": "#bbbbbb", "text.color": "#222222"}
_FAINT = "#666666"
_GRID = "#ececec"


@dataclass(frozen=True)
class Scene:
    """The data that dashboards show at one moment: metrics, the state of each alarm by its ARN, the function's log."""

    store: MetricStore
    start: datetime
    end: datetime
    alarm_states: Mapping[str, str]
    log: Sequence[log_queries.Line]

    @classmethod
    def of(cls, aws: LocalAWS, start: datetime) -> Scene:
        """Return the data of the local AWS from `start` until now."""
        alarms = aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
        states = {alarm["AlarmArn"]: alarm["StateValue"] for page in alarms for alarm in page["MetricAlarms"]}
        log = [line for invocation in aws.functions.invocations for line in invocation.logs]
        return cls(aws.store, start, aws.clock.now(), states, log)


def draw(body: Mapping[str, Any], scene: Scene, path: Path) -> None:
    """Write a picture of a dashboard to a file.

    Raises:
        UnsupportedWidgetError: a widget is invalid or not modelled.
    """
    widgets = body["widgets"]
    height = max(widget["y"] + widget["height"] for widget in widgets)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_COLUMNS * _COLUMN, height * _ROW), dpi=100, facecolor="#f4f5f7")
        for widget in widgets:
            draw_widget = _DRAW.get(widget["type"])
            if draw_widget is None:
                raise UnsupportedWidgetError(f"widgets of the type {widget['type']!r} are not modelled")
            card = _Card(figure, widget, height)
            draw_widget(card, widget["properties"], scene)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata=stamp(path, sources()))


def sources() -> list[Any]:
    """The files that define the dashboards, and the alarms' thresholds, which the dashboards show as lines."""
    recorded = json.loads(FILE.read_text())["streams"]["plain"]
    thresholds = [recorded[direction]["Threshold"] for direction in ("scale-up", "scale-down")]
    return [*((REPOSITORY / name).read_text() for name in _SOURCES), thresholds]


class _Card:
    """The rectangle of a widget in the picture."""

    def __init__(self, figure: Figure, widget: Mapping[str, Any], height: int) -> None:
        self.width, self.height = widget["width"] * _COLUMN, widget["height"] * _ROW  # in inches
        self._figure = figure
        self._left, self._top = widget["x"] / _COLUMNS, 1 - widget["y"] / height
        self._whole = self.width / (widget["width"] / _COLUMNS), height * _ROW
        frame = self.axes(0.05, 0.05, 0.05, 0.05)
        frame.set_axis_off()
        box = FancyBboxPatch((0, 0), 1, 1, boxstyle="square,pad=0", facecolor="white", edgecolor="#dddddd")
        box.set_transform(frame.transAxes)
        frame.add_patch(box)

    def axes(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Axes with these margins, in inches."""
        whole_width, whole_height = self._whole
        return self._figure.add_axes(
            (
                self._left + left / whole_width,
                self._top - (self.height - bottom) / whole_height,
                (self.width - left - right) / whole_width,
                (self.height - top - bottom) / whole_height,
            )
        )

    def title(self, text: str) -> None:
        """Write the widget's title."""
        self.write(0.18, 0.28, text, fontsize=9.5, fontweight="bold")

    def write(self, x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's
        """Write text at a position in inches from the upper left corner."""
        whole_width, whole_height = self._whole
        self._figure.text(self._left + x / whole_width, self._top - y / whole_height, text, va="center", **style)


def _draw_metric(card: _Card, properties: Mapping[str, Any], scene: Scene) -> None:
    found = lines(properties, scene.store, scene.start, scene.end)
    card.title(properties["title"])
    if properties["view"] == "singleValue":
        _draw_numbers(card, found)
    elif properties["view"] == "timeSeries":
        _draw_graph(card, properties, found, scene)
    else:
        raise UnsupportedWidgetError(f"the view {properties['view']!r} is not modelled")


def _draw_numbers(card: _Card, found: list[Line]) -> None:
    for index, line in enumerate(found):
        x = 0.2 + index * (card.width - 0.3) / len(found)
        value = line.points[max(line.points)] if line.points else None
        text = "--" if value is None else f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"
        card.write(x, 0.78, text, fontsize=19)
        card.write(x, 1.2, line.label, color=_FAINT)


def _draw_graph(card: _Card, properties: Mapping[str, Any], found: list[Line], scene: Scene) -> None:
    rows = _legend_rows(found, card.width)
    two_axes = any(line.on_the_right for line in found)
    axes = card.axes(0.55, 0.55, 0.55 if two_axes else 0.2, 0.42 + 0.19 * len(rows))
    right = axes.twinx() if two_axes else axes
    colors = {id(line): _color(line, index) for index, line in enumerate(found)}
    stacked = properties.get("stacked", False)
    if stacked:
        _stack(axes, found, colors)
    else:
        for index, line in enumerate(found):
            _plot(right if line.on_the_right else axes, line, colors[id(line)], _shape(found, index))
    options = properties.get("yAxis", {})
    _scale(axes, options.get("left", {}), [line for line in found if not line.on_the_right], stacked=stacked)
    if two_axes:
        _scale(right, options.get("right", {}), [line for line in found if line.on_the_right])
    for note in properties.get("annotations", {}).get("horizontal", []):
        _annotate(axes, note)
    axes.set_xlim(scene.start.timestamp(), scene.end.timestamp())
    axes.xaxis.set_major_locator(MultipleLocator((scene.end - scene.start).total_seconds() / 8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M}"))
    axes.grid(axis="y", color=_GRID)
    axes.set_axisbelow(True)
    for each in {axes, right}:
        each.spines[["top", "left", "right"]].set_visible(False)
        each.tick_params(length=0, labelsize=7.5, labelcolor=_FAINT)
    if not any(line.points for line in found):
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", color=_FAINT)
    for number, row in enumerate(rows):
        x = 0.2
        for line in row:
            y = card.height - 0.16 - 0.19 * (len(rows) - 1 - number)
            sign = "■" if stacked else _SIGNS[_shape(found, found.index(line))]
            card.write(x, y, sign, color=colors[id(line)], fontsize=8)
            card.write(x + 0.16, y, line.label, fontsize=7.5)
            x += _legend_width(line)


def _color(line: Line, index: int) -> str:
    """Return the widget's color, or else a reason's own color, which all pictures share, or else the palette's next."""
    reasons = [str(reason) for reason in Reason]
    if not line.color and line.label in reasons:
        place = reasons.index(line.label)
        return to_hex(_REASON_COLORS[place % len(_REASON_COLORS)])
    return line.color or _PALETTE[index % len(_PALETTE)]


def _shape(found: Sequence[Line], index: int) -> str:
    """The marker that distinguishes a line without its color. A single line has dots."""
    return list(_SIGNS)[index % len(_SIGNS)] if len(found) > 1 else "o"


def _legend_width(line: Line) -> float:
    return 0.36 + 0.068 * len(line.label)


def _legend_rows(found: list[Line], width: float) -> list[list[Line]]:
    rows: list[list[Line]] = [[]]
    used = 0.2
    for line in found:
        if rows[-1] and used + _legend_width(line) > width - 0.1:
            rows.append([])
            used = 0.2
        rows[-1].append(line)
        used += _legend_width(line)
    return rows


def _plot(axes: Axes, line: Line, color: str, shape: str) -> None:
    """Draw a line. Missing datapoints interrupt it, and an isolated datapoint is drawn as a marker."""
    stretches: list[list[int]] = []
    for moment in sorted(line.points):
        if stretches and moment - stretches[-1][-1] == line.period:
            stretches[-1].append(moment)
        else:
            stretches.append([moment])
    for stretch in stretches:
        every = max(1, len(stretch) // _MARKS_A_LINE)
        # Each shape starts at a different datapoint, so the markers of lines with equal values do not hide each other.
        first = list(_SIGNS).index(shape) * every // len(_SIGNS)
        points = [line.points[at] for at in stretch]
        axes.plot(stretch, points, color=color, linewidth=1.3, marker=shape, markersize=3.5, markevery=(first, every))


def _stack(axes: Axes, found: list[Line], colors: Mapping[int, str]) -> None:
    if not found:
        return
    moments = sorted({moment for line in found for moment in line.points})
    values = [[line.points.get(moment, 0.0) for moment in moments] for line in found]
    axes.stackplot(moments, values, colors=[colors[id(line)] for line in found], alpha=0.55)


def _scale(axes: Axes, options: Mapping[str, Any], found: list[Line], *, stacked: bool = False) -> None:
    together = sum if stacked else max
    moments = {moment for line in found for moment in line.points}
    highest = max((together(line.points.get(moment, 0.0) for line in found) for moment in moments), default=0.0)
    axes.set_ylim(options.get("min"), options.get("max", highest * 1.12 or 1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    if "label" in options:
        axes.set_ylabel(options["label"], fontsize=7.5, color=_FAINT)


def _annotate(axes: Axes, note: Mapping[str, Any]) -> None:
    low, high = axes.get_ylim()
    high = max(high, note["value"] * 1.15)
    axes.set_ylim(low, high)
    axes.axhline(note["value"], color=note["color"], linewidth=1, linestyle="--")
    edge = {"above": high, "below": low}.get(note.get("fill", ""))
    if edge is not None:
        axes.axhspan(note["value"], edge, color=note["color"], alpha=0.07, linewidth=0)
    place = {"transform": axes.get_yaxis_transform(), "fontsize": 7.5, "color": note["color"], "ha": "right"}
    axes.text(0.995, note["value"], f"{note['label']}: {note['value']:g} ", va="bottom", **place)


def _draw_text(card: _Card, properties: Mapping[str, Any], scene: Scene) -> None:  # noqa: ARG001 - as the others
    y = 0.32
    for line in properties["markdown"].splitlines():
        heading = line.startswith("#")
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.lstrip("# ")).replace("`", "").replace("**", "")
        for part in textwrap.wrap(shown, int(card.width * 13)) or [""]:
            card.write(0.2, y, part, fontsize=13 if heading else 8.5, fontweight="bold" if heading else "normal")
            y += 0.3 if heading else 0.22 if part else 0.1


def _draw_alarms(card: _Card, properties: Mapping[str, Any], scene: Scene) -> None:
    card.title(properties["title"])
    names = [arn.rpartition(":alarm:")[2].removeprefix("kinesis-autoscaler-") for arn in properties["alarms"]]
    widest = 0.25 + _CHARACTER * max(map(len, names))
    columns = max(1, min(4, int((card.width - 0.3) / widest)))
    for index, (arn, name) in enumerate(zip(properties["alarms"], names, strict=True)):
        x = 0.2 + index % columns * (card.width - 0.3) / columns
        y = 0.64 + index // columns * 0.46
        state = scene.alarm_states[arn]
        card.write(x, y, "●", color=_STATES[state], fontsize=11)
        card.write(x + 0.2, y, name, fontsize=7.5)
        card.write(x + 0.2, y + 0.17, state.replace("_", " "), fontsize=7, color=_STATES[state])


def _draw_log(card: _Card, properties: Mapping[str, Any], scene: Scene) -> None:
    card.title(properties["title"])
    rows = log_queries.run(properties["query"], scene.log)[: int((card.height - 0.75) / 0.19)]
    x = 0.2
    for name in log_queries.columns(properties["query"]):
        cells = [_cell(row.get(name, "")) for row in rows]
        card.write(x, 0.58, name, fontsize=7.5, fontweight="bold", color=_FAINT)
        space = int((card.width - x) / 0.06)
        for number, cell in enumerate(cells):
            card.write(x, 0.78 + number * 0.19, textwrap.shorten(cell, max(space, 8), placeholder=" …"), fontsize=7.5)
        x += 0.2 + 0.072 * max(len(cell) for cell in (name, *cells))


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


_DRAW = {"metric": _draw_metric, "text": _draw_text, "alarm": _draw_alarms, "log": _draw_log}


def main() -> None:
    """Draw docs/images/dashboard-fleet.png and dashboard-stream.png."""
    days = {
        "payments": generated_day("payments", base=0.9, peak=4.5, peak_hour=13, burst_hour=16, seed=1),
        "clickstream": generated_day("clickstream", base=2, peak=9, peak_hour=15, burst_hour=10, seed=2),
        "audit-trail": generated_day("audit-trail", base=0.6, peak=7.5, peak_hour=11, burst_hour=19, seed=3),
    }
    with LocalAWS(Transport.HTTP) as aws, WorkingCopy(EXAMPLE, aws=aws.environment) as example:
        people = aws.client("sns").create_topic(Name="people")["TopicArn"]
        example.init()
        example.apply({"region": aws.region, "alarm_actions": [people], "dashboards_of": ["payments"]})
        for _ in replay(aws, days):
            pass
        scene = Scene.of(aws, START)
        for name, body in dashboards_of(aws).items():
            kind = "stream" if "-payments-" in name else "fleet"
            draw(body, scene, IMAGES / f"dashboard-{kind}.png")


if __name__ == "__main__":
    main()
