"""The walk on a local AWS, in virtual time: `--local`.

Terraform and the function's package are real; CloudWatch's minutes go by as soon as somebody waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from simulator.local_aws import LocalAWS, Transport
from simulator.local_aws.function import ApiCall
from simulator.traffic import Traffic

_MINUTE = timedelta(minutes=1)
_LEAST_SLEEP = 2.0
"""The loader pauses for milliseconds, since AWS takes time for each call; here none passes unless somebody sleeps."""
_A_CALL = timedelta(seconds=0.25)
"""What each API call of the function takes while the walk has it time out: long enough that a time-out of seconds falls
between two of them."""


class VirtualTime:
    """The pace of a local AWS: a sleep moves its clock, and carries out what is due meanwhile."""

    def __init__(self, aws: LocalAWS) -> None:
        """Move this AWS."""
        self._aws = aws

    def now(self) -> datetime:
        """The present moment there."""
        return self._aws.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let so many seconds go by, two at the least. Streams report each minute, the silent ones too."""
        clock = self._aws.clock
        end = clock.now() + timedelta(seconds=max(seconds, _LEAST_SLEEP))
        while (minute := clock.now().replace(second=0, microsecond=0) + _MINUTE) <= end:
            names = self._aws.client("kinesis").list_streams()["StreamNames"]
            self._aws.advance_minute(dict.fromkeys(names, Traffic(0, 0)))
            assert clock.now() >= minute
        if clock.now() < end:
            clock.travel_to(end)


@contextmanager
def local_aws() -> Iterator[LocalAWS]:
    """A local AWS over HTTP, in which the function's calls take time while its time-out is short."""
    with LocalAWS(Transport.HTTP) as aws:
        calls_take_time(aws)
        yield aws


def calls_take_time(aws: LocalAWS) -> None:
    """Let each API call of the function take time, so that its time-out may fall between two of them."""

    def take_time(call: ApiCall) -> None:
        del call
        aws.clock.advance(_A_CALL)

    aws.observer.before, aws.observer.stops_at_deadline = take_time, True
