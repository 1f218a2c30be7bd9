"""What Terraform does not check: nothing is forgotten, and the code follows its own rules."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.static.terraform_code import (
    REPOSITORY,
    Block,
    blocks,
    examples,
    modules,
    name,
    names,
    roots,
    tftest_files,
)

VARIABLES = [(module, variable) for module in modules() for variable in names(module, "variable")]
VALIDATED = [(module, variable) for module in modules() for variable in names(module, "variable", "  validation {")]
OUTPUTS = [(root, output) for root in [*modules(), *examples()] for output in names(root, "output")]
ORDER = ["description", "type", "default", "nullable", "validation"]


def ids(cases: list[tuple[Path, str]]) -> list[str]:
    return [f"{name(root)}-{label}" for root, label in cases]


def block(root: Path, kind: str, label: str) -> Block:
    [found] = [each for each in blocks(root, kind) if each.name == label]
    return found


def test_no_variable_and_no_output_is_overlooked():
    """They are collected without parsing."""
    for root in [*modules(), *examples()]:
        variables = blocks(root, "variable")
        assert names(root, "variable") == [each.name for each in variables]
        validated = [each.name for each in variables if "validation" in each.body]
        assert names(root, "variable", "  validation {") == validated
        assert names(root, "output") == [each.name for each in blocks(root, "output")]


def test_every_directory_with_terraform_code_is_a_module_an_example_or_part_of_a_test():
    others = [root for root in roots() if root not in [*modules(), *examples()]]

    assert [name(root) for root in others if not name(root).startswith("tests/")] == []


@pytest.mark.parametrize("root", [*modules(), *examples()], ids=name)
def test_every_module_and_example_says_what_it_is_and_what_it_needs(root: Path):
    assert (root / "README.md").exists()
    (settings,) = blocks(root / "versions.tf", "terraform")
    (providers,) = settings.body["required_providers"]
    assert settings.text("required_version") == ">= 1.9"
    assert {provider for provider, requirement in providers.items() if isinstance(requirement, dict)} == {"aws"}
    assert providers["aws"]["version"].startswith(">= ")


@pytest.mark.parametrize("example", examples(), ids=name)
def test_every_example_configures_the_provider_as_a_user_would(example: Path):
    (provider,) = blocks(example, "provider")

    assert provider.body == {"region": "${var.region}"}


@pytest.mark.parametrize("example", examples(), ids=name)
def test_every_stream_of_an_example_leaves_its_shard_count_to_the_autoscaler(example: Path):
    streams = [block for block in blocks(example, "resource") if block.labels[0] == "aws_kinesis_stream"]

    assert streams
    for stream in streams:
        assert stream.body["lifecycle"][0]["ignore_changes"] == ["shard_count"]


@pytest.mark.parametrize(("module", "label"), VARIABLES, ids=ids(VARIABLES))
def test_every_input_is_described_and_typed_and_says_whether_it_may_be_null(module: Path, label: str):
    variable = block(module, "variable", label)
    written = list(variable.body)

    assert written == [attribute for attribute in ORDER if attribute in written]
    assert re.fullmatch(r"[A-Z].*[.)]", variable.text("description"), re.DOTALL)
    assert "any" not in variable.text("type")
    null_is_the_default = "default" in variable.body and variable.body["default"] is None
    null_means_something = "`null`" in variable.text("description")
    assert null_means_something or not null_is_the_default
    assert ("nullable" in variable.body) != null_means_something
    assert not variable.body.get("nullable", False)


@pytest.mark.parametrize(("root", "label"), OUTPUTS, ids=ids(OUTPUTS))
def test_every_output_is_described(root: Path, label: str):
    output = block(root, "output", label)
    assert re.fullmatch(r"[A-Z].*\.", output.text("description"))


@pytest.mark.parametrize("file", tftest_files(), ids=lambda file: file.name.removesuffix(".tftest.hcl"))
def test_every_run_asserts_something(file: Path):
    runs = blocks(file, "run")

    assert runs
    assert [run.name for run in runs if not run.body.get("assert") and not run.body.get("expect_failures")] == []


@pytest.mark.parametrize(("module", "label"), VALIDATED, ids=ids(VALIDATED))
def test_every_validation_has_a_run_that_it_refuses_and_one_that_it_accepts(module: Path, label: str):
    variable = block(module, "variable", label)
    tested = [run for file in tftest_files() for run in blocks(file, "run") if _module(run) == module]
    refused = Counter(reference for run in tested for reference in run.body.get("expect_failures", []))
    accepted = [
        run
        for run in tested
        if "expect_failures" not in run.body and any(variable.name in given for given in run.body.get("variables", []))
    ]

    assert refused[f"${{var.{variable.name}}}"] >= len(variable.body["validation"])
    assert accepted or "default" not in variable.body


def _module(run: Block) -> Path:
    """Return the module that a run plans or applies."""
    (source,) = run.body.get("module", [{"source": "."}])
    return (REPOSITORY / source["source"]).resolve()


@pytest.mark.parametrize("root", [*modules(), *examples()], ids=name)
def test_no_arn_is_written_for_one_partition(root: Path):
    for file in root.glob("*.tf"):
        assert not re.search(r"arn:aws", file.read_text())


@pytest.mark.parametrize("module", modules(), ids=name)
def test_every_statement_of_a_policy_has_a_name(module: Path):
    for document in (block for block in blocks(module, "data") if block.labels[0] == "aws_iam_policy_document"):
        dynamic = [each["statement"]["content"] for each in document.body.get("dynamic", [])]
        statements = [*document.body["statement"], *(content for contents in dynamic for content in contents)]
        assert [statement for statement in statements if not statement.get("sid")] == []


@pytest.mark.parametrize("root", [*modules(), *examples()], ids=name)
def test_every_skipped_check_is_explained(root: Path):
    for file in root.glob("*.tf"):
        for skipped in re.findall(r"#checkov:skip=(.*)", file.read_text()):
            assert re.fullmatch(r"CKV2?_AWS_\d+:[A-Z].{30,}", skipped)
