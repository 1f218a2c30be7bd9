"""The audit table is the log, the lock and the memory. Its items can be written and read without loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinesis_autoscaler.audit import (
    HISTORY,
    LEASE,
    OLDEST_EVENT,
    AlreadyRecordedError,
    AuditTable,
    ReshardedElsewhereError,
    SupersededError,
)
from kinesis_autoscaler.model import QUOTA_WINDOW, Action, Head, Plan, Reason, Record, Status, Trigger
from kinesis_autoscaler.model.record import event_key, timestamp
from tests.unit.account import TABLE, Calls

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RETENTION_DAYS = 90

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
TEXTS = st.text(max_size=30)
COUNTS = st.integers(1, 10_000)
FRACTIONS = st.integers(0, 10**9).map(lambda number: number / 10_000)
RECORDS = st.builds(
    Record,
    stream_name=st.text("abcXYZ0189_.-", min_size=1, max_size=128),
    event_time=st.builds(event_key, TIMES, st.sampled_from(Action)),
    action=st.sampled_from(Action),
    status=st.sampled_from(Status),
    reason=st.sampled_from(Reason),
    message=TEXTS,
    started_at=TIMES,
    trigger=st.sampled_from(Trigger),
    from_shard_count=st.none() | COUNTS,
    to_shard_count=st.none() | COUNTS,
    demand_shards=st.none() | FRACTIONS,
    utilization=st.none() | FRACTIONS,
    alarm_name=st.none() | TEXTS,
    alarm_reason=st.none() | TEXTS,
    request_id=st.none() | TEXTS,
    finished_at=st.none() | TIMES,
    error=st.none() | TEXTS,
    occurrences=COUNTS,
    last_seen_at=st.none() | TIMES,
    retry_at=st.none() | TIMES,
    lease_until=st.none() | TIMES,
    call_accepted=st.none() | st.booleans(),
    because=TEXTS,
    hot_shard=st.none() | TEXTS,
    heat_kept=st.none() | COUNTS,
    lower_consumers=st.none() | st.booleans(),
)


def record(at: datetime = NOW, stream_name: str = "orders", action: Action = Action.SCALE_UP, **changes) -> Record:
    """A scaling in progress."""
    return Record(
        **{
            "stream_name": stream_name,
            "event_time": event_key(at, action),
            "action": action,
            "status": Status.UPDATING,
            "reason": Reason.HIGH_DEMAND,
            "message": "Scaling orders from 4 to 8 shards: a test.",
            "started_at": at,
            "from_shard_count": 4,
            "to_shard_count": 8,
            "last_seen_at": None,
            **changes,
        }
    )


def intent(at: datetime = NOW, **changes) -> Record:
    return record(at, **{"status": Status.PENDING, "lease_until": at + MINUTE, **changes})


def succeeded(at: datetime, **changes) -> Record:
    return record(at, status=Status.SUCCEEDED, finished_at=at + MINUTE, call_accepted=True, **changes)


def skipped(at: datetime = NOW, reason: Reason = Reason.AT_MAXIMUM, **changes) -> Record:
    message = f"Left orders alone at {at:%H:%M}."
    fixed = {"status": Status.SKIPPED, "reason": reason, "message": message, "to_shard_count": None}
    return record(at, **{**fixed, **changes})


@pytest.fixture
def table(dynamodb) -> AuditTable:
    return AuditTable(dynamodb, table_name=TABLE, retention_days=RETENTION_DAYS)


@pytest.fixture
def items(dynamodb):
    """Return every record of the table as plain values, without heads and the cursor."""
    read = TypeDeserializer().deserialize

    def scan() -> list[dict]:
        found = dynamodb.scan(TableName=TABLE)["Items"]
        found = [{name: read(value) for name, value in item.items()} for item in found]
        return [item for item in found if item["stream_name"] != "*"]

    return scan


def begin(
    table: AuditTable,
    written: Record,
    previous: Record | None = None,
    *,
    left_as: Record | None = None,
    shard_count: int = 4,
    now: datetime | None = None,
) -> None:
    """Begin a scaling after another one, or as the stream's first."""
    pair = None if previous is None else (previous, previous if left_as is None else left_as)
    table.begin(written, previous=pair, shard_count=shard_count, now=now or written.started_at)


