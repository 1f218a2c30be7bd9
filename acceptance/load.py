"""Traffic for the stream during a wait, from the project's own loader."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from acceptance.waiting import Waiting
from tools.load import Load, Result, run

SURGE = Load("surge", records_per_second=150, record_bytes=16, minutes=15)
"""It fills 0.15 of a shard; the threshold is 0.1. Even slow connections can send that, and nothing is throttled when
the loader catches up after a pause. The alarm and the function work with a tenth of a shard as with a full one."""

IDLE = Load("idle", records_per_second=1, record_bytes=16, minutes=30)
"""Almost no traffic. AWS does not document whether Kinesis reports metrics of a stream without traffic, and the
autoscaler never shrinks a stream without metrics."""


class _EnoughError(Exception):
    """The condition of the wait is met."""


def under(load: Load, stream: str, kinesis: Any, waiting: Waiting, reached: Callable[[], bool]) -> Result:  # noqa: ANN401 - a client
    """Write a load to a stream until a condition is met or the load ends. Return what was written."""
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
