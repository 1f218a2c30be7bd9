"""Measures the autoscaler's own cost, without the shards: generated traffic runs through the packaged function.

A run on a local AWS counts all that AWS charges for: metrics of alarms, hours in which a custom metric is reported,
metrics requested from GetMetricData, bytes of the log, requests, units of DynamoDB, and Lambda's time. A cost belongs
to the stream that it names, otherwise to the fleet.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator.aws.assumptions import ASSUMED
from simulator.aws.prices import HOURS_PER_MONTH, RUNNING_IN_US_EAST_1
from simulator.deployment import add_health_alarms, add_stream, deploy
from simulator.local_aws import START, LocalAWS
from simulator.local_aws.replay_loop import replay
from simulator.traffic import Trace, Traffic
from simulator.traffic.generator import KINDS, generate_kind
from simulator.traffic.model import MINUTES_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulator.local_aws.function import ApiCall, Invocation

SEED = 7
DAYS = 4
WARM_UP_DAYS = 2
"""Not counted: a stream without known days is scaled more often. Both are short, so a run takes minutes."""

FLEET = ""
"""The owner of costs that belong to no stream."""

AT_EVERY_RECONCILE = ("Reconciles", "Streams", "ShardCount")
"""The fleet's metrics that are always reported. The others depend on what happens."""

AT_MAXIMUM = "at its maximum"
"""A stream that always needs more than its maximum, in addition to the generated kinds."""

_AT_MAXIMUM_SHARDS = 4
_MAX_SHARDS = 64
_MEMORY_GIGABYTES = 0.25
_LOG_EVENT_BYTES = 26  # CloudWatch Logs adds this to each event
_PAGE_ALARMS = 100  # of a DescribeAlarms page
_RECONCILES_AN_HOUR = 12
_READ_UNITS_OF_A_QUERY = 10
"""Assumed: two days of a stream's records, about 1 KB each. A thousand such queries cost a tenth of a cent."""

_WRITES = {"PutItem": 1, "UpdateItem": 1, "DeleteItem": 1, "TransactWriteItems": 2}
_READS = {"Query", "GetItem"}


@dataclass
class Usage:
    """The usage of one stream, or of the fleet, in the measured hours."""

    metric_hours: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The hours in which each custom metric was reported."""
    counts: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True)
class Upkeep:
    """Dollars a month, by purpose."""

    alarms: float
    custom_metrics: float
    metric_data: float
    rest: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.alarms + self.custom_metrics + self.metric_data + self.rest


@dataclass(frozen=True)
class Measured:
    """The results of a run.

    Attributes:
        days: the number of counted days.
        streams: the cost of a stream, by kind of traffic.
        fleet: the fixed cost of the fleet: reconcile, its metrics and the health alarms.
        totals: the fleet's metrics that depend on what happens, each with the share of hours in which it was reported.

    """

    days: int
    streams: Mapping[str, Upkeep]
    fleet: Upkeep
    totals: Mapping[str, float]

    @property
    def mean(self) -> float:
        """The mean cost of the generated kinds of streams, in dollars a month."""
        generated = [upkeep.total for kind, upkeep in self.streams.items() if kind != AT_MAXIMUM]
        return sum(generated) / len(generated)

    def of_fleet(self, streams: int) -> float:
        """Return the dollars a month for a number of streams.

        With more streams, the fleet's metrics are reported in more hours, and listing the alarms takes more pages.
        """
        hours = sum(min(1.0, share * streams / len(self.streams)) for share in self.totals.values())
        pages = math.ceil(2 * streams / _PAGE_ALARMS) - 1
        reconciles = HOURS_PER_MONTH * _RECONCILES_AN_HOUR
        listing = pages * reconciles * RUNNING_IN_US_EAST_1.request
        return streams * self.mean + self.fleet.total + hours * _month_of_a_metric() + listing


def measure(
    kinds: Sequence[str] = (*KINDS, AT_MAXIMUM),
    *,
    days: int = DAYS,
    warm_up_days: int = WARM_UP_DAYS,
) -> Measured:
    """Run one stream of each kind side by side: generated kinds, and AT_MAXIMUM."""
    traces = {kind.replace(" ", "-"): _trace(kind, days) for kind in kinds}
    usage: dict[str, Usage] = defaultdict(Usage)
    begins = START + timedelta(days=warm_up_days)
    with LocalAWS() as aws:
        deploy(aws)
        for name, trace in traces.items():
            capped = trace.name == AT_MAXIMUM
            shards = _AT_MAXIMUM_SHARDS if capped else max(2, math.ceil(trace.minutes[0].shards / 0.7))
            add_stream(aws, name, shards, max_shard_count=_AT_MAXIMUM_SHARDS if capped else _cap(trace))
        for _ in replay(aws, traces):
            for invocation in aws.functions.invocations:
                if begins <= invocation.started_at < begins + (days - warm_up_days) * timedelta(days=1):
                    _count(usage, invocation, int((invocation.started_at - begins) / timedelta(hours=1)))
            aws.functions.invocations.clear()
        add_health_alarms(aws, [])
        alarm_metrics = _alarm_metrics(aws)
    hours = (days - warm_up_days) * 24
    of_fleet = usage[FLEET].metric_hours
    totals = {metric: len(of_fleet.pop(metric)) / hours for metric in [*of_fleet] if metric not in AT_EVERY_RECONCILE}
    return Measured(
        days=days - warm_up_days,
        streams={trace.name: _upkeep(usage[name], alarm_metrics[name], hours) for name, trace in traces.items()},
        fleet=_upkeep(usage[FLEET], alarm_metrics[FLEET], hours),
        totals=totals,
    )


def _trace(kind: str, days: int) -> Trace:
    if kind == AT_MAXIMUM:
        return Trace(kind, START, [Traffic.for_shards(0.98 * _AT_MAXIMUM_SHARDS)] * days * MINUTES_PER_DAY)
    series = generate_kind(kind, SEED, days=days)
    return Trace(kind, START, [Traffic.for_shards(float(shards)) for shards in series])


def _cap(trace: Trace) -> int:
    """Return a maximum that the traffic does not reach."""
    return max(_MAX_SHARDS, 4 * math.ceil(max(minute.shards for minute in trace.minutes)))


def _alarm_metrics(aws: LocalAWS) -> Counter[str]:
    """Return the number of metrics in the alarms of each stream, and in those of the fleet."""
    found: Counter[str] = Counter()
    for page in aws.client("cloudwatch").get_paginator("describe_alarms").paginate():
        for alarm in page["MetricAlarms"]:
            _, *of_stream = alarm["AlarmName"].split("/")
            found[of_stream[0] if of_stream else FLEET] += sum("MetricStat" in query for query in alarm["Metrics"])
    return found


def _count(usage: dict[str, Usage], invocation: Invocation, hour: int) -> None:
    for line in invocation.logs:
        owner = line.get("StreamName") or line.get("stream") or FLEET
        usage[owner].counts["log bytes"] += len(json.dumps(line, default=str)) + _LOG_EVENT_BYTES
        for metric, dimensions in _custom_metrics(line):
            labels = "/".join(value for name, value in dimensions.items() if name not in ("StreamName", "FunctionName"))
            usage[dimensions.get("StreamName", FLEET)].metric_hours[f"{metric} {labels}".strip()].add(hour)
    owners = [_owner(call) for call in invocation.api_calls]
    for call, owner in zip(invocation.api_calls, owners, strict=True):
        counts = usage[owner].counts
        counts["seconds"] += ASSUMED.call_seconds
        counts["writes"] += _write_units(call)
        counts["reads"] += _READ_UNITS_OF_A_QUERY * (call.operation in _READS)
        if call.operation == "GetMetricData":
            counts["data metrics"] += len(call.parameters["MetricDataQueries"])
        elif call.service == "cloudwatch":
            counts["requests"] += 1
    streams = set(owners) - {FLEET}
    usage[streams.pop() if len(streams) == 1 else FLEET].counts["invocations"] += 1


def _custom_metrics(line: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Return the metrics that an embedded metric line reports, with their dimensions."""
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
        for names in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                yield metric["Name"], {name: line[name] for name in names}


