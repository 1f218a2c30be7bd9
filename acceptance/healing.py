"""Steps: a person's request, and a crash in the middle of a request, from which reconcile recovers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from acceptance.errors import InconclusiveError, StepFailedError, TimedOutError
from acceptance.scaling import finished, require_alarms_in_step, settle
from acceptance.stack import Record
from acceptance.walk import Walk

_MINUTE = timedelta(minutes=1)
_HEALED_WITHIN = 20 * _MINUTE
"""Reconcile ends an intent five minutes after it was written. An accepted change takes as long as the reshard."""
_LONGEST_TIMEOUT = 8
"""Seconds within which the function completes a request after a cold start."""
_LITTLE_MEMORY = 128
"""Megabytes: Lambda's minimum, with which the function is slowest."""


def request(walk: Walk) -> str:
    """A person requests one more shard, and the stream gets it."""
    target = settle(walk) + 1
    answer = walk.stack.request(target, "acceptance: a request", walk.waiting.now())
    if answer.error:
        raise StepFailedError(f"The function failed: {answer.error}")
    record = walk.stack.find(answer.payload["event_time"])
    if record is None:
        raise StepFailedError(f"A request was answered with {dict(answer.payload)}, and is not in the audit table.")
    if record["status"] == "SKIPPED":
        raise StepFailedError(
            f"A request for {target} shards was not carried out: {record['reason']}: {record['message']}"
        )
    return finished(walk, record)


def crash(walk: Walk) -> str:
    """Lambda stops the function in the middle of a request, and reconcile recovers.

    Where a timeout of whole seconds occurs is random. It is increased second by second until the function stops after
    it has written the intent and before it is done. An earlier timeout has no effect.

    Raises:
        InconclusiveError: no timeout occurred in between.
    """
    memory = int(walk.stack.configuration()["MemorySize"])
    cut = _cut_off(walk, memory) or _cut_off(walk, _LITTLE_MEMORY)
    if cut is None:
        settle(walk)
        raise InconclusiveError(
            "No time-out occurred between intent and end: each time nothing had begun, or all was done."
        )
    return _healed(walk, *cut)


def _cut_off(walk: Walk, memory: int) -> tuple[int, Record] | None:
    """Make requests with increasing timeouts. Return the interrupted one, as (seconds, its record)."""
    stack = walk.stack
    for seconds in range(1, _LONGEST_TIMEOUT + 1):
        target = settle(walk) + 1
        known = {record["event_time"] for record in stack.records()}
        with _configured(walk, Timeout=seconds, MemorySize=memory):
            answer = stack.request(target, "acceptance: a crash", walk.waiting.now())
        new = [r for r in stack.records() if r["event_time"] not in known and r["trigger"] == "request"]
        if answer.error and new:
            return seconds, new[-1]
        if new and new[-1]["status"] != "SKIPPED":
            return None  # the function was faster than the timeout
    return None


@contextmanager
def _configured(walk: Walk, **settings: int) -> Iterator[None]:
    """Change the function's configuration, and always restore it, because reconcile needs more time."""
    before = walk.stack.configuration()
    try:
        _configure(walk, settings)
        yield
    finally:
        _configure(walk, {name: int(before[name]) for name in settings})


def _configure(walk: Walk, settings: Mapping[str, int]) -> None:
    walk.stack.configure(**settings)
    walk.waiting.until("Lambda to have the function ready", walk.stack.is_settled, 3 * _MINUTE)


def _healed(walk: Walk, seconds: int, record: Record) -> str:
    """Wait until reconcile has ended the interrupted request and the alarms contain the stream's shard count."""
    stack = walk.stack

    def is_over() -> Record | None:
        now = stack.find(record["event_time"])
        over = now is not None and now["status"] in ("SUCCEEDED", "FAILED") and not stack.open_records()
        return now if over and stack.active_with() else None

    try:
        end = walk.waiting.until("reconcile to recover from the crash", is_over, _HEALED_WITHIN)
    except TimedOutError as late:
        now = stack.find(record["event_time"]) or record
        raise StepFailedError(f"{late} The record is still {now['status']}: {now['message']}") from late
    count = stack.active_with()
    assert count is not None, "it is over"
    require_alarms_in_step(walk, count)
    return (
        f"A time-out of {seconds} s left the record {record['status']}; reconcile ended it as {end['status']}: "
        f"{end['message']}"
    )
