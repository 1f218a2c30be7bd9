"""How many tests run side by side, and which begin."""

from __future__ import annotations

import os

import pytest


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
