"""The alarms' arithmetic on known traffic, with the expressions that tests/terraform checks in Terraform."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.aws.metric_math import evaluate
from tests.static.terraform_code import TESTS

CASES: dict[str, dict[str, Any]] = json.loads((TESTS / "fixtures" / "alarms.json").read_text())
MOMENT = 0


def _periods() -> list[Any]:
    return [
        pytest.param(case[alarm], period["sums"], period["usage"][alarm], id=f"{title}-{alarm}-{period['what']}")
        for title, case in CASES.items()
        for period in case["periods"]
        for alarm in ("scale_up", "scale_down")
    ]


@pytest.mark.parametrize(("alarm", "sums_of_a_minute", "expected"), _periods())
def test_usage_is_the_fraction_of_the_shards_that_the_traffic_needs(
    alarm: dict[str, Any], sums_of_a_minute: dict[str, float], expected: float
):
    minutes = alarm["period_seconds"] / 60
    metrics = {
        metric: {MOMENT: sums_of_a_minute[metric] * minutes} if metric in sums_of_a_minute else {}
        for metric in alarm["metrics"]
    }

    usage = evaluate(alarm["expressions"], metrics, [MOMENT], alarm["period_seconds"])["usage"]

    assert usage == {MOMENT: pytest.approx(expected)}
