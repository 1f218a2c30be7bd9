"""The measurements of a run, and the page that records them: docs/measured.md."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path

from acceptance.root import REPOSITORY
from simulator.aws.assumptions import ASSUMED

PAGE = REPOSITORY / "docs" / "measured.md"
NOT_YET = "not measured yet"
NO_STEP = "no step measures it"
_BEGIN, _END = "<!-- BEGIN MEASURED -->", "<!-- END MEASURED -->"
_TITLES = ("name", "meaning", "assumed in the simulator", "source", "measured", "when and where")

FURTHER: Mapping[str, str] = {
    "metric_settled_seconds": "delay from the end of a minute until its datapoint no longer changes",
    "breach_to_alarm_seconds": "time from the end of the second breaching minute to the alarm's change of state",
    "alarm_to_function_seconds": "time from the alarm's change of state to the function's check",
    "function_to_shards_seconds": "time from the function's check to the new shards",
    "describe_alarms_lag_seconds": "time from SetAlarmState, which sends the message, to DescribeAlarms' new state",
    "refusal_double": "error for a target above double",
    "refusal_half": "error for a target below half",
    "refusal_busy": "error for a change of a stream that is UPDATING",
    "refusal_daily": "error for a call beyond the daily limit",
    "splits_count_as_calls": "whether SplitShard is also refused after the daily UpdateShardCount calls are used up",
    "runtime_botocore": "SDK version of Lambda's runtime python3.13",
}
"""Measurements without an assumption in the simulator, by name."""


MEASURED_BY_NO_STEP = frozenset(
    {
        "call_seconds",
        "extra_datapoints",
        "fan_out_consumers",
        "merge_calls_per_second",
        "mode_switch_seconds",
        "mode_switches_per_day",
        "split_calls_per_second",
        "streams_at_once",
        "update_calls_per_second",
    }
)
"""Assumptions that a run does not measure: that would need many streams, or a single run would not be significant."""


def subjects() -> dict[str, tuple[str, str, str]]:
    """All possible measurements by name: the meaning, the assumption, and its source."""
    assumed = {
        each.name: (each.metadata["what"], each.metadata["shown"], each.metadata["source"]) for each in fields(ASSUMED)
    }
    return {**assumed, **{name: (what, "–", "–") for name, what in FURTHER.items()}}


@dataclass(frozen=True)
class Measurement:
    """One measurement.

    Attributes:
        name: an assumption of `simulator.aws.assumptions`, or one of FURTHER.
        value: the value that replaces the assumption: a number or a word.
        said: the value as text, with its spread and the number of measurements.
        at: the time of the measurement.

    """

    name: str
    value: float | str
    said: str
    at: str


@dataclass
class Measurements:
    """The measurements of a run so far, by name, and those that failed."""

    taken: dict[str, Measurement] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, value: float | str, said: str, at: datetime) -> None:
        """Store a value. It replaces an earlier one of the same name."""
        if name not in subjects():
            raise KeyError(f"{name} is no subject of measurement")
        self.taken[name] = Measurement(name, value, said, at.strftime("%Y-%m-%d %H:%M UTC"))

    def take_seconds(self, name: str, seconds: Sequence[float], at: datetime, what: str = "") -> None:
        """Store durations. Their median is the value."""
        if seconds:
            self.take(name, percentile(seconds, 50), f"{spread(seconds)}{f'; {what}' if what else ''}", at)

    def leave(self, name: str, why: str) -> None:
        """Store why a measurement failed."""
        self.failed[name] = why

    def values(self) -> dict[str, float | str]:
        """Return the values by name, in the form of `simulator.aws.assumptions.measured`."""
        return {name: each.value for name, each in self.taken.items()}

    def write(self, file: Path) -> None:
        """Write all measurements as JSON."""
        document = {"taken": {name: asdict(each) for name, each in self.taken.items()}, "failed": self.failed}
        file.write_text(json.dumps(document, indent=1) + "\n")

    def table(self) -> str:
        """Return a Markdown table of the measurements, and of the failed ones with the reason."""
        rows = [(f"`{name}`", subjects()[name][0], each.said, each.at) for name, each in self.taken.items()]
        rows += [(f"`{name}`", subjects()[name][0], f"not measured: {why}", "") for name, why in self.failed.items()]
        return _table(("name", "what", "measured", "when"), rows) if rows else "Nothing was measured.\n"


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that is not exceeded by `percent` percent of the values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def spread(seconds: Sequence[float]) -> str:
    """Return durations as text: a single one as it is, several by their percentiles."""
    if len(seconds) == 1:
        return f"{seconds[0]:.0f} s"
    p50, p90, p99 = (percentile(seconds, each) for each in (50, 90, 99))
    percentiles = f"p50 {p50:.0f} s, p90 {p90:.0f} s, p99 {p99:.0f} s"
    return f"{percentiles}, {min(seconds):.0f} to {max(seconds):.0f} s, {len(seconds)} times"


def empty_table() -> str:
    """Return the table of docs/measured.md without any measurement."""
    return _with({})


def keep(measurements: Measurements, *, where: str, is_aws: bool, page: Path = PAGE) -> bool:
    """Write measurements on AWS to the page. Return whether there were any.

    Measurements on other systems are never written, because they are not valid for AWS.
    """
    if not is_aws or not measurements.taken:
        return False
    before, _, rest = page.read_text().partition(_BEGIN)
    table, _, after = rest.partition(_END)
    known: dict[str, Sequence[str]] = {row[0].strip("`"): row[4:] for row in _rows(table)}
    for name, each in measurements.taken.items():
        known[name] = (_cell(each.said), f"{each.at}, {where}")
    page.write_text(f"{before}{_BEGIN}\n{_with(known)}{_END}{after}")
    return True


def _with(known: Mapping[str, Sequence[str]]) -> str:
    """Return the page's table with the known measurements by name: value, time and place."""
    unknown = {name: (NO_STEP if name in MEASURED_BY_NO_STEP else NOT_YET, "") for name in subjects()}
    rows = [(f"`{name}`", *about, *known.get(name, unknown[name])) for name, about in subjects().items()]
    return _table(_TITLES, rows)


def _rows(table: str) -> list[tuple[str, ...]]:
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    return [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *[[_cell(each) for each in row] for row in rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """Escape text for a table cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
