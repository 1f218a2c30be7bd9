"""The runs of reconcile that a replay leaves out would have changed nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from simulator.deployment import add_stream, deploy
from simulator.deployment.quiet_reconciles import QuietReconciles
from simulator.local_aws import START, LocalAWS
from simulator.local_aws.function import Invocation
from simulator.local_aws.replay_loop import replay
from simulator.traffic import Trace, Traffic
from simulator.traffic.generator import generate_kind
from tests.faults.effort import SOAK

HOURS = 14 * 24 if SOAK else 30
READS = ("Describe", "Get", "List", "Query")


@dataclass
class Run:
    """A run of reconcile, and whether a replay would have left it out."""

    invocation: Invocation
    left_out: bool

    @property
    def changes(self) -> list[str]:
        operations = [call.operation for call in self.invocation.api_calls]
        return [operation for operation in operations if not operation.startswith(READS)]


@pytest.fixture(scope="module", params=["office", "shop"] if SOAK else ["office"])
def runs(request):
    """Every run of reconcile over some days of traffic. None is left out."""
    demand = generate_kind(request.param, 1, days=15)[: HOURS * 60]
    with LocalAWS(start=START) as aws:
        add_stream(aws, "orders", 8, max_shard_count=64)
        quiet, answers = QuietReconciles(deploy(aws)), {}

        def ask():
            answers[aws.clock.now()] = quiet.is_next()
            return False

        aws.schedules.would_change_nothing = ask
        for _ in replay(aws, {"orders": Trace("orders", START, [Traffic.for_shards(each) for each in demand])}):
            pass
        reconciles = [each for each in aws.functions.invocations if each.event == {"action": "reconcile"}]
        yield [Run(each, answers[each.started_at]) for each in reconciles]


def test_a_run_that_is_left_out_would_only_have_read(runs):
    assert [(run.invocation.started_at, run.changes) for run in runs if run.left_out and run.changes] == []


def test_most_runs_are_left_out_and_none_that_changes_something(runs):
    assert len(runs) == HOURS * timedelta(hours=1) // timedelta(minutes=5)
    assert sum(run.left_out for run in runs) > len(runs) / 2
    assert sum(bool(run.changes) for run in runs) > HOURS  # a plan each hour, a check-up each hour
    assert not any(run.invocation.error for run in runs)
