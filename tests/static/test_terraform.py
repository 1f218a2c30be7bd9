"""The Terraform code in front of Terraform: its form, its validity, and its own tests (tests/terraform)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.static.terraform_code import REPOSITORY, blocks, name, roots, tftest_files
from tests.static.terraform_without_aws import Terraform, terraform_without_aws

TEST_DIRECTORY = "tests/terraform"


@pytest.fixture(scope="module")
def terraform() -> Iterator[Terraform]:
    with terraform_without_aws() as ready:
        yield ready


def test_code_has_terraforms_standard_form(terraform: Terraform):
    done = terraform.run(REPOSITORY, "fmt", "-check", "-diff", "-recursive")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("root", roots(), ids=name)
def test_code_is_valid_and_uses_nothing_deprecated(terraform: Terraform, root: Path):
    initialised = terraform.run(root, "init", "-backend=false")
    assert initialised.returncode == 0, initialised.stderr

    answer = json.loads(terraform.run(root, "validate", "-json").stdout)

    assert answer["valid"]
    assert answer["diagnostics"] == []


def test_every_terraform_test_passes(terraform: Terraform):
    written = {
        file.relative_to(REPOSITORY).as_posix(): [run.name for run in blocks(file, "run")] for file in tftest_files()
    }
    directory = f"-test-directory={TEST_DIRECTORY}"
    initialised = terraform.run(REPOSITORY, "init", "-backend=false", directory)
    assert initialised.returncode == 0, initialised.stderr

    with terraform.provider_running() as ready:
        done = ready.run(REPOSITORY, "test", "-json", directory)

    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert _results(messages) == {file: dict.fromkeys(runs, "pass") for file, runs in written.items()}, _problems(
        messages
    )
    assert done.returncode == 0, done.stderr


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
