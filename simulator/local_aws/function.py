"""Runs a Lambda function from the uploaded zip, inside this process.

The real service starts a separate process. Here the function shares the process with the simulator, because both need
the same virtual clock. Everything that separate processes would not share is separated explicitly: the modules of the
zip (tests may import the same package from the source tree), the environment variables, boto3's default session,
standard output and the root logger.

The caller must run only one invocation at a time.
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
    """The function's process ends here (out of memory, killed): no `except Exception` of the function can catch it."""


@dataclass(frozen=True)
class FunctionConfiguration:
    """A function's configuration in Lambda: its code and how to run it."""

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
    """Observes every API call of a function, before and after AWS handles it.

    `before` may raise to make the call fail before it reaches AWS. `after` may raise to lose the answer to a call that
    AWS has carried out. A `FunctionCrash` raised by either ends the function at once.

    With `stops_at_deadline`, a function ends at its first call after its timeout. This is for simulations in which
    calls take time.
    """

    before: Callable[[ApiCall], None] | None = None
    after: Callable[[ApiCall], None] | None = None
    stops_at_deadline: bool = False


@dataclass
class Invocation:
    """One run of a function, with its result and logs.

    `error` is Lambda's error payload (`errorMessage`, `errorType`, …), or None if the handler returned. `logs` contains
    one dict for each line: `logging` records in the JSON log format, printed lines as their JSON object (an embedded
    metric), or as `{"message": line}`.
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
    """The context object that Lambda passes to a handler."""

    function_version = "$LATEST"
    log_stream_name = "local/[$LATEST]"

    def __init__(self, configuration: FunctionConfiguration, invocation: Invocation) -> None:
        """Create the context of this invocation."""
        self.function_name = configuration.name
        self.invoked_function_arn = configuration.arn
        self.memory_limit_in_mb = str(configuration.memory_megabytes)
        self.log_group_name = configuration.log_group
        self.aws_request_id = invocation.request_id
        self.timeout_seconds = configuration.timeout_seconds
        self._deadline = invocation.started_at + timedelta(seconds=configuration.timeout_seconds)

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time until the timeout, in virtual milliseconds."""
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
    """Run the function once and return a report. Errors of the function are in the report, and are not raised.

    `environment` contains the variables that the service adds (region, credentials, endpoint). Configured variables
    override them. `sleep` replaces `time.sleep` within the function: on a virtual clock it advances the clock. As in a
    warm Lambda, modules stay loaded between invocations of the same code with the same environment.
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
        except Exception as error:  # noqa: BLE001 - any exception of a handler is a function error
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
    """Return the error with which Lambda ends a function at its deadline, here at its next sleep or API call."""
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
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - all API calls pass it
    within_call = False  # calls that AWS itself makes in this process while it answers are not the function's

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


# botocore's retry handlers keep a reference to time.sleep from the creation of a client, and clients outlive an
# invocation. So time.sleep is replaced permanently by one function, which looks up the current invocation.
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
