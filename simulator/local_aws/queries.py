"""DynamoDB: moto sorts, measures and compares all items of a table for every query. Here only possible matches.

Otherwise most of the time of a month's replay would be spent on queries, because the scaling log grows and the function
reads only its last day.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast
from unittest.mock import patch

from moto.dynamodb import responses
from moto.dynamodb.models import utilities
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

_SCALARS = {"S", "N", "BOOL", "NULL"}
"""The types of attributes whose values moto replaces and never changes."""


class Queries:
    """Limits the items of a table that a query sees to those that can match."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch the one method in which moto answers a query, and how items are copied, measured and written."""
        answer, signature = Table.query, inspect.signature(Table.query)

        @functools.wraps(answer)  # keeps the signature, by which a second local AWS reads the arguments
        def query(
            table: Table,
            hash_key: DynamoType | None,
            range_comparison: str | None,
            range_objs: list[DynamoType],
            *rest: Any,  # noqa: ANN401 - moto's
            **options: Any,  # noqa: ANN401 - moto's
        ) -> Any:  # noqa: ANN401 - moto's
            def may_match(item: Item) -> bool:
                if index_name:
                    return all(name in item.attrs for name in index_keys)
                return range_comparison is None or bool(
                    item.range_key and item.range_key.compare(range_comparison, range_objs)
                )

            asked = signature.bind(table, hash_key, range_comparison, range_objs, *rest, **options).arguments
            index_name = asked.get("index_name")
            index_keys = [
                key["AttributeName"]
                for index in table.all_indexes()
                if index.name == index_name
                for key in index.schema
            ]
            seen = copy.copy(table)
            if table.range_key_attr:
                # An index spans partitions. A query without an index has a single partition.
                partitions = table.items if index_name else {hash_key: table.items.get(hash_key, {})}
                seen.items = defaultdict(dict)
                for key, items in partitions.items():
                    seen.items[key] = {range_key: item for range_key, item in items.items() if may_match(item)}
            return answer(seen, hash_key, range_comparison, range_objs, *rest, **options)

        yield patch.object(Table, "query", query)
        yield patch.object(Item, "__deepcopy__", _copied)
        yield patch.object(Item, "size", _size)
        as_plain_data = _as_plain_data()
        for module in (utilities, responses):
            yield patch.object(module, "dynamo_to_dict", as_plain_data)


def _copied(item: Item, memo: dict[int, Any]) -> Item:
    """A copy that shares its scalars with the item."""
    copied: Any = Item.__new__(Item)
    copied.hash_key, copied.range_key, copied.attrs = item.hash_key, item.range_key, LimitedSizeDict()
    # The size of the attributes was checked when they were written.
    dict.update(
        copied.attrs,
        {name: each if each.type in _SCALARS else copy.deepcopy(each, memo) for name, each in item.attrs.items()},
    )
    return cast("Item", copied)


def _size(item: Item) -> int:
    """The size of an item, which is asked several times in a query. Most attributes are strings."""
    return sum(
        utilities.bytesize(name) + (utilities.bytesize(each.value) if each.type == "S" else each.size())
        for name, each in item.attrs.items()
    )


def _as_plain_data() -> Callable[[object], object]:
    """How moto converts results, without its detours for the attributes of which there are most."""
    convert = utilities.dynamo_to_dict

    def as_plain_data(value: object) -> object:
        if type(value) is DynamoType and value.type in _SCALARS:
            return {value.type: value.value}
        return convert(value)

    return as_plain_data
