"""The function from the event to the answer, with a fake AWS: every record is handled, and no failure is hidden."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError

from kinesis_autoscaler import handler as door
from kinesis_autoscaler.clients import BOUNDED, client
from kinesis_autoscaler.events import MalformedEventError
from kinesis_autoscaler.handler import handler
from kinesis_autoscaler.settings import InvalidSettingsError
from tests.unit.account import (
    PREFIX,
    REGION,
    TABLE,
    TAGS,
    TOPIC_ARN,
    alarm_definition,
    create_audit_table,
    put_alarm,
    put_alarms,
    read_pair,
    recorded,
    with_literal,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHARD_MINUTE = 60 * 1024 * 1024


class Context:
    """Lambda's context object."""

    def __init__(self, request_id: str = "request", seconds_left: int = 900) -> None:
        self.aws_request_id = request_id
        self._seconds_left = seconds_left

    def get_remaining_time_in_millis(self) -> int:
        return self._seconds_left * 1000


class Account:
    """An autoscaler and its streams in a fake AWS, at noon."""

    def __init__(self) -> None:
        self.cloudwatch, self.kinesis, self.dynamodb = client("cloudwatch"), client("kinesis"), client("dynamodb")
        self.calls: list[str] = []
        self.watch()

    def watch(self) -> None:
        """Record the calls of the function's current clients, which a failure replaces."""
        self._before("before-call.*.*", self._note)

    def _before(self, event: str, act: Callable[..., None]) -> None:
        services = (client(name) for name in ("cloudwatch", "kinesis", "dynamodb", "lambda"))
        for each in (*services, client("kinesis", BOUNDED)):
            each.meta.events.register(event, act)

    def _note(self, model, **_) -> None:
        self.calls.append(model.name)

    def add_stream(self, name: str = "orders", *, demand: float = 3.5, state: str = "ALARM", **alarm_changes) -> None:
        """A stream of four shards with a demand in shards, and a scale-up alarm in a given state."""
        with time_machine.travel(NOW - timedelta(days=30), tick=False):
            self.kinesis.create_stream(StreamName=name, ShardCount=4)
        put_alarms(self.cloudwatch, name, **alarm_changes)
        self.set_state(name, "scale-up", state)
        self.set_state(name, "scale-down", "OK")
        self.cloudwatch.put_metric_data(
            Namespace="AWS/Kinesis",
            MetricData=[
                {
                    "MetricName": metric,
                    "Timestamp": NOW - n * MINUTE,
                    "Value": value,
                    "Dimensions": [{"Name": "StreamName", "Value": name}],
                }
                for n in range(1, 11)
                for metric, value in (("IncomingBytes", demand * SHARD_MINUTE), ("IncomingRecords", demand * 1000))
            ],
        )
        self.calls.clear()

    def set_state(self, stream: str, action: str, state: str) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=f"{PREFIX}/{stream}/{action}", StateValue=state, StateReason="a test")

    def shards(self, name: str = "orders") -> int:
        return self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["OpenShardCount"]

    def log(self) -> list[dict]:
        """Return the text attributes of the audit table's records."""
        items = (item for item in self.dynamodb.scan(TableName=TABLE)["Items"] if item["stream_name"]["S"] != "*")
        return [{name: value["S"] for name, value in item.items() if "S" in value} for item in items]

    def fail(self, operation: str, code: str, *, stream: str = "orders", times: int = 1_000) -> None:
        """Make an operation of Kinesis fail for a stream."""
        failures = iter(range(times))

        def refuse(params, model, **_):
            if params.get("StreamName") == stream and next(failures, None) is not None:
                raise ClientError({"Error": {"Code": code, "Message": "a test"}}, model.name)

        self._before(f"provide-client-params.kinesis.{operation}", refuse)


@pytest.fixture
def account(aws, monkeypatch):
    for name, value in {
        "ALARM_NAME_PREFIX": PREFIX,
        "TOPIC_ARN": TOPIC_ARN,
        "AUDIT_TABLE_NAME": TABLE,
        "AUDIT_RETENTION_DAYS": "90",
        "DRY_RUN": "false",
        "AWS_LAMBDA_FUNCTION_NAME": PREFIX,
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{PREFIX}",
        "AWS_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    level = logging.getLogger("kinesis_autoscaler").level
    client.cache_clear()
    door._function.cache_clear()
    with time_machine.travel(NOW, tick=False):
        create_audit_table(client("dynamodb"))
        yield Account()
    client.cache_clear()
    door._function.cache_clear()
    logging.getLogger("kinesis_autoscaler").setLevel(level)


@pytest.fixture
def counted(capsys):
    """Return the metrics printed since the last call, without the dimensions."""

    def metrics() -> Counter:
        total: Counter = Counter()
        for line in map(json.loads, capsys.readouterr().out.splitlines()):
            total.update({m["Name"]: line[m["Name"]] for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]})
        return total

    return metrics


