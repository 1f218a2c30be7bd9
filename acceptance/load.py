"""Traffic for the stream, by the project's own loader, while something is waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from acceptance.waiting import Waiting
from tools.load import Load, Result, run

SURGE = Load("surge", records_per_second=150, record_bytes=16, minutes=15)
"""Fills 0.15 of a shard, where the threshold is at 0.1: so little that no line is too slow for it, and that nothing is
throttled when the loader catches up after a pause. To the alarm and the function a tenth is as good as all of it."""

IDLE = Load("idle", records_per_second=1, record_bytes=16, minutes=30)
"""Next to nothing, rather than nothing: whether Kinesis reports a silent stream at all is not documented, and the
autoscaler never shrinks a stream of which nothing is known."""


class _EnoughError(Exception):
    """What was waited for has happened."""


def under(load: Load, stream: str, kinesis: Any, waiting: Waiting, reached: Callable[[], bool]) -> Result:  # noqa: ANN401 - a client
    """Write a load to a stream until something is so, or the load is over; what was written by then."""
    result = Result()

    def report(so_far: Result) -> None:
        nonlocal result
        result = so_far
        if waiting.is_due() and waiting.look(reached):
            raise _EnoughError

    with contextlib.suppress(_EnoughError):
        run(
            Load(stream, load.records_per_second, load.record_bytes, load.minutes),
            kinesis,
            clock=waiting.seconds,
            sleep=waiting.sleep,
            report=report,
        )
    return result
