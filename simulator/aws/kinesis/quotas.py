"""What Kinesis refuses, and what it counts in order to refuse it."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta


class KinesisError(Exception):
    """A request was refused.

    Attributes:
        code: the AWS error code, for instance ``LimitExceededException``.
    """

    def __init__(self, code: str, message: str) -> None:
        """Refuse a request with an AWS error code and a message for people."""
        super().__init__(message)
        self.code = code


def count_call(calls: deque[datetime], limit: int, now: datetime, window: timedelta, operation: str) -> None:
    """Count a call towards a quota per rolling window.

    Raises:
        KinesisError: LimitExceededException, the quota is used up.

    """
    while calls and calls[0] <= now - window:
        calls.popleft()
    if len(calls) >= limit:
        raise KinesisError("LimitExceededException", f"{operation} was called {limit} times within {window}")
    calls.append(now)
