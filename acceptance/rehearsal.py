"""The run on a local AWS, in virtual time: `--local`.

Terraform and the function's package are real. CloudWatch's minutes pass as soon as something waits for them.
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
"""The loader pauses for milliseconds, because calls of AWS take time. Here time passes only while something sleeps."""
_A_CALL = timedelta(seconds=0.25)
"""The duration of each API call of the function during the timeout step: long enough that a timeout of whole seconds
occurs between two calls."""


class VirtualTime:
    """The time of a local AWS: a sleep advances its clock, and runs everything that becomes due."""

    def __init__(self, aws: LocalAWS) -> None:
        """Use this AWS."""
        self._aws = aws

    def now(self) -> datetime:
        """Return its current time."""
        return self._aws.clock.now()

    def sleep(self, seconds: float) -> None:
        """Advance by this many seconds, at least two. Streams report each minute, also without traffic."""
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
    """A local AWS over HTTP, in which the function's calls take time while its timeout is short."""
    with LocalAWS(Transport.HTTP) as aws:
        calls_take_time(aws)
        yield aws


def calls_take_time(aws: LocalAWS) -> None:
    """Make each API call of the function take time, so that its timeout can occur between two of them."""

    def take_time(call: ApiCall) -> None:
        del call
        aws.clock.advance(_A_CALL)

    aws.observer.before, aws.observer.stops_at_deadline = take_time, True
