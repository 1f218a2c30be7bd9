"""A fleet of streams with AWS's alarms, quotas and Lambda environments, and hundreds of concurrent invocations."""

from __future__ import annotations

import importlib
import logging
import os
import random
import sys
import time
import zipfile
from contextlib import ExitStack, contextmanager, redirect_stdout
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.endpoint import Endpoint
from moto.core.botocore_stubber import MockRawResponse

from simulator.aws.assumptions import ASSUMED
from simulator.aws.kinesis import KinesisAccount
from simulator.deployment import NAME, PACKAGE, Deployment, add_stream, deploy
from simulator.fleets.caches import Caches
from simulator.fleets.invocations import Environment, Invocation, Invocations
from simulator.fleets.quotas import CALLS_PER_SECOND, Quotas
from simulator.fleets.side_by_side import SideBySide
from simulator.local_aws import LocalAWS
from simulator.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType


A_CALL = timedelta(seconds=ASSUMED.call_seconds)
"""The assumed duration of an API call, including refused ones."""

SHARDS = 4
CONCURRENCY = 1000
MINUTE = timedelta(minutes=1)
CALM, BUSY = Traffic.for_shards(SHARDS * 0.5), Traffic.for_shards(SHARDS * 0.95)

_make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - before it is patched
_HISTORY_MINUTES = 60
_PATIENCEMINUTES = 120
_NEVERMINUTES = 24 * 60
_INSTANT = timedelta(microseconds=1)
_BAD_REQUEST = 400
_PACKAGE_NAME = "kinesis_autoscaler"


class Fleet:
    """An autoscaler and its streams in a local AWS with API quotas.

    Attributes:
        aws: the local AWS.
        deployment: the autoscaler in it.
        quotas: the quotas, and the admitted and throttled API calls of the function.
        invocations: Lambda.
        stream_names: the streams, each with four shards.

    """

    def __init__(self, deployment: Deployment, streams: int, invocations: Invocations, quotas: Quotas) -> None:
        """Add this many streams."""
        self.aws = deployment.aws
        self.deployment = deployment
        self.invocations = invocations
        self.quotas = quotas
        self._answering = False  # calls that AWS itself makes while it answers are not the function's
        self.stream_names = [f"stream-{number:04}" for number in range(streams)]
        for name in self.stream_names:
            add_stream(self.aws, name, SHARDS, max_shard_count=64)

    def remember(self, minutes: int) -> None:
        """Simulate minutes without alarms. Only their metrics remain."""
        for _ in range(minutes):
            self.aws.streams.offer(self.aws.clock.now(), dict.fromkeys(self.stream_names, CALM))
            self.aws.clock.advance(MINUTE)

    def fire(self) -> None:
        """Fire all scale-up alarms. Their invocations wait."""
        self.remember(_HISTORY_MINUTES)
        while not any("Records" in event for event in self.invocations.waiting):
            self.run_minute(BUSY)

    def run_minute(self, traffic: Traffic) -> None:
        """Simulate a minute with everything that is due. Alarms are evaluated at its end."""
        end = self.aws.clock.now().replace(second=0, microsecond=0) + MINUTE
        self.invocations.timeline.run_until(end - _INSTANT)
        self.aws.advance_minute(dict.fromkeys(self.stream_names, traffic))

    def attempt(self, answer: Callable[[], Any], request: Any, operation: Any) -> Any:  # noqa: ANN401 - botocore's
        """Attempt an API call. If it is the function's, the operation's quota applies."""
        if self.invocations.running is None or self._answering:
            return answer()
        self.invocations.sleep(A_CALL)
        if not self.quotas.admit(operation.name, self.aws.clock.now()):
            return _throttled(request.url, operation.service_model.service_name), None
        self._answering = True
        try:
            return answer()
        finally:
            self._answering = False

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Return every alarm as DescribeAlarms does, by name."""
        pages = self.aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
        return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    def unsettled(self) -> list[str]:
        """List lost or stuck work: streams without a successful scaling, unfinished records, wrong alarms."""
        return [problem for name in self.stream_names for problem in self._unsettled(name)] + self.wrong_alarms()

    def wrong_alarms(self) -> list[str]:
        """List alarms with a wrong shard count, and alarms that are stuck in ALARM."""
        alarms = self.alarms()
        return [problem for name in self.stream_names for problem in self._wrong_alarms(name, alarms)]

    def _shard_count(self, name: str) -> int:
        return self.aws.streams.model(name).shard_count(self.aws.clock.now())

    def _unsettled(self, name: str) -> Iterator[str]:
        log, count = self.deployment.audit_log(name), self._shard_count(name)
        if not any(item["status"] == "SUCCEEDED" and item["to_shard_count"] == count for item in log):
            yield f"{name}: {count} shards, which no record explains"
        for item in log:
            if item["status"] in ("PENDING", "UPDATING"):
                yield f"{name}: a record is {item['status']}"

    def _wrong_alarms(self, name: str, alarms: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        count = self._shard_count(name)
        for action in ("scale-up", "scale-down"):
            alarm = alarms[f"{NAME}/{name}/{action}"]
            literal = next(query["Expression"] for query in alarm["Metrics"] if query["Id"] == "shardCount")
            if literal != str(count):
                yield f"{name}: {action} has shardCount {literal}, and the stream {count} shards"
            if alarm["StateValue"] == "ALARM":
                yield f"{name}: {action} is in ALARM"


@contextmanager
def fleet(
    streams: int,
    *,
    calls_per_second: Mapping[str, float] = CALLS_PER_SECOND,
    concurrency: int = CONCURRENCY,
    package: Path = PACKAGE,
    reconcile_interval_minutes: int | None = None,
    seed: int = 1,
) -> Iterator[Fleet]:
    """Create a fleet whose function runs from a package. The seed determines botocore's jitter."""
    with ExitStack() as stack:
        aws = stack.enter_context(LocalAWS())
        timeline = stack.enter_context(SideBySide(aws.clock))
        deployment = deploy(aws, package=package, reconcile_interval_minutes=reconcile_interval_minutes)
        new_environment = stack.enter_context(_code(package, aws))
        invocations = Invocations(timeline, new_environment, concurrency=concurrency)
        f = Fleet(deployment, streams, invocations, Quotas(calls_per_second))
        answer, real_sleep = Endpoint._do_get_response, time.sleep  # type: ignore[attr-defined]  # noqa: SLF001

        def attempt(endpoint: Endpoint, request: Any, operation: Any, context: Any) -> Any:  # noqa: ANN401 - botocore's
            return f.attempt(lambda: answer(endpoint, request, operation, context), request, operation)

        def sleep(seconds: float) -> None:
            if invocations.running is not None:
                invocations.sleep(timedelta(seconds=seconds))
            else:
                real_sleep(seconds)

        # Retries use botocore's complete path. The local AWS would otherwise answer reads of this process before it.
        stack.enter_context(patch.object(BaseClient, "_make_api_call", _make_api_call))
        stack.enter_context(patch.object(Endpoint, "_do_get_response", attempt))
        stack.enter_context(patch.object(time, "sleep", sleep))
        stack.enter_context(
            patch.object(aws.functions, "invoke_later", lambda _, event: invocations.invoke_later(event))
        )
        # The token bucket replaces this quota. The model would also count refused calls.
        stack.enter_context(patch.object(KinesisAccount, "count_update_call", lambda *_: None))
        random.seed(seed)
        yield f


