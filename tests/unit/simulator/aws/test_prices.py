"""The charges of Kinesis."""

from __future__ import annotations

import pytest

from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1, Readers


def test_a_provisioned_stream_pays_for_its_shards_and_for_each_started_25_kb_of_a_record():
    shards = 4 * HOURS_PER_MONTH
    assert US_EAST_1.provisioned(shards, 0, 0) == pytest.approx(43.8)
    assert US_EAST_1.provisioned(0, 1e6, 1) == pytest.approx(0.014)
    assert US_EAST_1.provisioned(0, 1e6, 25 * 1024) == pytest.approx(0.014)
    assert US_EAST_1.provisioned(0, 1e6, 25 * 1024 + 1) == pytest.approx(0.028)
    assert US_EAST_1.provisioned(shards, 1e6, 1) == pytest.approx(43.814)


GIGABYTE = 1024**3


def test_an_on_demand_stream_pays_for_its_hours_and_for_what_is_written_and_read():
    on_demand = US_EAST_1.on_demand
    assert on_demand.of(HOURS_PER_MONTH, 0) == pytest.approx(29.2)
    assert on_demand.of(0, 10 * GIGABYTE, Readers(shared=0)) == pytest.approx(0.8)
    assert on_demand.of(0, 10 * GIGABYTE, Readers(shared=3)) == pytest.approx(2.0)
    assert on_demand.of(0, 10 * GIGABYTE, Readers(shared=0, fan_out=2)) == pytest.approx(1.8)


def test_advantage_pays_nothing_for_hours_and_for_25_mib_a_second_in_all_at_least():
    advantage = US_EAST_1.advantage
    assert advantage.of(HOURS_PER_MONTH, 100 * GIGABYTE) == pytest.approx(4.8)
    assert advantage.least(1) == pytest.approx(4.22, abs=0.005)
    assert US_EAST_1.on_demand.least(HOURS_PER_MONTH) == 0


def test_fan_out_consumers_pay_for_every_shard_and_for_what_they_read():
    readers = Readers(shared=5, fan_out=2)
    assert US_EAST_1.provisioned(100, 0, 0, readers) == pytest.approx(4.5)
    assert US_EAST_1.provisioned(0, 1024**2, 1024, readers) == pytest.approx(1024**2 / 1e6 * 0.014 + 2 * 0.013)


def test_the_second_to_the_seventh_day_of_retention_are_paid_by_the_shard_or_by_what_is_kept():
    a_week = Readers(shared=0, retention_hours=168)
    assert US_EAST_1.provisioned(100, 0, 0, a_week) == pytest.approx(3.5)
    # A gigabyte an hour for a month, of which 144 are stored beyond the first day at any moment.
    month = HOURS_PER_MONTH * GIGABYTE
    kept = US_EAST_1.advantage.of(HOURS_PER_MONTH, month, a_week) - US_EAST_1.advantage.of(
        HOURS_PER_MONTH, month, Readers(0)
    )
    assert kept == pytest.approx(144 * 0.023)
    assert US_EAST_1.advantage.of(0, 0, a_week) == 0
