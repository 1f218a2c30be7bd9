"""Autoscalers in their surroundings: several of them, in other states and regions, and with dependencies.

Those that can exist side by side share one root. The others are fast, because they have no stream or queue to wait for.
"""

from __future__ import annotations

import json

import pytest

from tests.lives.bench import NOTHING, bench
from tests.lives.configuration import alarms, root, scaled, scaling, stream

PLATFORM = """
resource "aws_sns_topic" "people" {{
  name         = "people"
  display_name = "{display_name}"
}}

resource "aws_sns_topic" "pager" {{
  name = "pager"
}}

module "kinesis_autoscaler" {{
  source = "../.."

  health_alarms_enabled = true
  alarm_actions         = compact([aws_sns_topic.people.arn, aws_sns_topic.pager.arn, ""])
  depends_on            = [aws_sns_topic.people]
}}

module "kinesis" {{
  source = "../.."
  name   = "kinesis"
}}

output "autoscaler" {{
  value = module.kinesis_autoscaler
}}
"""
TWO_REGIONS = """
provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "frankfurt"
  region = "eu-central-1"
}
"""
AUTOSCALER_IN_FRANKFURT = """
module "autoscaler_in_frankfurt" {
  source = "../.."

  providers = { aws = aws.frankfurt }
}
"""
IN_FRANKFURT = (
    AUTOSCALER_IN_FRANKFURT
    + stream("frankfurt", "provider = aws.frankfurt")
    + scaling("frankfurt", "providers = { aws = aws.frankfurt }", autoscaler="module.autoscaler_in_frankfurt")
)
"""An autoscaler with the name of the one in the first region."""


def platform(display_name: str, elsewhere: str = "") -> str:
    """Two autoscalers, and what is in another region. The joined names of autoscaler and stream are the same text."""
    waits = "depends_on = [aws_sns_topic.people]"
    return root(
        PLATFORM.format(display_name=display_name),
        scaled("orders"),
        stream("autoscaler-orders") + scaling("autoscaler-orders", waits, autoscaler="module.kinesis"),
        elsewhere,
        provider=TWO_REGIONS,
    )


@pytest.fixture(scope="module")
def stage():
    with bench(reshard_seconds=30) as b:
        yield b


@pytest.fixture(scope="module")
def first(stage):
    r = stage.root("platform", platform("one", IN_FRANKFURT))
    return r, r.live()


def test_a_topic_of_the_same_apply_may_be_among_the_alarm_actions(first):
    _, life = first
    assert life.left == NOTHING
    assert len(life.apply.touched_of("module.kinesis_autoscaler.aws_cloudwatch_metric_alarm")) > 1


def test_two_autoscalers_never_share_an_alarm(first, stage):
    names = [alarm["AlarmName"] for alarm in stage.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    of_streams = [name for name in names if name.endswith(("scale-up", "scale-down"))]
    assert len(of_streams) == len(set(of_streams)) == 4


def test_one_configuration_scales_streams_in_two_regions(first):
    _, life = first
    assert life.left == NOTHING
    assert life.apply.touched.keys() >= alarms("orders", "frankfurt")


@pytest.fixture(scope="module")
def changed(first):
    r, _ = first
    return r.live(platform("two"))


def test_a_region_that_is_given_up_is_all_that_is_deleted(first, changed):
    _, before = first
    deleted = {address for address, action in changed.apply.touched.items() if action == "delete"}
    assert deleted == before.apply.touched_of("frankfurt").keys()
    assert changed.left == NOTHING


def test_a_change_of_what_the_autoscaler_depends_on_replaces_nothing(changed):
    """Its policies contain account and region, which Terraform reads after that change."""
    assert changed.apply.touched_of("aws_sns_topic.people") == {"aws_sns_topic.people": "update"}
    assert set(changed.apply.touched_of("module.kinesis_autoscaler").values()) <= {"update"}
    assert changed.left == NOTHING


def test_a_change_of_what_a_streams_block_depends_on_replaces_nothing(changed):
    """Terraform reads the shard count after that change, so the plan can't know that the alarms do not change."""
    assert changed.apply.touched_of("autoscaler-orders") == dict.fromkeys(alarms("autoscaler-orders"), "update")
    assert changed.apply.touched_of("module.orders_scaling") == NOTHING


# ----------------------------------------------------------------------------------------------------------------------
# Other states
# ----------------------------------------------------------------------------------------------------------------------

REMOTE_STATE = """
data "terraform_remote_state" "platform" {
  backend = "local"
  config  = { path = "../platform/terraform.tfstate" }
}
"""


def made_elsewhere(stage, name):
    """Create a stream outside of this configuration. Return its ARN."""
    kinesis = stage.aws.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=2)
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def literals(first):
    """Return the outputs of another state's autoscaler as HCL."""
    r, _ = first
    told = json.loads(r.terraform("output", "-json", "autoscaler")[1])
    wanted = ("topic_arn", "alarm_name_prefix", "audit_table_name")
    return "{ " + ", ".join(f'{name} = "{told[name]}"' for name in wanted) + " }"


