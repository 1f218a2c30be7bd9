"""Every wait of a run: what for, for how long at most, and what goes on meanwhile."""

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
"""How often the world is looked at while something is waited for: durations are measured to this."""


class Pace(Protocol):
    """How time goes by."""

    def now(self) -> datetime:
        """The present moment, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds go by."""


class RealTime:
    """Time goes by as it does."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


class Waiting:
    """Waits, shows that it does, and lets what runs beside the walk take a step at each look."""

    def __init__(self, pace: Pace, show: Callable[[str], None], skew: timedelta = timedelta()) -> None:
        """Wait at this pace; `skew` is how far AWS's clock is ahead of ours."""
        self._pace = pace
        self._show = show
        self._skew = skew
        self._beside: list[Iterator[None]] = []
        self._looked_at = pace.now() - LOOK_EVERY
        self._what, self._since, self._bound = "", pace.now(), timedelta()

    def now(self) -> datetime:
        """The present moment by AWS's clock."""
        return self._pace.now() + self._skew

    def seconds(self) -> float:
        """Seconds of a clock that only goes on."""
        return self._pace.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Let so many seconds go by."""
        self._pace.sleep(seconds)

    def beside(self, work: Iterator[None]) -> None:
        """Let `work` take a step at each look from now on, until it ends."""
        self._beside.append(work)

    def alone(self) -> None:
        """Let nothing go on beside the walk any more."""
        self._beside.clear()

    def is_due(self) -> bool:
        """Whether it is time for another look."""
        return self._pace.now() - self._looked_at >= LOOK_EVERY

    @contextmanager
    def waiting_for(self, what: str, within: timedelta) -> Iterator[None]:
        """Show what is waited for, and for how long at most."""
        before = self._what, self._since, self._bound
        self._what, self._since, self._bound = what, self._pace.now(), within
        self._tell()
        try:
            yield
        finally:
            self._what, self._since, self._bound = before

    def look(self, reached: Callable[[], _T]) -> _T | None:
        """Let the work beside go on and look once; None while AWS cannot be reached over the network."""
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
        """Wait until something is there, and return it.

        Args:
            what: what is waited for, as in "Waiting for …".
            reached: looks; whatever is true ends the wait.
            within: how long to wait at most.
            every: how often to look.

        Raises:
            TimedOutError: it did not come.
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
    """A span of whole minutes in words."""
    minutes = round(span / timedelta(minutes=1))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def clock(span: timedelta) -> str:
    """A span as minutes and seconds: 3:05."""
    seconds = round(span.total_seconds())
    return f"{seconds // 60}:{seconds % 60:02}"