def fired(stream: str = "orders", action: str = "scale-up", **changes) -> dict:
    """Return the message of an alarm that has just fired."""
    return {
        **recorded("messages", "math_alarm_2020"),
        "AlarmName": f"{PREFIX}/{stream}/{action}",
        "StateChangeTime": "2026-11-21T11:59:44.775+0000",
        **changes,
    }


def sns(*messages: dict | str, topic_arn: str = TOPIC_ARN) -> dict:
    """Return the event in which SNS delivers messages."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"{topic_arn}:subscription",
                "Sns": {
                    "Type": "Notification",
                    "TopicArn": topic_arn,
                    "Message": message if isinstance(message, str) else json.dumps(message),
                },
            }
            for message in messages
        ]
    }


class TestAnAlarm:
    def test_it_scales_its_stream_and_both_alarms_know(self, account):
        account.add_stream()
        answer = handler(sns(fired()), Context())
        (decision,) = answer["decisions"]
        assert decision["status"] == "UPDATING"
        assert account.shards() == decision["to_shard_count"] > 4
        pair = read_pair(account.cloudwatch)
        assert [alarm.shard_count for alarm in pair] == [account.shards()] * 2
        assert pair.scale_up.has_no_data, "it may fire again"
        (item,) = account.log()
        assert (item["status"], item["reason"]) == ("UPDATING", "HIGH_DEMAND")
        assert item["event_time"] == "2026-11-21T11:59:44.775Z#scale-up"
        assert item["alarm_reason"].startswith("Threshold Crossed")

    def test_it_is_answered_in_json(self, account):
        account.add_stream()
        answer = handler(sns(fired()), Context())
        assert json.loads(json.dumps(answer)) == answer

    def test_it_takes_eleven_calls_and_a_look_before_each_write_to_an_alarm(self, account):
        account.add_stream()
        handler(sns(fired()), Context())
        assert account.calls.count("UpdateShardCount") == 1
        writes = [n for n, call in enumerate(account.calls) if call == "PutMetricAlarm"]
        assert [account.calls[n - 1] for n in writes] == ["DescribeAlarms", "DescribeAlarms"]
        assert len(account.calls) <= 11 + 2, account.calls

    def test_the_intent_is_on_record_before_kinesis_is_called_and_the_alarms_after(self, account):
        account.add_stream()
        handler(sns(fired()), Context())
        steps = ["TransactWriteItems", "UpdateShardCount", "PutMetricAlarm", "SetAlarmState", "PutItem"]
        first = [account.calls.index(step) for step in steps]
        assert first == sorted(first)

    def test_delivered_again_it_is_answered_the_same_and_scales_nothing(self, account):
        account.add_stream()
        first = handler(sns(fired()), Context("first"))
        account.set_state("orders", "scale-up", "ALARM")
        account.calls.clear()
        assert handler(sns(fired()), Context("second")) == first
        assert "UpdateShardCount" not in account.calls
        assert len(account.log()) == 1

    def test_twice_in_one_event_it_scales_once(self, account):
        account.add_stream()
        handler(sns(fired(), fired()), Context())
        assert account.calls.count("UpdateShardCount") == 1
        assert len(account.log()) == 1

    def test_its_user_may_have_changed_whatever_they_liked(self, account):
        account.add_stream(Threshold=0.7, AlarmActions=[TOPIC_ARN, f"{TOPIC_ARN}-people"], OKActions=[TOPIC_ARN])
        partner = alarm_definition("scale-down", ActionsEnabled=False, AlarmDescription="paused by hand")
        put_alarm(account.cloudwatch, partner)
        before = read_pair(account.cloudwatch)
        handler(sns(fired()), Context())
        state = {"StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp"}
        for was, is_now in zip(before, read_pair(account.cloudwatch), strict=True):
            expected = with_literal(was.definition, "shardCount", str(account.shards()))
            assert {k: v for k, v in is_now.definition.items() if k not in state} == {
                k: v for k, v in expected.items() if k not in state
            }

    def test_in_a_dry_run_nothing_changes_and_the_decision_is_on_record(self, account, monkeypatch):
        monkeypatch.setenv("DRY_RUN", "true")
        account.add_stream()
        (decision,) = handler(sns(fired()), Context())["decisions"]
        assert (decision["status"], decision["reason"]) == ("SKIPPED", "DRY_RUN")
        assert decision["to_shard_count"] > account.shards() == 4
        assert not {"UpdateShardCount", "PutMetricAlarm"} & set(account.calls)

    def test_settings_that_are_not_understood_are_on_record_and_not_tried_again(self, account):
        account.add_stream(tags={**TAGS, "max-shard-count": "many"})
        (decision,) = handler(sns(fired()), Context())["decisions"]
        assert decision["reason"] == "INVALID_SETTINGS"
        assert "max-shard-count" in decision["message"]
        assert account.shards() == 4


class TestWhatIsNotToBeActedOn:
    @pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
    def test_a_forged_message_scales_nothing(self, account, counted, state):
        account.add_stream(state=state)
        assert handler(sns(fired()), Context()) == {"decisions": []}
        assert account.shards() == 4
        assert account.log() == []
        assert counted()["RefusedEvents"] == 1

    @pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
    def test_an_alarm_that_returns_to_normal_asks_for_nothing(self, account, counted, state):
        account.add_stream()
        assert handler(sns(fired(NewStateValue=state)), Context()) == {"decisions": []}
        assert account.calls == []
        assert counted()["RefusedEvents"] == 1

    def test_an_alarm_whose_actions_a_person_has_disabled_scales_nothing(self, account):
        account.add_stream(ActionsEnabled=False)
        handler(sns(fired()), Context())
        assert account.shards() == 4

    @pytest.mark.parametrize(
        "event",
        [
            sns(fired(), topic_arn=f"{TOPIC_ARN}-dev"),
            sns("hello"),
            sns(json.dumps([])),
            sns(recorded("messages", "metric_alarm_2022")),
            sns(fired("invoices")),
            {"Records": [{"EventSource": "aws:s3"}]},
        ],
        ids=["another topic", "no JSON", "no object", "another alarm", "no such alarm", "no SNS record"],
    )
    def test_a_foreign_record_is_logged_counted_and_not_tried_again(self, account, counted, caplog, event):
        account.add_stream()
        assert handler(event, Context()) == {"decisions": []}
        assert account.shards() == 4
        assert counted() == {"RefusedEvents": 1}
        assert [log.levelname for log in caplog.records] == ["WARNING"]

    def test_an_alarm_of_ours_that_does_not_notify_our_topic_scales_nothing(self, account, counted):
        account.add_stream(AlarmActions=[f"{TOPIC_ARN}-dev"])
        handler(sns(fired()), Context())
        assert account.shards() == 4
        assert counted()["RefusedEvents"] == 1

    def test_the_log_shows_what_the_message_said(self, account, caplog):
        handler(sns("hello"), Context())
        (log,) = caplog.records
        assert log.sns_message == "hello"


class TestABatch:
    def test_every_record_is_handled(self, account):
        account.add_stream("orders")
        account.add_stream("payments")
        answer = handler(sns(fired("orders"), fired("payments")), Context())
        assert [decision["stream_name"] for decision in answer["decisions"]] == ["orders", "payments"]
        assert account.shards("orders") > 4
        assert account.shards("payments") > 4

    def test_a_poisonous_record_does_not_stop_the_next(self, account, counted):
        account.add_stream()
        answer = handler(sns("poison", fired("invoices"), fired("orders")), Context())
        assert [decision["stream_name"] for decision in answer["decisions"]] == ["orders"]
        assert counted()["RefusedEvents"] == 2

    def test_a_failure_that_a_retry_mends_is_raised_once_the_others_are_handled(self, account, counted, caplog):
        account.add_stream("orders")
        account.add_stream("payments")
        account.fail("DescribeStreamSummary", "ThrottlingException")
        with pytest.raises(ClientError, match="ThrottlingException"):
            handler(sns(fired("orders"), fired("payments")), Context())
        assert account.shards("payments") > 4
        assert counted()["Failures"] == 1
        (log,) = (each for each in caplog.records if each.levelname == "ERROR")
        assert f"{PREFIX}/orders/scale-up" in log.sns_message
        assert "ThrottlingException" in log.exc_text

    def test_the_retry_of_a_batch_finds_what_was_handled_on_record(self, account):
        account.add_stream("orders")
        account.add_stream("payments")
        event = sns(fired("payments"), fired("orders"))
        account.fail("UpdateShardCount", "ThrottlingException", times=1)
        with pytest.raises(ClientError):
            handler(event, Context("first"))
        account.watch()
        with time_machine.travel(NOW + 2 * MINUTE, tick=False):
            answer = handler(event, Context("retry"))
        assert [decision["status"] for decision in answer["decisions"]] == ["UPDATING", "UPDATING"]
        assert account.calls.count("UpdateShardCount") == 2, "one each"
        assert account.shards("orders") > 4

    def test_a_failure_that_no_retry_mends_is_on_record_and_counted_and_not_raised(self, account, counted, caplog):
        account.add_stream("orders")
        account.add_stream("payments")
        account.fail("DescribeStreamSummary", "AccessDeniedException")
        answer = handler(sns(fired("orders"), fired("payments")), Context())
        outcomes = [(each["stream_name"], each["status"], each["reason"]) for each in answer["decisions"]]
        assert outcomes == [("orders", "FAILED", "CALL_REFUSED"), ("payments", "UPDATING", "HIGH_DEMAND")]
        assert counted()["Failures"] == 1

    def test_a_call_that_kinesis_refuses_for_good_is_on_record(self, account, counted):
        account.add_stream()
        account.fail("UpdateShardCount", "AccessDeniedException")
        (decision,) = handler(sns(fired()), Context())["decisions"]
        assert (decision["status"], decision["reason"]) == ("FAILED", "CALL_REFUSED")
        assert counted()["Failures"] == 1


class TestReconcile:
    def test_it_is_answered_with_what_was_done(self, account, counted):
        account.add_stream("orders", state="OK")
        account.add_stream("payments", state="OK")
        account.kinesis.update_shard_count(StreamName="payments", TargetShardCount=8, ScalingType="UNIFORM_SCALING")
        assert handler({"action": "reconcile"}, Context()) == {
            "streams": 2,
            "finished": 0,
            "repaired": 1,
            "rearmed": 0,
            "stuck": 0,
            "failures": 0,
            "left_for_next_run": 0,
        }
        assert [alarm.shard_count for alarm in read_pair(account.cloudwatch, "payments")] == [8, 8]
        assert counted()["Reconciles"] == 1

    def test_it_finishes_what_an_alarm_began(self, account):
        account.add_stream()
        handler(sns(fired()), Context())
        with time_machine.travel(NOW + 5 * MINUTE, tick=False):
            assert handler({"action": "reconcile"}, Context())["finished"] == 1
        (item,) = account.log()
        assert item["status"] == "SUCCEEDED"

    def test_without_time_left_it_leaves_the_streams_to_the_next_run(self, account):
        account.add_stream()
        assert handler({"action": "reconcile"}, Context(seconds_left=10))["left_for_next_run"] == 1

    def test_one_streams_failure_does_not_stop_the_others(self, account, counted):
        account.add_stream("orders", state="OK")
        account.add_stream("payments", state="OK")
        account.fail("DescribeStreamSummary", "AccessDeniedException")
        answer = handler({"action": "reconcile"}, Context())
        assert (answer["streams"], answer["failures"]) == (2, 1)
        assert counted()["Failures"] == 1


class TestARequest:
    def test_it_scales_the_stream_and_is_answered_with_the_record(self, account):
        account.add_stream()
        answer = handler(
            {"action": "scale", "stream_name": "orders", "shard_count": 6, "reason": "the sale begins"}, Context()
        )
        assert (answer["status"], answer["reason"], answer["to_shard_count"]) == ("UPDATING", "REQUESTED", 6)
        assert account.shards() == 6
        (item,) = account.log()
        assert (item["alarm_reason"], item["trigger"]) == ("the sale begins", "request")

    def test_one_that_is_malformed_is_refused_before_any_call(self, account):
        with pytest.raises(MalformedEventError, match="shard_count"):
            handler({"action": "scale", "stream_name": "orders"}, Context())
        assert account.calls == []


class TestOtherEvents:
    @pytest.mark.parametrize("event", [{}, {"action": "explode"}, {"source": "aws.events"}])
    def test_they_are_refused_with_what_this_function_takes(self, account, event):
        with pytest.raises(MalformedEventError, match='SNS events and the actions "reconcile" and "scale"'):
            handler(event, Context())

    def test_a_function_without_its_environment_names_what_is_missing(self, account, monkeypatch):
        monkeypatch.delenv("AUDIT_TABLE_NAME")
        with pytest.raises(InvalidSettingsError, match="AUDIT_TABLE_NAME"):
            handler({"action": "reconcile"}, Context())


class TestTheExecutionEnvironment:
    def test_clients_are_made_once_and_used_again(self, account, monkeypatch):
        account.add_stream(state="OK")
        handler({"action": "reconcile"}, Context())
        made = []
        monkeypatch.setattr(boto3, "client", lambda *args, **_: made.append(args))
        handler({"action": "reconcile"}, Context())
        assert made == []

    def test_after_a_failure_the_next_invocation_has_clients_with_all_their_retries(self, account):
        account.add_stream()
        account.fail("DescribeStreamSummary", "LimitExceededException")
        with pytest.raises(ClientError):
            handler(sns(fired()), Context())
        assert client("kinesis") is not account.kinesis

    def test_after_a_reconcile_with_failures_too(self, account):
        account.add_stream(state="OK")
        account.fail("DescribeStreamSummary", "LimitExceededException")
        handler({"action": "reconcile"}, Context())
        assert client("kinesis") is not account.kinesis
