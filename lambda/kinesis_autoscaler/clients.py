"""The AWS clients and their retries, and which errors a retry can fix."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.utils import parse_timestamp

from .unknown_fields import watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel

# Standard mode retries throttling, 5xx and timeouts with backoff and jitter; what it gives up on, Lambda retries.
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 24}, connect_timeout=3, read_timeout=10)
"""About three minutes of waiting: a thousand streams whose alarms fire at once need eleven for their 2,000 calls of
PutMetricAlarm, and Lambda's own two retries alone would be over before."""

BOUNDED = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=1, read_timeout=5)
"""At most 30 seconds in all, for the one call that must not outlive the lease on its intent: three times the time-outs,
and twice between them the five seconds that AWS may ask for and one of botocore's own."""

NOT_MENDED_BY_A_RETRY = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "InvalidArgumentException",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "KMSAccessDeniedException",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "UnauthorizedOperation",
        "ValidationError",
        "ValidationException",
    }
)
"""Error codes that recur until a person changes something."""


CALLS_PER_SECOND: Mapping[str, float] = {
    "DescribeAlarms": 8,
    "DescribeStreamSummary": 18,
    "ListTagsForResource": 9,
    "PutMetricAlarm": 2.8,
    "SetAlarmState": 2.8,
}
"""What one invocation makes at the most, a little less than AWS grants the account (AWS General Reference, quotas of
CloudWatch and Kinesis): so a reconcile of thousands of streams is not throttled, and leaves something to others."""

_AT_ONCE = 1.0
"""Seconds' worth of calls that may be made without a pause, so that a single scaling is never delayed."""


def timestamp(value: Any) -> datetime:  # noqa: ANN401 - whatever a protocol has
    """A timestamp of a response, in UTC.

    botocore's own parser takes ten times as long for moments in numbers, and far longer for those in ISO 8601. A week
    of a metric has 10,000 of them.
    """
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str) and value[10:11] == "T" and (moment := datetime.fromisoformat(value)).tzinfo:
        return moment.astimezone(UTC)
    return parse_timestamp(value)


def _set_up_session() -> None:
    """Let the session that all clients share read moments as `timestamp` does."""
    if boto3.DEFAULT_SESSION is None:
        session = get_session()
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=timestamp)
        boto3.setup_default_session(botocore_session=session)


@cache
def client(service: str, config: Config = PATIENT) -> Any:  # noqa: ANN401 - typed by the adapters, which know their service
    """The client of a service, made at its first use and kept for the life of the execution environment."""
    _set_up_session()
    made = boto3.client(service, config=config)  # type: ignore[call-overload]
    made.meta.events.register("before-call", _Pacer().wait)
    if service == "cloudwatch":
        watch(made)
    return made


class _Pacer:
    """Limits a client to CALLS_PER_SECOND."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def wait(self, model: OperationModel, **_: object) -> None:
        """Sleep until the operation may be called; botocore emits this before each call, but not before its retries."""
        if rate := CALLS_PER_SECOND.get(model.name):
            now, due = time.time(), self._due.get(model.name, 0.0)
            if not now - _AT_ONCE < due <= now + 1 / rate:  # after a pause, or after the clock was put back
                due = now - _AT_ONCE
            elif due > now:
                time.sleep(due - now)
            self._due[model.name] = due + 1 / rate


def error_code(error: ClientError) -> str:
    """The AWS error code of a refused call."""
    return error.response.get("Error", {}).get("Code", "")


def is_permanent(error: Exception) -> bool:
    """Whether a retry can't fix this error."""
    return isinstance(error, ClientError) and error_code(error) in NOT_MENDED_BY_A_RETRY


def retry_attempts(error: ClientError) -> int:
    """How often botocore retried the call before this answer."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    return int(metadata.get("RetryAttempts", 0))
