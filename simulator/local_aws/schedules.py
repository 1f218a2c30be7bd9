"""EventBridge Scheduler: moto stores schedules but does not run them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from moto.scheduler.models import Schedule, scheduler_backends

from simulator.aws.clock import VirtualClock
from simulator.local_aws.functions import Functions


class UnsupportedScheduleError(ValueError):
    """A schedule expression other than `rate(…)`."""


class Schedules:
    """Invokes the functions of moto's schedules, on the virtual clock.

    Attributes:
        replaced: takes the place of a run that is due, if it returns True.

    """

    def __init__(self, clock: VirtualClock, functions: Functions, account_id: str, region: str) -> None:
        """Run the schedules of one account and region."""
        self._clock = clock
        self._functions = functions
        self._account_id = account_id
        self._region = region
        self._last_runs: dict[str, datetime] = {}
        self.replaced: Callable[[], bool] = lambda: False

    def run_due(self) -> None:
        """Run every enabled schedule whose interval has passed since its last run or its creation."""
        now = self._clock.now()
        groups = scheduler_backends[self._account_id][self._region].schedule_groups
        for schedule in [schedule for group in groups.values() for schedule in group.schedules.values()]:
            if schedule.state != "ENABLED":
                continue
            last_run = self._last_runs.setdefault(schedule.arn, datetime.fromtimestamp(schedule.creation_date, UTC))
            interval = _interval(schedule)
            periods = (now - last_run) // interval
            if periods >= 1:
                due_at = last_run + periods * interval
                self._last_runs[schedule.arn] = due_at
                if not self.replaced():
                    self._run(schedule, due_at)

    def _run(self, schedule: Schedule, due_at: datetime) -> None:
        payload = schedule.target.get("Input") or "{}"
        context = {
            "<aws.scheduler.scheduled-time>": due_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "<aws.scheduler.schedule-arn>": schedule.arn,
        }
        for name, value in context.items():
            payload = payload.replace(name, value)
        self._functions.invoke_later(schedule.target["Arn"], json.loads(payload))


def _interval(schedule: Schedule) -> timedelta:
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule.schedule_expression)
    if not match:
        raise UnsupportedScheduleError(
            f"schedule {schedule.name}: only rate(…) expressions are simulated, not {schedule.schedule_expression}"
        )
    return int(match[1]) * timedelta(**{f"{match[2]}s": 1})
