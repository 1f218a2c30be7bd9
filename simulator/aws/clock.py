"""The virtual clock that the function, the alarms and the streams of a simulation share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self

import time_machine

if TYPE_CHECKING:
    from types import TracebackType


class Clock(Protocol):
    """A source of the current time, in UTC."""

    def now(self) -> datetime:
        """Return the current time."""
        ...


class VirtualClock:
    """A clock that changes only when it is advanced, as a context manager.

    Inside the `with` block all of Python uses its time: `datetime.now`, `time.time`, and so the function under test,
    boto3 and moto, in every thread. The time does not change while code runs, so a simulated minute can contain any
    amount of work. Real waiting (`time.sleep`, sockets, threads) is unaffected.
    """

    def __init__(self, start: datetime) -> None:
        """Set the clock to `start`, which must have a time zone."""
        self._now = _utc(start)
        self._travel: time_machine.travel | None = None
        self._traveller: time_machine.Traveller | None = None

    def __enter__(self) -> Self:
        """Make Python use this clock's time."""
        self._travel = time_machine.travel(self._now, tick=False)
        self._traveller = self._travel.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore Python's real time. The clock keeps its own time."""
        if self._travel is not None:
            self._travel.stop()
        self._travel = self._traveller = None

    def now(self) -> datetime:
        """Return the virtual time, in UTC."""
        return self._now

    def advance(self, step: timedelta) -> None:
        """Move the clock forward by `step`."""
        self.travel_to(self._now + step)

    def travel_to(self, moment: datetime) -> None:
        """Set the clock to `moment`, which must have a time zone."""
        moment = _utc(moment)
        if self._traveller is not None:
            self._traveller.shift(moment - self._now)
        self._now = moment


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)
