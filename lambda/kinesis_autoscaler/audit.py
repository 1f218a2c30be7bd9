"""The audit table: a log of every scaling, a lock against concurrent scalings, the memory of cooldowns and quota.

Each event has one item, so that a second delivery finds the item of the first. Each stream has one head, which the
transaction of every intent moves. Whoever moves the head, conditionally, may call Kinesis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from . import heads
from .clients import error_code
from .items import KEY, OPEN, item_of, records_of, unchanged
from .model import QUOTA_WINDOW, Head, History, Plan, Record, Status, Trigger
from .model.record import timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE = timedelta(seconds=45)
"""How long an invocation may take from its intent to the answer of UpdateShardCount. Lambda's first retry of a failed
event comes a minute after the failure, so that a retry finds the lease of its crashed predecessor expired."""

OLDEST_EVENT = timedelta(hours=24)
"""How old an event may be when the function acts on it. SNS and Lambda retry for hours."""

HISTORY = QUOTA_WINDOW + OLDEST_EVENT + timedelta(hours=1)
"""Records are stored under the time of their event, but count from the time of their call, which may be later."""

ONE_RECORD = timedelta(hours=1)
"""How long repeats of a decision not to scale are counted in one record. Then a new record begins, so that every day
has records in the table and the index."""

OPEN_RECORDS_INDEX = "open-records"
_CURSOR_KEY = {"stream_name": {"S": heads.NO_STREAM}, "event_time": {"S": "reconcile"}}
_NEW = "attribute_not_exists(stream_name)"
_CONDITION_FAILED = "ConditionalCheckFailed"


class AlreadyRecordedError(Exception):
    """This event has a record already: it was delivered before."""


class SupersededError(Exception):
    """Another invocation has begun or finished something for this stream since its history was read."""


class ReshardedElsewhereError(Exception):
    """The stream's shard count differs from the one that the head knows."""

    def __init__(self, head: Head) -> None:
        """Keep the head as it is."""
        super().__init__(f"The head of {head.stream_name} knows {head.shard_count} shards.")
        self.head = head


