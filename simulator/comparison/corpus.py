"""The traces of the benchmark: generated traces, and those of given files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.comparison.closed_loop import MINUTES_PER_DAY, Series
from simulator.comparison.generator import DAYS, MEAN_SHARDS, generate
from simulator.comparison.outcomes import Demand
from simulator.traffic import ReadTrace, TraceError, read_trace

DEVELOPMENT_SEED = 1
"""The defaults and presets were chosen on this seed's traces and the given ones. Other seeds are held out."""

DEVELOPMENT = "development"

_NOISE = 0.08
_NOISE_SEED = 7
_HOURS_TO_COMPARE = 48
_SURGE_MINUTES = 10
_LEAST_LEVEL = 0.1  # otherwise all traffic after an outage would be an infinite surge


@dataclass(frozen=True)
class Case:
    """A trace of the benchmark.

    Attributes:
        name: the kind of stream, or the file's name.
        group: the traces with which it is averaged: DEVELOPMENT, or a held-out seed.
        is_generated: whether it comes from `simulator.traffic.generator`.
        demand: its traffic.
    """

    name: str
    group: str
    is_generated: bool
    demand: Demand

    @property
    def days(self) -> float:
        """The length in days."""
        return len(self.demand.shards) / MINUTES_PER_DAY

    @property
    def likeness_of_days(self) -> float:
        """The correlation between every hour's traffic and that of the same hour one day later."""
        shards = self.demand.shards
        hours = shards[: len(shards) // 60 * 60].reshape(-1, 60).mean(axis=1)
        if len(hours) <= _HOURS_TO_COMPARE or not (hours[24:].std() and hours[:-24].std()):
            return 0.0
        return float(np.corrcoef(hours[24:], hours[:-24])[0, 1])

    @property
    def surge(self) -> float:
        """How suddenly traffic grows: a minute divided by the highest minute of the hour that ended ten minutes before.

        The 99.9th percentile of all minutes, which occurs about once a day.
        """
        shards = self.demand.shards
        hours = np.lib.stride_tricks.sliding_window_view(shards[:-_SURGE_MINUTES], 60).max(axis=1)
        now = shards[len(shards) - len(hours) :]
        return float(np.quantile(now / np.maximum(hours, _LEAST_LEVEL * shards.mean()), 0.999))


def cases(
    seeds: Sequence[int],
    folder: Path | None,
    *,
    days: int = DAYS,
    tell: Callable[[ReadTrace], object] = lambda _: None,
) -> Iterator[Case]:
    """Return every trace: those of the folder's files, and each seed's. `tell` receives every file that was read.

    Raises:
        TraceError: the folder has no such file, or one that cannot be read.
    """
    files = sorted(path for path in folder.glob("*") if path.suffix in {".csv", ".json"}) if folder else []
    if folder and not files:
        raise TraceError(
            f"{folder} has no CSV or JSON files: name a folder of traces, as docs/your-traffic.md has them"
        )
    for path in files:
        read = read_trace(path, mean_shards=MEAN_SHARDS)
        trace = read.trace
        if len(trace.minutes) < MINUTES_PER_DAY or not trace.mean_shards:
            raise TraceError(
                f"{path} has less than a day of traffic: a benchmark needs a day at least, and better weeks"
            )
        tell(read)
        yield Case(path.stem, DEVELOPMENT, False, Demand.of_shards(_with_noise(Demand.of(trace).shards)))
    for seed in seeds:
        group = DEVELOPMENT if seed == DEVELOPMENT_SEED else f"held out, seed {seed}"
        for name, shards in generate(seed, days=days):
            yield Case(name, group, True, Demand.of_shards(shards))


def _with_noise(shards: Series) -> Series:
    """Add log-normal noise per minute, which interpolated files lack and real streams have."""
    noisy = shards * np.random.default_rng(_NOISE_SEED).lognormal(0, _NOISE, len(shards))
    return noisy * (float(shards.mean()) / float(noisy.mean()))
