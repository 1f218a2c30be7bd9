"""Measures the function alone: its calls, its package, its start, its own time and its memory.

Results that depend on the machine's speed are measured side by side in one run and given as a ratio. The start is
measured in fresh interpreters, in turns: with the package as Lambda unpacks it, with a package that was compiled
before, and with boto3 and the same clients only. Lambda mounts the package read-only, so Python compiles its sources at
every start.
"""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from simulator.deployment import NAME, PACKAGE, add_stream, deploy
from simulator.local_aws import LocalAWS
from simulator.local_aws.environment import local_variables
from simulator.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.local_aws.function import ApiCall, Invocation

_SHARDS = 8
_CALM, _BUSY, _QUIET = (Traffic.for_shards(_SHARDS * share) for share in (0.5, 0.95, 0.1))
_CALM_MINUTES, _DAY_MINUTES = 90, 24 * 60
_PATIENCE_MINUTES = 3 * _DAY_MINUTES

_VARIABLES = {
    "ALARM_NAME_PREFIX": NAME,
    "AUDIT_RETENTION_DAYS": "365",
    "AUDIT_TABLE_NAME": f"{NAME}-audit",
    "DRY_RUN": "false",
    "TOPIC_ARN": f"arn:aws:sns:us-east-1:123456789012:{NAME}",
}

_BARE = """
import boto3
from botocore.config import Config
config = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=3, read_timeout=10)
for service in ("cloudwatch", "kinesis", "kinesis", "dynamodb", "lambda"):
    boto3.client(service, config=config)
"""
_OURS = """
from kinesis_autoscaler import handler
handler._function()
"""
_CPU_SECONDS = """
import time
began = time.process_time()
{code}
print(time.process_time() - began)
"""
_PEAK_BYTES = """
import tracemalloc
tracemalloc.start()
{code}
print(tracemalloc.get_traced_memory()[1])
"""


@dataclass(frozen=True)
class Start:
    """Fresh interpreters until they could handle the first event: medians.

    Attributes:
        bare_seconds: CPU time for importing boto3 and creating the clients.
        seconds: CPU time for the function's handler and its clients, as in Lambda.
        compiled_seconds: the same with bytecode from an earlier start.
        bare_bytes: maximum memory of Python objects with boto3 and the clients.
        bytes: maximum memory of Python objects with the handler.

    """

    bare_seconds: float
    seconds: float
    compiled_seconds: float
    bare_bytes: float
    bytes: float

    @property
    def ratio(self) -> float:
        """The function's CPU time divided by that of boto3."""
        return self.seconds / self.bare_seconds

    @property
    def compiled_ratio(self) -> float:
        """The same with bytecode from an earlier start."""
        return self.compiled_seconds / self.bare_seconds


@dataclass(frozen=True)
class Scaling:
    """Warm scalings on a local AWS: medians, in seconds on this machine.

    Attributes:
        own: the function's own time.
        calls: the time of its API calls, including botocore.
        count: the number of its API calls.

    """

    own: float
    calls: float
    count: int


@dataclass(frozen=True)
class Figures:
    """All measurements.

    Attributes:
        calls: the AWS calls of an invocation, by its kind.
        package_bytes: the size of the archive.
        source_bytes: the size of its content.
        start: the start.
        scaling: warm scalings.

    """

    calls: Mapping[str, Counter[str]]
    package_bytes: int
    source_bytes: int
    start: Start
    scaling: Scaling


def measure(*, starts: int = 15, scalings: int = 30) -> Figures:
    """Measure everything. The arguments are numbers of repetitions."""
    with zipfile.ZipFile(PACKAGE) as archive:
        source_bytes = sum(entry.file_size for entry in archive.infolist())
    return Figures(
        calls=calls_by_kind(),
        package_bytes=PACKAGE.stat().st_size,
        source_bytes=source_bytes,
        start=measure_start(starts),
        scaling=measure_scalings(scalings),
    )


def calls_by_kind() -> dict[str, Counter[str]]:
    """Count the calls of a scale-up, a scale-down, a decision not to scale and a reconcile, on a local AWS.

    The reconcile is one without anything to correct and without a new plan.
    """
    with LocalAWS(metric_delay_seconds=60) as aws:
        deploy(aws)
        add_stream(aws, "orders", _SHARDS, max_shard_count=64)
        add_stream(aws, "capped", _SHARDS, max_shard_count=_SHARDS)
        _run(aws, _CALM_MINUTES, orders=_CALM, capped=_CALM)
        found: dict[str, Counter[str]] = {}
        for traffic in (_BUSY, _QUIET):
            for _ in range(_PATIENCE_MINUTES):
                _run(aws, 1, orders=traffic, capped=_BUSY)
                for invocation in aws.functions.invocations:
                    if kind := _kind(invocation):
                        calls = Counter(call.operation for call in invocation.api_calls)
                        if kind not in found or ("reconcile" in kind and calls.total() < found[kind].total()):
                            found[kind] = calls
                aws.functions.invocations.clear()
                if ("scale-up" if traffic is _BUSY else "scale-down") in found:
                    break
        return found


