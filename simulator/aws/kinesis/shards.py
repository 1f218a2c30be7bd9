"""A stream's shards: their ranges of hash keys, and their parents.

Sources: Amazon Kinesis Data Streams Developer Guide, "Resharding a stream"; SplitShard, MergeShards, UpdateShardCount
and ListShards in the API Reference. UpdateShardCount makes all ranges equal. AWS does not document the intermediate
shards. In this model an unchanged range keeps its shard, and every other range is a child of the shards it overlaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

HASH_KEYS = 2**128
"""The hash key is the MD5 of a partition key, from 0 up."""

_REMEMBERED = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard and its hash keys, from `first` to `last`, both included."""

    number: int
    first: int
    last: int
    parent: str | None = None
    adjacent_parent: str | None = None

    @property
    def id(self) -> str:
        """For instance ``shardId-000000000000``."""
        return f"shardId-{self.number:012}"

    @property
    def width(self) -> float:
        """Its fraction of all hash keys, from 0 to 1."""
        return (self.last - self.first + 1) / HASH_KEYS


Layout: TypeAlias = tuple[Shard, ...]
"""The shards that are open at the same time, in the order of their hash keys."""


@dataclass(slots=True)
class Life:
    """A shard, when it opens, and when it closes. Both may be in the future."""

    shard: Shard
    opened_at: datetime
    closed_at: datetime | None = None


class Shards:
    """The open and closed shards of one stream over time."""

    def __init__(self, count: int, at: datetime) -> None:
        """Start with shards of equal ranges."""
        self._next = 0
        layout = tuple(self._new(first, last) for first, last in _even_ranges(count))
        self._layouts: list[tuple[datetime, Layout]] = [(at, layout)]  # with their starts
        self._lives = {shard.id: Life(shard, at) for shard in layout}

    def open(self, now: datetime) -> Layout:
        """Return the shards that are open at a moment."""
        return next((layout for since, layout in reversed(self._layouts) if since <= now), self._layouts[0][1])

    @property
    def newest(self) -> Layout:
        """The shards that will be open after the current reshard."""
        return self._layouts[-1][1]

    def listed(self, now: datetime, retention: timedelta) -> list[Life]:
        """Return the shards whose records have not all expired, in the order of their ids."""
        return [
            life
            for life in self._lives.values()
            if life.opened_at <= now and (life.closed_at is None or life.closed_at > now - retention)
        ]

    def become(self, layout: Layout, at: datetime) -> None:
        """Open other shards at a given moment."""
        before = {shard.id for shard in self.newest}
        after = {shard.id for shard in layout}
        for shard_id in before - after:
            self._lives[shard_id].closed_at = at
        for shard in layout:
            if shard.id not in before:
                self._lives[shard.id] = Life(shard, at)
        self._layouts.append((at, layout))
        self._forget_before(at - _REMEMBERED)

    def even(self, count: int) -> Layout:
        """Return shards of equal ranges that replace the newest ones."""
        present = {(shard.first, shard.last): shard for shard in self.newest}
        old, position, layout = self.newest, 0, []
        for first, last in _even_ranges(count):
            while old[position].last < first:
                position += 1
            if (same := present.get((first, last))) is not None:
                layout.append(same)
                continue
            taken_from = [shard.id for shard in old[position : position + 2] if shard.first <= last]
            layout.append(self._new(first, last, *taken_from))
        return tuple(layout)

    def split(self, shard: Shard, hash_key: int) -> Layout:
        """Return the newest shards after a split. The second of the two new shards starts at `hash_key`."""
        children = self._new(shard.first, hash_key - 1, shard.id), self._new(hash_key, shard.last, shard.id)
        position = self.newest.index(shard)
        return (*self.newest[:position], *children, *self.newest[position + 1 :])

    def merge(self, shard: Shard, adjacent: Shard) -> Layout:
        """Return the newest shards after a merge of two neighbours."""
        position = min(self.newest.index(shard), self.newest.index(adjacent))
        lower, upper = self.newest[position : position + 2]
        child = self._new(lower.first, upper.last, shard.id, adjacent.id)
        return (*self.newest[:position], child, *self.newest[position + 2 :])

    def life(self, shard_id: str) -> Life | None:
        """Return when a shard opens and closes, or None if there is no such shard."""
        return self._lives.get(shard_id)

    def _new(self, first: int, last: int, *parents: str) -> Shard:
        self._next += 1
        return Shard(self._next - 1, first, last, *parents)

    def _forget_before(self, moment: datetime) -> None:
        while len(self._layouts) > 1 and self._layouts[1][0] < moment:
            del self._layouts[0]
        gone = [id_ for id_, life in self._lives.items() if life.closed_at is not None and life.closed_at < moment]
        for shard_id in gone:
            del self._lives[shard_id]


def _even_ranges(count: int) -> list[tuple[int, int]]:
    bounds = [HASH_KEYS * number // count for number in range(count + 1)]
    return [(first, after - 1) for first, after in pairwise(bounds)]
