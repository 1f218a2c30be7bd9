"""Timestamps as exports write them, in microseconds since 1970 (UTC)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.traffic.model import TraceError

Place = Callable[[int], str]
"""Returns the place of a row in the file, for example `orders.csv, line 17`."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EARLIEST, _LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1990, 2100))
_EPOCH_UNITS = (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9))
_EXCEL_DAYS = (30_000, 80_000)
_FORM = "write 2026-10-05T13:00:00Z or seconds since 1970"

_NUMBER = r"[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?"
_TIME = (
    r"(?P<hour>\d{1,2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_ZONE = r"\s*(?P<utc>Z|z|UTC|GMT)?\s*(?P<offset>[+-]\d{2}(?::?\d{2})?)?(?:\s*(?:Z|UTC|GMT|\([^()]*\)))?"
_MONTH = r"(?P<word>[A-Za-z]{3,9})\.?"
_FORMS = {
    "iso": r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    "compact": r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?=[T ])",
    "numbers": r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<then>\d{1,2})[./-](?P<year>\d{4})",
    "day first": rf"(?:[A-Za-z]{{3,9}},? )?(?P<day>\d{{1,2}})[- ]{_MONTH}[-, ]+(?P<year>\d{{4}})",
    "month first": rf"(?:[A-Za-z]{{3}},? (?=[A-Za-z]))?{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
}
_PATTERNS = {name: rf"^{date}(?:[T,]?\s*(?:at )?{_TIME}{_ZONE})?$" for name, date in _FORMS.items()}
_SHORT_YEAR = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}(?:\D.*)?")
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}


@dataclass(frozen=True)
class Instants:
    """Points in time.

    Attributes:
        at: microseconds since 1970, UTC.
        is_naive: whether they have no zone, so that UTC is an assumption.

    """

    at: NDArray[np.int64]
    is_naive: bool


def instants(cells: pd.Series[str], place: Place) -> Instants:
    """Return the points in time of a column.

    Raises:
        TraceError: a timestamp is invalid, implausible or ambiguous.

    """
    bare = cells.str.strip()
    is_number = bare.str.fullmatch(_NUMBER).to_numpy(dtype=bool)
    if is_number[0]:
        for index in np.flatnonzero(~is_number)[:1]:
            raise TraceError(_none(str(bare.iloc[index]), place(int(index))))
        return Instants(_since_1970(bare, place), is_naive=False)
    first = str(bare.iloc[0])
    form = next((name for name, pattern in _PATTERNS.items() if re.fullmatch(pattern, first)), None)
    if form is None:
        if _SHORT_YEAR.fullmatch(first):
            raise TraceError(f"{place(0)}: {first!r} has a two-digit year and is ambiguous; {_FORM}")
        raise TraceError(_none(first, place(0)))
    parts = bare.str.extract(_PATTERNS[form])
    for index in np.flatnonzero(parts["year"].isna())[:1]:
        raise TraceError(_none(str(bare.iloc[index]), place(int(index))))
    return _of_parts(parts, bare, form, place)


