"""The cost of a stream in provisioned and in on-demand mode, as a table of docs/alternatives.md.

`python -m simulator.reports.modes` writes the table, from simulator/aws/prices.json.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1, Prices, Readers
from simulator.reports.markdown import table, with_sections

PAGE = Path(__file__).resolve().parents[2] / "docs" / "alternatives.md"
SECTION = "modes"

_SHARD_BYTES = 1024**2
_SHARD_RECORDS = 1000


@dataclass(frozen=True)
class Traffic:
    """Constant traffic: records a second, and the bytes of each."""

    records: int
    record_bytes: int

    @property
    def shards(self) -> float:
        """The number of shards that it fills."""
        return max(self.records / _SHARD_RECORDS, self.records * self.record_bytes / _SHARD_BYTES)

    def __str__(self) -> str:
        """Return the traffic as text."""
        return f"{self.records:,} of {self.record_bytes // 1024} KB"


EXAMPLES = (Traffic(100, 1024), Traffic(1000, 3 * 1024), Traffic(10_000, 3 * 1024), Traffic(10_000, 10 * 1024))


@dataclass(frozen=True)
class Modes:
    """US dollars a month for one stream with one polling reader.

    Attributes:
        half_used: provisioned, with shards that are half used on average, which is about what an autoscaler achieves.
        quarter_used: provisioned, with a quarter used: a fixed count for a peak of four times the mean.
        on_demand: on-demand mode.
        advantage: on-demand Advantage, if other streams reach the account's minimum.

    """

    half_used: float
    quarter_used: float
    on_demand: float
    advantage: float


def modes(traffic: Traffic, prices: Prices = US_EAST_1) -> Modes:
    """Return the cost of each mode for this traffic."""
    records = traffic.records * 3600 * HOURS_PER_MONTH
    written = records * math.ceil(traffic.record_bytes / 1024) * 1024

    def provisioned(used: float) -> float:
        shards = max(1, math.ceil(traffic.shards / used))
        return prices.provisioned(shards * HOURS_PER_MONTH, records, traffic.record_bytes, Readers())

    return Modes(
        provisioned(0.5),
        provisioned(0.25),
        prices.on_demand.of(HOURS_PER_MONTH, written, Readers()),
        prices.advantage.of(HOURS_PER_MONTH, written, Readers()),
    )


def markdown(prices: Prices = US_EAST_1) -> str:
    """Return the table, and the sentence below it."""
    header = ("records a second", "provisioned, half used", "provisioned, a quarter used", "on-demand", "Advantage")
    rows = []
    for traffic in EXAMPLES:
        cost = modes(traffic, prices)
        cells = (cost.half_used, cost.quarter_used, cost.on_demand, cost.advantage)
        rows.append((str(traffic), *(f"${dollars:,.0f}" for dollars in cells)))
    least = prices.advantage.least(HOURS_PER_MONTH)
    return (
        f"{table(header, rows)}\n\n"
        f"US dollars a month in {prices.region}, prices of {prices.date}, with one polling reader and a day of "
        f"retention. On-demand Advantage charges an account at least ${least:,.0f} a month for each region where it is "
        "switched on."
    )


if __name__ == "__main__":
    PAGE.write_text(with_sections(PAGE.read_text(), {SECTION: markdown()}))
