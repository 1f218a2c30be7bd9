"""A stream's metrics, minute by minute, and their gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from .terms import SHARD_READ_BYTES_PER_SECOND, SHARD_WRITE_BYTES_PER_SECOND, SHARD_WRITE_RECORDS_PER_SECOND


class Evidence(Enum):
    """What is known of a minute's demand."""

    COMPLETE = "every metric that makes up the demand has a datapoint"
    SILENT = "none has, and Kinesis' other metrics of that minute prove that CloudWatch delivered"
    UNKNOWN = "some are missing, or all are and nothing proves that there was no traffic"


class Minute(NamedTuple):
    """One minute of a stream's metrics, or the mean minute of a period; None where CloudWatch has no datapoint.

    A check reads thousands of minutes and periods, and tuples are created four times as fast as dataclasses.
    """

    at: datetime
    """The start of the minute, or of the period."""
    incoming_bytes: float | None = None
    incoming_records: float | None = None
    read_bytes: float | None = None
    throttled_records: float | None = None
    iterator_age: timedelta | None = None

    @property
    def has_traffic_data(self) -> bool:
        """Whether Kinesis reported accepted traffic in this minute, even zero."""
        return self.incoming_bytes is not None or self.incoming_records is not None

    def evidence(self, *, with_reads: bool, delivered: bool = False) -> Evidence:
        """What is known of the demand. A shard has two write limits, so both metrics are needed.

        Args:
            with_reads: Whether reads count as demand.
            delivered: Whether another stream's Kinesis metrics of this minute have arrived.
        """
        reads_known = not with_reads or self.read_bytes is not None or self.iterator_age is None
        if self.incoming_bytes is not None and self.incoming_records is not None:
            return Evidence.COMPLETE if reads_known else Evidence.UNKNOWN
        if self.has_traffic_data:
            return Evidence.UNKNOWN
        others = (self.read_bytes, self.throttled_records, self.iterator_age)
        return Evidence.SILENT if delivered or any(each is not None for each in others) else Evidence.UNKNOWN

    @property
    def write_shards(self) -> float:
        """Shards that this minute's accepted writes filled, as far as known: the larger of bytes and records."""
        return max(
            (self.incoming_bytes or 0) / 60 / SHARD_WRITE_BYTES_PER_SECOND,
            (self.incoming_records or 0) / 60 / SHARD_WRITE_RECORDS_PER_SECOND,
        )

    @property
    def read_shards(self) -> float:
        """Shards that this minute's polled reads filled, as a fraction."""
        return (self.read_bytes or 0) / 60 / SHARD_READ_BYTES_PER_SECOND

    def shards(self, *, with_reads: bool) -> float:
        """Demand of this minute in shards: at least this much."""
        return max(self.write_shards, self.read_shards) if with_reads else self.write_shards

    @property
    def throttles(self) -> bool:
        """Whether records were refused; a fraction of one is rounding."""
        return (self.throttled_records or 0) >= 0.5

    @property
    def throttled_share(self) -> float:
        """The share of the records that producers sent, retries included, which was refused."""
        refused = self.throttled_records or 0
        return refused / (refused + (self.incoming_records or 0)) if refused else 0.0


class Period(NamedTuple):
    """A period of a past day, and its demand in shards; None if CloudWatch has no datapoint."""

    at: datetime
    """The start."""
    highest: float | None = None
    """Of the minute with the highest demand."""
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class FanOutConsumer:
    """A consumer with enhanced fan-out: how far it was behind in each minute in which it reported, oldest first."""

    name: str
    lags: tuple[tuple[datetime, timedelta], ...] = ()


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The metrics from CloudWatch, oldest first, with every minute and period."""

    minutes: tuple[Minute, ...] = ()
    incomplete: tuple[str, ...] = ()
    """Metrics that are incomplete even after a second request: their gaps prove nothing."""
    delivered: frozenset[datetime] = frozenset()
    """Minutes in which Kinesis metrics of another stream have arrived, if that was queried."""
    days: tuple[Period, ...] = ()
    """The last days, if they were read, up to the last complete period."""
    fan_out: tuple[FanOutConsumer, ...] = ()

    def since(self, start: datetime) -> tuple[Minute, ...]:
        """The minutes from `start` on."""
        return tuple(minute for minute in self.minutes if minute.at >= start)
