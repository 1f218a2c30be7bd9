"""Runs a Lambda function from the zip that was uploaded, inside this process.

The real service starts a process of its own. Here the function shares the process with the simulator, because it has to
share its virtual clock. What a process would have kept apart is kept apart by hand: the modules that the zip brings (so
that a test which imports the same package from the source tree is not disturbed), the environment variables, boto3's
default session, standard output and the root logger.

One invocation runs at a time; the caller sees to that.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from simulator.local_aws.environment import aws_variables
from simulator.local_aws.function_logs import captured_logs, timestamp
from simulator.local_aws.function_process import warm_process

_real_sleep = time.sleep


class FunctionCrash(BaseException):
    """The function's process dies here (out of memory, killed): no `except Exception` of its own can catch it."""


@dataclass(frozen=True)
class FunctionConfiguration:
    """What Lambda knows about a function: the code that was uploaded and how it is to be run."""

    name: str
    arn: str
    handler: str
    code: bytes
    environment: Mapping[str, str]
    timeout_seconds: int
    memory_megabytes: int
    log_group: str
    region: str
    log_level: str = "INFO"


@dataclass(frozen=True)
class ApiCall:
    """One AWS API call made by the function."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    at: datetime


@dataclass
class ApiObserver:
    """Sees every API call of a function, before and after AWS.

    `before` may raise to make the call fail without reaching AWS, `after` to lose the answer to a call that AWS carried
    out. A `FunctionCrash` raised by either ends the function right there.

    With `stops_at_deadline` a function ends at its first call after its time is over: for whoever lets calls take time.
    """

    before: Callable[[ApiCall], None] | None = None
    after: Callable[[ApiCall], None] | None = None
    stops_at_deadline: bool = False


@dataclass
class Invocation:
    """One run of a function and everything it left behind.

    `error` is Lambda's error payload (`errorMessage`, `errorType`, …), or None where the handler returned; `logs` holds
    one dict a line: `logging` records as the JSON log format writes them, printed lines as the JSON object that they
    hold (an embedded metric), or as `{"message": line}`.
    """

    function_name: str
    request_id: str
    event: object
    started_at: datetime
    attempt: int = 1
    cold_start: bool = False
    finished_at: datetime | None = None
    payload: object = None
    error: dict[str, Any] | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)
    api_calls: list[ApiCall] = field(default_factory=list)


class LambdaContext:
    """The context object that Lambda hands to a handler."""

    function_version = "$LATEST"
    log_stream_name = "local/[$LATEST]"

    def __init__(self, configuration: FunctionConfiguration, invocation: Invocation) -> None:
        """Describe this invocation of this function."""
        self.function_name = configuration.name
        self.invoked_function_arn = configuration.arn
        self.memory_limit_in_mb = str(configuration.memory_megabytes)
        self.log_group_name = configuration.log_group
        self.aws_request_id = invocation.request_id
        self.timeout_seconds = configuration.timeout_seconds
        self._deadline = invocation.started_at + timedelta(seconds=configuration.timeout_seconds)

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the configured timeout, in virtual milliseconds."""
        return max(0, int((self._deadline - _now()).total_seconds() * 1000))


def invoke(
    configuration: FunctionConfiguration,
    event: object,
    *,
    environment: Mapping[str, str],
    request_id: str | None = None,
    attempt: int = 1,
    observer: ApiObserver | None = None,
    sleep: Callable[[float], None] = _real_sleep,
) -> Invocation:
    """Run the function once and report; errors of the function are part of the report, not raised.

    `environment` holds the variables that the service adds (region, credentials, endpoint); the configured ones win.
    `sleep` is what `time.sleep` does within the function: on a virtual clock it advances the clock.
    Modules stay loaded between invocations of the same code with the same environment, as in a warm Lambda.
    """
    invocation = Invocation(
        configuration.name, request_id or str(uuid.uuid4()), json.loads(json.dumps(event)), _now(), attempt
    )
    context = LambdaContext(configuration, invocation)
    variables = {**environment, **_runtime_variables(configuration), **configuration.environment}
    process = warm_process(configuration.code, configuration.handler, variables)
    invocation.cold_start = process.handler is None

    def sleep_until_deadline(seconds: float) -> None:
        remaining = context.get_remaining_time_in_millis() / 1000
        sleep(min(seconds, remaining))
        if seconds >= remaining:
            raise _timed_out(context)

    with (
        aws_variables(variables),
        captured_logs(invocation.logs, invocation.request_id, configuration.log_level),
        _observed_api_calls(invocation, observer, context),
        _own_sleep(sleep_until_deadline),
        process.running(),
    ):
        try:
            invocation.payload = json.loads(json.dumps(process.load()(invocation.event, context)))
        except FunctionCrash as crash:
            process.forget()
            invocation.error = {"errorType": "Runtime.ExitError", "errorMessage": str(crash) or "Runtime exited"}
        except SystemExit as exit_request:
            process.forget()
            invocation.error = {"errorType": "Runtime.ExitError", "errorMessage": f"Runtime exited {exit_request.code}"}
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a function error
            invocation.error = {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "requestId": invocation.request_id,
                "stackTrace": traceback.format_tb(error.__traceback__),
            }
    if invocation.error:
        invocation.logs.append({"timestamp": timestamp(), "level": "ERROR", **invocation.error})
    invocation.finished_at = _now()
    return invocation


def _timed_out(context: LambdaContext) -> FunctionCrash:
    """Lambda ends a function at its deadline, here at its next sleep or API call."""
    return FunctionCrash(f"Task timed out after {context.timeout_seconds:.2f} seconds")


def _runtime_variables(configuration: FunctionConfiguration) -> dict[str, str]:
    return {
        "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_megabytes),
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": LambdaContext.log_stream_name,
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": configuration.log_level,
        "AWS_REGION": configuration.region,
        "AWS_DEFAULT_REGION": configuration.region,
        "_HANDLER": configuration.handler,
    }


@contextlib.contextmanager
def _observed_api_calls(invocation: Invocation, observer: ApiObserver | None, context: LambdaContext) -> Iterator[None]:
    thread = threading.get_ident()
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - the one door of every client
    within_call = False  # what AWS asks of itself while it answers, in this very process, is not the function's

    def observed(client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
        nonlocal within_call
        if within_call or threading.get_ident() != thread:
            return make_call(client, operation, parameters)
        call = ApiCall(client.meta.service_model.service_name, operation, parameters, _now())
        invocation.api_calls.append(call)
        if observer and observer.before:
            observer.before(call)
        if observer and observer.stops_at_deadline and context.get_remaining_time_in_millis() <= 0:
            raise _timed_out(context)
        within_call = True
        try:
            response = make_call(client, operation, parameters)
        finally:
            within_call = False
        if observer and observer.after:
            observer.after(call)
        return response

    with patch.object(BaseClient, "_make_api_call", observed):
        yield


# botocore's retry handlers keep a reference to time.sleep from the moment a client is made, and clients outlive an
# invocation. So time.sleep is replaced by one function for good measure that asks who is running now.
_sleepers: dict[int, Callable[[float], None]] = {}


def _sleep(seconds: float) -> None:
    _sleepers.get(threading.get_ident(), _real_sleep)(seconds)


@contextlib.contextmanager
def _own_sleep(sleep: Callable[[float], None]) -> Iterator[None]:
    thread = threading.get_ident()
    _sleepers[thread] = sleep
    try:
        with patch("time.sleep", _sleep):
            yield
    finally:
        del _sleepers[thread]


def _now() -> datetime:
    return datetime.now(UTC)
