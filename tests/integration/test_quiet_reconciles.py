"""A replay takes the place of runs of reconcile that scale nothing. Everything ends up as if each had run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.deployment import add_stream, deploy
from simulator.deployment.quiet_reconciles import QuietReconciles
from simulator.local_aws import START, LocalAWS
from simulator.local_aws.replay_loop import replay
from simulator.traffic import Trace, Traffic
from simulator.traffic.generator import generate_kind
from tests.faults.effort import SOAK

HOURS = 14 * 24 if SOAK else 50
FIRST = 7
"""The hour at which the traffic begins. Foresight may act on the third day, and so its morning is included."""
KINDS = ["office", "shop", "viral", "restless", "nightly-batch"] if SOAK else ["office"]
RECONCILE = {"action": "reconcile"}
OF_ONE_RUN = {"request_id"}
"""Attributes that differ from run to run."""


class Day:
    """Hours of traffic, with or without runs of reconcile that a replay leaves out."""

    def __init__(self, kind: str, *, replaces: bool, metric_delay_seconds: int = 60) -> None:
        demand = generate_kind(kind, 1, days=15)[FIRST * 60 :][: HOURS * 60]
        trace = Trace("orders", START, [Traffic.for_shards(each) for each in demand])
        self.items_by_hour, self.replaced = [], 0
        with LocalAWS(start=START, metric_delay_seconds=metric_delay_seconds) as aws:
            autoscaler = deploy(aws)
            add_stream(aws, "orders", 8, max_shard_count=64)
            quiet = QuietReconciles(autoscaler)

            def replace_next() -> bool:
                done = quiet.replace_next()
                self.replaced += done
                return done

            if replaces:
                aws.schedules.replaced = replace_next
            for number, (self.record,) in enumerate(replay(aws, {"orders": trace})):
                if number % 60 == 7:
                    self.items_by_hour.append(items(aws, autoscaler.audit_table_name))
            self.reconciles = [each for each in aws.functions.invocations if each.event == RECONCILE]


def items(aws, table_name):
    """Everything in the table, without what differs from run to run."""
    found = aws.client("dynamodb").scan(TableName=table_name)["Items"]
    return [{name: value for name, value in item.items() if name not in OF_ONE_RUN} for item in found]


@pytest.fixture(scope="module", params=KINDS)
def days(request):
    """The same traffic twice: with every run, and with those that a replay leaves to the function."""
    return Day(request.param, replaces=False), Day(request.param, replaces=True)


def test_the_table_has_the_same_records_plans_and_check_ups_every_hour(days):
    every, replacing = days
    assert len(every.items_by_hour) == HOURS
    for expected, found in zip(every.items_by_hour, replacing.items_by_hour, strict=True):
        assert found == expected


def test_the_stream_has_the_same_shards_every_minute(days):
    every, replacing = days
    assert replacing.record == every.record
    assert every.record.events


def test_the_function_runs_only_when_it_may_scale(days):
    every, replacing = days
    assert len(every.reconciles) == HOURS * timedelta(hours=1) // timedelta(minutes=5)
    assert len(replacing.reconciles) + replacing.replaced == len(every.reconciles)
    assert replacing.replaced > 0.8 * len(every.reconciles)
    assert not any(run.error for run in replacing.reconciles)


def test_metrics_may_arrive_late():
    every, replacing = (Day("office", replaces=each, metric_delay_seconds=40 * 60) for each in (False, True))
    assert replacing.items_by_hour == every.items_by_hour
    assert replacing.record == every.record
