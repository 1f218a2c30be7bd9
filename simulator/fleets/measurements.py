"""The time that a fleet needs to settle, compared with the minimum under the quotas."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from simulator.deployment import PACKAGE
from simulator.fleets.fleet import BUSY, CONCURRENCY, MINUTE, SHARDS, fleet
from simulator.fleets.invocations import Invocations

_SECOND = timedelta(seconds=1)
_PATIENCE_MINUTES = 120
_NEVER_MINUTES = 24 * 60
_RESHARDED_ONE_IN = 50
_ALARMS_PER_PAGE = 100


@dataclass(frozen=True)
class Drain:
    """The result of alarms that fire at the same time in a fleet. Times are seconds since then.

    Attributes:
        streams: the number of streams.
        accepted: until Kinesis had accepted the last UpdateShardCount.
        rewritten: until the last alarm had its new shardCount and was armed again.
        least_accepted: the minimum of `accepted` under the quotas.
        least_rewritten: the minimum of `rewritten` under the quotas.
        calls: the number of accepted API calls.
        throttled: the number of throttled API calls.
        invocations: the invocations of the function.
        problems: what was lost, stuck or wrong at the end.

    """

    streams: int
    accepted: float
    rewritten: float
    least_accepted: float
    least_rewritten: float
    calls: int
    throttled: int
    invocations: Invocations
    problems: list[str]


def drain(
    streams: int,
    *,
    concurrency: int = CONCURRENCY,
    package: Path = PACKAGE,
    report: Callable[[str], None] = lambda _: None,
) -> Drain:
    """Fire the scale-up alarms of all streams in the same minute, and run until all work is done."""
    needed = calls_of_one_scaling(package)
    until_accepted = Counter(needed[: needed.index("UpdateShardCount") + 1])
    with fleet(streams, concurrency=concurrency, package=package) as f:
        f.fire()
        fired, quotas = f.aws.clock.now(), f.quotas
        calls_before, throttled_before = len(quotas.admitted), quotas.throttled.total()
        problems: list[str] = []
        for minute in range(1, _PATIENCE_MINUTES + 1):
            f.run_minute(BUSY)
            accepted, rewritten = map(quotas.admitted.count, ("UpdateShardCount", "PutMetricAlarm"))
            report(f"{minute} min: {accepted} streams accepted, {rewritten} alarms rewritten")
            if f.invocations.all_done and not (problems := f.unsettled()):
                break
        seconds = {operation: (at - fired).total_seconds() for operation, at in quotas.last_admitted.items()}
        return Drain(
            streams=streams,
            accepted=seconds["UpdateShardCount"],
            rewritten=max(seconds["PutMetricAlarm"], seconds["SetAlarmState"]),
            least_accepted=streams * quotas.least_seconds(until_accepted),
            least_rewritten=streams * quotas.least_seconds(Counter(needed)),
            calls=len(quotas.admitted) - calls_before,
            throttled=quotas.throttled.total() - throttled_before,
            invocations=f.invocations,
            problems=problems,
        )


@dataclass(frozen=True)
class Sweep:
    """The result of a fleet's reconcile.

    Attributes:
        streams: the number of streams.
        seconds: until every stream was reached, in an hour without other due work.
        first: until every stream was reached by the fleet's first reconcile, which makes all hourly checks.
        least: the minimum under the quotas, in seconds.
        runs: the number of invocations.
        throttled: the number of throttled API calls.
        resharded: the number of streams that were resharded by hand.
        problems: what was wrong at the end.

    """

    streams: int
    seconds: float
    first: float
    least: float
    runs: int
    throttled: int
    resharded: int
    problems: list[str]


def sweep(streams: int, *, package: Path = PACKAGE, report: Callable[[str], None] = lambda _: None) -> Sweep:
    """Reconcile a fleet until all streams are reached. Every fiftieth stream was resharded by hand."""
    with fleet(streams, package=package) as f:
        cloudwatch, timeline, invocations = f.aws.client("cloudwatch"), f.invocations.timeline, f.invocations
        for alarm in f.alarms():
            cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="Traffic is as usual.")

        def reconcile() -> float:
            began, answers = f.aws.clock.now(), invocations.answers
            answers.clear()
            while not answers or answers[-1]["left_for_next_run"]:
                invocations.invoke_later({"action": "reconcile"})
                while not invocations.all_done:
                    timeline.run_until(f.aws.clock.now() + _SECOND)
                report(f"{(f.aws.clock.now() - began).total_seconds():.0f} s: {invocations.started} runs")
            return (f.aws.clock.now() - began).total_seconds()

        first = reconcile()
        resharded = f.stream_names[::_RESHARDED_ONE_IN]
        f.aws.clock.advance(MINUTE)
        for name in resharded:
            f.aws.streams.model(name).reshard_by_hand(SHARDS + 1, f.aws.clock.now())
        f.quotas.throttled.clear()
        seconds = reconcile()
        once_each = Counter(
            DescribeAlarms=math.ceil(2 * streams / _ALARMS_PER_PAGE),
            DescribeStreamSummary=streams,
            PutMetricAlarm=2 * len(resharded),
        )
        return Sweep(
            streams=streams,
            seconds=seconds,
            first=first,
            least=f.quotas.least_seconds(once_each),
            runs=len(invocations.answers),
            throttled=f.quotas.throttled.total(),
            resharded=len(resharded),
            problems=f.wrong_alarms(),
        )


def calls_of_one_scaling(package: Path = PACKAGE) -> list[str]:
    """Return the operations that the scale-up of a single stream calls, in order."""
    with fleet(1, package=package, reconcile_interval_minutes=_NEVER_MINUTES) as f:
        f.fire()
        f.quotas.admitted.clear()
        f.run_minute(BUSY)
        return f.quotas.admitted.copy()
