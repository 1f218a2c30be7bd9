"""Who reads from a stream, and what that looks like in its metrics."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from simulator.aws.kinesis.capacity import SHARD_READ_BYTES_PER_SECOND

_MINUTE = timedelta(minutes=1)


class ConsumerState(Enum):
    """What a consumer is doing."""

    RUNNING = "reads everything up to its lag, as fast as the shards allow"
    PAUSED = "polls but makes no headway: its iterator age grows"
    DEAD = "does not poll: its iterator age is not reported at all"


@dataclass
class Consumer:
    """All polling consumers of a stream, in step with each other. Caught up unless told otherwise.

    A minute's records are read at the rate of the shards they were written to: more shards do not clear a backlog.

    Attributes:
        readers: how many applications read every record.
        state: what they are doing. Change it at any time.
        lag: how far behind they stay while running; their iterator age then stays at that.
    """

    readers: int = 1
    state: ConsumerState = ConsumerState.RUNNING
    lag: timedelta = timedelta(0)
    _unread: deque[_Unread] = field(default_factory=deque, init=False, repr=False)

    def minute(self, start: datetime, arrived_bytes: float, shards: float, retention: timedelta) -> Reads | None:
        """Let the minute from `start` pass, in which this much arrived; None if nothing is reported."""
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
        """Read for a minute, oldest records first, those that arrived before `until`; return the bytes."""
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
    """What one minute brought and nobody has read yet."""

    arrived: datetime
    bytes: float
    shards: float


@dataclass(frozen=True, slots=True)
class Reads:
    """What consumers did in a minute: GetRecords.Bytes and GetRecords.IteratorAgeMilliseconds."""

    bytes: float
    iterator_age: timedelta


@dataclass
class FanOutConsumer:
    """A consumer with enhanced fan-out, which has a throughput of its own: it is as far behind as it is set to be.

    Attributes:
        name: the name it is registered by.
        state: what it does. PAUSED, it falls further behind; DEAD, it has no subscription and reports nothing either.
        lag: how far behind it is. Change both at any time.

    """

    name: str
    state: ConsumerState = ConsumerState.RUNNING
    lag: timedelta = timedelta(0)

    def minute(self, retention: timedelta) -> timedelta | None:
        """Let a minute pass; SubscribeToShardEvent.MillisBehindLatest at its end, None if nothing is reported."""
        if self.state is not ConsumerState.RUNNING:
            self.lag = min(self.lag + _MINUTE, retention)
        return None if self.state is ConsumerState.DEAD else self.lag
