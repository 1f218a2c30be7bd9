"""A stream as Kinesis describes it, and its settings from Terraform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .terms import CALLS_PER_DAY


class Strategy(StrEnum):
    """The size of a step."""

    TARGET = "target"
    """Sized so that demand lands at the target utilization."""
    DOUBLE = "double"
    """Twice or half the shards."""


class Foresight(StrEnum):
    """How the stream's last days are used."""

    OFF = "off"
    """Nothing: the stream is scaled by its alarms alone."""
    FORECAST_ONLY = "forecast_only"
    """The coming hour's demand is forecast and logged; the stream is scaled by its alarms alone."""
    ON = "on"
    """The stream grows before recurring demand, and shrinks when the last days show that it saves money."""


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When an alarm fires, as its definition says: `datapoints_to_alarm` of `evaluation_periods` beyond `threshold`."""

    threshold: float
    """Fraction of the stream's capacity."""
    period_seconds: int
    evaluation_periods: int
    datapoints_to_alarm: int

    @property
    def window(self) -> timedelta:
        """The stretch of time that the alarm looks at."""
        return timedelta(seconds=self.period_seconds * self.evaluation_periods)


@dataclass(frozen=True)
class Settings:
    """The settings of one stream: its alarms' tags and definitions, both written by Terraform."""

    min_shard_count: int
    max_shard_count: int
    scale_up: AlarmRule
    scale_down: AlarmRule
    strategy: Strategy = Strategy.TARGET
    target_utilization: float = 0.8
    scale_up_cooldown: timedelta = timedelta(minutes=5)
    scale_down_cooldown: timedelta = timedelta(minutes=30)
    max_iterator_age: timedelta | None = timedelta(minutes=30)
    """Consumers further behind than this block a scale-down; None: the consumers are ignored."""
    update_calls_per_day: int = CALLS_PER_DAY
    """The quota of UpdateShardCount calls in a rolling 24 hours: ten unless AWS has raised it."""
    calls_reserved_for_scale_up: int = 3
    foresight: Foresight = Foresight.ON
    throttling_cost: float = 200.0
    """Shard-hours that the user would pay to avoid one shard-hour of throttled traffic."""
    split_beyond_quota: bool = False
    """Whether to split shards one at a time when demand needs more shards and the daily calls are used up."""
    split_hot_shards: bool = False
    """Whether a shard that throttles on a stream that is not full is split."""
    scale_on_throttling: bool = False
    scale_on_reads: bool = False
    consumers: Mapping[str, float] = field(default_factory=dict)
    """Consumer function name → reserved concurrency per shard."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as DescribeStreamSummary returns it."""

    name: str
    status: str
    """CREATING, ACTIVE, UPDATING or DELETING. `open_shard_count` can be trusted only while ACTIVE."""
    open_shard_count: int
    created_at: datetime
    on_demand: bool = False
    fan_out_consumers: int = 0
    """Registered consumers with enhanced fan-out."""
    arn: str = ""
    shard_level_metrics: frozenset[str] = frozenset()
    """Its enabled shard-level metrics, which cost extra."""
    widest: float | None = None
    """The fraction of all hash keys in its widest shard, from 0 to 1; None if all shards have as many."""

    @property
    def capacity(self) -> int:
        """So many shards as wide as the widest would take all hash keys: evenly spread demand fills that one first."""
        return self.open_shard_count if self.widest is None else round(1 / self.widest)

    def reports_by_shard(self, metric: str) -> bool:
        """Whether it reports a metric of each shard."""
        return not self.shard_level_metrics.isdisjoint({metric, "ALL"})

    @property
    def is_active(self) -> bool:
        """Whether the stream can be resharded now."""
        return self.status == "ACTIVE"


@dataclass(frozen=True, slots=True)
class Shard:
    """An open shard and the hash keys that it takes, from `first` to `last`, both included."""

    id: str
    first: int
    last: int
    parent: str | None = None
    """The shard that was split into this one and another."""

    @property
    def middle(self) -> int:
        """The first hash key of its upper half."""
        return (self.first + self.last) // 2 + 1

    @property
    def width(self) -> int:
        """How many hash keys it takes."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class HottestShard:
    """The open shard that throttled most in some stretch of time, or took most; None for what no metric tells."""

    shard: Shard
    open_shards: int
    throttled: float | None
    """Records that it refused."""
    throttled_share: float | None
    """Of what the open shards refused, from 0 to 1."""
    traffic_share: float | None
    """Of what the stream took in, from 0 to 1: by bytes or by records, the larger."""
    kept_share: float | None = None
    """Of the records sent to it and to the other half of the shard that was split into both, from 0 to 1."""
