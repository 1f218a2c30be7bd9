"""Any sequence of events for an autoscaler and its streams: after faults end, the rules hold.

hypothesis generates the sequences, and reduces a sequence that breaks a rule to its necessary steps.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import wraps
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simulator.aws.kinesis import ConsumerState, KinesisError
from simulator.deployment import NAME
from simulator.local_aws.function import FunctionCrash
from tests.faults.effort import SOAK, effort
from tests.world import BRISK, Outage, World, world

STREAMS = st.sampled_from(["orders", "clicks"])
ACTIONS = st.sampled_from(["scale-up", "scale-down"])
COUNTS = st.sampled_from([1, 2, 3, 4, 6, 8, 9, 16])
LOADS = st.sampled_from([None, 0.0, 0.1, 0.3, 0.5, 0.74, 0.9, 1.0, 1.7])
"""Demand as a fraction of the current shards. None: no metrics are reported."""
MINUTES = st.sampled_from([1, 3, 0, 7])
OPERATIONS = st.sampled_from(
    [
        "UpdateShardCount",
        "TransactWriteItems",
        "PutItem",
        "PutMetricAlarm",
        "SetAlarmState",
        "Query",
        "DescribeAlarms",
        "DescribeStreamSummary",
        "GetMetricData",
        "ListTagsForResource",
        "GetItem",
    ]
)
METRICS = st.sampled_from(
    [
        "IncomingBytes",
        "IncomingRecords",
        "WriteProvisionedThroughputExceeded",
        "GetRecords.Bytes",
        "GetRecords.IteratorAgeMilliseconds",
    ]
)


def happening(**arguments: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule after which some minutes pass."""

    def of(what: Callable[..., None]) -> Any:
        @wraps(what)
        def happens(self, then, **values):
            self.since_quiet += 1
            what(self, **values)
            self.w.run(then)

        return rule(then=MINUTES, **arguments)(happens)

    return of


