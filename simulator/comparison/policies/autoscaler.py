"""This module: its alarm rules, and the function's own decisions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from kinesis_autoscaler.decision import (
    METRIC_DELAY,
    PERIOD,
    THROTTLE_MEMORY,
    Past,
    Situation,
    decide,
    decide_ahead,
    fill_of,
    make_plan,
)
from kinesis_autoscaler.model import (
    QUOTA_WINDOW,
    Action,
    Decision,
    Foresight,
    History,
    Minute,
    Period,
    Plan,
    Reason,
    Record,
    Settings,
    Status,
    Stream,
    Telemetry,
)
from simulator.comparison.closed_loop import Alarm, ClosedLoop
from simulator.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START = datetime(2026, 1, 5, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_RECONCILE_MINUTES = 5
_NOTICE_MINUTES = 2  # reconcile leaves a new ALARM to its message, which may still arrive
_NO_AGE = timedelta()


class Autoscaler:
    """Alarms, function and reconcile, as far as they decide."""

    def __init__(self, name: str, settings: Settings, decide: Callable[[Action, Situation], Decision] = decide) -> None:
        """Scale with these settings."""
        self.name = name
        self.decisions: list[Decision] = []
        # In this model consumers never lag, and shards are not split one at a time.
        self._settings = replace(settings, max_iterator_age=None, split_beyond_quota=False)
        self._decide = decide
        self._records: list[Record] = []
        self._minutes: list[Minute] = []
        self._past = Past(fill=fill_of(settings)) if settings.foresight is Foresight.ON else None
        self._foresights = 0
        self._rearms: dict[Alarm, int] = {}
        self._fewer_again_at: datetime | None = None

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
        self._foresee_at(1)

    def _look(self, action: Action) -> None:
        """Handle an alarm as the function does."""
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
            if action is Action.SCALE_DOWN:
                fits = decision.reason is Reason.DEMAND_FITS
                self._fewer_again_at = None if fits else decision.retry_at
            retry_at = loop.now if decision.retry_at is None else _minute_of(decision.retry_at)
            self._rearm_at(alarm, self._next_reconcile(retry_at))
            return
        self._scale(decision)

    def _scale(self, decision: Decision) -> None:
        """Carry a decision out."""
        if decision.target is None:
            return
        self._loop.update_shard_count(decision.target)
        self._records.append(self._record(decision))
        self._up.shard_count = self._down.shard_count = decision.target
        self._up.in_alarm = self._down.in_alarm = False
        self._foresee_at(self._loop.active_from)

    def _foresee(self) -> None:
        """Do what reconcile does if the plan is due, or wants more or fewer shards."""
        loop = self._loop
        situation = self._situation(Action.SCALE_UP)
        plan = make_plan(situation)
        decision = decide_ahead(situation)
        if decision is None and plan.wants_fewer(situation.now, loop.shard_count) and not self._stands(situation.now):
            decision = self._decide(Action.SCALE_DOWN, self._situation(Action.SCALE_DOWN))
        if decision is not None:
            self.decisions.append(decision)
            if decision.target is not None:
                self._scale(decision)
                return
            if decision.action is Action.SCALE_DOWN:
                self._fewer_again_at = decision.retry_at
        self._foresee_at(next(minute for minute in self._reconciles() if self._asks(plan, START + minute * _MINUTE)))

    def _reconciles(self) -> Iterator[int]:
        """Yield the minutes of the next reconciles."""
        return itertools.count(-(-(self._loop.now + 1) // _RECONCILE_MINUTES) * _RECONCILE_MINUTES, _RECONCILE_MINUTES)

    def _asks(self, plan: Plan, now: datetime) -> bool:
        """Return whether reconcile would look at that time, if nothing changes until then."""
        count = self._loop.shard_count
        fewer = plan.wants_fewer(now, count) and not self._stands(now)
        return plan.is_due(now, count) or plan.wants_more(now, count) or fewer

    def _foresee_at(self, minute: int) -> None:
        """Foresee at the first reconcile from a minute on, and at no other time."""
        if self._past is None:
            return
        self._foresights += 1
        number = self._foresights

        def foresee() -> None:
            if number == self._foresights:
                self._foresee()

        self._loop.at(-(-max(minute, self._loop.now + 1) // _RECONCILE_MINUTES) * _RECONCILE_MINUTES, foresee)

    def _stands(self, now: datetime) -> bool:
        """Return whether the last decision against fewer shards still stands."""
        return self._fewer_again_at is not None and now < self._fewer_again_at

    def _next_reconcile(self, minute: int) -> int:
        """Return the first reconcile from a minute on that re-arms an alarm that has just fired."""
        earliest = max(minute, self._loop.now + _NOTICE_MINUTES)
        return -(-earliest // _RECONCILE_MINUTES) * _RECONCILE_MINUTES

    def _rearm_at(self, alarm: Alarm, minute: int) -> None:
        number = self._rearms[alarm] = self._rearms.get(alarm, 0) + 1
        since = len(self._records)

        def rearm() -> None:
            # Otherwise a scaling has re-armed it already, or it has fired again and a later decision stands.
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
        self._catch_up()
        return Situation(
            stream=Stream("replayed", "ACTIVE", loop.shard_count, START),
            settings=settings,
            telemetry=Telemetry(tuple(self._minutes[-(window // _MINUTE) :])),
            history=History(tuple(recent)),
            now=now,
            past=self._past,
        )

    def _catch_up(self) -> None:
        """Add the minutes and periods that have ended since the last call. Each is created once."""
        loop, per_shard = self._loop, Traffic.for_shards(1.0)
        first, last = len(self._minutes), loop.visible_until
        taken, refused = np.diff(loop.accepted_sums[first : last + 1]), loop.throttled(first, last)
        self._minutes += map(
            Minute,
            (START + number * _MINUTE for number in range(first, last)),
            (taken * per_shard.bytes).tolist(),
            (taken * per_shard.records).tolist(),
            itertools.repeat(None),
            (refused * per_shard.records).tolist(),
            itertools.repeat(_NO_AGE),
        )
        if self._past is None:
            return
        step = PERIOD // _MINUTE
        until = max(0, min(loop.visible_until, loop.now - METRIC_DELAY // _MINUTE)) // step
        begin = self._past.now
        periods = np.diff(loop.accepted_sums[begin * step : until * step + 1]).reshape(-1, step)
        for number, (highest, mean) in enumerate(
            zip(periods.max(axis=1).tolist(), periods.mean(axis=1).tolist(), strict=True), start=begin
        ):
            self._past.append(Period(START + number * PERIOD, highest, mean))

    def _record(self, decision: Decision) -> Record:
        at = START + self._loop.now * _MINUTE
        return Record(
            stream_name="replayed",
            event_time=f"{at.isoformat()}#{decision.action}",
            action=decision.action,
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
