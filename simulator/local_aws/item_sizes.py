"""DynamoDB: moto measures every item of a partition anew for every page of a query; here each is measured once.

Without it a month's replay would spend most of its time on that, since the scaling log grows. An item that UpdateItem
changes keeps its size; all that follows from sizes is where a page of 1 MB ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from moto.dynamodb.models.dynamo_type import Item


class ItemSizes:
    """Remembers the size of each item."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch moto's measuring."""
        measure = Item.size

        def size(item: Item) -> int:
            if "measured_size" not in vars(item):
                vars(item)["measured_size"] = measure(item)
            found: int = vars(item)["measured_size"]
            return found

        yield patch.object(Item, "size", size)
