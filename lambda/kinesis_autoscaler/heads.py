"""The head of each stream as a DynamoDB item, and the conditions on which it moves.

Every intent moves its stream's head, in the transaction that writes it, on condition that the head is still the one on
which the decision is based. Whoever moves the head, conditionally, may call Kinesis.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from .model import Head, Plan, Record
from .model.record import timestamp

NO_STREAM = "*"
"""No stream can have this name, so its items are in no stream's log. Without event_date they are in no day's index."""

_HEAD = "head#"

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def key(stream_name: str) -> dict[str, Any]:
    """The key of a stream's head."""
    return {"stream_name": {"S": NO_STREAM}, "event_time": {"S": _HEAD + stream_name}}


def query() -> dict[str, Any]:
    """The parameters of the Query that finds every head."""
    return {
        "KeyConditionExpression": "stream_name = :none AND begins_with(event_time, :head)",
        "ExpressionAttributeValues": {":none": {"S": NO_STREAM}, ":head": {"S": _HEAD}},
    }


def of_item(item: Mapping[str, Any]) -> Head:
    """A head from its item."""
    read = {name: _deserialize(value) for name, value in item.items()}
    checked_at = read.get("checked_at")
    return Head(
        stream_name=read["event_time"].removeprefix(_HEAD),
        latest_intent=read.get("latest_intent"),
        shard_count=int(read["shard_count"]) if "shard_count" in read else None,
        consumers={name: float(value) for name, value in read.get("consumers", {}).items()},
        checked_at=datetime.fromisoformat(checked_at) if checked_at else None,
        plan=_plan_of(read["plan"]) if "plan" in read else None,
    )


def move(
    intent: Record,
    *,
    latest: str | None,
    horizon: datetime,
    expires_at: datetime,
    expected: int | None = None,
    becomes: int | None = None,
) -> dict[str, Any]:
    """The update that makes `intent` the latest, on condition that nobody else has moved the head.

    Args:
        intent: The record to move to.
        latest: The latest intent that is known.
        horizon: An intent from before this time is in no history, so it need not be known.
        expires_at: When DynamoDB may delete the head.
        expected: The shard count on which the decision is based; None if an unfinished change makes it unknown.
        becomes: The shard count from now on, if it has changed.
    """
    values = {
        ":intent": {"S": intent.event_time},
        ":moved": {"S": timestamp(intent.lease_until or intent.started_at)},
        ":horizon": {"S": timestamp(horizon)},
        ":expires": {"N": str(int(expires_at.timestamp()))},
    }
    known = "attribute_not_exists(latest_intent) OR moved_at < :horizon"
    if latest is not None:
        known += " OR latest_intent = :latest"
        values[":latest"] = {"S": latest}
    condition, update = f"({known})", "SET latest_intent = :intent, moved_at = :moved, expires_at = :expires"
    if expected is not None:
        condition += " AND (attribute_not_exists(shard_count) OR shard_count = :expected)"
        values[":expected"] = {"N": str(expected)}
    if becomes is not None:
        update += ", shard_count = :becomes"
        values[":becomes"] = {"N": str(becomes)}
    return {
        "Key": key(intent.stream_name),
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def settle(stream_name: str, shard_count: int) -> dict[str, Any]:
    """The update that sets the head's shard count."""
    return {
        "Key": key(stream_name),
        "UpdateExpression": "SET shard_count = :count",
        "ExpressionAttributeValues": {":count": {"N": str(shard_count)}},
    }


def adopt(stream_name: str, shard_count: int) -> dict[str, Any]:
    """The update that creates a stream's head."""
    return {**settle(stream_name, shard_count), "ConditionExpression": "attribute_not_exists(shard_count)"}


def check_up(stream_name: str, consumers: Mapping[str, float], now: datetime, expires_at: datetime) -> dict[str, Any]:
    """The update that stores the time and result of a stream's last check-up."""
    return {
        "Key": key(stream_name),
        "UpdateExpression": "SET checked_at = :now, consumers = :consumers, expires_at = :expires",
        "ExpressionAttributeValues": {
            ":now": {"S": timestamp(now)},
            ":consumers": _serialize({name: Decimal(str(value)) for name, value in consumers.items()}),
            ":expires": {"N": str(int(expires_at.timestamp()))},
        },
    }


def keep_plan(stream_name: str, plan: Plan, expires_at: datetime) -> dict[str, Any]:
    """The update that stores a stream's plan."""
    item = {
        "made_at": timestamp(plan.made_at),
        "shard_count": plan.shard_count,
        "grow_to": list(plan.grow_to),
        "shrink_to": plan.shrink_to,
        "expected": None if plan.expected is None else Decimal(f"{plan.expected:.3f}"),
        "days": plan.days,
    }
    return {
        "Key": key(stream_name),
        "UpdateExpression": "SET #plan = :plan, expires_at = :expires",
        "ExpressionAttributeNames": {"#plan": "plan"},
        "ExpressionAttributeValues": {
            ":plan": _serialize(item),
            ":expires": {"N": str(int(expires_at.timestamp()))},
        },
    }


def _plan_of(item: Mapping[str, Any]) -> Plan:
    expected = item["expected"]
    return Plan(
        made_at=datetime.fromisoformat(item["made_at"]),
        shard_count=int(item["shard_count"]),
        grow_to=tuple(int(count) for count in item["grow_to"]),
        shrink_to=int(item["shrink_to"]),
        expected=None if expected is None else float(expected),
        days=int(item["days"]),
    )