def put(table: AuditTable, written: Record) -> Record:
    """Put a record into the table, regardless of the heads."""
    table.add(written)
    return written


def read_back(table: AuditTable, written: Record) -> Record | None:
    return table.history(written.stream_name, written.started_at).find(written.event_time)


class TestTheKey:
    def test_it_is_the_time_of_the_event_and_its_direction(self):
        at = datetime(2026, 11, 21, 19, 20, 11, 123456, tzinfo=UTC)
        assert event_key(at, Action.SCALE_UP) == "2026-11-21T19:20:11.123Z#scale-up"

    def test_it_is_in_utc_wherever_the_time_came_from(self):
        assert timestamp(datetime.fromisoformat("2026-11-21T21:20:11+02:00")) == "2026-11-21T19:20:11.000Z"

    @given(TIMES, st.sampled_from(Action))
    def test_its_time_can_be_read_from_it(self, at, action):
        assert record(event_time=event_key(at, action)).event_at == at

    @given(TIMES, TIMES, st.sampled_from(Action), st.sampled_from(Action))
    def test_keys_sort_as_their_times_do(self, one, other, up_or_down, down_or_up):
        if one != other:
            assert (event_key(one, up_or_down) < event_key(other, down_or_up)) is (one < other)


class TestItems:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(RECORDS)
    def test_a_record_survives_the_way_to_the_table_and_back(self, dynamodb, written):
        dynamodb.delete_item(
            TableName=TABLE,
            Key={"stream_name": {"S": written.stream_name}, "event_time": {"S": written.event_time}},
        )
        table = AuditTable(dynamodb, table_name=TABLE, retention_days=RETENTION_DAYS)
        table.add(written)
        assert table.history(written.stream_name, written.event_at).find(written.event_time) == written

    def test_they_have_the_names_that_the_scaling_log_shows(self, table, items):
        table.add(
            record(
                demand_shards=7.23456,
                utilization=0.9,
                alarm_name="kinesis-autoscaler/orders/scale-up",
                alarm_reason="Threshold Crossed",
                request_id="abc",
                error="none to speak of",
                finished_at=NOW + MINUTE,
                last_seen_at=NOW,
            ),
        )
        (item,) = items()
        assert {name: item[name] for name in item if name not in ("demand_shards", "utilization", "expires_at")} == {
            "stream_name": "orders",
            "event_time": "2026-11-21T12:00:00.000Z#scale-up",
            "event_date": "2026-11-21",
            "action": "scale-up",
            "trigger": "alarm",
            "status": "UPDATING",
            "reason": "HIGH_DEMAND",
            "message": "Scaling orders from 4 to 8 shards: a test.",
            "from_shard_count": 4,
            "to_shard_count": 8,
            "alarm_name": "kinesis-autoscaler/orders/scale-up",
            "alarm_reason": "Threshold Crossed",
            "request_id": "abc",
            "error": "none to speak of",
            "started_at": "2026-11-21T12:00:00.000Z",
            "finished_at": "2026-11-21T12:01:00.000Z",
            "last_seen_at": "2026-11-21T12:00:00.000Z",
            "occurrences": 1,
            "open": "1",
        }
        assert float(item["demand_shards"]) == pytest.approx(7.2346)
        assert float(item["utilization"]) == 0.9

    def test_what_is_not_known_is_left_out(self, table, items):
        table.add(skipped(from_shard_count=None))
        (item,) = items()
        assert not {"from_shard_count", "to_shard_count", "demand_shards", "error", "finished_at", "open"} & set(item)

    def test_an_item_of_a_later_version_with_more_attributes_is_read(self, dynamodb, table):
        table.add(record())
        dynamodb.update_item(
            TableName=TABLE,
            Key={"stream_name": {"S": "orders"}, "event_time": {"S": record().event_time}},
            UpdateExpression="SET novelty = :novelty",
            ExpressionAttributeValues={":novelty": {"S": "of a later version"}},
        )
        assert read_back(table, record()) == record()

    def test_they_expire_after_the_retention(self, table, items):
        table.add(record())
        (item,) = items()
        assert item["expires_at"] == (NOW + timedelta(days=RETENTION_DAYS)).timestamp()

    def test_the_attribute_that_says_so_is_the_one_that_terraform_told_dynamodb(self, dynamodb):
        ttl = dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
        assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires_at", "ENABLED")

    def test_a_reason_that_repeats_keeps_its_item_alive(self, table, items):
        first = table.skip(skipped(), latest=None)
        table.skip(skipped(NOW + 30 * MINUTE), latest=first)
        (item,) = items()
        assert item["expires_at"] == (NOW + 30 * MINUTE + timedelta(days=RETENTION_DAYS)).timestamp()

    def test_everything_of_one_day_is_found_by_its_date(self, dynamodb, table):
        for stream_name in ("orders", "payments"):
            table.add(record(stream_name=stream_name))
        table.add(record(NOW + 24 * HOUR))
        table.keep_reconcile_cursor("orders")
        found = dynamodb.query(
            TableName=TABLE,
            IndexName="by-date",
            KeyConditionExpression="event_date = :day",
            ExpressionAttributeValues={":day": {"S": "2026-11-21"}},
        )["Items"]
        assert {item["stream_name"]["S"] for item in found} == {"orders", "payments"}


