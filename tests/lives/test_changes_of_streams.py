"""Any change of a stream has a plan as small as the change, and one apply carries it out.

One root serves all tests: changes that can be combined are applied together, and checked stream by stream.
"""

from __future__ import annotations

import pytest

from tests.lives.bench import NOTHING, bench
from tests.lives.configuration import AUTOSCALER, alarms, root, scaled

CHANGES = {
    "tags": ('tags = { team = "data" }', 'tags = { team = "platform", cost = "42" }'),
    "retention": ("retention_period = 24", "retention_period = 48"),
    "encryption": ('encryption_type = "NONE"', 'encryption_type = "KMS"\n  kms_key_id = "alias/aws/kinesis"'),
    "shard_metrics": ("shard_level_metrics = []", 'shard_level_metrics = ["IncomingBytes"]'),
    "deletion": ("enforce_consumer_deletion = false", "enforce_consumer_deletion = true"),
}
"""By the stream's name: a line of its block, and its effect."""
REPLACED = dict.fromkeys({"aws_kinesis_stream.replaced", *alarms("replaced")}, "replace")


def configuration(moment: int) -> str:
    """The line before (0) and after (1) the changes."""
    changed = "".join(scaled(name, states[moment]) for name, states in CHANGES.items())
    return root(AUTOSCALER, changed, scaled("replaced"), scaled("untouched"))


@pytest.fixture(scope="module")
def stage():
    with bench(reshard_seconds=30) as b:
        yield b


@pytest.fixture(scope="module")
def first(stage):
    r = stage.root("streams", configuration(0))
    return r, r.apply()


@pytest.fixture(scope="module")
def changed(first):
    r, _ = first
    return r.live(configuration(1), "-replace=aws_kinesis_stream.replaced")


def test_streams_and_autoscaler_come_to_be_in_one_apply(first, changed):
    """Something that it had left would be among the changes of the next apply."""
    _, made = first
    assert made.errors == []
    assert set(made.touched.values()) == {"create"}
    changes = {f"aws_kinesis_stream.{name}": "update" for name in CHANGES}
    assert changed.apply.touched == changes | REPLACED
    assert changed.apply.outputs == NOTHING


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_stream_is_all_that_changes(changed, name):
    assert changed.apply.errors_of(name) == []
    assert changed.apply.touched_of(name) == {f"aws_kinesis_stream.{name}": "update"}
    assert changed.then.touched_of(name) == NOTHING


def test_a_replaced_stream_gets_new_alarms(changed):
    """The names contain its ARN, which is known only after its creation."""
    assert changed.apply.errors_of("replaced") == []
    assert changed.apply.touched_of("replaced") == REPLACED


def test_nothing_else_is_touched(changed):
    assert changed.apply.touched_of("untouched") == NOTHING
    assert changed.apply.touched_of("kinesis_autoscaler") == NOTHING
    assert changed.left == NOTHING
