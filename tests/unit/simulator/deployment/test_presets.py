"""The presets of the comparison are those of the docs."""

from __future__ import annotations

import re

import hcl2
import pytest
from hcl2 import SerializationOptions

from simulator.deployment.presets import PRESETS, settings
from simulator.deployment.terraform import REPOSITORY

DECISIONS = (REPOSITORY / "docs" / "decisions.md").read_text()
AROUND = {"source", "autoscaler", "stream_arn", "max_shard_count"}


def documented() -> dict[str, dict]:
    (block,) = re.findall(r"## Presets.*?```hcl\n(.*?)```", DECISIONS, flags=re.DOTALL)
    options = SerializationOptions(with_comments=False, strip_string_quotes=True, wrap_objects=False)
    modules = hcl2.loads(block, serialization_options=options)["module"]
    return {
        name: {key: value for key, value in body.items() if key not in AROUND and not key.startswith("__")}
        for module in modules
        for name, body in module.items()
    }


def test_the_documented_presets_are_those_that_are_compared():
    assert {"default": {}, **documented()} == PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_the_function_takes_every_preset(preset):
    assert settings(PRESETS[preset]).target_utilization == PRESETS[preset].get("target_utilization", 0.8)


def test_each_preset_would_pay_more_to_spare_traffic_than_the_one_before_and_runs_no_fuller():
    found = [settings(inputs) for inputs in PRESETS.values()]
    costs, targets = zip(*((each.throttling_cost, each.target_utilization) for each in found), strict=True)
    assert costs == tuple(sorted(set(costs)))
    assert targets == tuple(sorted(targets, reverse=True))
