"""Values that AWS does not document, and quotas that it raises on request. Measured values can replace them.

The name of a field identifies its assumption. docs/measured.md lists the assumptions by these names. A run of
`make acceptance` on AWS writes its measurements by these names, and `measured` applies them.
"""

# ruff: noqa: RUF009 - `_assumed` makes a dataclass field
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

Counts: TypeAlias = Callable[[int, int], int]


def reshard_seconds(current: int, target: int) -> float:
    """Estimate how long UpdateShardCount takes, in seconds: an assumption, not a figure of AWS.

    Three minutes, plus a second for each shard that is added or removed. 1.5 times as long if the target is not a
    multiple of 25% of the current count, which the API Reference says is slower.
    """
    seconds = 180.0 + abs(target - current)
    return seconds if target * 4 % current == 0 else seconds * 1.5


def count_before(current: int, target: int) -> int:
    """OpenShardCount while the stream is UPDATING: the count before the reshard."""
    del target
    return current


def count_after(current: int, target: int) -> int:
    """OpenShardCount while the stream is UPDATING: the count after the reshard."""
    del current
    return target


_API = "API Reference"
_NOWHERE = "no source: AWS does not document it"


def _assumed(default: Any, what: str, source: str, shown: str | None = None) -> Any:  # noqa: ANN401 - a field of any type
    """Return a field with its meaning, the source of its value, and the value as text (`shown`)."""
    return field(default=default, metadata={"what": what, "source": source, "shown": shown or str(default)})


@dataclass(frozen=True)
class Assumptions:
    """Assumptions about AWS where its documents say nothing, and its default quotas.

    The metadata of each field contain its meaning (`what`), the `source` of its value or that there is none, and the
    value as text (`shown`).
    """

    metric_delay_seconds: int = _assumed(
        60, "delay from the end of a minute until its datapoints are visible", _NOWHERE, "60 seconds"
    )
    extra_datapoints: int = _assumed(
        2,
        "number of datapoints that an alarm evaluates beyond EvaluationPeriods",
        "the CloudWatch User Guide says only that there are more",
    )
    reshard_seconds: float | Callable[[int, int], float] = _assumed(
        reshard_seconds,
        "duration of UpdateShardCount, by the current and the target count",
        'Developer Guide: "a few minutes"; no source for details',
        "180 seconds plus one per shard; 1.5 times as long if the target is not a multiple of 25%",
    )
    split_seconds: float = _assumed(30.0, "duration of SplitShard", "a comment in kinesis-scaling-utils", "30 seconds")
    merge_seconds: float = _assumed(30.0, "duration of MergeShards", "a comment in kinesis-scaling-utils", "30 seconds")
    mode_switch_seconds: float = _assumed(60.0, "duration of UpdateStreamMode", _NOWHERE, "60 seconds")
    count_while_updating: Counts = _assumed(
        count_before, "OpenShardCount while the stream is UPDATING", _NOWHERE, "the count before"
    )
    reports_when_idle: bool = _assumed(
        True, "what a stream reports for a minute without traffic: zeros or nothing", _NOWHERE, "zeros"
    )
    shard_limit: int = _assumed(
        20_000,
        "the account's shard quota in the region",
        "Developer Guide: 20,000 in the largest regions, 6,000 or 1,000 in others",
        "20,000",
    )
    update_calls_per_day: int = _assumed(10, "UpdateShardCount calls for a stream in 24 hours", f"{_API}: the default")
    update_calls_per_second: int = _assumed(
        10, "UpdateShardCount calls in a second", f"{_API}; no source that the limit is per account"
    )
    split_calls_per_second: int = _assumed(5, "SplitShard calls of an account in a second", _API)
    merge_calls_per_second: int = _assumed(5, "MergeShards calls of an account in a second", _API)
    streams_at_once: int | None = _assumed(
        None,
        "number of streams of an account that may be UPDATING",
        f"{_API} says only that there is a limit",
        "any number",
    )
    mode_switches_per_day: int = _assumed(2, "UpdateStreamMode calls for a stream in 24 hours", _API)
    fan_out_consumers: int = _assumed(20, "registered consumers of a stream", f"{_API}; 50 with on-demand Advantage")
    call_seconds: float = _assumed(0.02, "duration of an API call", _NOWHERE, "20 milliseconds")

    def update_seconds(self, current: int, target: int) -> float:
        """Return how long UpdateShardCount takes from one count to another, in seconds."""
        seconds = self.reshard_seconds
        return seconds(current, target) if callable(seconds) else seconds


ASSUMED = Assumptions()
"""The assumptions of a simulation that sets no others."""


_IN_WORDS: Mapping[str, Any] = {"before": count_before, "after": count_after, "zeros": True, "nothing": False}
"""The values of measurements that are words."""


def measured(values: Mapping[str, float | str], assumptions: Assumptions = ASSUMED) -> Assumptions:
    """Return the assumptions with measured values in their place, by name: `{"split_seconds": 41.5}`.

    Measurements of other values are ignored, because a run also measures what is not an assumption.
    """
    names = {each.name for each in fields(assumptions)}
    return replace(
        assumptions, **{name: _IN_WORDS.get(str(value), value) for name, value in values.items() if name in names}
    )