class TestHistory:
    def test_it_is_the_streams_last_two_days_and_a_little_more_oldest_first(self, table):
        for ago in (2 * HOUR, HISTORY - MINUTE, HISTORY + MINUTE, timedelta(0)):
            table.add(record(NOW - ago))
        table.add(record(NOW - HOUR, stream_name="orders-dev"))
        found = table.history("orders", NOW).records
        assert [NOW - each.started_at for each in found] == [HISTORY - MINUTE, 2 * HOUR, timedelta(0)]
        assert {each.stream_name for each in found} == {"orders"}

    def test_it_reaches_back_to_every_event_whose_call_still_counts(self, table):
        called_at = NOW - QUOTA_WINDOW + MINUTE
        held = succeeded(called_at).with_(event_time=event_key(called_at - OLDEST_EVENT, Action.SCALE_UP))
        put(table, held)
        assert table.history("orders", NOW).intents == (held,)

    def test_a_stream_without_a_past_has_none(self, table):
        history = table.history("orders", NOW)
        assert (history.records, history.latest, history.latest_intent) == ((), None, None)

    def test_it_is_read_consistently_or_a_second_delivery_might_not_see_the_first(self, dynamodb, table):
        calls = Calls(dynamodb)
        table.history("orders", NOW)
        assert [call["ConsistentRead"] for call in calls.of("Query")] == [True]

    def test_it_is_read_to_its_last_page(self, dynamodb, table):
        long = "x" * 300_000  # a page of DynamoDB ends at 1 MB
        for n in range(8):
            table.add(record(NOW - n * MINUTE, alarm_reason=long))
        calls = Calls(dynamodb)
        assert len(table.history("orders", NOW).records) == 8
        assert len(calls.of("Query")) > 1


