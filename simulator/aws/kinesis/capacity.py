"""What shards take and give, and what becomes of a minute's traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.aws.kinesis.keys import Spread

SHARD_BYTES_PER_MINUTE = 60 * 1024**2
"""One shard takes 1 MiB a second. The sizing formula counts in 1024s; some pages say MB."""

SHARD_RECORDS_PER_MINUTE = 60 * 1000
"""One shard takes 1,000 records a second."""

SHARD_READ_BYTES_PER_SECOND = 2_000_000
"""One shard gives 2 MB a second to all its polling consumers together."""

PROVISIONED, ON_DEMAND = "PROVISIONED", "ON_DEMAND"


@dataclass(frozen=True, slots=True)
class Minute:
    """What became of one minute's traffic. Bytes and records need not be whole numbers.

    Attributes:
        offered_bytes: what producers sent.
        offered_records: the same in records.
        accepted_share: the part that was taken, from 0 to 1; the rest was throttled.
        shards: how many shards served the stream. On demand, how many its capacity amounts to.
        spread: what each shard got of it; None for a stream on demand.
    """

    offered_bytes: float
    offered_records: float
    accepted_share: float
    shards: float
    spread: Spread | None = None

    @property
    def accepted_bytes(self) -> float:
        """What the stream took: IncomingBytes."""
        return self.offered_bytes * self.accepted_share

    @property
    def accepted_records(self) -> float:
        """What the stream took: IncomingRecords."""
        return self.offered_records * self.accepted_share

    @property
    def throttled_bytes(self) -> float:
        """What the stream refused."""
        return self.offered_bytes - self.accepted_bytes

    @property
    def throttled_records(self) -> float:
        """What the stream refused: WriteProvisionedThroughputExceeded."""
        return self.offered_records - self.accepted_records

    def by_shard(self) -> dict[str, Minute]:
        """Return what became of each shard's part, by the shard's id."""
        return {} if self.spread is None else {id_: self._part(share) for id_, share in self.spread.by_shard().items()}

    def _part(self, share: float) -> Minute:
        offered_bytes, offered_records = self.offered_bytes * share, self.offered_records * share
        demand = max(offered_bytes / SHARD_BYTES_PER_MINUTE, offered_records / SHARD_RECORDS_PER_MINUTE)
        return Minute(offered_bytes, offered_records, 1 / demand if demand > 1 else 1.0, 1)
