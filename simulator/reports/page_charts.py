"""The charts of a page, in plotly's format."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.comparison.outcomes import Kind
from simulator.reports.comparison_chart import Compared
from simulator.reports.page import Chart

_MOST_POINTS = 30_000
"""The number of minutes above which a trace is drawn by peaks of several minutes."""
_WRAP = 56
_MULTIPLES = [1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100]
_LEAST_SHARE = 1e-5
"""The place of zero throttling on a logarithmic axis."""


@dataclass(frozen=True)
class Mark:
    """A scaling that succeeded or failed: its time, its counts and its reason."""

    at: datetime
    from_shards: int
    to_shards: int
    sentence: str
    has_failed: bool = False

    @property
    def kind(self) -> str:
        """Its name in legends and filters."""
        if self.has_failed:
            return "failed"
        return "scaled up" if self.to_shards > self.from_shards else "scaled down"


_MARKS = {
    "scaled up": ("triangle-up", "--up"),
    "scaled down": ("triangle-down", "--down"),
    "failed": ("x", "--failed"),
}
"""Distinguished by shape as well as by color."""


def over_time(
    title: str,
    start: datetime,
    demand: NDArray[np.float64],
    shards: NDArray[np.float64],
    marks: Sequence[Mark] = (),
    *,
    kept_back: datetime | None = None,
) -> Chart:
    """Demand, open shards, throttling and scalings, minute by minute; what is kept back from a choice is shaded."""
    refused = np.maximum(demand - shards, 0)
    refused[refused < 1e-9] = 0
    step = -(-len(demand) // _MOST_POINTS)
    points = np.arange(0, len(demand), step)
    peaks, open_, lost = (np.maximum.reduceat(each, points) for each in (demand, shards, refused))
    time = {"x0": _stamp(start), "dx": 60_000 * step}
    line = {"shape": "hv", "color": "--shards", "width": 2}
    data: list[dict[str, Any]] = [
        {"name": "demand", **time, "y": _packed(peaks), "mode": "lines", "fill": "tozeroy",
         "fillcolor": "--demand-fill", "line": {"color": "--demand", "width": 1},
         "hovertemplate": "%{y:.2f} shards' worth"},
        {"name": "open shards", **time, "y": _packed(open_), "mode": "lines", "line": line, "hovertemplate": "%{y}"},
    ]  # fmt: skip
    if lost.any():
        where = np.flatnonzero(lost)
        data.append(
            {"name": "throttled", "x": [_stamp(start + timedelta(minutes=int(points[at]))) for at in where],
             "y": _packed(peaks[where]), "customdata": _packed(lost[where]), "mode": "markers",
             "marker": {"symbol": "square", "size": 6, "color": "--throttled"},
             "hovertemplate": "%{customdata:.2f} shards' worth refused"},
        )  # fmt: skip
    for name, (symbol, color) in _MARKS.items():
        of_kind = [mark for mark in marks if mark.kind == name]
        if of_kind:
            data.append(
                {"name": name, "x": [_stamp(mark.at) for mark in of_kind], "mode": "markers",
                 "y": [max(mark.from_shards, mark.to_shards) for mark in of_kind],
                 "text": ["<br>".join(textwrap.wrap(_plain(mark.sentence), _WRAP)) for mark in of_kind],
                 "marker": {"symbol": symbol, "size": 11, "color": color, "line": {"color": "--page", "width": 1}},
                 "hovertemplate": "%{text}"},
            )  # fmt: skip
    layout = _layout()
    layout["hovermode"] = "x unified"
    layout["xaxis"] |= {"type": "date", "hoverformat": "%a %d %b %H:%M", "rangeslider": {"thickness": 0.09}}
    layout["yaxis"] |= {"title": {"text": "shards"}, "rangemode": "tozero", "fixedrange": True}
    if kept_back:
        end = _stamp(start + timedelta(minutes=len(demand)))
        layout["shapes"] = [
            {"type": "rect", "xref": "x", "yref": "paper", "x0": _stamp(kept_back), "x1": end, "y0": 0, "y1": 1,
             "fillcolor": "--kept-back", "line": {"width": 0}, "layer": "below"}
        ]  # fmt: skip
    said = f"Demand of {float(demand.mean()):.1f} shards on average and {float(demand.max()):.1f} at most"
    said += f", under {int(shards.min()):,} to {int(shards.max()):,} open shards; {len(marks)} scalings."
    if step > 1:
        said += f" Each point is the peak of {step} minutes."
    if kept_back:
        said += " The shaded part was not used for the choice."
    return Chart(title, said, {"data": data, "layout": layout}, has_time=True)


_KINDS = {
    Kind.OURS: ("circle", "--demand", "this module's presets"),
    Kind.OTHER: ("square", "--down", "other autoscalers"),
    Kind.NONE: ("diamond", "--other", "no autoscaler"),
    Kind.BOUND: ("line-ew-open", "--up", "clairvoyant bound"),
    Kind.YOURS: ("star", "--throttled", "your settings"),
}


def cost_against_throttling(points: Sequence[Compared]) -> Chart:
    """What every policy costs, beside what it throttles."""
    data = []
    for kind, (symbol, color, name) in _KINDS.items():
        of_kind = [point for point in points if point.kind is kind]
        if of_kind:
            data.append(
                _scatter(
                    name,
                    [(point.name, point.throttled_share, point.cost_of_bound) for point in of_kind],
                    {"symbol": symbol, "color": color, "size": 13},
                    "%{y:.2f} × bound",
                )
            )
    said = (
        "Cost as a multiple of the clairvoyant bound, upwards, against the share of throttled traffic, to the right; "
        "both are logarithmic."
    )
    layout = _scatter_layout("cost × bound")
    layout["yaxis"] |= {"type": "log", "tickvals": _MULTIPLES, "ticktext": [f"{each:g}" for each in _MULTIPLES]}
    return Chart("Cost against throttling", said, {"data": data, "layout": layout})


def tried(points: Sequence[tuple[str, float, float]], chosen: int, limit: float) -> Chart:
    """What settings came to on the first part: names, throttled shares, shard-hours, and which of them was chosen."""
    others = [point for number, point in enumerate(points) if number != chosen]
    template = "%{y:,.0f} shard-hours"
    data = [
        _scatter("tried", others, {"symbol": "circle", "color": "--demand", "size": 10}, template),
        _scatter("chosen", [points[chosen]], {"symbol": "star", "color": "--throttled", "size": 16}, template),
    ]
    layout = _scatter_layout("shard-hours")
    if limit:
        layout["shapes"] = [
            {"type": "line", "x0": limit, "x1": limit, "yref": "paper", "y0": 0, "y1": 1,
             "line": {"color": "--other", "dash": "dash", "width": 1.5}}
        ]  # fmt: skip
    said = (
        f"Shard-hours of the {len(points)} settings that were tried, against the share of traffic that they throttled."
    )
    if limit:
        said += f" The dashed line is the limit, {limit:.3%}."
    return Chart("The settings that were tried", said, {"data": data, "layout": layout})


def _scatter(
    name: str, points: Sequence[tuple[str, float, float]], marker: Mapping[str, Any], template: str
) -> dict[str, Any]:
    return {
        "name": name,
        "x": [max(share, _LEAST_SHARE) for _, share, _ in points],
        "y": [cost for _, _, cost in points],
        "text": [text for text, _, _ in points],
        "customdata": [f"{share:.3%}" for _, share, _ in points],
        "mode": "markers",
        "marker": dict(marker),
        "hovertemplate": "%{text}<br>" + template + "<br>%{customdata} throttled<extra></extra>",
    }


def _scatter_layout(cost: str) -> dict[str, Any]:
    layout = _layout()
    ticks = [_LEAST_SHARE, 1e-4, 1e-3, 1e-2, 1e-1, 1]
    texts = ["≤ 0.001%", "0.01%", "0.1%", "1%", "10%", "100%"]
    layout["hovermode"] = "closest"
    layout["xaxis"] |= {"type": "log", "tickvals": ticks, "ticktext": texts, "title": {"text": "traffic throttled"}}
    layout["yaxis"] |= {"title": {"text": cost}, "rangemode": "tozero"}
    return layout


def _layout() -> dict[str, Any]:
    axis = {"gridcolor": "--grid", "zerolinecolor": "--grid", "linecolor": "--line", "automargin": True}
    return {
        "paper_bgcolor": "--page",
        "plot_bgcolor": "--page",
        "font": {"color": "--text", "family": "system-ui, sans-serif", "size": 13},
        "hoverlabel": {"bgcolor": "--panel", "bordercolor": "--line", "font": {"color": "--text"}, "align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 56, "r": 16, "t": 20, "b": 40},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
    }


def _packed(values: NDArray[np.float64]) -> dict[str, str]:
    """Return numbers in plotly's compact form."""
    return {"dtype": "f4", "bdata": base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()}


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _plain(text: str) -> str:
    """Return text in which plotly finds no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
