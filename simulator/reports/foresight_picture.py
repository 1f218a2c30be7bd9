"""Draws the effect of foresight on a stream with a nightly batch.

`python -m simulator.reports.foresight_picture` writes docs/images/foresight.png.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from simulator.comparison.closed_loop import MINUTES_PER_DAY, ClosedLoop, Run, Series
from simulator.comparison.policies.autoscaler import Autoscaler
from simulator.deployment.presets import settings
from simulator.deployment.terraform import REPOSITORY
from simulator.reports.stamp import stamp
from simulator.traffic.generator import generate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE = REPOSITORY / "docs" / "images" / "foresight.png"

DAYS = 9
"""Number of days that are served. The last one is drawn."""

_SHARDS = 8
_DEMAND, _WITHOUT, _WITH, _THROTTLED = "#9ecae9", "#e07b00", "#1f3b57", "#d62839"
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": "#999999", "text.color": "#333333"}


@dataclass(frozen=True)
class Day:
    """The drawn day under one setting of `foresight`."""

    demand: Series
    shards: Series

    @property
    def shard_hours(self) -> float:
        """The shard-hours of the day."""
        return float(self.shards.sum()) / 60

    @property
    def throttled_share(self) -> float:
        """The share of the day's traffic that was throttled, from 0 to 1."""
        return float(np.maximum(0, self.demand - self.shards).sum() / self.demand.sum())


def day(foresight: str) -> Day:
    """Serve the days and return the last one."""
    demand = dict(generate(1, days=DAYS))["nightly batch"]
    inputs = {"max_shard_count": 64, "foresight": foresight}
    run: Run = ClosedLoop(demand, _SHARDS).run(Autoscaler(foresight, settings(inputs)))
    last = slice(len(demand) - MINUTES_PER_DAY, len(demand))
    return Day(run.demand[last], run.shards[last])


def draw(path: Path = PICTURE) -> None:
    """Write the picture."""
    without, with_it = day("off"), day("on")
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 4), dpi=110)
        panel = figure.add_axes((0.055, 0.13, 0.915, 0.72))
        _draw(panel, without, with_it)
        figure.text(0.012, 0.93, "A day with a nightly batch", fontsize=14, fontweight="bold")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata=stamp(path, shown(without, with_it)))


def shown(without: Day, with_it: Day) -> list[list[float]]:
    """The data in the picture: demand and shards per minute."""
    return [np.round(each, 3).tolist() for each in (without.demand, without.shards, with_it.shards)]


def _draw(panel: Axes, without: Day, with_it: Day) -> None:
    hours = np.arange(MINUTES_PER_DAY) / 60
    panel.fill_between(hours, without.demand, color=_DEMAND, linewidth=0, label="demand")
    for each, color, name in ((without, _WITHOUT, "without foresight"), (with_it, _WITH, "with foresight")):
        label = f"{name}: {each.shard_hours:.0f} shard-hours, {each.throttled_share:.2%} throttled"
        panel.step(hours, each.shards, where="post", color=color, linewidth=2, label=label)
        throttled = each.demand > each.shards
        panel.fill_between(hours, each.shards, each.demand, where=throttled, color=_THROTTLED, linewidth=0)
    panel.set_xlim(0, 24)
    panel.set_ylim(0, None)
    panel.set_xticks(range(0, 25, 2), [f"{hour:02}:00" for hour in range(0, 25, 2)])
    panel.set_ylabel("shards")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(loc="upper right", frameon=False)


if __name__ == "__main__":
    draw()
