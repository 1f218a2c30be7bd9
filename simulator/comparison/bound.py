"""The clairvoyant bound: the fewest shard-hours that throttle nothing, for someone who knows the traffic in advance.

No policy can do with less, since the clairvoyant

- knows all demand beforehand, and starts with whatever number of shards is best;
- reshards in no time, at the start of any minute, once a minute;
- changes the count at most ten times a calendar day (UTC), which every policy within ten calls in any 24 hours obeys;
- is bound, as all are, to go at most to double and at least to half (rounded up) with each change.

Method: dynamic programming over minutes. The state is the number of open shards and how many of the day's changes
are used; its value is the least number of shard-minutes so far. Each minute it grows by the shards, states with fewer
shards than the demand are dropped, and each state may be reached by a change from any state within half and double that
had a change left. At midnight the changes used are forgotten. The result is exact: the tests hold it against trying
every sequence of counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kinesis_autoscaler.model import CALLS_PER_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.comparison.closed_loop import Series

_MINUTES_PER_DAY = 1440


def clairvoyant_shard_hours(
    demand: Series, *, changes_per_day: int = CALLS_PER_DAY, minutes_per_day: int = _MINUTES_PER_DAY
) -> float:
    """The least shard-hours that serve a demand, in shards minute by minute, without throttling."""
    needed = np.maximum(1, np.ceil(np.asarray(demand) - 1e-9)).astype(np.int64)
    reachable = _RangeMinimum(int(needed.max()))
    # value[k, c - 1]: the least shard-minutes so far, at c shards with k of the day's changes used.
    value = np.full((changes_per_day + 1, int(needed.max())), np.inf)
    value[0] = 0.0
    counts = np.arange(1, value.shape[1] + 1, dtype=np.float64)
    for begin in range(0, len(needed), minutes_per_day):
        if begin:
            best = value.min(axis=0)
            value[:] = np.inf
            value[0] = best
        for shards in needed[begin : begin + minutes_per_day].tolist():
            np.minimum(value[1:], reachable.of(value[:-1]), out=value[1:])
            value[:, : shards - 1] = np.inf
            value += counts
    return float(value.min()) / 60


class _RangeMinimum:
    """For every count the best of the counts from which one change leads to it: from half, rounded up, to double."""

    def __init__(self, counts: int) -> None:
        to = np.arange(1, counts + 1)
        first, last = (to + 1) // 2, np.minimum(2 * to, counts)
        self._power = np.log2(last - first + 1).astype(np.int64)
        self._first = first - 1
        self._second = last - (1 << self._power)
        self._levels = int(self._power.max()) + 1

    def of(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """The minimum over that range, for every row: of two overlapping ranges whose lengths are powers of two."""
        table = np.full((self._levels, *value.shape), np.inf)
        table[0] = value
        for level in range(1, self._levels):
            reach = 1 << (level - 1)
            table[level, :, :-reach] = np.minimum(table[level - 1, :, :-reach], table[level - 1, :, reach:])
        return np.minimum(table[self._power, :, self._first], table[self._power, :, self._second]).T
