"""The metric, statistic, unit, stream and shard that a column's header or a metric's label names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Metric(Enum):
    """The kind of a number."""

    BYTES = "IncomingBytes"
    RECORDS = "IncomingRecords"
    VALUE = "value"


SUM = "Sum"

_TIME = {
    "timestamp", "time", "date", "datetime", "ts", "starttime", "start", "periodstart", "utc", "timestamputc",
    "timeutc", "datetimeutc", "utctime", "utctimestamp", "utcdatetime", "dateutc", "bin", "binm", "minute", "when",
    "timestampms", "timems", "timestamps", "timestampns", "timens", "timeus", "timestampus", "epoch", "epochms",
    "unixtime", "localtime", "timelocal", "timestamplocal", "localtimestamp",
}  # fmt: skip
_METRIC = re.compile(r"incoming[\s_.-]*(bytes|records|data)", re.IGNORECASE)
_PLAIN = {
    "bytes": Metric.BYTES,
    "byte": Metric.BYTES,
    "records": Metric.RECORDS,
    "record": Metric.RECORDS,
    "value": Metric.VALUE,
}
_STATISTICS = {
    "sum": SUM,
    "total": SUM,
    "average": "Average",
    "avg": "Average",
    "mean": "Average",
    "minimum": "Minimum",
    "min": "Minimum",
    "maximum": "Maximum",
    "max": "Maximum",
    "samplecount": "SampleCount",
    "n": "SampleCount",
}
_PERCENTILE = re.compile(r"(?:p|tm|wm|tc|ts)\d{1,2}(?:\.\d+)?", re.IGNORECASE)
_SHARD = re.compile(r"shard(?:id)?[-_ ]?\d+", re.IGNORECASE)
_NOISE = {
    "aws/kinesis", "kinesis", "aws", "streamname", "metricname", "from", "schema", "select", "where", "by", "stat",
    "of", "count", "none", "bytes", "-", "–", "·", "/", "per", "second", "rate",
}  # fmt: skip
_PER_SECOND = re.compile(r"(?:/|\bper[\s_]*)s(?:ec(?:ond)?)?\b", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s{}()\[\],;:\"'=|<>*]+")
_PARENTHESES = re.compile(r"[(\[]([^()\[\]]*)[)\]]\s*$")

_BYTE_UNITS = {
    name: factor
    for power, (letter, long) in enumerate((("K", "Kilo"), ("M", "Mega"), ("G", "Giga"), ("T", "Tera")), start=1)
    for name, factor in (
        (f"{letter}B", 1000**power),
        (f"{letter}iB", 1024**power),
        (f"{long}bytes", 1000**power),
    )
} | {"kB": 1000, "B": 1, "Byte": 1, "Bytes": 1, "bytes": 1}
_COUNT_UNITS = {"K": 10**3, "k": 10**3, "M": 10**6, "Mil": 10**6, "G": 10**9, "B": 10**9, "Bil": 10**9, "": 1}
_RATES = ("/s", "/sec", "/Second", "/second", "ps", " ps")
_COUNTED = re.compile(r"^(K|k|M|Mil|G|Bil|)\s*(?:c|req|ops|rec|records|r|w|io|wr|msg|events?)?$")


@dataclass(frozen=True)
class Unit:
    """The factor that converts a number to bytes or records, and whether the number is per second."""

    factor: float
    is_per_second: bool = False


def unit_of(text: str, metric: Metric) -> Unit | None:
    """Return the unit after a number or in a header's parentheses: `MiB`, `kB/s`, `Bps`, `K`, `Count`."""
    text = text.strip()
    bare = next((text.removesuffix(each).strip() for each in _RATES if text.endswith(each)), text)
    is_per_second = bare != text
    if metric is Metric.BYTES:
        factor = _BYTE_UNITS.get(bare)
    elif bare.lower() in {"count", "none", "records"}:
        factor = 1
    else:
        counted = _COUNTED.match(bare)
        factor = _COUNT_UNITS[counted[1]] if counted else None
    return None if factor is None else Unit(factor, is_per_second)


@dataclass(frozen=True)
class Name:
    """The content of a header or label.

    Attributes:
        metric: the metric.
        stream: the stream's name, or empty.
        shard: the shard's name, or empty.
        statistic: CloudWatch's statistic, or empty.
        unit: the unit of all its numbers.

    """

    metric: Metric
    stream: str = ""
    shard: str = ""
    statistic: str = ""
    unit: Unit = Unit(1)


def is_time(header: str) -> bool:
    """Return whether a column with this header contains the time."""
    return "".join(re.findall(r"[a-z]", header.lower())) in _TIME


def is_local_time(header: str) -> bool:
    """Return whether the header says that its times are local."""
    return is_time(header) and "local" in header.lower()


def is_utc(header: str) -> bool:
    """Return whether the header says that its times are UTC."""
    return is_time(header) and "utc" in header.lower()


def name_of(label: str, alias: str = "") -> Name | None:
    """Return the content of a label, or None if it does not name a known metric.

    `alias` is another name, such as the Id of a query. It is used if the label does not name the metric.
    """
    metric, rest = _metric(label)
    unit_text = ""
    if metric is None and alias:
        metric, alias_rest = _metric(alias)
        rest = label or alias_rest.strip("_.- 0123456789")
    elif metric is not None and alias and not _parts(rest)[0]:
        other, alias_rest = _metric(alias)
        if other is metric:
            rest += " " + alias_rest.strip("_.- 0123456789")
    if metric is None:
        return None
    unit = Unit(1)
    if in_parentheses := _PARENTHESES.search(label):
        unit_text = in_parentheses[1]
        found = unit_of(unit_text, metric)
        if found and not _METRIC.search(unit_text):
            unit, rest = found, rest.replace(in_parentheses[0], " ")
    if _PER_SECOND.search(rest):
        unit, rest = Unit(unit.factor, is_per_second=True), _PER_SECOND.sub(" ", rest)
    stream, shard, statistic = _parts(rest)
    return Name(metric, stream, shard, statistic, unit)


def _metric(label: str) -> tuple[Metric | None, str]:
    """Return the metric that a label names, and the other text of the label."""
    if found := _METRIC.search(label):
        metric = Metric.RECORDS if found[1].lower() == "records" else Metric.BYTES
        return metric, label[: found.start()] + " " + label[found.end() :]
    words = [word for word in re.split(r"[^a-z]+", _PARENTHESES.sub("", label).lower()) if word]
    words = [word for word in words if word not in _STATISTICS and word not in {"per", "s", "sec", "second"}]
    if len(words) == 1 and words[0] in _PLAIN:
        metric = _PLAIN[words[0]]
        return metric, re.sub(words[0], " ", label, count=1, flags=re.IGNORECASE)
    return None, label


def _parts(rest: str) -> tuple[str, str, str]:
    """Return the stream, shard and statistic in the text of a label without the metric."""
    stream, shard, statistic = [], "", ""
    for token in _SEPARATORS.split(rest):
        word = token.strip("_.-·–/")
        if word.lower() in _STATISTICS:
            statistic = _STATISTICS[word.lower()]
        elif _PERCENTILE.fullmatch(word):
            statistic = word
        elif _SHARD.fullmatch(word):
            shard = word
        elif word and word.lower() not in _NOISE:
            stream.append(word)
    return " ".join(stream), shard, statistic