def _of_parts(parts: pd.DataFrame, bare: pd.Series[str], form: str, place: Place) -> Instants:
    if form == "numbers":
        parts["day"], parts["month"] = _day_and_month(parts, bare, place)
    elif "word" in parts:
        parts["month"] = parts["word"].str[:3].str.lower().map(_MONTHS)
    numbers = pd.DataFrame({name: pd.to_numeric(parts[name]) for name in ("year", "month", "day")})
    clock = {name: pd.to_numeric(parts[name]).fillna(0).astype("int64") for name in ("hour", "minute", "second")}
    half = parts["half"].str.lower()
    is_12_hours = half.notna()
    wrong = (clock["hour"] > 23) | (clock["minute"] > 59) | (clock["second"] > 59)
    wrong |= is_12_hours & ((clock["hour"] == 0) | (clock["hour"] > 12))
    hour = clock["hour"].where(~is_12_hours, clock["hour"] % 12 + 12 * (half == "p"))
    date = pd.to_datetime(numbers.fillna(0).astype("int64"), errors="coerce")
    for index in np.flatnonzero(wrong | date.isna())[:1]:
        raise TraceError(_none(str(bare.iloc[index]), place(int(index))))
    for index in np.flatnonzero((numbers["year"] < 1990) | (numbers["year"] >= 2100))[:1]:
        raise TraceError(_implausible(f"{bare.iloc[index]}", place(int(index))))
    offset = parts["offset"].str.replace(":", "").fillna("+0")
    minutes = pd.to_numeric(offset.str[1:3]).fillna(0) * 60 + pd.to_numeric(offset.str[3:5]).fillna(0)
    minutes = minutes.where(offset.str[0] == "+", -minutes)
    at = date.dt.as_unit("us").astype("int64").to_numpy()
    at = at + (hour * 3600 + clock["minute"] * 60 + clock["second"]).to_numpy() * SECOND
    at = at + pd.to_numeric(parts["fraction"].str[:6].str.ljust(6, "0")).fillna(0).astype("int64").to_numpy()
    at = at - (minutes * MINUTE).astype("int64").to_numpy()
    is_naive = (parts["utc"].isna() & parts["offset"].isna()).to_numpy(dtype=bool)
    for index in np.flatnonzero(is_naive != is_naive[0])[:1]:
        have, lack = ("has a zone", "has none") if is_naive[0] else ("has no zone", "has one")
        raise TraceError(
            f"{place(int(index))}: {bare.iloc[index]!r} {have} and {bare.iloc[0]!r} {lack}; write all of them in UTC"
        )
    return Instants(at.astype(np.int64), bool(is_naive[0]))


def _day_and_month(parts: pd.DataFrame, bare: pd.Series[str], place: Place) -> tuple[pd.Series[str], pd.Series[str]]:
    """Return the day and the month. A dot, or a number above 12 in any row, shows which is first."""
    first, then = (pd.to_numeric(parts[name]) for name in ("first", "then"))
    day_first = bool((first > 12).any()) or bool((parts["mark"] == ".").all())
    month_first = bool((then > 12).any())
    if day_first == month_first:
        index = int(np.flatnonzero(then > 12)[0]) if day_first else 0
        raise TraceError(f"{place(index)}: in {bare.iloc[index]!r} the day and the month are ambiguous; {_FORM}")
    return (parts["first"], parts["then"]) if day_first else (parts["then"], parts["first"])


def _since_1970(bare: pd.Series[str], place: Place) -> NDArray[np.int64]:
    """Read seconds, milli-, micro- or nanoseconds. Their plausible ranges do not overlap."""
    values = pd.to_numeric(bare.str.replace(",", ".")).to_numpy(dtype=np.float64)
    for _, per_second in _EPOCH_UNITS:
        if _EARLIEST * per_second <= values[0] < _LATEST * per_second:
            break
    else:
        raise TraceError(_no_epoch(str(bare.iloc[0]), float(values[0]), place(0)))
    is_other = ~((values >= _EARLIEST * per_second) & (values < _LATEST * per_second))
    for index in np.flatnonzero(is_other)[:1]:
        raise TraceError(_no_epoch(str(bare.iloc[index]), float(values[index]), place(int(index))))
    return np.round(values * (1000 / per_second)).astype(np.int64) * 1000


def _no_epoch(text: str, value: float, where: str) -> str:
    if re.fullmatch(r"(?:19|20)\d{6}", text):
        return (
            f"{where}: {text} is a date without a time, and one value a day is not enough for a trace; "
            "export a value every minute, at most every hour"
        )
    if _EXCEL_DAYS[0] <= value < _EXCEL_DAYS[1]:
        return f"{where}: {text} looks like a date of Excel's; format the column as yyyy-mm-dd hh:mm:ss and save it"
    if 0 <= value < _EARLIEST:
        then = datetime.fromtimestamp(value, UTC)
        return _implausible(f"{text}, as seconds since 1970, is {then:%Y-%m-%d %H:%M:%S} and", where)
    return _implausible(text, where)


def _implausible(what: str, where: str) -> str:
    return f"{where}: {what} is not a plausible time of recorded traffic, which is between 1990 and 2100; {_FORM}"


def _none(text: str, where: str) -> str:
    shown = text if len(text) <= 40 else text[:37] + "..."
    return f"{where}: {shown!r} is not a timestamp; {_FORM}" if text else f"{where}: the timestamp is missing; {_FORM}"


def shown(at: int) -> str:
    """Return a point in time as text."""
    return f"{datetime.fromtimestamp(at / SECOND, UTC):%Y-%m-%d %H:%M:%S}"
