"""The prices of AWS as data: Kinesis for streams, and other services for the autoscaler itself.

The prices of Kinesis are in prices.json, with region, date and source. The Amazon Kinesis Data Streams pricing page
(https://aws.amazon.com/kinesis/data-streams/pricing) defines what is counted and how it is rounded. Its tables could
not be read; the figures are those that public sources quote from them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

HOURS_PER_MONTH = 730
"""An average month, as in AWS's own examples."""

RETENTION_HOURS = 24
"""How long a stream keeps records without an extra charge."""
LONGEST_RETENTION_HOURS = 7 * 24
"""The longest retention with these prices. Longer retention has other prices, which are not included."""

_PUT_UNIT_BYTES = 25 * 1024
_GIGABYTE = 1024**3


@dataclass(frozen=True)
class Readers:
    """The consumers of a stream, and the retention of its records.

    Attributes:
        shared: consumers that poll with GetRecords, each of which reads everything.
        fan_out: consumers with enhanced fan-out, each of which reads everything.
        retention_hours: how long records are kept.

    """

    shared: int = 1
    fan_out: int = 0
    retention_hours: int = RETENTION_HOURS

    @property
    def further_hours(self) -> int:
        """The hours of retention that are charged."""
        return max(0, min(self.retention_hours, LONGEST_RETENTION_HOURS) - RETENTION_HOURS)


@dataclass(frozen=True)
class OnDemandPrices:
    """Prices of a stream in on-demand mode, standard or Advantage, in US dollars.

    Attributes:
        stream_hour: for the stream.
        gigabyte_in: for data written. The caller rounds each record up to a whole KB.
        gigabyte_out: for data read by a polling consumer.
        fan_out_gigabyte: for data read by a consumer with enhanced fan-out.
        retention_gigabyte_month: for data kept after the first day, up to the seventh.
        least_bytes_per_second: minimum that all streams of the account and region together pay for, both in and out.

    """

    stream_hour: float
    gigabyte_in: float
    gigabyte_out: float
    fan_out_gigabyte: float
    retention_gigabyte_month: float
    least_bytes_per_second: float

    def of(self, hours: float, bytes_in: float, readers: Readers = Readers()) -> float:
        """Return the dollars for one stream, without the account's minimum."""
        written = bytes_in / _GIGABYTE
        read = readers.shared * self.gigabyte_out + readers.fan_out * self.fan_out_gigabyte
        kept = written / hours * readers.further_hours * hours / HOURS_PER_MONTH if hours else 0.0
        return hours * self.stream_hour + written * (self.gigabyte_in + read) + kept * self.retention_gigabyte_month

    def least(self, hours: float) -> float:
        """Return the minimum in dollars that all streams of an account and region together pay for data in and out."""
        gigabytes = hours * 3600 * self.least_bytes_per_second / _GIGABYTE
        return gigabytes * (self.gigabyte_in + self.gigabyte_out)


@dataclass(frozen=True)
class Prices:
    """Prices of Kinesis Data Streams in one region, in US dollars, without taxes, free tiers and agreed discounts.

    Attributes:
        region: where they apply.
        date: the month in which they were read. Check the pricing page before you rely on a figure.
        shard_hour: provisioned mode, for an open shard.
        million_put_units: provisioned mode, for a million records of up to 25 KB; a larger one counts several times.
        fan_out_shard_hour: provisioned mode, for each consumer with enhanced fan-out and open shard.
        fan_out_gigabyte: provisioned mode, for data that such a consumer reads.
        retention_shard_hour: provisioned mode, for an open shard whose records are kept for more than a day.
        on_demand: on-demand mode, standard.
        advantage: on-demand Advantage, which an account selects for all its on-demand streams in a region.
        source: the source of the prices.

    """

    region: str
    date: str
    shard_hour: float
    million_put_units: float
    fan_out_shard_hour: float
    fan_out_gigabyte: float
    retention_shard_hour: float
    on_demand: OnDemandPrices
    advantage: OnDemandPrices
    source: str = ""

    def provisioned(
        self, shard_hours: float, records: float, record_bytes: float, readers: Readers = Readers()
    ) -> float:
        """Return the dollars for open shards and the records written to them, which have `record_bytes` each."""
        units = records * max(1, math.ceil(record_bytes / _PUT_UNIT_BYTES))
        a_shard_hour = self.shard_hour + readers.fan_out * self.fan_out_shard_hour
        if readers.further_hours:
            a_shard_hour += self.retention_shard_hour
        read = readers.fan_out * records * record_bytes / _GIGABYTE * self.fan_out_gigabyte
        return shard_hours * a_shard_hour + units / 1e6 * self.million_put_units + read

    @classmethod
    def read(cls, path: Path) -> Prices:
        """Read a file like prices.json."""
        told = json.loads(path.read_text())
        on_demand, advantage = (OnDemandPrices(**told.pop(mode)) for mode in ("on_demand", "advantage"))
        return cls(**told, on_demand=on_demand, advantage=advantage)


US_EAST_1 = Prices.read(Path(__file__).with_name("prices.json"))


@dataclass(frozen=True)
class Running:
    """Prices of what the autoscaler uses besides the streams, in one region, in US dollars, without free tiers.

    Sources: the pricing pages of CloudWatch, DynamoDB (on-demand) and Lambda (arm64).

    Attributes:
        alarm_metric_month: for each metric in an alarm.
        custom_metric_hour: for a custom metric in each hour in which it is reported: 0.30 a month.
        data_metric: for each metric requested from GetMetricData.
        request: for any other call of CloudWatch's API.
        log_byte: for an ingested byte of the log, which includes the overhead of an event.
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
