"""The closed loop, compared with the models that it simplifies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from kinesis_autoscaler.model import AlarmRule
from simulator.aws.cloudwatch import AlarmEvaluator
from simulator.aws.kinesis import KinesisError, StreamModel
from simulator.aws.metrics import MetricStore
from simulator.comparison.closed_loop import MINUTES_PER_DAY, Alarm, ClosedLoop
from simulator.traffic import Traffic

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
UP = AlarmRule(0.75, 60, 5, 3)
DOWN = AlarmRule(0.35, 300, 6, 6)
RULES = [UP, DOWN, AlarmRule(0.75, 300, 5, 5), AlarmRule(0.5, 120, 7, 4), AlarmRule(0.8, 60, 1, 1)]


class Clock:
    def __init__(self):
        self.minute = 0

    def now(self) -> datetime:
        return START + self.minute * MINUTE


class Steps:
    """Changes the shard count at given minutes, and updates its alarms' literals as the function does."""

    name = "steps"

    def __init__(self, steps, rules):
        self.steps, self.rules, self.fired = steps, rules, []

    def start(self, loop):
        self.alarms = [
            loop.watch(
                Alarm(
                    rule,
                    loop.shard_count,
                    lambda number=number: self.fired.append((loop.now, number)),
                    above=rule.threshold >= 0.5,
                    on_throttling=rule is UP,
                )
            )
            for number, rule in enumerate(self.rules)
        ]
        for minute, target in self.steps.items():
            loop.at(minute, lambda target=target: self.reshard(loop, target))

    def reshard(self, loop, target):
        loop.update_shard_count(target)
        for alarm in self.alarms:
            alarm.shard_count = target


def wavy_demand(seed: int, minutes: int = 900):
    dice = np.random.default_rng(seed)
    wave = 8 + 6 * np.sin(np.arange(minutes) / 90 + dice.uniform(0, 6))
    return np.maximum(0, wave * dice.lognormal(0, 0.1, minutes) * np.where(dice.random(minutes) < 0.01, 3, 1))


def definition(rule: AlarmRule, shard_count: int, state: str):
    dimensions = [{"Name": "StreamName", "Value": "orders"}]

    def metric(name):
        stat = {"Metric": {"Namespace": "AWS/Kinesis", "MetricName": name, "Dimensions": dimensions}}
        return {"MetricStat": {**stat, "Period": rule.period_seconds, "Stat": "Sum"}, "ReturnData": False}

    usage = "bytes / (" + str(rule.period_seconds) + " * 1048576 * shardCount)"
    return {
        "AlarmName": "orders",
        "StateValue": state,
        "ActionsEnabled": True,
        "Threshold": rule.threshold,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold" if rule.threshold >= 0.5 else "LessThanThreshold",
        "EvaluationPeriods": rule.evaluation_periods,
        "DatapointsToAlarm": rule.datapoints_to_alarm,
        "TreatMissingData": "missing",
        "Metrics": [
            {"Id": "bytes", **metric("IncomingBytes")},
            {"Id": "throttled", **metric("WriteProvisionedThroughputExceeded")},
            {"Id": "shardCount", "Expression": str(shard_count), "ReturnData": False},
            {"Id": "usage", "Expression": usage + " + (throttled > 0.001)" * (rule is UP), "ReturnData": True},
        ],
    }


@pytest.mark.parametrize("seed", range(3))
def test_it_throttles_reshards_and_fires_alarms_as_the_models_of_kinesis_and_cloudwatch_do(seed):
    demand = wavy_demand(seed)
    steps = {150: 16, 300: 11, 420: 22, 700: 11}
    policy = Steps(steps, RULES)
    run = ClosedLoop(demand, 8).run(policy)

    clock, store = Clock(), MetricStore(60)
    stream = StreamModel("orders", 8, store=store, created_at=START)
    evaluator = AlarmEvaluator(store, clock)
    states, shards, fired, literal = ["OK"] * len(RULES), [], [], 8
    for minute, value in enumerate(demand):
        load = Traffic.for_shards(value)
        shards.append(stream.offer(clock.now(), load.bytes, load.records).shards)
        clock.minute = minute + 1
        if clock.minute in steps:
            literal = steps[clock.minute]
            stream.update_shard_count(literal, clock.now())
        for number, rule in enumerate(RULES):
            alarm = {**definition(rule, literal, states[number]), "AlarmName": f"orders-{number}"}
            if change := evaluator.evaluate(alarm):
                states[number] = change.new_state
                if change.new_state == "ALARM":
                    fired.append((clock.minute, number))

    assert run.shards.tolist() == shards
    warm = max(rule.period_seconds * rule.evaluation_periods // 60 for rule in RULES) + 10
    assert [event for event in policy.fired if event[0] > warm] == [event for event in fired if event[0] > warm]
    assert len(fired) > 20


class Refused:
    name = "refused"

    def __init__(self, calls):
        self.calls, self.codes = calls, []

    def start(self, loop):
        for minute, target in self.calls:
            loop.at(minute, lambda target=target: self.call(loop, target))

    def call(self, loop, target):
        try:
            loop.update_shard_count(target)
        except KinesisError as error:
            self.codes.append((loop.now, error.code))


@pytest.mark.parametrize(
    ("calls", "code"),
    [
        ([(10, 17)], "InvalidArgumentException"),
        ([(10, 3)], "InvalidArgumentException"),
        ([(10, 16), (12, 8)], "ResourceInUseException"),
        ([(10 + n * 20, 8 + n % 2) for n in range(11)], "LimitExceededException"),
    ],
)
def test_it_refuses_what_kinesis_refuses(calls, code):
    policy = Refused(calls)
    ClosedLoop(np.ones(400), 8).run(policy)
    assert policy.codes == [(calls[-1][0], code)]


def test_a_call_leaves_the_quota_after_24_hours():
    calls = [(10 + n * 20, 8 + n % 2) for n in range(10)]
    policy = Refused([*calls, (10 + MINUTES_PER_DAY, 8)])
    ClosedLoop(np.ones(1600), 8).run(policy)
    assert policy.codes == []


def test_the_outcome_is_counted_in_shard_hours_shares_and_calls_per_day():
    policy = Refused([(60, 4)])
    run = ClosedLoop(np.full(120, 6.0), 8, reshard_seconds=lambda *_: 0.0).run(policy)
    assert run.shard_hours == pytest.approx((61 * 8 + 59 * 4) / 60)
    assert run.throttled_share == pytest.approx(59 * 2 / (120 * 6))
    assert run.throttled_minutes_share == pytest.approx(59 / 120)
    assert run.calls_per_day == pytest.approx(12)
    assert all(after.minute > before.minute for before, after in pairwise(run.changes))
