"""What the telemetry proves, and what remains unknown.

No data is not the same as no traffic. A minute without any datapoint of the stream's traffic counts as silent only if
Kinesis' own metrics prove that CloudWatch delivered at that time, or if the stream has never been busy at that hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..model import QUOTA_WINDOW, Evidence, History, Minute, Period, Settings, Telemetry

METRIC_DELAY = timedelta(minutes=3)
"""How late a minute's metrics may arrive; AWS does not document it. Windows reach this much further back."""

SAME_HOUR = timedelta(minutes=30)
"""How far around a time of day earlier days are searched for traffic."""

THROTTLE_MEMORY = QUOTA_WINDOW
"""How long the stream does not return to a shard count that throttled at about this demand: as long as the call of such
a mistake counts."""

ABOUT_AS_HIGH = 0.8
"""At this fraction of the demand that throttled, the same shards would nearly throttle again."""


def unknown(
    telemetry: Telemetry, settings: Settings, created_at: datetime, since: datetime, until: datetime
) -> tuple[Minute, ...]:
    """The minutes between two times with unknown demand.

    Minutes that CloudWatch may not have delivered yet are left out.

    Args:
        telemetry: With the last days.
        settings: The stream's.
        created_at: When the stream was created. Days before that do not count.
        since: The first minute.
        until: The end.
    """
    return tuple(
        minute
        for minute in _between(telemetry.minutes, since, until - METRIC_DELAY)
        if minute.evidence(with_reads=settings.scale_on_reads, delivered=minute.at in telemetry.delivered)
        is Evidence.UNKNOWN
        and (minute.has_traffic_data or not _always_silent_at_this_hour(telemetry.days, created_at, minute.at))
    )


def missing(minutes: Sequence[Minute]) -> str:
    """The names of the metrics that are missing in these minutes, for messages."""
    metrics = {
        "IncomingBytes": any(minute.incoming_bytes is None for minute in minutes),
        "IncomingRecords": any(minute.incoming_records is None for minute in minutes),
    }
    return " and ".join(name for name, lost in metrics.items() if lost) or "GetRecords.Bytes"


def peak(minutes: Sequence[Minute], settings: Settings) -> float:
    """The largest known demand of any minute, in shards; zero if there is none."""
    return max((minute.shards(with_reads=settings.scale_on_reads) for minute in minutes), default=0.0)


def throttled_records(minutes: Sequence[Minute]) -> int:
    """The number of throttled records."""
    return round(sum(minute.throttled_records or 0 for minute in minutes))


def hot_minutes(minutes: Sequence[Minute], history: History, settings: Settings, current: int) -> tuple[Minute, ...]:
    """The minutes in which records were throttled although the shards at that time were not full.

    What was refused before new shards took records says nothing about the shards that there are now.
    """
    splits = history.hot_splits[-1:]
    return tuple(
        minute
        for minute in minutes
        if minute.throttles
        and all(minute.at >= (split.finished_at or split.started_at) for split in splits)
        and minute.shards(with_reads=settings.scale_on_reads)
        < settings.scale_up.threshold * _count_at(history, minute.at, current)
    )


def too_few_shards(
    telemetry: Telemetry, history: History, settings: Settings, current: int, demand: float, now: datetime
) -> int:
    """The largest shard count that throttled within the memory at about this demand or less; 0 if none did.

    A hot shard throttles a stream that is far from full, so only past throttling shows which counts are too low. A
    stream that is scaled for it would otherwise try every count in between: so all of those count as too low.
    """
    counts = []
    # Hardly any minute of a day has throttled records, and only those need a closer look.
    throttled = [minute for minute in telemetry.minutes if minute.throttled_records and minute.throttles]
    for minute in _between(throttled, now - THROTTLE_MEMORY, now):
        load = minute.shards(with_reads=settings.scale_on_reads)
        if load * ABOUT_AS_HIGH <= demand:
            count = _count_at(history, minute.at, current)
            is_hot = load < settings.scale_up.threshold * count
            counts.append(max(count, current - 1) if is_hot and settings.scale_on_throttling else count)
    return max(counts, default=0)


def _between(minutes: Sequence[Minute], since: datetime, until: datetime) -> list[Minute]:
    return [minute for minute in minutes if since <= minute.at < until]


def _always_silent_at_this_hour(days: Sequence[Period], created_at: datetime, at: datetime) -> bool:
    """Whether the stream has earlier days, and none of them had traffic at about this time of the day."""
    day = timedelta(days=1)
    if at - created_at < day + SAME_HOUR:
        return False
    earlier = (period for period in days if period.mean and at - period.at > SAME_HOUR)
    return all(SAME_HOUR < (at - period.at) % day < day - SAME_HOUR for period in earlier)


def _count_at(history: History, at: datetime, current: int) -> int:
    """The stream's shard count at a time; during a change, the count before it."""
    count = current
    for record in reversed(history.intents):
        if not record.changed_shards or record.from_shard_count is None:
            continue
        if (record.finished_at or record.started_at) <= at:
            return count
        count = record.from_shard_count
    return count
