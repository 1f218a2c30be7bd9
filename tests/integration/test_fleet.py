"""A fleet whose alarms fire at once, in small: nothing is lost, and the quotas are made good use of."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from simulator.deployment import PACKAGE
from simulator.fleet import Drain, Sweep, calls_of_one_scaling, drain, fleet, sweep

STREAMS = 120


@pytest.fixture(scope="module")
def drained() -> Drain:
    return drain(STREAMS)


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sweep(150)


def package_without_retries(folder: Path) -> Path:
    """The function, but its clients send a request once."""
    changed = folder / "package.zip"
    with zipfile.ZipFile(PACKAGE) as original, zipfile.ZipFile(changed, "w") as archive:
        for name in original.namelist():
            source, count = re.subn(
                r'"total_max_attempts": \d+', '"total_max_attempts": 1', original.read(name).decode()
            )
            assert (count > 0) == name.endswith("/clients.py")
            archive.writestr(name, source)
    return changed


class TestDrain:
    def test_nothing_is_lost(self, drained):
        assert drained.problems == []
        assert drained.invocations.dead_letters == []

    def test_the_quotas_hold(self, drained):
        assert drained.throttled > 0, "else this is no test of them"
        assert drained.accepted >= 0.9 * drained.least_accepted
        assert drained.rewritten >= 0.9 * drained.least_rewritten

    def test_it_takes_hardly_longer_than_the_quotas_demand(self, drained):
        assert drained.least_rewritten == pytest.approx(2 * STREAMS / 3), "two alarms for each stream, three a second"
        assert drained.rewritten <= 1.2 * drained.least_rewritten

    def test_the_invocations_run_side_by_side(self, drained):
        assert drained.invocations.most_at_once >= STREAMS

    def test_little_concurrency_loses_nothing_either(self):
        result = drain(12, concurrency=2)
        assert result.problems == []
        assert result.invocations.most_at_once == 2
        assert result.invocations.throttles > 0

    def test_a_function_that_does_not_try_again_is_seen_to_lose_events(self, tmp_path):
        result = drain(STREAMS // 2, package=package_without_retries(tmp_path))
        assert result.invocations.dead_letters != []


class TestSweep:
    def test_every_stream_is_reached_and_put_in_order(self, swept):
        assert swept.problems == []
        assert (swept.resharded, swept.runs) == (3, 1)

    def test_it_takes_hardly_longer_than_the_quotas_demand(self, swept):
        assert swept.least == pytest.approx(150 / 20)
        assert swept.seconds <= 1.2 * swept.least


def test_one_scaling_calls_what_the_architecture_page_says():
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    calls = list(calls_of_one_scaling().elements())
    assert len(calls) == 11
    assert all(f"{operation} |" in page for operation in calls)


def test_the_streams_calm_history_is_no_reason_to_scale():
    with fleet(2) as f:
        f.remember(30)
        assert f.invocations.started == 0
