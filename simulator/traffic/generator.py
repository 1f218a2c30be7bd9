"""Realistic generated traffic. The same seed gives the same traffic.

Each kind of stream combines a few ingredients: daily and weekly waves, noise, bursts, launches, outages, growth. The
seed determines their sizes and times. Demand is in evenly filled shards, one value per minute, starting on a Monday at
00:00 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.model import MINUTES_PER_DAY

Series: TypeAlias = NDArray[np.float64]

DAYS = 28
LEAST_DAYS = 3
"""The minimum number of days. The events of a stream need time between its first and last day."""

MEAN_SHARDS = 8.0
_MINUTES_PER_HOUR = 60


def generate(seed: int, *, days: int = DAYS) -> Iterator[tuple[str, Series]]:
    """Yield the name and the traffic of each kind of stream, with LEAST_DAYS or more."""
    for name in KINDS:
        yield name, generate_kind(name, seed, days=days)


def generate_kind(name: str, seed: int, *, days: int = DAYS) -> Series:
    """Return the traffic of one kind of stream."""
    maker = _Maker(np.random.default_rng([seed, list(KINDS).index(name)]), days)
    demand = KINDS[name](maker)
    scaled: Series = demand * (maker.mean / demand.mean())
    return scaled


class _Maker:
    """The ingredients. `level` is the traffic in arbitrary units. Finally it is scaled to a mean of `mean` shards."""

    def __init__(self, dice: np.random.Generator, days: int) -> None:
        self.dice = dice
        self.days = days
        self.mean = MEAN_SHARDS
        self.minutes = np.arange(days * MINUTES_PER_DAY)
        self.day = self.minutes // MINUTES_PER_DAY
        self.hour = self.minutes % MINUTES_PER_DAY / _MINUTES_PER_HOUR

    def between(self, low: float, high: float) -> float:
        """Return a random number from a range."""
        return float(self.dice.uniform(low, high))

    def wave(self, depth: float, peak_hour: float) -> Series:
        """Return a daily wave between 1 - depth and 1 + depth, with a smaller second peak five hours earlier."""
        first = np.cos((self.hour - peak_hour) / 24 * 2 * np.pi)
        second = np.cos((self.hour - peak_hour + 5) / 12 * 2 * np.pi)
        return 1 + depth * (0.8 * first + 0.2 * second)

    def weekend(self, factor: float) -> Series:
        """Return a factor for Saturdays and Sundays. It changes within an hour of midnight."""
        days = np.where(np.arange(self.days) % 7 >= 5, factor, 1.0)
        return np.interp(self.minutes, np.arange(self.days) * MINUTES_PER_DAY + 30, days)

    def drift(self, sigma: float) -> Series:
        """Return a level that changes slightly from day to day."""
        steps = self.dice.normal(0, sigma, self.days)
        return np.exp(np.interp(self.minutes, np.arange(self.days) * MINUTES_PER_DAY, steps))

    def noise(self, sigma: float, slow: float = 0.04) -> Series:
        """Return log-normal noise per minute, and slower noise that lasts about half an hour."""
        steps = self.dice.normal(0, slow, len(self.minutes) // 10 + 2)
        smooth = np.convolve(steps, np.exp(-np.arange(12) / 3), mode="same") * 0.6
        slow_part = np.interp(self.minutes, np.arange(len(steps)) * 10, smooth)
        noise: Series = np.exp(slow_part + self.dice.normal(0, sigma, len(self.minutes)))
        return noise

    def bursts(self, per_day: float, size: tuple[float, float], minutes: tuple[float, float]) -> Series:
        """Return factors at random times, which rise within a few minutes and then decay."""
        factor = np.ones(len(self.minutes))
        for _ in range(self.dice.poisson(per_day * self.days)):
            begin = int(self.dice.integers(len(self.minutes)))
            rise, decay = int(self.between(1, 6)), self.between(*minutes) / 2
            age = np.arange(min(int(8 * decay) + rise, len(self.minutes) - begin))
            shape = np.minimum((age + 1) / rise, np.exp(-np.maximum(age - rise, 0) / decay))
            factor[begin : begin + len(age)] += (self.between(*size) - 1) * shape
        return factor

    def times(self, hour: float, minutes: float, factor: float, every_hours: float = 24) -> Series:
        """Return the effect of a job that runs at the same time each day, or every few hours."""
        since = (self.minutes - hour * _MINUTES_PER_HOUR) % (every_hours * _MINUTES_PER_HOUR)
        return np.where(since < minutes, factor, 1.0)

    def outages(self, count: int) -> Series:
        """Stop the traffic at random times. Afterwards producers send what they have buffered."""
        factor = np.ones(len(self.minutes))
        for _ in range(count):
            begin = int(self.dice.integers(MINUTES_PER_DAY, len(self.minutes) - MINUTES_PER_DAY))
            length = int(self.between(10, 150))
            factor[begin : begin + length] = 0
            backlog = int(length * 0.8)
            factor[begin + length : begin + length + backlog] = 1 + self.between(0.4, 1.0)
        return factor


def _shop(make: _Maker) -> Series:
    wave = make.wave(make.between(0.6, 0.8), make.between(18, 21))
    sales = make.bursts(0.2, (1.5, 2.5), (30, 120))
    return wave * make.weekend(make.between(1.05, 1.25)) * make.drift(0.05) * make.noise(0.06) * sales


def _office(make: _Maker) -> Series:
    starts, ends = make.between(7.5, 9), make.between(16.5, 18.5)
    busy = 1 / (1 + np.exp(-(make.hour - starts) * 6)) * 1 / (1 + np.exp((make.hour - ends) * 3))
    workday = np.where(make.day % 7 < 5, 1.0, make.between(0.05, 0.15))
    level: Series = make.between(0.06, 0.12) + busy * workday
    return level * make.drift(0.05) * make.noise(0.08)


def _worldwide(make: _Maker) -> Series:
    return make.wave(make.between(0.2, 0.35), make.between(0, 24)) * make.drift(0.03) * make.noise(0.05)


def _sensors(make: _Maker) -> Series:
    reports = make.times(0, make.between(2, 5), make.between(1.5, 2.2), every_hours=1)
    return make.wave(0.1, make.between(0, 24)) * reports * make.noise(0.03, slow=0.02)


def _nightly_batch(make: _Maker) -> Series:
    batch = make.times(make.between(0, 5), make.between(30, 90), make.between(4, 8))
    return make.wave(make.between(0.3, 0.5), make.between(12, 16)) * batch * make.drift(0.05) * make.noise(0.06)


def _launch(make: _Maker) -> Series:
    since = make.minutes / MINUTES_PER_DAY - make.between(9, 13)
    size, days = make.between(2, 4), make.between(3, 8)
    wave = np.where(since > 0, 1 + size * np.exp(-np.maximum(since, 0) / days), 1.0)
    return wave * make.wave(make.between(0.5, 0.7), make.between(12, 20)) * make.drift(0.06) * make.noise(0.07)


def _viral(make: _Maker) -> Series:
    wave = make.wave(make.between(0.5, 0.7), make.between(17, 22)) * make.drift(0.08)
    return wave * make.bursts(1.5, (1.3, 2.5), (10, 60)) * make.bursts(0.25, (3, 7), (15, 60)) * make.noise(0.08)


def _outages(make: _Maker) -> Series:
    wave = make.wave(make.between(0.5, 0.7), make.between(12, 20))
    return wave * make.drift(0.05) * make.outages(6) * make.noise(0.06)


def _growth(make: _Maker) -> Series:
    growth = np.exp(make.minutes / MINUTES_PER_DAY * make.between(0.02, 0.06))
    return growth * make.wave(make.between(0.5, 0.7), make.between(10, 20)) * make.weekend(0.8) * make.noise(0.06)


def _restless(make: _Maker) -> Series:
    """A level that changes at random, without a daily pattern."""
    steps = make.dice.normal(0, make.between(0.1, 0.2), make.days * 24 + 1)
    level = np.zeros(len(steps))
    for hour in range(1, len(steps)):
        level[hour] = 0.97 * level[hour - 1] + steps[hour]
    wandering = np.exp(np.interp(make.minutes, np.arange(len(steps)) * _MINUTES_PER_HOUR, level))
    return wandering * make.bursts(0.5, (1.5, 3), (10, 60)) * make.noise(0.08)


def _small(make: _Maker) -> Series:
    make.mean = make.between(1.5, 2.5)
    return make.wave(make.between(0.6, 0.8), make.between(12, 21)) * make.drift(0.1) * make.noise(0.12)


def _large(make: _Maker) -> Series:
    make.mean = make.between(60, 120)
    wave = make.wave(make.between(0.5, 0.7), make.between(12, 21)) * make.weekend(make.between(0.7, 0.9))
    return wave * make.drift(0.04) * make.bursts(0.2, (1.3, 1.8), (20, 60)) * make.noise(0.03)


KINDS: dict[str, Callable[[_Maker], Series]] = {
    "shop": _shop,
    "office": _office,
    "worldwide": _worldwide,
    "sensors": _sensors,
    "nightly batch": _nightly_batch,
    "launch": _launch,
    "viral": _viral,
    "outages": _outages,
    "growth": _growth,
    "restless": _restless,
    "small": _small,
    "large": _large,
}
