"""The fast closed loop scales as the function in its package does on the simulated AWS.

Comparison and benchmark depend on this. The two may differ by minutes: missing data of a new alarm, and the order of
events in one minute, can move a check of the stream to the next reconcile. The results of the checks must be equal: the
sequence of shard counts, the shard-hours and the throttling.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from simulator.comparison.closed_loop import MINUTES_PER_DAY, ClosedLoop
from simulator.comparison.policies.autoscaler import START, Autoscaler
from simulator.deployment import add_stream, deploy
from simulator.deployment.presets import PRESETS, settings
from simulator.local_aws import LocalAWS
from simulator.local_aws.replay_loop import replay
from simulator.traffic import Trace, Traffic
from simulator.traffic.generator import generate
from tests.faults.effort import SOAK

DAYS, SHARDS = 2 if SOAK else 1, 8
UP_MINUTES, DOWN_MINUTES = 1, 30
"""The maximum time between the same scalings: a scale-down waits for the next checks of the stream."""


def calls_of_the_function(demand, inputs):
    """UpdateShardCount calls as (minute, target), and the results for the stream."""
    trace = Trace("orders", START, [Traffic.for_shards(value) for value in demand])
    with LocalAWS(start=START) as aws:
        deploy(aws)
        add_stream(aws, "orders", SHARDS, **inputs)
        *_, (record,) = replay(aws, {"orders": trace})
        runs = aws.functions.invocations
    assert not [run.error for run in runs if run.error]
    calls = [call for run in runs for call in run.api_calls if call.operation == "UpdateShardCount"]
    minutes = [(call.at - START) // timedelta(minutes=1) for call in calls]
    return list(zip(minutes, [call.parameters["TargetShardCount"] for call in calls], strict=True)), record


PAIRS = [("office", "default"), ("outages", "cautious"), ("viral", "economical"), ("shop", "strict")]
"""Traffic, and the preset that serves it. The presets differ in numbers alone: outside of the soak two are enough."""


@pytest.mark.parametrize(("kind", "preset"), PAIRS if SOAK else PAIRS[:2])
def test_it_scales_to_the_same_counts_at_the_same_times(kind, preset):
    demand = dict(generate(1, days=3))[kind][: DAYS * MINUTES_PER_DAY]
    inputs = {"max_shard_count": 64, **PRESETS[preset]}
    run = ClosedLoop(demand, SHARDS).run(Autoscaler(preset, settings(inputs)))
    calls, record = calls_of_the_function(demand, inputs)

    counts = [SHARDS, *(target for _, target in calls)]
    assert [(change.before, change.after) for change in run.changes] == list(pairwise(counts))
    for change, (minute, target) in zip(run.changes, calls, strict=True):
        apart = UP_MINUTES if target > change.before else DOWN_MINUTES
        assert abs(change.minute - minute) <= apart, (change, minute)
    assert run.shard_hours == pytest.approx(record.shard_hours, rel=0.01)
    assert run.throttled_share == pytest.approx(record.throttled_share, abs=1e-6)
