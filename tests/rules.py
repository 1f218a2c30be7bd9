"""The rules that the autoscaler never breaks, observed from outside: at Kinesis, at CloudWatch and in the audit table.

This module shares no code with the function under test. It computes what the function may do from the alarms that the
user wrote, and from the metrics that the streams reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.world import World

CALLS_PER_DAY = 10
A_DAY = timedelta(hours=24)
A_RECONCILE = timedelta(minutes=7)
"""The maximum time until the next reconcile: its interval, and the two minutes that a notification may take."""
METRIC_DELAY = timedelta(minutes=3)
"""Minutes that may not have arrived yet."""
CONSUMER_SILENCE = timedelta(minutes=15)


@dataclass(frozen=True)
class Reshard:
    """An UpdateShardCount call of the function that Kinesis accepted."""

    at: datetime
    stream: str
    before: int
    target: int
    event_time: str | None = None
    """The key of the record that announced it, or None."""

    @property
    def shrinks(self) -> bool:
        return self.target < self.before


@dataclass(frozen=True)
class Split:
    """A SplitShard call of the function that Kinesis accepted."""

    at: datetime
    stream: str
    before: int
    event_time: str | None = None
    """The key of the record that announced it, or None."""


def broken_by_the_split(w: World, split: Split) -> Iterator[str]:
    """Return the rules that a split breaks when Kinesis accepts it."""
    if split.event_time is None:
        yield f"rule 3: {split} had no record"
    for action, alarm in w.alarms(split.stream).items():
        tags = w.tags(alarm)
        if split.before >= int(tags["max-shard-count"]):
            yield f"rule 1: {split} leaves the maximum of {tags['max-shard-count']}"
        if "true" not in (tags["split-beyond-quota"], tags["split-hot-shards"]):
            yield f"nobody asked for {split}"
        if action == "scale-up" and not alarm["ActionsEnabled"]:
            yield f"a paused stream is scaled: {split}"


def broken_by_the_call(w: World, call: Reshard) -> Iterator[str]:
    """Return the rules that a call breaks when Kinesis accepts it."""
    alarms = w.alarms(call.stream)
    if call.event_time is None:
        yield f"rule 3: {call} had no record"
    if not math.ceil(call.before / 2) <= call.target <= 2 * call.before:
        yield f"rule 1: {call} more than doubles or halves"
    for alarm in alarms.values():
        tags = w.tags(alarm)
        low, high = int(tags.get("min-shard-count", 1)), int(tags["max-shard-count"])
        within = min(low, 2 * call.before) <= call.target and (call.shrinks or call.target <= high)
        if not within:
            yield f"rule 1: {call} leaves the bounds {low} to {high}"
    asking = alarms.get("scale-down" if call.shrinks else "scale-up")
    if asking is not None and not asking["ActionsEnabled"]:
        yield f"a paused stream is scaled: {call}"
    if call.shrinks and asking is not None:
        yield from (f"{problem}: {call}" for problem in _unfit_to_shrink(w, call, asking))


def _unfit_to_shrink(w: World, call: Reshard, alarm: Mapping[str, Any]) -> Iterator[str]:
    """Return the reasons against a scale-down (rules 6 and 7), from what CloudWatch shows now."""
    window = timedelta(seconds=alarm["EvaluationPeriods"] * _period(alarm))
    since = call.at - window
    if (
        w.aws.streams.model(call.stream).describe(call.at)["StreamDescriptionSummary"]["StreamCreationTimestamp"]
        > since
    ):
        yield "rule 6: the stream is younger than the window"
    arrived = w.metric("AWS/Kinesis", "IncomingBytes", since, StreamName=call.stream)
    yield from _unproven(w, call, since, arrived)
    throttled = w.metric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", since, StreamName=call.stream)
    if any(throttled.values()):
        yield "rule 6: records were throttled in the window"
    peak = max(arrived.values(), default=0.0) / w.SHARD_BYTES
    threshold = w.alarms(call.stream)["scale-up"]["Threshold"]
    if peak > threshold * call.target:
        yield f"rule 7: a load of {peak:.2f} shards would be above {threshold:.0%} of what is left"
    # Late data may still arrive. For everything else, the real values count, and not what CloudWatch shows.
    told = (load for at, load in w.accepted_shards.get(call.stream, {}).items() if since < at < call.at - METRIC_DELAY)
    if (truth := max(told, default=0.0)) > threshold * call.target:
        yield f"rule 7: the true load of {truth:.2f} shards would be above {threshold:.0%} of what is left"
    limit = w.tags(alarm)["max-iterator-age-minutes"]
    if limit != "disabled":
        ages = w.metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", call.at - A_DAY, StreamName=call.stream)
        recent = sorted(age for at, age in ages.items() if at >= call.at - CONSUMER_SILENCE)
        records = w.metric("AWS/Kinesis", "IncomingRecords", call.at - CONSUMER_SILENCE, StreamName=call.stream)
        if recent and recent[len(recent) // 2] >= float(limit) * 60_000:
            yield "rule 6: its consumers are behind"
        if ages and not recent and any(records.values()):
            yield "rule 6: its consumers are silent"


def _unproven(w: World, call: Reshard, since: datetime, arrived: Mapping[datetime, float]) -> Iterator[str]:
    """Return the minutes of a window that CloudWatch leaves unknown: partly, or completely without other deliveries."""
    records = w.metric("AWS/Kinesis", "IncomingRecords", since, StreamName=call.stream)
    others = ("GetRecords.Bytes", "GetRecords.IteratorAgeMilliseconds", "WriteProvisionedThroughputExceeded")
    delivered = {at for name in others for at in w.metric("AWS/Kinesis", name, since, StreamName=call.stream)}
    for other in set(w.settings) - {call.stream}:
        delivered |= set(w.metric("AWS/Kinesis", "IncomingRecords", since, StreamName=other))
    minute = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while minute < call.at - METRIC_DELAY:
        if (minute in arrived) != (minute in records):
            yield f"rule 6: half of {minute:%H:%M} is missing"
        elif minute not in arrived and minute not in delivered:
            yield f"rule 6: CloudWatch proves nothing of {minute:%H:%M}"
        minute += timedelta(minutes=1)


def broken_once_healed(w: World, name: str) -> Iterator[str]:
    """Return what is wrong with a stream after faults have ended and a reconcile has run."""
    log = w.log(name)
    yield from _broken_by_history(w, name, log)
    for item in log:
        if item["status"] in ("PENDING", "UPDATING") and not _goes_on(w, name, item):
            yield f"rule 4: {item['event_time']} is still {item['status']}"
    alarms = w.alarms(name)
    for alarm in alarms.values():
        if (made := w.as_the_user_made_it(alarm)) != w.definition(alarm):
            yield f"rule 5: {alarm['AlarmName']} was changed beyond its shard count: {w.definition(alarm)}, not {made}"
    if len(alarms) < 2 or not w.is_provisioned(name):
        return  # the function does not manage this stream
    for action, alarm in alarms.items():
        if (count := shard_count(alarm)) != w.shards(name):
            yield f"rule 4: {action} holds {count}, the stream has {w.shards(name)}"
        if alarm["StateValue"] == "ALARM" and alarm["ActionsEnabled"] and not _explained(w, alarm, action, log):
            yield f"rule 4: {action} is stuck in ALARM"
    up = alarms["scale-up"]
    minimum = int(w.tags(up)["min-shard-count"])
    if w.shards(name) < minimum and up["ActionsEnabled"] and not _being_raised(w, log):
        yield f"rule 7: {w.shards(name)} shards are below the minimum of {minimum}"


def _broken_by_history(w: World, name: str, log: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    calls = [call for call in w.reshards if call.stream == name]
    if any(sum(call.at - A_DAY < other.at <= call.at for other in calls) > CALLS_PER_DAY for call in calls):
        yield f"rule 2: more than {CALLS_PER_DAY} calls in 24 hours"
    records = {item["event_time"]: item for item in log}
    for split in (each for each in w.splits if each.stream == name):
        record = records.get(split.event_time or "")
        if record is None or not record.get("by_splits") or record.get("call_accepted") is False:
            yield f"rule 3: {split} was accepted, and its record says {record}"
        elif not record["from_shard_count"] <= split.before:
            yield f"rule 3: {split} is none of its step"
    for event_time in {call.event_time for call in calls if call.event_time}:
        of_event = [call for call in calls if call.event_time == event_time]
        if len(of_event) > 1:
            yield f"rule 3: {event_time} scaled {len(of_event)} times"
        record = records.get(event_time)
        if record is None or record["status"] == "SKIPPED" or record.get("call_accepted") is False:
            yield f"rule 3: {of_event[0]} was accepted, and its record says {record}"


def _goes_on(w: World, name: str, item: Mapping[str, Any]) -> bool:
    """Return whether a step of several splits is open and its next split is due, which is soon after the last one."""
    of_step = [split.at for split in w.splits if split.stream == name and split.event_time == item["event_time"]]
    return bool(of_step) and w.shards(name) < item["to_shard_count"] and of_step[-1] > w.now - A_RECONCILE


def _explained(w: World, alarm: Mapping[str, Any], action: str, log: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a record says why the alarm is in ALARM without a scaling, and until when."""
    since = alarm["StateTransitionedTimestamp"]
    if w.now - since < A_RECONCILE:
        return True  # not stuck yet
    return any(
        _time(item, "last_seen_at", "started_at") >= since - timedelta(seconds=5)
        and _time(item, "retry_at") > w.now - A_RECONCILE
        for item in log
        if item["action"] == action and "retry_at" in item
    )


def _being_raised(w: World, log: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a stream below its minimum is growing, or a record says why not yet."""
    return any(
        _time(item, "finished_at", "started_at") > w.now - A_RECONCILE
        or ("retry_at" in item and _time(item, "retry_at") > w.now - A_RECONCILE)
        for item in log
        if item["action"] == "scale-up"
    )


def shard_count(alarm: Mapping[str, Any]) -> int:
    """The literal that the function rewrites."""
    return int(next(query["Expression"] for query in alarm["Metrics"] if query["Id"] == "shardCount"))


def _period(alarm: Mapping[str, Any]) -> int:
    return int(next(query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query))


def _time(item: Mapping[str, Any], *names: str) -> datetime:
    return datetime.fromisoformat(next(item[name] for name in names if name in item))
