"""Reads answers of CloudWatch's GetMetricData, and the files in which this project saves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from simulator.traffic.model import MOST_SHARDS, TraceError
from simulator.traffic.names import Name, name_of
from simulator.traffic.series import Content, Series, Stream, joined
from simulator.traffic.validation import Number, Time, series_of, valid

GET_METRIC_DATA = """\
aws cloudwatch get-metric-data --start-time 2026-10-01T00:00:00Z --end-time 2026-10-29T00:00:00Z \\
  --metric-data-queries '[
    {"Id": "incomingBytes", "MetricStat": {"Stat": "Sum", "Period": 300, "Metric": {
      "Namespace": "AWS/Kinesis", "MetricName": "IncomingBytes",
      "Dimensions": [{"Name": "StreamName", "Value": "orders"}]}}},
    {"Id": "incomingRecords", "MetricStat": {"Stat": "Sum", "Period": 300, "Metric": {
      "Namespace": "AWS/Kinesis", "MetricName": "IncomingRecords",
      "Dimensions": [{"Name": "StreamName", "Value": "orders"}]}}}
  ]' > orders.json"""
"""How to get a stream's traffic of four weeks. CloudWatch keeps it per minute for 15 days, per 5 minutes for 63."""

_COMPLETE = "Complete"


class _Message(BaseModel):
    Code: str = ""
    Value: str = ""


class _Result(BaseModel):
    Id: str | None = None
    Label: str | None = None
    Timestamps: list[Time]
    Values: list[Number]
    StatusCode: str | None = None
    Messages: list[_Message] | None = None


class _Stream(BaseModel):
    """The properties that this project adds to an answer when it saves it in a file."""

    Name: str
    Region: str = ""
    Mode: str = "PROVISIONED"
    OpenShardCount: Annotated[int, Field(ge=1, le=MOST_SHARDS)] | None = None
    Settings: dict[str, Any] | None = None
    ConsumerCount: Annotated[int, Field(ge=0, le=1000)] | None = None
    RetentionPeriodHours: Annotated[int, Field(ge=24, le=8760)] | None = None

    def as_stream(self) -> Stream:
        return Stream(
            self.Name,
            self.Region,
            self.OpenShardCount,
            self.Mode == "ON_DEMAND",
            self.Settings,
            self.ConsumerCount,
            self.RetentionPeriodHours,
        )


class _Page(BaseModel):
    MetricDataResults: list[_Result]
    Messages: list[_Message] | None = None
    NextToken: str | None = None
    Period: Annotated[int, Field(ge=1, le=3600)] | None = None
    Stream: _Stream | None = None


def metric_data(documents: Sequence[dict[str, Any]], path: Path) -> Content:
    """Return the series of one or more answers of GetMetricData, distinguished by their Id and Label."""
    pages = [valid(_Page, document, str(path)) for document in documents]
    if pages[-1].NextToken:
        raise TraceError(
            f"{path} ends with a NextToken: there are more pages; append them, or let the AWS CLI fetch them all, "
            "without --no-paginate and --max-items"
        )
    parts: dict[tuple[str, str], list[Series]] = {}
    statuses: dict[tuple[str, str], str] = {}
    notes = [_said(message, "") for page in pages for message in page.Messages or ()]
    for page in pages:
        for result in page.MetricDataResults:
            key = (result.Id or "", result.Label or "")
            name = name_of(key[1], key[0])
            if name is None:
                continue
            statuses[key] = result.StatusCode or _COMPLETE
            notes += [_said(message, key[1] or key[0]) for message in result.Messages or ()]
            parts.setdefault(key, []).append(_of_result(result, name, key[1] or key[0], path))
    for (id_, label), status in statuses.items():
        if status != _COMPLETE:
            raise TraceError(
                f"{path}: CloudWatch answered {status} for {label or id_}, so that values may be missing; "
                "get the data again"
            )
    if not any(len(each.at) for series in parts.values() for each in series):
        known = [result.Label or result.Id or "?" for page in pages for result in page.MetricDataResults]
        has = f"it has results of {', '.join(dict.fromkeys(known))[:200]}" if known else "it has no results"
        raise TraceError(
            f"{path} has no values of IncomingBytes or IncomingRecords: {has}. "
            f"Get them with this command, for a time in which the stream had traffic:\n{GET_METRIC_DATA}"
        )
    period = next((page.Period for page in pages if page.Period), None)
    stream = next((page.Stream.as_stream() for page in pages if page.Stream), None)
    return Content([joined(series) for series in parts.values()], notes, period, stream)


def _said(message: _Message, label: str) -> str:
    of = f" of {label}" if label else ""
    return f"CloudWatch says{of}: {message.Code} {message.Value}".strip()


def _of_result(result: _Result, name: Name, label: str, path: Path) -> Series:
    if len(result.Timestamps) != len(result.Values):
        raise TraceError(
            f"{path}: {label} has {len(result.Timestamps)} Timestamps and {len(result.Values)} Values; "
            "get the data again"
        )
    return series_of(name, label, result.Timestamps, result.Values, path)
