"""The capacity of shards, and the result of a minute's traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.aws.kinesis.keys import Spread

SHARD_BYTES_PER_MINUTE = 60 * 1024**2
"""Write capacity of a shard: 1 MiB a second. The sizing formula uses multiples of 1024; some pages say MB."""

SHARD_RECORDS_PER_MINUTE = 60 * 1000
"""Write capacity of a shard: 1,000 records a second."""

SHARD_READ_BYTES_PER_SECOND = 2_000_000
"""Read capacity of a shard: 2 MB a second for all its polling consumers together."""

PROVISIONED, ON_DEMAND = "PROVISIONED", "ON_DEMAND"


@dataclass(frozen=True, slots=True)
class Minute:
    """The result of one minute's traffic. Bytes and records may be fractions.

    Attributes:
        offered_bytes: the bytes that producers sent.
        offered_records: the records that producers sent.
        accepted_share: the accepted part, from 0 to 1; the other part was throttled.
        shards: the number of shards. In on-demand mode, the equivalent of its capacity.
        spread: each shard's part of the traffic; None in on-demand mode.
    """

    offered_bytes: float
    offered_records: float
    accepted_share: float
    shards: float
    spread: Spread | None = None

    @property
    def accepted_bytes(self) -> float:
        """The accepted bytes: IncomingBytes."""
        return self.offered_bytes * self.accepted_share

    @property
    def accepted_records(self) -> float:
        """The accepted records: IncomingRecords."""
        return self.offered_records * self.accepted_share

    @property
    def throttled_bytes(self) -> float:
        """The throttled bytes."""
        return self.offered_bytes - self.accepted_bytes

    @property
    def throttled_records(self) -> float:
        """The throttled records: WriteProvisionedThroughputExceeded."""
        return self.offered_records - self.accepted_records

    def by_shard(self) -> dict[str, Minute]:
        """Return the result for each shard, by its id."""
        return {} if self.spread is None else {id_: self._part(share) for id_, share in self.spread.by_shard().items()}

    def _part(self, share: float) -> Minute:
        offered_bytes, offered_records = self.offered_bytes * share, self.offered_records * share
        demand = max(offered_bytes / SHARD_BYTES_PER_MINUTE, offered_records / SHARD_RECORDS_PER_MINUTE)
        return Minute(offered_bytes, offered_records, 1 / demand if demand > 1 else 1.0, 1)
