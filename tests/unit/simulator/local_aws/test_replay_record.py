"""The record of a replay, and the chart drawn from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from simulator.local_aws.replay_loop import Minute, Scaling, StreamReplay
from simulator.reports import charts

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def replay():
    """Two hours with 2 shards, then 4, and constant traffic of 3 shards' worth."""
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


@pytest.fixture
def month():
    """Thirty days in which the number of shards changes every two hours."""
    return StreamReplay(
        "orders",
        [
            Minute(NOON + timedelta(minutes=minute), 3.0, (4, 9)[minute // 120 % 2], 0.1 if minute % 5000 == 0 else 0.0)
            for minute in range(30 * 24 * 60)
        ],
    )


@pytest.fixture
def drawn(monkeypatch):
    """Draw a chart and return its figure."""

    def draw(*replays):
        figures = []
        monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: figures.append(figure))
        charts.draw(replays, "a chart", Path("chart.png"))
        figures[0].canvas.draw()
        return figures[0]

    return draw


def test_labels_of_scalings_never_cover_each_other(month, drawn):
    [panel] = drawn(month).axes
    boxes = [text.get_window_extent() for text in panel.texts]
    assert len(boxes) > 3
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_labels_of_the_time_never_cover_each_other(month, replay, drawn):
    for each in (month, replay):
        [panel] = drawn(each).axes
        boxes = [label.get_window_extent() for label in panel.get_xticklabels() if label.get_text()]
        assert len(boxes) > 1
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_month_is_drawn_by_means_and_peaks_and_a_short_replay_minute_by_minute(month, replay, drawn):
    def legend(figure):
        return [text.get_text() for text in figure.legends[0].get_texts()]

    assert "mean demand of 29 minutes" in legend(drawn(month))
    assert legend(drawn(replay))[0] == "demand"


def test_a_throttled_minute_is_seen_however_long_the_chart(month, drawn):
    [panel] = drawn(month).axes
    [marks] = [each for each in panel.collections if isinstance(each, LineCollection)]
    throttled = sum(minute.throttled_share > 0 for minute in month.minutes)
    assert len(marks.get_segments()) == throttled
