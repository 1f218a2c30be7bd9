"""The pictures of the docs are up to date. `make pictures` draws them. For day.png, see test_demo."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from simulator.reports import dashboard_pictures, foresight_picture
from simulator.reports.dashboard_pictures import IMAGES
from simulator.reports.stamp import digest, drawn_from, stamp


@pytest.mark.parametrize("name", ["dashboard-fleet.png", "dashboard-stream.png"])
def test_the_dashboards_are_those_that_terraform_makes_today(name):
    assert drawn_from(IMAGES / name) == digest(dashboard_pictures.sources()), "make pictures"


def test_the_day_with_foresight_is_what_the_decision_makes_of_it_today():
    shown = foresight_picture.shown(foresight_picture.day("off"), foresight_picture.day("on"))
    assert drawn_from(foresight_picture.PICTURE) == digest(shown), "make pictures"


def test_a_picture_of_other_data_is_told_from_it(tmp_path):
    picture = tmp_path / "day.png"
    Figure().savefig(picture, metadata=stamp(picture, [1, 2]))
    assert drawn_from(picture) == digest([1, 2]) != digest([1, 3])
