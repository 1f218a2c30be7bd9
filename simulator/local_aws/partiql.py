"""DynamoDB: PartiQL's SELECT with indexes, quoted names and comparisons, which moto's parser does not support.

Source: Amazon DynamoDB Developer Guide, "PartiQL select statements for DynamoDB".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeAlias
from unittest.mock import patch

from moto.dynamodb.exceptions import MockValidationException, ResourceNotFoundException
from moto.dynamodb.models import DynamoDBBackend

Item: TypeAlias = Mapping[str, Mapping[str, str]]
"""Attributes by name, each with its type: `{"status": {"S": "FAILED"}}`."""
Condition: TypeAlias = Callable[[Item], bool]

_SELECT = re.compile(
    r"""\s*SELECT\s+(?P<columns>.+?)\s+FROM\s+"(?P<table>[\w.-]+)"(?:\."(?P<index>[\w.-]+)")?"""
    r"""\s+WHERE\s+(?P<where>.+?)(?:\s+ORDER\s+BY\s+(?P<order>\S+)(?:\s+(?P<direction>ASC|DESC))?)?\s*""",
    re.IGNORECASE | re.DOTALL,
)
_NAME = r'"?(\w+)"?'
_STRING = r"'([^']*)'"
_COMPARISONS = {
    "=": operator.eq,
    "<>": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


class PartiQL:
    """Answers SELECT statements whose conditions are joined by AND. moto answers other statements."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Replace moto's parser for SELECT."""
        execute_elsewhere = DynamoDBBackend.execute_statement

        def execute(backend: DynamoDBBackend, statement: str, parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
            if not statement.lstrip().upper().startswith("SELECT"):
                found: list[dict[str, Any]] = execute_elsewhere(backend, statement, parameters)
                return found
            return list(_select(backend, statement))

        yield patch.object(DynamoDBBackend, "execute_statement", execute)


def _select(backend: DynamoDBBackend, statement: str) -> list[dict[str, Any]]:
    match = _SELECT.fullmatch(statement)
    if match is None:
        raise MockValidationException(f"Statement wasn't well formed, or is not simulated: {statement}")
    if match["table"] not in backend.tables:
        raise ResourceNotFoundException
    table = backend.tables[match["table"]]
    keys = [attribute["AttributeName"] for attribute in table.schema]
    if match["index"]:
        by_name = {index.name: index for index in table.all_indexes()}
        if match["index"] not in by_name:
            raise MockValidationException("The table does not have the specified index")
        keys = [attribute["AttributeName"] for attribute in by_name[match["index"]].schema]
    conditions = [_condition(part) for part in re.split(r"\s+AND\s+", match["where"], flags=re.IGNORECASE)]
    items = [item.to_json()["Attributes"] for item in table.all_items()]
    # An index contains only the items that have its keys.
    found = [item for item in items if item.keys() >= set(keys) and all(holds(item) for holds in conditions)]
    order = (match["order"] or keys[-1]).strip('"')
    if order not in keys:
        raise MockValidationException("Must have ORDER BY on a key")
    found.sort(key=lambda item: str(_value(item, order)), reverse=(match["direction"] or "").upper() == "DESC")
    columns = [column.strip().strip('"') for column in match["columns"].split(",")]
    return [item if columns == ["*"] else {name: item[name] for name in columns if name in item} for item in found]


def _condition(text: str) -> Condition:
    if match := re.fullmatch(rf"begins_with\(\s*{_NAME}\s*,\s*{_STRING}\s*\)", text, re.IGNORECASE):
        name, start = match.groups()
        return lambda item: (_value(item, name) or "").startswith(start)
    if match := re.fullmatch(rf"{_NAME}\s+IN\s+\[(.*)\]", text, re.IGNORECASE | re.DOTALL):
        name, values = match[1], re.findall(_STRING, match[2])
        return lambda item: _value(item, name) in values
    if match := re.fullmatch(rf"{_NAME}\s*(=|<>|>=|<=|>|<)\s*{_STRING}", text):
        name, compare, wanted = match[1], _COMPARISONS[match[2]], match[3]
        return lambda item: (value := _value(item, name)) is not None and bool(compare(value, wanted))
    raise MockValidationException(f"The condition is not simulated: {text}")


def _value(item: Item, name: str) -> str | None:
    """A string attribute's value."""
    return item.get(name, {}).get("S")
