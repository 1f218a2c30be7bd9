"""The write capacity of a stream in on-demand mode."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

_LEAST_SHARDS = 4
_SETTLING, _MEMORY = timedelta(minutes=15), timedelta(days=30)


class OnDemandCapacity:
    """The capacity of an on-demand stream: double the peak of the last 30 days, without the last 15 minutes.

    This interprets "throttles if traffic more than doubles within 15 minutes". A new stream has the capacity of 4
    shards: 4 MiB or 4,000 records a second.
    """

    def __init__(self) -> None:
        """Start as a new stream."""
        self._recent: deque[tuple[datetime, float]] = deque()
        self._peaks: deque[tuple[datetime, float]] = deque()  # descending: each is the peak since its minute

    def took(self, minute: datetime, shards: float) -> None:
        """Record the accepted traffic, in shards' worth."""
        self._recent.append((minute, shards))

    def shards(self, minute: datetime) -> float:
        """Return the capacity in a minute, in shards' worth."""
        while self._recent and self._recent[0][0] <= minute - _SETTLING:
            settled = self._recent.popleft()
            while self._peaks and self._peaks[-1][1] <= settled[1]:
                self._peaks.pop()
            self._peaks.append(settled)
        while self._peaks and self._peaks[0][0] <= minute - _MEMORY:
            self._peaks.popleft()
        return max(_LEAST_SHARDS, 2 * self._peaks[0][1] if self._peaks else 0)
