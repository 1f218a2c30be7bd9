"""The number of parallel tests, their order, and the simulator's command line for all of them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.provider import FAST, kept_by_working_copies
from tools.garbage import collect_rarely

os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")  # the only one belongs to a library of selenium, and loads for long


@dataclass(frozen=True)
class Done:
    """The exit status of a command, and its output."""

    status: int
    out: str
    err: str


@pytest.fixture
def simulator(monkeypatch, capsys) -> Callable[..., Done]:
    """Runs `python -m simulator` with arguments in this process, because a separate process loads for seconds."""

    def run(*arguments: object) -> Done:
        from simulator.commands.line import main  # noqa: PLC0415 - most tests do without

        monkeypatch.setattr(sys, "argv", ["simulator", *map(str, arguments)])
        try:
            status = main()
        except SystemExit as end:
            status = int(end.code or 0)
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def one_provider() -> Iterator[None]:
    """Let every WorkingCopy of a test use one provider for all of its commands."""
    with kept_by_working_copies():
        yield


def pytest_configure() -> None:
    """Spare each Terraform and each provider that a test starts most of their garbage collections."""
    os.environ.setdefault("GOGC", FAST["GOGC"])


def pytest_collection(session: pytest.Session) -> None:
    """Let each of the parallel workers begin with other test modules than the others.

    All of them need all modules, and write what they have compiled for each other. In the same order, each would
    compile every module.
    """
    if not (worker := os.environ.get("PYTEST_XDIST_WORKER")):
        return
    root = session.config.rootpath
    paths = [root / argument.partition("::")[0] for argument in session.config.args]
    modules = sorted(file for path in paths for file in (path.rglob("test_*.py") if path.is_dir() else [path]))
    first = int(worker.removeprefix("gw")) * len(modules) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for file in modules[first:] + modules[:first]:
        with suppress(Exception):  # which the collection reports
            importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Collect garbage less often: hundreds of megabytes of modules and tests stay until the end."""
    collect_rarely()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three more than cores: some tests wait for a Terraform provider, which waits for AWS."""
    return (os.cpu_count() or 1) + 3


DEAREST = [
    f"tests/{name}.py"
    for name in (
        "lives/test_scalings",
        "static/test_terraform",
        "lives/test_examples",
        "integration/test_demo",
        "acceptance/test_real_terraform",
        "lives/test_migration_page",
        "integration/test_operations_page",
        "faults/test_races",
        "integration/test_fleet",
        "faults/test_throttled_calls",
        "integration/test_function_figures",
        "faults/test_crash_at_every_call",
    )
]
"""The slowest files. One worker runs each file, so a slow file that starts last would delay the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first, in their order."""
    rank = {name: number for number, name in enumerate(DEAREST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
