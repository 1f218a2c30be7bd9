"""Charts of a replay: demand, capacity, throttling and scalings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simulator.reports.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from simulator.local_aws.replay_loop import Scaling, StreamReplay

_DEMAND = "#9ecae9"
_MEAN_DEMAND = "#5b9fd0"
_UNUSED = "#f1f5f9"
_CAPACITY = "#1f3b57"
_THROTTLED = "#d62839"
_UP = "#1b8a5a"
_DOWN = "#e07b00"
_FAILED = "#7a1fa2"
_TEXT = "#333333"
_GRID = "#e6e6e6"
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": "#999999", "text.color": _TEXT}
_LABEL_ROOM = 1.22  # headroom over the highest curve, for the labels
_MAX_TICKS = 14
_DAYS_WITH_NAMES = 8  # longer charts have no room for names of days
_TICK_HOURS = (1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 672)
_INCHES_WIDE, _INCHES_HIGH = 13.0, 3.6  # size of a panel with its labels
_AXES_WIDE, _AXES_HIGH = 11.8, 3.2  # minimum size of its axes
_MAX_POINTS = 1500  # more minutes are drawn by their peaks and means, because there are no more pixels
_LABEL_SIZE = (0.11, 0.17)  # width and height of a label's character, in inches
_MAX_LABELS = 16
_LONGEST_NAME = 48  # the summary is beside it
_FEW_EVENTS = 30  # more events have smaller marks
_OUTLINE = withStroke(linewidth=3, foreground="white")
_CROSS: Any = {"marker": "X", "linestyle": ""}
_FAILED_MARK = Line2D([], [], color=_FAILED, label="failed scaling", **_CROSS)


def draw(replays: Sequence[StreamReplay], title: str, path: Path) -> None:
    """Write a chart with one panel for each stream, in the format that the path's suffix names (PNG, SVG)."""
    with mpl.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.18)
        figure = Figure(figsize=(_INCHES_WIDE, 1.3 + _INCHES_HIGH * len(replays)), dpi=120, layout=layout)
        panels = figure.subplots(len(replays), 1, sharex=True, squeeze=False)[:, 0]
        for panel, replay in zip(panels, replays, strict=True):
            _draw_panel(panel, replay)
        _label_time(panels[-1], replays[0].minutes[0].at, max(len(replay.minutes) for replay in replays))
        figure.suptitle(title, fontsize=15, fontweight="bold", x=0.01, ha="left")
        minutes_each = max(_minutes_each(replay) for replay in replays)
        legend = [*_legend(minutes_each), *([_FAILED_MARK] if any(replay.failed for replay in replays) else [])]
        figure.legend(handles=legend, loc="outside lower center", ncols=len(legend), frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata=stamp(path, [_shown(replay) for replay in replays]))


def _shown(replay: StreamReplay) -> list[Any]:
    failed = [str(scaling.at) for scaling in replay.failed]
    return [*([round(minute.demand_shards, 3), minute.open_shards] for minute in replay.minutes), *failed]


def _label_time(panel: Axes, start: datetime, minutes: int) -> None:
    """Put ticks at full hours, with the date at midnight."""
    hours = minutes / 60
    step = next((step for step in _TICK_HOURS if hours / step <= _MAX_TICKS), _TICK_HOURS[-1])
    since_midnight = start.hour + start.minute / 60
    ticks = [hour - since_midnight for hour in range(0, int(since_midnight + hours) + 1, step)]
    panel.set_xlim(0, hours)
    panel.set_xticks([tick for tick in ticks if tick >= 0])

    day = "%a %d %b" if hours <= _DAYS_WITH_NAMES * 24 else "%d %b"

    def label(hour: float, _position: int) -> str:
        moment = start + timedelta(seconds=round(hour * 3600))
        return moment.strftime("%H:%M" if moment.hour else day)

    panel.xaxis.set_major_formatter(FuncFormatter(label))


