"""The audit table: the log of every scaling, the lock against two at once, and the memory of cooldowns and quota.

One item per alarm transition, so that a second delivery of the same event meets its own item. An intent is written in
one transaction with a mark on the intent before it: of two invocations that decided on the same history, one wins. A
stream's first intent in a day has none before it; of two such, Kinesis refuses the second while the first is at work.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from .clients import error_code
from .model import QUOTA_WINDOW, Action, History, Reason, Record, Status, Trigger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE = timedelta(minutes=1)
"""How long an invocation may take from its intent to the answer of UpdateShardCount. Lambda's first retry of a failed
event comes no sooner, so a retry finds the lease of its crashed predecessor expired."""

OPEN_RECORDS_INDEX = "open-records"
_OPEN = "1"
_CURSOR_KEY = {"stream_name": {"S": "*"}, "event_time": {"S": "reconcile"}}
"""No stream can be called "*", so the cursor is in no stream's log; without event_date it is in no day's either."""

_HISTORY = QUOTA_WINDOW + timedelta(hours=1)
_KEY = ("stream_name", "event_time")
_TIMES = ("started_at", "finished_at", "last_seen_at", "retry_at", "lease_until")
_NUMBERS = ("from_shard_count", "to_shard_count", "occurrences")
_FRACTIONS = ("demand_shards", "utilization")
_AS_THEY_ARE = (
    "stream_name",
    "event_time",
    "message",
    "alarm_name",
    "alarm_reason",
    "request_id",
    "error",
    "call_accepted",
    "superseded_by",
    "lower_consumers",
)

logger = logging.getLogger("kinesis_autoscaler")

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class AlreadyRecordedError(Exception):
    """This event has a record already: it was delivered before."""


class SupersededError(Exception):
    """Another invocation has begun or finished something for this stream since its history was read."""


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, which sorts as text: `2026-11-21T19:20:11.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_key(at: datetime, action: Action) -> str:
    """The range key of an event: its time and direction."""
    return f"{timestamp(at)}#{action}"


def event_at(record: Record) -> datetime:
    """When the event of a record happened: for an alarm's, its change of state."""
    return datetime.fromisoformat(record.event_time.partition("#")[0])


