"""Files without a usable trace are refused at once, with a sentence about the line, the error and the remedy."""

from __future__ import annotations

import json

import pytest

from simulator.traffic import TraceError, read_trace
from simulator.traffic import text as text_of_files
from tests.unit.simulator.traffic.files import SHARD, answer, both, epoch, in_file, iso, result, values

HEADER = "timestamp,value\n"
COMMAND = "aws cloudwatch get-metric-data"


def rows(*cells: str) -> str:
    return HEADER + "\n".join(cells) + "\n"


def local(hours: str, *minutes: str) -> list[str]:
    return [f"2026-11-01 {hour}:{minute}:00,1" for hour in hours.split() for minute in minutes]


MIXED = "\n".join(
    [*(f"{iso(minute)},{5 * SHARD}" for minute in range(0, 720, 5)), *(f"{iso(m)},{SHARD}" for m in range(720, 1440))]
)
CLOCKS_BACK = "\n".join(local("00 01 01 02", "00", "30"))

REFUSALS = {
    "empty": ("", "is empty; it must have a header"),
    "blank": ("\n\n \n", "is empty; it must have a header"),
    "header only": (HEADER, "has no rows below its header"),
    "one row": (rows(f"{iso(0)},3"), "line 2: this is the only value, and a trace needs at least two"),
    "no header": (values().partition("\n")[2], "line 1: the file has no header; put timestamp,bytes,records or"),
    "other columns": ("time,count\n0,1\n", "the columns are time, count; among them must be timestamp,bytes"),
    "no separators": ("hello\nworld\n", "line 1: the header names hello; it must name"),
    "more cells": (rows(f"{iso(0)},0.9,9,9"), "line 2: 4 cells, and the header has 2"),
    "decimal commas unquoted": (rows(f"{iso(0)},0,953"), "line 2: 3 cells, and the header has 2"),
    "a truncated row": (rows(f"{iso(0)},1", f"{iso(1)}"), "line 3: 1 cells, and the header has 2"),
    "an open quote": (rows(f'"{iso(0)},1', f"{iso(1)},2"), "write it as plain CSV"),
    "no timestamp": (rows(f"{iso(0)},1", "yesterday,2"), "line 3: 'yesterday' is not a timestamp; write"),
    "no such day": (rows("2026-02-30T00:00:00Z,1"), "line 2: '2026-02-30T00:00:00Z' is not a timestamp"),
    "hour 25": (rows("2026-10-05T25:00:00Z,1"), "line 2: '2026-10-05T25:00:00Z' is not a timestamp"),
    "a missing timestamp": (rows(f"{iso(0)},1", ",2"), "line 3: the timestamp is missing"),
    "the time alone": (rows("13:00:00,1", "13:01:00,1"), "line 2: '13:00:00' is not a timestamp"),
    "text": (rows(f"{iso(0)},1", f"{iso(1)},many"), "line 3: value is 'many', which is not a number"),
    "negative": (rows(f"{iso(0)},1", f"{iso(1)},-2"), "line 3: value is -2; it must be 0 or more and finite"),
    "infinite": (rows(f"{iso(0)},inf", f"{iso(1)},2"), "line 2: value is inf; it must be 0 or more"),
    "beyond floats": (rows(f"{iso(0)},1e400", f"{iso(1)},2"), "line 2: value is 1e400; it must be 0 or more"),
    "no values": (rows(f"{iso(0)},", f"{iso(1)},"), "no values"),
    "a comma that may be both": (
        f"timestamp;value\n{iso(0)};1,234\n{iso(1)};2,345\n",
        "may mark decimals or thousands",
    ),
    "an unknown unit": (
        f"time,bytes\n{iso(0)},5 bananas\n",
        "line 2: bytes is '5 bananas', whose unit is unknown",
    ),
    "twice": (
        rows(f"{iso(0)},1", f"{iso(1)},1", f"{iso(1)},2"),
        "line 4: 2026-10-05 00:01:00 occurs a second time, after line 3",
    ),
    "cut-off seconds": (
        rows("1.791158e+09,1", "1.791158e+09,2", "1.791159e+09,2"),
        "line 3: 2026-10-04 23:53:20 occurs a second time",
    ),
    "clocks put back": (
        HEADER + CLOCKS_BACK,
        "line 6: 2026-11-01 01:00:00 occurs a second time, after line 4, as does all",
    ),
    "a date a day": (
        rows("20261005,1", "20261006,2"),
        "line 2: 20261005 is a date without a time, and one value a day",
    ),
    "a day a row": (rows("2026-10-05,1", "2026-10-06,2"), "line 3: 2026-10-06 00:00:00 is 24 hours after"),
    "1970": (rows("1970-01-01T00:00:00Z,1", f"{iso(0)},2"), "line 2: 1970-01-01T00:00:00Z is not a plausible time"),
    "small numbers": (
        rows("0,1", "60,2"),
        "line 2: 0, as seconds since 1970, is 1970-01-01 00:00:00 and is not a plausible",
    ),
    "huge numbers": (rows(f"{10**30},1", f"{10**30 + 1},2"), f"line 2: {10**30} is not a plausible time"),
    "the far future": (rows("9999-01-01T00:00:00Z,1"), "line 2: 9999-01-01T00:00:00Z is not a plausible time"),
    "one wrong year": (
        rows(f"{iso(0)},1", f"{iso(1)},1", "2062-10-05T00:02:00Z,1"),
        "line 4: 2062-10-05 00:02:00 is 13,149 days after",
    ),
    "mixed units of time": (rows(f"{epoch(0)},1", f"{epoch(1)}000,1"), "line 3: 1791158460000 is not a plausible time"),
    "mixed zones": (rows(f"{iso(0)},1", "2026-10-05 00:01:00,1"), "line 3: '2026-10-05 00:01:00' has no zone"),
    "Excel's dates": (rows("46300.5,1", "46300.6,2"), "line 2: 46300.5 looks like a date of Excel's"),
    "day or month": (
        rows("10/05/2026 00:00,1", "10/05/2026 00:01,1"),
        "line 2: in '10/05/2026 00:00' the day and the month are ambiguous",
    ),
    "both day and month": (
        rows("13/05/2026 00:00,1", "05/13/2026 00:01,1"),
        "line 3: in '05/13/2026 00:01' the day and the month are ambiguous",
    ),
    "a short year": (rows("10/05/26 00:00,1"), "line 2: '10/05/26 00:00' has a two-digit year"),
    "a zone's letters": (rows("2026-10-05 00:00:00 CEST,1"), "line 2: '2026-10-05 00:00:00 CEST' is not a timestamp"),
    "local times by name": (f"Local time,value\n{iso(0)},1\n", "the column Local time has local times"),
    "mixed periods": (
        "timestamp,bytes\n" + MIXED,
        "line 2: from 2026-10-05 00:00:00 to 2026-10-05 12:00:00 values come every 300 seconds",
    ),
    "hours and then minutes": (
        "timestamp,bytes\n" + "\n".join(f"{iso(m)},5" for m in [*range(0, 600, 60), *range(600, 900, 5)]),
        "line 2: from 2026-10-05 00:00:00 to 2026-10-05 10:00:00 values come every 3,600 seconds and elsewhere",
    ),
    "no period": (
        rows(
            f"{iso(0)},1", f"{iso(5)},1", f"{iso(10)},1", f"{iso(12)},1", f"{iso(15)},1", f"{iso(20)},1", f"{iso(25)},1"
        ),
        "is not a multiple of the period",
    ),
    "more than Kinesis has": (f"time,bytes\n{iso(0)},{10**18}\n{iso(1)},1\n", "line 2: 1e+18 IncomingBytes would fill"),
    "more still": (f"time,bytes\n{iso(0)},1.7e308\n{iso(1)},1\n", "line 2: 1.7e+308 IncomingBytes would fill"),
    "an average": (
        f"time,IncomingBytes Average\n{iso(0)},1\n{iso(1)},1\n",
        "has the Average of IncomingBytes, from which no total can be computed: get the statistic Sum",
    ),
    "two streams": (
        f"time,a IncomingBytes,b IncomingBytes\n{iso(0)},1,1\n{iso(1)},1,1\n",
        "2 streams, a, b; choose one with --stream a",
    ),
    "null bytes": ("a\0b\n", "is not a text file: it has the control character"),
    "a workbook": ("PK\x03\x04", "is a workbook or a zip archive: save the sheet as CSV"),
    "YAML": ("MetricDataResults:\n- Id: incomingBytes\n", "add --output json to the command"),
    "the CLI's text": (
        "METRICDATARESULTS\tincomingBytes\tIncomingBytes\tComplete\n",
        "add --output json to the command",
    ),
    "a JSON list": ("[1, 2, 3]", COMMAND),
    "a JSON object": ('{"a": 1}', COMMAND),
    "nothing in JSON": ("{}", COMMAND),
    "brackets without end": ("[" * 200_000, COMMAND),
    "truncated": (answer(*both({0: 1, 1: 1}))[:200], "line 1: no JSON from there on"),
    "no results": (answer(), "it has no results"),
    "other results": (answer(result("Latency", {0: 1})), "it has results of Latency"),
    "empty results": (answer(*both({})), "for a time in which the stream had traffic"),
    "null results": ('{"MetricDataResults": null}', "MetricDataResults is None and must be a list"),
    "a text for a result": ('{"MetricDataResults": ["a"]}', "MetricDataResults[0] is 'a' and must be an object"),
    "a text for timestamps": (
        answer({**both({0: 1})[0], "Timestamps": "x"}),
        "MetricDataResults[0].Timestamps is 'x' and must be a list",
    ),
    "an object for a number": (
        answer({**both({0: 1})[0], "Values": [{}]}),
        "MetricDataResults[0].Values[0] is {} and must be a number",
    ),
    "true for a number": (
        answer({**both({0: 1})[0], "Values": [True]}),
        "MetricDataResults[0].Values[0] is True and must be a number",
    ),
    "a null timestamp": (
        answer({**both({0: 1})[0], "Timestamps": [None]}),
        "MetricDataResults[0].Timestamps[0] is None",
    ),
    "another timestamp": (
        answer({**both({0: 1})[0], "Timestamps": ["once"]}),
        "value 1 of IncomingBytes: 'once' is not a timestamp",
    ),
    "fewer values": (answer({**both({0: 1})[0], "Values": []}), "has 1 Timestamps and 0 Values"),
    "a negative value": (answer(*both({0: 1, 1: -1})), "value 2 of IncomingBytes is -1; it must be 0 or more"),
    "one value": (answer(*both({0: 1})), "this is the only value"),
    "partial": (
        answer(*both({0: 1, 1: 1}, StatusCode="PartialData")),
        "CloudWatch answered PartialData for IncomingBytes",
    ),
    "an internal error": (answer(*both({0: 1, 1: 1}, StatusCode="InternalError")), "CloudWatch answered InternalError"),
    "a missing page": (answer(*both({0: 1, 1: 1}), NextToken="more"), "ends with a NextToken: there are more pages"),
    "streams in JSON": (answer(*both({0: 1}, "orders"), *both({0: 1}, "parcels")), "2 streams, orders, parcels"),
    "streams in Ids": (
        answer(result("IncomingBytes", {0: 1}, id_="m1"), result("IncomingBytes", {0: 1}, id_="m2")),
        "2 series of IncomingBytes",
    ),
    "different periods": (
        answer(
            result("IncomingBytes", dict.fromkeys(range(60), 1.0)),
            result("IncomingRecords", dict.fromkeys(range(0, 60, 5), 1.0), id_="m2"),
        ),
        "IncomingRecords has a value every 300 seconds and IncomingBytes every 60",
    ),
    "get-metric-statistics": (
        json.dumps({"Label": "IncomingBytes", "Datapoints": [{"Timestamp": iso(0), "Sum": 1}]}),
        COMMAND,
    ),
    "frames of another shape": ('[{"schema": {"fields": 1}, "data": {}}]', "schema.fields is 1 and must be a list"),
    "columns of unequal length": ('{"timestamp": [1], "value": []}', "are not equally long"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_cannot_be_read_is_refused_with_its_place_and_the_remedy(tmp_path, what):
    content, complaint = REFUSALS[what]
    with pytest.raises(TraceError, match=r"orders\.csv") as refusal:
        read_trace(in_file(tmp_path, content))
    said = str(refusal.value)
    assert complaint in said
    assert len(said.partition("\naws ")[0]) < 450
    assert "\n" not in said.partition(":\naws ")[0]


def test_another_stream_than_the_file_has_is_refused(tmp_path):
    path = in_file(tmp_path, answer(*both({0: 1, 1: 1}, "orders")))
    with pytest.raises(TraceError, match="has no stream parcels: it has orders"):
        read_trace(path, stream="parcels")
    with pytest.raises(TraceError, match="does not say whose traffic it is: leave out --stream parcels"):
        read_trace(in_file(tmp_path, values(minutes=range(3))), stream="parcels")


def test_what_is_no_file_is_refused(tmp_path):
    for path, complaint in (
        (tmp_path / "nothing.csv", "cannot be read: No such file"),
        (tmp_path, "it is a folder"),
        (type(tmp_path)("/dev/zero"), "it is no regular file"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
    ):
        with pytest.raises(TraceError, match=complaint):
            read_trace(path)


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text_of_files, "MOST_BYTES", 10)
    with pytest.raises(TraceError, match="export fewer days"):
        read_trace(in_file(tmp_path, values(minutes=range(9))))


def test_a_mean_that_takes_the_peak_beyond_kinesis_is_refused(tmp_path):
    with pytest.raises(TraceError, match=r"give a lower --mean-shards"):
        read_trace(in_file(tmp_path, values()), mean_shards=9_000)


def test_a_kept_file_that_somebody_changed_is_refused(tmp_path):
    for stream in ("orders", {}, {"Name": "orders", "OpenShardCount": 0}, {"Name": "orders", "Settings": 3}):
        with pytest.raises(TraceError, match=r"Stream"):
            read_trace(in_file(tmp_path, answer(*both({0: 1, 1: 1}), Stream=stream)))
