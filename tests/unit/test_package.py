"""The committed archive is built from the package's source, and the package follows the rules of its docstring."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import pytest

import build
import kinesis_autoscaler

LAMBDA = Path(build.__file__).resolve().parent
SOURCES = sorted((LAMBDA / "kinesis_autoscaler").rglob("*.py"))
PACKAGE = LAMBDA / "kinesis_autoscaler"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
        path.read_text(encoding="utf-8")
    )
    for path in SOURCES
    if path != PACKAGE / "__init__.py"
}
"""The modules by their names in the package: `audit`, `decision`, `decision.up`."""
ARROWS = re.search(r"handler → .*model", kinesis_autoscaler.__doc__, re.DOTALL).group()
LAYERS = [re.findall(r"\w+", layer) for layer in ARROWS.split("→")]
ADAPTERS = ["alarms", "streams", "metrics", "audit", "consumers", "reporting"]
HEART = {name: tree for name, tree in MODULES.items() if name.partition(".")[0] in ("decision", "model")}
IN_THE_LAMBDA_RUNTIME = {"boto3", "botocore"}


@pytest.fixture(scope="module")
def archive() -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(LAMBDA / "package.zip") as opened:
        yield opened


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Return every node, without those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from run_time_nodes(node)


def imported(tree: ast.AST) -> Iterator[str]:
    """Return the imports of a module at run time: `boto3.dynamodb.types`, `.model`."""
    for node in run_time_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def own_imports(module: str) -> set[str]:
    """Return the modules of this package that a module imports: `audit`, `model.record`, `decision`."""
    path = ("kinesis_autoscaler", *module.split("."))
    here = path if module in ROOMS else path[:-1]
    found = set()
    for node in run_time_nodes(MODULES[module]):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*here[: len(here) - node.level + 1], *(node.module or "").split(".")][1:]
            base = [part for part in base if part]
            several = [".".join([*base, alias.name]) for alias in node.names]
            found |= {name for name in several if name in MODULES} or {".".join(base)}
    return found


ROOMS = {name for name in MODULES if any(other.startswith(f"{name}.") for other in MODULES)}


def room(module: str) -> str:
    """Return the part to which a module belongs: `decision` for all its modules."""
    return module.partition(".")[0]


def known_parts(part: str) -> set[str]:
    """Return the other parts that the modules of a part import."""
    return {room(other) for module in MODULES if room(module) == part for other in own_imports(module)} - {part}


class TestTheArchive:
    def test_it_is_what_the_source_builds_byte_for_byte(self):
        checked_in = (LAMBDA / "package.zip").read_bytes()
        print(f"package.zip: {len(checked_in):,} bytes")
        assert checked_in == build.build(), "package.zip is not up to date: make package"

    def test_it_holds_the_projects_python_files_sorted_and_nothing_else(self, archive):
        assert archive.namelist() == [path.relative_to(LAMBDA).as_posix() for path in SOURCES]
        assert {name.partition("/")[0] for name in archive.namelist()} == {"kinesis_autoscaler"}

    def test_it_is_small(self):
        assert (LAMBDA / "package.zip").stat().st_size < 100_000

    def test_what_is_packed_is_a_raw_deflate_stream_that_any_tool_unpacks(self):
        source = b"abcdefgh" * 1000
        packed = build.pack(source)
        assert zlib.decompress(packed, wbits=-zlib.MAX_WBITS) == source
        assert len(packed) < len(source) / 50

    def test_its_compressor_is_pinned_or_another_version_would_build_other_bytes(self):
        pins = (LAMBDA.parent / "requirements-test.txt").read_text()
        assert f"deflate=={version('deflate')}" in pins

    def test_its_bytes_depend_on_no_clock_umask_or_system(self, archive):
        assert archive.testzip() is None
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_DEFLATED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o100644, "a regular file that Lambda may read"
            assert entry.create_system == 3
            assert (entry.extra, entry.comment) == (b"", b"")

    def test_a_file_of_another_time_and_mode_builds_the_same_bytes(self, tmp_path, monkeypatch):
        package = tmp_path / "kinesis_autoscaler"
        package.mkdir()
        for path in reversed(SOURCES):
            copy = package / path.relative_to(PACKAGE)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o755)
        (package / "notes.txt").write_text("not a part of it")
        (package / "__pycache__").mkdir()
        (package / "__pycache__" / "handler.pyc").write_bytes(b"nor is this")
        before = build.build()
        monkeypatch.setattr(build, "HERE", tmp_path)
        monkeypatch.setattr(build, "PACKAGE", package)
        assert build.build() == before

    def test_make_package_writes_it_where_it_is_told(self, tmp_path, monkeypatch, capsys):
        output = tmp_path / "package.zip"
        monkeypatch.setattr(sys, "argv", ["build.py", str(output)])
        build.main()
        assert output.read_bytes() == build.build()
        assert f"{output.stat().st_size:,} bytes" in capsys.readouterr().out

    def test_the_function_can_be_loaded_from_it(self):
        load = "from kinesis_autoscaler.handler import handler; print(handler.__code__.co_filename)"
        archive = str(LAMBDA / "package.zip")
        loaded = subprocess.run(
            [sys.executable, "-c", load], env={"PYTHONPATH": archive}, capture_output=True, text=True, check=True
        )
        assert loaded.stdout.startswith(archive)


class TestImports:
    @pytest.mark.parametrize("module", MODULES)
    def test_a_module_needs_nothing_that_the_lambda_runtime_lacks(self, module):
        needed = {name.partition(".")[0] for name in imported(MODULES[module]) if not name.startswith(".")}
        assert needed <= sys.stdlib_module_names | IN_THE_LAMBDA_RUNTIME
        assert "kinesis_autoscaler" not in needed, "the package's own modules are imported relatively"

    def test_the_docstring_names_every_part_once(self):
        named = [part for layer in LAYERS for part in layer]
        assert sorted(named) == sorted({room(module) for module in MODULES})
        assert (LAYERS[0], LAYERS[-1]) == (["handler"], ["model"])
        assert ADAPTERS in LAYERS

    def test_arrows_point_inwards_only(self):
        depth = {part: n for n, layer in enumerate(LAYERS) for part in layer}
        outwards = [f"{part} → {other}" for part in depth for other in known_parts(part) if depth[other] < depth[part]]
        assert outwards == []

    def test_the_arrows_are_those_of_the_imports(self):
        assert {"decision", "change", "occasions", "lifecycle"} <= known_parts("scaling")
        assert known_parts("audit") == {"clients", "heads", "items", "model"}
        assert own_imports("decision.up") >= {"model", "decision.quota", "decision.case"}
        assert own_imports("model") == {"model.plan", "model.record", "model.stream", "model.telemetry", "model.terms"}

    def test_adapters_do_not_know_each_other(self):
        acquainted = [
            f"{one} → {other}"
            for pair in combinations(ADAPTERS, 2)
            for one, other in (pair, pair[::-1])
            if other in known_parts(one)
        ]
        assert acquainted == []

    def test_there_is_no_circle(self):
        TopologicalSorter({module: own_imports(module) for module in MODULES}).prepare()

    @pytest.mark.parametrize(
        ("part", "knows"), [("decision", {"model"}), ("model", set()), ("lifecycle", {"model", "occasions"})]
    )
    def test_the_heart_is_pure(self, part, knows):
        assert known_parts(part) == knows
        trees = [tree for module, tree in MODULES.items() if room(module) == part]
        others = {name.partition(".")[0] for tree in trees for name in imported(tree) if not name.startswith(".")}
        assert others <= sys.stdlib_module_names - {"os", "time", "random", "socket", "subprocess", "logging"}

    @pytest.mark.parametrize("module", [*HEART, "lifecycle", "occasions"])
    def test_the_heart_looks_at_no_clock(self, module):
        calls = [ast.unparse(node.func) for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)]
        assert not [call for call in calls if call.endswith((".now", ".utcnow", ".today", ".time"))]

    def test_only_settings_reads_the_environment(self):
        readers = {
            module
            for module, tree in MODULES.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb")
        }
        assert readers == {"settings"}
        assert [module for module in MODULES if "os" in imported(MODULES[module])] == ["settings"]

    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
    def test_a_module_is_short_enough_to_be_read_at_one_sitting(self, path):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 330

    def test_every_module_has_a_docstring(self):
        for module, tree in MODULES.items():
            assert ast.get_docstring(tree), module
