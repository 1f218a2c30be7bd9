"""The record of a replay, and the chart drawn from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from simulator import charts
from simulator.replay_loop import Minute, Scaling, StreamReplay

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def replay():
    """Two hours: 2 shards at first, then 4; 3 shards' worth of traffic all along."""
    return StreamReplay(
        "orders",
        [
            Minute(NOON + timedelta(minutes=minute), 3.0, 2 if minute < 60 else 4, 1 / 3 if minute < 60 else 0.0)
            for minute in range(120)
        ],
    )


def test_every_change_of_the_shard_count_is_an_event(replay):
    assert replay.events == [Scaling(NOON + timedelta(hours=1), 2, 4)]


def test_shard_hours_are_open_shards_times_hours(replay):
    assert replay.shard_hours == pytest.approx(6)


def test_the_throttled_share_is_that_of_all_traffic(replay):
    assert replay.throttled_share == pytest.approx(1 / 6)


def test_no_traffic_is_not_throttled():
    assert StreamReplay("orders", [Minute(NOON, 0.0, 2, 0.0)]).throttled_share == 0


@pytest.mark.parametrize(("name", "beginning"), [("chart.png", b"\x89PNG"), ("chart.svg", b"<?xml")])
def test_a_chart_is_drawn_in_the_format_that_its_name_says(replay, tmp_path, name, beginning):
    charts.draw([replay, replay], "a chart", tmp_path / "new folder" / name)
    assert (tmp_path / "new folder" / name).read_bytes().startswith(beginning)
