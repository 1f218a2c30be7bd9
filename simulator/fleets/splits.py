"""Measures the effect of splitting single shards: streams that need it, each with and without, on a local AWS.

One stream has used its daily calls when its traffic rises. In the others, some keys get most of the traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.aws.kinesis.keys import HotKey, HotRange, Keys
from simulator.deployment import add_stream, deploy
from simulator.local_aws import START, LocalAWS
from simulator.local_aws.replay_loop import replay
from simulator.traffic import Trace, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.local_aws.replay_loop import Minute

HOURS = 6
_HOUR = 60  # minutes
_WARM_UP = 15  # minutes until keys become hot, or traffic begins to rise
_SPEND_CALL_AT = 8  # the minute of the warm-up in which the day's only call is made
_EVERYDAY = ("REQUESTED", "DEMAND_FITS", "COOLDOWN", "STREAM_UPDATING")


@dataclass(frozen=True)
class Kind:
    """A kind of stream that splits may help.

    Attributes:
        title: its problem.
        setting: the input of modules/stream that should help.
        shards: its number of shards when the problem begins.
        demand: its traffic in shards, at the start and after an hour of growth.
        keys: the distribution of its traffic from then on.
        settings: other inputs.

    """

    title: str
    setting: str
    shards: int
    demand: tuple[float, float]
    keys: Keys = field(default_factory=Keys)
    settings: Mapping[str, Any] = field(default_factory=dict)


KINDS = {
    "spent": Kind(
        "traffic doubles after the daily calls are used up",
        "split_beyond_quota",
        8,
        (6.0, 12.0),
        settings={"update_calls_per_day": 1, "calls_reserved_for_scale_up": 0},
    ),
    "range": Kind(
        "a twelfth of the hash keys gets 65% of the traffic",
        "split_hot_shards",
        12,
        (5.0, 5.0),
        Keys(hot=(HotRange(0, 1 / 12, share=0.65),)),
    ),
    "key": Kind(
        "one key gets 40% of the traffic", "split_hot_shards", 12, (5.0, 5.0), Keys(hot=(HotKey(0.03, share=0.4),))
    ),
}


@dataclass(frozen=True)
class Outcome:
    """The result for a stream.

    Attributes:
        kind: its kind.
        with_splits: whether its setting was on.
        shards: its number of shards at the end.
        splits: the number of splits.
        throttled: the share of the traffic that was throttled, for each hour.
        told: the recorded reasons except routine ones, in order of their first occurrence.

    """

    kind: Kind
    with_splits: bool
    shards: int
    splits: int
    throttled: Sequence[float]
    told: Sequence[str]


def measure(kinds: Mapping[str, Kind] = KINDS, *, hours: int = HOURS) -> list[Outcome]:
    """Run every kind of stream with its setting and without."""
    streams = {(name, on): f"{name}-{'with' if on else 'without'}" for name in kinds for on in (False, True)}
    with LocalAWS() as aws:
        deployment = deploy(aws)
        for (name, on), stream in streams.items():
            kind = kinds[name]
            spends = "update_calls_per_day" in kind.settings
            options = {"max_shard_count": 64, kind.setting: on, "foresight": "off", **kind.settings}
            add_stream(aws, stream, kind.shards - spends, **options)
            aws.client("kinesis").enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
        traces = {stream: _trace(kinds[name], hours) for (name, _), stream in streams.items()}
        minutes: dict[str, Sequence[Minute]] = {}
        for minute, replays in enumerate(replay(aws, traces), 1):
            minutes = {each.stream_name: each.minutes for each in replays}
            for (name, _), stream in streams.items():
                if minute == _WARM_UP:
                    aws.streams.model(stream).keys = kinds[name].keys
                if minute == _SPEND_CALL_AT and "update_calls_per_day" in kinds[name].settings:
                    request = {"stream_name": stream, "shard_count": kinds[name].shards, "reason": "to spend the call"}
                    deployment.invoke({"action": "scale", **request})
        outcomes = []
        for (name, on), stream in streams.items():
            log = deployment.audit_log(stream)
            splits = sum(
                int(item["to_shard_count"] - item["from_shard_count"])
                for item in log
                if item.get("by_splits") and item["status"] == "SUCCEEDED"
            )
            ups = [str(item["reason"]) for item in log if item["action"] == "scale-up"]
            told = [reason for reason in dict.fromkeys(ups) if reason not in _EVERYDAY]
            shards, throttled = minutes[stream][-1].open_shards, _by_hour(minutes[stream][_WARM_UP:])
            outcomes.append(Outcome(kinds[name], on, shards, splits, throttled, told))
    return outcomes


def _trace(kind: Kind, hours: int) -> Trace:
    low, high = kind.demand
    rise = [low + (high - low) * min(1.0, minute / _HOUR) for minute in range(hours * _HOUR)]
    return Trace(kind.title, START, [Traffic.for_shards(each) for each in [low] * _WARM_UP + rise])


def _by_hour(minutes: Sequence[Minute]) -> list[float]:
    hours = [minutes[begin : begin + _HOUR] for begin in range(0, len(minutes), _HOUR)]
    return [
        sum(each.demand_shards * each.throttled_share for each in hour) / sum(each.demand_shards for each in hour)
        for hour in hours
    ]