class TestIntents:
    def test_the_same_event_can_be_begun_only_once(self, table):
        begin(table, intent(request_id="first"))
        with pytest.raises(AlreadyRecordedError, match=r"orders 2026-11-21T12:00:00\.000Z#scale-up"):
            begin(table, intent(request_id="second"))
        assert read_back(table, intent()).request_id == "first"

    def test_the_same_event_can_be_begun_only_once_after_a_predecessor_too(self, table):
        before = succeeded(NOW - HOUR)
        begin(table, before)
        begin(table, intent(request_id="first"), before)
        with pytest.raises(AlreadyRecordedError):
            begin(table, intent(request_id="second"), before)
        assert read_back(table, intent()).request_id == "first"

    def test_an_event_whose_skip_is_on_record_can_not_be_begun(self, table):
        table.skip(skipped(), latest=None)
        with pytest.raises(AlreadyRecordedError):
            begin(table, intent())
        assert table.heads() == {}

    def test_the_same_moment_may_bring_an_event_in_each_direction(self, table):
        begin(table, intent())
        begin(table, intent(action=Action.SCALE_DOWN), intent())
        assert len(table.history("orders", NOW).records) == 2

    def test_the_outcome_of_the_one_before_is_written_with_it(self, table):
        before = record(NOW - HOUR)
        begin(table, before)
        after = succeeded(NOW - HOUR)
        begin(table, intent(), before, left_as=after)
        assert table.history("orders", NOW).records == (after, intent())

    def test_of_the_very_first_two_of_a_stream_only_one_is_begun(self, table):
        up, down = intent(), intent(NOW + MINUTE, action=Action.SCALE_DOWN)
        begin(table, up)
        with pytest.raises(SupersededError, match="orders"):
            begin(table, down)
        assert read_back(table, down) is None
        assert table.heads()["orders"].latest_intent == up.event_time

    def test_of_two_that_follow_the_same_one_only_one_is_begun(self, table):
        before = succeeded(NOW - HOUR)
        begin(table, before)
        up, down = intent(), intent(NOW + MINUTE, action=Action.SCALE_DOWN)
        begin(table, up, before)
        with pytest.raises(SupersededError, match="orders"):
            begin(table, down, before)
        assert read_back(table, down) is None
        assert table.heads()["orders"].latest_intent == up.event_time

    def test_one_that_follows_what_has_changed_meanwhile_is_not_begun(self, table):
        before = record(NOW - HOUR)
        begin(table, before)
        table.update(before, succeeded(NOW - HOUR))
        with pytest.raises(SupersededError):
            begin(table, intent(), before, left_as=succeeded(NOW - HOUR, error="of my own"))
        assert read_back(table, intent()) is None
        assert read_back(table, before) == succeeded(NOW - HOUR)
        assert table.heads()["orders"].latest_intent == before.event_time

    def test_one_that_is_older_than_any_history_may_be_followed_without_being_known(self, table):
        begin(table, intent(NOW - HISTORY - MINUTE))
        begin(table, intent())
        assert table.heads()["orders"].latest_intent == intent().event_time

    def test_one_that_a_history_must_have_may_not(self, table):
        begin(table, intent(NOW - QUOTA_WINDOW))
        with pytest.raises(SupersededError):
            begin(table, intent())
        assert read_back(table, intent()) is None

    def test_streams_do_not_get_in_each_others_way(self, table):
        begin(table, intent())
        begin(table, intent(stream_name="payments"))
        assert len(table.open_records()) == 2
        assert set(table.heads()) == {"orders", "payments"}

    def test_two_at_the_very_same_moment_are_told_apart_like_two_in_a_row(self, dynamodb, table):
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        with Stubber(dynamodb) as answers:  # moto runs one transaction at a time
            answers.add_client_error(
                "transact_write_items",
                "TransactionCanceledException",
                modeled_fields={"CancellationReasons": reasons},
            )
            with pytest.raises(SupersededError):
                begin(table, intent(), succeeded(NOW - HOUR))

    @pytest.mark.parametrize(
        ("code", "reasons"),
        [
            ("TransactionCanceledException", [{"Code": "ThrottlingError"}, {"Code": "None"}]),
            ("TransactionCanceledException", None),
            ("AccessDeniedException", None),
        ],
    )
    def test_any_other_failure_is_not_taken_for_a_collision(self, dynamodb, table, code, reasons):
        with Stubber(dynamodb) as answers:
            fields = None if reasons is None else {"CancellationReasons": reasons}
            answers.add_client_error("transact_write_items", code, modeled_fields=fields)
            with pytest.raises(ClientError, match=code):
                begin(table, intent())


