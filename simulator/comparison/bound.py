"""The clairvoyant bound: the fewest shard-hours that throttle nothing, if the traffic is known in advance.

No policy can use fewer shard-hours, because the clairvoyant policy

- knows all demand in advance, and starts with the best number of shards;
- reshards in no time, at the start of any minute, once a minute;
- changes the count at most ten times per calendar day (UTC), a limit that every policy with at most ten calls in any
  24 hours obeys;
- changes the count to at most double and at least half (rounded up), as all policies must.

Method: dynamic programming over minutes. The state is the number of open shards and the number of changes used on the
day. Its value is the smallest number of shard-minutes so far. Each minute the value grows by the number of shards.
States with fewer shards than the demand are removed. A change leads to a state from any state within half and double
with a remaining change. At midnight the used changes are reset. The result is exact: tests compare it with an
exhaustive search.
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
    """Return the fewest shard-hours that serve a demand, in shards per minute, without throttling."""
    needed = np.maximum(1, np.ceil(np.asarray(demand) - 1e-9)).astype(np.int64)
    reachable = _RangeMinimum(int(needed.max()))
    # value[k, c - 1]: the fewest shard-minutes so far, with c shards and k changes used on the day.
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
    """For every count, the minimum over the counts from which one change leads to it: half, rounded up, to double."""

    def __init__(self, counts: int) -> None:
        to = np.arange(1, counts + 1)
        first, last = (to + 1) // 2, np.minimum(2 * to, counts)
        self._power = np.log2(last - first + 1).astype(np.int64)
        self._first = first - 1
        self._second = last - (1 << self._power)
        self._levels = int(self._power.max()) + 1

    def of(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the minimum over that range for every row, from two overlapping ranges of a power of two."""
        table = np.full((self._levels, *value.shape), np.inf)
        table[0] = value
        for level in range(1, self._levels):
            reach = 1 << (level - 1)
            table[level, :, :-reach] = np.minimum(table[level - 1, :, :-reach], table[level - 1, :, reach:])
        return np.minimum(table[self._power, :, self._first], table[self._power, :, self._second]).T
