"""The AWS clients, all with one botocore configuration."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFIG = Config(
    # Standard mode retries throttling, 5xx and timeouts with backoff and jitter; what it gives up on, Lambda retries.
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=3,
    read_timeout=10,
)

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
def client(service: str) -> Any:  # noqa: ANN401 - typed by the adapters, which know their service
    """The client of a service, made at its first use and kept for the life of the execution environment."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


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
