"""Concurrent asynchronous invocations of a function by Lambda's rules, in virtual time.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation". An event waits in
a queue while the function's concurrency is used up. It is retried after a second, then after twice as long each time,
up to five minutes. An error of the function is retried after one minute, then after two minutes. An event that exceeds
the maximum age or has failed three times goes to the dead-letter queue. An execution environment handles one invocation
at a time and is reused, unless it timed out.
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
    """An execution environment, which handles one event after another."""

    def __call__(self, event: Mapping[str, Any], context: Invocation) -> object:
        """Handle an event."""


@dataclass(eq=False)
class Event:
    """An event in Lambda's queue."""

    payload: Mapping[str, Any]
    queued_at: datetime
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0
    backoff: timedelta = _FIRST_BACKOFF


class Invocation:
    """One attempt to handle an event. It is also the function's context."""

    def __init__(self, event: Event, clock: VirtualClock, timeout: timedelta) -> None:
        """Start now."""
        self.aws_request_id = event.request_id
        self._clock = clock
        self._deadline = clock.now() + timeout

    @property
    def time_left(self) -> timedelta:
        """Return the time until the timeout."""
        return self._deadline - self._clock.now()

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the timeout in milliseconds, as Lambda's context does."""
        return max(0, int(self.time_left / timedelta(milliseconds=1)))


class Invocations:
    """The queue and the running invocations of one function.

    Attributes:
        timeline: the timeline on which they run.
        started: the number of started invocations, including retries.
        retries: the number of retries of a failed invocation.
        timeouts: the number of timeouts.
        throttles: how often the concurrency was used up when an event was due.
        most_at_once: the maximum number of concurrent invocations.
        errors: the number of failed invocations, by the error's type.
        answers: the results of the function, in order.
        dead_letters: the events in the dead-letter queue.

    """

    def __init__(
        self,
        timeline: SideBySide,
        new_environment: Callable[[], Environment],
        *,
        concurrency: int = 1000,
        timeout: timedelta = timedelta(minutes=15),
    ) -> None:
        """Run on `timeline`, in environments from `new_environment`, with at most `concurrency` at once."""
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
        """Whether no event runs or waits."""
        return not self._running and not self._waiting

    @property
    def waiting(self) -> list[Mapping[str, Any]]:
        """The events in the queue."""
        return [event.payload for event in self._waiting]

    @property
    def running(self) -> Invocation | None:
        """The invocation of the calling thread."""
        return self._running.get(threading.get_ident())

    def invoke_later(self, payload: Mapping[str, Any]) -> None:
        """Put an event into the queue."""
        self._queue(Event(payload, self._clock.now()), timedelta(0))

    def sleep(self, wait: timedelta) -> None:
        """Let an invocation sleep, at most until its timeout."""
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
        except Exception as error:  # noqa: BLE001 - any exception of a handler is a function error
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
