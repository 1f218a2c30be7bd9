"""The limits for which Kinesis refuses calls, and the counters of these limits.

LimitExceededException is the error of every limit; only the text names the limit. AWS does not document the texts. The
texts of SHARDS_OF_ACCOUNT and CALLS_PER_SECOND are reported by users of the real service (of CreateStream and
DescribeStream). STREAMS_AT_ONCE is the API Reference's sentence about the exception. CALLS_PER_DAY is invented.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from enum import Enum


class KinesisError(Exception):
    """A request was refused.

    Attributes:
        code: the AWS error code, for instance ``LimitExceededException``.
    """

    def __init__(self, code: str, message: str) -> None:
        """Create an error with an AWS error code and a message."""
        super().__init__(message)
        self.code = code


class Limit(Enum):
    """The exceeded limit, and the text of its error."""

    SHARDS_OF_ACCOUNT = (
        "This request would exceed the shard limit for the account {account} in {region}. Current shard count for the "
        "account: {open}. Limit: {limit}. Number of additional shards that would have resulted from this request: "
        "{more}. Refer to the AWS Service Limits page "
        "(https://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request "
        "higher limits."
    )
    STREAMS_AT_ONCE = (
        "The requested resource exceeds the maximum number allowed, or the number of concurrent stream requests "
        "exceeds the maximum number allowed."
    )
    CALLS_PER_SECOND = "Rate exceeded for stream {stream} under account {account}."
    CALLS_PER_DAY = "{operation} was called {limit} times for stream {stream} within 24 hours, and may not be again."

    def exceeded(self, **about: object) -> KinesisError:
        """Return the error. `about` contains the values in the text."""
        return KinesisError("LimitExceededException", self.value.format_map(_Named(about)))


class _Named(dict[str, object]):
    """The values in a text. An unknown value is 0."""

    def __missing__(self, name: str) -> object:
        return 0


def count_call(calls: deque[datetime], limit: int, now: datetime, window: timedelta, refusal: KinesisError) -> None:
    """Count a call towards a quota per rolling window.

    Raises:
        KinesisError: the refusal; the quota is used up.

    """
    while calls and calls[0] <= now - window:
        calls.popleft()
    if len(calls) >= limit:
        raise refusal
    calls.append(now)
