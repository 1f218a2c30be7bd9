"""The records of a stream, and their effect on decisions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kinesis_autoscaler.decision.case import Case
from kinesis_autoscaler.model import QUOTA_WINDOW, Action, History, Reason, Status, Trigger
from kinesis_autoscaler.model.record import event_key
from tests.unit.situations import NOW, scaling, situation

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def held(called_ago: timedelta, for_so_long: timedelta, **changes):
    """A scaling whose event was delayed. It is stored under the event's time."""
    record = scaling(called_ago, **changes)
    return record.with_(event_time=event_key(record.started_at - for_so_long, record.action))


class TestCalls:
    def test_a_call_counts_by_its_own_time_however_long_its_event_was_held(self):
        record = held(QUOTA_WINDOW - MINUTE, 20 * HOUR)
        case = Case(Action.SCALE_UP, situation(history=[record]))
        assert (case.calls, case.calls_left) == ([record.started_at], 9)

    def test_one_of_more_than_a_day_ago_is_over_however_new_its_record_looks(self):
        case = Case(Action.SCALE_UP, situation(history=[scaling(QUOTA_WINDOW)]))
        assert case.calls_left == 10

    def test_a_cooldown_is_counted_from_the_call_too(self):
        older_call, newer_call = scaling(3 * HOUR), held(MINUTE, 5 * HOUR)
        case = Case(Action.SCALE_UP, situation(history=[newer_call, older_call]))
        assert case.last_scaling(Action.SCALE_UP, within=5 * MINUTE) == newer_call

    @pytest.mark.parametrize(
        ("changes", "calls"),
        [
            ({}, 1),
            ({"call_accepted": True}, 1),
            ({"call_accepted": False}, 0),
            ({"status": Status.FAILED, "reason": Reason.STOPPED_SHORT}, 1),
            ({"status": Status.PENDING}, 1),
            ({"status": Status.SKIPPED}, 0),
        ],
    )
    def test_what_was_not_refused_counts(self, changes, calls):
        assert scaling(HOUR, **changes).calls_used == calls


class TestOrder:
    def test_intents_are_in_the_order_of_their_calls(self):
        first, second = scaling(2 * HOUR), held(HOUR, 5 * HOUR)
        history = History((second, first))
        assert history.intents == (first, second)
        assert history.latest_intent == second

    def test_the_head_may_name_an_intent_that_kinesis_was_too_busy_for(self):
        busy = scaling(MINUTE, status=Status.SKIPPED, reason=Reason.STREAM_UPDATING, call_accepted=False)
        history = History((scaling(HOUR), busy))
        assert history.latest_intent == busy
        assert busy not in history.intents

    def test_it_never_names_a_decision_not_to_scale_or_a_dry_run(self):
        only_said = scaling(MINUTE, status=Status.SKIPPED, reason=Reason.DRY_RUN)
        skipped = scaling(MINUTE, status=Status.SKIPPED, to_shard_count=None)
        refused = scaling(MINUTE, status=Status.FAILED, to_shard_count=None, call_accepted=False)
        assert History((only_said, skipped, refused)).latest_intent is None


class TestLatestOfADirection:
    def test_it_is_the_one_that_was_looked_at_last(self):
        again = scaling(3 * HOUR, status=Status.SKIPPED, last_seen_at=NOW - MINUTE)
        once = scaling(HOUR, status=Status.SKIPPED)
        assert History((again, once)).latest_of(Action.SCALE_UP) == again

    def test_it_is_none_of_the_other_direction_and_no_request(self):
        other = scaling(MINUTE, Action.SCALE_DOWN, status=Status.SKIPPED)
        asked = scaling(MINUTE, status=Status.SKIPPED, trigger=Trigger.REQUEST)
        assert History((other, asked)).latest_of(Action.SCALE_UP) is None
