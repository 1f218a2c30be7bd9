"""Numbers as exports write them: with units, decimal commas, thousands' separators, or missing."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.traffic.model import TraceError
from simulator.traffic.names import Metric, Unit, unit_of

_MISSING = {"", "nan", "null", "none", "n/a", "na", "-", "–", "no data", "undefined", "#n/a"}
_NUMBER = re.compile(r"([+-]?[\d.,'\u00a0\u202f ]*\d(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?")
_ONE_GROUP = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def amounts(
    cells: pd.Series[str], metric: Metric, what: str, place: Callable[[int], str]
) -> tuple[NDArray[np.float64], bool]:
    """Return a column's numbers (in bytes, records or as they are; NaN if missing), and whether they are per second.

    Raises:
        TraceError: a number is invalid, negative, infinite or ambiguous.

    """
    bare = cells.str.strip()
    result = pd.to_numeric(bare, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    unread = np.flatnonzero(np.isnan(result) & ~bare.str.lower().isin(_MISSING).to_numpy(dtype=bool))
    is_per_second = False
    if len(unread):
        texts = {int(index): str(bare.iloc[index]) for index in unread}
        result[unread], is_per_second = _written_otherwise(texts, result, metric, what, place)
    for index in np.flatnonzero((result < 0) | np.isinf(result))[:1]:
        raise TraceError(
            f"{place(int(index))}: {what} is {bare.iloc[index]}; it must be 0 or more and finite: "
            "correct it, or leave the cell empty if the value is unknown"
        )
    return result, is_per_second


def _written_otherwise(
    texts: dict[int, str], read: NDArray[np.float64], metric: Metric, what: str, place: Callable[[int], str]
) -> tuple[list[float], bool]:
    """Return the numbers of cells that are not plain numbers."""
    matches = {index: _NUMBER.fullmatch(text) for index, text in texts.items()}
    for index, match in matches.items():
        if match is None:
            raise TraceError(f"{place(index)}: {what} is {_short(texts[index])}, which is not a number")
    numbers = {index: match[1].strip() for index, match in matches.items() if match}
    units = {index: _unit(match[2] or "", metric) for index, match in matches.items() if match}
    for index, unit in units.items():
        if unit is None:
            raise TraceError(f"{place(index)}: {what} is {_short(texts[index])}, whose unit is unknown")
    plain = _as_python(numbers, what, place)
    rates = {unit.is_per_second for index, unit in units.items() if unit and float(plain[index])}
    others = np.delete(read, list(texts))
    if len(rates) > 1 or (True in rates and np.nansum(others) > 0):
        raise TraceError(
            f"{place(min(texts))}: {what} is per second in some rows and not in others; write it in one unit"
        )
    return [float(plain[index]) * unit.factor for index, unit in units.items() if unit], True in rates


def _unit(text: str, metric: Metric) -> Unit | None:
    return unit_of(text, metric) if text else Unit(1)


def _as_python(numbers: dict[int, str], what: str, place: Callable[[int], str]) -> dict[int, str]:
    """Return the numbers with a decimal point and without thousands' separators. All cells must use the same format."""
    bare = {index: re.sub(r"['\u00a0\u202f ]", "", text) for index, text in numbers.items()}
    has_comma = [text for text in bare.values() if "," in text]
    both = [text for text in has_comma if "." in text]
    if both:
        decimal = "," if all(text.rindex(",") > text.rindex(".") for text in both) else "."
    elif not has_comma:
        decimal = "," if any(text.count(".") > 1 for text in bare.values()) else "."
    elif any(text.count(",") > 1 for text in has_comma):
        decimal = "."
    elif all(_ONE_GROUP.fullmatch(text) for text in has_comma):
        index = next(index for index, text in bare.items() if "," in text)
        raise TraceError(
            f"{place(index)}: {what} is {numbers[index]!r}, in which the comma may mark decimals or thousands; "
            "write numbers with a decimal point and without separators"
        )
    else:
        decimal = ","
    thousands = "." if decimal == "," else ","
    result = {index: text.replace(thousands, "").replace(decimal, ".") for index, text in bare.items()}
    for index, text in result.items():
        try:
            float(text)
        except ValueError:
            raise TraceError(f"{place(index)}: {what} is {_short(numbers[index])}, which is not a number") from None
    return result


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
