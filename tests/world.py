"""An autoscaler with its streams on a local AWS: its surroundings, possible faults, and what can be observed.

tests/rules.py contains the rules that must always hold. `World.broken_rules` checks them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any
from unittest.mock import patch

from botocore import session
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from simulator.aws.kinesis import ON_DEMAND, SHARD_BYTES_PER_MINUTE, StreamModel
from simulator.deployment import NAME, Deployment, add_stream, deploy
from simulator.deployment import alarms as alarms_of_module
from simulator.local_aws import LocalAWS
from simulator.local_aws.function import ApiCall, Invocation
from simulator.traffic import Traffic
from tests.rules import Reshard, Split, broken_by_the_call, broken_by_the_split, broken_once_healed, shard_count

__all__ = ["BRISK", "QUICK", "Outage", "Reshard", "Running", "World", "kind_of", "put_alarm", "shard_count", "world"]

_NUMBERS = {"target_utilization": 0.6, "calls_reserved_for_scale_up": 4, "foresight": "off"}
"""Not the defaults, which may be tuned. Without foresight, which has its own tests: only the alarms scale."""

QUICK = {
    **_NUMBERS,
    "scale_up": {"threshold": 0.75, "evaluation_periods": 3, "datapoints_to_alarm": 2, "cooldown_minutes": 3},
    "scale_down": {
        "threshold": 0.35,
        "period_seconds": 60,
        "evaluation_periods": 10,
        "datapoints_to_alarm": 10,
        "cooldown_minutes": 10,
    },
    "max_shard_count": 64,
}
"""Settings with short windows, so that a scenario takes minutes of virtual time instead of hours."""

BRISK = {
    **_NUMBERS,
    "scale_up": {"threshold": 0.75, "evaluation_periods": 2, "datapoints_to_alarm": 2, "cooldown_minutes": 2},
    "scale_down": {
        "threshold": 0.35,
        "period_seconds": 60,
        "evaluation_periods": 5,
        "datapoints_to_alarm": 5,
        "cooldown_minutes": 5,
    },
}
"""Even shorter windows, for thousands of scenarios."""


@dataclass
class Running:
    """The current invocation: its kind, the number of its delivery, and its current call."""

    kind: str
    attempt: int
    calls: int = 0
    intents: dict[str, str] = field(default_factory=dict)
    """For each stream, the record that it has declared to act on."""
    answering: bool = False
    """Whether AWS is handling its call. Calls that AWS itself makes meanwhile have no faults."""


@dataclass
class Outage:
    """An operation that AWS answers with 503, below botocore's retries, `times` times (None: always)."""

    operation: str
    times: int | None = None
    kind: str | None = None
    """The affected kinds of invocations; None: all."""
    carried_out: bool = False
    """Whether AWS carries out the request and only the answer is lost."""
    met: int = 0

    def befalls(self, running: Running, operation: str) -> bool:
        return (
            operation == self.operation
            and self.kind in (None, running.kind)
            and (self.times is None or self.met < self.times)
        )


NOBODY = Running("none", 0)

_one_loader = cache(session.create_loader)
"""Cache botocore's models, which it reads from JSON for each session. A crashed function starts with a new session."""


