"""`python -m simulator advise`: settings for a stream's traffic, for one stream and for all of an account."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from html import unescape
from unittest.mock import patch

import hcl2
import numpy as np
import pytest
from botocore.client import BaseClient

from simulator import __main__ as command_line
from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE
from simulator.commands import advise, given_traffic
from simulator.deployment import add_stream, deploy, module_inputs
from simulator.deployment.terraform import REPOSITORY
from simulator.local_aws import LocalAWS, Transport
from simulator.traffic import from_aws

MINUTES = 2 * 1440 + 30


@pytest.fixture
def run(simulator, monkeypatch):
    def run(*arguments):
        monkeypatch.setenv("COLUMNS", "180")
        done = simulator("advise", *arguments)
        return done.status, re.sub(r"[ \n]+", " ", done.out + done.err)

    return run


def level(mean):
    """Return days of traffic that oscillates around a mean, in shards."""
    return mean * (1 - 0.7 * np.cos(np.arange(MINUTES) / 1440 * 2 * np.pi))


def csv(path, mean):
    start = datetime(2026, 10, 5, tzinfo=UTC)
    rows = [
        f"{(start + timedelta(minutes=minute)).isoformat()},{each * SHARD_BYTES_PER_MINUTE:.0f},{each * 60:.0f}"
        for minute, each in enumerate(level(mean))
    ]
    path.write_text("\n".join(["timestamp,bytes,records", *rows]))
    return path


def test_a_file_gives_a_block_that_terraform_takes_and_says_what_it_saves(run, tmp_path):
    status, output = run(csv(tmp_path / "orders.csv", 4), "--output", tmp_path, "--max-shard-count", 24)
    assert status == 0
    assert "which did not influence the choice, the settings throttled" in output
    assert "They save $" in output
    assert "on-demand Advantage, its part of the account's bill" in output
    told = json.loads((tmp_path / "advice.json").read_text())
    assert told["settings"]["max_shard_count"] == 24
    text = (tmp_path / "stream.tf").read_text()
    page = unescape((tmp_path / "advice.html").read_text())
    assert text in page
    assert all(sentence in page for sentence in told["findings"])
    assert re.sub(r"[ \n]+", " ", text).strip() in output
    ((name, body),) = hcl2.loads(text)["module"][0].items()
    assert name.strip('"') == "orders_scaling"
    assert {key for key in body if not key.startswith("__")} <= inputs_of_the_module()


def inputs_of_the_module():
    variables = hcl2.loads((REPOSITORY / "modules" / "stream" / "variables.tf").read_text())["variable"]
    return {name.strip('"') for variable in variables for name in variable} | {"source"}


def test_several_files_give_a_table_sorted_by_what_is_saved(run, tmp_path):
    paths = [csv(tmp_path / f"{name}.csv", mean) for name, mean in (("small", 0.4), ("large", 9), ("small.", 0.4))]
    (tmp_path / "empty.csv").write_text("")
    status, output = run(*paths, tmp_path / "empty.csv", "--output", tmp_path / "out")
    assert status == 0
    told = json.loads((tmp_path / "out" / "advice.json").read_text())
    names = [each["name"] for each in told["streams"]]
    assert (names[0], names[-1]) == ("large", "empty")
    assert "3 streams: $" in output
    assert "1 stream has no advice" in output
    page = unescape((tmp_path / "out" / "advice.html").read_text())
    assert "Settings for 3 streams" in page
    assert told["streams"][-1]["refusal"] in page
    blocks = hcl2.loads((tmp_path / "out" / "streams.tf").read_text())["module"]
    assert len({name for each in blocks for name in each}) == 3


@pytest.fixture
def aws(tmp_path, monkeypatch):
    """A local AWS in which `orders` is scaled by alarms, `clicks` has far too many shards and `silent` no traffic."""
    monkeypatch.setattr(given_traffic, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(advise, "KEPT", tmp_path / "kept")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with LocalAWS(Transport.HTTP, start=now, region="eu-west-1") as aws:
        deploy(aws)
        add_stream(aws, "orders", 6, max_shard_count=24, max_iterator_age_minutes=None)
        kinesis = aws.client("kinesis")
        kinesis.create_stream(StreamName="clicks", ShardCount=40)
        kinesis.create_stream(StreamName="silent", ShardCount=1)
        for stream, mean in (("orders", 4), ("clicks", 2)):
            for minute, shards in enumerate(level(mean)):
                at = now - timedelta(minutes=MINUTES + 6 - minute)
                for metric, value in (("IncomingBytes", shards * SHARD_BYTES_PER_MINUTE), ("IncomingRecords", 60)):
                    aws.store.put("AWS/Kinesis", metric, {"StreamName": stream}, at, sum=value)
        yield aws


def test_all_streams_of_a_region_are_read_advised_and_sorted(aws, run, tmp_path):
    made, really = [], BaseClient._make_api_call

    def record(client, operation, parameters):
        made.append(f"{client.meta.service_model.endpoint_prefix.replace('monitoring', 'cloudwatch')}:{operation}")
        return really(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", record):
        status, output = run("--all", "--region", "eu-west-1", "--days", "3", "--output", tmp_path / "out")
    assert status == 0
    assert set(made) == {*from_aws.PERMISSIONS, from_aws.PERMISSION_TO_LIST}
    assert made.count("cloudwatch:DescribeAlarms") == 1  # not once per stream
    told = json.loads((tmp_path / "out" / "advice.json").read_text())
    clicks, orders, silent = told["streams"]
    assert (clicks["name"], clicks["today_is"]) == ("clicks", "today's 40 shards")
    assert clicks["today"] > 40 * 0.015 * 730
    assert (orders["name"], orders["today_is"]) == ("orders", "today's settings")
    assert (orders["inputs"]["max_shard_count"], orders["inputs"]["max_iterator_age_minutes"]) == (24, None)
    assert silent["refusal"].startswith("CloudWatch has no IncomingBytes of silent")
    assert "2 streams: $" in output
    assert "Yours may differ" in output
    for row in (clicks, orders):
        module_inputs.check(row["inputs"])
    assert len(list((tmp_path / "kept").glob("*.json"))) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Give exactly one source of traffic"),
        (["--all", "--sample", "shop"], "Give exactly one source of traffic"),
        (["a.csv", "b.csv", "--region", "x"], "--region belongs to --stream and --all"),
        (["--sample", "shop", "--target-utilization", "2"], "--target-utilization must be a fraction"),
        (["--sample", "shop", "--output", "/dev/null/x"], "Nothing can be written to '/dev/null/x'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(run, arguments, complaint):
    status, output = run(*arguments)
    assert status == 1
    assert complaint in output


@pytest.mark.parametrize("name", ["README.md", "docs/your-traffic.md"])
def test_every_command_that_is_shown_is_one_that_the_command_line_takes(name):
    page = (REPOSITORY / name).read_text()
    shown = re.findall(r"^[ ]*\S*python -m simulator ([^#\n]+)", page, re.MULTILINE)
    assert any(each.startswith("advise") for each in shown)
    for arguments in shown:
        command_line.command_line().parse_args(shlex.split(arguments))
        if "--sample" in arguments:
            assert arguments.split()[0] in {"replay", "compare", "advise"}


def test_the_page_lists_what_the_caller_must_be_allowed_to_do():
    page = (REPOSITORY / "docs" / "your-traffic.md").read_text()
    assert all(f'"{permission}"' in page for permission in from_aws.PERMISSIONS)
    assert f"`{from_aws.PERMISSION_TO_LIST}`" in page
