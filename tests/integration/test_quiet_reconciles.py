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
DAYS = [("viral", 60)]
"""The kind of traffic, and the delay of metrics in seconds."""
if SOAK:
    DAYS += [("viral", 40 * 60), *((kind, 60) for kind in ("shop", "office", "restless", "nightly batch"))]
RECONCILE = {"action": "reconcile"}
NOT_READ = {"request_id", "expires_at"}
"""What no run reads here: random IDs, and when items expire, which may be earlier for what is written later."""


class Day:
    """Hours of traffic, with or without a replacement for runs of reconcile."""

    def __init__(self, kind, delay, replaces=lambda _: None, *, watched=None):
        demand = generate_kind(kind, 1, days=15)[FIRST * 60 :][: HOURS * 60]
        trace = Trace("orders", START, [Traffic.for_shards(each) for each in demand])
        self.items, self.replaced = {}, 0
        with LocalAWS(start=START, metric_delay_seconds=delay) as aws:
            autoscaler = deploy(aws)
            add_stream(aws, "orders", 8, max_shard_count=64)
            quiet = replaces(autoscaler)

            def replaced():
                if quiet and quiet.replace_next():
                    self.replaced += 1
                    return True
                if watched is None or aws.clock.now() in watched:
                    self.items[aws.clock.now()] = items(aws, autoscaler.audit_table_name)
                return False

            aws.schedules.replaced = replaced
            for (self.record,) in replay(aws, {"orders": trace}):
                pass
            self.reconciles = [each for each in aws.functions.invocations if each.event == RECONCILE]


def items(aws, table_name):
    """Everything in the table, that the function reads."""
    found = aws.client("dynamodb").scan(TableName=table_name)["Items"]
    return [{name: value for name, value in item.items() if name not in NOT_READ} for item in found]


@pytest.fixture(scope="module", params=DAYS)
def days(request):
    """The same traffic twice: with every run, and with those that a replay leaves to the function."""
    replacing = Day(*request.param, QuietReconciles)
    return Day(*request.param, watched=replacing.items), replacing


def test_the_function_finds_the_same_records_plans_and_check_ups(days):
    every, replacing = days
    assert len(replacing.items) > 10
    for at, found in replacing.items.items():
        assert found == every.items[at], at


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


def test_an_alarm_whose_message_was_lost_is_left_to_the_function():
    """It is in ALARM without a record, which only a run can explain and re-arm."""
    with LocalAWS() as aws:
        quiet = QuietReconciles(deploy(aws))
        add_stream(aws, "orders", 8, max_shard_count=64)
        for _ in range(20):
            aws.advance_minute({"orders": Traffic.for_shards(5)})
        assert quiet.replace_next()
        aws.faults.mute_alarms(minutes=10)
        aws.client("cloudwatch").set_alarm_state(
            AlarmName="kinesis-autoscaler/orders/scale-up", StateValue="ALARM", StateReason="Its message is lost."
        )
        aws.clock.advance(timedelta(minutes=5))
        assert not quiet.replace_next()
