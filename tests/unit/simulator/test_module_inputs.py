"""The inputs of modules/stream as flags."""

from __future__ import annotations

import json
from argparse import ArgumentParser

import pytest

from simulator.deployment import alarms
from simulator.module_inputs import add_setting_flags, inputs, module_inputs


@pytest.fixture
def chosen():
    def parse(*flags):
        parser = ArgumentParser()
        add_setting_flags(parser)
        return inputs(parser.parse_args(["--max-shard-count", "64", *flags]))

    return parse


def test_every_setting_that_travels_on_an_alarm_or_in_its_definition_has_a_flag():
    up = alarms("us-east-1", "orders", 1)["kinesis-autoscaler-orders-scale-up"]
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
    assert chosen("--scale-up-threshold", "0.8", "--scale-up-evaluation-periods", "3") == {
        "max_shard_count": 64,
        "scale_up": {"threshold": 0.8, "evaluation_periods": 3},
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
