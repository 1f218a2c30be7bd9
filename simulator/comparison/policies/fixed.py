"""No autoscaling: a fixed number of shards, and on-demand mode."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np

from simulator.aws.kinesis.on_demand import OnDemandCapacity
from simulator.comparison.closed_loop import Run, Series

_START = datetime(2026, 1, 5, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def fixed_at_peak(demand: Series) -> Run:
    """Return the run with as many shards as the highest minute needs, from the first minute to the last."""
    return Run(demand, np.full(len(demand), float(math.ceil(demand.max() - 1e-9))))


def on_demand(demand: Series, shard_count: int) -> Run:
    """Return the run of a stream that switches from `shard_count` shards to on-demand mode (see `simulator.aws`).

    The shards of the run are the equivalent of its capacity. They are not charged.
    """
    capacity, counts = OnDemandCapacity(), []
    for minute, needed in enumerate(demand.tolist()):
        at = _START + minute * _MINUTE
        counts.append(max(float(shard_count), capacity.shards(at)))
        capacity.took(at, min(needed, counts[-1]))
    return Run(demand, np.array(counts))
