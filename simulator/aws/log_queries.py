"""CloudWatch Logs Insights: the part of its language that the saved queries use.

Source: Amazon CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

Line: TypeAlias = Mapping[str, Any]
Row: TypeAlias = dict[str, Any]

_CONDITIONS: tuple[tuple[str, Callable[..., Callable[[Line], bool]]], ...] = (
    (r"ispresent\((\S+)\)", lambda name: lambda line: field(line, name) is not None),
    (r'(\S+) = "([^"]*)"', lambda name, value: lambda line: field(line, name) == value),
    (r"(\S+) in \[([^]]*)\]", lambda name, values: lambda line: field(line, name) in re.findall(r'"([^"]*)"', values)),
)


class UnsupportedQueryError(ValueError):
    """The query is invalid or not modelled."""


def run(query: str, lines: Iterable[Line]) -> list[Row]:
    """Run a query over log lines in the form of `Invocation.logs`.

    Returns:
        A row for each matching line, with the fields that the query names. A field that a line lacks is absent.
    """
    found = list(lines)
    for command in (part.strip() for part in query.split("|")):
        verb, _, rest = command.partition(" ")
        match verb:
            case "SOURCE" | "fields":
                pass
            case "filter":
                conditions = [_condition(part) for part in rest.split(" or ")]
                found = [line for line in found if any(condition(line) for condition in conditions)]
            case "sort":
                name, _, order = rest.partition(" ")
                known = [line for line in found if field(line, name) is not None]
                found = sorted(known, key=partial(_value, name), reverse=order == "desc")
            case "limit":
                found = found[: int(rest)]
            case _:
                raise UnsupportedQueryError(f"the command {command!r} is not modelled")
    names = columns(query)
    return [{name: value for name in names if (value := field(line, name)) is not None} for line in found]


def columns(query: str) -> list[str]:
    """Return the fields that a query shows, in its order."""
    match = re.search(r"(?:^|\|)\s*fields ([^|]*)", query)
    return [name.strip() for name in match[1].split(",")] if match else []


def field(line: Line, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a field of a line, or None. Logs Insights finds fields of JSON by their path."""
    if name == "@timestamp":
        return line.get("timestamp")
    value: Any = line
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _value(name: str, line: Line) -> Any:  # noqa: ANN401
    return field(line, name)


def _condition(text: str) -> Callable[[Line], bool]:
    for pattern, make in _CONDITIONS:
        if match := re.fullmatch(pattern, text.strip()):
            return make(*match.groups())
    raise UnsupportedQueryError(f"the condition {text!r} is not modelled")
