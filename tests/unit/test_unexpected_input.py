"""Unexpected input must not cause a record without an end, a stream that is not scaled, or a misleading message."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import boto3
import pytest
import time_machine

from kinesis_autoscaler.alarm import Alarm
from kinesis_autoscaler.alarms import Alarms
from kinesis_autoscaler.clients import client
from kinesis_autoscaler.consumers import Consumers
from kinesis_autoscaler.events import MalformedEventError, ScaleRequest
from kinesis_autoscaler.handler import handler
from kinesis_autoscaler.model import Action, Reason
from kinesis_autoscaler.model.record import event_key
from kinesis_autoscaler.settings import Environment, InvalidSettingsError
from tests.unit.account import (
    PREFIX,
    TABLE,
    TAGS,
    TOPIC_ARN,
    Calls,
    alarm_definition,
    put_alarm,
    put_alarms,
    read_pair,
    with_literal,
)
from tests.unit.test_audit import intent, table  # noqa: F401
from tests.unit.test_consumers import concurrency, functions  # noqa: F401
from tests.unit.test_events import REQUEST, message, parse
from tests.unit.test_handler import NOW, Context, account, counted, fired, sns  # noqa: F401
from tests.unit.test_reporting import DONE, SKIPPED, Mailbox, mailbox, reporter  # noqa: F401
from tests.unit.test_settings import VARIABLES, tags
from tests.unit.test_settings import parse as parse_tags

MINUTE = timedelta(minutes=1)


@pytest.fixture
def alarms(cloudwatch):
    return Alarms(cloudwatch, prefix=PREFIX, topic_arn=TOPIC_ARN)


@pytest.mark.parametrize(("name", "value"), [("AUDIT_RETENTION_DAYS", "ninety"), ("DRY_RUN", "yes")])
def test_a_malformed_variable_is_named(monkeypatch, name, value):
    for each, fine in VARIABLES.items():
        monkeypatch.setenv(each, fine)
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettingsError, match=f"{name}.*{value}"):
        Environment.read()


def test_a_reason_that_is_null_is_none_at_all():
    assert parse(message(NewStateReason=None)).reason == ""
    assert ScaleRequest.parse({**REQUEST, "reason": None}).reason == ""


def test_a_pair_that_is_left_out_is_told_once(cloudwatch, alarms):
    for action in Action:
        put_alarm(cloudwatch, {**alarm_definition(action, "invoices"), "AlarmName": f"{PREFIX}/payments/{action}"})
    assert alarms.pairs()[1] == [f"The alarm {PREFIX}/payments/scale-up watches invoices, not payments."]


def test_the_alarms_of_an_autoscaler_whose_name_begins_like_ours_are_not_ours_to_speak_of(cloudwatch, alarms):
    put_alarms(cloudwatch, "orders")
    put_alarms(cloudwatch, "orders", prefix=f"{PREFIX}-dev", AlarmActions=[f"{TOPIC_ARN}-dev"])
    pairs, problems = alarms.pairs()
    assert ([pair.stream_name for pair in pairs], problems) == (["orders"], [])


def test_a_field_that_math_alarms_do_not_take_is_not_put_back_empty(cloudwatch, alarms):
    calls = Calls(cloudwatch)
    pair = put_alarms(cloudwatch)
    assert pair.scale_up.definition["Dimensions"] == []
    calls.made.clear()
    alarms.write_shard_count(pair.names, 9)
    for request in calls.of("PutMetricAlarm"):
        assert "Dimensions" not in request


def test_an_alarm_on_anomalies_is_refused_like_any_setting_that_is_not_understood():
    definition = {key: value for key, value in alarm_definition(Action.SCALE_UP).items() if key != "Threshold"}
    with pytest.raises(InvalidSettingsError, match=f"{PREFIX}/orders/scale-up.*threshold"):
        _ = Alarm({**definition, "ThresholdMetricId": "band"}).rule


def test_one_streams_unreadable_alarm_does_not_stop_the_reconcile_of_the_others(account, counted):  # noqa: F811
    account.add_stream("orders", state="OK")
    account.add_stream("payments", state="OK")
    down = with_literal(alarm_definition(Action.SCALE_DOWN), "minShardCount", "6")  # below its minimum
    put_alarm(account.cloudwatch, down)
    up = alarm_definition(Action.SCALE_UP, ThresholdMetricId="usage")
    del up["Threshold"]
    put_alarm(account.cloudwatch, up)
    account.kinesis.update_shard_count(StreamName="payments", TargetShardCount=8, ScalingType="UNIFORM_SCALING")
    handler({"action": "reconcile"}, Context())
    assert [alarm.shard_count for alarm in read_pair(account.cloudwatch, "payments")] == [8, 8]


@pytest.mark.parametrize("action", Action)
def test_a_damaged_shard_count_strands_no_record(account, action):  # noqa: F811
    account.add_stream()
    put_alarm(account.cloudwatch, with_literal(alarm_definition(action), "shardCount", "4.0"))
    account.set_state("orders", "scale-up", "ALARM")
    event = sns(fired())
    for n in range(4):  # the event, Lambda's two retries, reconcile
        with time_machine.travel(NOW + 3 * n * MINUTE, tick=False), contextlib.suppress(InvalidSettingsError):
            handler(event if n < 3 else {"action": "reconcile"}, Context(str(n)))
    (item,) = account.log()
    assert item["status"] not in ("PENDING", "UPDATING"), item
    assert account.shards() == 4 or [alarm.shard_count for alarm in read_pair(account.cloudwatch)] == [6, 6]


@pytest.mark.parametrize("reason", [Reason.INVALID_SETTINGS, Reason.STREAM_MISSING])
def test_shards_that_are_not_known_are_not_spoken_of(reporter, mailbox, reason):  # noqa: F811
    reporter.report(SKIPPED.with_(reason=reason, from_shard_count=None), news=True)
    (message,) = mailbox.messages()
    assert "None" not in message["Message"]


def test_a_subject_has_less_than_100_characters(reporter, mailbox):  # noqa: F811
    reporter.report(DONE.with_(stream_name="o" * 128))
    (message,) = mailbox.messages()
    assert len(message["Subject"]) < 100
    assert message["Subject"].endswith("scale-up SUCCEEDED"), "how it ended is what matters"


@pytest.mark.parametrize(("per_shard", "shards", "wanted"), [(1.1, 10, 11), (0.07, 100, 7)])
def test_a_rounding_error_is_no_further_execution(functions, per_shard, shards, wanted):  # noqa: F811
    Consumers(functions).fit({"ship-orders": per_shard}, shards)
    assert concurrency(functions, "ship-orders") == wanted


def test_consumers_may_be_as_far_behind_as_terraform_allows():
    assert parse_tags(tags(max_iterator_age_minutes="20160")).max_iterator_age == timedelta(days=14)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_beyond_the_calendar_is_refused(at):
    with pytest.raises(MalformedEventError):
        event_key(parse(message(StateChangeTime=at)).changed_at, Action.SCALE_UP)
    with pytest.raises(MalformedEventError):
        event_key(ScaleRequest.parse({**REQUEST, "requested_at": at}).requested_at, Action.SCALE_UP)


@pytest.mark.parametrize("entry", [{"Sns": "hello"}, {"Sns": ["hello"]}, "hello", None])
def test_a_record_of_any_form_does_not_stop_the_next(account, counted, entry):  # noqa: F811
    account.add_stream()
    event = sns(fired())
    event["Records"].insert(0, entry)
    answer = handler(event, Context())
    assert [decision["stream_name"] for decision in answer["decisions"]] == ["orders"]
    assert counted()["RefusedEvents"] == 1


def test_an_event_that_was_overtaken_is_not_told_to_people_again(account, monkeypatch):  # noqa: F811
    people = boto3.client("sns").create_topic(Name="people")["TopicArn"]
    monkeypatch.setenv("NOTIFICATION_TOPIC_ARN", people)
    calls = Calls(client("sns"))
    account.add_stream(tags={**TAGS, "max-shard-count": "4"})
    handler(sns(fired()), Context("newer"))
    handler(sns(fired(StateChangeTime="2026-11-21T11:58:44.775+0000")), Context("older, but later"))
    assert len(calls.of("Publish")) == 1


def test_an_item_with_a_reason_of_a_later_version_does_not_stop_everything(account):  # noqa: F811
    account.add_stream()
    account.dynamodb.put_item(
        TableName=TABLE,
        Item={
            name: {"S": value}
            for name, value in {
                "stream_name": "payments",
                "event_time": "2026-11-21T11:00:00.000Z#scale-up",
                "action": "scale-up",
                "trigger": "alarm",
                "status": "UPDATING",
                "reason": "NOVELTY",
                "message": "Scaling payments.",
                "started_at": "2026-11-21T11:00:00.000Z",
                "open": "1",
            }.items()
        },
    )
    assert handler({"action": "reconcile"}, Context())["streams"] >= 1
