"""Fields of an alarm that this runtime's SDK does not know: botocore drops them silently.

PutMetricAlarm overwrites the whole definition, so writing back what botocore has parsed would erase them. They are
found by parsing the response body again (botocore 1.44 uses JSON, 1.38 XML; the service also lists CBOR).
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from botocore.parsers import create_parser

UNKNOWN_FIELDS = "UnknownFields"
"""The key under which an alarm carries the names of its unknown fields; absent if there are none."""

_REPORTED = re.compile(r"State\w*|\w+(State|Timestamp|Arn)")
"""Read-only fields have such names in the current model, and settable fields do not. Writing cannot erase them."""


def watch(cloudwatch: Any) -> None:  # noqa: ANN401 - any client of CloudWatch
    """Make every alarm that this client describes carry the names of its unknown fields."""
    cloudwatch.meta.events.register("after-call.cloudwatch.DescribeAlarms", note)


def note(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
    """Add UNKNOWN_FIELDS to the alarms of a response, for example `["Metrics.Smoothing", "QuietPeriod"]`."""
    if alarms := {alarm["AlarmName"]: alarm for alarm in parsed.get("MetricAlarms", [])}:
        shape = model.output_shape.members["MetricAlarms"].member
        for raw in _body(http_response.content)["MetricAlarms"]:
            if names := sorted(set(_unknown(raw, shape))):
                alarms[raw["AlarmName"]][UNKNOWN_FIELDS] = names


def _unknown(value: Any, shape: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any shape, and its value
    if shape.type_name == "list":
        for each in value or []:
            yield from _unknown(each, shape.member, path)
    elif shape.type_name == "structure":
        for name, inner in (value or {}).items():
            if name in shape.members:
                yield from _unknown(inner, shape.members[name], f"{path}{name}.")
            elif inner not in (None, "", [], {}) and (path or not _REPORTED.fullmatch(name)):
                yield path + name


def _body(content: bytes) -> Any:  # noqa: ANN401 - as plain data
    if content.lstrip().startswith(b"{"):
        return json.loads(content)
    if content.lstrip().startswith(b"<"):
        return _plain(ElementTree.fromstring(content))["DescribeAlarmsResult"]  # noqa: S314 - from AWS, over TLS
    return create_parser("smithy-rpc-v2-cbor").parse_data_item(io.BufferedReader(io.BytesIO(content)))  # type: ignore[attr-defined]


def _plain(element: ElementTree.Element) -> Any:  # noqa: ANN401 - as plain data
    if all(child.tag.endswith("}member") for child in element) and len(element):
        return [_plain(child) for child in element]
    return {child.tag.rpartition("}")[2]: _plain(child) for child in element} or element.text
