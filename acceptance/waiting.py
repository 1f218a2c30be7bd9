"""The waits of a run, with their time limits and the work that runs meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError

from acceptance.errors import TimedOutError

_T = TypeVar("_T")

LOOK_EVERY = timedelta(seconds=5)
"""The interval between two polls, which is also the precision of durations."""


class Pace(Protocol):
    """The clock and the sleep of a run."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""


class RealTime:
    """Real time."""

    def now(self) -> datetime:
        """Return the current time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


class Waiting:
    """Waits, shows the wait, and runs one step of the parallel work at each poll."""

    def __init__(self, pace: Pace, show: Callable[[str], None], skew: timedelta = timedelta()) -> None:
        """Wait with this pace. `skew` is how far AWS's clock is ahead of this machine's."""
        self._pace = pace
        self._show = show
        self._skew = skew
        self._beside: list[Iterator[None]] = []
        self._looked_at = pace.now() - LOOK_EVERY
        self._what, self._since, self._bound = "", pace.now(), timedelta()

    def now(self) -> datetime:
        """Return the current time by AWS's clock."""
        return self._pace.now() + self._skew

    def seconds(self) -> float:
        """Return the seconds of a monotonic clock."""
        return self._pace.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        self._pace.sleep(seconds)

    def beside(self, work: Iterator[None]) -> None:
        """Run a step of `work` at each poll from now on, until it ends."""
        self._beside.append(work)

    def alone(self) -> None:
        """Stop all parallel work."""
        self._beside.clear()

    def is_due(self) -> bool:
        """Return whether the next poll is due."""
        return self._pace.now() - self._looked_at >= LOOK_EVERY

    @contextmanager
    def waiting_for(self, what: str, within: timedelta) -> Iterator[None]:
        """Show what the wait is for, and its time limit."""
        before = self._what, self._since, self._bound
        self._what, self._since, self._bound = what, self._pace.now(), within
        self._tell()
        try:
            yield
        finally:
            self._what, self._since, self._bound = before

    def look(self, reached: Callable[[], _T]) -> _T | None:
        """Run the parallel work and poll once. Return None while AWS cannot be reached over the network."""
        self._looked_at = self._pace.now()
        self._tell()
        try:
            for work in list(self._beside):
                if next(work, _OVER) is _OVER:
                    self._beside.remove(work)
            return reached()
        except (BotoConnectionError, HTTPClientError):
            return None

    def until(
        self, what: str, reached: Callable[[], _T | None], within: timedelta, every: timedelta = LOOK_EVERY
    ) -> _T:
        """Wait until a poll returns something, and return it.

        Args:
            what: the object of the wait, as in "Waiting for …".
            reached: polls. A true result ends the wait.
            within: the time limit.
            every: the interval of polls.

        Raises:
            TimedOutError: the time limit was reached.
        """
        end = self._pace.now() + within
        with self.waiting_for(what, within):
            while True:
                if found := self.look(reached):
                    return found
                if self._pace.now() >= end:
                    raise TimedOutError(f"Timed out after {in_minutes(within)} while waiting for {what}.")
                self._pace.sleep(every.total_seconds())

    def _tell(self) -> None:
        gone = self._pace.now() - self._since
        self._show(f"waiting for {self._what} ({clock(gone)} of at most {clock(self._bound)})")


_OVER = object()


def in_minutes(span: timedelta) -> str:
    """Return a duration in whole minutes as words."""
    minutes = round(span / timedelta(minutes=1))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def clock(span: timedelta) -> str:
    """Return a duration as minutes and seconds: 3:05."""
    seconds = round(span.total_seconds())
    return f"{seconds // 60}:{seconds % 60:02}"
