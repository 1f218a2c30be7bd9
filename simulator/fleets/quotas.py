"""AWS's API quotas as token buckets on a virtual clock: calls a second in an account and region.

Sources: AWS General Reference, the pages on the endpoints and quotas of Amazon CloudWatch and Kinesis Data Streams. AWS
does not document the size of an allowed burst; here it is the calls of one second.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CALLS_PER_SECOND: Mapping[str, float] = {
    "DescribeAlarms": 9,
    "DescribeLimits": 1,
    "DescribeStreamSummary": 20,
    "GetMetricData": 500,
    "ListTagsForResource": 10,
    "PutMetricAlarm": 3,
    "SetAlarmState": 3,
    "UpdateShardCount": 10,
}
"""The limited operations that the function calls. DynamoDB on demand accepts more calls than any fleet makes."""


class TokenBucket:
    """Admits calls at a rate, and after a pause as many at once as its capacity."""

    def __init__(self, per_second: float, *, capacity: float | None = None) -> None:
        """Start full. By default, the capacity is the calls of one second, and at least one call."""
        self._per_second = per_second
        self._capacity = max(1.0, per_second) if capacity is None else capacity
        self._tokens = self._capacity
        self._filled_at: datetime | None = None

    def take(self, now: datetime) -> bool:
        """Take a token if there is one. A refused call costs nothing."""
        if self._filled_at is not None:
            gained = (now - self._filled_at).total_seconds() * self._per_second
            self._tokens = min(self._capacity, self._tokens + gained)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Quotas:
    """The quotas of one account and region, and the calls so far.

    Attributes:
        admitted: the operations of the admitted calls, in order.
        throttled: the number of throttled calls, by operation.
        last_admitted: the time of the latest admitted call, by operation.

    """

    def __init__(self, calls_per_second: Mapping[str, float] = CALLS_PER_SECOND) -> None:
        """Start with full buckets. Operations without a quota are always admitted."""
        self.calls_per_second = calls_per_second
        self._buckets = {operation: TokenBucket(rate) for operation, rate in calls_per_second.items()}
        self.admitted: list[str] = []
        self.throttled: Counter[str] = Counter()
        self.last_admitted: dict[str, datetime] = {}

    def admit(self, operation: str, now: datetime) -> bool:
        """Count a call, and return whether it is admitted."""
        bucket = self._buckets.get(operation)
        if bucket is not None and not bucket.take(now):
            self.throttled[operation] += 1
            return False
        self.admitted.append(operation)
        self.last_admitted[operation] = now
        return True

    def least_seconds(self, calls: Mapping[str, float]) -> float:
        """Return the minimum duration of these calls, which the scarcest operation determines."""
        return max(calls.get(operation, 0) / rate for operation, rate in self.calls_per_second.items())