def _write_units(call: ApiCall) -> int:
    """Return the write units: one for each KB, in the table and in the index by day. A transaction costs double."""
    kilobytes = math.ceil(len(json.dumps(call.parameters, default=str)) / 1024)
    return 2 * _WRITES.get(call.operation, 0) * kilobytes


def _owner(call: ApiCall) -> str:
    """Return the stream that a call belongs to."""
    given = call.parameters
    if call.operation == "GetMetricData":
        dimensions = given["MetricDataQueries"][0]["MetricStat"]["Metric"]["Dimensions"]
        return str(dimensions[0]["Value"])
    if "StreamName" in given:
        return str(given["StreamName"])
    text = json.dumps([value for name, value in given.items() if name != "TableName"], default=str)
    for names in given.get("AlarmNames") or [given.get("AlarmName") or given.get("ResourceARN") or ""]:
        if "/" in names:
            return str(names.split("/")[1])
    for key in ("stream_name", ":stream"):
        if f'"{key}": ' in text:
            value = text.split(f'"{key}": ', 1)[1].split('"')
            return FLEET if value[1] == "*" else str(value[3] if value[1] == "S" else value[1])
    return FLEET


def _upkeep(usage: Usage, alarm_metrics: int, hours: int) -> Upkeep:
    prices, counts, month = RUNNING_IN_US_EAST_1, usage.counts, HOURS_PER_MONTH / hours
    return Upkeep(
        alarms=alarm_metrics * prices.alarm_metric_month,
        custom_metrics=sum(map(len, usage.metric_hours.values())) / hours * _month_of_a_metric(),
        metric_data=counts["data metrics"] * prices.data_metric * month,
        rest=month
        * (
            counts["requests"] * prices.request
            + counts["log bytes"] * prices.log_byte
            + counts["writes"] * prices.write_unit
            + counts["reads"] * prices.read_unit
            + counts["seconds"] * _MEMORY_GIGABYTES * prices.gigabyte_second
            + counts["invocations"] * prices.invocation
        ),
    )


def _month_of_a_metric() -> float:
    return RUNNING_IN_US_EAST_1.custom_metric_hour * HOURS_PER_MONTH
