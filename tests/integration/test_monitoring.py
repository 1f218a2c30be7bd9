"""The dashboards and saved queries that Terraform creates, on the reports of a working function."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from matplotlib.figure import Figure

from kinesis_autoscaler.model import Reason
from simulator.aws import log_queries, metric_math
from simulator.aws.cloudwatch import AlarmEvaluator
from simulator.aws.dashboards import lines
from simulator.deployment import NAME, add_health_alarms, recording
from simulator.local_aws.function import ApiCall
from simulator.reports.dashboard_pictures import Scene, draw
from tests.world import Running, World, world

RECORDED = json.loads(recording.FILE.read_text())
DASHBOARDS: dict[str, Any] = RECORDED["dashboards"]


def dashboard_of(stream_name: str) -> Any:
    [body] = (body for name, body in DASHBOARDS.items() if re.fullmatch(f"{NAME}-{stream_name}-[0-9a-f]{{8}}", name))
    return body


FLEET, STREAM = DASHBOARDS[NAME], dashboard_of("plain")
WIDGETS = [
    pytest.param(widget, id=f"{name}-{widget['properties'].get('title', widget['type'])}")
    for name, body in DASHBOARDS.items()
    for widget in body["widgets"]
]
GRAPHS = [each for each in WIDGETS if each.values[0]["type"] == "metric"]

# "Monitoring the Amazon Kinesis Data Streams service with Amazon CloudWatch", "Types of metrics for Lambda functions",
# "Available CloudWatch metrics for Amazon SQS": the metrics with only this dimension.
AWS_METRICS = {
    ("AWS/Kinesis", "StreamName"): {
        "GetRecords.Bytes",
        "GetRecords.IteratorAgeMilliseconds",
        "GetRecords.Records",
        "GetRecords.Success",
        "IncomingBytes",
        "IncomingRecords",
        "PutRecord.Success",
        "PutRecords.ThrottledRecords",
        "ReadProvisionedThroughputExceeded",
        "SubscribeToShardEvent.MillisBehindLatest",
        "WriteProvisionedThroughputExceeded",
    },
    ("AWS/Lambda", "FunctionName"): {
        "ConcurrentExecutions",
        "Duration",
        "Errors",
        "Invocations",
        "IteratorAge",
        "Throttles",
    },
    ("AWS/SQS", "QueueName"): {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"},
}


@dataclass(frozen=True)
class Metric:
    """A metric that a dashboard or an alarm requests from CloudWatch."""

    namespace: str
    name: str
    dimensions: frozenset[str]
    values: tuple[tuple[str, str], ...] = ()


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    """All reported events have occurred: scalings both ways, a maximum, a failure, a repair, a forged message."""
    with world() as w:
        as_by_default = {"scale_up": {}, "scale_down": {}, "scale_on_throttling": True, "foresight": "on"}
        w.add_stream("plain", shards=8, demand=4.0, **as_by_default)
        w.add_stream("full", shards=4, demand=3.9, max_shard_count=4, foresight="on")
        w.have_days(3, lambda at: 5.2)
        w.add_stream("falling", shards=8, demand=1.5)
        w.add_stream("denied", shards=4, demand=2.0)
        w.pause("scale-down", name="falling")
        w.run(30)
        w.pause("scale-down", name="falling", paused=False)  # its alarm has fired without effect
        w.before_call = deny_scaling_of("denied")
        w.demand |= {"plain": 7.5, "denied": 3.9}
        w.run(15)
        w.write_shard_count(5, "plain")
        w.publish("a forgery")
        w.run(
            36
        )  # to a moment at which five minutes of metrics have just come in: alarms' periods slide, graphs' don't
        assert {status for name in w.bounds for status in w.statuses(name)} == {"SUCCEEDED", "FAILED", "SKIPPED"}
        yield w


def deny_scaling_of(stream: str) -> Any:
    def before(running: Running, call: ApiCall) -> None:
        if call.operation == "UpdateShardCount" and call.parameters["StreamName"] == stream:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, call.operation)

    return before


def asked_for(widget: dict[str, Any]) -> Iterator[Metric]:
    """Yield the metrics of a graph, named or searched."""
    for row in widget["properties"]["metrics"]:
        if "expression" not in row[-1]:
            namespace, name, *pairs = (part for part in row if isinstance(part, str))
            values = dict(zip(pairs[::2], pairs[1::2], strict=True))
            yield Metric(namespace, name, frozenset(values), tuple(values.items()))
        for schema, terms in re.findall(r"SEARCH\('\{([^}]*)\}([^']*)'", row[-1].get("expression", "")):
            namespace, *dimensions = schema.split(",")
            values = dict(re.findall(r'(\w+)="([^"]*)"', terms))
            yield Metric(namespace, values.pop("MetricName"), frozenset(dimensions), tuple(values.items()))


def alarmed(alarm: dict[str, Any]) -> Iterator[Metric]:
    """Yield the metrics that an alarm watches."""
    queries = [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]
    for metric in queries or [alarm]:
        values = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        yield Metric(metric["Namespace"], metric["MetricName"], frozenset(values), tuple(values.items()))


def metrics_of(w: World) -> set[Any]:
    return {key for key in w.aws.store.keys() if key[0] == "KinesisAutoscaler"}  # noqa: SIM118 - no dict


def assert_exists(metric: Metric, w: World) -> None:
    if metric.namespace == "KinesisAutoscaler":
        reported = {(name, frozenset(dict(pairs))) for _, name, pairs in metrics_of(w)}
        assert (metric.name, metric.dimensions) in reported
    else:
        [dimension] = metric.dimensions
        assert metric.name in AWS_METRICS[metric.namespace, dimension]
    for dimension, value in metric.values:
        if dimension == "Reason":
            assert value in set(Reason)
        elif dimension == "FunctionName":
            assert value in (w.deployment.function_name, "reader")
        elif dimension == "QueueName":
            assert w.deployment.dead_letter_queue_url.endswith(f"/{value}")
        else:
            assert (dimension, value) in [("StreamName", "plain"), ("StreamName", "other")]


@pytest.mark.parametrize("widget", GRAPHS)
def test_every_metric_of_a_graph_exists(w, widget):
    metrics = list(asked_for(widget))
    assert metrics
    for metric in metrics:
        assert_exists(metric, w)


@pytest.mark.parametrize("name", RECORDED["health_alarms"])
def test_every_metric_of_a_health_alarm_exists(w, name):
    for metric in alarmed(RECORDED["health_alarms"][name]):
        assert_exists(metric, w)


@pytest.mark.parametrize("widget", GRAPHS)
def test_every_graph_can_be_computed(w, widget):
    found = lines(widget["properties"], w.aws.store, w.now - timedelta(hours=1), w.now)
    assert all(line.label and "PROP" not in line.label for line in found)


@pytest.mark.parametrize(
    ("body", "title", "labels"),
    [
        (FLEET, "Now", {"streams", "open shards", "USD a day at this size"}),
        (FLEET, "Open shards of the 20 largest streams", {"plain", "full", "falling", "denied"}),
        (FLEET, "Problems by reason", {"AT_MAXIMUM"}),
        (FLEET, "Streams that need more than max_shard_count (counted once a day)", {"full"}),
        (FLEET, "Failures", {"failures", "refused events"}),
        (STREAM, "Usage as computed by the scale-up alarm", {"usage"}),
        (STREAM, "Shards and scalings", {"open shards", "scaled up"}),
    ],
)
def test_a_graph_shows_what_has_happened(w, body, title, labels):
    [widget] = [each for each in body["widgets"] if each["properties"].get("title") == title]
    found = lines(widget["properties"], w.aws.store, w.now - timedelta(hours=2), w.now)
    assert labels <= {line.label for line in found if any(line.points.values())}


def test_the_numbers_of_the_fleet_are_those_of_its_streams(w):
    numbers = {}
    for title in ("Now", "In this time range"):
        [widget] = [each for each in FLEET["widgets"] if each["properties"].get("title") == title]
        for line in lines(widget["properties"], w.aws.store, w.now - timedelta(hours=2), w.now):
            numbers[line.label] = line.points[max(line.points)]
    shards = sum(w.shards(name) for name in w.bounds)
    assert (numbers["streams"], numbers["open shards"]) == (4, shards)
    assert numbers["USD a day at this size"] == pytest.approx(shards * 24 * 0.015)
    assert (numbers["scaled up"], numbers["scaled down"], numbers["alarms repaired"]) == (1, 1, 1)


@pytest.mark.parametrize("action", ["scale-up", "scale-down"])
def test_usage_is_drawn_as_the_alarm_computes_it(w, action):
    alarm = w.alarms("plain")[action]
    title = f"Usage as computed by the {action} alarm"
    [widget] = [each for each in STREAM["widgets"] if each["properties"].get("title") == title]
    [drawn] = lines(widget["properties"], w.aws.store, w.now - timedelta(hours=2), w.now)
    computed = AlarmEvaluator(w.aws.store, w.aws.clock).datapoints(alarm)
    lately = w.now.timestamp() - 20 * 60  # before its last scaling, the alarm used a count that no longer exists
    known = [(at, value) for at, value in computed if value is not None and at >= lately]
    both = [(drawn.points[at], value) for at, value in known if at in drawn.points]
    assert both
    for on_the_dashboard, in_the_alarm in both:
        assert on_the_dashboard == pytest.approx(in_the_alarm)
    [threshold] = widget["properties"]["annotations"]["horizontal"]
    assert threshold["value"] == alarm["Threshold"]


@pytest.mark.parametrize("name", ["plain", "other"])
def test_the_alarms_expressions_and_the_dashboards_are_the_same_but_for_the_shard_count(name):
    for action, alarm in RECORDED["streams"][name].items():
        in_the_alarm = {query["Id"]: query["Expression"] for query in alarm["Metrics"] if "Expression" in query}
        title = f"Usage as computed by the {action} alarm"
        [widget] = [each for each in dashboard_of(name)["widgets"] if each["properties"].get("title") == title]
        rows = [row[-1] for row in widget["properties"]["metrics"] if "expression" in row[-1]]
        on_the_dashboard = {row["id"]: row["expression"] for row in rows}
        assert on_the_dashboard.pop("shardCount") == "FILL(reported, REPEAT)"
        del in_the_alarm["shardCount"]
        assert on_the_dashboard == in_the_alarm
        for expression in in_the_alarm.values():
            metric_math.parse(expression)


@pytest.mark.parametrize("widget", WIDGETS)
def test_every_widget_is_within_the_consoles_grid_and_covers_no_other(widget):
    [body] = [each for each in DASHBOARDS.values() if widget in each["widgets"]]
    assert widget["x"] + widget["width"] <= 24
    mine = cells(widget)
    assert all(mine.isdisjoint(cells(other)) for other in body["widgets"] if other is not widget)


def cells(widget: dict[str, Any]) -> set[tuple[int, int]]:
    xs, ys = range(widget["x"], widget["x"] + widget["width"]), range(widget["y"], widget["y"] + widget["height"])
    return {(x, y) for x in xs for y in ys}


def test_nothing_of_a_dashboard_changes_with_a_scaling():
    for body in DASHBOARDS.values():
        assert not re.search(r'"expression": "[\d.]+", "id": "shardCount"', json.dumps(body, sort_keys=True))


@pytest.mark.parametrize("body", [pytest.param(FLEET, id="fleet"), pytest.param(STREAM, id="stream")])
def test_in_the_picture_of_a_dashboard_titles_fit_their_widgets_and_texts_do_not_overlap(w, tmp_path, body):
    add_health_alarms(w.aws, [])
    scene = Scene.of(w.aws, w.now - timedelta(hours=1))
    with patch.object(Figure, "savefig", autospec=True) as savefig:
        draw(body, scene, tmp_path / "dashboard.png")
    figure = savefig.call_args.args[0]
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in figure.texts if text.get_text()]
    for (one, box), (other, other_box) in combinations(boxes, 2):
        assert not box.overlaps(other_box), (one, other)
    for properties, right in ((each["properties"], each["x"] + each["width"]) for each in body["widgets"]):
        [box, *_] = [box for text, box in boxes if text == properties.get("title")] or [None]
        assert box is None or box.x1 < figure.bbox.width * right / 24 - 10, properties["title"]


# Saved queries


def run_query(w: World, name: str) -> list[dict[str, Any]]:
    log = [line for invocation in w.aws.functions.invocations for line in invocation.logs]
    return log_queries.run(RECORDED["log_queries"][f"{NAME}/{name}"], log)


def test_the_query_of_decisions_finds_every_record_with_its_numbers(w):
    rows = run_query(w, "decisions")
    found = {(row["stream"], row["reason"]) for row in rows}
    assert found == {(name, item["reason"]) for name in w.bounds for item in w.log(name)}
    shown = set().union(*rows)
    assert shown == set(log_queries.columns(RECORDED["log_queries"][f"{NAME}/decisions"]))


def test_the_query_of_failures_finds_what_failed_and_nothing_else(w):
    rows = run_query(w, "failures")
    assert {row.get("stream") for row in rows} == {"denied"}
    assert any("AccessDeniedException" in row.get("error", "") for row in rows)


def test_the_query_of_slow_reshards_shows_the_slowest_first(w):
    seconds = [row["seconds"] for row in run_query(w, "slowest-reshards")]
    assert len(seconds) == 2
    assert seconds == sorted(seconds, reverse=True)