class TestReshardsElsewhere:
    def test_an_intent_that_rests_on_another_count_than_the_head_knows_is_not_begun(self, table):
        table.adopt("orders", 4)
        with pytest.raises(ReshardedElsewhereError) as elsewhere:
            begin(table, intent(), shard_count=8)
        assert elsewhere.value.head == Head("orders", shard_count=4)
        assert read_back(table, intent()) is None
        begin(table, intent(), shard_count=4)

    def test_where_the_head_has_moved_too_it_is_another_scaling_that_is_in_the_way(self, table):
        table.adopt("orders", 4)
        begin(table, intent())
        with pytest.raises(SupersededError):
            begin(table, intent(NOW + MINUTE))

    def test_a_stream_whose_count_no_head_knows_may_have_any(self, table):
        begin(table, intent(), shard_count=8)
        assert table.heads()["orders"].shard_count is None

    def test_what_the_stream_has_come_to_is_told_with_the_end(self, table):
        table.adopt("orders", 4)
        begin(table, intent())
        table.update(intent(), succeeded(NOW), shard_count=8)
        assert read_back(table, intent()) == succeeded(NOW)
        begin(table, intent(NOW + HOUR), succeeded(NOW), shard_count=8)

    def test_what_it_has_come_to_is_known_too_where_the_next_intent_tells_the_end(self, table):
        table.adopt("orders", 4)
        begin(table, record())
        begin(table, intent(NOW + HOUR), record(), left_as=succeeded(NOW), shard_count=8)
        assert table.heads()["orders"].shard_count == 8, "or a refusal of the next would leave it at 4"

    def test_one_is_put_on_record_and_the_head_follows(self, table):
        table.adopt("orders", 4)
        noted = succeeded(NOW, reason=Reason.RESHARDED_ELSEWHERE)
        table.note(noted, table.heads()["orders"], NOW)
        assert read_back(table, noted) == noted
        assert table.heads()["orders"] == Head("orders", latest_intent=noted.event_time, shard_count=8)
        begin(table, intent(NOW + MINUTE), noted, shard_count=8)

    def test_one_that_two_have_seen_is_put_on_record_once(self, table):
        table.adopt("orders", 4)
        head = table.heads()["orders"]
        table.note(succeeded(NOW, reason=Reason.RESHARDED_ELSEWHERE), head, NOW)
        with pytest.raises(SupersededError):
            table.note(succeeded(NOW + MINUTE, reason=Reason.RESHARDED_ELSEWHERE), head, NOW + MINUTE)
        assert len(table.history("orders", NOW + HOUR).records) == 1

    def test_whoever_does_not_know_of_it_may_not_begin(self, table):
        table.adopt("orders", 4)
        table.note(succeeded(NOW, reason=Reason.RESHARDED_ELSEWHERE), table.heads()["orders"], NOW)
        with pytest.raises(SupersededError):
            begin(table, intent(NOW + MINUTE), shard_count=8)


class TestTakingOver:
    AGAIN = NOW + 2 * MINUTE

    def test_another_attempt_has_a_lease_of_its_own(self, table):
        begin(table, intent())
        table.take_over(intent(), intent(lease_until=self.AGAIN + LEASE), self.AGAIN)
        assert read_back(table, intent()) == intent(lease_until=self.AGAIN + LEASE)

    def test_of_two_that_find_an_expired_lease_one_wins(self, table):
        begin(table, intent())
        table.take_over(intent(), intent(lease_until=self.AGAIN + LEASE), self.AGAIN)
        with pytest.raises(SupersededError):
            table.take_over(intent(), intent(lease_until=self.AGAIN + LEASE + MINUTE), self.AGAIN)

    def test_an_intent_that_was_followed_by_another_is_not_taken_up_again(self, table):
        begin(table, intent())
        begin(table, intent(NOW + MINUTE), intent())
        with pytest.raises(SupersededError):
            table.take_over(intent(), intent(lease_until=self.AGAIN + LEASE), self.AGAIN)
        assert read_back(table, intent()) == intent()


