"""Validates JSON with a model, and converts its lists to series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError

from simulator.traffic.model import TraceError
from simulator.traffic.names import Name
from simulator.traffic.series import Series
from simulator.traffic.timestamps import Instants, instants

_RULES = (
    ("list", "a list"),
    ("tuple", "a pair of a number and a time"),
    ("too_", "a pair of a number and a time"),
    ("model", "an object"),
    ("dict", "an object"),
    ("string", "text"),
    ("int", "a whole number"),
    ("float", "a number"),
    ("value_error", "a number"),
    ("greater", "a plausible number"),
    ("less", "a plausible number"),
)
"""The rules for pydantic's error types, by prefix."""
_PARTS_OF_UNIONS = {"int", "float", "str", "bool"}
_M = TypeVar("_M", bound=BaseModel)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Number = Annotated[float | None, BeforeValidator(_no_bool)]
Time = Annotated[int | float | str, BeforeValidator(_no_bool)]


def valid(model: type[_M], document: object, where: str) -> _M:
    """Return a document as a model. An error names the place in the document, the rule and the value."""
    try:
        return TypeAdapter(model).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ""
        for step in first["loc"]:
            if step not in _PARTS_OF_UNIONS:
                place += f"[{step}]" if isinstance(step, int) else f".{step}"
        place = place.lstrip(".") or "the document"
        if first["type"] == "missing":
            raise TraceError(f"{where}: {place} is missing; export the file again") from None
        found, kind = repr(first["input"]), first["type"]
        found = found if len(found) <= 40 else found[:37] + "..."
        rule = next((rule for begin, rule in _RULES if kind.startswith(begin)), "of another type")
        raise TraceError(f"{where}: {place} is {found} and must be {rule}; export the file again") from None


def series_of(name: Name, label: str, times: Sequence[object], numbers: Sequence[float | None], path: Path) -> Series:
    """Return a series from lists of times and numbers of equal length.

    Raises:
        TraceError: a time or a number is invalid.

    """

    def place(index: int) -> str:
        return f"{path}, value {index + 1} of {label}"

    if times:
        at = instants(pd.Series([text_of(each) for each in times], dtype="str"), place)
    else:
        at = Instants(np.zeros(0, dtype=np.int64), is_naive=False)
    values = np.array([np.nan if each is None else each for each in numbers], dtype=np.float64)
    for index in np.flatnonzero((values < 0) | np.isinf(values))[:1]:
        raise TraceError(f"{place(int(index))} is {values[index]:g}; it must be 0 or more and finite")
    return Series(
        name, label, at.at, values * name.unit.factor, place, at.is_naive, is_per_second=name.unit.is_per_second
    )


def text_of(value: object) -> str:
    """Return a value as a CSV file would contain it; floats without an exponent."""
    return f"{value:.6f}" if isinstance(value, float) else str(value)
