"""An autoscaler with its streams on a local AWS, and the rules that hold whatever happens to it.

Rules, in the words of docs/architecture.md and tested by `broken_rules`: bounds, quota, one scaling per transition at most,
everything healed once faults end, nothing of an alarm changed but the shard count.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.deployment import NAME, Deployment, add_stream, deploy
from simulator.function import ApiCall, Invocation
from simulator.local_aws import LocalAWS
from simulator.traffic import Traffic

SHARD_BYTES = 60 * 1024 * 1024
QUICK = {
    "scale_up": {"threshold": 0.75, "evaluation_periods": 3, "datapoints_to_alarm": 2, "cooldown_minutes": 3},
    "scale_down": {
        "threshold": 0.35,
        "period_seconds": 60,
        "evaluation_periods": 10,
        "datapoints_to_alarm": 10,
        "cooldown_minutes": 10,
    },
    "scale_on_throttling": False,
}
"""Settings with short windows, so that a scenario takes minutes of virtual time rather than hours."""


@dataclass(frozen=True)
class Reshard:
    """A call of UpdateShardCount that Kinesis accepted."""

    at: datetime
    stream: str
    before: int
    target: int


@dataclass
class Running:
    """The invocation under way: what for, the how manieth delivery, and which call it has come to."""

    kind: str
    attempt: int
    calls: int = 0


class World:
    """One autoscaler. `shards` sets each stream's demand; `run` lets minutes go by."""

    def __init__(self, aws: LocalAWS, deployment: Deployment) -> None:
        self.aws = aws
        self.deployment = deployment
        self.demand: dict[str, float] = {}
        self.reshards: list[Reshard] = []
        self.bounds: dict[str, tuple[int, int]] = {}
        self.before_call: Callable[[Running, ApiCall], None] | None = None
        self.after_call: Callable[[Running, ApiCall], None] | None = None
        self._originals: dict[str, Any] = {}
        self.running = Running("none", 0)
        self.aws.observer.before = self._before
        self.aws.observer.after = self._after
        run = self.aws.functions._run

        def running(function_arn: str, event: object, request_id: str, attempt: int) -> Invocation:
            outer, self.running = self.running, Running(kind_of(event), attempt)
            try:
                return run(function_arn, event, request_id, attempt)
            finally:
                self.running = outer

        self.aws.functions._run = running

    def add_stream(self, name: str = "orders", shards: int = 8, demand: float = 4.0, **settings: Any) -> None:
        add_stream(self.aws, name, shards, **{**QUICK, "max_shard_count": 64, **settings})
        self.bounds[name] = (settings.get("min_shard_count", 1), settings.get("max_shard_count", 64))
        self.demand[name] = demand
        self.remember_alarms(name)

    def remember_alarms(self, name: str) -> None:
        """What the user has made of the alarms: from now on only shardCount may change."""
        for alarm in self.alarms(name).values():
            self._originals[alarm["AlarmName"]] = _definition(alarm)

    def run(self, minutes: int) -> None:
        for _ in range(minutes):
            self.aws.advance_minute(
                {
                    name: Traffic(bytes=shards * SHARD_BYTES, records=shards * 20_000)
                    for name, shards in self.demand.items()
                }
            )

    def run_until(self, condition: Callable[[], bool], at_most: int = 60) -> None:
        for _ in range(at_most):
            if condition():
                return
            self.run(1)
        raise AssertionError(f"It did not come about within {at_most} minutes.")

    def calm(self, minutes: int = 20) -> None:
        """Faults end, and time passes: retries, a reshard, and two reconciles at least."""
        self.before_call = self.after_call = None
        self.run(minutes)

    # What there is to see

    @property
    def now(self) -> datetime:
        return self.aws.clock.now()

    def shards(self, name: str = "orders") -> int:
        return self.aws.streams.model(name).shard_count(self.now)

    def log(self, name: str = "orders") -> list[dict[str, Any]]:
        return self.deployment.audit_log(name)

    def statuses(self, name: str = "orders") -> list[str]:
        return [item["status"] for item in self.log(name)]

    def reasons(self, name: str = "orders") -> list[str]:
        return [item["reason"] for item in self.log(name)]

    def alarms(self, name: str = "orders") -> dict[str, dict[str, Any]]:
        names = [f"{NAME}-{name}-{action}" for action in ("scale-up", "scale-down")]
        answer = self.aws.client("cloudwatch").describe_alarms(AlarmNames=names)
        return {alarm["AlarmName"].removeprefix(f"{NAME}-{name}-"): alarm for alarm in answer["MetricAlarms"]}

    def invocations(self, kind: str) -> list[Invocation]:
        return [each for each in self.aws.functions.invocations if kind_of(each.event) == kind]

    def dead_letters(self) -> list[dict[str, Any]]:
        answer = self.aws.client("sqs").receive_message(
            QueueUrl=self.deployment.dead_letter_queue_url, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    # What a test may do

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        return self.deployment.invoke(event)

    def reconcile(self) -> dict[str, Any]:
        return self.invoke({"action": "reconcile"})

    def publish(self, message: str | Mapping[str, Any]) -> None:
        """Publish to the autoscaler's topic, as whoever may do so."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.aws.client("sns").publish(TopicArn=self.deployment.topic_arn, Message=text)

    def change_alarm(self, action: str, name: str = "orders", **changes: Any) -> None:
        """Change an alarm as a user would, in the console or by Terraform."""
        put_alarm(self.aws, self.alarms(name)[action], **changes)
        self.remember_alarms(name)

    def write_shard_count(self, count: int, name: str = "orders") -> None:
        """Apply a Terraform plan that was made when the stream had `count` shards."""
        for alarm in self.alarms(name).values():
            put_alarm(self.aws, alarm, Metrics=_with_shard_count(alarm["Metrics"], count))

    def tag_alarms(self, name: str = "orders", **settings: str) -> None:
        """Change settings, as Terraform does: on both alarms."""
        for alarm in self.alarms(name).values():
            tags = [{"Key": f"kinesis-autoscaler:{k.replace('_', '-')}", "Value": v} for k, v in settings.items()]
            self.aws.client("cloudwatch").tag_resource(ResourceARN=alarm["AlarmArn"], Tags=tags)

    # The rules

    def broken_rules(self) -> list[str]:
        """What is wrong, once faults have ended and a reconcile has run; nothing, if the rules hold."""
        problems = []
        for name in self.bounds:
            problems += [f"{name}: {problem}" for problem in self._broken_rules(name)]
        return problems

    def _broken_rules(self, name: str) -> Iterator[str]:
        low, high = self.bounds[name]
        for r in (reshard for reshard in self.reshards if reshard.stream == name):
            if not math.ceil(r.before / 2) <= r.target <= 2 * r.before:
                yield f"rule 1: {r} more than doubles or halves"
            if not min(low, 2 * r.before) <= r.target <= max(high, math.ceil(r.before / 2)):
                yield f"rule 1: {r} leaves the bounds {low} to {high}"
        times = [r.at for r in self.reshards if r.stream == name]
        if any(sum(at - timedelta(hours=24) < other <= at for other in times) > 10 for at in times):
            yield "rule 2: more than 10 calls in 24 hours"
        log = self.log(name)
        carried_out = [item for item in log if item["status"] != "SKIPPED" and item.get("call_accepted") is not False]
        if len(carried_out) < len(times):
            yield f"rule 3: {len(times)} calls were accepted for {len(carried_out)} records"
        for item in log:
            if item["status"] in ("PENDING", "UPDATING"):
                yield f"rule 4: {item['event_time']} is still {item['status']}"
        for action, alarm in self.alarms(name).items():
            if shard_count(alarm) != self.shards(name):
                yield f"rule 4: {action} holds {shard_count(alarm)}, the stream has {self.shards(name)}"
            if alarm["StateValue"] == "ALARM" and alarm["ActionsEnabled"] and not self._explained(alarm, action, log):
                yield f"rule 4: {action} is stuck in ALARM"
            if _definition(alarm) != self._originals[alarm["AlarmName"]]:
                yield f"rule 5: {action} was changed beyond its shard count"

    def _explained(self, alarm: Mapping[str, Any], action: str, log: list[dict[str, Any]]) -> bool:
        """Whether a record tells why the alarm is in ALARM and nothing is done, and until when that holds."""
        since = alarm["StateTransitionedTimestamp"]
        if self.now - since < timedelta(minutes=7):
            return True  # not stuck yet: a reconcile may be five minutes away
        mine = [item for item in log if item["action"] == action and "retry_at" in item]
        return any(
            datetime.fromisoformat(item["retry_at"]) > self.now - timedelta(minutes=7)
            and datetime.fromisoformat(item["last_seen_at"]) >= since - timedelta(seconds=5)
            for item in mine
            if "last_seen_at" in item
        ) or any(datetime.fromisoformat(i["retry_at"]) > self.now for i in mine if i["status"] == "FAILED")

    def _before(self, call: ApiCall) -> None:
        self.running.calls += 1
        if self.before_call:
            self.before_call(self.running, call)

    def _after(self, call: ApiCall) -> None:
        if call.operation == "UpdateShardCount":
            name = call.parameters["StreamName"]
            model = self.aws.streams.model(name)
            target = call.parameters["TargetShardCount"]
            self.reshards.append(Reshard(call.at, name, model.shard_count(call.at), target))
        if self.after_call:
            self.after_call(self.running, call)


def kind_of(event: Any) -> str:
    """What a function was invoked for: `alarm`, `reconcile` or `scale`."""
    return "alarm" if "Records" in event else str(event.get("action"))


def shard_count(alarm: Mapping[str, Any]) -> int:
    """The literal that the function rewrites."""
    return int(next(query["Expression"] for query in alarm["Metrics"] if query["Id"] == "shardCount"))


def put_alarm(aws: LocalAWS, alarm: Mapping[str, Any], **changes: Any) -> None:
    """PutMetricAlarm with what DescribeAlarms returned, some of it changed."""
    cloudwatch = aws.client("cloudwatch")
    takes = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    cloudwatch.put_metric_alarm(**{key: value for key, value in {**alarm, **changes}.items() if key in takes})


def _with_shard_count(queries: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return [{**query, "Expression": str(count)} if query["Id"] == "shardCount" else query for query in queries]


def _definition(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """All that a user decides about an alarm."""
    moving = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
    fixed = {k: v for k, v in alarm.items() if k not in (*moving, "AlarmConfigurationUpdatedTimestamp")}
    return {**fixed, "Metrics": sorted(_with_shard_count(alarm["Metrics"], 0), key=lambda query: query["Id"])}


@contextmanager
def world(**environment: str) -> Iterator[World]:
    """An autoscaler without streams, on an AWS of its own."""
    with LocalAWS(reshard_seconds=90) as aws:
        yield World(aws, deploy(aws, environment=environment))
