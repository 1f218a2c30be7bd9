"""A fleet of streams from one map: a change of one stream changes no other, in whatever state they are.

One root serves all of these tests, which run in their order. What a test has left to plan would be among the changes of
the next apply, which are compared with all that is expected.
"""

from __future__ import annotations

import pytest

from tests.lives.bench import NOTHING, bench
from tests.lives.configuration import AUTOSCALER, VERSIONS

PROVIDER = """
provider "aws" {{
  region = "us-east-1"

  default_tags {{
    tags = {{ owner = "{owner}" }}
  }}
}}
"""
FLEET = """
resource "aws_kinesis_stream" "fleet" {{
  for_each = toset([{names}])

  name             = each.key
  shard_count      = 2
  retention_period = each.key == "a" ? {retention} : 24

  lifecycle {{
    ignore_changes = [shard_count]
  }}
}}

module "scaling" {{
  source   = "../../modules/stream"
  for_each = aws_kinesis_stream.fleet

  autoscaler      = module.kinesis_autoscaler
  stream_arn      = each.value.arn
  max_shard_count = 16
}}
"""


def fleet(names: str, *, retention: int = 24, owner: str = "data") -> str:
    """Return a configuration with these streams, one per letter."""
    streams = FLEET.format(names=", ".join(f'"{name}"' for name in names), retention=retention)
    return VERSIONS + PROVIDER.format(owner=owner) + AUTOSCALER + streams


def everything_of(name: str) -> set[str]:
    """Return the addresses of a stream and its alarms."""
    directions = ("scale_up", "scale_down")
    return {
        f'aws_kinesis_stream.fleet["{name}"]',
        *(f'module.scaling["{name}"].aws_cloudwatch_metric_alarm.{direction}[0]' for direction in directions),
    }


@pytest.fixture(scope="module")
def stage():
    with bench(reshard_seconds=30) as b:
        yield b


@pytest.fixture(scope="module")
def root(stage):
    r = stage.root("fleet", fleet("ab"))
    assert r.apply().errors == []
    stage.traffic |= {"a": 1.9, "b": 0.5}
    stage.pass_minutes(12)
    assert stage.shards("a") > 2
    return r


def test_a_new_stream_is_all_that_is_created_also_after_a_scaling(root):
    root.write(fleet("abc"))
    seen = root.apply()
    assert seen.errors == []
    assert seen.touched == dict.fromkeys(everything_of("c"), "create")
    assert seen.outputs == NOTHING


def test_a_changed_and_a_removed_stream_leave_the_others_alone(root):
    life = root.live(fleet("ab", retention=48))
    changed = {'aws_kinesis_stream.fleet["a"]': "update"}
    assert life.apply.touched == changed | dict.fromkeys(everything_of("c"), "delete")
    assert life.left == NOTHING


def test_changed_default_tags_reach_everything_at_once(root, stage):
    before = stage.shards("a")
    life = root.live(fleet("ab", retention=48, owner="platform"))
    assert set(life.apply.touched.values()) == {"update"}
    assert life.apply.touched.keys() >= everything_of("a") | everything_of("b")
    assert life.left == NOTHING
    kinesis = stage.aws.client("kinesis")
    assert kinesis.list_tags_for_stream(StreamName="a")["Tags"] == [{"Key": "owner", "Value": "platform"}]
    assert stage.shards("a") == before


def test_the_fleet_is_destroyed_with_its_autoscaler(root, stage):
    assert root.destroy().errors == []
    assert stage.aws.client("kinesis").list_streams()["StreamNames"] == []
    assert stage.aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
