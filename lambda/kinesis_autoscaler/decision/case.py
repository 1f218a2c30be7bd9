"""The situation in one direction, from which a decision is built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..model import (
    QUOTA_WINDOW,
    Action,
    Decision,
    History,
    Reason,
    Record,
    Settings,
    Stream,
    Telemetry,
)
from .past import Past

LOOK_AGAIN = timedelta(minutes=10)
"""How long a reason stands that only new data can end, so that checks cost little. The next reconcile after that checks
the stream again."""

CALM_PACE = timedelta(hours=1)
"""How long a reason stands that only a person or much time can end. A change of the alarm ends it at once. One check an
hour costs four cents a month."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a decision may depend on."""

    stream: Stream
    settings: Settings
    telemetry: Telemetry
    history: History
    now: datetime
    past: Past | None = None
    """The last days, if foresight is used."""


@dataclass(frozen=True, slots=True)
class Case:
    """The situation in one direction, and the demand if it is known."""

    action: Action
    situation: Situation
    demand: float | None = None

    def with_demand(self, demand: float) -> Case:
        """This case, now that the demand is known."""
        return replace(self, demand=demand)

    def skip(self, reason: Reason, because: str, *, retry_at: datetime | None = None) -> Decision:
        """A decision not to scale; it stands until `retry_at`."""
        return self._decision(reason, because, retry_at=retry_at or self.situation.now + LOOK_AGAIN)

    def scale(self, target: int, reason: Reason, because: str, *, by_splits: bool = False) -> Decision:
        """A decision to scale, with `by_splits` without an UpdateShardCount call."""
        return replace(self._decision(reason, because, target=target), by_splits=by_splits or None)

    def _decision(
        self, reason: Reason, because: str, *, target: int | None = None, retry_at: datetime | None = None
    ) -> Decision:
        stream = self.situation.stream
        return Decision(
            stream_name=stream.name,
            action=self.action,
            reason=reason,
            because=because,
            from_shard_count=stream.open_shard_count,
            target=target,
            retry_at=retry_at,
            demand_shards=self.demand,
            utilization=None if self.demand is None else self.demand / stream.capacity,
            calls_left=self.calls_left,
        )

    @property
    def calls(self) -> list[datetime]:
        """The times of UpdateShardCount calls in the rolling 24 hours, oldest first. Refused calls do not count."""
        since = self.situation.now - QUOTA_WINDOW
        return [
            record.started_at
            for record in self.situation.history.intents
            if record.started_at > since
            for _ in range(record.calls_used)
        ]

    @property
    def calls_left(self) -> int:
        """UpdateShardCount calls that the rolling 24 hours still allow."""
        return max(0, self.situation.settings.update_calls_per_day - len(self.calls))

    def last_scaling(self, action: Action, *, within: timedelta) -> Record | None:
        """The newest scaling of a direction that began less than `within` ago and was not refused."""
        since = self.situation.now - within
        scalings = [r for r in self.situation.history.intents if r.action is action and r.changed_shards]
        return scalings[-1] if scalings and scalings[-1].cools_from > since else None
