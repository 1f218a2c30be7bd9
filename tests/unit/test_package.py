"""The archive that is checked in is the package's source, and the package is built as its docstring says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import combinations
from pathlib import Path

import pytest

import build
import kinesis_autoscaler

LAMBDA = Path(build.__file__).resolve().parent
SOURCES = sorted((LAMBDA / "kinesis_autoscaler").rglob("*.py"))
MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES if path.stem != "__init__"}
ARROWS = re.search(r"handler → .*", kinesis_autoscaler.__doc__).group()
LAYERS = [re.findall(r"\w+", layer) for layer in ARROWS.split("→")]
ADAPTERS = LAYERS[2]
IN_THE_LAMBDA_RUNTIME = {"boto3", "botocore"}


@pytest.fixture(scope="module")
def archive() -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(LAMBDA / "package.zip") as opened:
        yield opened


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from run_time_nodes(node)


def imported(tree: ast.AST) -> Iterator[str]:
    """What a module imports when it runs: `boto3.dynamodb.types`, `.model`."""
    for node in run_time_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def own_imports(module: str) -> set[str]:
    """The modules of this package that one of them imports."""
    return {name.removeprefix(".") for name in imported(MODULES[module]) if name.startswith(".")}


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

    def test_its_compressor_looks_for_no_repeats_which_each_does_in_its_own_way(self):
        once, often = build.pack(b"abcdefgh" * 10), build.pack(b"abcdefgh" * 1000)
        assert len(often) >= 1000 * 8 * 3 / 8, "three bits for each of eight letters"
        assert zlib.decompress(once, wbits=-zlib.MAX_WBITS) == b"abcdefgh" * 10

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
            copy = package / path.name
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

    def test_the_docstring_names_modules_that_there_are(self):
        named = [module for layer in LAYERS for module in layer]
        assert len(named) == len(set(named))
        assert set(named) <= set(MODULES)
        assert LAYERS[0] == ["handler"]
        assert LAYERS[-1] == ["decision", "outlook", "model"]

    def test_arrows_point_inwards_only(self):
        depth = {module: n for n, layer in enumerate(LAYERS) for module in layer}
        outwards = [
            f"{module} → {other}"
            for module in depth
            for other in own_imports(module)
            if depth.get(other, len(LAYERS)) < depth[module]
        ]
        assert outwards == []

    def test_adapters_do_not_know_each_other(self):
        assert len(ADAPTERS) > 4
        acquainted = [
            f"{one} → {other}"
            for pair in combinations(ADAPTERS, 2)
            for one, other in (pair, pair[::-1])
            if other in own_imports(one)
        ]
        assert acquainted == []

    def test_what_the_arrows_do_not_mention_knows_nothing_but_the_model(self):
        for module in set(MODULES) - {module for layer in LAYERS for module in layer}:
            assert own_imports(module) <= {"model"}, module

    def test_there_is_no_circle(self):
        TopologicalSorter({module: own_imports(module) for module in MODULES}).prepare()

    @pytest.mark.parametrize(("module", "knows"), [("decision", {"model"}), ("model", set())])
    def test_the_heart_is_pure(self, module, knows):
        assert own_imports(module) == knows
        others = {name.partition(".")[0] for name in imported(MODULES[module]) if not name.startswith(".")}
        assert others <= sys.stdlib_module_names - {"os", "time", "random", "socket", "subprocess", "logging"}

    def test_the_heart_looks_at_no_clock(self):
        for module in ("decision", "model"):
            calls = [ast.unparse(node.func) for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)]
            assert not [call for call in calls if call.endswith((".now", ".utcnow", ".today", ".time"))], module

    def test_only_settings_reads_the_environment(self):
        readers = {
            module
            for module, tree in MODULES.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb")
        }
        assert readers == {"settings"}
        assert [module for module in MODULES if "os" in imported(MODULES[module])] == ["settings"]

    def test_every_module_has_a_docstring(self):
        for module, tree in MODULES.items():
            assert ast.get_docstring(tree), module
