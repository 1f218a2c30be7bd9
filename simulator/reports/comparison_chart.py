"""The chart of a comparison: the cost of every policy against its throttling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from simulator.comparison.outcomes import Kind
from simulator.reports.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes


@dataclass(frozen=True)
class _Look:
    """The style of a kind of policy."""

    color: str
    marker: str
    size: float
    layer: float
    key: str


# Okabe and Ito's palette, which people with any color vision can distinguish. Shapes and labels differ as well.
_LOOKS = {
    Kind.YOURS: _Look("#b0407a", "*", 16, 6, "your settings"),
    Kind.OURS: _Look("#0072b2", "o", 10, 5, "this module's presets"),
    Kind.OTHER: _Look("#d55e00", "s", 8, 4, "other autoscalers"),
    Kind.NONE: _Look("#6b6b6b", "D", 8, 4, "no autoscaler"),
}
_BOUND_COLOR = "#00795c"
_TITLE = "Cost against throttling"
_OURS = (Kind.YOURS, Kind.OURS)
_STYLE: Any = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "axes.edgecolor": "#999999",
    "text.color": "#333333",
    "svg.fonttype": "none",  # text as text, a third of the size
    "svg.hashsalt": "comparison",  # the same chart gives the same file
}
_LEAST = -5.0  # log10 of the smallest throttled share with its own place on the axis: 0.001%
_NONE = _LEAST - 0.75  # the place of policies that throttle nothing
_HEADROOM = 1.15
_PLACES = [
    *((x, y, side) for y in (0, 9, -9) for x, side in ((10, "left"), (-10, "right"))),
    *((28, -y, "left") for y in range(18, 120, 12)),
    *((28, y, "left") for y in range(18, 120, 12)),
]
"""Possible places of a label, the best first: offset from its mark in points, and alignment."""
_FAR = 9  # if a label is more points above or below its mark, a line connects them
_COLORS_OF_PNG = 128  # a chart has few colors; this reduces its size to a third


class Compared(Protocol):
    """A point of the chart: an outcome, or the mean of several."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> Kind:
        """Its kind."""

    @property
    def shard_hours_of_bound(self) -> float | None:
        """Shard-hours as a multiple of the bound's, or None if the cost is the bill."""

    @property
    def cost_of_bound(self) -> float:
        """Its cost as a multiple of the bound's."""

    @property
    def throttled_share(self) -> float:
        """The share of the traffic that is throttled, from 0 to 1."""


