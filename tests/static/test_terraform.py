"""The Terraform code in front of Terraform: its form, its validity, and its own tests (tests/terraform)."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.advice.block import block
from simulator.advice.dials import rungs
from tests.faults.effort import SOAK
from tests.static.terraform_code import REPOSITORY, blocks, name, roots, tftest_files
from tests.static.terraform_without_aws import Terraform, terraform_without_aws

TEST_DIRECTORY = "tests/terraform"
ADVISED = f"{TEST_DIRECTORY}/advised.tftest.hcl"


@pytest.fixture(scope="module")
def terraform() -> Iterator[Terraform]:
    """Terraform with one provider for all tests."""
    with terraform_without_aws() as one, one.provider_running() as ready:
        yield ready


def test_code_has_terraforms_standard_form(terraform: Terraform):
    done = terraform.run(REPOSITORY, "fmt", "-check", "-diff", "-recursive")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("root", roots(), ids=name)
def test_code_is_valid_and_uses_nothing_deprecated(terraform: Terraform, root: Path):
    terraform.init(root)

    answer = json.loads(terraform.run(root, "validate", "-json").stdout)

    assert answer["valid"]
    assert answer["diagnostics"] == []


def test_the_schedule_in_the_runbook_is_valid(terraform: Terraform):
    """tests/integration/test_operations_page.py tests what it does."""
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    [example] = re.findall(r"^( *)```hcl\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    root = REPOSITORY / "documented"
    copy = terraform.copy / root.name
    copy.mkdir()
    versions = (REPOSITORY / "versions.tf").read_text()
    (copy / "main.tf").write_text(
        f'{versions}\nmodule "kinesis_autoscaler" {{\n  source = "./.."\n}}\n\n{textwrap.dedent(example[1])}'
    )
    terraform.init(root)

    answer = json.loads(terraform.run(root, "validate", "-json").stdout)

    assert answer["diagnostics"] == []
    assert terraform.run(root, "fmt", "-check").returncode == 0


def test_every_terraform_test_passes_and_candidates_of_advice_are_planned(terraform: Terraform):
    written = {
        file.relative_to(REPOSITORY).as_posix(): [run.name for run in blocks(file, "run")] for file in tftest_files()
    }
    written[ADVISED] = _write_advised(terraform.copy / ADVISED)
    directory = f"-test-directory={TEST_DIRECTORY}"
    terraform.init(REPOSITORY, directory)

    done = terraform.run(REPOSITORY, "test", "-json", directory)

    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert _results(messages) == {file: dict.fromkeys(runs, "pass") for file, runs in written.items()}, _problems(
        messages
    )
    assert done.returncode == 0, done.stderr


def _write_advised(path: Path) -> list[str]:
    """A Terraform test that plans candidates of `advise` as their blocks have them; the names of its runs.

    Outside of the soak, the cheapest, one in the middle and the most careful. The module's rules are computed for each
    in tests/unit/simulator/advice/test_advice.py.
    """
    head = (REPOSITORY / TEST_DIRECTORY / "stream_settings_travel_on_its_alarms.tftest.hcl").read_text()
    text, names = head.partition('run "')[0], []
    ladder = rungs({}, peak=7.3)
    last = len(ladder) - 1
    for rung in range(len(ladder)) if SOAK else (0, last // 2, last):
        # The block's own lines, but for its head: module, source, autoscaler, stream_arn and an empty line.
        lines = block("orders", ladder[rung]).splitlines()[5:-1]
        assert lines[0].startswith("  max_shard_count")
        names.append(f"rung_{rung}")
        variables = "\n".join(lines)
        text += f"""
run "{names[-1]}" {{
  command = plan
  module {{
    source = "./modules/stream"
  }}
  variables {{
{variables}
  }}
}}
"""
    path.write_text(text)
    return names


def _results(messages: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """What became of each run block, by file: of those that Terraform found."""
    results: dict[str, dict[str, str]] = {}
    for run in (message["test_run"] for message in messages if message["type"] == "test_run"):
        if run.get("progress", "complete") == "complete":
            results.setdefault(run["path"], {})[run["run"]] = run["status"]
    return results


def _problems(messages: list[dict[str, Any]]) -> str:
    found = [message for message in messages if message["type"] == "diagnostic"]
    return "\n".join(
        f"{message.get('@testfile')}, {message.get('@testrun')}: {message['diagnostic']['summary']}: "
        f"{message['diagnostic'].get('detail', '')}"
        for message in found
    )
