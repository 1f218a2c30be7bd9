"""The function's log: a line with fields for each decision, errors with their trace, filtered by `log_level`."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from simulator.local_aws.function import ApiCall
from tests.world import Outage, Running, World, world

FIELDS = {
    "stream",
    "action",
    "trigger",
    "status",
    "reason",
    "from_shard_count",
    "to_shard_count",
    "demand_shards",
    "calls_left",
    "hot_shard",
    "seconds",
    "error",
    "request_id",
    "requestId",
}


def steady(w: World) -> None:
    w.add_stream()
    w.run(12)


def set_level(w: World, level: str) -> None:
    """`log_level` as Terraform sets it."""
    client = w.aws.client("lambda")
    current = client.get_function_configuration(FunctionName=w.deployment.function_name)["LoggingConfig"]
    client.update_function_configuration(
        FunctionName=w.deployment.function_name, LoggingConfig={**current, "ApplicationLogLevel": level}
    )


def logged(w: World) -> list[dict[str, Any]]:
    """Return every line with a level. Printed lines (metrics) have none."""
    return [line for invocation in w.aws.functions.invocations for line in invocation.logs if "level" in line]


def deny(running: Running, call: ApiCall) -> None:
    if call.operation == "UpdateShardCount":
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, call.operation)


def test_a_scaling_is_a_line_when_it_begins_and_one_when_it_has_ended():
    with world() as w:
        steady(w)
        w.demand["orders"] = 7.0
        w.run(10)
        begun, ended = [line for line in logged(w) if "reason" in line]
        assert begun.keys() >= FIELDS
        assert (begun["level"], begun["status"], begun["calls_left"]) == ("INFO", "UPDATING", 9)
        assert (begun["from_shard_count"], begun["to_shard_count"], begun["demand_shards"]) == (8, 14, 7.0)
        assert (ended["status"], ended["request_id"]) == ("SUCCEEDED", begun["request_id"])
        assert ended["seconds"] > 60


def test_a_decision_not_to_scale_is_a_line_too():
    with world() as w:
        steady(w)
        w.tag_alarms(max_shard_count="8")
        w.demand["orders"] = 7.5
        w.run(4)
        [line] = [line for line in logged(w) if "reason" in line]
        assert (line["level"], line["status"], line["reason"]) == ("INFO", "SKIPPED", "AT_MAXIMUM")
        assert line["message"].startswith("Left orders at 8 shards, not scaled up: ")


def test_an_error_has_its_trace_and_says_what_it_was_about():
    with world() as w:
        steady(w)
        w.outages = [Outage("GetMetricData", times=100, kind="alarm")]
        w.demand["orders"] = 7.0
        w.run(6)
        [line, *_] = [line for line in logged(w) if line["level"] == "ERROR" and "stackTrace" in line]
        assert line["message"] == "A record failed."
        assert line["errorType"] == "ClientError"
        assert "kinesis-autoscaler/orders/scale-up" in line["sns_message"]
        assert any("scaling.py" in frame for frame in line["stackTrace"])


def test_the_level_lets_through_what_is_as_severe():
    with world() as w:
        steady(w)
        assert "INFO" in {line["level"] for line in logged(w)}
        set_level(w, "ERROR")
        w.aws.functions.invocations.clear()
        w.before_call = deny
        w.demand["orders"] = 7.0
        w.run(4)
        w.publish("a forgery")
        w.run(4)
        assert {line["level"] for line in logged(w)} == {"ERROR"}
