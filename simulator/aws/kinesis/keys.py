"""The distribution of a stream's traffic over hash keys, and so over shards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.aws.kinesis.shards import HASH_KEYS, Layout

_ROUNDING = 1e-12  # for rounding errors of a demand that just fits


@dataclass(frozen=True)
class HotRange:
    """Many keys with more traffic than others: a share of all traffic, spread evenly over a range of hash keys.

    Attributes:
        first: the start of the range, as a fraction of all hash keys.
        last: the end of the range.
        share: its share of the traffic, from 0 to 1.

    """

    first: float
    last: float
    share: float

    def __post_init__(self) -> None:
        """Refuse an empty or invalid range."""
        if not 0 <= self.first < self.last <= 1:
            raise ValueError(f"a range of hash keys must ascend within 0 and 1; {self.first} to {self.last} does not")

    def within(self, first: float, after: float) -> float:
        """Return how much of its traffic goes to hash keys at or above `first` and below `after`."""
        return max(0.0, min(after, self.last) - max(first, self.first)) / (self.last - self.first)


@dataclass(frozen=True)
class HotKey:
    """One partition key with a share of all traffic. Its hash key is given as a fraction of all hash keys."""

    at: float
    share: float

    def within(self, first: float, after: float) -> float:
        """Return 1 if its hash key is at or above `first` and below `after`, else 0."""
        return float(first <= self.at < after)


@dataclass(frozen=True)
class Keys:
    """The hot partition keys of a stream. The other traffic is spread evenly.

    Attributes:
        hot: ranges and keys, whose shares add up to at most 1.
        skew: the part of the other traffic that the shard with the lowest hash keys gets beyond its even share, from 0
            to 1, for any number of shards.

    """

    hot: tuple[HotRange | HotKey, ...] = ()
    skew: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shares that add up to more than 1."""
        shares = [each.share for each in self.hot]
        if not (all(share >= 0 for share in shares) and sum(shares) <= 1 + _ROUNDING):
            raise ValueError(f"shares of the traffic must not be negative, and must add up to at most 1: {shares}")

    def over(self, layout: Layout) -> Spread:
        """Return the distribution of the traffic over these shards."""
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
    """The share of a stream's traffic for each of its open shards."""

    layout: Layout
    shares: NDArray[np.float64]

    @cached_property
    def hottest(self) -> float:
        """The largest share."""
        return float(self.shares.max())

    def accepted(self, demand: float) -> float:
        """Return how much of a demand is accepted, both in shards' worth."""
        if demand * self.hottest <= 1.0 + _ROUNDING:
            return demand
        return float(np.minimum(demand * self.shares, 1.0).sum())

    def by_shard(self) -> dict[str, float]:
        """Return the shares by the shards' ids."""
        return {shard.id: float(share) for shard, share in zip(self.layout, self.shares, strict=True)}
