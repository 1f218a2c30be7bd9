"""The audit table is the log, the lock and the memory; its items survive the way there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinesis_autoscaler.audit import (
    AlreadyRecordedError,
    AuditTable,
    SupersededError,
    event_at,
    event_key,
    timestamp,
)
from kinesis_autoscaler.model import Action, Reason, Record, Status, Trigger
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
    superseded_by=st.none() | TEXTS,
    lower_consumers=st.none() | st.booleans(),
)


def record(at: datetime = NOW, stream_name: str = "orders", action: Action = Action.SCALE_UP, **changes) -> Record:
    """A scaling that is under way."""
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
    """Every item of the table, as plain values."""
    read = TypeDeserializer().deserialize

    def scan() -> list[dict]:
        found = dynamodb.scan(TableName=TABLE)["Items"]
        return [{name: read(value) for name, value in item.items()} for item in found]

    return scan


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
        assert event_at(record(event_time=event_key(at, action))) == at

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
        table.begin(written, previous=None)
        assert table.history(written.stream_name, event_at(written)).find(written.event_time) == written

    def test_they_have_the_names_that_the_scaling_log_shows(self, table, items):
        table.begin(
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
            previous=None,
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
        table.begin(skipped(from_shard_count=None), previous=None)
        (item,) = items()
        assert not {"from_shard_count", "to_shard_count", "demand_shards", "error", "finished_at", "open"} & set(item)

    def test_an_item_of_a_later_version_with_more_attributes_is_read(self, dynamodb, table):
        table.begin(record(), previous=None)
        dynamodb.update_item(
            TableName=TABLE,
            Key={"stream_name": {"S": "orders"}, "event_time": {"S": record().event_time}},
            UpdateExpression="SET novelty = :novelty",
            ExpressionAttributeValues={":novelty": {"S": "of a later version"}},
        )
        assert read_back(table, record()) == record()

    def test_they_expire_after_the_retention(self, table, items):
        table.begin(record(), previous=None)
        (item,) = items()
        assert item["expires_at"] == (NOW + timedelta(days=RETENTION_DAYS)).timestamp()

    def test_the_attribute_that_says_so_is_the_one_that_terraform_told_dynamodb(self, dynamodb):
        ttl = dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
        assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires_at", "ENABLED")

    def test_a_reason_that_repeats_keeps_its_item_alive(self, table, items):
        first = table.skip(skipped(), latest=None)
        table.skip(skipped(NOW + HOUR), latest=first)
        (item,) = items()
        assert item["expires_at"] == (NOW + HOUR + timedelta(days=RETENTION_DAYS)).timestamp()

    def test_everything_of_one_day_is_found_by_its_date(self, dynamodb, table):
        for stream_name in ("orders", "payments"):
            table.begin(record(stream_name=stream_name), previous=None)
        table.begin(record(NOW + 24 * HOUR), previous=None)
        table.keep_reconcile_cursor("orders")
        found = dynamodb.query(
            TableName=TABLE,
            IndexName="by-date",
            KeyConditionExpression="event_date = :day",
            ExpressionAttributeValues={":day": {"S": "2026-11-21"}},
        )["Items"]
        assert {item["stream_name"]["S"] for item in found} == {"orders", "payments"}


class TestHistory:
    def test_it_is_the_streams_last_day_and_a_little_more_oldest_first(self, table):
        for ago in (2 * HOUR, 25 * HOUR - MINUTE, 25 * HOUR + MINUTE, timedelta(0)):
            table.begin(record(NOW - ago), previous=None)
        table.begin(record(NOW - HOUR, stream_name="orders-dev"), previous=None)
        found = table.history("orders", NOW).records
        assert [NOW - each.started_at for each in found] == [25 * HOUR - MINUTE, 2 * HOUR, timedelta(0)]
        assert {each.stream_name for each in found} == {"orders"}

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
            table.begin(record(NOW - n * MINUTE, alarm_reason=long), previous=None)
        calls = Calls(dynamodb)
        assert len(table.history("orders", NOW).records) == 8
        assert len(calls.of("Query")) > 1


class TestIntents:
    def test_the_same_event_can_be_begun_only_once(self, table):
        table.begin(intent(request_id="first"), previous=None)
        with pytest.raises(AlreadyRecordedError, match=r"orders 2026-11-21T12:00:00\.000Z#scale-up"):
            table.begin(intent(request_id="second"), previous=None)
        assert read_back(table, intent()).request_id == "first"

    def test_the_same_event_can_be_begun_only_once_after_a_predecessor_too(self, table):
        before = succeeded(NOW - HOUR)
        table.begin(before, previous=None)
        table.begin(intent(request_id="first"), previous=(before, before))
        with pytest.raises(AlreadyRecordedError):
            table.begin(intent(request_id="second"), previous=(before, before))
        assert read_back(table, intent()).request_id == "first"

    def test_an_event_whose_skip_is_on_record_can_not_be_begun(self, table):
        table.skip(skipped(), latest=None)
        with pytest.raises(AlreadyRecordedError):
            table.begin(intent(), previous=None)

    def test_the_same_moment_may_bring_an_event_in_each_direction(self, table):
        table.begin(intent(), previous=None)
        table.begin(intent(action=Action.SCALE_DOWN), previous=None)
        assert len(table.history("orders", NOW).records) == 2

    def test_the_outcome_of_the_one_before_is_written_with_it(self, table):
        before = record(NOW - HOUR)
        table.begin(before, previous=None)
        after = succeeded(NOW - HOUR)
        table.begin(intent(), previous=(before, after))
        assert table.history("orders", NOW).records == (
            after.with_(superseded_by=intent().event_time),
            intent(),
        )

    def test_of_two_that_follow_the_same_one_only_one_is_begun(self, table):
        before = succeeded(NOW - HOUR)
        table.begin(before, previous=None)
        up, down = intent(), intent(NOW + MINUTE, action=Action.SCALE_DOWN)
        table.begin(up, previous=(before, before))
        with pytest.raises(SupersededError, match="orders"):
            table.begin(down, previous=(before, before))
        assert read_back(table, down) is None
        assert read_back(table, before).superseded_by == up.event_time

    def test_one_that_follows_what_has_changed_meanwhile_is_not_begun(self, table):
        before = record(NOW - HOUR)
        table.begin(before, previous=None)
        table.update(before, succeeded(NOW - HOUR))
        with pytest.raises(SupersededError):
            table.begin(intent(), previous=(before, succeeded(NOW - HOUR, error="of my own")))
        assert read_back(table, intent()) is None
        assert read_back(table, before) == succeeded(NOW - HOUR)

    def test_streams_do_not_get_in_each_others_way(self, table):
        table.begin(intent(), previous=None)
        table.begin(intent(stream_name="payments"), previous=None)
        assert len(table.open_records()) == 2

    def test_two_at_the_very_same_moment_are_told_apart_like_two_in_a_row(self, dynamodb, table):
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        with Stubber(dynamodb) as answers:  # moto runs one transaction at a time
            answers.add_client_error(
                "transact_write_items",
                "TransactionCanceledException",
                modeled_fields={"CancellationReasons": reasons},
            )
            with pytest.raises(SupersededError):
                table.begin(intent(), previous=(succeeded(NOW - HOUR), succeeded(NOW - HOUR)))

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
                table.begin(intent(), previous=None)


class TestWhatIsOver:
    """Records about which nothing is left to do when they are written."""

    def test_one_is_added(self, table):
        over = record(status=Status.FAILED, reason=Reason.CALL_REFUSED, finished_at=NOW, call_accepted=False)
        table.add(over)
        assert table.history("orders", NOW).records == (over,)

    def test_it_takes_the_place_of_no_other_of_the_same_event(self, table):
        table.begin(intent(), previous=None)
        with pytest.raises(AlreadyRecordedError, match="orders"):
            table.add(record(status=Status.FAILED))
        assert table.history("orders", NOW).records == (intent(),)


class TestUpdates:
    def test_the_new_record_takes_the_place_of_the_old_one(self, table):
        table.begin(intent(), previous=None)
        table.update(intent(), record())
        assert table.history("orders", NOW).records == (record(),)

    @pytest.mark.parametrize(
        "meanwhile",
        [
            {"status": Status.FAILED},
            {"occurrences": 2},
            {"lease_until": NOW + 5 * MINUTE},
            {"lease_until": None},
            {"superseded_by": "2026-11-21T12:05:00.000Z#scale-up"},
        ],
        ids=", ".join,
    )
    def test_what_someone_else_has_moved_on_is_not_overwritten(self, table, meanwhile):
        table.begin(intent(), previous=None)
        table.update(intent(), intent(**meanwhile))
        with pytest.raises(SupersededError, match=r"orders 2026-11-21T12:00:00.000Z#scale-up has changed"):
            table.update(intent(), succeeded(NOW))
        assert read_back(table, intent()) == intent(**meanwhile)

    def test_of_two_that_take_over_an_expired_lease_one_wins(self, table):
        table.begin(intent(), previous=None)
        table.update(intent(), intent(lease_until=NOW + 3 * MINUTE))
        with pytest.raises(SupersededError):
            table.update(intent(), intent(lease_until=NOW + 4 * MINUTE))

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
        assert (third.message, third.demand_shards) == ("Left orders alone at 12:10.", 9.9), "the latest is told"

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
        table.begin(scaling, previous=None)
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
        table.begin(intent(), previous=None)
        table.skip(skipped(), latest=None)
        assert table.history("orders", NOW).records == (intent(),)


class TestOpenRecords:
    def test_only_what_reconcile_must_come_back_to_is_open(self, table):
        for n, status in enumerate(Status):
            table.begin(record(NOW - n * HOUR, status=status, stream_name=status), previous=None)
        assert {each.status for each in table.open_records()} == {Status.PENDING, Status.UPDATING}

    def test_a_scale_down_whose_consumers_still_lag_is_open_too(self, table):
        table.begin(succeeded(NOW, lower_consumers=True), previous=None)
        table.begin(succeeded(NOW, lower_consumers=None, stream_name="payments"), previous=None)
        assert [each.stream_name for each in table.open_records()] == ["orders"]

    def test_what_has_ended_is_open_no_more(self, table):
        table.begin(intent(), previous=None)
        table.update(intent(), record())
        assert table.open_records() == [record()]
        table.update(record(), succeeded(NOW))
        assert table.open_records() == []

    def test_the_index_is_sparse(self, dynamodb, table):
        table.begin(intent(), previous=None)
        table.begin(succeeded(NOW - HOUR), previous=None)
        table.skip(skipped(NOW - 2 * HOUR), latest=None)
        table.keep_reconcile_cursor("orders")
        assert dynamodb.scan(TableName=TABLE, IndexName="open-records")["Count"] == 1

    def test_they_are_found_to_the_last_page(self, dynamodb, table):
        for n in range(8):
            table.begin(intent(stream_name=f"orders-{n}", alarm_reason="x" * 300_000), previous=None)
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
