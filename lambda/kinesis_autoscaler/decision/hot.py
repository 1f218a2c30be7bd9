"""Which shard is hot, put into words; and where nothing tells, how to find out and what that costs."""

from __future__ import annotations

from dataclasses import replace

from ..model import Decision, HottestShard, Stream
from ..model.record import shards

THROTTLING = "WriteProvisionedThroughputExceeded"

SHARD_LEVEL_METRICS = (THROTTLING, "IncomingBytes", "IncomingRecords")
"""What tells which shard is hot, the most telling first."""

METRIC_PER_MONTH = 0.30
"""In dollars: each shard-level metric of each shard is charged like a custom metric (Developer Guide, monitoring)."""


def name_hot_shard(decision: Decision, stream: Stream, hottest: HottestShard | None) -> Decision:
    """The decision on a hot shard, with the shard by name as far as the stream's shard-level metrics tell.

    Args:
        decision: Its reason is HOT_SHARD_SUSPECTED.
        stream: The stream.
        hottest: What its metrics say of the last hour; None if they say nothing, or could not be read.
    """
    because = decision.because.removesuffix(".")
    if hottest is not None:
        return replace(decision, because=f"{because}; {_described(hottest)}", hot_shard=hottest.shard.id)
    if any(map(stream.reports_by_shard, SHARD_LEVEL_METRICS)):
        return replace(decision, because=f"{because}; which shard it is could not be read from its metrics.")
    names = ", ".join(f'"{metric}"' for metric in sorted(SHARD_LEVEL_METRICS))
    dollars = len(SHARD_LEVEL_METRICS) * METRIC_PER_MONTH * stream.open_shard_count
    advice = (
        f"to see which shard, set shard_level_metrics = [{names}] in its aws_kinesis_stream, which costs about "
        f"${dollars:,.2f} a month for {shards(stream.open_shard_count)}."
    )
    return replace(decision, because=f"{because}; {advice}")


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
