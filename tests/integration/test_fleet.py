"""A small fleet whose alarms fire at once: nothing is lost, and the quotas are used well."""

from __future__ import annotations

import re
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from simulator.commands.fleet import SMALL, SMALL_SWEEP
from simulator.deployment import PACKAGE
from simulator.fleets.fleet import fleet
from simulator.fleets.measurements import Drain, Sweep, calls_of_one_scaling, drain, sweep
from simulator.reports.fleet_figures import in_words, rows
from tests.benchmark_page import committed
from tests.benchmark_page import rows as rows_of_page
from tests.faults.effort import SOAK

GIVEN_UP = 30 if SOAK else 8


@pytest.fixture(scope="module")
def drained() -> Drain:
    return drain(SMALL)


@pytest.fixture(scope="module")
def given_up(tmp_path_factory) -> Drain:
    """A fleet whose function fails at the first refusal."""
    return drain(GIVEN_UP, package=package_without_retries(tmp_path_factory.mktemp("package")))


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sweep(SMALL_SWEEP)


def package_without_retries(folder: Path) -> Path:
    """The function with clients that do not retry."""
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
        assert drained.least_rewritten == pytest.approx(2 * SMALL / 3), "two alarms for each stream, three a second"
        assert drained.rewritten <= drained.least_rewritten + 10, "the seconds of one scaling"

    def test_the_invocations_run_side_by_side(self, drained):
        assert drained.invocations.most_at_once >= SMALL

    def test_little_concurrency_loses_nothing_either(self):
        result = drain(SMALL // 3, concurrency=2)
        assert result.problems == []
        assert result.invocations.most_at_once == 2
        assert result.invocations.throttles > 0

    def test_a_function_that_does_not_try_again_is_seen_to_lose_events(self, given_up):
        assert given_up.invocations.dead_letters != []

    def test_invocations_fail_for_what_aws_refuses_and_for_nothing_else(self, given_up, swept):
        assert given_up.invocations.errors.keys() == {"ClientError"}
        assert f", {given_up.invocations.errors['ClientError']:,} ended by ClientError." in in_words(given_up, swept)


class TestSweep:
    def test_every_stream_is_reached_and_put_in_order(self, swept):
        assert swept.problems == []
        assert (swept.resharded, swept.runs) == (2, 1)
        assert swept.seconds < swept.first, "what is due hourly is not done in every run"

    def test_it_takes_hardly_longer_than_the_quotas_demand(self, swept):
        assert swept.least == pytest.approx(SMALL_SWEEP / 20)
        assert swept.seconds <= 1.2 * swept.least


def test_both_are_told_in_a_table_and_in_words(drained, swept):
    accepted, rewritten, reconciled, first = rows(drained, swept)
    ratio = drained.accepted / drained.least_accepted
    assert accepted[1:] == (f"{drained.accepted:.0f} s", f"{SMALL / 9:.0f} s", f"{ratio:.2f}")
    assert rewritten[1:3] == (f"{drained.rewritten:.0f} s", f"{2 * SMALL / 3:.0f} s")
    assert reconciled[1] == f"{swept.seconds:.0f} s"
    assert first[1] == f"{swept.first:.0f} s"
    text = in_words(drained, swept)
    assert "ended by" not in text, "no invocation failed"
    assert f"another {drained.throttled:,} throttled calls" in text
    assert "Lost or wrong at the end: 0. Events in the dead-letter queue: 0." in text
    assert "repaired the alarms of 2 streams" in text


def test_the_page_has_todays_figures_of_this_fleet(drained, swept):
    told = [tuple(row) for row in rows_of_page(committed("fleet"))[1:]]
    assert told[:4] == rows(drained, swept), "make benchmark"


def test_one_scaling_calls_what_the_architecture_page_says():
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    calls = calls_of_one_scaling()
    assert len(calls) == 13
    assert all(f"{operation} |" in page for operation in calls)


def test_a_fleet_says_what_is_lost_and_what_is_wrong():
    with fleet(2) as f:
        one, other = f.stream_names
        assert f.wrong_alarms() == []
        assert f.unsettled() == [f"{name}: 4 shards, which no record explains" for name in f.stream_names]
        f.aws.clock.advance(timedelta(minutes=1))
        f.aws.streams.model(one).reshard_by_hand(5, f.aws.clock.now())
        f.aws.client("cloudwatch").set_alarm_state(
            AlarmName=f"kinesis-autoscaler/{other}/scale-up", StateValue="ALARM", StateReason="by hand"
        )
        assert f.wrong_alarms() == [
            f"{one}: scale-up has shardCount 4, and the stream 5 shards",
            f"{one}: scale-down has shardCount 4, and the stream 5 shards",
            f"{other}: scale-up is in ALARM",
        ]
