"""How many tests run side by side."""

from __future__ import annotations

import os

import pytest


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more than there are cores: some tests wait, for a Terraform provider that itself waits for AWS."""
    return (os.cpu_count() or 1) + 2
