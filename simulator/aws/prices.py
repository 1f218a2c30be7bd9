"""What AWS charges, as data: Kinesis for streams, and other services for the autoscaler beside them.

Sources: the Amazon Kinesis Data Streams pricing page (https://aws.amazon.com/kinesis/data-streams/pricing) says what is
counted and how it is rounded. Its tables are not part of the copies that could be read; the figures are those which
public sources quote from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HOURS_PER_MONTH = 730
"""A mean month, as in AWS's own examples."""

_PUT_UNIT_BYTES = 25 * 1024
_GIGABYTE = 1024**3


@dataclass(frozen=True)
class Prices:
    """Prices of Kinesis Data Streams in one region, in US dollars, without taxes, free tiers and agreed discounts.

    Attributes:
        region: where they apply.
        date: the month in which they were read. Check the pricing page before you rely on a sum.
        shard_hour: provisioned mode, for an open shard.
        million_put_units: provisioned mode, for a million records of up to 25 KB; a larger one counts several times.
        stream_hour: on-demand mode, for the stream.
        gigabyte_in: on-demand mode, for data written.
        gigabyte_out: on-demand mode, for data read by polling.

    """

    region: str
    date: str
    shard_hour: float
    million_put_units: float
    stream_hour: float
    gigabyte_in: float
    gigabyte_out: float

    def provisioned(self, shard_hours: float, records: float, record_bytes: float) -> float:
        """Dollars for open shards and the records written to them, which are `record_bytes` long each."""
        units = records * max(1, math.ceil(record_bytes / _PUT_UNIT_BYTES))
        return shard_hours * self.shard_hour + units / 1e6 * self.million_put_units

    def on_demand(self, hours: float, bytes_in: float, readers: int = 1) -> float:
        """Dollars for a stream in on-demand mode whose data are read by so many polling consumers.

        `bytes_in` are charged with each record rounded up to a whole KB, which is the caller's business.
        """
        written = bytes_in / _GIGABYTE
        return hours * self.stream_hour + written * (self.gigabyte_in + readers * self.gigabyte_out)


US_EAST_1 = Prices(
    region="us-east-1",
    date="2025-11",
    shard_hour=0.015,
    million_put_units=0.014,
    stream_hour=0.04,
    gigabyte_in=0.08,
    gigabyte_out=0.04,
)


@dataclass(frozen=True)
class Running:
    """Prices of what the autoscaler uses beside the streams, in one region, in US dollars, without free tiers.

    Sources: the pricing pages of CloudWatch, DynamoDB (on-demand) and Lambda (arm64).

    Attributes:
        alarm_metric_month: for each metric in an alarm.
        custom_metric_hour: for a custom metric in each hour in which it is reported: 0.30 a month.
        data_metric: for each metric that a GetMetricData call asks for.
        request: for another call of CloudWatch's API.
        log_byte: for a byte of the log, taken in; the overhead of an event included in the bytes.
        write_unit: for a write of 1 KB to DynamoDB.
        read_unit: for a strongly consistent read of 4 KB.
        gigabyte_second: for Lambda's memory over time.
        invocation: for an invocation.

    """

    alarm_metric_month: float = 0.10
    custom_metric_hour: float = 0.30 / HOURS_PER_MONTH
    data_metric: float = 0.01 / 1000
    request: float = 0.01 / 1000
    log_byte: float = 0.50 / _GIGABYTE
    write_unit: float = 0.625 / 1e6
    read_unit: float = 0.125 / 1e6
    gigabyte_second: float = 0.0000133334
    invocation: float = 0.20 / 1e6


RUNNING_IN_US_EAST_1 = Running()
