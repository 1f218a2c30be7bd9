"""The AWS clients and their retries, and what a retry can mend."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Standard mode retries throttling, 5xx and timeouts with backoff and jitter; what it gives up on, Lambda retries.
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=3, read_timeout=10)
"""Up to 36 seconds of waiting on average: a thousand streams whose alarms fire at once meet AWS's call rates."""

BOUNDED = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=8)
"""At most 33 seconds in all, for the one call that must not outlive the lease on its intent."""

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
"""Error codes that the same call would meet again, until a person changes something."""


@cache
def client(service: str, config: Config = PATIENT) -> Any:  # noqa: ANN401 - typed by the adapters, which know their service
    """The client of a service, made at its first use and kept for the life of the execution environment."""
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def error_code(error: ClientError) -> str:
    """The AWS error code of a refused call."""
    return error.response.get("Error", {}).get("Code", "")


def is_permanent(error: Exception) -> bool:
    """Whether a retry can't mend this error."""
    return isinstance(error, ClientError) and error_code(error) in NOT_MENDED_BY_A_RETRY


def retry_attempts(error: ClientError) -> int:
    """How often botocore sent the call again before this answer."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    return int(metadata.get("RetryAttempts", 0))
