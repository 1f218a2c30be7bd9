"""The consumers of a stream, and their metrics."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from simulator.aws.kinesis.capacity import SHARD_READ_BYTES_PER_SECOND

_MINUTE = timedelta(minutes=1)


class ConsumerState(Enum):
    """The state of a consumer."""

    RUNNING = "reads everything up to its lag, as fast as the shards allow"
    PAUSED = "polls but makes no headway: its iterator age grows"
    DEAD = "does not poll: its iterator age is not reported at all"


@dataclass
class Consumer:
    """All polling consumers of a stream, at the same position. They have no lag by default.

    A minute's records are read at the rate of the shards that they were written to. More shards do not clear a backlog.

    Attributes:
        readers: the number of applications that read every record.
        state: their state. It may be changed at any time.
        lag: their lag while running, which is also their iterator age.
    """

    readers: int = 1
    state: ConsumerState = ConsumerState.RUNNING
    lag: timedelta = timedelta(0)
    _unread: deque[_Unread] = field(default_factory=deque, init=False, repr=False)

    def minute(self, start: datetime, arrived_bytes: float, shards: float, retention: timedelta) -> Reads | None:
        """Simulate the minute from `start` with `arrived_bytes`. Return None if no metrics are reported."""
        end = start + _MINUTE
        if arrived_bytes:
            self._unread.append(_Unread(start, arrived_bytes, shards))
        while self._unread and self._unread[0].arrived < end - retention:
            self._unread.popleft()
        if self.state is ConsumerState.DEAD:
            return None
        read_bytes = self._read(end - self.lag) if self.state is ConsumerState.RUNNING else 0.0
        age = end - self._unread[0].arrived if self._unread else timedelta(0)
        return Reads(read_bytes * self.readers, age)

    def _read(self, until: datetime) -> float:
        """Read for a minute, oldest records first, up to those that arrived before `until`. Return the bytes."""
        seconds, read_bytes = 60.0, 0.0
        while self._unread and self._unread[0].arrived + _MINUTE <= until:
            oldest = self._unread[0]
            rate = SHARD_READ_BYTES_PER_SECOND * oldest.shards / self.readers
            portion = min(oldest.bytes, rate * seconds)
            read_bytes += portion
            seconds -= portion / rate
            if portion < oldest.bytes:
                oldest.bytes -= portion
                break
            self._unread.popleft()
        return read_bytes


@dataclass
class _Unread:
    """The unread bytes of one minute."""

    arrived: datetime
    bytes: float
    shards: float


@dataclass(frozen=True, slots=True)
class Reads:
    """The metrics of consumers for a minute: GetRecords.Bytes and GetRecords.IteratorAgeMilliseconds."""

    bytes: float
    iterator_age: timedelta


@dataclass
class FanOutConsumer:
    """A consumer with enhanced fan-out. It has its own throughput, so its lag is the one that is set.

    Attributes:
        name: the name of the registered consumer.
        state: its state. PAUSED, its lag grows; DEAD, it has no subscription and reports nothing.
        lag: its lag. Both may be changed at any time.

    """

    name: str
    state: ConsumerState = ConsumerState.RUNNING
    lag: timedelta = timedelta(0)

    def minute(self, retention: timedelta) -> timedelta | None:
        """Simulate a minute. Return SubscribeToShardEvent.MillisBehindLatest at its end, or None if not reported."""
        if self.state is not ConsumerState.RUNNING:
            self.lag = min(self.lag + _MINUTE, retention)
        return None if self.state is ConsumerState.DEAD else self.lag
