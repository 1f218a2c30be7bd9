"""Measures what AWS does not document, in parallel with the steps: an extra stream, and CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from acceptance.errors import error_code
from acceptance.measurements import Measurements
from acceptance.stack import UP, Stack
from acceptance.waiting import Waiting

_MINUTE = timedelta(minutes=1)
_GIVE_UP_AFTER = 20 * _MINUTE
_LOOK_BACK = 12 * _MINUTE
_LAG_SAMPLES, _LAG_WITHIN = 3, 30.0
_LATEST = 4 * _MINUTE
"""Datapoints of later minutes may not have arrived."""
_COUNTS = (2, 4, 2, 3, 2, 1, 2, 1, 2, 1, 2, 1)
"""The targets of the probe stream, from 1 shard: doubles, halves, and non-multiples of 25%; more than ten."""


class _StoppedError(Exception):
    """The probe cannot continue. The message contains the reason."""


class Probe:
    """Measures Kinesis's refusals and durations. One of its `steps` runs at each poll of a wait."""

    def __init__(self, stack: Stack, waiting: Waiting, measurements: Measurements) -> None:
        """Measure with the stack's probe stream, which has one shard."""
        self._stack = stack
        self._waiting = waiting
        self._taken = measurements
        self._kinesis = stack.account.client("kinesis")
        self._name = stack.probe_name
        self._durations: dict[str, list[float]] = {}
        self.is_done = False
        self.written_at: datetime | None = None

    def steps(self) -> Iterator[None]:
        """Run all measurements. Each step of the iterator runs at one poll."""
        try:
            yield from self._everything()
        except (BotoCoreError, ClientError, _StoppedError) as problem:
            for name in ("refusal_double", "refusal_busy", "refusal_half", "refusal_daily", "split_seconds"):
                if name not in self._taken.taken:
                    self._taken.leave(name, str(problem))
        finally:
            self.is_done = True

    def _everything(self) -> Iterator[None]:
        self._kinesis.put_records(StreamName=self._name, Records=[{"Data": b"probe", "PartitionKey": "probe"}])
        self.written_at = self._waiting.now()
        yield from self._reach(1)
        self._try_refused("refusal_double", 3)
        current = 1
        for accepted, target in enumerate(_COUNTS):
            if (refused := self._update(target)) is not None:
                said = f"call {accepted + 1} in 24 hours: {_said(refused)}"
                self._taken.take("refusal_daily", error_code(refused), said, self._waiting.now())
                self._taken.take(
                    "update_calls_per_day", accepted, f"{accepted}, refused ones not counted", self._waiting.now()
                )
                break
            if accepted == 0 and (busy := self._update(current)) is not None:
                self._taken.take("refusal_busy", error_code(busy), _said(busy), self._waiting.now())
            yield from self._timed(f"{current} to {target}", target, before=current)
            current = target
            if current == 4:
                self._try_refused("refusal_half", 1)
        else:
            self._taken.take("refusal_daily", "none", f"none: {len(_COUNTS)} calls were accepted", self._waiting.now())
        self._take_durations()
        yield from self._split_and_merge(current)

    def _update(self, target: int) -> ClientError | None:
        """Request a shard count. Return the refusal, or None."""
        try:
            self._kinesis.update_shard_count(
                StreamName=self._name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )
        except ClientError as refused:
            return refused
        return None

    def _try_refused(self, name: str, target: int) -> None:
        """Make a request that Kinesis must refuse.

        Raises:
            _StoppedError: Kinesis accepted it, so the stream is not in the expected state.
        """
        refused = self._update(target)
        said = "accepted" if refused is None else _said(refused)
        self._taken.take(name, said if refused is None else error_code(refused), said, self._waiting.now())
        if refused is None:
            raise _StoppedError(f"Kinesis accepted a target that {name} is about")

    def _reach(self, count: int, before: int | None = None) -> Iterator[None]:
        """Poll until the stream is ACTIVE with this count. During a change, store the count that Kinesis shows."""
        until = self._waiting.now() + _GIVE_UP_AFTER
        while True:
            summary = self._stack.stream(self._name)
            status, shards = summary["StreamStatus"], int(summary["OpenShardCount"])
            if status == "ACTIVE" and shards == count:
                return
            if status == "UPDATING" and before is not None and "count_while_updating" not in self._taken.taken:
                word = {before: "before", count: "after"}.get(shards, str(shards))
                said = f"{shards}, from {before} to {count}: the count {word}"
                self._taken.take("count_while_updating", word, said, self._waiting.now())
            if self._waiting.now() >= until:
                raise _StoppedError(f"the probe stream did not come to {count} shards")
            yield

    def _timed(self, what: str, count: int, before: int | None = None) -> Iterator[None]:
        began = self._waiting.now()
        yield from self._reach(count, before)
        self._durations.setdefault(what, []).append((self._waiting.now() - began).total_seconds())

    def _take_durations(self) -> None:
        every = [seconds for several in self._durations.values() for seconds in several]
        each = ", ".join(
            f"{what}: {' and '.join(f'{seconds:.0f} s' for seconds in several)}"
            for what, several in self._durations.items()
        )
        self._taken.take_seconds("reshard_seconds", every, self._waiting.now(), each)

    def _split_and_merge(self, current: int) -> Iterator[None]:
        """Measure whether splits are accepted after UpdateShardCount is refused, and how long they take."""
        shards = self._kinesis.list_shards(StreamName=self._name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
        shard, keys = shards[0], shards[0]["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        now = self._waiting.now()
        try:
            self._kinesis.split_shard(
                StreamName=self._name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
            )
        except ClientError as refused:
            self._taken.take("splits_count_as_calls", "yes", f"refused: {_said(refused)}", now)
            return
        if self._taken.values().get("refusal_daily") not in (None, "none"):
            self._taken.take("splits_count_as_calls", "no", "accepted after the day's last UpdateShardCount call", now)
        yield from self._timed("split", current + 1)
        self._taken.take_seconds("split_seconds", self._durations["split"], self._waiting.now())
        children = self._kinesis.list_shards(StreamName=self._name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
        two = [child["ShardId"] for child in children if child.get("ParentShardId") == shard["ShardId"]]
        self._kinesis.merge_shards(StreamName=self._name, ShardToMerge=two[0], AdjacentShardToMerge=two[1])
        yield from self._timed("merge", current)
        self._taken.take_seconds("merge_seconds", self._durations["merge"], self._waiting.now())


def watch_delay(stack: Stack, waiting: Waiting, taken: Measurements) -> Iterator[None]:
    """Record endlessly when each minute's datapoint first appears and when it last changes."""
    began = waiting.now()
    values: dict[datetime, float] = {}
    first: dict[datetime, float] = {}
    last: dict[datetime, float] = {}
    while True:
        now = waiting.now()
        try:
            seen = stack.minutes(stack.stream_name, "IncomingRecords", now - _LOOK_BACK, now)
        except (BotoCoreError, ClientError):
            seen = {}  # it is polled again within seconds
        for minute, value in seen.items():
            end = minute + _MINUTE
            if end < began or now < end:
                continue  # its delay is unknown, or it may still change
            late = (now - end).total_seconds()
            if minute not in first:
                first[minute] = late
            if values.get(minute) != value:
                values[minute], last[minute] = value, late
        taken.take_seconds("metric_delay_seconds", list(first.values()), now, "IncomingRecords, each minute once")
        taken.take_seconds("metric_settled_seconds", list(last.values()), now, "IncomingRecords, each minute once")
        yield


def silence(stack: Stack, probe: Probe, waiting: Waiting, taken: Measurements) -> None:
    """Measure whether a stream reports zeros or nothing in minutes without traffic: the probe, after its one record."""
    now = waiting.now()
    if probe.written_at is None or now - probe.written_at < 2 * _LATEST:
        taken.leave("reports_when_idle", "the probe stream was not silent for long enough")
        return
    since = probe.written_at + 2 * _MINUTE
    seen = stack.minutes(stack.probe_name, "IncomingRecords", since, now - _LATEST)
    minutes = int((now - _LATEST - since) / _MINUTE)
    word = "zeros" if seen else "nothing"
    taken.take("reports_when_idle", word, f"{word}: {len(seen)} datapoints in {minutes} silent minutes", now)


def alarm_lag(stack: Stack, waiting: Waiting, taken: Measurements) -> None:
    """Measure how long DescribeAlarms shows an old state: set the scale-up alarm's state and poll it at once."""
    cloudwatch: Any = stack.account.client("cloudwatch")
    lags: list[float] = []
    for sample in range(_LAG_SAMPLES):
        before = stack.alarms()[UP]["StateUpdatedTimestamp"]
        state = ("ALARM", "INSUFFICIENT_DATA")[sample % 2]
        cloudwatch.set_alarm_state(
            AlarmName=stack.alarm_names[UP], StateValue=state, StateReason="acceptance: how soon does this show?"
        )
        began = waiting.seconds()
        while stack.alarms()[UP]["StateUpdatedTimestamp"] == before and waiting.seconds() - began < _LAG_WITHIN:
            waiting.sleep(0.2)
        lags.append(waiting.seconds() - began)
        waiting.sleep(5)
    taken.take_seconds("describe_alarms_lag_seconds", lags, waiting.now(), "to a fifth of a second")


def facts(stack: Stack, waiting: Waiting, taken: Measurements) -> None:
    """Read the shard quota, and the SDK version of Lambda's runtime."""
    limit = int(stack.account.client("kinesis").describe_limits()["ShardLimit"])
    taken.take("shard_limit", limit, f"{limit:,} in this account", waiting.now())
    answer = stack.invoke({}, stack.runtime_function_name)
    if answer.error:
        taken.leave("runtime_botocore", answer.error)
        return
    version = str(answer.payload["botocore"])
    taken.take("runtime_botocore", version, f"botocore {version}, boto3 {answer.payload['boto3']}", waiting.now())


def _said(error: ClientError) -> str:
    return f"{error_code(error)}: {error.response.get('Error', {}).get('Message', '')}"
