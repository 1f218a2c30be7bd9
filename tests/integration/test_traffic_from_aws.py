"""`--stream`: a stream's traffic, settings and shards from AWS, and the file in which they are saved."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from simulator.aws.kinesis import SHARD_BYTES_PER_MINUTE
from simulator.deployment import add_stream, deploy
from simulator.deployment.terraform import REPOSITORY
from simulator.local_aws import LocalAWS, Transport
from simulator.local_aws.environment import with_aws
from simulator.traffic import TraceError, Traffic, from_aws, read_stream, read_trace

MINUTES = 12
SETTINGS = {
    "max_shard_count": 24,
    "min_shard_count": 2,
    "target_utilization": 0.6,
    "scale_up": {"threshold": 0.7, "cooldown_minutes": 3},
    "max_iterator_age_minutes": None,
}


@pytest.fixture(scope="module")
def aws():
    """A local AWS over HTTP in which `orders` had some minutes of traffic until now, and `bare` has no alarms."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES + 8)
    with LocalAWS(Transport.HTTP, start=start, region="eu-west-1") as aws:
        deploy(aws)
        add_stream(aws, "orders", 6, **SETTINGS)
        aws.client("kinesis").create_stream(StreamName="bare", ShardCount=3)
        aws.client("kinesis").create_stream(StreamName="silent", ShardCount=1)
        for minute in range(MINUTES):
            load = Traffic((minute + 1) / 4 * SHARD_BYTES_PER_MINUTE, 60 * (minute + 1))
            aws.advance_minute({"orders": load, "bare": load})
        for _ in range(8):
            aws.advance_minute()
        yield aws


def test_traffic_settings_and_shards_are_those_of_the_stream(aws, tmp_path):
    read = read_stream("orders", tmp_path)
    shards = [load.shards for load in read.trace.minutes]
    assert shards == pytest.approx([(minute + 1) / 4 for minute in range(len(shards))], rel=1e-3)
    assert len(shards) >= MINUTES - 1
    assert read.trace.name == "orders"
    assert (read.stream.region, read.stream.shards) == ("eu-west-1", 6)
    settings = read.stream.settings
    assert {name: settings[name] for name in SETTINGS if name != "scale_up"} == {
        name: value for name, value in SETTINGS.items() if name != "scale_up"
    }
    assert (settings["scale_up"]["threshold"], settings["scale_up"]["cooldown_minutes"]) == (0.7, 3)


def test_a_stream_without_alarms_has_no_settings(aws, tmp_path):
    read = read_stream("bare", tmp_path)
    assert (read.stream.settings, read.stream.shards) == (None, 3)


def test_the_kept_file_gives_the_same_without_aws(aws, tmp_path):
    read = read_stream("orders", tmp_path)
    with patch.object(boto3, "Session", side_effect=AssertionError("AWS was asked")):
        again = read_trace(tmp_path / read.source.rpartition("/")[2])
    assert again == read


def test_only_calls_are_made_that_the_listed_permissions_allow(aws, tmp_path):
    made, really = set(), BaseClient._make_api_call

    def record(client, operation, parameters):
        made.add(f"{client.meta.service_model.endpoint_prefix.replace('monitoring', 'cloudwatch')}:{operation}")
        return really(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", record):
        read_stream("orders", tmp_path)
    assert made == set(from_aws.PERMISSIONS)
    page = (REPOSITORY / "docs" / "your-traffic.md").read_text()
    assert all(permission in page for permission in from_aws.PERMISSIONS)


def test_replay_takes_what_it_needs_from_aws_and_compare_from_the_kept_file(aws, simulator, monkeypatch, tmp_path):
    # A process of its own, because a replay in this one would replace the AWS that it reads from.
    command = [sys.executable, "-m", "simulator", "replay", "--stream", "orders", "--days", "1", "--output", tmp_path]
    environment = {**with_aws(aws.environment), "COLUMNS": "150"}
    del environment["AWS_DEFAULT_REGION"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "replay.json").read_text())
    assert told["world"]["shards"] == 6
    assert (told["settings"]["max_shard_count"], told["settings"]["min_shard_count"]) == (24, 2)
    kept = told["read"]["from"]
    assert f"Kept in {kept}" in done.stdout

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    compared = simulator("compare", kept, "--output", tmp_path)
    assert compared.status == 0, compared.err
    assert "your settings" in compared.out


@pytest.mark.parametrize(
    ("stream", "variables", "options", "complaint"),
    [
        ("nothing", {}, {}, "There is no stream nothing in this account and region: check its name"),
        ("silent", {}, {}, "CloudWatch has no IncomingBytes of silent in the last 14 days in eu-west-1"),
        ("../orders", {}, {}, "'../orders' is not a stream name"),
        ("orders", {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, {}, "There are no AWS credentials"),
        ("orders", {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, {}, "The region is unknown: use --region"),
        ("orders", {}, {"profile": "nobody"}, "The config profile (nobody) could not be found"),
        ("orders", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {}, "Could not connect to the endpoint"),
    ],
)
def test_what_is_missing_is_told_in_a_sentence(aws, tmp_path, monkeypatch, stream, variables, options, complaint):
    monkeypatch.setattr(
        from_aws, "_CONFIG", from_aws._CONFIG.merge(type(from_aws._CONFIG)(retries={"max_attempts": 1}))
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(TraceError) as refusal:
        read_stream(stream, tmp_path, **options)
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (
            "AccessDeniedException",
            "AWS does not allow GetMetricData: no. Reading a stream takes cloudwatch:DescribeAlarms",
        ),
        ("ExpiredTokenException", "AWS does not accept the credentials (ExpiredTokenException): log in again"),
        ("ThrottlingException", "AWS answered ThrottlingException to GetMetricData for orders: no."),
    ],
)
def test_a_refusal_names_what_is_missing(aws, tmp_path, code, complaint):
    refusal = ClientError({"Error": {"Code": code, "Message": "no."}}, "GetMetricData")
    with patch.object(from_aws, "_traffic", side_effect=refusal), pytest.raises(TraceError) as refused:
        read_stream("orders", tmp_path)
    assert complaint in str(refused.value)


def page(status, **more):
    stamps = [datetime(2026, 10, 5, 0, minute, tzinfo=UTC) for minute in range(2)]
    results = [
        {"Id": metric, "Label": metric, "Timestamps": stamps, "Values": [1.0, 2.0], "StatusCode": status}
        for metric in ("IncomingBytes", "IncomingRecords")
    ]
    return {"MetricDataResults": results, "Messages": [], **more}


def test_data_that_are_not_complete_are_asked_for_again_and_then_refused(aws, tmp_path):
    with patch.object(from_aws, "_pages", side_effect=[[page("InternalError")], [page("Complete")]]):
        assert len(read_stream("orders", tmp_path).trace.minutes) == 2
    partial = [[page("PartialData")] for _ in range(from_aws._ATTEMPTS)]
    with patch.object(from_aws, "_pages", side_effect=partial), pytest.raises(TraceError, match="PartialData for Inc"):
        read_stream("orders", tmp_path)
