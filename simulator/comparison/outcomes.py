"""The cost and throttling of one stream's traffic under every policy.

Every policy starts with the same number of shards, the power of two nearest to the mean demand, and without knowledge
of earlier traffic. There is no warm-up period.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from kinesis_autoscaler.model import MAX_SHARDS, Settings
from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1, Prices
from simulator.comparison.bound import clairvoyant_shard_hours
from simulator.comparison.closed_loop import ClosedLoop, Policy, Run, Series
from simulator.comparison.policies.autoscaler import Autoscaler
from simulator.comparison.policies.aws_samples import AwsSamples
from simulator.comparison.policies.burningmonk import Burningmonk
from simulator.comparison.policies.epsagon import Epsagon
from simulator.comparison.policies.fixed import fixed_at_peak, on_demand
from simulator.comparison.policies.kenzan import Kenzan
from simulator.traffic import Trace, Traffic

OTHERS: tuple[Callable[[], Policy], ...] = (
    AwsSamples,
    Epsagon,
    Burningmonk,
    Kenzan,
    lambda: Kenzan(units_right=True),
)
"""The policies of other autoscalers, as documented or coded: see their modules."""

_KILOBYTE = 1024
UNLIMITED = {"max_shard_count": MAX_SHARDS}
"""A default for an input of modules/stream that the other autoscalers lack."""

DEFAULT = "default"
"""The preset with the module's defaults."""

YOURS, ON_DEMAND, FIXED, BOUND = "your settings", "on-demand", "fixed at the peak", "clairvoyant bound"


class Kind(StrEnum):
    """The kind of an outcome."""

    YOURS = "this module, with given settings"
    OURS = "this module, with a preset"
    OTHER = "another autoscaler"
    NONE = "no autoscaler"
    BOUND = "the bound"


@dataclass(frozen=True)
class Demand:
    """A stream's traffic.

    Attributes:
        shards: the number of evenly filled shards that it needs, per minute.
        bytes: all of it in bytes.
        records: all of it in records.
    """

    shards: Series
    bytes: float
    records: float

    @classmethod
    def of(cls, trace: Trace) -> Demand:
        """Return the traffic of a trace."""
        shards = np.array([load.shards for load in trace.minutes])
        return cls(shards, sum(load.bytes for load in trace.minutes), sum(load.records for load in trace.minutes))

    @classmethod
    def of_shards(cls, shards: Series) -> Demand:
        """Return traffic with the record size of `Traffic.for_shards`, which fills shards by bytes."""
        total = Traffic.for_shards(float(shards.sum()))
        return cls(shards, total.bytes, total.records)

    @property
    def charged_bytes(self) -> float:
        """The bytes that on-demand mode charges: every record is rounded up to a whole KB. All records are equal."""
        return self.records * math.ceil(self.record_bytes / _KILOBYTE) * _KILOBYTE

    @property
    def record_bytes(self) -> float:
        """The mean size of its records, or 0 if it has none."""
        return self.bytes / self.records if self.records else 0.0

    @property
    def hours(self) -> float:
        """Its length in hours."""
        return len(self.shards) / 60

    @property
    def first_count(self) -> int:
        """The number of shards with which every policy starts."""
        mean = float(self.shards.mean())
        return max(1, int(2 ** round(math.log2(mean)))) if mean else 1


@dataclass(frozen=True)
class Outcome:
    """The outcome of a stream's traffic.

    Attributes:
        name: the policy, or this module's preset.
        kind: its kind.
        shard_hours: open shards times hours; None in on-demand mode, which does not charge for them.
        shard_hours_of_bound: shard-hours as a multiple of the clairvoyant bound's.
        throttled_share: the share of the traffic that was throttled, from 0 to 1.
        throttled_minutes_share: the share of the minutes with throttling.
        calls_per_day: UpdateShardCount calls per day on average; None for the bound, which has at most ten.
        dollars_per_month: Kinesis's charge for shards and accepted records, or in on-demand mode for the data.
        bill_of_bound: the charge as a multiple of the bound's.
    """

    name: str
    kind: Kind
    shard_hours: float | None
    shard_hours_of_bound: float | None
    throttled_share: float
    throttled_minutes_share: float
    calls_per_day: float | None
    dollars_per_month: float
    bill_of_bound: float

    @property
    def cost_of_bound(self) -> float:
        """Shard-hours as a multiple of the bound's, or the bill in on-demand mode."""
        return self.bill_of_bound if self.shard_hours_of_bound is None else self.shard_hours_of_bound


def outcomes(
    demand: Demand, presets: Mapping[str, Settings], *, yours: Settings | None = None, prices: Prices = US_EAST_1
) -> list[Outcome]:
    """Serve a demand under this module's presets and the user's settings, the other autoscalers, and the bound."""
    bound = clairvoyant_shard_hours(demand.shards)
    per_month = HOURS_PER_MONTH / demand.hours

    def provisioned(shard_hours: float, accepted_share: float = 1.0) -> float:
        records = demand.records * accepted_share
        return per_month * prices.provisioned(shard_hours, records, demand.record_bytes)

    least_bill = provisioned(bound)

    def scaled(name: str, kind: Kind, run: Run) -> Outcome:
        bill = provisioned(run.shard_hours, 1 - run.throttled_share)
        return Outcome(
            name=name,
            kind=kind,
            shard_hours=run.shard_hours,
            shard_hours_of_bound=run.shard_hours / bound,
            throttled_share=run.throttled_share,
            throttled_minutes_share=run.throttled_minutes_share,
            calls_per_day=run.calls_per_day,
            dollars_per_month=bill,
            bill_of_bound=bill / least_bill,
        )

    def unscaled(run: Run) -> Outcome:
        accepted_bytes = demand.charged_bytes * (1 - run.throttled_share)
        bill = per_month * prices.on_demand.of(demand.hours, accepted_bytes)
        return Outcome(
            name=ON_DEMAND,
            kind=Kind.NONE,
            shard_hours=None,
            shard_hours_of_bound=None,
            throttled_share=run.throttled_share,
            throttled_minutes_share=run.throttled_minutes_share,
            calls_per_day=0.0,
            dollars_per_month=bill,
            bill_of_bound=bill / least_bill,
        )

    ours = [(Kind.YOURS, YOURS, yours)] if yours else []
    ours += [(Kind.OURS, name, settings) for name, settings in presets.items()]
    others = [make() for make in OTHERS]
    return [
        *(scaled(name, kind, serve(demand, Autoscaler(name, settings))) for kind, name, settings in ours),
        *(scaled(policy.name, Kind.OTHER, serve(demand, policy)) for policy in others),
        scaled(FIXED, Kind.NONE, fixed_at_peak(demand.shards)),
        unscaled(on_demand(demand.shards, demand.first_count)),
        Outcome(BOUND, Kind.BOUND, bound, 1.0, 0.0, 0.0, None, least_bill, 1.0),
    ]


def serve(demand: Demand, policy: Policy) -> Run:
    """Serve a demand under one policy, in the closed loop with its defaults."""
    return ClosedLoop(demand.shards, demand.first_count).run(policy)