class AuditTable:
    """The audit table of this autoscaler in DynamoDB."""

    def __init__(self, dynamodb: DynamoDBClient, *, table_name: str, retention_days: int) -> None:
        """Use this client and table; records expire after `retention_days`."""
        self._dynamodb = dynamodb
        self._table = table_name
        self._retention = timedelta(days=retention_days)

    def history(self, stream_name: str, now: datetime) -> History:
        """The stream's records of the last 24 hours and a little more, read consistently."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="stream_name = :stream AND event_time >= :since",
            ExpressionAttributeValues={":stream": {"S": stream_name}, ":since": {"S": timestamp(now - _HISTORY)}},
            ConsistentRead=True,
        )
        return History(tuple(_records(pages)))

    def open_records(self) -> list[Record]:
        """Every record that reconcile must come back to, of all streams; eventually consistent, like any index."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=OPEN_RECORDS_INDEX,
            KeyConditionExpression="#open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": _OPEN}},
        )
        return list(_records(pages))

    def begin(self, intent: Record, *, previous: tuple[Record, Record] | None) -> None:
        """Write an intent, and with it the outcome of the stream's intent before it, in one transaction.

        Args:
            intent: The new record, PENDING.
            previous: The stream's latest intent, as it was read and as it is to be left; None if there is none.

        Raises:
            AlreadyRecordedError: This event has a record.
            SupersededError: The previous intent is not what was read any more.
        """
        writes: list[Any] = [{"Put": self._put_request(intent, "attribute_not_exists(stream_name)", {})}]
        if previous is not None:
            before, after = previous
            writes.append({"Put": self._put_request(after.with_(superseded_by=intent.event_time), *_unchanged(before))})
        try:
            self._dynamodb.transact_write_items(TransactItems=writes)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            causes = [cause.get("Code") for cause in error.response.get("CancellationReasons", [])]
            if causes and causes[0] == "ConditionalCheckFailed":
                raise AlreadyRecordedError(f"{intent.stream_name} {intent.event_time} is on record.") from error
            if "ConditionalCheckFailed" in causes or "TransactionConflict" in causes:
                raise SupersededError(f"Another scaling of {intent.stream_name} has begun.") from error
            raise

    def add(self, record: Record) -> None:
        """Write a record that nothing is to be done about.

        Raises:
            AlreadyRecordedError: This event has a record.
        """
        try:
            self._put(record, "attribute_not_exists(stream_name)", {})
        except SupersededError as error:
            raise AlreadyRecordedError(f"{record.stream_name} {record.event_time} is on record.") from error

    def update(self, before: Record, after: Record) -> None:
        """Put `after` in place of `before`.

        Raises:
            SupersededError: The item is not what `before` says any more.
        """
        condition, values = _unchanged(before)
        self._put(after, condition, values)

    def skip(self, record: Record, *, latest: Record | None) -> Record:
        """Record a decision not to scale; a repeat of the stream's latest record only raises its `occurrences`.

        Returns:
            The record as it is stored.
        """
        seen_at = event_at(record)
        if latest is None or not _repeats(record, latest):
            first = record.with_(last_seen_at=seen_at)
            with suppress(AlreadyRecordedError):  # a second delivery at the same moment
                self.add(first)
            return first
        if latest.last_seen_at is not None and seen_at <= latest.last_seen_at:
            return latest  # the same delivery once more, or an older one
        repeated = record.with_(
            event_time=latest.event_time,
            started_at=latest.started_at,
            occurrences=latest.occurrences + 1,
            last_seen_at=seen_at,
        )
        try:
            self.update(latest, repeated)
        except SupersededError:
            return latest  # counted by someone else at the same moment; one look more or less does not matter
        return repeated

    def reconcile_cursor(self) -> str | None:
        """The stream at which the last reconcile ran out of time, if it did."""
        item = self._dynamodb.get_item(TableName=self._table, Key=_CURSOR_KEY).get("Item")
        return item["next_stream_name"]["S"] if item else None

    def keep_reconcile_cursor(self, next_stream_name: str) -> None:
        """Remember where the next reconcile must begin."""
        self._dynamodb.put_item(
            TableName=self._table, Item={**_CURSOR_KEY, "next_stream_name": {"S": next_stream_name}}
        )

    def drop_reconcile_cursor(self) -> None:
        """Every stream was reached."""
        self._dynamodb.delete_item(TableName=self._table, Key=_CURSOR_KEY)

    def _put(self, record: Record, condition: str, values: Mapping[str, Any]) -> None:
        try:
            self._dynamodb.put_item(**self._put_request(record, condition, values))
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise SupersededError(f"{record.stream_name} {record.event_time} has changed.") from error
            raise

    def _put_request(self, record: Record, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        request = {"TableName": self._table, "Item": self._item(record), "ConditionExpression": condition}
        if values:
            request["ExpressionAttributeNames"] = {"#status": "status"}
            request["ExpressionAttributeValues"] = dict(values)
        return request

    def _item(self, record: Record) -> dict[str, Any]:
        expires = (record.last_seen_at or record.started_at) + self._retention
        fields: dict[str, Any] = {
            "event_date": record.event_time[:10],
            "action": str(record.action),
            "trigger": str(record.trigger),
            "status": str(record.status),
            "reason": str(record.reason),
            "open": _OPEN if record.needs_reconcile else None,
            "expires_at": int(expires.timestamp()),
        }
        fields |= {name: getattr(record, name) for name in _AS_THEY_ARE}
        fields |= {name: getattr(record, name) for name in _NUMBERS}
        fields |= {name: _decimal(getattr(record, name)) for name in _FRACTIONS}
        fields |= {name: _optional_timestamp(getattr(record, name)) for name in _TIMES}
        return {name: _serialize(value) for name, value in fields.items() if value is not None}


def _unchanged(record: Record) -> tuple[str, dict[str, Any]]:
    """The condition that an item is still what was read, as far as two writers could disagree about it."""
    parts = ["#status = :status", "occurrences = :occurrences"]
    values: dict[str, Any] = {":status": {"S": str(record.status)}, ":occurrences": {"N": str(record.occurrences)}}
    for name in ("lease_until", "superseded_by"):
        value = getattr(record, name)
        if value is None:
            parts.append(f"attribute_not_exists({name})")
        else:
            parts.append(f"{name} = :{name}")
            values[f":{name}"] = {"S": timestamp(value) if isinstance(value, datetime) else value}
    return " AND ".join(parts), values


def _repeats(record: Record, latest: Record) -> bool:
    return (
        latest.status is Status.SKIPPED
        and Trigger.REQUEST not in (record.trigger, latest.trigger)  # whoever asked gets a record of their own
        and all(
            getattr(record, name) == getattr(latest, name)
            for name in ("reason", "action", "from_shard_count", "to_shard_count")
        )
    )


def _records(pages: Any) -> Iterator[Record]:  # noqa: ANN401 - botocore's page iterator
    for page in pages:
        for item in page["Items"]:
            read = {name: _deserialize(value) for name, value in item.items()}
            try:
                yield _record(read)
            except (KeyError, ValueError):
                # Written by a later version, or by hand: one item must not stop every stream.
                logger.exception("An audit item can't be read.", extra={"key": [read.get(k) for k in _KEY]})


def _record(item: Mapping[str, Any]) -> Record:
    fields: dict[str, Any] = {
        "action": Action(item["action"]),
        "trigger": Trigger(item["trigger"]),
        "status": Status(item["status"]),
        "reason": Reason(item["reason"]),
    }
    fields |= {name: item[name] for name in _AS_THEY_ARE if name in item}
    fields |= {name: int(item[name]) for name in _NUMBERS if name in item}
    fields |= {name: float(item[name]) for name in _FRACTIONS if name in item}
    fields |= {name: datetime.fromisoformat(item[name]) for name in _TIMES if name in item}
    return Record(**fields)


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.4f}")


def _optional_timestamp(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)
