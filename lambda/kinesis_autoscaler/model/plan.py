"""The plan of a stream's next hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

PLAN_PERIOD = timedelta(minutes=5)
"""The length of a plan's periods."""

PLAN_LASTS = timedelta(hours=1)
"""The age at which a plan is renewed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The best shard counts of the next hour, based on the last days. The stream's head stores it."""

    made_at: datetime
    shard_count: int
    """The open shards for which it was made. With another count it is no longer valid."""
    grow_to: tuple[int, ...] = ()
    """For each period from `made_at`, the count to grow to; 0 if the current one is sufficient."""
    shrink_to: int = 0
    """The count worth shrinking to; 0 if there is none."""
    expected: float | None = None
    """The expected peak of the hour in shards: the mean of the days' peaks; None without days."""
    days: int = 0
    """The number of days behind it."""

    def is_due(self, now: datetime, count: int) -> bool:
        """Whether a new plan must be made."""
        return count != self.shard_count or now - self.made_at >= PLAN_LASTS

    def wants_more(self, now: datetime, count: int) -> bool:
        """Whether the stream should grow before its demand does."""
        period = (now - self.made_at) // PLAN_PERIOD
        return 0 <= period < len(self.grow_to) and self.grow_to[period] > count

    def wants_fewer(self, now: datetime, count: int) -> bool:
        """Whether fewer shards are worth a check."""
        return not self.is_due(now, count) and 0 < self.shrink_to < count
