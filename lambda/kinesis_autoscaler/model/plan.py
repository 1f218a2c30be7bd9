"""What is foreseen of a stream's next hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

PLAN_PERIOD = timedelta(minutes=5)
"""A plan has a number for so much time."""

PLAN_LASTS = timedelta(hours=1)
"""So old, a plan is made anew."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The counts that are worth having in the next hour, as the last days tell. The stream's head keeps it."""

    made_at: datetime
    shard_count: int
    """The open shards that it was made for: with others it no longer holds."""
    grow_to: tuple[int, ...] = ()
    """For each period from `made_at` on the count to grow to; 0 where the present one is enough."""
    shrink_to: int = 0
    """The count that is worth shrinking to; 0 where the present one is."""
    expected: float | None = None
    """The highest demand to expect within the hour, in shards: of each of the days, in the mean; None without days."""
    days: int = 0
    """How many days it rests on."""

    def is_due(self, now: datetime, count: int) -> bool:
        """Whether a new plan is to be made."""
        return count != self.shard_count or now - self.made_at >= PLAN_LASTS

    def wants_more(self, now: datetime, count: int) -> bool:
        """Whether the stream should grow before its demand does."""
        period = (now - self.made_at) // PLAN_PERIOD
        return 0 <= period < len(self.grow_to) and self.grow_to[period] > count

    def wants_fewer(self, now: datetime, count: int) -> bool:
        """Whether fewer shards are worth a look."""
        return not self.is_due(now, count) and 0 < self.shrink_to < count
