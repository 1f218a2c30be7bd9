"""Asynchronous invocations of a function side by side, by Lambda's rules, in virtual time.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation": an event waits in
a queue while the function's concurrency is used up, and is tried again after a second, then after twice as long each
time up to five minutes; an error of the function is tried again after one minute and after two more; what is older than
the maximum age or has failed three times goes to the dead-letter queue. An execution environment handles one invocation
at a time and is kept for the next; one that ran out of time is not.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from simulator.local_aws.function import FunctionCrash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.aws.clock import VirtualClock
    from simulator.fleets.side_by_side import SideBySide

RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=2))
MAX_AGE = timedelta(hours=6)
_FIRST_BACKOFF, _LONGEST_BACKOFF = timedelta(seconds=1), timedelta(minutes=5)


class Environment(Protocol):
    """An execution environment: handles one event after another."""

    def __call__(self, event: Mapping[str, Any], context: Invocation) -> object:
        """Handle an event."""


@dataclass(eq=False)
class Event:
    """An event on its way through Lambda's queue."""

    payload: Mapping[str, Any]
    queued_at: datetime
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0
    backoff: timedelta = _FIRST_BACKOFF


class Invocation:
    """One attempt at an event; what the function gets as its context."""

    def __init__(self, event: Event, clock: VirtualClock, timeout: timedelta) -> None:
        """Begin now."""
        self.aws_request_id = event.request_id
        self._clock = clock
        self._deadline = clock.now() + timeout

    @property
    def time_left(self) -> timedelta:
        """Until the timeout."""
        return self._deadline - self._clock.now()

    def get_remaining_time_in_millis(self) -> int:
        """The same in milliseconds, as Lambda tells it."""
        return max(0, int(self.time_left / timedelta(milliseconds=1)))


class Invocations:
    """The queue and the running invocations of one function.

    Attributes:
        timeline: where they run.
        started: how many invocations have begun, retries included.
        retries: how many of them were retries of a failed one.
        timeouts: how many ran out of time.
        throttles: how often an event found the concurrency used up.
        most_at_once: the most that ran side by side.
        errors: how many invocations failed, by the error's type.
        answers: what the function returned, in order.
        dead_letters: the events given up.

    """

    def __init__(
        self,
        timeline: SideBySide,
        new_environment: Callable[[], Environment],
        *,
        concurrency: int = 1000,
        timeout: timedelta = timedelta(minutes=15),
    ) -> None:
        """Run on `timeline`, in environments that `new_environment` makes, at most `concurrency` at once."""
        self.timeline = timeline
        self._clock = timeline.clock
        self._new_environment = new_environment
        self._concurrency = concurrency
        self._timeout = timeout
        self._idle: list[Environment] = []
        self._running: dict[int, Invocation] = {}
        self._waiting: list[Event] = []
        self.started = self.retries = self.timeouts = self.throttles = self.most_at_once = 0
        self.errors: Counter[str] = Counter()
        self.answers: list[Any] = []
        self.dead_letters: list[Event] = []

    @property
    def all_done(self) -> bool:
        """Whether nothing runs or waits."""
        return not self._running and not self._waiting

    @property
    def waiting(self) -> list[Mapping[str, Any]]:
        """What is in the queue."""
        return [event.payload for event in self._waiting]

    @property
    def running(self) -> Invocation | None:
        """The invocation that asks."""
        return self._running.get(threading.get_ident())

    def invoke_later(self, payload: Mapping[str, Any]) -> None:
        """Put an event into the queue."""
        self._queue(Event(payload, self._clock.now()), timedelta(0))

    def sleep(self, wait: timedelta) -> None:
        """Let an invocation sleep, if need be until it runs out of time."""
        invocation = self.running
        if invocation is None or wait < invocation.time_left:
            self.timeline.sleep(wait)
            return
        self.timeline.sleep(invocation.time_left)
        raise FunctionCrash(f"Task timed out after {self._timeout.total_seconds():.2f} seconds")

    def _queue(self, event: Event, delay: timedelta) -> None:
        if self._clock.now() + delay - event.queued_at > MAX_AGE:
            self.dead_letters.append(event)
            return
        self._waiting.append(event)
        self.timeline.after(delay, lambda: self._deliver(event))

    def _deliver(self, event: Event) -> None:
        self._waiting.remove(event)
        if len(self._running) >= self._concurrency:
            self.throttles += 1
            backoff, event.backoff = event.backoff, min(2 * event.backoff, _LONGEST_BACKOFF)
            self._queue(event, backoff)
        else:
            self.timeline.begin(lambda: self._run(event))

    def _run(self, event: Event) -> None:
        self.started += 1
        self.retries += event.attempts > 0
        event.attempts += 1
        environment = self._idle.pop() if self._idle else self._new_environment()
        invocation = Invocation(event, self._clock, self._timeout)
        self._running[threading.get_ident()] = invocation
        self.most_at_once = max(self.most_at_once, len(self._running))
        try:
            self.answers.append(environment(event.payload, invocation))
            self._idle.append(environment)
        except FunctionCrash:
            self.timeouts += 1
            self._failed(event, "Task timed out")
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a function error
            self._idle.append(environment)
            self._failed(event, type(error).__name__)
        finally:
            del self._running[threading.get_ident()]

    def _failed(self, event: Event, error: str) -> None:
        self.errors[error] += 1
        if event.attempts > len(RETRY_DELAYS):
            self.dead_letters.append(event)
        else:
            self._queue(event, RETRY_DELAYS[event.attempts - 1])
