"""The load tool: the values that it refuses, its cost, and that every record arrives."""

from __future__ import annotations

import io

import boto3
import pytest

from simulator.local_aws import LocalAWS
from tools.load import Load, LoadError, main, run


class Seconds:
    """A clock that only sleeps and calls advance."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def aws():
    with LocalAWS() as aws:
        aws.client("kinesis").create_stream(StreamName="orders", ShardCount=2)
        yield aws


def records_in(aws: LocalAWS) -> int:
    kinesis = aws.client("kinesis")
    shards = kinesis.list_shards(StreamName="orders")["Shards"]
    iterators = [
        kinesis.get_shard_iterator(StreamName="orders", ShardId=s["ShardId"], ShardIteratorType="TRIM_HORIZON")
        for s in shards
    ]
    return sum(len(kinesis.get_records(ShardIterator=i["ShardIterator"])["Records"]) for i in iterators)


def test_every_record_arrives_once(aws):
    clock = Seconds()
    result = run(Load("orders", 100, 64, 0.05), boto3.client("kinesis"), clock=clock, sleep=clock.sleep)
    assert result.accepted == 300
    assert records_in(aws) == 300


def test_it_keeps_the_rate(aws):
    clock = Seconds()
    result = run(Load("orders", 50, 64, 0.1), boto3.client("kinesis"), clock=clock, sleep=clock.sleep)
    assert result.seconds == pytest.approx(6, rel=0.1)


def test_throttled_records_are_sent_again(aws):
    clock = Seconds()
    kinesis = boto3.client("kinesis")
    refusals = [1, 3]

    def refuse(parsed, **_):
        if refusals:
            for told in parsed["Records"][: refusals.pop()]:
                told.clear()
                told.update(ErrorCode="ProvisionedThroughputExceededException", ErrorMessage="Rate exceeded")

    kinesis.meta.events.register("after-call.kinesis.PutRecords", refuse)
    result = run(Load("orders", 100, 64, 0.02), kinesis, clock=clock, sleep=clock.sleep)
    assert result.accepted == 120
    assert result.throttled == sum(result.errors.values()) >= 2


def test_it_does_not_start_without_a_yes_to_the_cost(aws, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda *_: "no")
    assert main(["--stream", "orders", "--records-per-second", "1000", "--minutes", "60"]) == 1
    assert "$0.05" in capsys.readouterr().out
    assert records_in(aws) == 0


def test_without_a_terminal_it_says_how_to_agree_and_writes_nothing(aws, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["--stream", "orders", "--records-per-second", "1000"]) == 1
    assert "YES=1" in capsys.readouterr().out
    assert records_in(aws) == 0


def test_ctrl_c_ends_it_in_a_word_wherever_it_comes(aws, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for place in ("builtins.input", "boto3.client"):
        with monkeypatch.context() as patched:
            patched.setattr(place, interrupted)
            assert main(["--stream", "orders", "--records-per-second", "1000"]) == 130
            assert capsys.readouterr().out.endswith("Stopped.\n")


def test_the_region_may_be_named_as_the_aws_cli_has_it(aws, monkeypatch, capsys):
    asked = ["--stream", "nothing", "--records-per-second", "1", "--minutes", "0.01", "--yes"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    assert main(asked) == 2
    assert "set AWS_REGION" in capsys.readouterr().out
    monkeypatch.setenv("AWS_REGION", aws.region)
    assert main(asked) == 2
    assert "ResourceNotFoundException" in capsys.readouterr().out


def test_a_record_costs_a_unit_for_every_25_kb_begun():
    assert Load("orders", 1000, 1024, 60).dollars == pytest.approx(3.6 * 0.014)
    assert Load("orders", 1000, 26 * 1024, 60).dollars == pytest.approx(2 * 3.6 * 0.014)


@pytest.mark.parametrize(
    ("numbers", "named"),
    [
        ((0, 1024, 10), "RECORDS_PER_SECOND"),
        ((10, 2**20, 10), "RECORD_BYTES"),
        ((10, 1024, 0), "MINUTES"),
        ((10, 1024, float("nan")), "MINUTES"),
        ((10, 1024, 1e308), "MINUTES"),
        ((10**20, 1024, 10), "RECORDS_PER_SECOND"),
    ],
)
def test_numbers_that_make_no_load_are_refused_by_name(numbers, named):
    with pytest.raises(LoadError, match=named):
        Load("orders", *numbers)
