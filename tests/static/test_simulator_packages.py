"""The simulator's packages: their allowed imports, the size of their files, and their first lines."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

from tests.static.terraform_code import REPOSITORY

SIMULATOR = REPOSITORY / "simulator"
MOST_LINES = 350

MAY_IMPORT: dict[str, set[str]] = {
    "aws": set(),
    "traffic": {"aws"},
    "local_aws": {"aws", "traffic"},
    "deployment": {"aws", "traffic", "local_aws"},
    "comparison": {"aws", "traffic", "deployment"},
    "advice": {"aws", "traffic", "deployment", "comparison"},
    "fleets": {"aws", "traffic", "local_aws", "deployment"},
    "reports": {"aws", "traffic", "local_aws", "deployment", "comparison", "advice", "fleets"},
    "commands": {"aws", "traffic", "local_aws", "deployment", "comparison", "advice", "fleets", "reports"},
}
"""Each package, and those that it may import. `simulator` itself is only the command line, which uses `commands`."""


def modules() -> dict[str, Path]:
    """Return every module of the simulator by its dotted name. A package stands for its __init__."""
    files = (path.relative_to(REPOSITORY).with_suffix("") for path in sorted(SIMULATOR.rglob("*.py")))
    return {".".join(file.parts).removesuffix(".__init__"): REPOSITORY / f"{file}.py" for file in files}


MODULES = modules()
EVERY_MODULE = pytest.mark.parametrize("module", MODULES)


def imported_by(module: str) -> set[str]:
    """Return the simulator's modules that a module imports, also for types or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            assert node.module
            names |= {
                full if (full := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names
            }
    return {name for name in names if name in MODULES}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_package_has_its_place_among_the_others():
    assert {room(module) for module in MODULES} - {"", "__main__"} == set(MAY_IMPORT)


@EVERY_MODULE
def test_packages_import_only_what_lies_below_them(module):
    if room(module) not in MAY_IMPORT:
        return
    below = MAY_IMPORT[room(module)] | {room(module), ""}

    assert {name for name in imported_by(module) if room(name) not in below} == set()


def test_no_module_imports_itself_by_a_detour():
    # A package's __init__ imports its modules, which must not import it. They import each other by name.
    graph = {module: imported_by(module) for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@EVERY_MODULE
def test_no_file_is_too_long_to_be_read_at_one_sitting(module):
    assert len(MODULES[module].read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("simulator.local_aws", "LocalAWS"),
        ("simulator.local_aws", "START"),
        ("simulator.local_aws.replay_loop", "replay"),
        ("simulator.deployment", "deploy"),
        ("simulator.deployment", "add_stream"),
        ("simulator.traffic", "Traffic"),
        ("simulator.traffic", "Trace"),
        ("simulator.comparison.generator", "generate"),
    ],
)
def test_what_scripts_begin_with_stays_where_it_is(module, name):
    assert callable(getattr(import_module(module), name)) or name == "START"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_package_says_first_what_it_holds(package):
    docstring = ast.get_docstring(ast.parse((SIMULATOR / package / "__init__.py").read_text()))

    assert docstring
    assert docstring.partition("\n")[0].endswith(".")
