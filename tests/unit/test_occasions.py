"""What reconcile detects without an alarm, and which alarms it re-arms."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kinesis_autoscaler.alarm import Alarm, AlarmNames, AlarmPair
from kinesis_autoscaler.model import Action, History, Plan, Reason, Record, Status, Trigger
from kinesis_autoscaler.occasions import (
    NO_DATA_FOR,
    NOTICE_TAKES,
    Occasion,
    Question,
    Seen,
    below_minimum,
    check_ups_due,
    explains,
    foreseen,
    holds,
    in_order_of_plans,
    is_another_stretch,
    silent,
    stands,
    stuck,
    throttled,
)
from tests.unit.account import PREFIX, alarm_definition, with_literal
from tests.unit.situations import NOW, scaling, stream

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
UP, DOWN = Action


def alarm(action: Action, state: str, ago: timedelta, *, minimum: int = 2, configured: datetime | None = None) -> Alarm:
    """An alarm that entered its state this long ago."""
    times = {"StateTransitionedTimestamp": NOW - ago, "StateUpdatedTimestamp": NOW}
    definition = alarm_definition(action, StateValue=state, **times)
    definition["AlarmConfigurationUpdatedTimestamp"] = configured or NOW - timedelta(days=9)
    return Alarm(with_literal(definition, "minShardCount", str(minimum)))


def seen(
    shards: int, *, down: str = "OK", since: timedelta = timedelta(hours=1), throttled_minutes: int = 0, **changes
) -> Seen:
    pair = AlarmPair(AlarmNames(PREFIX, "orders"), alarm(UP, "OK", since), alarm(DOWN, down, since, **changes))
    return Seen(pair, stream(shards), NOW, throttled_minutes)


def skip(ago: timedelta, action: Action = UP, **changes) -> Record:
    return scaling(ago, action, status=Status.SKIPPED, **{"to_shard_count": None, "retry_at": NOW + MINUTE, **changes})


class TestBelowMinimum:
    def test_a_stream_below_it_is_to_be_brought_up(self):
        assert below_minimum(seen(3, minimum=4)) == Occasion(Question.MINIMUM, Trigger.RECONCILE, NOW)

    @pytest.mark.parametrize("shards", [4, 5])
    def test_one_that_has_it_is_not(self, shards):
        assert below_minimum(seen(shards, minimum=4)) is None


class TestForeseen:
    def seen_with(self, plan: Plan | None, shards: int = 8, at: timedelta = timedelta(0)) -> Seen:
        return replace(seen(shards), plan=plan, now=NOW + at)

    @pytest.mark.parametrize(
        ("plan", "shards", "at"),
        [
            (None, 8, timedelta(0)),
            (Plan(NOW, 8), 8, timedelta(hours=1)),
            (Plan(NOW, 8), 9, MINUTE),
            (Plan(NOW, 8, grow_to=(0, 12)), 8, 5 * MINUTE),
            (Plan(NOW, 8, shrink_to=4), 8, MINUTE),
        ],
    )
    def test_a_plan_that_is_due_or_asks_for_other_shards_is_worth_a_look(self, plan, shards, at):
        found = foreseen(self.seen_with(plan, shards, at))
        assert (found.question, found.trigger, found.plan) == (Question.FORESEE, Trigger.RECONCILE, plan)

    @pytest.mark.parametrize("at", [MINUTE, 59 * MINUTE])
    def test_any_other_is_not(self, at):
        assert foreseen(self.seen_with(Plan(NOW, 8, grow_to=(0,) * 12), at=at)) is None

    def test_more_shards_go_before_all_else_and_then_the_longest_waiting(self):
        old, new, more = Plan(NOW - 2 * MINUTE, 8), Plan(NOW - MINUTE, 8), Plan(NOW, 8, grow_to=(16,))
        order = in_order_of_plans([self.seen_with(plan) for plan in (new, old, None, more)])
        assert [each.plan for each in order] == [more, None, old, new]

    @pytest.mark.parametrize(
        ("action", "reason", "trigger", "expected"),
        [
            (UP, Reason.QUOTA_RESERVED, Trigger.RECONCILE, True),
            (UP, Reason.HOT_SHARD_SUSPECTED, Trigger.RECONCILE, False),
            (UP, Reason.DEMAND_FITS, Trigger.ALARM, False),
            (DOWN, Reason.CONSUMERS_BEHIND, Trigger.ALARM, True),
            (DOWN, Reason.DEMAND_FITS, Trigger.RECONCILE, True),
            (DOWN, Reason.DEMAND_FITS, Trigger.ALARM, False),
        ],
    )
    def test_what_was_decided_of_present_demand_does_not_hold_against_what_is_foreseen(
        self, action, reason, trigger, expected
    ):
        history = History((skip(MINUTE, action, reason=reason, trigger=trigger),))
        assert holds(history, action, NOW) is expected
        assert not holds(history, action, NOW + 2 * MINUTE)


class TestSilent:
    def test_an_alarm_without_data_for_long_may_hide_an_idle_stream(self):
        occasion = silent(seen(8, down="INSUFFICIENT_DATA", since=NO_DATA_FOR + SECOND))
        assert occasion == Occasion(Question.FEWER, Trigger.RECONCILE, NOW)
        assert occasion.action(stream()) is DOWN

    @pytest.mark.parametrize("state", ["OK", "ALARM"])
    def test_one_with_data_asks_by_itself(self, state):
        assert silent(seen(8, down=state)) is None

    def test_one_that_was_re_armed_a_moment_ago_is_given_time(self):
        assert silent(seen(8, down="INSUFFICIENT_DATA", since=NO_DATA_FOR)) is None

    def test_a_stream_at_its_minimum_has_nothing_to_save(self):
        assert silent(seen(2, down="INSUFFICIENT_DATA", minimum=2)) is None


class TestThrottled:
    def test_throttled_minutes_ask_for_a_hot_shard(self):
        assert throttled(seen(8, throttled_minutes=1)) == Occasion(Question.HOT_SHARD, Trigger.RECONCILE, NOW)

    def test_none_ask_for_nothing(self):
        assert throttled(seen(8)) is None


class TestRequests:
    @pytest.mark.parametrize(("shard_count", "action"), [(12, UP), (4, DOWN)])
    def test_their_direction_follows_from_what_the_stream_has(self, shard_count, action):
        occasion = Occasion(Question.REQUEST, Trigger.REQUEST, NOW, shard_count=shard_count)
        assert occasion.action(stream(8)) is action


class TestStuck:
    def pair(self, up: str, down: str, ago: timedelta) -> AlarmPair:
        return AlarmPair(AlarmNames(PREFIX, "orders"), alarm(UP, up, ago), alarm(DOWN, down, ago))

    def test_alarms_that_have_been_in_alarm_for_longer_than_a_notice_takes(self):
        assert stuck(self.pair("ALARM", "OK", NOTICE_TAKES + SECOND), NOW) == (UP,)
        assert stuck(self.pair("ALARM", "ALARM", NOTICE_TAKES + SECOND), NOW) == (UP, DOWN)

    def test_one_that_has_just_fired_is_not(self):
        assert stuck(self.pair("ALARM", "ALARM", NOTICE_TAKES), NOW) == ()

    @pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
    def test_one_in_another_state_is_not(self, state):
        assert stuck(self.pair(state, state, timedelta(hours=1)), NOW) == ()


class TestStands:
    def test_a_decision_stands_until_it_said_to_look_again(self):
        history = History((skip(MINUTE, retry_at=NOW + SECOND),))
        assert stands(history, UP, NOW)
        assert not stands(history, UP, NOW + SECOND)
        assert not stands(history, DOWN, NOW)

    def test_what_a_person_asked_for_does_not_stand_in_the_way(self):
        assert not stands(History((skip(MINUTE, trigger=Trigger.REQUEST),)), UP, NOW)


class TestExplains:
    FIRED = 10 * MINUTE

    def explained(self, *records: Record, configured: datetime | None = None) -> bool:
        return explains(History(records), UP, alarm(UP, "ALARM", self.FIRED, configured=configured), NOW)

    def test_a_decision_about_this_state_that_still_stands(self):
        assert self.explained(skip(self.FIRED - MINUTE))

    def test_a_scaling_that_is_under_way(self):
        assert self.explained(scaling(self.FIRED - MINUTE, status=Status.UPDATING))

    def test_without_any_decision_nothing_does(self):
        assert not self.explained()

    def test_one_that_said_to_look_again_by_now_does_not(self):
        assert not self.explained(skip(self.FIRED - MINUTE, retry_at=NOW))

    def test_one_about_an_earlier_state_does_not(self):
        assert not self.explained(skip(self.FIRED + 6 * SECOND))

    def test_a_repeat_is_about_the_state_in_which_it_was_seen_last(self):
        assert self.explained(skip(timedelta(hours=1), last_seen_at=NOW - MINUTE, occurrences=3))

    def test_one_in_the_other_direction_does_not(self):
        assert not self.explained(skip(self.FIRED - MINUTE, DOWN))

    def test_a_request_explains_no_alarm(self):
        assert not self.explained(skip(self.FIRED - MINUTE, trigger=Trigger.REQUEST))
        assert self.explained(skip(self.FIRED - MINUTE), skip(MINUTE, trigger=Trigger.REQUEST, retry_at=NOW))

    def test_calls_that_foresight_left_to_present_demand_do_not_stand_in_its_way(self):
        left = skip(self.FIRED - MINUTE, reason=Reason.QUOTA_RESERVED)
        assert not self.explained(left)
        assert not stands(History((left,)), UP, NOW), "nor in that of a raised minimum"
        assert holds(History((left,)), UP, NOW), "foresight itself waits"
        assert stands(History((skip(MINUTE, DOWN, reason=Reason.QUOTA_RESERVED),)), DOWN, NOW)

    def test_an_alarm_that_was_changed_since_is_looked_at_at_once(self):
        record = skip(self.FIRED - MINUTE)
        assert not self.explained(record, configured=record.started_at + SECOND)
        assert self.explained(record, configured=record.started_at - SECOND)


MORNING = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def test_check_ups_come_once_in_a_while_and_to_those_that_have_waited_longest_first():
    checked = {"fresh": MORNING - timedelta(minutes=20), "old": MORNING - timedelta(hours=1)}
    due = check_ups_due(["fresh", "old", "new"], checked, timedelta(minutes=55), MORNING)
    assert due == ["new", "old"]


@pytest.mark.parametrize(("minutes_ago", "another"), [(60, False), (119, False), (121, True), (24 * 60, True)])
def test_a_day_has_stretches_that_begin_at_midnight(minutes_ago, another):
    before = MORNING - timedelta(minutes=minutes_ago)
    assert is_another_stretch(before, timedelta(hours=6), MORNING) is another
    assert is_another_stretch(None, timedelta(hours=6), MORNING)
