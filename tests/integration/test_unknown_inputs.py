"""Every input may be unknown until the apply, for example the ARN of a new topic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.deployment.terraform import Plan, WorkingCopy
from simulator.local_aws import LocalAWS, Transport
from tests.static.terraform_code import REPOSITORY, Block, blocks

pytestmark = pytest.mark.usefixtures("one_provider")

STREAM = REPOSITORY / "modules" / "stream"
DECIDES_WHAT_EXISTS = {"enabled", "dashboard_enabled", "health_alarms_enabled"}
"""The inputs that Terraform must know to plan which resources exist."""
LATER = 'resource "terraform_data" "later" {}\n'
WHOLE = "jsondecode(terraform_data.later.id)"
PART = "terraform_data.later.id"


@pytest.fixture(scope="module")
def root() -> Iterator[WorkingCopy]:
    # Any root module of the repository is suitable, because its content is replaced.
    with LocalAWS(Transport.HTTP) as aws, WorkingCopy("tests/fixtures/permissions", aws=aws.environment) as copy:
        yield copy


@pytest.mark.parametrize("module", [REPOSITORY, STREAM], ids=["autoscaler", "stream"])
def test_every_input_may_be_unknown(root: WorkingCopy, module: Path):
    plan = planned(root, call("one", module, unknown(module)))
    assert plan.has_changes


@pytest.mark.parametrize("module", [REPOSITORY, STREAM], ids=["autoscaler", "stream"])
def test_every_list_may_have_unknown_elements_and_every_object_unknown_attributes(root: WorkingCopy, module: Path):
    plan = planned(root, call("one", module, unknown(module) | parts_unknown(module)))
    assert plan.has_changes


def unknown(module: Path) -> dict[str, str]:
    """Each input of a module, as an expression with an unknown value."""
    return {each.name: WHOLE for each in blocks(module, "variable") if each.name not in DECIDES_WHAT_EXISTS}


def parts_unknown(module: Path) -> dict[str, str]:
    """Each input with parts, as an expression with a known form and unknown values."""
    return {each.name: of_parts(each) for each in blocks(module, "variable") if "(" in each.text("type")}


def of_parts(variable: Block) -> str:
    kind = variable.text("type")
    if "list(string)" in kind and "object" not in kind:
        return f"[{PART}]"
    if "map(" in kind:
        return f"{{ one = {WHOLE} }}"
    attributes = re.findall(r"(\w+) = ", kind)
    return "{ " + ", ".join(f"{name} = {WHOLE}" for name in attributes) + " }"


def call(name: str, module: Path, inputs: dict[str, str]) -> str:
    source = "../../.." if module == REPOSITORY else "../../../" + module.relative_to(REPOSITORY).as_posix()
    arguments = "".join(f"  {key} = {value}\n" for key, value in inputs.items())
    return f'module "{name}" {{\n  source = "{source}"\n{arguments}}}\n'


def planned(root: WorkingCopy, code: str) -> Plan:
    (root.directory / "main.tf").write_text('provider "aws" {}\n' + LATER + code)
    root.init()
    return root.plan()
