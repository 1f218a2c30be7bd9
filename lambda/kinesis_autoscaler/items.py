"""Audit records as DynamoDB items, and back."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from .model import Action, Reason, Record, Status, Trigger
from .model.record import timestamp

KEY = ("stream_name", "event_time")
OPEN = "1"
_TIMES = ("started_at", "finished_at", "last_seen_at", "retry_at", "lease_until")
_NUMBERS = ("from_shard_count", "to_shard_count", "occurrences", "heat_kept")
_FRACTIONS = ("demand_shards", "utilization")
_AS_THEY_ARE = (
    "stream_name",
    "event_time",
    "message",
    "because",
    "alarm_name",
    "alarm_reason",
    "request_id",
    "error",
    "hot_shard",
    "by_splits",
    "call_accepted",
    "lower_consumers",
)

logger = logging.getLogger("kinesis_autoscaler")

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def item_of(record: Record, *, expires_at: datetime) -> dict[str, Any]:
    """A record as a DynamoDB item."""
    fields: dict[str, Any] = {
        "event_date": record.event_time[:10],
        "action": str(record.action),
        "trigger": str(record.trigger),
        "status": str(record.status),
        "reason": str(record.reason),
        "open": OPEN if record.needs_reconcile else None,
        "expires_at": int(expires_at.timestamp()),
    }
    fields |= {name: getattr(record, name) for name in _AS_THEY_ARE}
    fields |= {name: getattr(record, name) for name in _NUMBERS}
    fields |= {name: _decimal(getattr(record, name)) for name in _FRACTIONS}
    fields |= {name: _optional_timestamp(getattr(record, name)) for name in _TIMES}
    fields["because"] = record.because or None
    return {name: _serialize(value) for name, value in fields.items() if value is not None}


def unchanged(record: Record) -> tuple[str, dict[str, Any]]:
    """The condition that an item has not changed since it was read, in the fields that writers change."""
    parts = ["#status = :status", "occurrences = :occurrences"]
    values: dict[str, Any] = {":status": {"S": str(record.status)}, ":occurrences": {"N": str(record.occurrences)}}
    if record.lease_until is None:
        parts.append("attribute_not_exists(lease_until)")
    else:
        parts.append("lease_until = :lease")
        values[":lease"] = {"S": timestamp(record.lease_until)}
    return " AND ".join(parts), values


def records_of(items: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    """The records of these items. An item that can't be read is logged and skipped."""
    for item in items:
        read = {name: _deserialize(value) for name, value in item.items()}
        try:
            yield _record(read)
        except (KeyError, ValueError):
            # Written by a later version, or by hand: one item must not stop every stream.
            logger.exception("An audit item can't be read.", extra={"key": [read.get(name) for name in KEY]})


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
