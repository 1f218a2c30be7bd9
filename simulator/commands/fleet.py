"""Let the alarms of a whole fleet fire in the same minute, under AWS's API quotas and Lambda's rules.

The function is that of package.zip with botocore's own retries, hundreds of invocations side by side in virtual time.
How long it takes until every stream is settled is held against the least that the quotas allow. Then the same for one
reconcile of a larger fleet, some streams of which were resharded by hand.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import random
import sys
import time
import zipfile
from collections import Counter
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.endpoint import Endpoint
from moto.core.botocore_stubber import MockRawResponse
from rich.table import Table

from simulator.aws.kinesis import KinesisAccount
from simulator.deployment import NAME, PACKAGE, Deployment, add_stream, deploy
from simulator.fleets.caches import Caches
from simulator.fleets.invocations import Environment, Invocation, Invocations
from simulator.fleets.quotas import CALLS_PER_SECOND, Quotas
from simulator.fleets.side_by_side import SideBySide
from simulator.local_aws import LocalAWS
from simulator.reports.markdown import table
from simulator.traffic import Traffic

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from rich.console import Console

A_CALL = timedelta(milliseconds=20)
"""How long AWS takes for an answer, a refusal included: an assumption."""

STREAMS, SWEEP = 1000, 5000
SHARDS = 4
CALM, BUSY = Traffic.for_shards(SHARDS * 0.5), Traffic.for_shards(SHARDS * 0.95)

_make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - before anything patches it
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_HISTORY_MINUTES = 60
_PATIENCE_MINUTES = 120
_NEVER_MINUTES = 24 * 60
_RESHARDED_ONE_IN = 50
_CONCURRENCY = 1000
_ALARMS_PER_PAGE = 100
_INSTANT = timedelta(microseconds=1)
_BAD_REQUEST = 400
_PACKAGE_NAME = "kinesis_autoscaler"


class Fleet:
    """An autoscaler and its streams in a local AWS whose quotas hold.

    Attributes:
        aws: the local AWS.
        deployment: the autoscaler in it.
        quotas: what has become of the function's API calls.
        invocations: Lambda.
        stream_names: the streams, all of four shards.

    """

    def __init__(self, deployment: Deployment, streams: int, invocations: Invocations, quotas: Quotas) -> None:
        """Add this many streams."""
        self.aws = deployment.aws
        self.deployment = deployment
        self.invocations = invocations
        self.quotas = quotas
        self._answering = False  # what AWS asks of itself while it answers is not the function's
        self.stream_names = [f"stream-{number:04}" for number in range(streams)]
        for name in self.stream_names:
            add_stream(self.aws, name, SHARDS, max_shard_count=64)

    def remember(self, minutes: int) -> None:
        """Let calm minutes go by, of which only the metrics remain."""
        for _ in range(minutes):
            self.aws.streams.offer(self.aws.clock.now(), dict.fromkeys(self.stream_names, CALM))
            self.aws.clock.advance(_MINUTE)

    def fire(self) -> None:
        """Let all scale-up alarms fire; what they ask for waits."""
        self.remember(_HISTORY_MINUTES)
        while not any("Records" in event for event in self.invocations.waiting):
            self.run_minute(BUSY)

    def run_minute(self, traffic: Traffic) -> None:
        """Let a minute go by, with all that is due in it; alarms are evaluated at its end."""
        end = self.aws.clock.now().replace(second=0, microsecond=0) + _MINUTE
        self.invocations.timeline.run_until(end - _INSTANT)
        self.aws.advance_minute(dict.fromkeys(self.stream_names, traffic))

    def attempt(self, answer: Callable[[], Any], request: Any, operation: Any) -> Any:  # noqa: ANN401 - botocore's
        """One attempt at an API call: through the operation's quota, if it is the function's."""
        if self.invocations.running is None or self._answering:
            return answer()
        self.invocations.sleep(A_CALL)
        if not self.quotas.admit(operation.name, self.aws.clock.now()):
            return _throttled(request.url, operation.service_model.service_name), None
        self._answering = True
        try:
            return answer()
        finally:
            self._answering = False

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Every alarm as DescribeAlarms returns it, by name."""
        pages = self.aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
        return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    def unsettled(self) -> list[str]:
        """What is lost or stuck: streams without a scaling that succeeded, records without an end, wrong alarms."""
        return [problem for name in self.stream_names for problem in self._unsettled(name)] + self.wrong_alarms()

    def wrong_alarms(self) -> list[str]:
        """Alarms that do not hold their stream's shard count, or are stuck in ALARM."""
        alarms = self.alarms()
        return [problem for name in self.stream_names for problem in self._wrong_alarms(name, alarms)]

    def _shard_count(self, name: str) -> int:
        return self.aws.streams.model(name).shard_count(self.aws.clock.now())

    def _unsettled(self, name: str) -> Iterator[str]:
        log, count = self.deployment.audit_log(name), self._shard_count(name)
        if not any(item["status"] == "SUCCEEDED" and item["to_shard_count"] == count for item in log):
            yield f"{name}: {count} shards, which no record explains"
        for item in log:
            if item["status"] in ("PENDING", "UPDATING"):
                yield f"{name}: a record is {item['status']}"

    def _wrong_alarms(self, name: str, alarms: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        count = self._shard_count(name)
        for action in ("scale-up", "scale-down"):
            alarm = alarms[f"{NAME}-{name}-{action}"]
            literal = next(query["Expression"] for query in alarm["Metrics"] if query["Id"] == "shardCount")
            if literal != str(count):
                yield f"{name}: {action} has shardCount {literal}, and the stream {count} shards"
            if alarm["StateValue"] == "ALARM":
                yield f"{name}: {action} is in ALARM"


@contextmanager
def fleet(
    streams: int,
    *,
    calls_per_second: Mapping[str, float] = CALLS_PER_SECOND,
    concurrency: int = _CONCURRENCY,
    package: Path = PACKAGE,
    reconcile_interval_minutes: int | None = None,
    seed: int = 1,
) -> Iterator[Fleet]:
    """A fleet whose function is that of a package; the seed is that of botocore's jitter."""
    with ExitStack() as stack:
        aws = stack.enter_context(LocalAWS())
        timeline = stack.enter_context(SideBySide(aws.clock))
        deployment = deploy(aws, package=package, reconcile_interval_minutes=reconcile_interval_minutes)
        new_environment = stack.enter_context(_code(package, aws))
        invocations = Invocations(timeline, new_environment, concurrency=concurrency)
        f = Fleet(deployment, streams, invocations, Quotas(calls_per_second))
        answer, real_sleep = Endpoint._do_get_response, time.sleep  # type: ignore[attr-defined]  # noqa: SLF001

        def attempt(endpoint: Endpoint, request: Any, operation: Any, context: Any) -> Any:  # noqa: ANN401 - botocore's
            return f.attempt(lambda: answer(endpoint, request, operation, context), request, operation)

        def sleep(seconds: float) -> None:
            if invocations.running is not None:
                invocations.sleep(timedelta(seconds=seconds))
            else:
                real_sleep(seconds)

        # Retries are botocore's, on the whole way; a local AWS answers reads of this process before they get there.
        stack.enter_context(patch.object(BaseClient, "_make_api_call", _make_api_call))
        stack.enter_context(patch.object(Endpoint, "_do_get_response", attempt))
        stack.enter_context(patch.object(time, "sleep", sleep))
        stack.enter_context(
            patch.object(aws.functions, "invoke_later", lambda _, event: invocations.invoke_later(event))
        )
        # The bucket stands for it; the model would count refused calls too.
        stack.enter_context(patch.object(KinesisAccount, "count_update_call", lambda *_: None))
        random.seed(seed)
        yield f


@contextmanager
def _code(package: Path, aws: LocalAWS) -> Iterator[Callable[[], Environment]]:
    """What makes execution environments of the function in a package: they share its code, not its clients."""
    variables = aws.client("lambda").get_function_configuration(FunctionName=NAME)["Environment"]["Variables"]
    own = _take_modules()
    with ExitStack() as stack:
        stack.callback(sys.modules.update, own)
        stack.callback(_take_modules)
        stack.enter_context(patch.dict(os.environ, {**variables, "AWS_LAMBDA_FUNCTION_NAME": NAME}))
        folder = stack.enter_context(TemporaryDirectory())
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        stack.enter_context(patch.object(sys, "path", [folder, *sys.path]))
        stack.enter_context(patch.object(logging.getLogger(_PACKAGE_NAME), "disabled", True))
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        handler: Any = importlib.import_module(f"{_PACKAGE_NAME}.handler")
        caches = Caches(_modules().values())

        class ExecutionEnvironment:
            def __call__(self, event: Mapping[str, Any], context: Invocation) -> object:
                caches.enter(self)
                return handler.handler(event, context)

        yield ExecutionEnvironment


def _modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == _PACKAGE_NAME}


