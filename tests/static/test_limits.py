"""One table of limits for both sides: Terraform refuses exactly the settings that the function refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pytest

from kinesis_autoscaler.model import AlarmRule
from kinesis_autoscaler.settings import InvalidSettingsError, parse_settings
from tests.static.terraform_code import REPOSITORY
from tests.static.terraform_without_aws import Terraform, terraform_without_aws

UP = AlarmRule(threshold=0.9, period_seconds=60, evaluation_periods=1, datapoints_to_alarm=1)
DOWN = AlarmRule(threshold=0.4, period_seconds=300, evaluation_periods=12, datapoints_to_alarm=12)
CONSUMER = "consumer/reader"

LIMITS: dict[str, tuple[list[Any], list[Any]]] = {
    "min-shard-count": ([1, 2, 64], [0, -1, 1.5, 65, 10001]),
    "max-shard-count": ([1, 64, 10000], [0, -1, 1.5, 10001]),
    "scaling-strategy": (["target", "double"], ["", "Target", "triple"]),
    "target-utilization": ([0.41, 0.5, 0.89], [0, 0.3, 0.4, 0.9, 0.91, 1, -0.5, 60]),
    "scale-up-cooldown-minutes": ([0, 5, 1440], [-1, 0.5, 1441]),
    "scale-down-cooldown-minutes": ([0, 30, 1440], [-1, 0.5, 1441]),
    "max-iterator-age-minutes": ([1, 30, 525600, None], [0, -1, 1.5, 525601, 1000000]),
    "update-calls-per-day": ([4, 10, 1000], [0, -1, 4.5, 1001]),
    "calls-reserved-for-scale-up": ([0, 3, 9], [-1, 0.5, 10, 1000]),
    "throttling-cost": ([1, 35.5, 100000], [0.9, 100001]),
    "foresight": (["off", "forecast_only", "on"], ["yes"]),
    "split-beyond-quota": ([True, False], []),
    "split-hot-shards": ([True, False], []),
    "scale-on-throttling": ([True, False], []),
    "scale-on-reads": ([True, False], []),
    CONSUMER: ([1, 10], [0, -2, 1.5, 11]),
}
"""By tag: accepted and refused values, with a maximum of 64 shards and otherwise the module's defaults."""


@dataclass(frozen=True)
class Case:
    tag: str
    value: Any
    is_accepted: bool

    def __str__(self) -> str:
        return f"{self.tag}={self.value}"

    @property
    def written(self) -> str:
        """Return the tag's value as Terraform writes it."""
        if self.value is None:
            return "disabled"
        return self.value if isinstance(self.value, str) else json.dumps(self.value)

    @property
    def inputs(self) -> dict[str, Any]:
        """Return the module's inputs that produce the tag."""
        if self.tag == CONSUMER:
            return {"consumer_functions": {"reader": self.value}}
        name = self.tag.replace("-", "_")
        for direction in ("scale_up", "scale_down"):
            if name.startswith(f"{direction}_"):
                return {direction: {name.removeprefix(f"{direction}_"): self.value}}
        return {name: self.value}


CASES = [
    Case(tag, value, is_accepted)
    for tag, (accepted, refused) in LIMITS.items()
    for values, is_accepted in ((accepted, True), (refused, False))
    for value in values
]


def test_every_tag_that_terraform_writes_has_its_limits_here():
    code = (REPOSITORY / "modules" / "stream" / "main.tf").read_text()
    written = re.findall(r'^ *"kinesis-autoscaler:([\w-]+)" += ', code, re.MULTILINE)
    assert {*written, CONSUMER} == set(LIMITS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_function_keeps_to_the_table(case: Case):
    tags = {"kinesis-autoscaler:max-shard-count": "64", f"kinesis-autoscaler:{case.tag}": case.written}
    if case.is_accepted:
        parse_settings(tags, scale_up=UP, scale_down=DOWN)
    else:
        with pytest.raises(InvalidSettingsError):
            parse_settings(tags, scale_up=UP, scale_down=DOWN)


def test_terraform_keeps_to_the_table():
    refused = [(case,) for case in CASES if not case.is_accepted]
    with terraform_without_aws() as one, one.provider_running() as terraform:
        by_themselves = refused_by(terraform, refused)
        # Terraform checks rules across inputs only if no input breaks its own rules.
        others = refused_by(terraform, [*(each for each in refused if each not in by_themselves), *accepted_together()])
    assert {*by_themselves, *others} == {*refused}


def accepted_together() -> Iterator[tuple[Case, ...]]:
    """Yield the accepted cases, as many together as do not depend on each other: each plan of a module takes time."""
    maximums = {"max-shard-count", "update-calls-per-day"}  # of other tags
    for tags in (LIMITS.keys() - maximums, maximums):
        for values in zip_longest(
            *([case for case in CASES if case.is_accepted and case.tag == tag] for tag in sorted(tags))
        ):
            yield tuple(filter(None, values))


def inputs_of(together: Iterable[Case]) -> dict[str, Any]:
    """Return the inputs of several cases, which are of different inputs."""
    inputs: dict[str, Any] = {}
    for case in together:
        assert inputs.keys().isdisjoint(case.inputs)
        inputs |= case.inputs
    return inputs


def refused_by(terraform: Terraform, cases: Sequence[tuple[Case, ...]]) -> list[tuple[Case, ...]]:
    """Return the cases for which a plan reports errors in their module block."""
    blocks = {
        f"case_{number}": {
            "source": "../modules/stream",
            "autoscaler": {
                "topic_arn": "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler",
                "alarm_name_prefix": "kinesis-autoscaler",
                "audit_table_name": "kinesis-autoscaler-audit",
            },
            "stream_arn": "arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
            "enabled": False,  # inputs are still checked, and AWS is not called
            "max_shard_count": 64,
            **inputs_of(together),
        }
        for number, together in enumerate(cases)
    }
    offline = dict.fromkeys(
        ("skip_credentials_validation", "skip_metadata_api_check", "skip_requesting_account_id"), True
    )
    provider = {"region": "eu-west-1", "access_key": "offline", "secret_key": "offline", **offline}
    root = REPOSITORY / "limits"
    directory = terraform.copy / root.name
    directory.mkdir(exist_ok=True)
    (directory / "main.tf.json").write_text(json.dumps({"provider": {"aws": provider}, "module": blocks}, indent=1))
    terraform.init(root)
    planned = terraform.run(root, "plan", "-json")
    messages = [json.loads(line) for line in planned.stdout.splitlines()]
    problems = [message["diagnostic"] for message in messages if message["type"] == "diagnostic"]
    assert {problem["summary"] for problem in problems} <= {"Invalid value for variable"}
    complained = {re.findall(r"case_\d+", problem["snippet"]["context"])[0] for problem in problems}
    return [together for number, together in enumerate(cases) if f"case_{number}" in complained]
