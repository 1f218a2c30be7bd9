"""Reads everything that a decision needs from AWS: each thing once, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import dropwhile

from .alarm import AlarmPair
from .alarms import Alarms
from .decision import (
    CONSUMER_MEMORY,
    HOT_SHARD_WINDOW,
    LOOKBACK,
    METRIC_DELAY,
    PERIOD,
    SHARD_LEVEL_METRICS,
    THROTTLE_MEMORY,
    THROTTLING,
    Past,
    Situation,
    enough,
    fill_of,
    unknown,
)
from .metrics import Days, Metrics
from .model import Foresight, History, HottestShard, Settings, Stream, Telemetry
from .occasions import Question
from .reporting import logger
from .settings import InvalidSettingsError, parse_settings
from .streams import Streams

SOME_MORE = timedelta(minutes=30)
"""How much a check reads beyond its window: more than the trend's lookback and the delay of metrics. More minutes cost
nothing."""

WITNESSES = 3
"""The number of other streams that are queried as proof of delivery. One with data is enough."""


class Observer:
    """Reads what a check needs."""

    def __init__(self, *, alarms: Alarms, streams: Streams, metrics: Metrics) -> None:
        """Use these adapters."""
        self._alarms = alarms
        self._streams = streams
        self._metrics = metrics

    def settings(self, pair: AlarmPair) -> Settings:
        """The stream's settings.

        Raises:
            InvalidSettingsError: A tag or a definition is invalid, or an alarm could not be rewritten.
        """
        for alarm in pair:
            alarm.require_rewritable()  # an alarm that can't be rewritten afterwards must prevent the scaling
        tags = self._alarms.tags(pair.scale_up)
        return parse_settings(tags, scale_up=pair.scale_up.rule, scale_down=pair.scale_down.rule)

    def readable_settings(self, pair: AlarmPair) -> Settings | None:
        """The stream's settings; None if they can't be read."""
        try:
            return self.settings(pair)
        except InvalidSettingsError:
            logger.exception("The settings can't be read.", extra={"stream": pair.stream_name})
            return None

    def consumers(self, pair: AlarmPair) -> Mapping[str, float]:
        """The stream's consumers; none if the settings can't be read, because a record must end regardless."""
        settings = self.readable_settings(pair)
        return settings.consumers if settings else {}

    def situation(
        self, question: Question, stream: Stream, settings: Settings, history: History, now: datetime
    ) -> Situation:
        """The situation from which a question is decided."""
        if history.is_split:
            widths = [shard.width for shard in self._streams.open_shards(stream)]
            stream = replace(stream, widest=max(widths) / sum(widths))
        past = None
        if question is Question.MINIMUM:
            telemetry = Telemetry()
        elif question is Question.FORESEE:
            # The forecast reads only two metrics of a week every hour. The rest is read when it is needed.
            days = _last_days(stream, settings, now)
            telemetry = _from_first_data(self._metrics.days(stream.name, days)) if days else Telemetry()
            past = None if telemetry.incomplete else Past(telemetry.days, fill=fill_of(settings))
        elif question in (Question.FEWER, Question.REQUEST):
            telemetry = self._telemetry_for_fewer(stream, settings, now)
            if settings.foresight is Foresight.ON:
                past = Past(telemetry.days, fill=fill_of(settings))
        else:
            since = now - max(settings.scale_up.window, HOT_SHARD_WINDOW) - SOME_MORE
            telemetry = self._metrics.telemetry(stream.name, since=since, until=now)
        return Situation(stream, settings, telemetry, history, now, past)

    def has_enough(self, stream: Stream, settings: Settings, history: History, now: datetime) -> bool:
        """Whether the demand needs no more splits."""
        return enough(self.situation(Question.MORE, stream, settings, history, now))

    def hottest_shard(self, stream: Stream, now: datetime) -> HottestShard | None:
        """The shard that throttled most records recently, or took most if that metric is off; None if none reports.

        It reads one metric of GetMetricData for each open shard and at most six more. Once an hour, that is $0.0073 a
        month per shard, a hundredth of the price of its shard-level metrics.

        Raises:
            ClientError: AWS refused a call.
        """
        on = [metric for metric in SHARD_LEVEL_METRICS if stream.reports_by_shard(metric)]
        shards = self._streams.open_shards(stream) if on else []
        of_all: list[tuple[str, str | None]] = [(on[0], shard.id) for shard in shards]
        since = now - HOT_SHARD_WINDOW
        totals = self._metrics.totals(stream.name, of_all, since=since, until=now) if of_all else {}
        by_shard = {shard: totals[on[0], shard.id] for shard in shards if (on[0], shard.id) in totals}
        if not any(by_shard.values()):
            return None
        hottest = max(by_shard, key=lambda shard: by_shard[shard])
        throttled = by_shard[hottest] if on[0] == THROTTLING else None
        written = [metric for metric in on if metric != THROTTLING]
        halves = [hottest, *(s for s in shards if s is not hottest and hottest.parent and s.parent == hottest.parent)]
        of_it = [(metric, each) for metric in written for each in (None, *(half.id for half in halves))]
        taken = self._metrics.totals(stream.name, of_it, since=since, until=now) if of_it else {}
        sent = [by_shard.get(each, 0) + taken.get(("IncomingRecords", each.id), 0) for each in halves]
        return HottestShard(
            hottest,
            open_shards=len(shards),
            throttled=throttled,
            throttled_share=None if throttled is None else throttled / sum(by_shard.values()),
            traffic_share=max(
                (
                    taken.get((metric, hottest.id), 0.0) / taken[metric, None]
                    for metric in written
                    if taken.get((metric, None))
                ),
                default=None,
            ),
            kept_share=sent[0] / sum(sent) if len(sent) > 1 else None,
        )

    def _telemetry_for_fewer(self, stream: Stream, settings: Settings, now: datetime) -> Telemetry:
        since = now - max(settings.scale_down.window, THROTTLE_MEMORY, CONSUMER_MEMORY) - SOME_MORE
        fan_out = [] if settings.max_iterator_age is None else self._streams.fan_out_consumers(stream)
        days = _last_days(stream, settings, now)
        telemetry = _from_first_data(
            self._metrics.telemetry(stream.name, since=since, until=now, fan_out=fan_out, days=days)
        )
        window_began = now - settings.scale_down.window
        gaps = [m for m in unknown(telemetry, settings, stream.created_at, window_began, now) if not m.has_traffic_data]
        if not gaps or telemetry.incomplete:
            return telemetry
        witnesses = self._alarms.neighbours(stream.name, WITNESSES)
        delivered = self._metrics.delivered(witnesses, since=gaps[0].at, until=now)
        return replace(telemetry, delivered=delivered)


def _last_days(stream: Stream, settings: Settings, now: datetime) -> Days | None:
    """The days to read, as far as the stream existed; None if it has not completed a period yet."""
    since, until = max(now - LOOKBACK * PERIOD, stream.created_at), now - METRIC_DELAY
    return Days(since, until, PERIOD, settings.scale_on_reads) if until - since >= PERIOD else None


def _from_first_data(telemetry: Telemetry) -> Telemetry:
    """The days without the time before the stream's first traffic."""
    return replace(telemetry, days=tuple(dropwhile(lambda period: period.highest is None, telemetry.days)))