def fault(**arguments: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule that starts a fault for some minutes, or until another fault replaces it or all faults end."""

    def of(what: Callable[..., None]) -> Any:
        @wraps(what)
        def happens(self, then, lasts, **values):
            self.since_quiet += 1
            self.w.heal()
            what(self, **values)
            self.w.run(then)
            if not lasts:
                self.w.heal()

        return rule(then=MINUTES, lasts=st.booleans(), **arguments)(happens)

    return of


class Autoscaler(RuleBasedStateMachine):
    """Two streams of one autoscaler, and all events that may affect them."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.since_quiet = 0

    def teardown(self) -> None:
        with self.stack:
            if hasattr(self, "w"):
                self.it_is_quiet_for_a_while()

    @initialize(
        counts=st.tuples(COUNTS, COUNTS),
        strategy=st.sampled_from(["target", "double"]),
        reshard_seconds=st.sampled_from([90, 20, 400]),
        count_while_updating=st.sampled_from([min, max, lambda current, target: current + target]),
        metric_delay_seconds=st.sampled_from([60, 120, 180]),
        minutes=MINUTES,
    )
    def two_streams(self, counts, strategy, minutes, **of_aws):
        self.w: World = self.stack.enter_context(world(**of_aws))
        for name, count in zip(["orders", "clicks"], counts, strict=True):
            demand = count / 2
            self.w.add_stream(name, count, demand, **BRISK, max_shard_count=16, scaling_strategy=strategy)
        self.w.run(minutes)

    # Traffic

    @happening(name=STREAMS, load=LOADS)
    def traffic_changes(self, name, load):
        self.w.demand.pop(name, None)
        if load is not None and self.exists(name):
            self.w.demand[name] = load * self.w.shards(name)

    @happening(name=STREAMS, load=LOADS)
    def traffic_changes_again(self, name, load):
        self.traffic_changes(name=name, load=load, then=0)

    @happening(name=STREAMS, state=st.sampled_from(ConsumerState))
    def consumers_change(self, name, state):
        if self.exists(name):
            self.w.aws.streams.model(name).consumer.state = state

    # Faults

    @fault(calls=st.integers(1, 14), after=st.booleans())
    def the_function_dies(self, calls, after):
        """Crash before or after this many more calls."""
        left = [calls]

        def count_down(running, call):
            left[0] -= 1
            if left[0] == 0:
                self.w.before_call = self.w.after_call = None
                raise FunctionCrash

        self.w.before_call, self.w.after_call = (None, count_down) if after else (count_down, None)

    @fault(operation=OPERATIONS, after=st.booleans())
    def the_function_dies_at_each(self, operation, after):
        """Crash before or after all calls of one operation."""

        def die(running, call):
            if call.operation == operation:
                raise FunctionCrash

        self.w.before_call, self.w.after_call = (None, die) if after else (die, None)

    @fault(operation=OPERATIONS, code=st.sampled_from(["LimitExceededException", "AccessDeniedException"]))
    def calls_are_refused(self, operation, code):
        def refuse(running, call):
            if call.operation == operation:
                raise ClientError({"Error": {"Code": code, "Message": "not now"}}, operation)

        self.w.before_call = refuse

    @fault(operation=OPERATIONS, times=st.sampled_from([1, 2, None]), carried_out=st.booleans())
    def calls_are_not_answered(self, operation, times, carried_out):
        self.w.outages = [Outage(operation, times=times, carried_out=carried_out)]

    @fault()
    def cloudwatch_takes_nothing_in(self):
        self.w.cloudwatch_is_down = True

    @fault(name=STREAMS, metric=METRICS)
    def a_metric_is_lost(self, name, metric):
        self.w.aws.faults.lose_metric(metric, StreamName=name)

    @fault()
    def the_streams_metrics_are_lost(self):
        self.w.aws.faults.lose_namespace("AWS/Kinesis")

    @fault(metric=METRICS, status=st.sampled_from(["InternalError", "PartialData", "Forbidden"]))
    def cloudwatch_answers_in_part(self, metric, status):
        self.w.aws.faults.answer_metric_data(status, metric)

    @fault(metric=METRICS, late_minutes=st.sampled_from([1, 2, 6]))
    def a_metric_is_late(self, metric, late_minutes):
        self.w.aws.faults.delay_metrics(late_minutes, metric)

    @fault(seconds=st.sampled_from([30, 180]))
    def alarms_are_shown_as_they_were(self, seconds):
        self.w.aws.faults.stale_alarms(seconds)

    # Other people

    @happening(name=STREAMS, count=COUNTS)
    def somebody_reshards_by_hand(self, name, count):
        if self.w.is_provisioned(name):
            with suppress(KinesisError):
                self.w.reshard_by_hand(count, name)

    @happening(name=STREAMS, count=COUNTS)
    def somebody_calls_update_shard_count(self, name, count):
        with suppress(ClientError):
            self.w.aws.client("kinesis").update_shard_count(
                StreamName=name, TargetShardCount=count, ScalingType="UNIFORM_SCALING"
            )

    @happening(name=STREAMS, count=COUNTS)
    def a_plan_of_before_is_applied(self, name, count):
        if self.exists(name):
            self.w.apply(name, planned_for=count)

    @happening(name=STREAMS, bounds=st.tuples(COUNTS, COUNTS))
    def bounds_are_changed(self, name, bounds):
        if self.exists(name):
            self.w.apply(name, min_shard_count=min(bounds), max_shard_count=max(bounds))

    @happening(name=STREAMS, threshold=st.sampled_from([0.65, 0.75, 0.9]), cooldown=st.sampled_from([0, 3, 8]))
    def thresholds_are_changed(self, name, threshold, cooldown):
        if self.exists(name):
            changed = {"threshold": threshold, "cooldown_minutes": cooldown}
            self.w.apply(name, scale_up={**BRISK["scale_up"], **changed})

    @happening(name=STREAMS, action=ACTIONS, paused=st.booleans())
    def actions_are_disabled_or_enabled(self, name, action, paused):
        if action in self.w.alarms(name):
            self.w.pause(action, name=name, paused=paused)

    @happening(name=STREAMS, action=ACTIONS, anew=st.booleans())
    def an_alarm_is_deleted(self, name, action, anew):
        self.w.delete_alarm(action, name)
        if anew and self.exists(name):
            self.w.apply(name)

    @happening(name=STREAMS, mode=st.sampled_from(["PROVISIONED", "ON_DEMAND"]))
    def the_mode_is_switched(self, name, mode):
        if self.exists(name) and self.w.aws.streams.model(name).mode != mode:
            with suppress(ClientError):
                self.w.switch_mode(mode, name)

    @happening(name=STREAMS, count=COUNTS, anew=st.booleans())
    def a_stream_is_deleted(self, name, count, anew):
        kinesis = self.w.aws.client("kinesis")
        if self.exists(name):
            kinesis.delete_stream(StreamName=name)
            self.w.demand.pop(name, None)
        if anew:
            kinesis.create_stream(StreamName=name, ShardCount=count)
            self.w.demand[name] = count / 2
            self.w.apply(name)

    @happening(name=STREAMS, count=COUNTS)
    def a_shard_count_is_requested(self, name, count):
        self.w.send({"action": "scale", "stream_name": name, "shard_count": count, "reason": "the launch"})

    # Messages

    @happening(name=STREAMS, action=ACTIONS, seconds=st.sampled_from([0, -90, 90, -7200]))
    def a_message_is_forged(self, name, action, seconds):
        at = self.w.now + timedelta(seconds=seconds)
        self.w.publish(
            {
                "AlarmName": f"{NAME}/{name}/{action}",
                "NewStateValue": "ALARM",
                "NewStateReason": "because I say so",
                "StateChangeTime": at.isoformat(timespec="milliseconds"),
            }
        )

    @precondition(lambda self: self.w.invocations("alarm"))
    @happening(which=st.integers(0, 99))
    def an_old_message_is_delivered_again(self, which):
        events = self.w.invocations("alarm")
        self.w.send(events[which % len(events)].event)

    # The check

    @precondition(lambda self: self.since_quiet >= 3)  # hypothesis prefers the rule without arguments
    @rule()
    def it_is_quiet_for_a_while(self):
        self.since_quiet = 0
        self.w.calm(15)
        assert self.w.broken_rules() == []

    @invariant()
    def no_call_breaks_a_rule(self):
        assert self.w.broken_calls == []

    def exists(self, name):
        return name in self.w.aws.client("kinesis").list_streams()["StreamNames"]


TestAutoscaler = Autoscaler.TestCase
TestAutoscaler.settings = settings(
    max_examples=effort(7),
    stateful_step_count=15,
    derandomize=not SOAK,  # make test uses the same sequences each time; make soak looks for new ones
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
