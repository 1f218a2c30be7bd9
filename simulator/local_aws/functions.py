"""Lambda, as far as moto lacks it: the run itself, asynchronous retries, destinations, logs and metrics."""

from __future__ import annotations

import heapq
import itertools
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.sqs.models import sqs_backends

from simulator.aws.clock import VirtualClock
from simulator.aws.metrics import MetricStore
from simulator.local_aws.function import ApiObserver, FunctionConfiguration, Invocation, invoke

# Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation": a one-minute wait before
# the second attempt, two minutes before the third; events are kept for six hours unless configured otherwise.
_RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=2))
_DEFAULT_EVENT_AGE_SECONDS = 6 * 60 * 60


@dataclass(order=True)
class _QueuedEvent:
    due_at: datetime
    sequence: int
    function_arn: str = field(compare=False)
    event: object = field(compare=False)
    request_id: str = field(compare=False)
    queued_at: datetime = field(compare=False)
    attempt: int = field(default=1, compare=False)


class Functions:
    """Runs the functions of moto's Lambda. `invocations` keeps every run, in order; `latest` is the last one."""

    def __init__(
        self,
        clock: VirtualClock,
        store: MetricStore,
        environment: Callable[[], Mapping[str, str]],
        observer: ApiObserver,
    ) -> None:
        """Run functions at the time of `clock`, with the variables of `environment`, observed by `observer`."""
        self.invocations: list[Invocation] = []
        self.latest: Invocation | None = None
        self._clock = clock
        self._store = store
        self._environment = environment
        self._observer = observer
        self._queue: list[_QueuedEvent] = []
        self._sequence = itertools.count()
        self._running = threading.Lock()

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch moto, which needs Docker, ignores the invocation type, never retries and drops LoggingConfig."""
        create_function = LambdaBackend.create_function
        update_configuration = LambdaFunction.update_configuration
        get_configuration = LambdaFunction.get_configuration

        def invoke_api(
            function: LambdaFunction, body: str, request_headers: Mapping[str, str], response_headers: dict[str, str]
        ) -> bytes:
            event = json.loads(body or "{}")
            kind = request_headers.get("X-Amz-Invocation-Type", "RequestResponse")
            if kind == "Event":
                self.invoke_later(function.function_arn, event)
            if kind != "RequestResponse":
                return b""
            invocation = self.invoke_now(function.function_arn, event)
            if invocation.error:
                response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(invocation.error or invocation.payload).encode()

        def create(backend: LambdaBackend, spec: dict[str, Any]) -> LambdaFunction:
            function: LambdaFunction = create_function(backend, spec)
            _keep_logging_config(function, spec)
            return function

        def update(function: LambdaFunction, changes: dict[str, Any]) -> dict[str, Any]:
            update_configuration(function, changes)
            _keep_logging_config(function, changes)
            return function.get_configuration()

        def describe(function: LambdaFunction, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - moto's
            return {**get_configuration(function, **options), "LoggingConfig": _logging_config(function)}

        yield patch.object(LambdaFunction, "invoke", invoke_api)
        yield patch.object(LambdaBackend, "create_function", create)
        yield patch.object(LambdaFunction, "update_configuration", update)
        yield patch.object(LambdaFunction, "get_configuration", describe)

    def invoke_now(self, function_arn: str, event: object) -> Invocation:
        """Invoke synchronously. Lambda does not retry a failure."""
        with self._running:
            invocation = self._run(function_arn, event, str(uuid.uuid4()), attempt=1)
        self.run_due()
        return invocation

    def invoke_later(self, function_arn: str, event: object) -> None:
        """Invoke asynchronously: at once, or after the function that is running."""
        now = self._clock.now()
        self._enqueue(_QueuedEvent(now, next(self._sequence), function_arn, event, str(uuid.uuid4()), now))
        self.run_due()

    def run_due(self) -> None:
        """Run the events and retries that are due."""
        if not self._running.acquire(blocking=False):
            return  # the current run also handles what was added meanwhile
        try:
            while self._queue and self._queue[0].due_at <= self._clock.now():
                self._attempt(heapq.heappop(self._queue))
        finally:
            self._running.release()

    def _enqueue(self, queued: _QueuedEvent) -> None:
        heapq.heappush(self._queue, queued)

    def _attempt(self, queued: _QueuedEvent) -> None:
        invocation = self._run(queued.function_arn, queued.event, queued.request_id, queued.attempt)
        if invocation.error is None:
            return
        configuration = _async_configuration(find_function(queued.function_arn))
        retries_done = queued.attempt - 1
        now = self._clock.now()
        if retries_done >= configuration.get("MaximumRetryAttempts", len(_RETRY_DELAYS)):
            self._give_up(queued, invocation, configuration, "RetriesExhausted")
            return
        queued.due_at = now + _RETRY_DELAYS[retries_done]
        queued.attempt += 1
        age = timedelta(seconds=configuration.get("MaximumEventAgeInSeconds", _DEFAULT_EVENT_AGE_SECONDS))
        if queued.due_at - queued.queued_at > age:
            self._give_up(queued, invocation, configuration, "EventAgeExceeded")
        else:
            self._enqueue(queued)

    def _give_up(
        self, queued: _QueuedEvent, invocation: Invocation, configuration: Mapping[str, Any], condition: str
    ) -> None:
        destination = configuration.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if not destination:
            return
        record = {
            "version": "1.0",
            "timestamp": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "requestContext": {
                "requestId": queued.request_id,
                "functionArn": f"{queued.function_arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": queued.attempt,
            },
            "requestPayload": queued.event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": invocation.error,
        }
        _, _, _, region, account_id, queue_name = destination.split(":")
        sqs_backends[account_id][region].send_message(queue_name, json.dumps(record))

    def _run(self, function_arn: str, event: object, request_id: str, attempt: int) -> Invocation:
        configuration = _configuration(find_function(function_arn))
        invocation = invoke(
            configuration,
            event,
            environment=self._environment(),
            request_id=request_id,
            attempt=attempt,
            observer=self._observer,
            sleep=lambda seconds: self._clock.advance(timedelta(seconds=seconds)),
        )
        self.invocations.append(invocation)
        self.latest = invocation
        self._report(invocation)
        return invocation

    def _report(self, invocation: Invocation) -> None:
        minute = invocation.started_at.replace(second=0, microsecond=0)
        dimensions = {"FunctionName": invocation.function_name}
        failed = float(invocation.error is not None)
        for name, value in (("Invocations", 1.0), ("Errors", failed)):
            self._store.put("AWS/Lambda", name, dimensions, minute, sum=value)
        for line in invocation.logs:
            if "_aws" in line:
                self._store_embedded_metrics(line)

    def _store_embedded_metrics(self, line: Mapping[str, Any]) -> None:
        """Store a line in embedded metric format as CloudWatch Logs does (its specification defines the fields)."""
        moment = datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC)
        minute = moment.replace(second=0, microsecond=0)
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for metric, names in itertools.product(directive["Metrics"], directive.get("Dimensions", [[]])):
                value = line[metric["Name"]]
                values = [float(each) for each in (value if isinstance(value, list) else [value])]
                self._store.put(
                    directive["Namespace"],
                    metric["Name"],
                    {name: str(line[name]) for name in names},
                    minute,
                    sum=sum(values),
                    sample_count=len(values),
                    minimum=min(values),
                    maximum=max(values),
                )


def find_function(arn: str) -> LambdaFunction:
    """Return the function of this ARN.

    Raises moto's ResourceNotFoundException if there is none.
    """
    account_id, region = arn.split(":")[4], arn.split(":")[3]
    function: LambdaFunction = lambda_backends[account_id][region].get_function(arn)
    return function


def _configuration(function: LambdaFunction) -> FunctionConfiguration:
    return FunctionConfiguration(
        name=function.function_name,
        arn=function.function_arn,
        handler=str(function.handler),
        code=function.code_bytes,
        environment=function.environment_vars,
        timeout_seconds=int(function.timeout),
        memory_megabytes=int(function.memory_size),
        log_group=_logging_config(function)["LogGroup"],
        log_level=_logging_config(function).get("ApplicationLogLevel", "INFO"),
        region=function.region,
    )


def _keep_logging_config(function: LambdaFunction, settings: Mapping[str, Any]) -> None:
    if "LoggingConfig" in settings:
        vars(function)["logging_config"] = settings["LoggingConfig"]


def _logging_config(function: LambdaFunction) -> dict[str, str]:
    defaults = {"LogFormat": "Text", "LogGroup": function.logs_group_name}
    return {**defaults, **vars(function).get("logging_config", {})}


def _async_configuration(function: LambdaFunction) -> Mapping[str, Any]:
    return function.event_invoke_config[-1].config if function.event_invoke_config else {}
