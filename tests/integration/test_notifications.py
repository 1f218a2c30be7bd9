"""Notifications to people: once for each event, with instructions."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.local_aws.function import ApiCall
from tests.integration.people import TOPIC_ARN, People
from tests.world import Running, world

CONSOLE = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#"


@pytest.fixture
def w():
    with world(NOTIFICATION_TOPIC_ARN=TOPIC_ARN) as w:
        w.people = People(w.aws)
        yield w
        for message in w.seen:
            assert len(message.subject) <= 100
            assert message.subject.isascii()
            sentence, blank, *facts = message.text.splitlines()
            assert re.fullmatch(r"[A-Z].*[^.]\.", sentence)
            assert blank == ""
            assert facts[0].startswith("Status: ")
            assert facts[-1] == f"Log: {CONSOLE}logsV2:log-groups/log-group/$252Faws$252Flambda$252Fkinesis-autoscaler"


def told(w: Any) -> list[Any]:
    new = w.people.messages()
    w.seen = [*getattr(w, "seen", []), *new]
    return new


def deny(running: Running, call: ApiCall) -> None:
    if call.operation == "UpdateShardCount":
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, call.operation)


def test_a_scaling_is_told_once_it_has_succeeded_with_its_numbers_and_where_to_look(w):
    w.add_stream()
    w.run(12)
    w.demand["orders"] = 7.0
    w.run(3)
    assert told(w) == []
    w.run(8)
    [message] = told(w)
    assert message.subject == "[kinesis-autoscaler] orders: scale-up SUCCEEDED"
    sentence, *facts = message.text.splitlines()
    assert sentence == (
        "Scaled orders from 8 to 14 shards: "
        "peak demand 7.0 shards in the last 3 minutes is 88% of capacity; target 60%."
    )
    assert facts[:5] == [
        "",
        "Status: SUCCEEDED, reason: HIGH_DEMAND",
        "Shards: 8 → 14",
        "Demand: 7.0 shards, 88% of capacity",
        f"Alarm: {CONSOLE}alarmsV2:alarm/kinesis-autoscaler%2Forders%2Fscale-up",
    ]


def test_a_scaling_that_failed_is_told_with_what_aws_said(w):
    w.add_stream()
    w.run(12)
    w.before_call = deny
    w.demand["orders"] = 7.0
    w.run(6)
    [message] = told(w)
    assert message.subject == "[kinesis-autoscaler] orders: scale-up FAILED"
    assert re.search(r"^Error: .*AccessDeniedException.*not you", message.text, re.MULTILINE)


def test_a_maximum_that_is_reached_is_told_once_a_day_and_again_after_a_scaling(w):
    w.add_stream(max_shard_count=8)
    w.run(12)
    w.demand["orders"] = 7.5
    w.run(40)
    [message] = told(w)
    assert message.text.startswith("Left orders at 8 shards, not scaled up: peak demand 7.5 shards")
    w.apply(max_shard_count=12)
    w.run(20)
    w.demand["orders"] = 11.9
    w.run(40)
    assert [each.subject.partition(": ")[2] for each in told(w)] == ["scale-up SUCCEEDED", "scale-up SKIPPED"]


def test_what_asks_nothing_of_a_person_is_not_told(w):
    w.add_stream()
    w.run(12)
    w.write_shard_count(4)
    w.run(5)
    assert w.reasons() == ["DEMAND_FITS"]
    assert told(w) == []


def test_the_longest_name_of_a_stream_fits_the_subject(w):
    name = "o" * 128
    w.add_stream(name)
    w.run(12)
    w.demand[name] = 7.0
    w.run(12)
    [message] = told(w)
    assert message.subject.startswith("[kinesis-autoscaler] ooo")


def test_a_topic_that_is_gone_stops_no_scaling(w):
    w.add_stream()
    w.run(12)
    w.aws.client("sns").delete_topic(TopicArn=TOPIC_ARN)
    w.demand["orders"] = 7.0
    w.run(12)
    assert w.statuses() == ["SUCCEEDED"]
    w.seen = []
