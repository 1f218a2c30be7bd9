"""Charts: texts do not overlap, and lines differ not only in color."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from matplotlib.figure import Figure

from kinesis_autoscaler.model import Reason
from simulator.aws.metrics import MetricStore
from simulator.comparison.outcomes import Kind
from simulator.local_aws.replay_loop import Minute, Scaling, StreamReplay
from simulator.reports import charts, comparison_chart, dashboard_pictures


@pytest.fixture
def drawn():
    """The figure that a function draws."""

    def drawn(draw, *arguments, **keywords):
        kept = []
        with patch.object(Figure, "savefig", lambda figure, *_, **__: kept.append(figure)):
            draw(*arguments, **keywords)
        figure = kept[0]
        figure.draw_without_rendering()
        return figure

    return drawn


def compared(number, kind):
    return SimpleNamespace(
        name=f"policy {number}",
        kind=kind,
        shard_hours_of_bound=1.2 + number / 10,
        cost_of_bound=1.2 + number / 10,
        throttled_share=0.003 / (number % 5 + 1),
    )


def test_the_legend_of_a_comparison_lies_on_no_title_and_no_line_joins_its_marks(drawn, tmp_path):
    points = [
        compared(number, kind) for number, kind in enumerate([kind for kind in Kind if kind is not Kind.BOUND] * 3)
    ]
    figure = drawn(comparison_chart.draw, points, subtitle="a long subtitle " * 6, path=tmp_path / "chart.svg")
    (legend,) = figure.legends
    panel = figure.axes[0]
    for other in (*figure.texts, panel.xaxis.label, *panel.get_xticklabels()):
        assert not legend.get_window_extent().overlaps(other.get_window_extent()), other.get_text()
    assert all(
        line.get_linestyle() == "None"
        for line in panel.lines
        if len(line.get_xdata()) > 2 or line.get_marker() != "None"
    )
    markers = [handle.get_marker() for handle in legend.legend_handles]
    assert len(set(markers)) == len(markers) == 4


def test_a_long_name_leaves_room_for_the_summary(drawn, tmp_path):
    start = datetime(2026, 10, 5, tzinfo=UTC)
    minutes = [Minute(start + timedelta(minutes=minute), 3.0, 4, 0.0) for minute in range(120)]
    figure = drawn(charts.draw, [StreamReplay("n" * 100, minutes)], "What would have been", tmp_path / "chart.svg")
    panel = figure.axes[0]
    left, right = panel._left_title, panel._right_title
    assert not left.get_window_extent().overlaps(right.get_window_extent())
    assert not figure.legends[0].get_window_extent().overlaps(figure._suptitle.get_window_extent())


def test_a_failed_scaling_has_a_shape_and_a_color_of_its_own(drawn, tmp_path):
    start = datetime(2026, 10, 5, tzinfo=UTC)
    minutes = [Minute(start + timedelta(minutes=minute), 3.0, 4 + minute // 60, 0.0) for minute in range(120)]
    failed = Scaling(start + timedelta(minutes=30), 4, 8)
    for failures in ([], [failed]):
        figure = drawn(charts.draw, [StreamReplay("orders", minutes, failures)], "A chart", tmp_path / "chart.svg")
        marks = [each for each in figure.axes[0].lines if each.get_marker() == "X"]
        assert [(each.get_xdata()[0], each.get_ydata()[0]) for each in marks] == [(0.5, 8)] * len(failures)
        others = [each for each in figure.axes[0].lines if each not in marks]
        assert not {each.get_color() for each in marks} & {each.get_color() for each in others}
        said = [text.get_text() for text in figure.legends[0].get_texts()]
        assert ("failed scaling" in said) is bool(failures)


def line(label, color=None):
    return SimpleNamespace(label=label, color=color)


def test_a_reason_has_one_colour_in_every_picture_and_no_two_reasons_have_the_same():
    colors = [dashboard_pictures._color(line(str(reason)), number) for number, reason in enumerate(Reason)]
    again = [dashboard_pictures._color(line(str(reason)), 7) for reason in Reason]
    assert colors == again
    assert len(set(colors)) == len(colors)


def test_lines_of_a_graph_differ_in_shape_as_well():
    found = [line(name) for name in ("failures", "function errors", "function throttles", "refused events")]
    shapes = [dashboard_pictures._shape(found, index) for index in range(len(found))]
    assert len(set(shapes)) == len(found)


@pytest.mark.parametrize("length", [10, 40, 100])
def test_the_names_of_alarms_on_a_dashboard_do_not_overlap(drawn, tmp_path, length):
    arns = [f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{'n' * length}{number}" for number in range(2)]
    widget = {"type": "alarm", "x": 0, "y": 0, "width": 12, "height": 3, "properties": {"title": "A", "alarms": arns}}
    start = datetime(2026, 10, 5, tzinfo=UTC)
    scene = dashboard_pictures.Scene(MetricStore(), start, start + timedelta(hours=1), dict.fromkeys(arns, "OK"), [])
    figure = drawn(dashboard_pictures.draw, {"widgets": [widget]}, scene, tmp_path / "dashboard.png")
    boxes = [text.get_window_extent() for text in figure.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
