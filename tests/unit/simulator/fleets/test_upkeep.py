"""The autoscaler's own cost: how it is counted, and that the pages quote the measured figures."""

from __future__ import annotations

import re

import pytest

from simulator.deployment.terraform import REPOSITORY
from simulator.fleets.upkeep import AT_MAXIMUM, Measured, Upkeep, measure
from simulator.reports.upkeep import SIZES, markdown
from tests.benchmark_page import committed, rows

COST = committed("cost")
ROWS = {row[0]: row for row in rows(COST)}
KINDS = {name: float(row[-1]) for name, row in ROWS.items() if len(row) == 6 and re.fullmatch(r"\d+\.\d\d", row[-1])}
FLEET = KINDS.pop("fixed cost of the fleet")
MEAN = re.findall(r"Mean cost of a stream: (\$\d\.\d\d)", COST)[0]


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure(["worldwide"])


def test_a_stream_costs_less_than_80_cents_a_month_and_none_more_than_120():
    assert float(MEAN.strip("$")) < 0.80
    assert max(KINDS.values()) < 1.20
    assert KINDS[AT_MAXIMUM] < 0.80
    assert FLEET < 2


def test_the_front_page_and_the_operations_page_quote_what_was_measured():
    readme, operations = ((REPOSITORY / page).read_text() for page in ("README.md", "docs/operations.md"))
    assert (
        f"In addition to its shards, a stream costs about {MEAN} a month, and the autoscaler itself ${FLEET:.2f}:"
        in readme
    )
    low, high = min(KINDS.values()), max(KINDS.values())
    assert (
        f"a stream costs {MEAN} a month on average, from ${low:.2f} to ${high:.2f} depending on its traffic"
        in operations
    )
    assert f"itself costs ${FLEET:.2f}, regardless of its streams" in operations
    sizes = [line for line in COST.splitlines() if line.startswith("|") and line.count("|") == 4]
    assert len(sizes) == 2 + len(SIZES)
    assert "\n".join(sizes) in operations
    assert "\n".join(sizes[:5]) in readme


def test_a_calm_stream_costs_what_the_page_says(measured):
    """It is measured alone here, with its own fixed cost."""
    calm = measured.streams["worldwide"]
    assert calm.alarms == pytest.approx(0.40)
    assert calm.custom_metrics == pytest.approx(0.24, abs=0.07), "shards and expectation four times a day, and scalings"
    assert 0.007 < calm.metric_data < 0.05, "a check-up an hour, and a look now and then"
    assert rows(markdown(measured))[1] == ROWS["worldwide"], "make benchmark"


def test_the_alarms_and_metrics_of_the_fleet_cost_what_the_page_says(measured):
    assert measured.fleet.alarms == pytest.approx(float(ROWS["fixed cost of the fleet"][1]))
    assert measured.fleet.custom_metrics == pytest.approx(float(ROWS["fixed cost of the fleet"][2]))


def test_a_larger_fleet_costs_less_for_each_stream():
    stream = Upkeep(alarms=0.4, custom_metrics=0.1, metric_data=0.1, rest=0.0)
    measured = Measured(1, {"calm": stream}, Upkeep(0.7, 0.9, 0.0, 0.1), {"ScaleUps": 0.5})
    assert measured.of_fleet(1) == pytest.approx(0.6 + 1.7 + 0.5 * 0.3)
    assert measured.of_fleet(10) == pytest.approx(6.0 + 1.7 + 0.3)
    assert "| 1,000 | " in markdown(measured)
