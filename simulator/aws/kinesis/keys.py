"""How a stream's traffic is spread over hash keys, and so over shards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.aws.kinesis.shards import HASH_KEYS, Layout

_ROUNDING = 1e-12  # what floats make of a demand that just fits


@dataclass(frozen=True)
class HotRange:
    """Many keys that get more than others: a share of all traffic, spread evenly over a range of hash keys.

    Attributes:
        first: where the range begins, as a fraction of all hash keys.
        last: where it ends.
        share: its share of the traffic, from 0 to 1.

    """

    first: float
    last: float
    share: float

    def __post_init__(self) -> None:
        """Refuse a range that is none."""
        if not 0 <= self.first < self.last <= 1:
            raise ValueError(f"a range of hash keys goes up, within 0 and 1, and not from {self.first} to {self.last}")

    def within(self, first: float, after: float) -> float:
        """Return how much of its traffic goes to the hash keys from `first` on and before `after`."""
        return max(0.0, min(after, self.last) - max(first, self.first)) / (self.last - self.first)


@dataclass(frozen=True)
class HotKey:
    """One partition key that gets a share of all traffic, at a hash key given as a fraction of all."""

    at: float
    share: float

    def within(self, first: float, after: float) -> float:
        """Return whether its hash key lies from `first` on and before `after`: 1 or 0."""
        return float(first <= self.at < after)


@dataclass(frozen=True)
class Keys:
    """What is hot among the partition keys of a stream. The rest of the traffic is spread evenly.

    Attributes:
        hot: ranges and keys, whose shares add up to 1 at the most.
        skew: how much of the rest the shard with the lowest hash keys gets beyond its even share, from 0 to 1, however
            many shards there are.

    """

    hot: tuple[HotRange | HotKey, ...] = ()
    skew: float = 0.0

    def __post_init__(self) -> None:
        """Refuse more traffic than there is."""
        shares = [each.share for each in self.hot]
        if not (all(share >= 0 for share in shares) and sum(shares) <= 1 + _ROUNDING):
            raise ValueError(f"shares of the traffic are not negative, and add up to 1 at the most: {shares}")

    def over(self, layout: Layout) -> Spread:
        """Return how the traffic is spread over these shards."""
        widths = np.array([shard.width for shard in layout])
        hottest = min(1.0, widths[0] + self.skew)
        rest = widths[1:].sum()
        shares = np.append(hottest, widths[1:] * ((1 - hottest) / rest) if rest else widths[1:])
        shares *= 1 - sum(each.share for each in self.hot)
        bounds = np.array([shard.first / HASH_KEYS for shard in layout] + [1.0])
        for each in self.hot:
            inside = [each.within(first, after) for first, after in pairwise(bounds)]
            shares += each.share * np.array(inside)
        return Spread(layout, shares)


@dataclass(frozen=True)
class Spread:
    """What share of a stream's traffic each of its open shards gets."""

    layout: Layout
    shares: NDArray[np.float64]

    @cached_property
    def hottest(self) -> float:
        """The largest share."""
        return float(self.shares.max())

    def accepted(self, demand: float) -> float:
        """Return how much of a demand is taken, both in shards' worth."""
        if demand * self.hottest <= 1.0 + _ROUNDING:
            return demand
        return float(np.minimum(demand * self.shares, 1.0).sum())

    def by_shard(self) -> dict[str, float]:
        """Return the shares by the shards' ids."""
        return {shard.id: float(share) for shard, share in zip(self.layout, self.shares, strict=True)}