def draw(points: Sequence[Compared], *, subtitle: str, path: Path, drawn_from: Any = None) -> None:  # noqa: ANN401
    """Write the chart in the format of the path's suffix (PNG, SVG).

    A PNG contains the digest of its data (see `stamp`), by default of the points' figures. Policies that cost far more
    than all autoscalers are named at the top with their multiple.
    """
    scaled = [point for point in points if point.kind is not Kind.BOUND]
    top = _HEADROOM * max(point.cost_of_bound for point in scaled if point.kind is not Kind.NONE)
    inside = [point for point in scaled if point.cost_of_bound <= top]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.5, 6.0), dpi=110)
        panel = figure.add_axes((0.075, 0.155, 0.905, 0.71))
        figure.text(0.012, 0.945, _TITLE, fontsize=15, fontweight="bold")
        figure.text(0.012, 0.9, subtitle, fontsize=9.5, color="#666666")
        _draw_axes(panel, top, max(point.throttled_share for point in inside))
        _draw_marks(panel, inside)
        _name_what_is_beyond(panel, top, [point for point in scaled if point.cost_of_bound > top])
        _label(figure, panel, inside)
        kinds = [kind for kind in _LOOKS if any(point.kind is kind for point in inside)]
        figure.legend(handles=[_key(kind) for kind in kinds], loc="lower center", ncols=len(kinds), frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            figures = [(point.name, point.cost_of_bound, point.throttled_share) for point in points]
            _save_png(figure, path, stamp(path, drawn_from or figures))
        else:
            figure.savefig(path, metadata={"Date": None})


def _place(share: float) -> float:
    return max(_LEAST, math.log10(share)) if share > 0 else _NONE


def _draw_axes(panel: Axes, top: float, most: float) -> None:
    right = math.ceil(_place(most) * 2 + 0.6) / 2
    panel.set_xlim(_NONE - 0.3, right)
    panel.set_ylim(0, top)
    ticks = [float(tick) for tick in range(int(_LEAST), math.floor(right) + 1)]
    panel.set_xticks([_NONE, *ticks], ["none", *(f"{10 ** (tick + 2):g}%" for tick in ticks)])
    panel.set_xlabel("traffic throttled (logarithmic)")
    panel.set_ylabel("shard-hours, as a multiple of the bound")
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    panel.axvspan(_NONE - 0.3, _NONE + 0.3, color="#f3f6f8", linewidth=0, zorder=0)
    panel.grid(color="#ececec", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(length=0)
    panel.axhline(1, color=_BOUND_COLOR, linewidth=1.4, linestyle=(0, (5, 3)), zorder=1)
    panel.annotate(
        "clairvoyant bound: knows the future",
        (_LEAST, 1.0),
        xytext=(0, 3),
        textcoords="offset points",
        color=_BOUND_COLOR,
        fontsize=9,
    )
    panel.annotate(
        "better",
        xy=(0.015, 0.03),
        xytext=(0.09, 0.115),
        xycoords="axes fraction",
        color="#888888",
        fontsize=10,
        arrowprops={"arrowstyle": "-|>", "color": "#888888"},
        va="center",
    )


def _draw_marks(panel: Axes, points: Sequence[Compared]) -> None:
    for point in points:
        panel.plot(
            _place(point.throttled_share),
            point.cost_of_bound,
            marker=_LOOKS[point.kind].marker,
            color=_LOOKS[point.kind].color,
            markersize=_LOOKS[point.kind].size,
            markeredgecolor="white",
            linestyle="",
            zorder=_LOOKS[point.kind].layer,
        )


def _key(kind: Kind) -> Line2D:
    look = _LOOKS[kind]
    return Line2D(
        [],
        [],
        color=look.color,
        marker=look.marker,
        markersize=look.size,
        markeredgecolor="white",
        linestyle="",
        label=look.key,
    )


def _name_what_is_beyond(panel: Axes, top: float, points: Sequence[Compared]) -> None:
    texts = [
        f"{point.name}{' (its bill)' if point.shard_hours_of_bound is None else ''} {point.cost_of_bound:.1f}×, "
        f"{_share(point.throttled_share)}"
        for point in points
    ]
    if texts:
        panel.text(
            panel.get_xlim()[1],
            top,
            "↑ beyond the chart: " + "; ".join(texts) + " ",
            color=_LOOKS[Kind.NONE].color,
            fontsize=9,
            ha="right",
            va="top",
        )


def _share(share: float) -> str:
    return f"{share:.2%} throttled" if share else "throttles nothing"


def _label(figure: Figure, panel: Axes, points: Sequence[Compared]) -> None:
    """Write the name of every mark beside it, in a free place."""
    figure.draw_without_rendering()  # text has an extent only after the axes have theirs
    to_pixels = panel.transData.transform
    marks = [tuple(to_pixels((_place(point.throttled_share), point.cost_of_bound))) for point in points]
    height = to_pixels((0, 1))[1]
    line = Bbox.from_extents(panel.bbox.x0, height - 2, panel.bbox.x1, height + 2)
    taken = [line, *(text.get_window_extent() for text in panel.texts)]
    for point in sorted(points, key=lambda point: -point.cost_of_bound):
        ours = point.kind in _OURS
        text = panel.annotate(
            point.name,
            (_place(point.throttled_share), point.cost_of_bound),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=10.5 if ours else 9.5,
            fontweight="bold" if ours else "normal",
            color=_LOOKS[point.kind].color,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
            va="center",
            zorder=7,
            arrowprops={"arrowstyle": "-", "color": _LOOKS[point.kind].color, "linewidth": 0.8, "shrinkB": 9},
        )
        for x, y, side in _PLACES:
            text.set_position((x, y))
            text.set_horizontalalignment(side)  # type: ignore[arg-type]
            text.update_positions(None)  # type: ignore[arg-type]
            box = Text.get_window_extent(text).expanded(1.02, 1.05)
            free = not any(box.overlaps(other) for other in taken)
            clear = not any(box.contains(*mark) for mark in marks)
            within = panel.bbox.x0 <= box.x0 and box.x1 <= panel.bbox.x1 and box.y1 <= panel.bbox.y1
            if free and clear and within:
                break
        taken.append(box)
        if text.arrow_patch:
            text.arrow_patch.set_visible(abs(y) > _FAR)


def _save_png(figure: Figure, path: Path, metadata: Mapping[str, str]) -> None:
    buffer, texts = BytesIO(), PngInfo()
    for key, text in metadata.items():
        texts.add_text(key, text)
    figure.savefig(buffer, format="png")
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(_COLORS_OF_PNG).save(path, optimize=True, pnginfo=texts)
