"""Fields of an alarm that AWS sends and the SDK does not know are detected, in every protocol."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any
from unittest.mock import patch
from xml.sax.saxutils import escape

import pytest
from botocore.awsrequest import AWSResponse
from botocore.session import Session
from moto.core.botocore_stubber import MockRawResponse

from kinesis_autoscaler import clients
from kinesis_autoscaler.alarm import Alarm
from kinesis_autoscaler.model import Action
from kinesis_autoscaler.settings import InvalidSettingsError
from kinesis_autoscaler.unknown_fields import _REPORTED, UNKNOWN_FIELDS, note, watch
from simulator.local_aws import LocalAWS, Transport
from tests.unit.account import alarm_definition

SESSION = Session()
PROTOCOLS = ("json", "query", "smithy-rpc-v2-cbor")

ALARM = {
    "AlarmName": "orders",
    "AlarmActions": ["topic"],
    "ActionsEnabled": True,
    "EvaluationPeriods": 3,
    "Metrics": [
        {"Id": "shardCount", "Expression": "4", "ReturnData": False},
        {"Id": "bytes", "MetricStat": {"Metric": {"Namespace": "AWS/Kinesis"}, "Period": 60, "Stat": "Sum"}},
    ],
}


def cloudwatch(protocol: str = "json", *, without: tuple[str, ...] = (), endpoint: str | None = None) -> Any:
    """A client with a given protocol, and an SDK so old that it lacks some members of MetricAlarm."""
    loader = SESSION.get_component("data_loader")
    load = loader.load_service_model
    model = deepcopy(load("cloudwatch", "service-2"))
    model["metadata"] |= {"protocol": protocol, "protocols": [protocol]}
    for name in without:
        del model["shapes"]["MetricAlarm"]["members"][name]

    def load_ours(service: str, kind: str, **version: Any) -> Any:
        return model if kind == "service-2" else load(service, kind, **version)

    with patch.object(loader, "load_service_model", load_ours):
        client = SESSION.create_client(
            "cloudwatch", "us-east-1", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b"
        )
    watch(client)
    return client


def described(protocol: str, *alarms: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the alarms from DescribeAlarms when AWS answers with these, in this protocol."""
    client = cloudwatch(protocol)
    body = {"json": as_json, "query": as_xml, "smithy-rpc-v2-cbor": as_cbor}[protocol]({"MetricAlarms": list(alarms)})
    answer = AWSResponse("https://monitoring.us-east-1.amazonaws.com", 200, {}, MockRawResponse(body))
    client.meta.events.register("before-send.cloudwatch.DescribeAlarms", lambda **_: answer)
    found: list[dict[str, Any]] = client.describe_alarms()["MetricAlarms"]
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
class TestInEveryProtocol:
    def test_an_alarm_that_the_sdk_understands_is_handed_out_as_ever(self, protocol):
        [alarm] = described(protocol, ALARM)
        assert alarm == ALARM

    def test_an_unknown_field_is_named(self, protocol):
        one, other = described(protocol, ALARM, {**ALARM, "AlarmName": "clicks", "QuietPeriod": 300})
        assert UNKNOWN_FIELDS not in one
        assert other[UNKNOWN_FIELDS] == ["QuietPeriod"]
        assert "QuietPeriod" not in other, "botocore drops it"

    def test_so_is_one_within_a_known_field(self, protocol):
        metrics = [{**query, "Smoothing": {"Minutes": 5}} for query in ALARM["Metrics"]]
        [alarm] = described(protocol, {**ALARM, "Metrics": metrics, "EvaluationWindow": {"CalendarWindow": {"A": 1}}})
        assert alarm[UNKNOWN_FIELDS] == ["EvaluationWindow.CalendarWindow", "Metrics.Smoothing"]

    def test_what_aws_only_reports_cannot_be_erased(self, protocol):
        [alarm] = described(protocol, {**ALARM, "StateHistory": "long", "LastFiredTimestamp": 5, "RuleArn": "arn:…"})
        assert UNKNOWN_FIELDS not in alarm

    def test_no_alarm_is_no_trouble(self, protocol):
        assert described(protocol) == []


def test_a_field_without_a_value_is_none():
    [alarm] = described("json", {**ALARM, "QuietPeriod": None, "QuietDays": [], "QuietWindow": {}, "QuietName": ""})
    assert UNKNOWN_FIELDS not in alarm


def test_a_field_that_is_switched_off_is_one():
    [alarm] = described("json", {**ALARM, "QuietPeriodEnabled": False})
    assert alarm[UNKNOWN_FIELDS] == ["QuietPeriodEnabled"]


def test_an_old_sdk_against_a_newer_aws():
    with LocalAWS(Transport.HTTP) as aws:
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName="orders",
            ComparisonOperator="GreaterThanThreshold",
            Metrics=[{"Id": "e", "Expression": "1", "ReturnData": True, "Period": 60}],
            Threshold=1,
            EvaluationPeriods=3,
            DatapointsToAlarm=2,
        )
        endpoint = aws.environment["AWS_ENDPOINT_URL"]
        [seen] = cloudwatch(endpoint=endpoint).describe_alarms()["MetricAlarms"]
        [old] = cloudwatch(endpoint=endpoint, without=("DatapointsToAlarm",)).describe_alarms()["MetricAlarms"]
    assert UNKNOWN_FIELDS not in seen
    assert old[UNKNOWN_FIELDS] == ["DatapointsToAlarm"]


def test_names_tell_today_what_aws_only_reports():
    model = cloudwatch().meta.service_model
    takes = model.operation_model("PutMetricAlarm").input_shape.members
    has = model.shape_for("MetricAlarm").members
    assert {name for name in has if re.fullmatch(_REPORTED, name)} == has.keys() - takes.keys()


# AWS's protocols


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_xml(value: Any) -> bytes:
    namespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"
    result = f"<DescribeAlarmsResult>{_xml(value)}</DescribeAlarmsResult>"
    return f'<DescribeAlarmsResponse xmlns="{namespace}">\n  {result}</DescribeAlarmsResponse>'.encode()


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(inner)}</member>" for inner in value)
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


def as_cbor(value: Any) -> bytes:
    """RFC 8949, as far as an alarm needs it."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(as_cbor, value))
    return _head(5, len(value)) + b"".join(as_cbor(part) for item in value.items() for part in item)


def _head(major: int, argument: int) -> bytes:
    return bytes([major << 5 | 26]) + argument.to_bytes(4, "big")


def test_an_alarm_with_such_a_field_is_never_rewritten():
    alarm = Alarm({**alarm_definition(Action.SCALE_UP), UNKNOWN_FIELDS: ["QuietPeriod"]})
    with pytest.raises(InvalidSettingsError, match=r"has QuietPeriod, which this function's runtime does not know"):
        alarm.require_rewritable()


def test_the_functions_own_client_notices_them():
    with LocalAWS(Transport.HTTP) as aws, patch.dict("os.environ", aws.environment):
        clients.client.cache_clear()
        handlers = clients.client("cloudwatch").meta.events._emitter._handlers.prefix_search(
            "after-call.cloudwatch.DescribeAlarms"
        )
        clients.client.cache_clear()
    assert note in list(handlers)
