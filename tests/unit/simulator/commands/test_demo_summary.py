"""The demo's summary of its replays, and its result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from simulator.commands import demo
from simulator.local_aws.replay_loop import Minute, StreamReplay


def replay(*shards: int, demand: float = 3.2) -> StreamReplay:
    start = datetime(2026, 10, 5, tzinfo=UTC)
    minutes = [Minute(start + timedelta(minutes=index), demand, count, 0.0) for index, count in enumerate(shards)]
    return StreamReplay("orders", minutes)


@pytest.mark.parametrize(
    ("shards", "is_own", "satisfied"),
    [((4, 4), False, False), ((4, 5), False, False), ((4, 5, 4), False, True), ((4, 4), True, True)],
)
def test_generated_days_must_be_scaled_both_ways_and_traffic_of_ones_own_need_not(shards, is_own, satisfied):
    assert demo._scaled_as_it_should([replay(*shards)], is_own=is_own) is satisfied


def test_the_summary_tells_what_the_shards_cost_beside_a_fixed_count():
    console = Console(width=150)
    with console.capture() as told:
        console.print(demo._summary([replay(2, 4, demand=3.2)]))
    assert "32.85" in told.get()  # 3 shards on average × $0.015 × 730 hours
    assert "4 shards: 43.80" in told.get()
