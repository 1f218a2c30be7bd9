"""Concurrent code in virtual time: each piece of work has its own thread, and only one runs at a time.

When a thread sleeps, the others continue. Time passes when all of them sleep. So an hour in which a thousand threads
wait takes only as long as their work, and always runs in the same order.
"""

from __future__ import annotations

import heapq
import threading
from itertools import count
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta
    from types import TracebackType

    from simulator.aws.clock import VirtualClock


class Abandoned(BaseException):
    """Ends a thread that still sleeps when nothing waits for it any more."""


class SideBySide:
    """The due actions, and the waiting threads. A context manager: its end stops all waiting threads."""

    def __init__(self, clock: VirtualClock) -> None:
        """Move `clock` from one due action to the next."""
        self.clock = clock
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._sequence = count()
        self._turns: dict[int, threading.Semaphore] = {}
        self._ours = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self._over = False

    def __enter__(self) -> Self:
        """Start without due actions."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all sleeping threads."""
        self._over = True
        for turn in list(self._turns.values()):
            self._give(turn)

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Run an action at a moment. Actions at the same moment run in the order of these calls."""
        heapq.heappush(self._due, (moment, next(self._sequence), action))

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Run an action after a delay."""
        self.at(self.clock.now() + delay, action)

    def begin(self, work: Callable[[], None]) -> None:
        """Run `work` until it sleeps or ends. Must not be called within another piece of work: use `after`."""
        turn = threading.Semaphore(0)

        def perform() -> None:
            self._turns[threading.get_ident()] = turn
            try:
                work()
            except Abandoned:
                pass
            except BaseException as failure:  # noqa: BLE001 - `step` raises it in the thread that runs the timeline
                self._failure = failure
            del self._turns[threading.get_ident()]
            self._ours.release()

        threading.Thread(target=perform, daemon=True).start()
        self._ours.acquire()
        self._raise_failure()

    def sleep(self, wait: timedelta) -> None:
        """Let the others run until `wait` is over. Must be called within a piece of work."""
        turn = self._turns[threading.get_ident()]
        self.after(wait, lambda: self._give(turn))
        self._ours.release()
        turn.acquire()
        if self._over:
            raise Abandoned

    def run_until(self, moment: datetime) -> None:
        """Let time pass up to a moment, and run all actions that are due by then."""
        while self._due and self._due[0][0] <= moment:
            at, _, action = heapq.heappop(self._due)
            self.clock.travel_to(max(at, self.clock.now()))
            action()
            self._raise_failure()
        self.clock.travel_to(moment)

    def _give(self, turn: threading.Semaphore) -> None:
        turn.release()
        self._ours.acquire()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