def test_the_autoscaler_of_another_state_is_read_from_it_or_written_down(first, stage):
    read = scaling(
        "remote",
        arn=f'"{made_elsewhere(stage, "remote")}"',
        autoscaler="data.terraform_remote_state.platform.outputs.autoscaler",
    )
    written = scaling("literal", arn=f'"{made_elsewhere(stage, "literal")}"', autoscaler=literals(first))
    life = stage.root("other_state", root(REMOTE_STATE, read, written)).live()
    assert life.apply.touched == dict.fromkeys(alarms("remote", "literal"), "create")
    assert life.left == NOTHING


def test_what_exists_is_imported_and_only_looked_at(first, stage):
    made_elsewhere(stage, "imported")
    text = root(scaled("imported").replace("module.kinesis_autoscaler", literals(first)))
    imports = 'import {\n  to = aws_kinesis_stream.imported\n  id = "imported"\n}\n'
    before = stage.root("before_import", text + imports)
    assert before.live().left == NOTHING
    for address in alarms("imported"):
        direction = "scale-up" if "scale_up" in address else "scale-down"
        imports += f'import {{\n  to = {address}\n  id = "kinesis-autoscaler/imported/{direction}"\n}}\n'
    life = stage.root("after_import", text + imports).live()
    assert life.apply.touched == dict.fromkeys(["aws_kinesis_stream.imported", *alarms("imported")], "import")
    assert life.left == NOTHING


# ----------------------------------------------------------------------------------------------------------------------
# A deleted stream
# ----------------------------------------------------------------------------------------------------------------------


def test_a_stream_that_somebody_deleted_comes_back_or_goes_for_good(first, stage):
    made_elsewhere(stage, "deleted")
    text = root(scaled("deleted").replace("module.kinesis_autoscaler", literals(first)))
    r = stage.root("deleted", text + 'import {\n  to = aws_kinesis_stream.deleted\n  id = "deleted"\n}\n')
    assert r.live().left == NOTHING
    r.write(text)
    stage.aws.client("kinesis").delete_stream(StreamName="deleted")
    assert r.plan().touched_of("aws_kinesis_stream") == {"aws_kinesis_stream.deleted": "create"}
    assert r.destroy().errors == []
    assert [each for each in names_of_alarms(stage) if "deleted" in each] == []


def test_the_block_of_a_stream_that_is_gone_is_removed(first, stage):
    arn = made_elsewhere(stage, "gone")
    r = stage.root("gone", root(scaling("gone", arn=f'"{arn}"', autoscaler=literals(first))))
    assert r.live().left == NOTHING
    stage.aws.client("kinesis").delete_stream(StreamName="gone")
    assert "couldn't find resource" in " ".join(r.plan().errors)
    life = r.live(root())
    assert life.apply.touched == dict.fromkeys(alarms("gone"), "delete")
    assert life.left == NOTHING


def names_of_alarms(stage):
    return [alarm["AlarmName"] for alarm in stage.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]]