class TestLostAnswers:
    """botocore repeats a request without an answer. The second request finds what the first has written."""

    def test_of_an_intent(self, table):
        begin(table, intent())
        begin(table, intent())
        assert read_back(table, intent()) == intent()

    def test_of_an_end(self, table):
        begin(table, intent())
        table.update(intent(), succeeded(NOW))
        table.update(intent(), succeeded(NOW))
        assert read_back(table, intent()) == succeeded(NOW)

    def test_of_an_end_that_tells_the_head(self, table):
        begin(table, intent())
        table.update(intent(), succeeded(NOW), shard_count=8)
        table.update(intent(), succeeded(NOW), shard_count=8)
        assert table.heads()["orders"].shard_count == 8

    def test_of_a_take_over(self, table):
        begin(table, intent())
        for _ in range(2):
            table.take_over(intent(), intent(lease_until=NOW + 3 * MINUTE), NOW + 2 * MINUTE)
        assert read_back(table, intent()).lease_until == NOW + 3 * MINUTE

    def test_what_another_has_written_is_not_taken_for_ones_own(self, table):
        begin(table, intent())
        table.update(intent(), succeeded(NOW, error="of another"), shard_count=8)
        with pytest.raises(SupersededError):
            table.update(intent(), succeeded(NOW), shard_count=8)


class TestHeads:
    def test_a_stream_that_is_new_is_given_one_and_only_once(self, table):
        table.adopt("orders", 4)
        table.adopt("orders", 9)
        assert table.heads() == {"orders": Head("orders", shard_count=4)}

    def test_a_check_up_is_kept_with_what_it_found_and_changes_nothing_else(self, table):
        table.adopt("orders", 4)
        begin(table, intent())
        table.check_up("orders", {"ship-orders": 0.25, "bill-orders": 10}, NOW)
        assert table.heads()["orders"] == Head(
            "orders",
            latest_intent=intent().event_time,
            shard_count=4,
            consumers={"ship-orders": 0.25, "bill-orders": 10},
            checked_at=NOW,
        )

    def test_a_plan_is_kept_as_it_was_made_and_changes_nothing_else(self, table):
        table.adopt("orders", 8)
        for plan in (Plan(NOW, 8, (0, 0, 12), 4, 10.123, 7), Plan(NOW, 8)):
            table.keep_plan("orders", plan, NOW)
            head = table.heads()["orders"]
            assert (head.plan, head.shard_count) == (plan, 8)

    def test_a_check_up_may_come_before_everything_else(self, table):
        table.check_up("orders", {}, NOW)
        table.adopt("orders", 4)
        assert table.heads() == {"orders": Head("orders", shard_count=4, checked_at=NOW)}

    def test_they_are_in_no_streams_log_and_in_no_days(self, dynamodb, table):
        begin(table, skipped())
        assert [each.stream_name for each in table.history("orders", NOW).records] == ["orders"]
        assert table.open_records() == []
        assert dynamodb.scan(TableName=TABLE, IndexName="by-date")["Count"] == 1

    def test_the_cursor_is_none_of_them(self, table):
        table.keep_reconcile_cursor("orders")
        assert table.heads() == {}

    def test_they_expire_with_the_last_intent(self, dynamodb, table):
        begin(table, intent())
        (head,) = (item for item in dynamodb.scan(TableName=TABLE)["Items"] if item["stream_name"]["S"] == "*")
        assert int(head["expires_at"]["N"]) == (NOW + timedelta(days=RETENTION_DAYS)).timestamp()


class TestWhatIsOver:
    """Records that are complete when they are written."""

    def test_one_is_added(self, table):
        over = record(status=Status.FAILED, reason=Reason.CALL_REFUSED, finished_at=NOW, call_accepted=False)
        table.add(over)
        assert table.history("orders", NOW).records == (over,)

    def test_it_takes_the_place_of_no_other_of_the_same_event(self, table):
        table.add(intent())
        with pytest.raises(AlreadyRecordedError, match="orders"):
            table.add(record(status=Status.FAILED))
        assert table.history("orders", NOW).records == (intent(),)


