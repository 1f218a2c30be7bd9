"""The pinned packages: requirements.txt is sufficient for the simulator, and each larger file contains the smaller."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.static.terraform_code import REPOSITORY

PROGRAMS = ("simulator", "acceptance", "tools", "lambda/kinesis_autoscaler")
"""Everything that `make demo`, `make benchmark`, `make load` and `make acceptance` run."""

OWN = {"simulator", "acceptance", "tools", "kinesis_autoscaler"}


def pins(name: str) -> dict[str, str]:
    lines = (REPOSITORY / name).read_text().splitlines()
    return {_normal(package): version for package, _, version in (line.partition("==") for line in lines) if version}


def _normal(package: str) -> str:
    return package.lower().replace("_", "-")


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports when it runs, not only for its types."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for each in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - OWN - sys.stdlib_module_names


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_program_imports_is_in_requirements_txt(program):
    distributions, known = packages_distributions(), pins("requirements.txt")
    used = {name for path in (REPOSITORY / program).rglob("*.py") for name in imported(path)}
    assert "boto3" in used
    assert {name for name in used if not {_normal(each) for each in distributions[name]} & known.keys()} == set()


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [("requirements.txt", "requirements-test.txt"), ("requirements-test.txt", "requirements-dev.txt")],
)
def test_a_larger_file_has_the_same_versions_and_more(smaller, larger):
    assert pins(smaller).items() < pins(larger).items()
