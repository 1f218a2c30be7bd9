"""How many tests run side by side, which begin, and the simulator's command line for all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


@pytest.fixture
def simulator(monkeypatch, capsys) -> Callable[..., Done]:
    """Runs `python -m simulator` with arguments in this process: a process of its own loads for seconds."""

    def run(*arguments: object) -> Done:
        from simulator.commands.line import main  # noqa: PLC0415 - most tests do without

        monkeypatch.setattr(sys, "argv", ["simulator", *map(str, arguments)])
        try:
            status = main()
        except SystemExit as end:
            status = int(end.code or 0)
        return Done(status, *capsys.readouterr())

    return run


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more than there are cores: some tests wait, for a Terraform provider that itself waits for AWS."""
    return (os.cpu_count() or 1) + 2


DEAREST = [
    f"tests/{name}.py"
    for name in (
        "faults/test_races",
        "lives/test_scalings",
        "static/test_terraform",
        "faults/test_throttled_calls",
        "integration/test_fleet",
        "integration/test_demo",
        "faults/test_crash_at_every_call",
        "lives/test_examples",
        "faults/test_machine",
        "integration/test_closed_loop",
    )
]
"""The files that take longest. A file is one worker's, so that one of these, begun last, would keep all waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the dearest files, in their order."""
    rank = {name: number for number, name in enumerate(DEAREST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