@contextmanager
def _code(package: Path, aws: LocalAWS) -> Iterator[Callable[[], Environment]]:
    """Yield a factory of execution environments of a package's function. They share its code, but not its clients."""
    variables = aws.client("lambda").get_function_configuration(FunctionName=NAME)["Environment"]["Variables"]
    own = _take_modules()
    with ExitStack() as stack:
        stack.callback(sys.modules.update, own)
        stack.callback(_take_modules)
        stack.enter_context(patch.dict(os.environ, {**variables, "AWS_LAMBDA_FUNCTION_NAME": NAME}))
        folder = stack.enter_context(TemporaryDirectory())
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        stack.enter_context(patch.object(sys, "path", [folder, *sys.path]))
        stack.enter_context(patch.object(logging.getLogger(_PACKAGE_NAME), "disabled", True))
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        handler: Any = importlib.import_module(f"{_PACKAGE_NAME}.handler")
        caches = Caches(_modules().values())

        class ExecutionEnvironment:
            def __call__(self, event: Mapping[str, Any], context: Invocation) -> object:
                caches.enter(self)
                return handler.handler(event, context)

        yield ExecutionEnvironment


def _modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == _PACKAGE_NAME}


def _take_modules() -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in _modules()}


def _throttled(url: str, service: str) -> tuple[AWSResponse, dict[str, Any]]:
    """Return a throttling error in the form that botocore reads, which differs between services."""
    code = "LimitExceededException" if service == "kinesis" else "Throttling"
    parsed = {
        "Error": {"Code": code, "Message": "Rate exceeded"},
        "ResponseMetadata": {"HTTPStatusCode": _BAD_REQUEST, "HTTPHeaders": {}, "RetryAttempts": 0},
    }
    return AWSResponse(url, _BAD_REQUEST, HTTPHeaders(), MockRawResponse(b"")), parsed