def _draw_panel(panel: Axes, replay: StreamReplay) -> None:
    start, minutes = replay.minutes[0].at, len(replay.minutes)
    demand = np.array([minute.demand_shards for minute in replay.minutes])
    open_shards = np.array([minute.open_shards for minute in replay.minutes])
    throttled = np.array([minute.throttled_share > 0 for minute in replay.minutes])
    points = np.arange(0, minutes, _minutes_each(replay))
    hours = points / 60
    peaks = np.maximum.reduceat(demand, points)
    means = np.add.reduceat(demand, points) / np.diff([*points, minutes])
    refused = np.logical_or.reduceat(throttled, points)
    changes = [(event.at - start) / timedelta(hours=1) for event in replay.events]
    steps = [0.0, *changes, minutes / 60]
    levels = [replay.minutes[0].open_shards, *(event.to_shards for event in replay.events)]
    levels.append(levels[-1])
    wanted = (scaling.to_shards for scaling in replay.failed)
    top = float(max(demand.max(), open_shards.max(), *wanted)) * _LABEL_ROOM

    panel.fill_between(steps, levels, color=_UNUSED, linewidth=0, step="post")
    panel.fill_between(hours, peaks, color=_DEMAND, linewidth=0)
    if len(points) < minutes:
        panel.fill_between(hours, means, color=_MEAN_DEMAND, linewidth=0)
    panel.fill_between(
        hours, peaks, open_shards[points], where=refused, color=_THROTTLED, linewidth=0, interpolate=False, step="mid"
    )
    # A mark at the bottom shows minutes that are too short to be seen.
    panel.vlines(hours[refused], 0, 0.03, color=_THROTTLED, linewidth=1.5, transform=panel.get_xaxis_transform())
    line_width = 1.8 if len(replay.events) <= _FEW_EVENTS else 1.2
    panel.step(steps, levels, where="post", color=_CAPACITY, linewidth=line_width)
    _mark_scalings(panel, replay.events, changes, inches=(minutes / 60 / _AXES_WIDE, top / _AXES_HIGH))
    for scaling in replay.failed:
        at = (scaling.at - start) / timedelta(hours=1)
        panel.plot(at, scaling.to_shards, color=_FAILED, markersize=8, clip_on=False, zorder=6, **_CROSS)
    panel.set_ylim(0, top)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    panel.set_ylabel("shards")
    name = replay.stream_name
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    panel.set_title(short, loc="left", fontweight="bold", fontsize=12)
    panel.set_title(_summary(replay), loc="right", fontsize=10, color="#555555")
    panel.grid(color=_GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(length=0)


def _mark_scalings(panel: Axes, events: Sequence[Scaling], hours: Sequence[float], inches: tuple[float, float]) -> None:
    """Mark every scaling, and write its counts if there is room, the largest scalings first.

    `inches` contains the hours and the shards per inch.
    """
    size = 7 if len(events) <= _FEW_EVENTS else 4
    taken: list[tuple[float, float, float, float]] = []
    by_weight = sorted(zip(events, hours, strict=True), key=lambda each: -abs(each[0].to_shards - each[0].from_shards))
    for event, at in by_weight:
        up = event.to_shards > event.from_shards
        level = max(event.from_shards, event.to_shards)
        color = _UP if up else _DOWN
        panel.plot(at, level, marker="^" if up else "v", color=color, markersize=size, clip_on=False, zorder=5)
        text = f"{event.from_shards}→{event.to_shards}"
        half_width, height = len(text) * _LABEL_SIZE[0] * inches[0] / 2, _LABEL_SIZE[1] * inches[1]
        box = (at - half_width, level, at + half_width, level + 2 * height)
        if len(taken) == _MAX_LABELS or any(_overlap(box, other) for other in taken):
            continue
        taken.append(box)
        panel.annotate(
            text,
            (at, level),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=color,
            fontweight="bold",
            path_effects=[_OUTLINE],
        )


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Return whether two boxes (left, bottom, right, top) overlap."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _minutes_each(replay: StreamReplay) -> int:
    """Return the number of minutes for each point of a curve."""
    return -(-len(replay.minutes) // _MAX_POINTS)


def _summary(replay: StreamReplay) -> str:
    ups = sum(event.to_shards > event.from_shards for event in replay.events)
    return (
        f"{ups} up, {len(replay.events) - ups} down  ·  {replay.shard_hours:,.0f} shard-hours  ·  "
        f"{replay.throttled_share:.3%} throttled"
    )


def _legend(minutes_each: int) -> list[Patch | Line2D]:
    demand = [Patch(color=_DEMAND, label="demand")]
    if minutes_each > 1:
        demand = [
            Patch(color=_MEAN_DEMAND, label=f"mean demand of {minutes_each} minutes"),
            Patch(color=_DEMAND, label="peak"),
        ]
    return [
        *demand,
        Line2D([], [], color=_CAPACITY, linewidth=1.8, label="open shards"),
        Patch(color=_UNUSED, label="unused"),
        Patch(color=_THROTTLED, label="throttled"),
        Line2D([], [], color=_UP, marker="^", linestyle="", label="scaled up"),
        Line2D([], [], color=_DOWN, marker="v", linestyle="", label="scaled down"),
    ]