class TestUpdates:
    def test_the_new_record_takes_the_place_of_the_old_one(self, table):
        table.add(intent())
        table.update(intent(), record())
        assert table.history("orders", NOW).records == (record(),)

    @pytest.mark.parametrize(
        "meanwhile",
        [
            {"status": Status.FAILED},
            {"occurrences": 2},
            {"lease_until": NOW + 5 * MINUTE},
            {"lease_until": None},
        ],
        ids=", ".join,
    )
    def test_what_someone_else_has_moved_on_is_not_overwritten(self, table, meanwhile):
        table.add(intent())
        table.update(intent(), intent(**meanwhile))
        with pytest.raises(SupersededError, match=r"orders 2026-11-21T12:00:00.000Z#scale-up has changed"):
            table.update(intent(), succeeded(NOW))
        assert read_back(table, intent()) == intent(**meanwhile)

    def test_a_record_that_is_gone_is_not_brought_back(self, table, items):
        with pytest.raises(SupersededError):
            table.update(record(), succeeded(NOW))
        assert items() == []

    def test_any_other_failure_is_not_taken_for_a_change(self, dynamodb, table):
        with Stubber(dynamodb) as answers:
            answers.add_client_error("put_item", "ProvisionedThroughputExceededException")
            with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
                table.update(intent(), record())


class TestSkips:
    def test_the_first_is_recorded_with_the_time_of_its_event(self, table):
        stored = table.skip(skipped(), latest=None)
        assert stored == skipped(last_seen_at=NOW)
        assert table.history("orders", NOW).records == (stored,)

    def test_a_repeat_of_the_same_reason_raises_the_occurrences_of_the_first(self, table):
        first = table.skip(skipped(), latest=None)
        second = table.skip(skipped(NOW + 5 * MINUTE, demand_shards=9.5), latest=first)
        third = table.skip(skipped(NOW + 10 * MINUTE, demand_shards=9.9), latest=second)
        assert table.history("orders", NOW + HOUR).records == (third,)
        assert third.occurrences == 3
        assert (third.event_time, third.started_at) == (first.event_time, NOW)
        assert third.last_seen_at == NOW + 10 * MINUTE
        assert (third.message, third.demand_shards) == ("Left orders alone at 12:10.", 9.9), "the latest is shown"

    def test_repeats_are_counted_together_for_an_hour_from_the_first(self, table):
        first = table.skip(skipped(), latest=None)
        second = table.skip(skipped(NOW + 40 * MINUTE), latest=first)
        third = table.skip(skipped(NOW + HOUR), latest=second)
        assert (second.occurrences, third.occurrences) == (2, 1)
        assert table.history("orders", NOW + HOUR).records == (second, third)

    def test_a_redelivery_does_not(self, table):
        first = table.skip(skipped(), latest=None)
        second = table.skip(skipped(NOW + 5 * MINUTE), latest=first)
        again = table.skip(skipped(NOW + 5 * MINUTE), latest=second)
        assert again == second
        assert table.history("orders", NOW + HOUR).records == (second,)

    def test_an_event_that_was_overtaken_does_not(self, table):
        first = table.skip(skipped(NOW + 5 * MINUTE), latest=None)
        assert table.skip(skipped(NOW), latest=first) == first
        assert table.history("orders", NOW + HOUR).records == (first,)

    @pytest.mark.parametrize(
        "difference",
        [
            {"reason": Reason.COOLDOWN},
            {"action": Action.SCALE_DOWN},
            {"from_shard_count": 8},
            {"to_shard_count": 6},
        ],
        ids=", ".join,
    )
    def test_anything_else_gets_an_item_of_its_own(self, table, difference):
        first = table.skip(skipped(), latest=None)
        second = table.skip(skipped(NOW + 5 * MINUTE, **difference), latest=first)
        assert table.history("orders", NOW + HOUR).records == (first, second)
        assert second.occurrences == 1

    def test_it_is_a_repeat_whether_an_alarm_or_reconcile_looked(self, table):
        first = table.skip(skipped(), latest=None)
        second = table.skip(skipped(NOW + 5 * MINUTE, trigger=Trigger.RECONCILE), latest=first)
        assert second.occurrences == 2
        assert table.history("orders", NOW + HOUR).records == (second,)

    @pytest.mark.parametrize(("one", "other"), [("alarm", "request"), ("request", "alarm"), ("request", "request")])
    def test_whoever_asks_for_a_shard_count_gets_an_item_of_their_own(self, table, one, other):
        first = table.skip(skipped(trigger=Trigger(one)), latest=None)
        second = table.skip(skipped(NOW + 5 * MINUTE, trigger=Trigger(other)), latest=first)
        assert second.occurrences == 1
        assert table.history("orders", NOW + HOUR).records == (first, second)

    def test_a_reason_that_comes_back_after_a_scaling_gets_an_item_of_its_own(self, table):
        table.skip(skipped(), latest=None)
        scaling = succeeded(NOW + 5 * MINUTE)
        table.add(scaling)
        stored = table.skip(skipped(NOW + 10 * MINUTE), latest=scaling)
        assert stored.occurrences == 1
        assert len(table.history("orders", NOW + HOUR).records) == 3

    def test_the_same_event_delivered_twice_at_once_is_recorded_once(self, table):
        first = table.skip(skipped(), latest=None)
        assert table.skip(skipped(), latest=None) == first
        assert table.history("orders", NOW).records == (first,)

    def test_two_repeats_at_once_count_at_least_once_and_neither_fails(self, table):
        first = table.skip(skipped(), latest=None)
        table.skip(skipped(NOW + 5 * MINUTE), latest=first)
        table.skip(skipped(NOW + 6 * MINUTE), latest=first)
        (stored,) = table.history("orders", NOW + HOUR).records
        assert stored.occurrences == 2

    def test_a_skip_never_overwrites_a_scaling(self, table):
        table.add(intent())
        table.skip(skipped(), latest=None)
        assert table.history("orders", NOW).records == (intent(),)


