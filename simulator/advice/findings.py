"""The sentences of advice: the throttling to expect, the savings, cheaper ways, and surges that are too fast."""

from __future__ import annotations

import math
from collections.abc import Iterator

from simulator.advice.advice import Advice, Kind, Option
from simulator.advice.dials import HEADROOM
from simulator.advice.search import surges
from simulator.aws import kinesis
from simulator.aws.assumptions import ASSUMED
from simulator.aws.prices import HOURS_PER_MONTH, LONGEST_RETENTION_HOURS
from simulator.traffic import MINUTES_PER_DAY

_WITHIN = 2
"""Throttling beyond the limit by less than this factor is no reason for a warning, because days differ."""


def findings(advice: Advice) -> list[str]:
    """The sentences, the most important first."""
    return [*_promise(advice), *_savings(advice), *_cheaper(advice), *_caveats(advice)]


def _promise(advice: Advice) -> Iterator[str]:
    question, told = advice.question, advice.advised.throttled_share
    first = advice.choice.first.throttled_share
    days = f"the last {advice.rest_days:.1f} days, which did not influence the choice"
    if not advice.choice.keeps:
        fixed = next(each for each in advice.options if each.kind is Kind.FIXED)
        yield (
            f"No autoscaler can follow this traffic with {share(question.limit)} throttled. These settings are a "
            f"compromise: they throttled {share(first)} on the days they were chosen on, and {share(told)} on "
            f"{days}. {_capital(fixed.name.partition(',')[0])} throttles {share(fixed.throttled_share)}, "
            f"for ${fixed.dollars_per_month:,.2f} a month."
        )
    elif told > _WITHIN * question.limit:
        yield (
            f"The settings throttled {share(first)} on the days they were chosen on, but {share(told)} on {days}. "
            f"The limit is {share(question.limit)}. This traffic changes from week to week: lower the limit, or give "
            "more days."
        )
    else:
        yield f"On {days}, the settings throttled {share(told)}. The limit is {share(question.limit)}."
    yield from _sudden(advice)


def _sudden(advice: Advice) -> Iterator[str]:
    """Surges that are faster than a scaling."""
    demand = advice.question.demand
    mean = max(1, round(float(demand.mean())))
    minutes = math.ceil((ASSUMED.metric_delay_seconds + 60 + kinesis.reshard_seconds(mean, 2 * mean)) / 60)
    floor = advice.question.pinned.get("min_shard_count", 1)
    sudden = [int(at) for at in surges(demand, minutes) if demand[at : at + minutes].max() > floor]
    if sudden:
        at = max(sudden, key=lambda at: float(demand[at]))
        before = float(demand[at - minutes : at].max())
        times = "once" if len(sudden) == 1 else f"{len(sudden)} times"
        yield (
            f"Within {minutes} minutes, which a scaling takes, the traffic more than doubled {times}: at "
            f"{advice.at(at):%d %b %H:%M} from {before:.1f} to {float(demand[at]):.1f} shards' worth. No scaling that "
            "reacts to traffic is fast enough for that. It requires spare shards beforehand."
        )


def _savings(advice: Advice) -> Iterator[str]:
    now, advised = advice.now, advice.advised
    saved = now.dollars_per_month - advised.dollars_per_month
    beside = now.name if now.kind is Kind.TODAY else now.name.partition(",")[0]
    if saved > 0:
        part = saved / now.dollars_per_month
        yield f"They save ${saved:,.2f} a month compared with {beside}: {part:.0%} of ${now.dollars_per_month:,.2f}."
    elif saved < 0 and now.kind is Kind.TODAY:
        why = f" It throttles {share(now.throttled_share)}." if now.throttled_share > advice.question.limit else ""
        yield f"They cost ${-saved:,.2f} a month more than {beside}.{why}"


def _cheaper(advice: Advice) -> Iterator[str]:
    """Ways that are cheaper than the advised settings."""
    advised, prices = advice.advised, advice.question.prices
    for kind in (Kind.FIXED, Kind.ON_DEMAND):
        option = advice.of(kind)
        if option and option.dollars_per_month < advised.dollars_per_month:
            name = _capital(option.name.partition(",")[0])
            yield f"{name} is cheaper: ${option.dollars_per_month:,.2f} a month. {_throttles(option)}"
    option = advice.of(Kind.ADVANTAGE)
    if option and option.dollars_per_month < advised.dollars_per_month:
        least = prices.advantage.least(HOURS_PER_MONTH)
        yield (
            f"On-demand Advantage is cheaper, ${option.dollars_per_month:,.2f} a month, but only in an account that "
            f"uses 25 MiB/s in the region anyway. Its minimum charge for all streams is ${least:,.0f} a month."
        )


def _throttles(option: Option) -> str:
    if option.kind is Kind.FIXED:
        return "But you must know that count in advance, and it throttles traffic that grows beyond it."
    return f"It throttles {share(option.throttled_share)}."


def _caveats(advice: Advice) -> Iterator[str]:
    question = advice.question
    days = len(question.demand) / MINUTES_PER_DAY
    if question.demand.max() <= 1:
        yield "The traffic never fills a single shard: it needs no scaling."
    if "max_shard_count" not in question.pinned:
        ceiling = advice.choice.inputs["max_shard_count"] * question.prices.shard_hour * HOURS_PER_MONTH
        yield (
            f"max_shard_count is {HEADROOM} times the need of the highest minute of the first part. It limits the cost "
            f"of shards to ${ceiling:,.0f} a month. Set your own with --max-shard-count."
        )
    if days < 7:
        yield f"The traffic covers {days:.1f} days. A week or two would include weekends."
    if question.readers.retention_hours > LONGEST_RETENTION_HOURS:
        yield "Records are kept for longer than a week; the cost beyond the seventh day is not included."


def share(value: float) -> str:
    """A share of the traffic, for people."""
    if not value:
        return "nothing"
    return f"{value:.3%}" if value < 0.01 else f"{value:.1%}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