class AuditTable:
    """The audit table of this autoscaler in DynamoDB."""

    def __init__(self, dynamodb: DynamoDBClient, *, table_name: str, retention_days: int) -> None:
        """Use this client and table; records expire after `retention_days`."""
        self._dynamodb = dynamodb
        self._table = table_name
        self._retention = timedelta(days=retention_days)

    # The memory

    def history(self, stream_name: str, now: datetime) -> History:
        """The stream's records within the history, read consistently."""
        values = {":stream": {"S": stream_name}, ":since": {"S": timestamp(now - HISTORY)}}
        items = self._query(
            KeyConditionExpression="stream_name = :stream AND event_time >= :since",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        return History(tuple(records_of(items)))

    def open_records(self) -> list[Record]:
        """Every unfinished record of all streams; eventually consistent, like any index."""
        items = self._query(
            IndexName=OPEN_RECORDS_INDEX,
            KeyConditionExpression="#open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": OPEN}},
        )
        return list(records_of(items))

    def heads(self) -> dict[str, Head]:
        """Every stream's head, by the stream's name; eventually consistent."""
        return {head.stream_name: head for head in map(heads.of_item, self._query(**heads.query()))}

    # The lock

    def begin(self, intent: Record, *, previous: tuple[Record, Record] | None, shard_count: int, now: datetime) -> None:
        """Write an intent and move the stream's head to it, in one transaction.

        Args:
            intent: The new record, PENDING.
            previous: The stream's latest intent, as it was read and as it is to be left; None if the history has none.
            shard_count: The open shards on which the decision is based.
            now: The time of the history.

        Raises:
            AlreadyRecordedError: This event has a record.
            ReshardedElsewhereError: The head knows the stream at another shard count.
            SupersededError: Somebody else has moved the head, or the previous intent, since the history was read.
        """
        latest = previous[0].event_time if previous else None
        settles = previous is not None and previous[1] is not previous[0]
        head = heads.move(
            intent,
            latest=latest,
            horizon=now - HISTORY + OLDEST_EVENT,
            expires_at=now + self._retention,
            expected=None if settles else shard_count,
            becomes=shard_count if settles else None,  # should this call be refused, the head knows it nevertheless
        )
        writes = [self._write(intent, _NEW, {}), self._update(head)]
        if previous is not None and settles:
            writes.append(self._write(previous[1], *unchanged(previous[0])))
        try:
            self._transact(writes, intent, shard_count)
        except ReshardedElsewhereError as elsewhere:
            unread = elsewhere.head.latest_intent
            if unread is not None and unread != latest and unread >= timestamp(now - HISTORY):
                raise SupersededError(f"Another scaling of {intent.stream_name} has begun.") from elsewhere
            raise

    def note(self, record: Record, head: Head, now: datetime) -> None:
        """Write the record of a change that was made elsewhere, and move the head to it.

        Raises:
            AlreadyRecordedError: The very same is on record.
            SupersededError: The head has changed since it was read.
        """
        moved = heads.move(
            record,
            latest=head.latest_intent,
            horizon=now - HISTORY,
            expires_at=now + self._retention,
            expected=head.shard_count,
            becomes=record.target,
        )
        self._transact([self._write(record, _NEW, {}), self._update(moved)], record, None)

    def take_over(self, before: Record, after: Record, now: datetime) -> None:
        """Move the head on to another attempt at the same intent, whose lease has expired.

        Raises:
            SupersededError: Another invocation was faster.
        """
        head = heads.move(after, latest=before.event_time, horizon=now - HISTORY, expires_at=now + self._retention)
        self._transact([self._write(after, *unchanged(before)), self._update(head)], after, None)

    def update(self, before: Record, after: Record, *, shard_count: int | None = None) -> None:
        """Replace `before` with `after`; with `shard_count`, also update the count in the head.

        Raises:
            SupersededError: The item no longer equals `before`.
        """
        if shard_count is None:
            return self._put(self._put_request(after, *unchanged(before)))
        head = self._update(heads.settle(after.stream_name, shard_count))
        return self._transact([self._write(after, *unchanged(before)), head], after, None)

    # The log

    def add(self, record: Record) -> None:
        """Write a record that requires no further work.

        Raises:
            AlreadyRecordedError: This event has a record.
        """
        try:
            self._put(self._put_request(record, _NEW, {}))
        except SupersededError as error:
            raise AlreadyRecordedError(f"{record.stream_name} {record.event_time} is on record.") from error

    def skip(self, record: Record, *, latest: Record | None) -> Record:
        """Record a decision not to scale; a repeat of the stream's latest record soon after only raises its count.

        Returns:
            The record as it is stored.
        """
        seen_at = record.event_at
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
            return latest  # another invocation counted it at the same moment; one check more or less does not matter
        return repeated

    # The heads

    def adopt(self, stream_name: str, shard_count: int) -> None:
        """Create the head of a new stream."""
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.update_item(TableName=self._table, **heads.adopt(stream_name, shard_count))

    def check_up(self, stream_name: str, consumers: Mapping[str, float], now: datetime) -> None:
        """Store the time and result of the last check-up with the head."""
        update = heads.check_up(stream_name, consumers, now, now + self._retention)
        self._dynamodb.update_item(TableName=self._table, **update)

    def keep_plan(self, stream_name: str, plan: Plan, now: datetime) -> None:
        """Store a stream's plan with the head."""
        self._dynamodb.update_item(TableName=self._table, **heads.keep_plan(stream_name, plan, now + self._retention))

    # Where reconcile continues

    def reconcile_cursor(self) -> str | None:
        """The stream at which the last reconcile ran out of time, if any."""
        item = self._dynamodb.get_item(TableName=self._table, Key=_CURSOR_KEY).get("Item")
        return item["next_stream_name"]["S"] if item else None

    def keep_reconcile_cursor(self, next_stream_name: str) -> None:
        """Store where the next reconcile must begin."""
        item = {**_CURSOR_KEY, "next_stream_name": {"S": next_stream_name}}
        self._dynamodb.put_item(TableName=self._table, Item=item)

    def drop_reconcile_cursor(self) -> None:
        """Clear the cursor: the run has reached every stream."""
        self._dynamodb.delete_item(TableName=self._table, Key=_CURSOR_KEY)

    # Requests

    def _query(self, **parameters: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - as the API has them
        for page in self._dynamodb.get_paginator("query").paginate(TableName=self._table, **parameters):
            yield from page["Items"]

    def _put(self, request: dict[str, Any]) -> None:
        try:
            self._dynamodb.put_item(**request)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            if error.response.get("Item") == request["Item"]:
                return  # written by an attempt whose answer was lost
            stream_name, event_time = (request["Item"][name]["S"] for name in KEY)
            raise SupersededError(f"{stream_name} {event_time} has changed.") from error

    def _transact(self, writes: list[Any], record: Record, rests_on: int | None) -> None:
        """Write all or nothing: the record first, then the head, which must have `rests_on` shards if that is given."""
        try:
            self._dynamodb.transact_write_items(TransactItems=writes)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            reasons: list[Any] = list(error.response.get("CancellationReasons", []))
            failed = [reason.get("Code") == _CONDITION_FAILED for reason in reasons]
            own = writes[0]["Put"]
            if failed[:1] == [True]:
                if reasons[0].get("Item") == own["Item"]:
                    return  # written by an attempt whose answer was lost
                if own["ConditionExpression"] == _NEW:
                    raise AlreadyRecordedError(f"{record.stream_name} {record.event_time} is on record.") from error
            if rests_on is not None and failed[1:] == [True] and (item := reasons[1].get("Item")):
                head = heads.of_item(item)
                if head.shard_count not in (None, rests_on):
                    raise ReshardedElsewhereError(head) from error
            if any(failed) or any(reason.get("Code") == "TransactionConflict" for reason in reasons):
                raise SupersededError(f"Another scaling of {record.stream_name} has begun.") from error
            raise

    def _write(self, record: Record, condition: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - botocore's
        return {"Put": self._put_request(record, condition, values)}

    def _update(self, request: Mapping[str, Any]) -> Any:  # noqa: ANN401 - botocore's
        return {"Update": {"TableName": self._table, **request}}

    def _put_request(self, record: Record, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        item = item_of(record, expires_at=record.seen_at + self._retention)
        request = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            request["ExpressionAttributeNames"] = {"#status": "status"}
            request["ExpressionAttributeValues"] = dict(values)
        return request


def _repeats(record: Record, latest: Record) -> bool:
    return (
        latest.status is Status.SKIPPED
        and Trigger.REQUEST not in (record.trigger, latest.trigger)  # every request gets its own record
        and record.event_at - latest.event_at < ONE_RECORD
        and all(
            getattr(record, name) == getattr(latest, name)
            for name in ("reason", "action", "from_shard_count", "to_shard_count")
        )
    )
