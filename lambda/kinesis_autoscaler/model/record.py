"""Decisions and their audit records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from .plan import Plan
from .terms import Action, Reason, Status, Trigger


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, which sorts as text: `2026-11-21T19:20:11.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_key(at: datetime, action: Action) -> str:
    """The range key of an event: its time and direction."""
    return f"{timestamp(at)}#{action}"


def within_a_sentence(text: str) -> str:
    """An error's text, for use at the end of a longer sentence."""
    return text[:1].lower() + text[1:]


def shards(count: int) -> str:
    """A shard count in words."""
    return f"{count} shard" if count == 1 else f"{count} shards"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and the numbers behind it."""

    stream_name: str
    action: Action
    reason: Reason
    because: str
    """Why, in one plain sentence for people."""
    from_shard_count: int | None = None
    target: int | None = None
    """Shard count to go to; None: do not scale."""
    retry_at: datetime | None = None
    """For a decision not to scale: when to check again."""
    demand_shards: float | None = None
    utilization: float | None = None
    calls_left: int | None = None
    """Calls that the rolling 24 hours still allow, before this one."""
    hot_shard: str | None = None
    """The shard that is suspected, where its metrics name it."""
    by_splits: bool | None = None
    """Shards are to be split one at a time, without a call of UpdateShardCount."""
    heat_kept: int | None = None
    """After so many splits in a row one half has kept nearly all the heat: the `hot_shard` that is to be split."""

    @property
    def message(self) -> str:
        """The decision and its reason for people."""
        if self.target is not None:
            return f"Scaling {self.step}: {self.because}"
        if self.from_shard_count is None:
            return f"Left {self.stream_name} alone: {self.because}"
        direction = "" if self.reason is Reason.AT_TARGET else f", not scaled {self.action.removeprefix('scale-')}"
        return f"Left {self.stream_name} at {shards(self.from_shard_count)}{direction}: {self.because}"

    @property
    def step(self) -> str:
        """The stream and its way from one count to the other: `orders from 4 to 8 shards`."""
        return f"{self.stream_name} from {self.from_shard_count} to {shards(self.target or 0)}"


@dataclass(frozen=True, slots=True)
class Record:
    """One item of the audit table: a scaling from intent to result, or a decision not to scale."""

    stream_name: str
    event_time: str
    """Range key: `2026-11-21T19:20:11.123Z#scale-up`, from the alarm's StateChangeTime."""
    action: Action
    status: Status
    reason: Reason
    message: str
    started_at: datetime
    because: str = ""
    """The reason without the outcome. The message is written from it again as the scaling proceeds."""
    trigger: Trigger = Trigger.ALARM
    from_shard_count: int | None = None
    to_shard_count: int | None = None
    demand_shards: float | None = None
    utilization: float | None = None
    alarm_name: str | None = None
    alarm_reason: str | None = None
    request_id: str | None = None
    finished_at: datetime | None = None
    error: str | None = None
    occurrences: int = 1
    last_seen_at: datetime | None = None
    """When the latest of `occurrences` happened."""
    retry_at: datetime | None = None
    """Until then the reason stands and the alarm may stay in ALARM. Afterwards, reconcile re-arms the alarm."""
    lease_until: datetime | None = None
    """While PENDING: until then the invocation that wrote the intent is presumed alive."""
    call_accepted: bool | None = None
    """Whether UpdateShardCount was accepted; None while that is unknown, which counts as a call."""
    hot_shard: str | None = None
    """The shard that is suspected, where its metrics name it."""
    by_splits: bool | None = None
    """Shards are split one at a time: the record stays open until they all are, or no more are needed."""
    heat_kept: int | None = None
    """After so many splits in a row one half has kept nearly all the heat: the `hot_shard` that is split."""
    lower_consumers: bool | None = None
    """The stream is smaller, but its consumers' concurrency waits until their lag is gone."""

    @property
    def calls_used(self) -> int:
        """UpdateShardCount calls that this record stands for. An unknown outcome counts as a call, to be safe."""
        if self.by_splits or not self.changed_shards:
            return 0
        if self.reason is Reason.RESHARDED_ELSEWHERE and self.from_shard_count and self.to_shard_count:
            # Each call at most doubles or halves, so it took at least this many.
            return max(1, math.ceil(abs(math.log2(self.to_shard_count / self.from_shard_count)) - 1e-9))
        return 1

    @property
    def changed_shards(self) -> bool:
        """Whether the shard count was changed, or may have been."""
        return self.status is not Status.SKIPPED and self.call_accepted is not False

    @property
    def cools_from(self) -> datetime:
        """When its cooldown begins: with the call, or after the last of its splits."""
        return self.finished_at if self.by_splits and self.finished_at else self.started_at

    @property
    def needs_reconcile(self) -> bool:
        """Whether reconcile must check this record again."""
        return self.status.is_open or bool(self.lower_consumers)

    @property
    def was_intended(self) -> bool:
        """Whether this record has moved the stream's head: also an intent that Kinesis was too busy for."""
        return self.to_shard_count is not None and (self.status is not Status.SKIPPED or self.call_accepted is False)

    @property
    def event_at(self) -> datetime:
        """When the event happened: for an alarm's, its change of state."""
        return datetime.fromisoformat(self.event_time.partition("#")[0])

    @property
    def seen_at(self) -> datetime:
        """When the function last made the decision of this record."""
        return self.last_seen_at or self.started_at

    @property
    def step(self) -> str:
        """The stream and its way from one count to the other: `orders from 4 to 8 shards`."""
        return f"{self.stream_name} from {self.from_shard_count} to {shards(self.target)}"

    @property
    def target(self) -> int:
        """The count to go to, of a record that has one.

        Raises:
            ValueError: It has none: it is a decision not to scale.
        """
        if self.to_shard_count is None:
            raise ValueError(f"The record {self.event_time} of {self.stream_name} has no target.")
        return self.to_shard_count

    def with_(self, **changes: object) -> Record:
        """This record with some fields replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Head:
    """What the function stores about a stream between two events: one item for each stream.

    Whoever moves the head, conditionally, may call Kinesis.
    """

    stream_name: str
    latest_intent: str | None = None
    """`event_time` of the scaling that began last."""
    shard_count: int | None = None
    """The open shards after the last known change; None if the stream is new to the function."""
    consumers: Mapping[str, float] = field(default_factory=dict)
    """The consumers in the stream's settings at the last check-up: function name → concurrency per shard."""
    checked_at: datetime | None = None
    """When the last hourly check-up was."""
    plan: Plan | None = None
    """The plan of the next hour."""