class TestOpenRecords:
    def test_only_what_reconcile_must_come_back_to_is_open(self, table):
        for n, status in enumerate(Status):
            table.add(record(NOW - n * HOUR, status=status, stream_name=status))
        assert {each.status for each in table.open_records()} == {Status.PENDING, Status.UPDATING}

    def test_a_scale_down_whose_consumers_still_lag_is_open_too(self, table):
        table.add(succeeded(NOW, lower_consumers=True))
        table.add(succeeded(NOW, lower_consumers=None, stream_name="payments"))
        assert [each.stream_name for each in table.open_records()] == ["orders"]

    def test_what_has_ended_is_open_no_more(self, table):
        table.add(intent())
        table.update(intent(), record())
        assert table.open_records() == [record()]
        table.update(record(), succeeded(NOW))
        assert table.open_records() == []

    def test_the_index_is_sparse(self, dynamodb, table):
        table.add(intent())
        table.add(succeeded(NOW - HOUR))
        table.skip(skipped(NOW - 2 * HOUR), latest=None)
        table.keep_reconcile_cursor("orders")
        assert dynamodb.scan(TableName=TABLE, IndexName="open-records")["Count"] == 1

    def test_they_are_found_to_the_last_page(self, dynamodb, table):
        for n in range(8):
            table.add(intent(stream_name=f"orders-{n}", alarm_reason="x" * 300_000))
        calls = Calls(dynamodb)
        assert len(table.open_records()) == 8
        assert len(calls.of("Query")) > 1


class TestTheCursor:
    def test_there_is_none_at_first(self, table):
        assert table.reconcile_cursor() is None

    def test_it_says_where_the_next_run_begins(self, table):
        table.keep_reconcile_cursor("orders")
        table.keep_reconcile_cursor("payments")
        assert table.reconcile_cursor() == "payments"

    def test_it_is_dropped_when_every_stream_was_reached(self, table, items):
        table.keep_reconcile_cursor("orders")
        table.drop_reconcile_cursor()
        table.drop_reconcile_cursor()
        assert table.reconcile_cursor() is None
        assert items() == []

    def test_it_is_in_no_streams_history(self, table):
        table.keep_reconcile_cursor("orders")
        assert table.history("orders", NOW).records == ()
        assert table.open_records() == []
