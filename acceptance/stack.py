"""The applied resources: the stream, its alarms, the function, the audit table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from acceptance.account import Account
from acceptance.errors import error_code

UP, DOWN = "scale-up", "scale-down"
Record = Mapping[str, Any]
"""An item of the audit table."""

_POLLS = 5
"""A short poll asks only some of SQS's servers. A long poll would never end where time passes only during sleeps."""

_read = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Answer:
    """The answer to a synchronous invocation: the payload, or the function's error."""

    payload: Mapping[str, Any]
    error: str | None = None


class Stack:
    """The autoscaler and its streams."""

    def __init__(self, account: Account, outputs: Mapping[str, str]) -> None:
        """Read the identities from the root's output `stack`."""
        self.account = account
        self.stream_name = outputs["stream_name"]
        self.probe_name = outputs["probe_name"]
        self.alarm_names = {UP: outputs["scale_up_alarm"], DOWN: outputs["scale_down_alarm"]}
        self.function_name = outputs["function_name"]
        self.runtime_function_name = outputs["runtime_function_name"]
        self.topic_arn = outputs["topic_arn"]
        self.audit_table_name = outputs["audit_table_name"]
        self.dead_letter_queue_url = outputs["dead_letter_queue_url"]
        self.log_group_name = outputs["log_group_name"]

    # The stream

    def stream(self, name: str | None = None) -> Mapping[str, Any]:
        """Return the answer of DescribeStreamSummary."""
        answer = self.account.client("kinesis").describe_stream_summary(StreamName=name or self.stream_name)
        summary: Mapping[str, Any] = answer["StreamDescriptionSummary"]
        return summary

    def active_with(self, name: str | None = None) -> int | None:
        """Return the open shards of a stream that is ACTIVE, else None."""
        summary = self.stream(name)
        return int(summary["OpenShardCount"]) if summary["StreamStatus"] == "ACTIVE" else None

    # Its alarms

    def alarms(self) -> dict[str, Mapping[str, Any]]:
        """Return both alarms by direction."""
        names = list(self.alarm_names.values())
        found = self.account.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        by_name = {alarm["AlarmName"]: alarm for alarm in found}
        return {direction: by_name[name] for direction, name in self.alarm_names.items() if name in by_name}

    def counts_in_alarms(self) -> dict[str, int]:
        """Return the literal `shardCount` of each alarm, by name."""
        return {
            alarm["AlarmName"]: int(float(query["Expression"]))
            for alarm in self.alarms().values()
            for query in alarm["Metrics"]
            if query["Id"] == "shardCount"
        }

    def minutes(self, name: str, metric: str, since: datetime, until: datetime) -> dict[datetime, float]:
        """Return the sum of a Kinesis metric for each minute with a datapoint."""
        query = {
            "Id": "m",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Kinesis",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "StreamName", "Value": name}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        [answer] = self.account.client("cloudwatch").get_metric_data(
            MetricDataQueries=[query], StartTime=since.replace(second=0, microsecond=0), EndTime=until
        )["MetricDataResults"]
        return dict(zip(answer["Timestamps"], answer["Values"], strict=True))

    # The function

    def invoke(self, event: Mapping[str, Any], function_name: str | None = None) -> Answer:
        """Invoke a function and wait for its answer."""
        answer = self.account.client("lambda").invoke(
            FunctionName=function_name or self.function_name, Payload=json.dumps(event)
        )
        payload = json.load(answer["Payload"])
        if answer.get("FunctionError"):
            kind, message = payload.get("errorType", answer["FunctionError"]), payload.get("errorMessage", "")
            return Answer({}, f"{kind}: {message}")
        return Answer(payload)

    def request(self, shard_count: int, reason: str, at: datetime) -> Answer:
        """Request a shard count from the function, as a person would."""
        return self.invoke(
            {
                "action": "scale",
                "stream_name": self.stream_name,
                "shard_count": shard_count,
                "reason": reason,
                "requested_at": at.isoformat(),
            }
        )

    def configuration(self) -> Mapping[str, Any]:
        """Return the function's configuration."""
        found: Mapping[str, Any] = self.account.client("lambda").get_function_configuration(
            FunctionName=self.function_name
        )
        return found

    def configure(self, **settings: int) -> None:
        """Change the function's configuration without Terraform."""
        self.account.client("lambda").update_function_configuration(FunctionName=self.function_name, **settings)

    def is_settled(self) -> bool:
        """Return whether the function's latest configuration is in effect."""
        found = self.configuration()
        return found.get("State") == "Active" and found.get("LastUpdateStatus", "Successful") == "Successful"

    # Its records

    def records(self) -> list[Record]:
        """Return the stream's items in the audit table, oldest first."""
        pages = (
            self.account.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.audit_table_name,
                KeyConditionExpression="stream_name = :stream",
                ExpressionAttributeValues={":stream": {"S": self.stream_name}},
                ConsistentRead=True,
            )
        )
        return [{name: _read(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def find(self, event_time: str) -> Record | None:
        """Return the record of one event."""
        return next((record for record in self.records() if record["event_time"] == event_time), None)

    def open_records(self) -> list[Record]:
        """Return the unfinished records."""
        return [record for record in self.records() if record["status"] in ("PENDING", "UPDATING")]

    # Failures

    def dead_letters(self) -> list[str]:
        """Return the errors of permanently failed events in the queue."""
        bodies: list[Any] = []
        for _ in range(_POLLS):
            answer = self.account.client("sqs").receive_message(
                QueueUrl=self.dead_letter_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0
            )
            bodies += [json.loads(message["Body"]) for message in answer.get("Messages", ())]
        failures = [body.get("responsePayload") or {} for body in bodies]
        return [f"{each.get('errorType', 'error')}: {each.get('errorMessage', '')}" for each in failures]

    def log_errors(self, since: datetime) -> list[str]:
        """Return the error messages in the function's log, or nothing if it cannot be read."""
        try:
            events = self.account.client("logs").filter_log_events(
                logGroupName=self.log_group_name,
                filterPattern="ERROR",
                startTime=int((since - timedelta(minutes=1)).timestamp() * 1000),
            )["events"]
        except ClientError as error:
            return [f"(its log cannot be read: {error_code(error)})"]
        return [re.sub(r"\s+", " ", event["message"])[:400] for event in events]