@dataclass(frozen=True, slots=True)
class History:
    """A stream's recent audit records, in the order of their keys."""

    records: tuple[Record, ...] = ()

    def find(self, event_time: str) -> Record | None:
        """The record of one event."""
        return next((record for record in self.records if record.event_time == event_time), None)

    def time_for(self, at: datetime, action: Action, trigger: Trigger) -> datetime:
        """The time of an event's key: its own, or a millisecond later if an event of another kind already has that."""
        while (other := self.find(event_key(at, action))) and other.trigger is not trigger:
            at += timedelta(milliseconds=1)
        return at

    @property
    def latest(self) -> Record | None:
        """The newest record."""
        return self.records[-1] if self.records else None

    def latest_of(self, action: Action) -> Record | None:
        """The newest record of a direction, without requests, because a request explains no alarm."""
        own = (r for r in self.records if r.action is action and r.trigger is not Trigger.REQUEST)
        return max(own, key=lambda record: record.seen_at, default=None)

    @property
    def intents(self) -> tuple[Record, ...]:
        """Records of scalings that were at least intended, in the order in which they began."""
        intended = (r for r in self.records if r.status is not Status.SKIPPED and r.to_shard_count is not None)
        return tuple(sorted(intended, key=lambda record: record.started_at))

    @property
    def latest_intent(self) -> Record | None:
        """The intent that began last, with any outcome. The stream's head names it."""
        return max((r for r in self.records if r.was_intended), key=lambda record: record.started_at, default=None)

    @property
    def hot_splits(self) -> tuple[Record, ...]:
        """Splits of hot shards that were made, or may have been."""
        return tuple(r for r in self.intents if r.reason is Reason.HOT_SHARD_SPLIT and r.changed_shards)

    @property
    def is_split(self) -> bool:
        """Whether shards were split since UpdateShardCount has made all ranges of hash keys even."""
        changes = [r for r in self.intents if r.changed_shards]
        return bool(changes and changes[-1].by_splits)

    def replacing(self, record: Record) -> History:
        """This history with `record` in place of the one of the same event."""
        return History(tuple(record if r.event_time == record.event_time else r for r in self.records))

    def plus(self, record: Record) -> History:
        """This history with one more record."""
        return History((*self.records, record))
