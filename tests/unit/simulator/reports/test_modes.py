"""The cost of provisioned and on-demand mode on the pages."""

from __future__ import annotations

import pytest

from simulator.aws.prices import US_EAST_1
from simulator.deployment.terraform import REPOSITORY
from simulator.reports.markdown import with_sections
from simulator.reports.modes import PAGE, SECTION, Traffic, markdown, modes


def test_the_page_has_the_table_that_the_prices_give():
    page = PAGE.read_text()
    assert with_sections(page, {SECTION: markdown()}) == page, "run python -m simulator.reports.modes"


def test_the_front_page_quotes_the_table():
    front_page = " ".join((REPOSITORY / "README.md").read_text().split())
    cost = modes(Traffic(1000, 3 * 1024))
    assert (
        f"1,000 records of 3 KB a second cost ${cost.on_demand:,.0f} a month on demand, and ${cost.half_used:,.0f} in "
        "provisioned shards that are half used"
    ) in front_page
    least = US_EAST_1.advantage.least(730)
    assert f"charges ${cost.advantage:,.0f} for them, and an account pays at least ${least:,.0f}" in front_page


def test_a_stream_that_is_nearly_empty_is_cheaper_with_advantage_and_one_that_is_half_used_is_not():
    small, large = modes(Traffic(100, 1024)), modes(Traffic(10_000, 10 * 1024))
    assert small.advantage < small.half_used < small.on_demand
    assert large.half_used < large.quarter_used < large.advantage < large.on_demand


def test_a_large_record_counts_by_its_bytes_and_a_small_one_by_its_number():
    assert Traffic(1000, 1024).shards == pytest.approx(1.0)
    assert Traffic(1000, 512).shards == pytest.approx(1.0)
    assert Traffic(100, 100 * 1024).shards == pytest.approx(100 * 100 / 1024)
