"""The reserved concurrency of a stream's consumers: raised at once, lowered late, never delaying a scaling."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.aws.kinesis import ConsumerState
from simulator.local_aws.function import ApiCall
from tests.world import Running, World, world


@pytest.fixture
def w():
    """A stream of 8 shards whose consumer `reader` gets a concurrency of 2 for each."""
    with world() as w:
        add_function(w, "reader")
        w.add_stream(consumer_functions={"reader": 2})
        w.aws.client("lambda").put_function_concurrency(FunctionName="reader", ReservedConcurrentExecutions=16)
        w.run(12)
        yield w


def add_function(w: World, name: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("reader.py", "def handler(event, context): ...")
    w.aws.client("lambda").create_function(
        FunctionName=name,
        Role="arn:aws:iam::123456789012:role/kinesis-autoscaler",
        Runtime="python3.13",
        Handler="reader.handler",
        Code={"ZipFile": archive.getvalue()},
    )


def concurrency(w: World, name: str = "reader") -> int:
    return w.aws.client("lambda").get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"]


def refuse(running: Running, call: ApiCall) -> None:
    if call.operation == "PutFunctionConcurrency":
        error: Any = {"Error": {"Code": "InvalidParameterValueException", "Message": "too little is left unreserved"}}
        raise ClientError(error, call.operation)


def test_they_get_more_as_soon_as_the_stream_begins_to_grow(w):
    w.demand["orders"] = 7.0
    w.run_until(lambda: w.statuses() == ["UPDATING"])
    assert w.summary()["StreamStatus"] == "UPDATING"
    assert concurrency(w) == 28


def test_they_keep_theirs_until_the_stream_has_shrunk_and_then_get_less(w):
    w.demand["orders"] = 1.6
    w.run_until(lambda: w.statuses() == ["UPDATING"])
    assert concurrency(w) == 16
    w.run_until(lambda: w.statuses() == ["SUCCEEDED"])
    w.run(10)
    assert w.shards() == 4
    assert concurrency(w) == 8


def test_they_keep_theirs_while_they_lag_behind(w):
    w.demand["orders"] = 1.6
    w.run_until(lambda: w.statuses() == ["UPDATING"])
    w.aws.streams.model("orders").consumer.state = ConsumerState.PAUSED
    w.run(30)
    assert w.statuses()[0] == "SUCCEEDED"
    assert concurrency(w) == 16
    w.aws.streams.model("orders").consumer.state = ConsumerState.RUNNING
    w.run(30)
    assert concurrency(w) == 8


def test_a_refusal_is_on_record_and_neither_stops_the_scaling_nor_removes_the_limit(w):
    w.before_call = refuse
    w.demand["orders"] = 7.0
    w.run(12)
    [record] = w.log()
    assert (record["status"], w.shards()) == ("SUCCEEDED", 14)
    assert record["error"].startswith("The concurrency of consumer reader could not be set to 28: ")
    assert "too little is left unreserved" in record["error"]
    assert concurrency(w) == 16
    assert w.broken_rules() == []


def test_one_that_is_missing_does_not_keep_the_others_from_theirs(w):
    add_function(w, "archiver")
    w.apply(consumer_functions={"deleted": 1, "archiver": 3, "reader": 2})
    w.demand["orders"] = 7.0
    w.run(12)
    [record] = w.log()
    assert record["status"] == "SUCCEEDED"
    assert "The concurrency of consumer deleted could not be set" in record["error"]
    assert (concurrency(w, "archiver"), concurrency(w)) == (42, 28)
