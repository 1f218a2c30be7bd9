"""How much a stream takes in on-demand mode."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

_LEAST_SHARDS = 4
_SETTLING, _MEMORY = timedelta(minutes=15), timedelta(days=30)


class OnDemandCapacity:
    """What a stream takes on demand: double the peak of the last 30 days, but not of the last 15 minutes.

    That is how "throttles if traffic more than doubles within 15 minutes" is read here. A new stream takes 4 shards'
    worth: 4 MiB or 4,000 records a second.
    """

    def __init__(self) -> None:
        """Start as a new stream."""
        self._recent: deque[tuple[datetime, float]] = deque()
        self._peaks: deque[tuple[datetime, float]] = deque()  # ever smaller: each is the peak from its minute on

    def took(self, minute: datetime, shards: float) -> None:
        """Note what the stream took, in shards' worth."""
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