class World:
    """One autoscaler. `demand` sets each stream's load in shards. `run` advances by minutes."""

    SHARD_BYTES = SHARD_BYTES_PER_MINUTE

    def __init__(self, aws: LocalAWS, deployment: Deployment) -> None:
        self.aws = aws
        self.deployment = deployment
        self.demand: dict[str, float] = {}
        """Traffic by stream, in shards' worth. A stream that is not included reports nothing."""
        self.bounds: dict[str, tuple[int, int]] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.reshards: list[Reshard] = []
        self.splits: list[Split] = []
        self.before_call: Callable[[Running, ApiCall], None] | None = None
        self.after_call: Callable[[Running, ApiCall], None] | None = None
        self._outages: list[Outage] = []
        self._wire = patch.object(BotocoreStubber, "__call__", self._stubbed(BotocoreStubber.__call__))
        self.cloudwatch_is_down = False
        self.accepted_shards: dict[str, dict[datetime, float]] = {}
        """For each stream and minute, the traffic that Kinesis accepted, whatever CloudWatch shows."""
        self.running = NOBODY
        self.broken_calls: list[str] = []
        """The rules that calls broke at the moment when Kinesis accepted them."""
        self._originals: dict[str, Any] = {}
        self.aws.observer.before = self._before
        self.aws.observer.after = self._after
        self._run = self.aws.functions._run
        self.aws.functions._run = self._run_function
        self._put = self.aws.store.put
        self.aws.store.put = self._put_metric

    # Actions of a user

    def add_stream(self, name: str = "orders", shards: int = 8, demand: float = 4.0, **settings: Any) -> None:
        self.settings[name] = {**QUICK, **settings}
        add_stream(self.aws, name, shards, **self.settings[name])
        self.demand[name] = demand
        self._applied(name)

    def apply(self, name: str = "orders", *, planned_for: int | None = None, **settings: Any) -> None:
        """Apply a stream's module with changed settings, from a plan that was made with this number of shards.

        The apply restores everything that Terraform manages, and creates deleted alarms again.
        """
        self.settings[name] |= settings
        count = self.aws.streams.model(name).shard_count(self.now) if planned_for is None else planned_for
        cloudwatch = self.aws.client("cloudwatch")
        for alarm_name, alarm in alarms_of_module(self.aws.region, name, count, **self.settings[name]).items():
            tags = [{"Key": key, "Value": value} for key, value in alarm.pop("Tags").items()]
            cloudwatch.put_metric_alarm(**alarm, AlarmName=alarm_name, Tags=tags)
            arn = cloudwatch.describe_alarms(AlarmNames=[alarm_name])["MetricAlarms"][0]["AlarmArn"]
            cloudwatch.tag_resource(ResourceARN=arn, Tags=tags)
        self._applied(name)

    def remember_alarms(self, name: str) -> None:
        """Record the user's definition of the alarms. From now on, only shardCount may change."""
        for alarm in self.alarms(name).values():
            self._originals[alarm["AlarmName"]] = self.definition(alarm)

    def change_alarm(self, action: str, name: str = "orders", **changes: Any) -> None:
        """Change an alarm as a user would, in the console."""
        put_alarm(self.aws, self.alarms(name)[action], **changes)
        self.remember_alarms(name)

    def pause(self, *actions: str, name: str = "orders", paused: bool = True) -> None:
        """Disable or enable the actions of alarms."""
        cloudwatch = self.aws.client("cloudwatch")
        change = cloudwatch.disable_alarm_actions if paused else cloudwatch.enable_alarm_actions
        change(AlarmNames=[f"{NAME}/{name}/{action}" for action in actions])
        self.remember_alarms(name)

    def delete_alarm(self, action: str, name: str = "orders") -> None:
        self.aws.client("cloudwatch").delete_alarms(AlarmNames=[f"{NAME}/{name}/{action}"])

    def write_shard_count(self, count: int, name: str = "orders") -> None:
        """Apply a Terraform plan that was made when the stream had `count` shards."""
        for alarm in self.alarms(name).values():
            put_alarm(self.aws, alarm, Metrics=_with_shard_count(alarm["Metrics"], count))

    def tag_alarms(self, name: str = "orders", **settings: str) -> None:
        """Change settings, as Terraform does: on both alarms."""
        for alarm in self.alarms(name).values():
            tags = [{"Key": f"kinesis-autoscaler:{k.replace('_', '-')}", "Value": v} for k, v in settings.items()]
            self.aws.client("cloudwatch").tag_resource(ResourceARN=alarm["AlarmArn"], Tags=tags)

    def reshard_by_hand(self, count: int, name: str = "orders") -> None:
        """Split or merge shards until there are this many."""
        self.aws.streams.model(name).reshard_by_hand(count, self.now)
        self.aws.client("kinesis").describe_stream_summary(StreamName=name)  # moto's stream is updated at the next read

    def switch_mode(self, mode: str, name: str = "orders") -> None:
        arn = self.aws.client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
            "StreamARN"
        ]
        self.aws.client("kinesis").update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": mode})

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        return self.deployment.invoke(event)

    def send(self, event: Mapping[str, Any]) -> None:
        """Invoke the function asynchronously, as SNS and schedules do: Lambda retries what fails."""
        arn = self.aws.client("lambda").get_function(FunctionName=self.deployment.function_name)
        self.aws.functions.invoke_later(arn["Configuration"]["FunctionArn"], event)

    def reconcile(self) -> dict[str, Any]:
        return self.invoke({"action": "reconcile"})

    def publish(self, message: str | Mapping[str, Any]) -> None:
        """Publish to the autoscaler's topic, as anybody with permission may."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.aws.client("sns").publish(TopicArn=self.deployment.topic_arn, Message=text)

    # Time

    @property
    def now(self) -> datetime:
        return self.aws.clock.now()

    def run(self, minutes: int) -> None:
        for _ in range(minutes):
            at = self.now.replace(second=0, microsecond=0)
            demand = dict(self.demand)
            traffic = {n: Traffic(bytes=each * self.SHARD_BYTES, records=each * 20_000) for n, each in demand.items()}
            for name, minute in self.aws.advance_minute(traffic).items():
                self.accepted_shards.setdefault(name, {})[at] = demand[name] * minute.accepted_share

    def have_days(self, days: int, demand: Callable[[datetime], float]) -> None:
        """Let days pass without running anything. CloudWatch then has a demand in shards for every stream."""
        begin = self.now.replace(second=0, microsecond=0)
        minute = timedelta(minutes=1)
        self.aws.clock.advance(timedelta(days=days))
        for at in (begin + n * minute for n in range((self.now - begin) // minute)):
            shards = demand(at)
            traffic = {"IncomingBytes": shards * self.SHARD_BYTES, "IncomingRecords": shards * 20_000}
            for name, (metric, value) in product(self.demand, traffic.items()):
                self.aws.store.put("AWS/Kinesis", metric, {"StreamName": name}, at, sum=value)

    def run_until(self, condition: Callable[[], bool], at_most: int = 60) -> None:
        for _ in range(at_most):
            if condition():
                return
            self.run(1)
        raise AssertionError(f"It did not come about within {at_most} minutes.")

    def heal(self) -> None:
        """End all faults."""
        self.before_call = self.after_call = None
        self.outages = []
        self.cloudwatch_is_down = False
        self.aws.faults.end_all()

    def calm(self, minutes: int = 20) -> None:
        """End all faults, and wait for retries, a reshard, at least two reconciles, and the work that they begin."""
        self.heal()
        self.run(minutes)
        for _ in range(60):
            if not any(status in ("PENDING", "UPDATING") for name in self.bounds for status in self.statuses(name)):
                return
            self.run(1)

    # Observations

    def shards(self, name: str = "orders") -> int:
        return self.aws.streams.model(name).shard_count(self.now)

    def summary(self, name: str = "orders") -> dict[str, Any]:
        """Return the answer of DescribeStreamSummary."""
        return self.aws.streams.model(name).describe(self.now)["StreamDescriptionSummary"]

    def is_provisioned(self, name: str) -> bool:
        """Return whether the stream exists and is not in on-demand mode."""
        names = self.aws.client("kinesis").list_streams()["StreamNames"]
        return name in names and self.aws.streams.model(name).mode != ON_DEMAND

    def log(self, name: str = "orders") -> list[dict[str, Any]]:
        return self.deployment.audit_log(name)

    def statuses(self, name: str = "orders") -> list[str]:
        return [item["status"] for item in self.log(name)]

    def reasons(self, name: str = "orders") -> list[str]:
        return [item["reason"] for item in self.log(name)]

    def alarms(self, name: str = "orders") -> dict[str, dict[str, Any]]:
        names = [f"{NAME}/{name}/{action}" for action in ("scale-up", "scale-down")]
        answer = self.aws.client("cloudwatch").describe_alarms(AlarmNames=names)
        return {alarm["AlarmName"].removeprefix(f"{NAME}/{name}/"): alarm for alarm in answer["MetricAlarms"]}

    def tags(self, alarm: Mapping[str, Any]) -> dict[str, str]:
        """Return an alarm's tags, by name without the prefix."""
        answer = self.aws.client("cloudwatch").list_tags_for_resource(ResourceARN=alarm["AlarmArn"])
        return {tag["Key"].removeprefix("kinesis-autoscaler:"): tag["Value"] for tag in answer["Tags"]}

    def metric(self, namespace: str, name: str, since: datetime, **dimensions: str) -> dict[datetime, float]:
        """Return what CloudWatch shows of a metric now, per minute: the maximum for an age, else the sum."""
        stat = "Maximum" if name.endswith("Milliseconds") else "Sum"
        return self.aws.store.series(namespace, name, dimensions, stat, 60, since, self.now, now=self.now)

    def invocations(self, kind: str) -> list[Invocation]:
        return [each for each in self.aws.functions.invocations if kind_of(each.event) == kind]

    def dead_letters(self) -> list[dict[str, Any]]:
        answer = self.aws.client("sqs").receive_message(
            QueueUrl=self.deployment.dead_letter_queue_url, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def broken_rules(self) -> list[str]:
        """Return the broken rules, after faults have ended and a reconcile has run."""
        healed = [f"{name}: {problem}" for name in self.bounds for problem in broken_once_healed(self, name)]
        return [*self.broken_calls, *healed]

    @staticmethod
    def definition(alarm: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of an alarm that a user decides."""
        moving = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
        fixed = {k: v for k, v in alarm.items() if k not in (*moving, "AlarmConfigurationUpdatedTimestamp")}
        return {**fixed, "Metrics": sorted(_with_shard_count(alarm["Metrics"], 0), key=lambda query: query["Id"])}

    def as_the_user_made_it(self, alarm: Mapping[str, Any]) -> dict[str, Any]:
        """Return the user's latest definition of an alarm."""
        original: dict[str, Any] = self._originals[alarm["AlarmName"]]
        return original

    # Observing and breaking calls

    def accepted(self, stream: str, before: int, target: int) -> None:
        """Handle an UpdateShardCount call that Kinesis has accepted, of any caller."""
        if self.running is NOBODY:
            return
        call = Reshard(self.now, stream, before, target, self.running.intents.get(stream))
        self.reshards.append(call)
        self.broken_calls += [f"{stream}: {problem}" for problem in broken_by_the_call(self, call)]

    def accepted_split(self, stream: str, before: int) -> None:
        """Handle a SplitShard call that Kinesis has accepted, of any caller."""
        if self.running is NOBODY:
            return
        split = Split(self.now, stream, before, self.running.intents.get(stream))
        self.splits.append(split)
        self.broken_calls += [f"{stream}: {problem}" for problem in broken_by_the_split(self, split)]

    @property
    def outages(self) -> list[Outage]:
        """The current outages. Assign a new list to change them."""
        return self._outages

    @outages.setter
    def outages(self, outages: list[Outage]) -> None:
        """Intercept requests while there are outages. The simulator's shortcuts are then closed."""
        if self._outages and not outages:
            self._wire.stop()
        if outages and not self._outages:
            self._wire.start()
        self._outages = outages

    def _stubbed(self, answer: Callable[..., AWSResponse]) -> Callable[..., AWSResponse]:
        def stub(stubber: BotocoreStubber, event_name: str, request: Any, **options: Any) -> AWSResponse:
            return self._lost(event_name, lambda: answer(stubber, event_name, request, **options))

        return stub

    def _lost(self, event_name: str, answer: Callable[[], AWSResponse]) -> AWSResponse:
        """Return the answer to a request, unless an outage affects it."""
        running = self.running
        if running is NOBODY or running.answering:
            return answer()
        operation = event_name.rpartition(".")[2]
        outage = next((each for each in self.outages if each.befalls(running, operation)), None)
        running.answering = True
        try:
            if outage is None or outage.carried_out:
                response = answer()
        finally:
            running.answering = False
        if outage is None:
            return response
        outage.met += 1
        return AWSResponse("https://amazonaws.com", 503, {}, MockRawResponse(b""))

    def _applied(self, name: str) -> None:
        self.bounds[name] = (self.settings[name].get("min_shard_count", 1), self.settings[name]["max_shard_count"])
        self.remember_alarms(name)

    def _run_function(self, function_arn: str, event: object, request_id: str, attempt: int) -> Invocation:
        outer, self.running = self.running, Running(kind_of(event), attempt)
        try:
            return self._run(function_arn, event, request_id, attempt)
        finally:
            self.running = outer

    def _put_metric(self, *args: Any, **values: Any) -> None:
        if not self.cloudwatch_is_down:
            self._put(*args, **values)

    def _before(self, call: ApiCall) -> None:
        self.running.calls += 1
        if self.before_call:
            self.before_call(self.running, call)

    def _after(self, call: ApiCall) -> None:
        if intent := _declared_intent(call):
            self.running.intents[intent["stream_name"]["S"]] = intent["event_time"]["S"]
        if self.after_call:
            self.after_call(self.running, call)


def kind_of(event: Any) -> str:
    """Return the kind of an invocation: `alarm`, `reconcile` or `scale`."""
    if not isinstance(event, Mapping):
        return "unknown"
    return "alarm" if "Records" in event else str(event.get("action"))


def put_alarm(aws: LocalAWS, alarm: Mapping[str, Any], **changes: Any) -> None:
    """Return PutMetricAlarm's parameters from the answer of DescribeAlarms, with some changes."""
    cloudwatch = aws.client("cloudwatch")
    takes = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    cloudwatch.put_metric_alarm(**{key: value for key, value in {**alarm, **changes}.items() if key in takes})


def _with_shard_count(queries: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return [{**query, "Expression": str(count)} if query["Id"] == "shardCount" else query for query in queries]


def _declared_intent(call: ApiCall) -> dict[str, Any] | None:
    """Return the record with which a function declares that it will act: a new one, or one that it took over."""
    if call.operation == "TransactWriteItems":
        return dict(call.parameters["TransactItems"][0]["Put"]["Item"])
    if call.operation == "PutItem" and call.parameters["Item"].get("status") == {"S": "PENDING"}:
        return dict(call.parameters["Item"])
    return None


@contextmanager
def world(
    *,
    reshard_seconds: float = 90,
    count_while_updating: Callable[[int, int], int] = min,
    metric_delay_seconds: int = 60,
    **environment: str,
) -> Iterator[World]:
    """Yield an autoscaler without streams, on its own AWS."""
    with LocalAWS(
        metric_delay_seconds=metric_delay_seconds,
        reshard_seconds=reshard_seconds,
        count_while_updating=count_while_updating,
    ) as aws:
        w = World(aws, deploy(aws, environment=environment))
        update, split = StreamModel.update_shard_count, StreamModel.split_shard

        def accept(model: StreamModel, target: int, now: datetime) -> dict[str, Any]:
            accepted = update(model, target, now)
            w.accepted(model.name, accepted["CurrentShardCount"], target)
            return accepted

        def accept_split(model: StreamModel, shard_id: str, hash_key: int, now: datetime) -> None:
            before = model.shard_count(now)
            split(model, shard_id, hash_key, now)
            w.accepted_split(model.name, before)

        with (
            patch.object(session, "create_loader", _one_loader),
            patch.object(StreamModel, "update_shard_count", accept),
            patch.object(StreamModel, "split_shard", accept_split),
        ):
            try:
                yield w
            finally:
                w.outages = []