def _kind(invocation: Invocation) -> str | None:
    """Return the kind of an invocation, or None if its calls are not counted."""
    answer: Any = invocation.payload
    if "streams" in answer:
        changed = answer["finished"] or answer["repaired"] or answer["rearmed"]
        return None if changed else f"reconcile of {answer['streams']} streams"
    for decision in answer.get("decisions", ()):
        if decision["status"] == "SKIPPED":
            return "decision not to scale"
        if decision["status"] == "UPDATING":
            return "scale-up" if decision["to_shard_count"] > decision["from_shard_count"] else "scale-down"
    return None


def _run(aws: LocalAWS, minutes: int, **traffic: Traffic) -> None:
    for _ in range(minutes):
        aws.advance_minute(traffic)


def measure_start(times: int) -> Start:
    """Start fresh interpreters in turns: with boto3 only, with the function, and with the compiled function."""
    with TemporaryDirectory() as folder, TemporaryDirectory() as compiled, zipfile.ZipFile(PACKAGE) as archive:
        archive.extractall(folder)
        archive.extractall(compiled)
        subprocess.run([sys.executable, "-m", "compileall", "-q", compiled], check=True)  # noqa: S603 - our own
        own_bytes, bare_bytes = (_measure(_PEAK_BYTES, code, folder) for code in (_OURS, _BARE))
        turns = [
            [_measure(_CPU_SECONDS, *each) for each in ((_BARE, folder), (_OURS, folder), (_OURS, compiled))]
            for _ in range(times)
        ]
    bare, ours, ours_compiled = (median(seconds) for seconds in zip(*turns, strict=True))
    return Start(
        bare_seconds=bare, seconds=ours, compiled_seconds=ours_compiled, bare_bytes=bare_bytes, bytes=own_bytes
    )


def _measure(what: str, code: str, package: str) -> float:
    """Run code in a fresh interpreter, and return what it prints."""
    variables = {
        **local_variables("us-east-1"),
        **_VARIABLES,
        "AWS_LAMBDA_FUNCTION_NAME": NAME,
        "PYTHONPATH": package,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-c", what.format(code=code)]
    answer = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return float(answer.stdout)


def measure_scalings(times: int) -> Scaling:
    """Scale up several streams, one after the other, in a warm process."""
    with LocalAWS() as aws:
        deploy(aws, reconcile_interval_minutes=_DAY_MINUTES)
        names = [f"stream-{number}" for number in range(times + 1)]
        for name in names:
            add_stream(aws, name, _SHARDS, max_shard_count=64)
        waiting: list[tuple[str, object]] = []
        with patch.object(aws.functions, "invoke_later", lambda arn, event: waiting.append((arn, event))):
            _run(aws, _CALM_MINUTES, **dict.fromkeys(names, _CALM))
            while len(waiting) < len(names):
                _run(aws, 1, **dict.fromkeys(names, _BUSY))
        stopwatch = _Stopwatch()
        aws.observer.before, aws.observer.after = stopwatch.before, stopwatch.after
        measured = [stopwatch.measure(partial(aws.functions.invoke_now, *each)) for each in waiting][1:]
    return Scaling(
        own=median(total - calls for total, calls, _ in measured),
        calls=median(calls for _, calls, _ in measured),
        count=measured[0][2],
    )


class _Stopwatch:
    """Separates a function's own time from the time of its API calls."""

    def __init__(self) -> None:
        self._began = self._calls = 0.0
        self._count = 0

    def before(self, _: ApiCall) -> None:
        self._began = time.perf_counter()

    def after(self, _: ApiCall) -> None:
        self._calls += time.perf_counter() - self._began
        self._count += 1

    def measure(self, work: Callable[[], object]) -> tuple[float, float, int]:
        """Do the work. Return its duration, the duration of its API calls, and their number."""
        self._calls, self._count = 0.0, 0
        began = time.perf_counter()
        work()
        return time.perf_counter() - began, self._calls, self._count
