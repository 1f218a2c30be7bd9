"""A stream under this module's own decision over days, in the fast loop."""

from __future__ import annotations

import numpy as np
import pytest

from kinesis_autoscaler.model import Reason
from simulator.comparison.closed_loop import MINUTES_PER_DAY, ClosedLoop
from simulator.comparison.policies.autoscaler import Autoscaler
from simulator.deployment.presets import settings


def noisy(demand):
    """Return minutes with a noise of about one percent."""
    return demand * np.exp(np.random.default_rng(1).normal(0, 0.01, len(demand)))


@pytest.mark.parametrize("utilization", [0.45, 0.55, 0.65])
def test_a_steady_stream_comes_to_its_target_once_a_day_of_it_is_known(utilization):
    demand = noisy(np.full(27 * 60, 40 * utilization))
    run = ClosedLoop(demand, 40).run(Autoscaler("default", settings({"max_shard_count": 64})))
    (change,) = run.changes
    assert change.minute // 60 == 25, "no threshold has to be passed"
    assert change.after == pytest.approx(40 * utilization / 0.8, rel=0.08)


def test_a_daily_batch_finds_its_shards_from_the_third_day_on():
    minute = np.arange(5 * MINUTES_PER_DAY) % MINUTES_PER_DAY
    demand = noisy(np.where((minute >= 180) & (minute < 240), 12.0, 2.0))
    policy = Autoscaler("default", settings({"max_shard_count": 64}))
    run = ClosedLoop(demand, 4).run(policy)
    refused = (demand - run.shards).clip(0).reshape(5, MINUTES_PER_DAY).sum(axis=1) / (12 * 60 + 2 * 23 * 60)
    assert (refused[:2] > 0.005).all()
    assert (refused[2:] < 0.0005).all()
    assert Reason.EXPECTED_DEMAND in {decision.reason for decision in policy.decisions if decision.target}


def test_where_the_forecast_is_only_watched_a_batch_is_met_by_reacting():
    minute = np.arange(4 * MINUTES_PER_DAY) % MINUTES_PER_DAY
    demand = noisy(np.where((minute >= 180) & (minute < 240), 12.0, 2.0))
    policies = {
        each: Autoscaler(each, settings({"max_shard_count": 64, "foresight": each}))
        for each in ("off", "forecast_only")
    }
    changes = [ClosedLoop(demand, 4).run(policy).changes for policy in policies.values()]
    assert changes[0] == changes[1] != []
