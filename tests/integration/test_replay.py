"""`python -m simulator replay FILE`: the autoscaler on recorded traffic."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from simulator import __main__ as command_line
from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE
from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1
from simulator.commands import replay
from simulator.local_aws import LocalAWS
from simulator.local_aws.replay_outcome import most_within

START = datetime(2026, 10, 5, 7, 30, tzinfo=UTC)
HOURS = 8
SETTINGS = ["--max-shard-count", "16", "--foresight", "off"]


@pytest.fixture
def busy_morning(tmp_path):
    """Traffic per minute: an hour of one shard's worth, two of 4, and one again until eight hours are over."""
    path = tmp_path / "busy-morning.csv"
    lines = ["timestamp,bytes,records"]
    for minute in range(HOURS * 60):
        demand = 4 if 60 <= minute < 180 else 1
        lines.append(
            f"{(START + timedelta(minutes=minute)).isoformat()},{demand * SHARD_BYTES_PER_MINUTE},{demand * 60}"
        )
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["simulator", "replay", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "150")
        status = command_line.main()
        told = capsys.readouterr()
        return status, told.out + told.err

    return run


def result(folder):
    return json.loads((folder / "replay.json").read_text())


def test_a_replay_tells_what_happened_why_and_what_it_costs(run, busy_morning, tmp_path):
    status, output = run(busy_morning, *SETTINGS, "--output", tmp_path / "out")
    assert status == 0
    told = result(tmp_path / "out")
    outcome, scalings = told["result"], told["scalings"]

    assert scalings[0]["from_shard_count"] == 2  # the need of the first hour at the target utilization
    assert scalings[0]["started_at"].startswith("2026-10-05T08:3")
    assert max(each["to_shard_count"] for each in scalings) >= 5
    assert scalings[-1]["to_shard_count"] < scalings[-1]["from_shard_count"]
    for each in scalings:
        assert each["message"].startswith(f"Scaled busy-morning from {each['from_shard_count']} to ")
        assert each["message"] in re.sub(r"\s+", " ", output)
        assert f"{each['from_shard_count']} → {each['to_shard_count']}" in output

    assert (told["trace"], told["complete"]) == ("busy-morning", True)
    assert told["start"] == "2026-10-05T07:30:00+00:00"
    assert outcome["hours"] == HOURS
    assert outcome["scale_ups"] + outcome["scale_downs"] == len(scalings) == outcome["most_calls_in_24_hours"]
    assert 0 < outcome["throttled_minutes"] < 20
    assert 0 < outcome["throttled_share"] < 0.1
    accepted = 60 * (1 * 6 + 4 * 2) * (1 - outcome["throttled_share"])
    assert outcome["mean_utilization"] == pytest.approx(accepted / 60 / outcome["shard_hours"])
    shards_alone = US_EAST_1.provisioned(outcome["shard_hours"], 0, 0) / HOURS * HOURS_PER_MONTH
    assert outcome["dollars_per_month"] == pytest.approx(shards_alone, rel=0.2)
    assert outcome["dollars_per_month"] > shards_alone

    assert "05 Oct 2026 07:30 to 05 Oct 2026 15:30, 0.3 days" in output
    assert re.search(rf"scaled +{outcome['scale_ups']} up, {outcome['scale_downs']} down", output)
    assert f"${outcome['dollars_per_month']:,.2f} (us-east-1" in output
    assert (tmp_path / "out" / "replay.png").read_bytes().startswith(b"\x89PNG")
    page = unescape((tmp_path / "out" / "replay.html").read_text())
    assert all(each["message"] in page for each in scalings)
    assert (tmp_path / "out" / "replay.svg").read_text().startswith("<?xml")


def test_flags_are_what_the_module_would_be_given(run, busy_morning, tmp_path):
    flags = ["--max-shard-count", "4", "--scale-up-threshold", "0.9", "--preset", "cautious", "--shards", "1"]
    run(busy_morning, *flags, "--key-skew", "0.1", "--reshard-seconds", "600", "--output", tmp_path)
    told = result(tmp_path)
    assert told["preset"] == "cautious"
    assert told["settings"]["max_shard_count"] == 4
    assert told["settings"]["scale_up"]["threshold"] == 0.9
    assert told["settings"]["throttling_cost"] == replay.PRESETS["cautious"]["throttling_cost"]
    assert (told["world"]["shards"], told["world"]["key_skew"]) == (1, 0.1)
    first = told["scalings"][0]
    assert datetime.fromisoformat(first["finished_at"]) - datetime.fromisoformat(first["started_at"]) >= timedelta(
        minutes=10
    )
    assert max(each["to_shard_count"] for each in told["scalings"]) == 4


