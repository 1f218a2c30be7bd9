"""How a record continues, depending on the stream and the time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kinesis_autoscaler.lifecycle import (
    RESUME_LIMIT,
    SETTLING,
    expired,
    in_doubt,
    left_alone,
    refused,
    resharded_elsewhere,
    settled,
    sufficient,
    updating,
)
from kinesis_autoscaler.model import Action, Reason, Record, Status, Trigger
from tests.unit.situations import NOW, scaling, stream

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LONG_AGO = timedelta(hours=1)


def pending(ago: timedelta, **changes) -> Record:
    """An intent whose invocation has not returned."""
    return scaling(ago, status=Status.PENDING, **{"lease_until": NOW - SECOND, "because": "a test.", **changes})


def under_way(ago: timedelta, **changes) -> Record:
    """A call that Kinesis has accepted."""
    return scaling(ago, status=Status.UPDATING, call_accepted=True, **{"because": "a test.", **changes})


def settle(record: Record, shards: int, *, status: str = "ACTIVE", has_consumers: bool = False) -> Record:
    return settled(record, stream(shards, status=status), NOW, has_consumers=has_consumers)


class TestSettled:
    @pytest.mark.parametrize("record", [pending(LONG_AGO), under_way(LONG_AGO)], ids=["PENDING", "UPDATING"])
    def test_a_stream_that_is_active_at_the_target_has_been_scaled(self, record):
        after = settle(record, 8)
        assert (after.status, after.finished_at, after.lease_until) == (Status.SUCCEEDED, NOW, None)
        assert after.call_accepted, "the call was accepted, although its answer was lost"
        assert after.message == "Scaled orders from 4 to 8 shards: a test."

    @pytest.mark.parametrize("shards", [4, 6, 8])
    @pytest.mark.parametrize("record", [pending(LONG_AGO), under_way(LONG_AGO)], ids=["PENDING", "UPDATING"])
    def test_while_the_stream_changes_nobody_can_tell(self, record, shards):
        assert settle(record, shards, status="UPDATING") is record

    @pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.SKIPPED])
    def test_what_has_ended_stays_as_it_is(self, status):
        record = scaling(LONG_AGO, status=status)
        assert settle(record, 5) is record

    def test_an_intent_is_left_to_its_invocation_while_that_may_be_alive(self):
        record = pending(MINUTE, lease_until=NOW + SECOND)
        assert settle(record, 4) is record
        assert settle(record, 8) is record

    def test_an_intent_that_kinesis_never_heard_of_may_be_resumed_while_it_is_fresh(self):
        record = pending(RESUME_LIMIT - SECOND)
        assert settle(record, 4) is record

    def test_after_that_it_has_expired_and_counts_as_no_call(self):
        after = settle(pending(RESUME_LIMIT), 4)
        assert (after.status, after.reason, after.calls_used) == (Status.FAILED, Reason.INTENT_EXPIRED, 0)
        assert after.message == (
            "Could not scale orders from 4 to 8 shards: the call was never made, and is now too old."
        )

    def test_so_soon_after_the_call_a_stream_may_just_not_show_the_change(self):
        record = under_way(SETTLING - SECOND)
        assert settle(record, 4) is record

    def test_a_change_that_left_the_stream_as_it_was_has_stopped_short_and_counts_as_a_call(self):
        after = settle(under_way(SETTLING), 4)
        assert (after.status, after.reason, after.calls_used) == (Status.FAILED, Reason.STOPPED_SHORT, 1)

    @pytest.mark.parametrize("record", [pending(LONG_AGO), under_way(LONG_AGO)], ids=["PENDING", "UPDATING"])
    def test_one_that_ended_at_another_count_says_both(self, record):
        after = settle(record, 6)
        assert (after.status, after.reason) == (Status.FAILED, Reason.STOPPED_SHORT)
        assert "the stream is ACTIVE with 6 shards, and the target was 8" in after.message
        assert after.changed_shards, "better one scaling too few"

    def test_after_a_scale_down_the_consumers_are_still_to_be_lowered(self):
        down = under_way(LONG_AGO, action=Action.SCALE_DOWN, from_shard_count=8, to_shard_count=4)
        assert settle(down, 4, has_consumers=True).needs_reconcile
        assert not settle(down, 4).needs_reconcile
        assert not settle(under_way(LONG_AGO), 8, has_consumers=True).needs_reconcile


class TestAnswers:
    def test_an_accepted_call_is_under_way_with_what_went_wrong_besides(self):
        after = updating(pending(MINUTE), ["No alarm.", "No consumer."])
        assert (after.status, after.call_accepted, after.lease_until) == (Status.UPDATING, True, None)
        assert after.error == "No alarm. No consumer."
        assert updating(pending(MINUTE), []).error is None

    def test_a_call_in_doubt_counts_until_the_stream_tells(self):
        after = in_doubt(pending(MINUTE), ValueError("ResourceInUse"))
        assert (after.status, after.call_accepted, after.lease_until) == (Status.PENDING, None, None)
        assert after.changed_shards
        assert settle(after, 8).status is Status.SUCCEEDED

    def test_a_stream_that_was_busy_is_left_alone_and_may_be_looked_at_at_once(self):
        after = left_alone(pending(MINUTE), ValueError("ResourceInUse"), NOW)
        assert (after.status, after.reason) == (Status.SKIPPED, Reason.STREAM_UPDATING)
        assert (after.calls_used, after.retry_at) == (0, NOW)
        assert after.was_intended, "the head names it, so that the next intent must know of it"

    def test_a_refusal_counts_as_no_call_and_says_why(self):
        why = "the account is full."
        after = refused(pending(MINUTE), Reason.ACCOUNT_SHARD_LIMIT, why, ValueError("Limit"), NOW, NOW + MINUTE)
        assert (after.status, after.calls_used, after.retry_at) == (Status.FAILED, 0, NOW + MINUTE)
        assert after.message == "Could not scale orders from 4 to 8 shards: the account is full."
        assert (after.error, after.finished_at, after.lease_until) == ("Limit", NOW, None)

    def test_what_may_not_be_called_any_more_says_what_changed(self):
        after = expired(pending(MINUTE), "the bounds are 1 to 6 now.", NOW)
        assert (after.reason, after.call_accepted) == (Reason.INTENT_EXPIRED, False)
        assert after.message.endswith("the call was never made, and the bounds are 1 to 6 now.")


class TestSplits:
    """A step from 4 to 8 shards by splits."""

    @pytest.mark.parametrize("shards", [4, 5, 7])
    def test_the_step_stays_open_until_all_are_split(self, shards):
        record = under_way(LONG_AGO, by_splits=True)
        assert settle(record, shards) is record

    def test_it_ends_with_the_last_split(self):
        assert settle(under_way(LONG_AGO, by_splits=True), 8).status is Status.SUCCEEDED

    @pytest.mark.parametrize("shards", [3, 9])
    def test_it_ends_where_somebody_else_has_resharded(self, shards):
        after = settle(under_way(LONG_AGO, by_splits=True), shards)
        assert (after.status, after.reason) == (Status.FAILED, Reason.STOPPED_SHORT)

    def test_a_first_split_whose_caller_died_was_accepted_as_the_stream_shows(self):
        after = settle(pending(LONG_AGO, by_splits=True), 5)
        assert (after.status, after.call_accepted, after.lease_until) == (Status.UPDATING, True, None)
        assert after.message == "Scaling orders from 4 to 8 shards: 5 of 8 by now; a test."

    def test_a_first_split_that_was_never_made_expires(self):
        after = settle(pending(LONG_AGO, by_splits=True), 4)
        assert (after.status, after.reason) == (Status.FAILED, Reason.INTENT_EXPIRED)

    def test_where_fewer_are_enough_it_says_how_many_it_came_to(self):
        after = sufficient(under_way(MINUTE, by_splits=True), 6, NOW)
        assert (after.status, after.to_shard_count) == (Status.SUCCEEDED, 6)
        assert after.message == "Scaled orders from 4 to 6 shards, on the way to 8: a test."

    def test_it_uses_no_call_and_its_cooldown_begins_with_its_end(self):
        after = settle(under_way(LONG_AGO, by_splits=True), 8)
        assert (after.calls_used, after.changed_shards, after.cools_from) == (0, True, NOW)


class TestReshardedElsewhere:
    def test_it_says_from_where_to_where_and_when_it_was_seen(self):
        record = resharded_elsewhere(stream(3), 8, "r-1", NOW)
        assert (record.action, record.trigger, record.status) == (
            Action.SCALE_DOWN,
            Trigger.RECONCILE,
            Status.SUCCEEDED,
        )
        assert record.message == (
            "Noticed a change of orders from 8 to 3 shards: "
            "a person, Terraform or another tool resharded it; seen at 2026-11-21 12:00 UTC."
        )

    @pytest.mark.parametrize(
        ("before", "after", "calls"), [(8, 16, 1), (8, 9, 1), (8, 17, 2), (8, 64, 3), (8, 4, 1), (8, 3, 2), (9, 1, 4)]
    )
    def test_it_counts_as_the_fewest_calls_that_it_can_have_taken(self, before, after, calls):
        record = resharded_elsewhere(stream(after), before, "r-1", NOW)
        assert (record.calls_used, record.changed_shards) == (calls, True)
