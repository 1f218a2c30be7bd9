"""Charts of a replay: demand, capacity, what was throttled and where the stream was scaled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from simulator.replay_loop import StreamReplay

_DEMAND = "#9ecae9"
_UNUSED = "#f1f5f9"
_CAPACITY = "#1f3b57"
_THROTTLED = "#d62839"
_UP = "#1b8a5a"
_DOWN = "#e07b00"
_TEXT = "#333333"
_GRID = "#e6e6e6"
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": "#999999", "text.color": _TEXT}
_LABEL_ROOM = 1.22  # headroom over the highest curve, for the labels
_MAX_TICKS = 14
_OUTLINE = withStroke(linewidth=3, foreground="white")


def draw(replays: Sequence[StreamReplay], title: str, path: Path) -> None:
    """Write a chart with one panel for each stream, in the format that the path's suffix names (PNG, SVG)."""
    with mpl.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.18)
        figure = Figure(figsize=(13, 1.3 + 3.6 * len(replays)), dpi=120, layout=layout)
        panels = figure.subplots(len(replays), 1, sharex=True, squeeze=False)[:, 0]
        for panel, replay in zip(panels, replays, strict=True):
            _draw_panel(panel, replay)
        _label_time(panels[-1], replays[0].minutes[0].at, max(len(replay.minutes) for replay in replays))
        figure.suptitle(title, fontsize=15, fontweight="bold", x=0.01, ha="left")
        figure.legend(handles=_legend(), loc="outside lower center", ncols=6, frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def _label_time(panel: Axes, start: datetime, minutes: int) -> None:
    """Put ticks at round hours, at midnight with the date."""
    hours = minutes / 60
    step = next((step for step in (1, 2, 3, 6, 12, 24) if hours / step <= _MAX_TICKS), 168)
    since_midnight = start.hour + start.minute / 60
    ticks = [hour - since_midnight for hour in range(0, int(since_midnight + hours) + 1, step)]
    panel.set_xlim(0, hours)
    panel.set_xticks([tick for tick in ticks if tick >= 0])

    def label(hour: float, _position: int) -> str:
        moment = start + timedelta(seconds=round(hour * 3600))
        return f"{moment:%a %d %b}" if moment.hour == 0 else f"{moment:%H:%M}"

    panel.xaxis.set_major_formatter(FuncFormatter(label))


def _draw_panel(panel: Axes, replay: StreamReplay) -> None:
    start = replay.minutes[0].at
    hours = [(minute.at - start) / timedelta(hours=1) for minute in replay.minutes]
    demand = [minute.demand_shards for minute in replay.minutes]
    capacity = [minute.open_shards for minute in replay.minutes]
    throttled = [minute.throttled_share > 0 for minute in replay.minutes]
    top = max(*demand, *capacity) * _LABEL_ROOM
    panel.fill_between(hours, capacity, color=_UNUSED, linewidth=0, step="post")
    panel.fill_between(hours, demand, color=_DEMAND, linewidth=0)
    panel.fill_between(hours, demand, capacity, where=throttled, color=_THROTTLED, linewidth=0, step="mid")
    foot = panel.get_xaxis_transform()
    panel.fill_between(hours, 0, 0.018, where=throttled, color=_THROTTLED, linewidth=0, transform=foot, step="mid")
    panel.step(hours, capacity, where="post", color=_CAPACITY, linewidth=1.8)
    for event in replay.events:
        up = event.to_shards > event.from_shards
        at = (event.at - start) / timedelta(hours=1)
        level = max(event.from_shards, event.to_shards)
        color = _UP if up else _DOWN
        panel.plot(at, level, marker="^" if up else "v", color=color, markersize=7, clip_on=False, zorder=5)
        panel.annotate(
            f"{event.from_shards}→{event.to_shards}",
            (at, level),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=color,
            fontweight="bold",
            path_effects=[_OUTLINE],
        )
    panel.set_ylim(0, top)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    panel.set_ylabel("shards")
    panel.set_title(f"{replay.stream_name}   ", loc="left", fontweight="bold", fontsize=12)
    panel.set_title(_summary(replay), loc="right", fontsize=10, color="#555555")
    panel.grid(axis="y", color=_GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(length=0)


def _summary(replay: StreamReplay) -> str:
    ups = sum(event.to_shards > event.from_shards for event in replay.events)
    return (
        f"{ups} up, {len(replay.events) - ups} down  ·  {replay.shard_hours:,.0f} shard-hours  ·  "
        f"{replay.throttled_share:.2%} throttled"
    )


def _legend() -> list[Patch | Line2D]:
    return [
        Patch(color=_DEMAND, label="demand"),
        Line2D([], [], color=_CAPACITY, linewidth=1.8, label="open shards"),
        Patch(color=_UNUSED, label="unused"),
        Patch(color=_THROTTLED, label="throttled"),
        Line2D([], [], color=_UP, marker="^", linestyle="", label="scaled up"),
        Line2D([], [], color=_DOWN, marker="v", linestyle="", label="scaled down"),
    ]
