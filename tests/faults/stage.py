"""Concurrent invocations of the function. Each stops before each of its API calls until the test continues it.

The simulator runs one invocation at a time. Here the function runs from its source, each invocation in its own thread,
and only one thread runs at a time. So the test determines the order of single calls.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from itertools import count, permutations
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

from botocore.client import BaseClient

from kinesis_autoscaler import clients
from kinesis_autoscaler.handler import Function
from kinesis_autoscaler.settings import Environment
from simulator.local_aws.function import ApiCall, FunctionCrash
from simulator.local_aws.functions import _QueuedEvent
from tests.world import NOBODY, Running, World, kind_of

A_CALL = timedelta(milliseconds=40)
"""The duration of a call."""


class Actor:
    """One invocation. It has stopped before the call `waits_for`, or has ended if that is None."""

    def __init__(self, stage: Stage, event: dict[str, Any], request_id: str) -> None:
        self.event = event
        self.aws_request_id = request_id
        self.running = Running(kind_of(event), attempt=1)
        self.waits_for: str | None = None
        self.calls: list[str] = []
        self.error: BaseException | None = None
        self.looked: dict[str, int] = {}
        self.intended: dict[str, int] = {}
        self.accepted: dict[str, int] = {}
        self.within_call = False
        self._stage = stage
        self._dies = False
        self._turn, self._others = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._perform, daemon=True)
        self._thread.start()
        self._others.acquire()

    def step(self, calls: int = 1) -> bool:
        """Run this many calls and stop before the next one. Return False if it ended before."""
        for _ in range(calls):
            if self.waits_for is None:
                return False
            self._turn.release()
            self._others.acquire()
        return True

    def step_to(self, operation: str) -> None:
        """Run until a call of this operation."""
        while self.waits_for != operation:
            assert self.step(), f"it ended without {operation}"

    def finish(self) -> None:
        """Run until the end."""
        while self.step():
            pass

    def die(self) -> None:
        """Kill the process where it has stopped."""
        self._dies = True
        self.finish()

    def get_remaining_time_in_millis(self) -> int:
        return 900_000

    def stop_before(self, operation: str) -> None:
        self.waits_for = operation
        self.calls.append(operation)
        self._others.release()
        self._turn.acquire()
        if self._dies:
            raise FunctionCrash

    def _perform(self) -> None:
        self._stage.actors[threading.get_ident()] = self
        try:
            self._stage.invoke(self)
        except BaseException as error:  # noqa: BLE001 - a crash ends the invocation, not the test
            self.error = error
        self.waits_for = None
        self._others.release()


class Stage:
    """The invocations of a world during a test. Meanwhile, events of SNS and schedules wait in `inbox`.

    At the end, all of them are given to Lambda: failed events for a retry, waiting events for their delivery.
    """

    def __init__(self, w: World) -> None:
        self.w = w
        self.actors: dict[int, Actor] = {}
        self.inbox: list[dict[str, Any]] = []
        self._sequence = count()

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(patch.object(BaseClient, "_make_api_call", self._observed()))
        self._stack.enter_context(
            patch("time.sleep", lambda seconds: self.w.aws.clock.advance(timedelta(seconds=seconds)))
        )
        self._stack.enter_context(
            patch.object(self.w.aws.functions, "invoke_later", lambda _, event: self.inbox.append(event))
        )
        self._function = _function(self.w.deployment.topic_arn, self.w.deployment.function_name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the stage: stopped invocations are killed, and Lambda works as usual again."""
        for actor in self.actors.values():
            if actor.waits_for:
                actor.die()
        self._stack.close()
        for actor in self.actors.values():
            if actor.error is not None:
                self._retry(actor)
        for event in self.inbox:
            self.w.send(event)

    def enter(self, event: dict[str, Any], request_id: str | None = None) -> Actor:
        """Invoke the function, which stops before its first call. A retry has the failed invocation's request id."""
        return Actor(self, event, request_id or f"request-{next(self._sequence)}")

    def next_from(self, action: str) -> dict[str, Any]:
        """Run until an alarm fires, and return its message. Other messages stay in the inbox."""
        for _ in range(30):
            for event in self.inbox:
                if kind_of(event) == "alarm" and alarm_name(event).endswith(action):
                    self.inbox.remove(event)
                    return event
            self.w.run(1)
        raise AssertionError(f"{action} did not fire")

    def proves_delivery(self) -> None:
        """Make CloudWatch deliver the metrics of an idle stream's consumers."""
        stream = {"StreamName": "orders"}
        self.w.aws.store.put("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", stream, self.w.now, sum=0)

    def invoke(self, actor: Actor) -> None:
        event = json.loads(json.dumps(actor.event))
        if "Records" in event:
            self._function.on_sns(event["Records"], actor)
        elif event["action"] == "reconcile":
            self._function.on_reconcile(actor)
        else:
            self._function.on_scale(event, actor)

    @property
    def blind(self) -> list[str]:
        """Return scalings of one stream that were decided without knowledge of each other."""
        return [
            f"{a.running.kind} and {b.running.kind} both scaled {stream} on the same history"
            for a, b in permutations(self.actors.values(), 2)
            for stream in a.accepted.keys() & b.accepted.keys()
            if stream in a.intended and stream in b.intended
            if a.looked[stream] < b.intended[stream] and b.looked[stream] < a.intended[stream]
        ]

    def _observed(self) -> Callable[..., Any]:
        make_call = BaseClient._make_api_call  # as patched by the local AWS, with its shortcuts

        def observed(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            actor = self.actors.get(threading.get_ident())
            if actor is None or actor.within_call:
                return make_call(client, operation, parameters)
            actor.stop_before(operation)
            self.w.aws.clock.advance(A_CALL)
            call = ApiCall(client.meta.service_model.service_name, operation, parameters, self.w.now)
            self.w.running, actor.within_call = actor.running, True
            try:
                self.w.aws.observer.before(call)
                answer = make_call(client, operation, parameters)
                self._note(actor, call)
                self.w.aws.observer.after(call)
            finally:
                self.w.running, actor.within_call = NOBODY, False
            return answer

        return observed

    def _note(self, actor: Actor, call: ApiCall) -> None:
        if ":stream" in call.parameters.get("ExpressionAttributeValues", {}):
            actor.looked[call.parameters["ExpressionAttributeValues"][":stream"]["S"]] = next(self._sequence)
        if call.operation == "TransactWriteItems":
            item = call.parameters["TransactItems"][0]["Put"]["Item"]
            actor.intended[item["stream_name"]["S"]] = next(self._sequence)
        if call.operation == "UpdateShardCount":
            actor.accepted[call.parameters["StreamName"]] = next(self._sequence)

    def _retry(self, actor: Actor) -> None:
        now, functions = self.w.now, self.w.aws.functions
        arn = self.w.aws.client("lambda").get_function(FunctionName=self.w.deployment.function_name)
        functions._enqueue(
            _QueuedEvent(
                due_at=now + timedelta(minutes=1),
                sequence=next(functions._sequence),
                function_arn=arn["Configuration"]["FunctionArn"],
                event=actor.event,
                request_id=actor.aws_request_id,
                queued_at=now,
                attempt=2,
            )
        )


def alarm_name(event: dict[str, Any]) -> str:
    """Return the alarm of a notification."""
    return str(json.loads(event["Records"][0]["Sns"]["Message"])["AlarmName"])


@cache
def _function(topic_arn: str, function_name: str) -> Function:
    """The function from its source, with its own clients. All worlds share it."""
    environment = Environment(
        alarm_name_prefix="kinesis-autoscaler",
        topic_arn=topic_arn,
        audit_table_name="kinesis-autoscaler-audit",
        audit_retention_days=365,
        dry_run=False,
        function_name=function_name,
        log_group_name=f"/aws/lambda/{function_name}",
        region="us-east-1",
    )
    clients.client.cache_clear()
    try:
        return Function(environment)
    finally:
        clients.client.cache_clear()