def _take_modules() -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in _modules()}


def _throttled(url: str, service: str) -> tuple[AWSResponse, dict[str, Any]]:
    """A refusal as botocore reads it from the wire, where each service has a form of its own."""
    code = "LimitExceededException" if service == "kinesis" else "Throttling"
    parsed = {
        "Error": {"Code": code, "Message": "Rate exceeded"},
        "ResponseMetadata": {"HTTPStatusCode": _BAD_REQUEST, "HTTPHeaders": {}, "RetryAttempts": 0},
    }
    return AWSResponse(url, _BAD_REQUEST, HTTPHeaders(), MockRawResponse(b"")), parsed


@dataclass(frozen=True)
class Drain:
    """What became of a fleet whose alarms fired at once. Times in seconds, from then on.

    Attributes:
        streams: how many streams.
        accepted: until Kinesis had accepted the last UpdateShardCount.
        rewritten: until the last alarm had its new shardCount, and was armed again.
        least_accepted: the least that the quotas allow for the first.
        least_rewritten: the same for the second.
        calls: the API calls that AWS let through.
        throttled: those that it refused.
        invocations: those of the function.
        problems: what was lost, stuck or wrong in the end.

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
    concurrency: int = _CONCURRENCY,
    package: Path = PACKAGE,
    report: Callable[[str], None] = lambda _: None,
) -> Drain:
    """Fire the scale-up alarms of all streams in the same minute, and go on until nothing is left to do."""
    needed = calls_of_one_scaling(package)
    until_accepted = dict(list(needed.items())[: list(needed).index("UpdateShardCount") + 1])
    with fleet(streams, concurrency=concurrency, package=package) as f:
        f.fire()
        fired, quotas = f.aws.clock.now(), f.quotas
        calls_before, throttled_before = quotas.admitted.total(), quotas.throttled.total()
        problems: list[str] = []
        for minute in range(1, _PATIENCE_MINUTES + 1):
            f.run_minute(BUSY)
            accepted, rewritten = quotas.admitted["UpdateShardCount"], quotas.admitted["PutMetricAlarm"]
            report(f"{minute} min: {accepted} streams accepted, {rewritten} alarms rewritten")
            if f.invocations.all_done and not (problems := f.unsettled()):
                break
        seconds = {operation: (at - fired).total_seconds() for operation, at in quotas.last_admitted.items()}
        return Drain(
            streams=streams,
            accepted=seconds["UpdateShardCount"],
            rewritten=max(seconds["PutMetricAlarm"], seconds["SetAlarmState"]),
            least_accepted=streams * quotas.least_seconds(until_accepted),
            least_rewritten=streams * quotas.least_seconds(needed),
            calls=quotas.admitted.total() - calls_before,
            throttled=quotas.throttled.total() - throttled_before,
            invocations=f.invocations,
            problems=problems,
        )


@dataclass(frozen=True)
class Sweep:
    """What a reconcile of a fleet took.

    Attributes:
        streams: how many streams.
        seconds: until every stream was reached.
        least: what the quotas allow at the least, in seconds.
        runs: how many invocations that took.
        throttled: how many API calls AWS refused.
        resharded: how many streams had been resharded by hand.
        problems: what was wrong in the end.

    """

    streams: int
    seconds: float
    least: float
    runs: int
    throttled: int
    resharded: int
    problems: list[str]


def sweep(streams: int, *, package: Path = PACKAGE, report: Callable[[str], None] = lambda _: None) -> Sweep:
    """Reconcile a fleet, every fiftieth stream of which was resharded by hand, as often as reaching all of it takes."""
    with fleet(streams, package=package) as f:
        cloudwatch, timeline, invocations = f.aws.client("cloudwatch"), f.invocations.timeline, f.invocations
        for alarm in f.alarms():
            cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="Traffic is as ever.")
        resharded = f.stream_names[::_RESHARDED_ONE_IN]
        f.aws.clock.advance(_MINUTE)
        for name in resharded:
            f.aws.streams.model(name).reshard_by_hand(SHARDS + 1, f.aws.clock.now())
        began = f.aws.clock.now()
        while not invocations.answers or invocations.answers[-1]["left_for_next_run"]:
            invocations.invoke_later({"action": "reconcile"})
            while not invocations.all_done:
                timeline.run_until(f.aws.clock.now() + _SECOND)
            report(f"{(f.aws.clock.now() - began).total_seconds():.0f} s: {invocations.started} runs")
        once_each = Counter(
            DescribeAlarms=math.ceil(2 * streams / _ALARMS_PER_PAGE),
            DescribeStreamSummary=streams,
            PutMetricAlarm=2 * len(resharded),
        )
        return Sweep(
            streams=streams,
            seconds=(f.aws.clock.now() - began).total_seconds(),
            least=f.quotas.least_seconds(once_each),
            runs=invocations.started,
            throttled=f.quotas.throttled.total(),
            resharded=len(resharded),
            problems=f.wrong_alarms(),
        )


def calls_of_one_scaling(package: Path = PACKAGE) -> Counter[str]:
    """What the scale-up of one stream calls when nobody else does, by operation in the order of their first calls."""
    with fleet(1, package=package, reconcile_interval_minutes=_NEVER_MINUTES) as f:
        f.fire()
        f.quotas.admitted.clear()
        f.run_minute(BUSY)
        return f.quotas.admitted.copy()


def rows(drained: Drain, swept: Sweep) -> list[tuple[str, str, str, str]]:
    """What took how long, against the least that the quotas allow."""
    alarms = f"{drained.streams:,} alarms in the same minute"
    return [
        (label, f"{seconds:,.0f} s", f"{least:,.0f} s", f"{seconds / least:.2f}")
        for label, seconds, least in (
            (f"{alarms}: until Kinesis has accepted the last change", drained.accepted, drained.least_accepted),
            (f"{alarms}: until the last alarm is rewritten and armed", drained.rewritten, drained.least_rewritten),
            (f"one reconcile of {swept.streams:,} streams", swept.seconds, swept.least),
        )
    ]


def in_words(drained: Drain, swept: Sweep) -> str:
    """What it took besides time, and whether anything was lost."""
    ran, runs = drained.invocations, "run" if swept.runs == 1 else "runs"
    return (
        f"The alarms took {drained.calls:,} API calls, besides {drained.throttled:,} that were throttled, in "
        f"{ran.started:,} invocations: {ran.most_at_once:,} at once, {ran.retries:,} of them retries, "
        f"{ran.timeouts:,} out of time{_errors(ran)}. "
        f"Lost or wrong in the end: {len(drained.problems):,}; events in the dead-letter queue: "
        f"{len(ran.dead_letters):,}. The reconcile took {swept.runs:,} {runs} with {swept.throttled:,} calls "
        f"throttled, and repaired the alarms of {swept.resharded:,} streams resharded by hand; left wrong: "
        f"{len(swept.problems):,}."
    )


def _errors(ran: Invocations) -> str:
    """What the failed invocations died of."""
    return "".join(f", {number:,} ended by {error}" for error, number in sorted(ran.errors.items()))


def markdown(streams: int, sweep_streams: int, console: Console) -> str:
    """The figures as a section of docs/benchmarks.md."""
    drained, swept = _both(streams, sweep_streams, _CONCURRENCY, console)
    header = ("what", "takes", "the quotas' least", "ratio")
    return f"{table(header, rows(drained, swept))}\n\n{in_words(drained, swept)}"


def _both(streams: int, sweep_streams: int, concurrency: int, console: Console) -> tuple[Drain, Sweep]:
    with console.status("Setting a fleet up") as status:
        drained = drain(streams, concurrency=concurrency, report=status.update)
        status.update("Setting a larger fleet up")
        return drained, sweep(sweep_streams, report=status.update)


def add_arguments(parser: ArgumentParser) -> None:
    """Name what the command line takes."""
    parser.add_argument("--streams", type=int, default=STREAMS, metavar="N", help=f"whose alarms fire ({STREAMS})")
    parser.add_argument("--sweep", type=int, default=SWEEP, metavar="N", help=f"streams of the reconcile ({SWEEP})")
    parser.add_argument(
        "--concurrency",
        type=int,
        default=_CONCURRENCY,
        metavar="N",
        help=f"reserved_concurrent_executions, or the account's limit ({_CONCURRENCY})",
    )


def run(options: Namespace, console: Console) -> bool:
    """Run both; whether nothing was lost."""
    drained, swept = _both(options.streams, options.sweep, options.concurrency, console)
    result = Table("", "takes", "the quotas' least", "ratio")
    for row in rows(drained, swept):
        result.add_row(*row)
    console.print(result)
    console.print(in_words(drained, swept))
    for problem in [*drained.problems, *swept.problems]:
        console.print(problem, style="red", markup=False)
    return not drained.problems and not swept.problems
