"""Steps: a person's request, and a crash in the middle of one, which reconcile heals."""

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
"""An intent is given up five minutes after it was written, and a change that was accepted takes as long as it takes."""
_LONGEST_TIMEOUT = 8
"""Seconds within which the function finishes a request, cold."""
_LITTLE_MEMORY = 128
"""Megabytes: the least there is, with which the function is slowest."""


def request(walk: Walk) -> str:
    """A person asks for one shard more, and gets it."""
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
    """Lambda stops the function in the middle of a request, and reconcile brings everything back into order.

    Where a time-out of whole seconds falls is a matter of luck: it is made longer second by second, until one falls
    after the intent was written and before all was done. Nothing has happened as long as it falls before.

    Raises:
        InconclusiveError: none fell there.
    """
    memory = int(walk.stack.configuration()["MemorySize"])
    cut = _cut_off(walk, memory) or _cut_off(walk, _LITTLE_MEMORY)
    if cut is None:
        settle(walk)
        raise InconclusiveError("No time-out fell between intent and end: either nothing had begun, or all was done.")
    return _healed(walk, *cut)


def _cut_off(walk: Walk, memory: int) -> tuple[int, Record] | None:
    """Make requests under ever longer time-outs; the one that was cut off in the middle, as (seconds, its record)."""
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
            return None  # it was quicker than that
    return None


@contextmanager
def _configured(walk: Walk, **settings: int) -> Iterator[None]:
    """Change the function's configuration; whatever happens, it is put back, since reconcile needs its time."""
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
    """Wait until reconcile has ended what was cut off, and the alarms compute with what the stream has."""
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