def test_ctrl_c_shows_what_there_is(run, busy_morning, tmp_path, monkeypatch):
    advance, minutes = LocalAWS.advance_minute, iter(range(90))

    def until_interrupted(aws, traffic):
        if next(minutes, None) is None:
            raise KeyboardInterrupt
        return advance(aws, traffic)

    monkeypatch.setattr(LocalAWS, "advance_minute", until_interrupted)
    status, output = run(busy_morning, *SETTINGS, "--output", tmp_path)
    assert status == 130
    assert "05 Oct 2026 07:30 to 05 Oct 2026 09:00" in output
    assert output.rstrip().endswith("Stopped.")
    assert result(tmp_path)["complete"] is False
    assert result(tmp_path)["result"]["hours"] == 1.5


def test_traffic_from_cloudwatch_can_be_replayed(run, tmp_path):
    moments = [START + timedelta(minutes=5 * index) for index in range(13)]
    results = [
        {"Id": name, "Label": name, "Timestamps": [each.isoformat() for each in moments], "Values": [value] * 13}
        for name, value in (("IncomingBytes", 5 * SHARD_BYTES_PER_MINUTE), ("IncomingRecords", 300))
    ]
    (tmp_path / "orders.json").write_text(json.dumps({"MetricDataResults": results, "Messages": []}))
    status, output = run(tmp_path / "orders.json", *SETTINGS, "--output", tmp_path)
    assert status == 0
    assert "05 Oct 2026 07:30 to 05 Oct 2026 08:31" in output


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--max-shard-count", "0"], "--max-shard-count must be a whole number of shards"),
        (["--max-shard-count", "4", "--min-shard-count", "5"], "--min-shard-count (5) must not be above"),
    ],
)
def test_a_setting_that_the_module_refuses_is_refused_before_anything_starts(
    run, busy_morning, monkeypatch, flags, complaint
):
    monkeypatch.setattr(LocalAWS, "__enter__", pytest.fail)
    status, output = run(busy_morning, *flags)
    assert status == 1
    assert complaint in output


@pytest.mark.parametrize(
    ("flag", "value", "complaint"),
    [
        ("--shards", "0", "'0' is not a whole number from 1 to 10,000"),
        ("--shards", "20000", "'20000' is not a whole number from 1 to 10,000"),
        ("--shards", "1.5", "'1.5' is not a whole number"),
        ("--key-skew", "1.5", "'1.5' is not a number from 0 to 1"),
        ("--reshard-seconds", "0", "'0' is not a number above 0 and up to 86,400"),
        ("--metric-delay-seconds", "soon", "'soon' is not a whole number from 0 to 86,400"),
        ("--reconcile-interval-minutes", "61", "'61' is not a whole number from 1 to 60"),
        ("--mean-shards", "0", "'0' is not a number above 0 and up to 10,000"),
        ("--days", "16", "'16' is not a whole number from 1 to 15"),
        ("--preset", "bold", "invalid choice: 'bold'"),
    ],
)
def test_a_world_that_cannot_be_is_refused_with_the_flag(run, busy_morning, capsys, flag, value, complaint):
    with pytest.raises(SystemExit):
        run(busy_morning, *SETTINGS, flag, value)
    assert f"argument {flag}: {complaint}" in capsys.readouterr().err


def test_the_help_tells_how_to_get_the_traffic(run, capsys):
    with pytest.raises(SystemExit):
        run("--help")
    told = capsys.readouterr().out
    assert "aws cloudwatch get-metric-data" in told
    assert "--scale-down-evaluation-periods" in told


@pytest.mark.parametrize(
    ("minutes", "most"), [([], 0), ([0], 1), ([0, 1, 1439, 1440], 3), ([0, 1440, 2880], 1), ([0, 10, 20, 5000], 3)]
)
def test_the_most_calls_of_any_24_hours_are_counted(minutes, most):
    assert most_within(timedelta(days=1), [START + timedelta(minutes=minute) for minute in minutes]) == most
