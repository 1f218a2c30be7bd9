"""Every example is applied, planned again and destroyed, as its README says: without any variable.

They are found by listing the folder, and exist side by side in one account, because the time is spent waiting for AWS.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import boto3
import pytest

from simulator.deployment.terraform import REPOSITORY
from tests.lives.bench import NOTHING, Life, Outcome, bench

EXAMPLES = sorted(folder.name for folder in (REPOSITORY / "examples").iterdir() if folder.is_dir())
REGIONS = dict(zip(EXAMPLES, ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "sa-east-1"), strict=False))
"""Each example has a region of its own, so that neither their autoscalers nor their providers meet."""


@dataclass
class Lived:
    """An example from its apply to its destroy."""

    life: Life
    destroyed: Outcome


@pytest.fixture(scope="module")
def lived():
    """The results of each example."""
    with bench() as b:

        def live(name: str) -> Lived:
            root, region = roots[name], f"-var=region={REGIONS[name]}"
            return Lived(Life(root.apply(region), root.plan(region)), root.destroy(region))

        roots = {name: b.existing_root(b.repository / "examples" / name) for name in EXAMPLES}
        for root in roots.values():
            root.init()
        with ThreadPoolExecutor() as side_by_side:
            yield dict(zip(EXAMPLES, side_by_side.map(live, EXAMPLES), strict=True))


def test_there_are_examples():
    assert {"simple", "fleet", "complete"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_planned(lived, name):
    assert lived[name].life.apply.errors == []
    assert set(lived[name].life.apply.touched.values()) == {"create"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_one_apply_is_enough_for_an_example(lived, name):
    assert lived[name].life.apply.done == lived[name].life.apply.touched
    assert lived[name].life.left == NOTHING


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_destroyed(lived, name):
    assert lived[name].destroyed.errors == []
    assert lived[name].destroyed.done == dict.fromkeys(lived[name].life.apply.touched, "delete")
    assert left_behind(REGIONS[name]) == {}


def left_behind(region: str) -> dict[str, list[object]]:
    """Return the remaining resources of a region, by kind. The examples have some of each kind."""

    def found(service: str, operation: str, field: str) -> list[object]:
        return list(getattr(boto3.client(service, region_name=region), operation)().get(field, []))

    kinds = {
        "alarms": found("cloudwatch", "describe_alarms", "MetricAlarms"),
        "functions": found("lambda", "list_functions", "Functions"),
        "log groups": found("logs", "describe_log_groups", "logGroups"),
        "queues": found("sqs", "list_queues", "QueueUrls"),
        "schedules": found("scheduler", "list_schedules", "Schedules"),
        "streams": found("kinesis", "list_streams", "StreamNames"),
        "subscriptions": found("sns", "list_subscriptions", "Subscriptions"),
        "tables": found("dynamodb", "list_tables", "TableNames"),
        "topics": found("sns", "list_topics", "Topics"),
    }
    return {kind: things for kind, things in kinds.items() if things}
