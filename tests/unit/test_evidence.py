"""The known demand of each minute: missing data is not missing traffic."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from kinesis_autoscaler.decision.evidence import METRIC_DELAY, THROTTLE_MEMORY, missing, too_few_shards, unknown
from kinesis_autoscaler.model import Evidence, History, Minute, Period, Record, Telemetry
from tests.unit.situations import NOW, scaling, settings, telemetry

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
THEN = NOW - 30 * MINUTE
SETTINGS = settings()


class TestAMinute:
    def test_it_is_complete_with_both_sides_of_the_write_limit(self):
        assert Minute(THEN, 0.0, 0.0).evidence(with_reads=False) is Evidence.COMPLETE

    @pytest.mark.parametrize("half", [Minute(THEN, incoming_bytes=9.0), Minute(THEN, incoming_records=9.0)])
    @pytest.mark.parametrize("delivered", [False, True])
    def test_with_one_of_them_the_other_is_lost_whatever_else_was_delivered(self, half, delivered):
        known = half._replace(iterator_age=MINUTE, throttled_records=0.0)
        assert known.evidence(with_reads=False, delivered=delivered) is Evidence.UNKNOWN

    def test_without_any_it_is_unknown(self):
        assert Minute(THEN).evidence(with_reads=False) is Evidence.UNKNOWN

    @pytest.mark.parametrize(
        "proof", [{"read_bytes": 0.0}, {"throttled_records": 0.0}, {"iterator_age": timedelta(0)}], ids=", ".join
    )
    def test_another_kinesis_metric_of_it_proves_that_there_was_no_traffic(self, proof):
        assert Minute(THEN, **proof).evidence(with_reads=False) is Evidence.SILENT

    def test_another_streams_does_too(self):
        assert Minute(THEN).evidence(with_reads=False, delivered=True) is Evidence.SILENT

    def test_where_reads_count_consumers_that_reported_their_age_must_report_their_bytes(self):
        minute = Minute(THEN, 9.0, 9.0, iterator_age=timedelta(0))
        assert minute.evidence(with_reads=False) is Evidence.COMPLETE
        assert minute.evidence(with_reads=True) is Evidence.UNKNOWN
        assert minute._replace(read_bytes=9.0).evidence(with_reads=True) is Evidence.COMPLETE
        assert minute._replace(iterator_age=None).evidence(with_reads=True) is Evidence.COMPLETE, "nobody reads"


def found(
    *minutes: Minute,
    days: tuple[Minute, ...] = (),
    delivered: frozenset[datetime] = frozenset(),
    age: timedelta = timedelta(days=30),
    **changes,
) -> tuple[Minute, ...]:
    """Return the minutes of the last hour with unknown demand."""
    known = Telemetry(minutes, days=days, delivered=delivered)
    return unknown(known, settings(**changes), NOW - age, NOW - HOUR, NOW)


def all_week(at: datetime, demand: float) -> tuple[Minute, ...]:
    """Return the last seven days in periods, with this demand around a time of the day, else without traffic."""
    periods = []
    for n in range(7 * 24 * 12):
        then = NOW - 7 * 24 * HOUR + n * 5 * MINUTE
        near = abs((then - at + 12 * HOUR) % (24 * HOUR) - 12 * HOUR) <= 10 * MINUTE
        periods.append(Period(then, demand if near else 0.0, demand if near else 0.0))
    return tuple(periods)


class TestUnknownMinutes:
    @pytest.mark.parametrize("half", [Minute(THEN, incoming_bytes=9.0), Minute(THEN, incoming_records=9.0)])
    def test_one_that_lacks_a_metric_is_unknown_at_any_hour(self, half):
        assert found(half, days=all_week(THEN, 0.0)) == (half,)

    def test_one_without_any_is_unknown_where_a_day_was_busy_at_that_hour(self):
        assert found(Minute(THEN), days=all_week(THEN, 1e6)) == (Minute(THEN),)
        assert found(Minute(THEN), days=all_week(THEN - 25 * MINUTE, 1e6)) == (Minute(THEN),)

    def test_where_no_day_was_it_is_silent(self):
        assert found(Minute(THEN), days=all_week(THEN, 0.0)) == ()
        assert found(Minute(THEN), days=all_week(THEN - 3 * HOUR, 1e6)) == ()

    def test_a_stream_without_an_earlier_day_has_nothing_to_go_by(self):
        assert found(Minute(THEN), age=24 * HOUR) == (Minute(THEN),)
        assert found(Minute(THEN), age=26 * HOUR) == ()

    def test_the_traffic_of_the_same_day_is_not_that_of_an_earlier_one(self):
        today = (*all_week(THEN, 0.0), Period(THEN - 10 * MINUTE, 1e6, 1e6))
        assert found(Minute(THEN), days=today) == ()

    def test_a_witness_settles_it(self):
        assert found(Minute(THEN), days=all_week(THEN, 1e6), delivered=frozenset({THEN})) == ()
        assert found(Minute(THEN), days=all_week(THEN, 1e6), delivered=frozenset({THEN + MINUTE})) != ()

    def test_minutes_that_may_not_have_arrived_yet_argue_for_nothing(self):
        late, due = Minute(NOW - METRIC_DELAY, 9.0), Minute(NOW - METRIC_DELAY - MINUTE, 9.0)
        assert found(due, late) == (due,)

    def test_minutes_before_the_window_do_not_either(self):
        assert found(Minute(NOW - HOUR - MINUTE, 9.0)) == ()

    def test_the_settings_say_whether_reads_count(self):
        unread = Minute(THEN, 9.0, 9.0, iterator_age=timedelta(0))
        assert found(unread) == ()
        assert found(unread, scale_on_reads=True) == (unread,)

    @pytest.mark.parametrize(
        ("minutes", "names"),
        [
            ([Minute(THEN, incoming_bytes=1.0)], "IncomingRecords"),
            ([Minute(THEN, incoming_records=1.0)], "IncomingBytes"),
            ([Minute(THEN)], "IncomingBytes and IncomingRecords"),
            (
                [Minute(THEN, incoming_bytes=1.0), Minute(THEN, incoming_records=1.0)],
                "IncomingBytes and IncomingRecords",
            ),
            ([Minute(THEN, 1.0, 1.0, iterator_age=timedelta(0))], "GetRecords.Bytes"),
        ],
    )
    def test_people_are_told_which_metrics_are_missing(self, minutes, names):
        assert missing(minutes) == names


class TestTooFewShards:
    """The stream has eight shards. Some time ago it had four, and throttled."""

    GREW = 6 * HOUR

    def grown(self, **changes) -> Record:
        return scaling(self.GREW, finished_at=NOW - self.GREW + 3 * MINUTE, **changes)

    def count(self, *, throttled_ago: timedelta, at: float = 1.0, demand: float = 1.0, records=None) -> int:
        calm = telemetry(at, minutes=26 * 60)
        minutes = tuple(
            minute._replace(throttled_records=9.0) if minute.at == NOW - throttled_ago else minute
            for minute in calm.minutes
        )
        history = History(tuple([self.grown()] if records is None else records))
        return too_few_shards(replace(calm, minutes=minutes), history, SETTINGS, 8, demand, NOW)

    def test_the_count_that_throttled_is_the_one_of_that_time(self):
        assert self.count(throttled_ago=self.GREW + HOUR) == 4
        assert self.count(throttled_ago=self.GREW - HOUR) == 8

    def test_during_the_change_it_is_the_one_before(self):
        assert self.count(throttled_ago=self.GREW - MINUTE) == 4
        assert self.count(throttled_ago=self.GREW - 4 * MINUTE) == 8

    def test_what_was_never_resharded_had_always_as_many(self):
        assert self.count(throttled_ago=self.GREW + HOUR, records=[]) == 8

    def test_a_refused_call_changed_nothing(self):
        assert self.count(throttled_ago=self.GREW + HOUR, records=[self.grown(call_accepted=False)]) == 8

    def test_nothing_throttled_nothing_learnt(self):
        assert self.count(throttled_ago=40 * HOUR) == 0

    def test_it_is_forgotten_after_a_day(self):
        assert self.count(throttled_ago=THROTTLE_MEMORY) == 4
        assert self.count(throttled_ago=THROTTLE_MEMORY + MINUTE) == 0

    @pytest.mark.parametrize(("at", "shards"), [(1.2, 4), (1.3, 0), (0.1, 4)])
    def test_throttling_of_a_clearly_higher_demand_says_nothing_of_this_one(self, at, shards):
        assert self.count(throttled_ago=self.GREW + HOUR, at=at, demand=1.0) == shards
