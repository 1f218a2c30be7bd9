"""This module: its alarm rules, and the very decision that the function makes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from kinesis_autoscaler.decision import METRIC_DELAY, THROTTLE_MEMORY, Situation, decide
from kinesis_autoscaler.decision.outlook import LOOKBACK, PERIOD, outlook
from kinesis_autoscaler.model import (
    QUOTA_WINDOW,
    Action,
    Decision,
    History,
    Minute,
    Record,
    Settings,
    Status,
    Stream,
    Telemetry,
)
from simulator.comparison.closed_loop import Alarm, ClosedLoop
from simulator.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 5, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_RECONCILE_MINUTES = 5
_NOTICE_MINUTES = 2  # reconcile leaves a young ALARM to the message that is on its way
_NO_AGE = timedelta()


class Autoscaler:
    """Alarms, function and reconcile, as far as they decide."""

    def __init__(self, name: str, settings: Settings, decide: Callable[[Action, Situation], Decision] = decide) -> None:
        """Scale by these settings."""
        self.name = name
        self.decisions: list[Decision] = []
        self._settings = settings
        self._decide = decide
        self._records: list[Record] = []
        self._known: dict[int, list[Minute]] = {}
        self._rearms: dict[Alarm, int] = {}

    def start(self, loop: ClosedLoop) -> None:
        """Set up both alarms."""
        self._loop = loop
        settings, count = self._settings, loop.shard_count
        self._up = loop.watch(
            Alarm(
                settings.scale_up,
                count,
                lambda: self._look(Action.SCALE_UP),
                above=True,
                on_throttling=settings.scale_on_throttling,
            )
        )
        self._down = loop.watch(Alarm(settings.scale_down, count, lambda: self._look(Action.SCALE_DOWN), above=False))

    def _look(self, action: Action) -> None:
        """What the function does with an alarm."""
        loop = self._loop
        alarm = self._up if action is Action.SCALE_UP else self._down
        if action is Action.SCALE_DOWN and self._down.shard_count <= self._settings.min_shard_count:
            return  # the alarm's arithmetic: at the minimum it cannot fire
        if not loop.is_active:
            # Scale-up is re-armed at once, and so asks every minute until the stream is ACTIVE.
            self._rearm_at(alarm, loop.active_from if action is Action.SCALE_UP else self._next_reconcile(loop.now))
            return
        decision = self._decide(action, self._situation(action))
        self.decisions.append(decision)
        if decision.target is None:
            retry_at = loop.now if decision.retry_at is None else _minute_of(decision.retry_at)
            self._rearm_at(alarm, self._next_reconcile(retry_at))
            return
        loop.update_shard_count(decision.target)
        self._records.append(self._record(action, decision))
        self._up.shard_count = self._down.shard_count = decision.target
        self._up.in_alarm = self._down.in_alarm = False

    def _next_reconcile(self, minute: int) -> int:
        """The first reconcile from a minute on that re-arms an alarm which has just fired."""
        earliest = max(minute, self._loop.now + _NOTICE_MINUTES)
        return -(-earliest // _RECONCILE_MINUTES) * _RECONCILE_MINUTES

    def _rearm_at(self, alarm: Alarm, minute: int) -> None:
        number = self._rearms[alarm] = self._rearms.get(alarm, 0) + 1
        since = len(self._records)

        def rearm() -> None:
            # Otherwise a scaling has re-armed it long ago, or it has fired again since and a later decision stands.
            if len(self._records) == since and self._rearms[alarm] == number:
                alarm.in_alarm = False

        self._loop.at(minute, rearm)

    def _situation(self, action: Action) -> Situation:
        loop, settings = self._loop, self._settings
        now = START + loop.now * _MINUTE
        recent = [record for record in self._records if record.started_at > now - QUOTA_WINDOW - timedelta(hours=1)]
        window = max(settings.scale_up.window, settings.scale_down.window) + timedelta(minutes=30)
        if action is Action.SCALE_DOWN:
            window = max(window, THROTTLE_MEMORY)
        days: list[Minute] = []
        if action is Action.SCALE_DOWN:
            until = max(0, min(loop.visible_until, loop.now - METRIC_DELAY // _MINUTE))
            days = self._points(PERIOD // _MINUTE, until)[-(LOOKBACK // PERIOD) :]
        return Situation(
            stream=Stream("replayed", "ACTIVE", loop.shard_count, START),
            settings=settings,
            telemetry=Telemetry(tuple(self._points(1, loop.visible_until)[-(window // _MINUTE) :]), days=tuple(days)),
            history=History(tuple(recent)),
            now=now,
            outlook=outlook(days, settings),
        )

    def _points(self, step: int, until: int) -> list[Minute]:
        """The mean minutes of all stretches of `step` minutes that have ended; each is made once."""
        points = self._known.setdefault(step, [])
        first, last = len(points), until // step
        accepted = np.diff(self._loop.accepted_sums[first * step : last * step + 1 : step]) / step
        throttled = self._loop.throttled(first * step, last * step).reshape(-1, step).mean(axis=1)
        per_shard = Traffic.for_shards(1.0)
        for number, (taken, refused) in enumerate(zip(accepted.tolist(), throttled.tolist(), strict=True), start=first):
            points.append(
                Minute(
                    START + number * step * _MINUTE,
                    taken * per_shard.bytes,
                    taken * per_shard.records,
                    None,
                    refused * per_shard.records,
                    _NO_AGE,
                )
            )
        return points

    def _record(self, action: Action, decision: Decision) -> Record:
        at = START + self._loop.now * _MINUTE
        return Record(
            stream_name="replayed",
            event_time=f"{at.isoformat()}#{action}",
            action=action,
            status=Status.SUCCEEDED,
            reason=decision.reason,
            message=decision.message,
            started_at=at,
            finished_at=START + self._loop.active_from * _MINUTE,
            from_shard_count=decision.from_shard_count,
            to_shard_count=decision.target,
            call_accepted=True,
        )


def _minute_of(moment: datetime) -> int:
    return -int((START - moment) // _MINUTE)
