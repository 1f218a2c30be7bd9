"""Foresight through the whole function: when it grows a stream, at its bounds, forecasting only, and off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.world import World, world

KINDS: dict[str, dict[str, Any]] = {
    "ahead": {},
    "careless": {"throttling_cost": 1},
    "capped": {"max_shard_count": 5},
    "watched": {"foresight": "forecast_only"},
    "without": {"foresight": "off"},
    "paused": {},
    "spent": {"calls_reserved_for_scale_up": 9},
}


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    """Streams with a batch at this time on each day. Today's batch is about to begin."""
    with world() as w:
        begins = w.now + timedelta(minutes=40)

        def demand(at: datetime) -> float:
            return 7.0 if timedelta() <= (at - begins) % timedelta(days=1) < timedelta(hours=1) else 2.4

        for name, settings in KINDS.items():
            w.add_stream(name, shards=4, demand=2.4, **{"target_utilization": 0.7, "foresight": "on", **settings})
        w.have_days(5, demand)
        w.pause("scale-up", name="paused")
        w.run(6)
        w.invoke({"action": "scale", "stream_name": "spent", "shard_count": 5, "reason": "the first call of the day"})
        w.run(33)
        yield w


def made(w: World, name: str) -> list[tuple[str, int]]:
    return [(item["reason"], item["to_shard_count"]) for item in w.log(name) if item["status"] == "SUCCEEDED"]


def plans(w: World) -> dict[str, Any]:
    """Return the plans in the heads of the audit table, by stream."""
    table = w.deployment.audit_table_name
    pages = w.aws.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    heads = [item for page in pages for item in page["Items"] if item["event_time"]["S"].startswith("head#")]
    return {item["event_time"]["S"].removeprefix("head#"): item["plan"]["M"] for item in heads if "plan" in item}


def test_it_grows_before_the_batch(w):
    assert made(w, "ahead") == [("EXPECTED_DEMAND", 7)]


def test_how_far_is_a_matter_of_what_throttling_costs(w):
    assert made(w, "careless") == []


def test_it_never_goes_beyond_the_maximum(w):
    assert made(w, "capped") == [("EXPECTED_DEMAND", 5)]


def test_it_leaves_the_calls_that_are_kept_for_demand(w):
    assert made(w, "spent") == [("REQUESTED", 5)]
    assert "QUOTA_RESERVED" in w.reasons("spent")


def test_a_paused_stream_is_left(w):
    assert made(w, "paused") == []


def test_where_it_only_watches_the_forecast_is_on_record_and_nothing_is_done(w):
    assert made(w, "watched") == []
    plan = plans(w)["watched"]
    assert float(plan["expected"]["N"]) == pytest.approx(7.0, abs=0.1)
    assert max(int(count["N"]) for count in plan["grow_to"]["L"]) == 7
    shown = w.metric("KinesisAutoscaler", "ExpectedShards", w.now - timedelta(hours=1), StreamName="watched")
    assert shown, "the dashboard draws it"


def test_where_it_is_off_no_forecast_is_paid_for(w):
    assert made(w, "without") == []
    assert plans(w)["without"]["days"]["N"] == "0"
    read = [
        call.parameters
        for invocation in w.invocations("reconcile")
        for call in invocation.api_calls
        if call.operation == "GetMetricData"
    ]
    days = [each["MetricDataQueries"] for each in read if each["EndTime"] - each["StartTime"] > timedelta(days=2)]
    forecasts = [str(queries) for queries in days if len(queries) == 2]
    assert any("watched" in each for each in forecasts)
    assert not any("without" in each for each in forecasts)


def test_no_rule_is_broken(w):
    assert w.broken_calls == []
