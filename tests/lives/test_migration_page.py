"""docs/migration.md is correct: each of its blocks is applied in its order, and each of its commands is run.

The blocks are read from the page and applied in one root.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from datetime import timedelta

import pytest

from simulator.deployment.terraform import REPOSITORY
from tests.integration.aws_cli import aws_cli
from tests.integration.test_operations_page import Shell
from tests.lives.bench import NOTHING, Life, bench
from tests.lives.configuration import IGNORED, root, stream

PAGE = (REPOSITORY / "docs" / "migration.md").read_text()
AUTOSCALER_SOURCE = '"git::https://github.com/OWNER/terraform-aws-kinesis-autoscaler.git?ref=v0.1.0"'
STREAM_SOURCE = '"git::https://github.com/OWNER/terraform-aws-kinesis-autoscaler.git//modules/stream?ref=v0.1.0"'
ON_DEMAND = 'stream_mode_details {\n    stream_mode = "ON_DEMAND"\n  }'
BEFORE = {
    "From aws-samples/kinesis-auto-scaling": stream("orders", shard_count=4, lifecycle=""),
    "From epsagon/kinesis-autoscaler": stream("orders", shard_count=4, lifecycle=""),
    "From on-demand": f'\nresource "aws_kinesis_stream" "orders" {{\n  name = "orders"\n  {ON_DEMAND}\n}}\n',
}
"""The existing resources of users who begin with a section of the page."""


@dataclass(frozen=True)
class Block:
    """A block of code under a heading."""

    section: str
    language: str
    code: str


def blocks() -> list[Block]:
    """All blocks of the page."""
    found = []
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        for _, language, code in re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL):
            found.append(Block(title, language, textwrap.dedent(code)))
    return found


BLOCKS = blocks()
STEPS = {f"{block.section}, block {BLOCKS.index(block) + 1}": block for block in BLOCKS[1:]}


@pytest.fixture(scope="module")
def stage():
    with bench() as b:
        for direction in ("up", "down"):
            b.aws.client("cloudwatch").put_metric_alarm(
                AlarmName=f"orders-scale-{direction}",
                Namespace="AWS/Kinesis",
                MetricName="IncomingBytes",
                Statistic="Sum",
                Period=300,
                EvaluationPeriods=5,
                Threshold=1.0,
                ComparisonOperator="GreaterThanThreshold",
            )
        yield b


def configuration(state: str) -> str:
    """Return the page's autoscaler and its other blocks, with this repository as source."""
    text = root(BLOCKS[0].code, state)
    return text.replace(AUTOSCALER_SOURCE, '"../.."').replace(STREAM_SOURCE, '"../../modules/stream"')


@pytest.fixture(scope="module")
def lived(stage, tmp_path_factory) -> dict[str, Life | str]:
    """The results of each block of configuration, and of each command."""
    r, section, result = None, "", {}
    with aws_cli(tmp_path_factory.mktemp("bin")) as cli:
        shell = Shell(stage, tmp_path_factory.mktemp("folder"), cli)
        for step, block in STEPS.items():
            if block.section != section:
                section, before = block.section, configuration(BEFORE[block.section])
                r = r or stage.root("migration", before)
                a_day_goes_by(stage)
                r.write(before)
                assert r.apply(minutes_pass=True).errors == []
                a_day_goes_by(stage)
            if block.language == "sh":
                result[step] = shell.run(block.code)
            else:
                result[step] = r.live(configuration(block.code), minutes_pass=True)
    return result


def a_day_goes_by(stage):
    """The time after which Kinesis allows a change of a stream's mode again, twice."""
    stage.aws.clock.advance(timedelta(days=1))


def test_the_page_begins_with_the_autoscaler():
    assert BLOCKS[0].language == "hcl"
    assert BLOCKS[0].code.startswith('module "kinesis_autoscaler" {')


@pytest.mark.parametrize("step", [step for step, block in STEPS.items() if block.language == "hcl"])
def test_a_step_is_planned_and_applied_as_it_is_written(lived, step):
    assert lived[step].left == NOTHING


def test_a_stream_that_came_from_on_demand_keeps_its_count_when_it_is_handed_over(lived):
    *_, switched, handed_over, back = [life for life in lived.values() if isinstance(life, Life)]
    assert switched.apply.touched == {"aws_kinesis_stream.orders": "update"}
    assert set(handed_over.apply.touched.values()) == {"create"}
    assert back.apply.touched["aws_kinesis_stream.orders"] == "update"


def test_what_the_page_says_the_plan_refuses_is_refused(lived, stage):
    """After the last step, with the stream in on-demand mode again."""
    r = stage.root("refused", configuration(""))
    ignored, scaled = (block.code for block in BLOCKS[-3:-1])
    (r.directory / "terraform.tfstate").write_bytes(
        (stage.repository / "lives/migration/terraform.tfstate").read_bytes()
    )

    def refusal(state: str) -> str:
        r.write(configuration(state))
        return " ".join(r.plan().errors)

    assert "shard_count must be at least 1" in refusal(ignored.replace("}\n}", f"}}\n  {IGNORED}\n}}"))
    assert "on-demand mode" in refusal(scaled.replace("lifecycle {\n    ignore_changes = [shard_count]\n  }", ""))
