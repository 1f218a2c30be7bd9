"""Files with a trace: their formats, the rules, and the summary."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import cache

import pytest

from simulator.traffic import TraceError, read_trace
from tests.unit.simulator.traffic.files import (
    DAY,
    RECORD,
    SHARD,
    START,
    answer,
    at,
    both,
    epoch,
    in_file,
    iso,
    result,
    table,
    totals,
    values,
    wave,
)

WAVE = [wave(minute) for minute in range(DAY)]
MEAN = sum(WAVE) / DAY


def shards(read):
    return [load.shards for load in read.trace.minutes]


def read(folder, content, name="orders.csv", **options):
    return read_trace(in_file(folder, content, name), **options)


@cache
def local(minute):
    return f"{at(minute):%Y-%m-%d %H:%M:%S}"


@cache
def in_berlin(minute):
    return (at(minute) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00")


def scientific(minute):
    return f"{epoch(minute):.9e}"


SAME_DAY = {
    "Z": values(),
    "no zone": values(local),
    "offset": values(in_berlin),
    "offset without a colon": values(lambda minute: in_berlin(minute).replace("+02:00", "+0200")),
    "UTC in words": values(lambda minute: local(minute) + " UTC"),
    "slashes": values(lambda minute: local(minute).replace("-", "/")),
    "no seconds": values(lambda minute: local(minute)[:-3]),
    "fractions": values(lambda minute: local(minute) + ".000"),
    "compact": values(lambda minute: f"{at(minute):%Y%m%dT%H%M%SZ}"),
    "European": values(lambda minute: f"{at(minute):%d.%m.%Y %H:%M}"),
    "American, with a day above 12": values(lambda minute: f"{at(minute) + timedelta(days=10):%m/%d/%Y %I:%M:%S %p}"),
    "in words": values(lambda minute: f"{at(minute):%a %d %b %Y %H:%M:%S GMT}"),
    "in American words": values(lambda minute: f'"{at(minute):%b %d, %Y %I:%M %p}"'),
    "seconds": values(epoch),
    "seconds with decimals": values(lambda minute: f"{epoch(minute)}.000"),
    "scientific seconds, complete": values(scientific),
    "milliseconds": values(lambda minute: epoch(minute) * 10**3),
    "microseconds": values(lambda minute: epoch(minute) * 10**6),
    "nanoseconds": values(lambda minute: epoch(minute) * 10**9),
    "semicolons": values(separator=";"),
    "semicolons and decimal commas": values().replace(",", ";").replace(".", ","),
    "tabs": values(separator="\t"),
    "pipes": values(separator="|"),
    "Excel's sep=": "sep=;\n" + values(separator=";"),
    "CRLF": values(end="\r\n"),
    "CR": values(end="\r"),
    "blank lines": values(end="\n\n"),
    "comments": "# exported by me\n" + values().replace("T12:00", "T12:00", 1),
    "quoted": re.sub(r"[^,\n]+", r'"\g<0>"', values()),
    "spaces": values().replace(",", " , "),
    "trailing separators": values(end=",\n").replace("value,\n", "value\n"),
    "upper case": values(header="Timestamp,VALUE"),
    "other columns": table(lambda minute: (iso(minute), "eu", wave(minute), "x"), header="timestamp,region,value,note"),
    "a label of something else": table(lambda minute: (iso(minute), wave(minute), 0), header="timestamp,value,label"),
    "a preamble": "Report of orders\n\n" + values(),
    "BOM": b"\xef\xbb\xbf" + values().encode(),
    "UTF-16": values().encode("utf-16"),
    "UTF-16 BE with BOM": b"\xfe\xff" + values().encode("utf-16-be"),
    "UTF-16 LE without BOM": values().encode("utf-16-le"),
    "UTF-16 BE without BOM": values().encode("utf-16-be"),
    "Latin-1": table(lambda minute: (iso(minute), wave(minute), "Köln"), header="timestamp,value,Straße").encode(
        "latin-1"
    ),
    "newest first": values(minutes=range(DAY - 1, -1, -1)),
    "in no order": values(minutes=sorted(range(DAY), key=lambda minute: minute * 617 % DAY)),
    "a list of objects": json.dumps([{"timestamp": iso(minute), "value": wave(minute)} for minute in range(DAY)]),
    "lines of objects": "\n".join(json.dumps({"time": iso(minute), "value": wave(minute)}) for minute in range(DAY)),
    "columns": json.dumps({"timestamp": [epoch(m) for m in range(DAY)], "value": [wave(m) for m in range(DAY)]}),
}


@pytest.mark.parametrize("form", SAME_DAY)
def test_the_same_day_is_read_however_it_is_written(tmp_path, form):
    found = read(tmp_path, SAME_DAY[form])
    assert found.trace.start in {START, START + timedelta(days=10)}
    assert shards(found) == pytest.approx([value * 4 / MEAN for value in WAVE], rel=1e-9)


def test_values_of_unknown_unit_are_scaled_and_that_is_said(tmp_path):
    assert "of unknown unit, scaled so that their mean is 4 shards (4 MiB/s)" in read(tmp_path, values()).summary
    found = read(tmp_path, values(), mean_shards=6)
    assert found.trace.mean_shards == pytest.approx(6)
    assert "scaled so that their mean is 6 shards" in found.summary
    assert "timestamp,bytes,records" in found.summary


AS_THEY_ARE = {
    "bytes and records": totals(),
    "upper case": totals(header="Timestamp,Bytes,Records"),
    "CloudWatch's names": totals(header="Time,IncomingBytes,IncomingRecords"),
    "with the stream": totals(header="Time,orders IncomingBytes,orders IncomingRecords"),
    "Metrics Insights": totals(header="Time,SUM(IncomingBytes),SUM(IncomingRecords)"),
    "Datadog": totals(
        header='timestamp,"sum:aws.kinesis.incoming_bytes{streamname:orders}","sum:aws.kinesis.incoming_records{streamname:orders}"'
    ),
    "Kinesis' console": totals(header="Timestamp,Incoming data - sum (Bytes),Incoming records - sum (Count)"),
    "Grafana": totals(header='"Time","IncomingBytes","IncomingRecords"', stamp=local),
    "Grafana, per second": table(
        lambda m: (local(m), f"{wave(m):.3f} MiB/s", f"{wave(m) * 512:.9f} c/s"),
        header="Time,IncomingBytes,IncomingRecords",
    ),
    "Grafana, with units": table(
        lambda m: (local(m), f"{wave(m) * 60:.9f} MiB", f"{wave(m) * 60 * 512 / 1000:.9f} K"),
        header="Time,IncomingBytes,IncomingRecords",
    ),
    "thousands": table(
        lambda m: (iso(m), f'"{round(wave(m) * SHARD):,}"', round(wave(m) * SHARD / RECORD)),
        header="timestamp,bytes,records",
    ),
    "mebibytes in the header": table(
        lambda m: (iso(m), wave(m) * 60, wave(m) * 60 * 512), header="timestamp,IncomingBytes (MiB),IncomingRecords"
    ),
    "long form": table(
        lambda m: (iso(m // 2), *(("IncomingBytes", wave(m // 2) * SHARD) if m % 2 else ("IncomingRecords", 1))),
        header="Timestamp,MetricName,Value",
        minutes=range(2 * DAY),
    ),
    "with a sum and a unit": table(lambda m: (iso(m), wave(m) * SHARD, "Bytes"), header="Timestamp,Sum,Unit"),
    "Grafana's frames": json.dumps(
        {
            "results": {
                "A": {
                    "frames": [
                        {
                            "schema": {
                                "fields": [
                                    {"name": "Time", "type": "time"},
                                    {
                                        "name": "Value",
                                        "labels": {"StreamName": "orders"},
                                        "config": {"displayNameFromDS": "IncomingBytes"},
                                    },
                                ]
                            },
                            "data": {
                                "values": [[epoch(m) * 1000 for m in range(DAY)], [wave(m) * SHARD for m in range(DAY)]]
                            },
                        }
                    ]
                }
            }
        }
    ),
    "Grafana's targets": json.dumps(
        [{"target": "IncomingBytes", "datapoints": [[wave(m) * SHARD, epoch(m) * 1000] for m in range(DAY)]}]
    ),
    "GetMetricData": answer(*both({m: wave(m) * SHARD for m in range(DAY)})),
    "GetMetricData in UTF-16": answer(*both({m: wave(m) * SHARD for m in range(DAY)})).encode("utf-16"),
    "GetMetricData, newest first": answer(*both({m: wave(m) * SHARD for m in reversed(range(DAY))})),
    "pages in a list": json.dumps(
        [json.loads(answer(*both({m: wave(m) * SHARD for m in part}))) for part in (range(700), range(700, DAY))]
    ),
}


@pytest.mark.parametrize("form", AS_THEY_ARE)
def test_real_amounts_are_taken_as_they_are(tmp_path, form):
    found = read(tmp_path, AS_THEY_ARE[form])
    assert found.trace.start == START
    assert shards(found) == pytest.approx(WAVE, rel=1e-4)
    assert "scaled" not in found.summary


def test_totals_are_scaled_where_that_is_asked_for(tmp_path):
    found = read(tmp_path, totals(), mean_shards=7)
    assert found.trace.mean_shards == pytest.approx(7)
    assert "to a mean of 7 shards" in found.summary


@pytest.mark.parametrize("period", [5, 15, 60])
def test_totals_of_longer_periods_are_spread_evenly_and_keep_their_sum_but_for_the_last(tmp_path, period):
    """The last period may have been incomplete when the numbers were read, so its first minute counts."""
    found = read(tmp_path, totals(period))
    assert len(found.trace.minutes) == DAY - period + 1
    whole = sum(load.bytes for load in found.trace.minutes[:-1])
    assert whole == pytest.approx(sum(WAVE[:-period]) * SHARD, rel=1e-6)
    assert found.trace.minutes[-1].bytes == pytest.approx(sum(WAVE[-period:]) / period * SHARD, rel=1e-6)
    assert shards(found)[0] == pytest.approx(shards(found)[period - 1])
    assert f"values of every {period} minutes, spread evenly over their minutes" in found.summary


@pytest.mark.parametrize("seconds", [1, 5, 30])
def test_totals_finer_than_a_minute_are_added_up(tmp_path, seconds):
    rows = range(0, 600, seconds)
    text = table(lambda s: (iso(s / 60), SHARD * seconds / 60, 1), header="timestamp,bytes,records", minutes=rows)
    found = read(tmp_path, text)
    assert shards(found) == pytest.approx([1.0] * 10)
    assert found.trace.minutes[0].records == 60 / seconds
    assert f"values of every {seconds} seconds are summed by the minute" in found.summary


def test_rates_of_longer_periods_lie_on_straight_lines(tmp_path):
    text = table(lambda minute: (iso(minute), 1 + minute), minutes=range(0, 15, 5))
    assert shards(read(tmp_path, text, mean_shards=7)) == pytest.approx(
        [each * 7 / 6 for each in range(1, 12)], rel=1e-6
    )


def test_a_console_export_has_its_header_in_two_rows(tmp_path):
    header = "Full label,IncomingBytes,IncomingRecords\nLabel,IncomingBytes,IncomingRecords"
    found = read(tmp_path, totals(5, stamp=lambda minute: local(minute).replace("-", "/"), header=header))
    assert found.trace.mean_shards == pytest.approx(MEAN, rel=3e-3)
    assert "times without a zone are read as UTC" in found.summary


@pytest.mark.parametrize("hole", ["", "nan", "NULL", "-", None])
def test_a_minute_without_a_value_is_a_gap_in_csv(tmp_path, hole):
    rows = [f"{iso(minute)},{wave(minute)}" for minute in range(DAY)]
    rows[5:8] = [] if hole is None else [f"{iso(minute)},{hole}" for minute in (5, 6, 7)]
    found = read(tmp_path, "timestamp,value\n" + "\n".join(rows))
    assert [load.bytes for load in found.trace.minutes[4:9]].count(0) == 3
    assert "no value for 3 of 1,440 minutes (the first at 2026-10-05 00:05:00): counted as no traffic" in found.summary


def test_the_same_gap_is_one_in_json(tmp_path):
    numbers = {minute: SHARD * 5 for minute in range(0, DAY, 5) if not 100 <= minute < 300}
    found = read(tmp_path, answer(*both(numbers)))
    assert sum(each == 0 for each in shards(found)) == 200
    assert (
        "no value for 200 of 1,436 minutes (the first at 2026-10-05 01:40:00): counted as no traffic" in found.summary
    )


def test_sparse_points_are_not_stretched(tmp_path):
    numbers = dict.fromkeys([0, 5, 60, 65, 70, 180], 5 * SHARD)
    found = read(tmp_path, answer(*both(numbers)))
    assert sum(shards(found)) == pytest.approx(5 * 5 + 1)
    assert max(shards(found)) == pytest.approx(1)


def test_bytes_alone_are_enough_and_what_is_assumed_is_said(tmp_path):
    for content in (
        table(lambda minute: (iso(minute), wave(minute) * SHARD), header="timestamp,bytes"),
        answer(both({minute: wave(minute) * SHARD for minute in range(DAY)})[0]),
    ):
        found = read(tmp_path, content)
        assert shards(found) == pytest.approx(WAVE)
        assert "records are unknown and assumed to have 2,048 bytes each" in found.summary
        assert "their number may be the limit" in found.summary


def test_records_alone_are_enough_and_what_is_assumed_is_said(tmp_path):
    found = read(tmp_path, table(lambda minute: (iso(minute), 60_000), header="timestamp,records"))
    assert shards(found) == pytest.approx([1.0] * DAY)
    assert "bytes are unknown and assumed to be 1,024 a record" in found.summary


def test_a_minute_that_lacks_one_of_two_metrics_is_completed_by_the_record_size(tmp_path):
    rows = [f"{iso(minute)},{SHARD},{'' if minute == 3 else 1000}" for minute in range(9)]
    found = read(tmp_path, "timestamp,bytes,records\n" + "\n".join(rows))
    assert found.trace.minutes[3].records == pytest.approx(1000)
    assert "1 minutes have only bytes or only records" in found.summary


def test_fewer_bytes_than_records_are_asked_about(tmp_path):
    text = table(lambda minute: (iso(minute), 60, 9000), header="timestamp,bytes,records", minutes=range(5))
    assert "there are fewer bytes than records: are the two columns swapped?" in read(tmp_path, text).summary


def test_shards_are_added_up(tmp_path):
    results = [
        result(f"shardId-{number:012} {metric}", {0: SHARD, 1: SHARD}, id_=f"e{index}")
        for number in range(4)
        for index, metric in enumerate(("IncomingBytes",))
    ]
    found = read(tmp_path, answer(*results))
    assert shards(found) == pytest.approx([4, 4])
    assert "the sum of 4 shards" in found.summary


def test_of_several_statistics_the_sum_is_read(tmp_path):
    header = "Time,IncomingBytes Average,IncomingBytes Sum,IncomingBytes SampleCount"
    found = read(tmp_path, table(lambda minute: (iso(minute), 7, SHARD, 9), header=header, minutes=range(5)))
    assert shards(found) == pytest.approx([1] * 5)
    assert "of the statistics of IncomingBytes only Sum" in found.summary


TWO_STREAMS = answer(*both({0: SHARD, 1: SHARD}, "orders"), *both({0: 2 * SHARD, 1: 2 * SHARD}, "parcels"))


def test_of_several_streams_one_is_chosen_by_name(tmp_path):
    found = read(tmp_path, TWO_STREAMS, stream="parcels")
    assert shards(found) == pytest.approx([2, 2])
    assert "only parcels of 2 streams" in found.summary


def test_a_column_of_streams_tells_them_apart(tmp_path):
    rows = [f"{iso(minute)},{name},{SHARD * (index + 1)}" for minute in range(5) for index, name in enumerate("ab")]
    text = "timestamp,stream,bytes\n" + "\n".join(rows)
    assert shards(read(tmp_path, text, stream="b")) == pytest.approx([2] * 5)
    with pytest.raises(TraceError, match="2 streams, a, b"):
        read(tmp_path, text)


def test_what_cloudwatch_says_beside_the_data_is_said(tmp_path):
    text = answer(*both({0: 1, 1: 1}), Messages=[{"Code": "MaxMetrics", "Value": "too many metrics"}])
    assert "CloudWatch says: MaxMetrics too many metrics" in read(tmp_path, text).summary


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (
            {"OpenShardCount": 6, "Settings": {"max_shard_count": 9}},
            "settings are those of its alarms; it has 6 shards",
        ),
        ({"OpenShardCount": 6}, "it has no alarms of modules/stream; it has 6 shards"),
        (
            {"OpenShardCount": 4, "Mode": "ON_DEMAND"},
            "it is in on-demand mode, and this is what provisioned mode would do",
        ),
    ],
)
def test_what_is_known_of_the_stream_is_said(tmp_path, stream, said):
    found = read(tmp_path, answer(*both({0: 1, 1: 1}), Stream={"Name": "parcels", **stream}))
    assert said in found.summary
    assert found.trace.name == "parcels"


def test_pages_of_one_answer_are_one_trace(tmp_path):
    first = answer(*both({0: SHARD, 1: SHARD}, StatusCode="PartialData"), NextToken="more")
    second = answer(*both({2: 3 * SHARD}, StatusCode="Complete"))
    assert shards(read(tmp_path, f"{first}\n{second}\n")) == pytest.approx([1, 1, 3])


@pytest.mark.parametrize(
    "content", ["timestamp,value\n" + "".join(f"{iso(m)},0\n" for m in range(9)), answer(*both({0: 0, 1: 0}))]
)
def test_no_traffic_at_all_is_a_trace(tmp_path, content):
    assert set(shards(read(tmp_path, content))) == {0}


def test_three_minutes_are_a_trace(tmp_path):
    assert len(read(tmp_path, values(minutes=range(3))).trace.minutes) == 3


def test_an_american_spring_is_told_by_the_hour_that_is_not_there(tmp_path):
    night = [f"2026-03-08 {hour:02}:{minute:02}:00,1" for hour in (0, 1, 3, 4) for minute in range(0, 60, 5)]
    with pytest.raises(TraceError, match=r"line 26: the time from 2026-03-08 02:00:00 on is missing.*local times"):
        read(tmp_path, "timestamp,value\n" + "\n".join(night))
    in_utc = "\n".join(line.replace(":00,", ":00Z,") for line in night)
    assert "no value for 60" in read(tmp_path, "timestamp,value\n" + in_utc).summary
