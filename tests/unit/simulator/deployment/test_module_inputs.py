"""The inputs of modules/stream as flags."""

from __future__ import annotations

import json
from argparse import ArgumentParser

import pytest

from simulator.deployment import alarms
from simulator.deployment.module_inputs import InvalidInputError, add_setting_flags, inputs, module_inputs


@pytest.fixture
def chosen():
    def parse(*flags):
        parser = ArgumentParser()
        add_setting_flags(parser)
        return inputs(parser.parse_args(["--max-shard-count", "64", *flags]))

    return parse


def test_every_setting_that_travels_on_an_alarm_or_in_its_definition_has_a_flag():
    up = alarms("us-east-1", "orders", 1)["kinesis-autoscaler/orders/scale-up"]
    tags = {tag.removeprefix("kinesis-autoscaler:") for tag in up["Tags"] if tag.startswith("kinesis-autoscaler:")}
    flags = {each.flag.removeprefix("--") for each in module_inputs()}
    assert tags <= flags
    assert {"scale-up-threshold", "scale-down-evaluation-periods"} <= flags


def test_a_stream_can_be_made_with_every_input_at_the_modules_default(chosen):
    given = [
        argument
        for each in module_inputs()
        if not each.is_required
        for argument in ([each.flag, _text(each.default)] if each.type != "bool" else [f"--no-{each.flag[2:]}"])
    ]
    assert alarms("us-east-1", "orders", 1, **chosen(*given)) == alarms("us-east-1", "orders", 1, max_shard_count=64)


def _text(value):
    return value if isinstance(value, str) else json.dumps(value)


def test_only_what_is_given_is_said_and_objects_in_part(chosen):
    assert chosen() == {"max_shard_count": 64}
    assert chosen("--scale-up-threshold", "0.95", "--scale-up-evaluation-periods", "3") == {
        "max_shard_count": 64,
        "scale_up": {"threshold": 0.95, "evaluation_periods": 3},
    }


def test_what_can_be_null_can_be_switched_off(chosen):
    assert chosen("--max-iterator-age-minutes", "null")["max_iterator_age_minutes"] is None


def test_a_switch_can_be_turned_either_way(chosen):
    assert chosen("--scale-on-reads")["scale_on_reads"] is True
    assert chosen("--no-scale-on-reads")["scale_on_reads"] is False


@pytest.mark.parametrize("value", ["many", "nan", "inf", "null", ""])
def test_what_is_no_number_is_refused_with_the_flag(chosen, capsys, value):
    with pytest.raises(SystemExit):
        chosen("--min-shard-count", value)
    assert f"--min-shard-count: {value!r} is not a number" in capsys.readouterr().err


def test_what_the_module_requires_is_required(capsys):
    parser = ArgumentParser()
    add_setting_flags(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "required: --max-shard-count" in capsys.readouterr().err


def test_flags_go_on_top_of_a_base_and_leave_it_as_it_was():
    parser = ArgumentParser()
    add_setting_flags(parser, all_optional=True)
    base = {"max_shard_count": 8, "scale_up": {"threshold": 0.9, "cooldown_minutes": 9}}
    arguments = parser.parse_args(["--scale-up-threshold", "0.95"])
    assert inputs(arguments, base=base) == {
        "max_shard_count": 8,
        "scale_up": {"threshold": 0.95, "cooldown_minutes": 9},
    }
    assert base["scale_up"]["threshold"] == 0.9


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--max-shard-count 0", "--max-shard-count must be a whole number of shards from 1 to 10,000"),
        ("--min-shard-count 1.5", "--min-shard-count must be a whole number of shards"),
        ("--min-shard-count 65", "--min-shard-count (65) must not be above --max-shard-count (64)"),
        ("--scaling-strategy treble", "--scaling-strategy must be target or double"),
        ("--target-utilization 1", "--target-utilization must be a fraction above 0 and below 1"),
        ("--target-utilization 0.1", "--target-utilization (0.1) must lie between --scale-down-threshold"),
        ("--scale-up-threshold 1.2", "--scale-up-threshold must be a fraction above 0 and up to 1"),
        ("--scale-up-period-seconds 90", "--scale-up-period-seconds must be a multiple of 60"),
        ("--scale-up-period-seconds 3600 --scale-up-evaluation-periods 169", "scale_up looks back too far"),
        ("--scale-up-datapoints-to-alarm 99", "--scale-up-datapoints-to-alarm must be a whole number of periods, from"),
        ("--scale-down-cooldown-minutes -1", "--scale-down-cooldown-minutes must be a whole number of minutes from 0"),
        (
            "--scaling-strategy double --scale-down-threshold 0.99",
            "--scale-down-threshold (0.99) must be below --scale-up-threshold",
        ),
        ("--max-iterator-age-minutes 0", "--max-iterator-age-minutes must be null or a whole number"),
        ("--calls-reserved-for-scale-up 10", "--calls-reserved-for-scale-up must be a whole number of calls from 0"),
    ],
)
def test_what_the_module_refuses_is_refused_in_its_words_and_with_the_flag(chosen, flags, complaint):
    with pytest.raises(InvalidInputError) as refusal:
        chosen(*flags.split())
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    "flags",
    [
        "--max-shard-count 10000",
        "--scale-up-period-seconds 3600 --scale-up-evaluation-periods 168",
        "--scaling-strategy double --target-utilization 0.01",
        "--max-iterator-age-minutes null",
    ],
)
def test_what_the_module_accepts_is_accepted(chosen, flags):
    chosen(*flags.split())
