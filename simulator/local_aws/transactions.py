"""DynamoDB: moto copies a whole table for each item of a transaction; here only the items that it writes.

Otherwise a fleet of a thousand streams would spend most of its time and memory on copies.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from moto.dynamodb.models.table import Table


class Transactions:
    """Runs each transaction on tables that contain only the items that it writes."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch the method with which moto runs a transaction."""
        run = DynamoDBBackend.transact_write_items

        def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
            keys = _keys(backend, transact_items)
            part = copy.copy(backend)  # not a change of the backend: another thread may be reading from it
            part.tables = type(backend.tables)(backend.tables)
            for name, written in keys.items():
                part.tables[name] = _with_only(backend.tables[name], written)
            try:
                run(part, transact_items)
            finally:  # also after a refusal, because moto may have changed an item before, and then restores a copy
                for name, table in part.tables.items():
                    if name in keys:
                        _take_over(backend.tables[name], table, keys[name])
                    else:
                        backend.tables[name] = table

        yield patch.object(DynamoDBBackend, "transact_write_items", transact_write_items)


_Key = tuple[DynamoType, DynamoType]


def _keys(backend: DynamoDBBackend, transact_items: Sequence[dict[str, Any]]) -> dict[str, list[_Key]]:
    """Return the keys that are written, by table. Unknown tables, and those without a range key, are left to moto."""
    keys: dict[str, list[_Key]] = defaultdict(list)
    for each in transact_items:
        for operation in each.values():
            table = backend.tables.get(operation.get("TableName"))
            attributes = operation.get("Key") or operation.get("Item") or {}
            names = (table.hash_key_attr, table.range_key_attr) if table else ()
            if table and all(name in attributes for name in names):
                hash_key, range_key = (DynamoType(attributes[name]) for name in names)
                keys[table.name].append((hash_key, range_key))
    return keys


def _with_only(table: Table, keys: Sequence[_Key]) -> Table:
    part = copy.copy(table)
    part.items = defaultdict(dict)
    for hash_key, range_key in keys:
        if range_key in table.items.get(hash_key, {}):
            part.items[hash_key][range_key] = table.items[hash_key][range_key]
    return part


def _take_over(table: Table, part: Table, keys: Sequence[_Key]) -> None:
    for hash_key, range_key in keys:
        if range_key in part.items.get(hash_key, {}):
            table.items[hash_key][range_key] = part.items[hash_key][range_key]
        elif range_key in table.items.get(hash_key, {}):
            del table.items[hash_key][range_key]
