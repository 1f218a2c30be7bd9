"""What Kinesis charges."""

from __future__ import annotations

import pytest

from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1


def test_a_provisioned_stream_pays_for_its_shards_and_for_each_started_25_kb_of_a_record():
    shards = 4 * HOURS_PER_MONTH
    assert US_EAST_1.provisioned(shards, 0, 0) == pytest.approx(43.8)
    assert US_EAST_1.provisioned(0, 1e6, 1) == pytest.approx(0.014)
    assert US_EAST_1.provisioned(0, 1e6, 25 * 1024) == pytest.approx(0.014)
    assert US_EAST_1.provisioned(0, 1e6, 25 * 1024 + 1) == pytest.approx(0.028)
    assert US_EAST_1.provisioned(shards, 1e6, 1) == pytest.approx(43.814)


def test_an_on_demand_stream_pays_for_its_hours_and_for_what_is_written_and_read():
    gigabyte = 1024**3
    assert US_EAST_1.on_demand(HOURS_PER_MONTH, 0) == pytest.approx(29.2)
    assert US_EAST_1.on_demand(0, 10 * gigabyte, readers=0) == pytest.approx(0.8)
    assert US_EAST_1.on_demand(0, 10 * gigabyte, readers=3) == pytest.approx(2.0)
