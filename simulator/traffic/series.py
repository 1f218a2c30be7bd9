"""The series of numbers in a file, and the selection of those of one stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.model import TraceError
from simulator.traffic.names import SUM, Metric, Name
from simulator.traffic.timestamps import Place


@dataclass(frozen=True)
class Series:
    """The numbers of one metric in the order of the file.

    Attributes:
        name: the content of its header or label.
        label: the header or label itself.
        at: the times, in microseconds since 1970.
        amounts: the numbers; NaN if missing.
        place: returns the place of a number in the file.
        is_naive: whether the times have no zone.
        is_per_second: whether the numbers are per second.

    """

    name: Name
    label: str
    at: NDArray[np.int64]
    amounts: NDArray[np.float64]
    place: Place
    is_naive: bool = False
    is_per_second: bool = False


@dataclass(frozen=True)
class Stream:
    """A stream's properties besides its traffic.

    Attributes:
        name: its name.
        region: its region, or empty.
        shards: the number of open shards.
        is_on_demand: whether it is in on-demand mode.
        settings: the inputs of modules/stream from its alarms; None if it has no alarms of the module.
        fan_out: the number of registered consumers with enhanced fan-out.
        retention_hours: how long it keeps records.

    """

    name: str
    region: str = ""
    shards: int | None = None
    is_on_demand: bool = False
    settings: Mapping[str, Any] | None = None
    fan_out: int | None = None
    retention_hours: int | None = None


@dataclass(frozen=True)
class Content:
    """The content of a file.

    Attributes:
        series: every series of a known metric.
        notes: how they were read.
        period_seconds: the period of each number, if the file contains it.
        stream: the stream's other properties, if the file contains them.

    """

    series: Sequence[Series]
    notes: Sequence[str] = ()
    period_seconds: int | None = None
    stream: Stream | None = None


@dataclass
class Choice:
    """The series of one stream, by metric. Several series of a metric are shards to be added up."""

    of: dict[Metric, list[Series]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def of_one_stream(content: Content, stream: str | None, where: str) -> Choice:
    """Return the series of one stream.

    Raises:
        TraceError: they belong to several streams and none was named, or they contain no sums.

    """
    series = [each for each in content.series if each.name.metric is not Metric.VALUE]
    choice = Choice()
    for metric in Metric:
        found = [each for each in (series or content.series) if each.name.metric is metric]
        if metric is not Metric.VALUE:
            found = _sums(found, metric, where, choice)
        if found:
            choice.of[metric] = found
    _keep_stream(choice, stream, where)
    for metric, found in choice.of.items():
        choice.of[metric] = _shards(found, metric, where, choice)
    return choice


def _keep_stream(choice: Choice, stream: str | None, where: str) -> None:
    streams = unique(each.name.stream for found in choice.of.values() for each in found if each.name.stream)
    if stream is not None and stream not in streams:
        names = ", ".join(streams)
        raise TraceError(
            f"{where} has no stream {stream}: it has {names}"
            if streams
            else f"{where} does not say whose traffic it is: leave out --stream {stream}"
        )
    if stream is None and len(streams) > 1:
        raise TraceError(
            f"{where} has the traffic of {len(streams)} streams, {_listed(streams)}; "
            f"choose one with --stream {streams[0]}"
        )
    if stream is not None and len(streams) > 1:
        for metric, found in list(choice.of.items()):
            kept = [each for each in found if each.name.stream == stream]
            if kept:
                choice.of[metric] = kept
            else:
                del choice.of[metric]
        choice.notes.append(f"only {stream} of {len(streams)} streams")


def _sums(found: Sequence[Series], metric: Metric, where: str, choice: Choice) -> list[Series]:
    statistics = unique(each.name.statistic for each in found)
    sums = [each for each in found if each.name.statistic in {"", SUM}]
    if found and not sums:
        raise TraceError(
            f"{where} has the {_listed(statistics)} of {metric.value}, from which no total can be computed: "
            "get the statistic Sum"
        )
    if any(each.name.statistic == SUM for each in sums):
        sums = [each for each in sums if each.name.statistic == SUM]
    if len(sums) < len(found):
        choice.notes.append(f"of the statistics of {metric.value} only {SUM}")
    return sums


def _shards(found: Sequence[Series], metric: Metric, where: str, choice: Choice) -> list[Series]:
    whole = [each for each in found if not each.name.shard]
    shards = unique(each.name.shard for each in found if each.name.shard)
    if len(whole) > 1 or (not whole and len(shards) < len(found)):
        labels = [each.label for each in (whole or found)]
        raise TraceError(
            f"{where} has {len(labels)} series of {metric.value}, {_listed(labels)}, and does not say which streams "
            "they belong to; keep one of them, or label each with the stream's name"
        )
    if shards and not whole:
        note = f"the sum of {len(shards)} shards" if len(shards) > 1 else f"only of {shards[0]}"
        if note not in choice.notes:
            choice.notes.append(note)
    return whole or list(found)


def unique(names: Iterable[str]) -> list[str]:
    """Return the distinct names, in order."""
    return list(dict.fromkeys(names))


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def joined(parts: Sequence[Series]) -> Series:
    """Return the pages of one series as one series."""
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([len(each.at) for each in parts])

    def place(index: int) -> str:
        part = int(np.searchsorted(ends, index, side="right"))
        return parts[part].place(index - int(ends[part]) + len(parts[part].at))

    return replace(
        parts[0],
        at=np.concatenate([each.at for each in parts]),
        amounts=np.concatenate([each.amounts for each in parts]),
        place=place,
    )
