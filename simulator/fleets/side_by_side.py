"""Code side by side in virtual time: each piece in a thread of its own, of which one moves at a time.

A piece that sleeps lets the others go on; time passes when all of them sleep. So an hour in which a thousand of them
wait takes as long as the work that they do in it, and always happens in the same order.
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
    """Ends a piece that still sleeps when nobody waits for it any more."""


class SideBySide:
    """What is due, and the threads that wait for it. A context manager: at its end what still waits is ended."""

    def __init__(self, clock: VirtualClock) -> None:
        """Move `clock` from one thing that is due to the next."""
        self.clock = clock
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._sequence = count()
        self._turns: dict[int, threading.Semaphore] = {}
        self._ours = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self._over = False

    def __enter__(self) -> Self:
        """Nothing is due yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still sleeps."""
        self._over = True
        for turn in list(self._turns.values()):
            self._give(turn)

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Do something at a moment; what is due at the same one is done in the order of these calls."""
        heapq.heappush(self._due, (moment, next(self._sequence), action))

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Do something after a while."""
        self.at(self.clock.now() + delay, action)

    def begin(self, work: Callable[[], None]) -> None:
        """Let `work` run until it sleeps or ends. Not to be called from within another piece: use `after`."""
        turn = threading.Semaphore(0)

        def perform() -> None:
            self._turns[threading.get_ident()] = turn
            try:
                work()
            except Abandoned:
                pass
            except BaseException as failure:  # noqa: BLE001 - raised by `step`, in the thread of whoever runs this
                self._failure = failure
            del self._turns[threading.get_ident()]
            self._ours.release()

        threading.Thread(target=perform, daemon=True).start()
        self._ours.acquire()
        self._raise_failure()

    def sleep(self, wait: timedelta) -> None:
        """Let the others go on until `wait` is over. To be called from within a piece."""
        turn = self._turns[threading.get_ident()]
        self.after(wait, lambda: self._give(turn))
        self._ours.release()
        turn.acquire()
        if self._over:
            raise Abandoned

    def run_until(self, moment: datetime) -> None:
        """Let time pass up to a moment, with all that is due by then."""
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
