"""Names the hot shard in messages, or says how to find it and what that costs; and decides to split it."""

from __future__ import annotations

from dataclasses import replace

from ..model import MAX_SHARDS, QUOTA_WINDOW, Action, Decision, HottestShard, Reason, Stream
from ..model.record import shards
from .case import Case, Situation
from .guards import scaled_up_just_now

THROTTLING = "WriteProvisionedThroughputExceeded"

SHARD_LEVEL_METRICS = (THROTTLING, "IncomingBytes", "IncomingRecords")
"""The metrics that show which shard is hot, the best first."""

METRIC_PER_MONTH = 0.30
"""In dollars: each shard-level metric of each shard is charged like a custom metric (Developer Guide, monitoring)."""

SPLITS_PER_DAY = 3
SHARDS_PER_SPLIT = 4
"""The maximum of hot-shard splits per day is three, and one for each four shards, but at least one."""

NEARLY_ALL = 0.8
"""From this share of the records sent to both halves, one half is still hot. With many keys, each half gets half."""

SPLITS_OF_A_KEY = 2
"""A narrow range of keys may lie in one half by chance, but hardly in one half of that half again."""


def name_hot_shard(decision: Decision, stream: Stream, hottest: HottestShard | None) -> Decision:
    """The decision on a hot shard, with the shard's name if the stream's shard-level metrics show it.

    Args:
        decision: Its reason is HOT_SHARD_SUSPECTED.
        stream: The stream.
        hottest: The hottest shard of the last hour; None if its metrics are off, or could not be read.
    """
    because = decision.because.removesuffix(".")
    if hottest is not None:
        return replace(decision, because=f"{because}; {_described(hottest)}", hot_shard=hottest.shard.id)
    if any(map(stream.reports_by_shard, SHARD_LEVEL_METRICS)):
        return replace(decision, because=f"{because}; the shard could not be identified from its metrics.")
    names = ", ".join(f'"{metric}"' for metric in sorted(SHARD_LEVEL_METRICS))
    dollars = len(SHARD_LEVEL_METRICS) * METRIC_PER_MONTH * stream.open_shard_count
    advice = (
        f"to see which shard, set shard_level_metrics = [{names}] in its aws_kinesis_stream, which costs about "
        f"${dollars:,.2f} a month for {shards(stream.open_shard_count)}."
    )
    return replace(decision, because=f"{because}; {advice}")


def split_hot_shard(decision: Decision, situation: Situation, hottest: HottestShard | None) -> Decision:
    """The decision to split the hot shard in the middle, if enabled and useful; otherwise the same decision.

    A split is useless if one half stayed hot after two splits in a row: then one key is hot.

    Args:
        decision: The result of `name_hot_shard`.
        situation: What is known now.
        hottest: The shard.
    """
    case, settings, history = Case(Action.SCALE_UP, situation), situation.settings, situation.history
    because = decision.because.removesuffix(".")
    if not settings.split_hot_shards or hottest is None:
        return decision
    if not hottest.throttled:
        return replace(decision, because=f"{because}; to have it split, add {THROTTLING} to its shard_level_metrics.")
    shard, count, splits = hottest.shard, situation.stream.open_shard_count, history.hot_splits
    made_it = next((split for split in reversed(splits) if split.hot_shard == shard.parent), None)
    kept = (made_it.heat_kept or 0) + 1 if made_it and (hottest.kept_share or 0) >= NEARLY_ALL else 0
    told = any(r.reason is Reason.ONE_HOT_KEY and r.hot_shard == shard.id for r in history.records)
    if kept >= SPLITS_OF_A_KEY or told:
        key = "one half stayed hot after two splits in a row, so one key is hot, and more shards do not help"
        return replace(decision, reason=Reason.ONE_HOT_KEY, because=f"{because}; {key}.")
    lately = [split for split in splits if split.started_at > situation.now - QUOTA_WINDOW]
    if len(lately) >= min(SPLITS_PER_DAY, max(1, count // SHARDS_PER_SPLIT)):
        return replace(
            decision, because=f"{because}; {len(lately)} hot shards were split within a day, which is the limit."
        )
    if count >= min(settings.max_shard_count, MAX_SHARDS):
        return replace(decision, because=f"{because}; its maximum of {count} does not allow a split.")
    if scaled_up_just_now(case):
        return decision
    scaling = case.with_demand(decision.demand_shards or 0).scale(
        count + 1, Reason.HOT_SHARD_SPLIT, f"{because}; it is split in the middle.", by_splits=True
    )
    return replace(scaling, hot_shard=shard.id, heat_kept=kept)


def _described(hottest: HottestShard) -> str:
    shard = hottest.shard
    facts = []
    if hottest.throttled_share is not None:
        facts.append(f"{hottest.throttled:,.0f} throttled records ({hottest.throttled_share:.0%} of all shards')")
    if hottest.traffic_share is not None:
        even = 1 / hottest.open_shards
        facts.append(f"{hottest.traffic_share:.0%} of the accepted traffic, where an even share is {even:.1%}")
    return (
        f"the hottest shard of the last hour is {shard.id} (hash keys {shard.first} to {shard.last}), with "
        f"{' and '.join(facts)}."
    )
