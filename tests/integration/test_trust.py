"""Which messages the function trusts, what it leaves alone, and what happens to events that it cannot handle."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.local_aws.function import Invocation
from tests.rules import shard_count
from tests.world import World, put_alarm, world

UP, DOWN = "kinesis-autoscaler/orders/scale-up", "kinesis-autoscaler/orders/scale-down"
WRITES = {"PutMetricAlarm", "SetAlarmState", "UpdateShardCount", "PutItem", "TransactWriteItems"}


@pytest.fixture
def w():
    """A stream of 8 shards with its alarms in OK, without any request so far."""
    with world() as w:
        w.add_stream()
        w.run(12)
        yield w


# Forged and foreign messages


def an_alarm_in_ok(w: World) -> str:
    w.publish(message())
    return f"The alarm {UP} is OK"


def an_alarm_with_another_prefix(w: World) -> str:
    foreign_alarm(w, "somebody/orders/scale-up")
    w.publish(message("somebody/orders/scale-up"))
    return 'The alarm name "somebody/orders/scale-up" is not of the form kinesis-autoscaler/<stream>/scale-up|down.'


def an_alarm_whose_name_only_begins_like_ours(w: World) -> str:
    foreign_alarm(w, "kinesis-autoscaler-orders")
    w.publish(message("kinesis-autoscaler-orders"))
    return 'The alarm name "kinesis-autoscaler-orders" is not of the form'


def an_alarm_that_does_not_notify_our_topic(w: World) -> str:
    put_alarm(w.aws, w.alarms()["scale-up"], AlarmActions=[])
    set_state(w, UP)
    w.publish(message())
    return f"The alarm {UP} does not notify this autoscaler's topic."


def a_partner_that_watches_another_stream(w: World) -> str:
    queries = json.loads(json.dumps(w.alarms()["scale-down"]["Metrics"]).replace('"orders"', '"clicks"'))
    put_alarm(w.aws, w.alarms()["scale-down"], Metrics=queries)
    set_state(w, UP)
    return f"The alarm {DOWN} watches clicks, not orders."


def a_partner_that_is_gone(w: World) -> str:
    w.aws.client("cloudwatch").delete_alarms(AlarmNames=[DOWN])
    set_state(w, UP)
    return f"There is no alarm {DOWN}."


def an_alarm_that_was_deleted(w: World) -> str:
    w.aws.client("cloudwatch").delete_alarms(AlarmNames=[UP])
    w.publish(message())
    return f"There is no alarm {UP}."


def an_alarm_that_was_paused_since(w: World) -> str:
    w.pause("scale-up")
    set_state(w, UP)
    w.publish(message())
    return f"The alarm {UP} is paused"


def text_that_is_not_json(w: World) -> str:
    w.publish("hello")
    return "The message does not come from a CloudWatch alarm: JSONDecodeError"


def json_that_is_not_an_alarm(w: World) -> str:
    w.publish({"detail-type": "CloudWatch Alarm State Change"})
    return "The message does not come from a CloudWatch alarm: KeyError('AlarmName')"


def json_that_is_not_even_an_object(w: World) -> str:
    w.publish('["ALARM"]')
    return "The message does not come from a CloudWatch alarm: TypeError"


def a_message_with_an_impossible_time(w: World) -> str:
    w.publish(message(StateChangeTime="2026-02-30T00:00:00.000+0000"))
    return "The message does not come from a CloudWatch alarm: ValueError"


def a_message_from_another_topic(w: World) -> str:
    deliver(w, record_of(w, message(), topic="arn:aws:sns:us-east-1:123456789012:somebody"))
    return "The message comes from the topic arn:aws:sns:us-east-1:123456789012:somebody, not "


def a_message_of_an_alarm_that_is_ok_again(w: World) -> str:
    w.publish(message(NewStateValue="OK"))
    return f"{UP} is OK, which requires no action."


def a_message_of_an_alarm_without_data(w: World) -> str:
    w.publish(message(NewStateValue="INSUFFICIENT_DATA"))
    return f"{UP} is INSUFFICIENT_DATA, which requires no action."


@pytest.mark.parametrize(
    "send",
    [
        an_alarm_in_ok,
        an_alarm_with_another_prefix,
        an_alarm_whose_name_only_begins_like_ours,
        an_alarm_that_does_not_notify_our_topic,
        a_partner_that_watches_another_stream,
        a_partner_that_is_gone,
        an_alarm_that_was_deleted,
        an_alarm_that_was_paused_since,
        text_that_is_not_json,
        json_that_is_not_an_alarm,
        json_that_is_not_even_an_object,
        a_message_with_an_impossible_time,
        a_message_from_another_topic,
        a_message_of_an_alarm_that_is_ok_again,
        a_message_of_an_alarm_without_data,
    ],
    ids=lambda send: send.__name__,
)
def test_is_refused_with_a_log_line_and_a_metric(w, send: Callable[[World], str]):
    why = send(w)
    definitions = untouched(w)
    w.run(4)  # past both of Lambda's retries
    [invocation] = w.invocations("alarm")
    assert invocation.error is None
    [line] = warnings(invocation)
    assert line["message"].startswith(why)
    assert metric(invocation, "RefusedEvents") == 1
    assert not WRITES & {call.operation for call in invocation.api_calls}
    assert w.reshards == w.log() == w.dead_letters() == []
    assert untouched(w) == definitions


def test_reconcile_leaves_foreign_alarms_on_our_topic_alone(w):
    foreign_alarm(w, "somebody/orders/scale-up", AlarmActions=[w.deployment.topic_arn])
    set_state(w, "somebody/orders/scale-up")
    before = every_alarm(w)["somebody/orders/scale-up"]
    w.reconcile()
    assert every_alarm(w)["somebody/orders/scale-up"] == before
    assert "is not of the form" in warnings(w.aws.functions.invocations[-1])[0]["message"]


def test_a_message_that_is_sent_again_after_the_scaling_changes_nothing(w):
    w.demand["orders"] = 7.0
    w.run_until(lambda: "SUCCEEDED" in w.statuses())
    [first, *_] = w.invocations("alarm")
    before = w.log()
    for _ in range(3):
        deliver(w, *first.event["Records"])
    w.run(4)
    assert len(w.reshards) == 1
    assert w.log() == before


# What a user may do to the alarms


def test_a_users_changes_to_the_alarms_survive_a_scaling(w):
    topic = w.aws.client("sns").create_topic(Name="people")["TopicArn"]
    w.change_alarm(
        "scale-up",
        AlarmActions=[topic, w.deployment.topic_arn],
        OKActions=[topic],
        AlarmDescription="Ours, ring the bell.",
        Threshold=0.8,
        EvaluationPeriods=2,
        DatapointsToAlarm=1,
        TreatMissingData="ignore",
    )
    w.change_alarm("scale-down", ActionsEnabled=False, AlarmDescription="Paused for the sale.")
    w.aws.client("cloudwatch").tag_resource(
        ResourceARN=w.alarms()["scale-up"]["AlarmArn"], Tags=[{"Key": "team", "Value": "shop"}]
    )
    before = {action: (w.definition(alarm), w.tags(alarm)) for action, alarm in w.alarms().items()}

    w.demand["orders"] = 7.0
    w.run(10)

    assert len(w.reshards) == 1
    assert {shard_count(alarm) for alarm in w.alarms().values()} == {w.shards()} != {8}
    assert {action: (w.definition(alarm), w.tags(alarm)) for action, alarm in w.alarms().items()} == before
    assert w.broken_rules() == []


def test_scaling_does_not_run_the_users_ok_actions(w):
    people = w.aws.client("sns").create_topic(Name="people")["TopicArn"]
    queue = w.aws.client("sqs").create_queue(QueueName="people")["QueueUrl"]
    w.aws.client("sns").subscribe(TopicArn=people, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:people")
    w.change_alarm("scale-up", OKActions=[people])
    w.demand["orders"] = 7.0
    w.run_until(lambda: w.statuses() == ["UPDATING"])
    assert w.alarms()["scale-up"]["StateValue"] == "INSUFFICIENT_DATA"
    assert "Messages" not in w.aws.client("sqs").receive_message(QueueUrl=queue)


# Several records in one event


def test_two_records_in_one_event_are_both_handled(w):
    records = two_alarms(w)
    deliver(w, *records)
    assert sorted(reshard.stream for reshard in w.reshards) == ["clicks", "orders"]
    assert w.statuses("orders") == w.statuses("clicks") == ["UPDATING"]


@pytest.mark.parametrize("garbage", ["not JSON", "[]", "{}", "", "null"])
def test_garbage_in_a_record_does_not_stop_the_one_behind_it(w, garbage):
    orders, _ = two_alarms(w)
    deliver(w, record_of(w, garbage), orders)
    assert [reshard.stream for reshard in w.reshards] == ["orders"]
    assert w.aws.functions.invocations[-1].error is None


def test_a_record_that_fails_does_not_stop_the_one_behind_it_and_is_tried_again_alone(w):
    orders, clicks = two_alarms(w)
    w.before_call = lambda running, call: fail(call, "orders") if running.attempt == 1 else None
    deliver(w, orders, clicks)
    assert [reshard.stream for reshard in w.reshards] == ["clicks"]
    w.run(2)
    assert [reshard.stream for reshard in w.reshards] == ["clicks", "orders"]
    w.calm()
    assert w.broken_rules() == []


def test_a_record_that_no_retry_can_mend_is_not_retried(w):
    orders, clicks = two_alarms(w)
    w.before_call = lambda running, call: fail(call, "orders", code="AccessDeniedException")
    deliver(w, orders, clicks)
    invocation = w.aws.functions.invocations[-1]
    assert invocation.error is None
    assert [reshard.stream for reshard in w.reshards] == ["clicks"]
    assert metric(invocation, "Failures") == 1
    assert any(line.get("level") == "ERROR" for line in invocation.logs)


# Requests and other events


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({}, '"stream_name" is None and must be the name of a stream.'),
        ({"stream_name": 7}, '"stream_name" is 7 and must be the name of a stream.'),
        ({"stream_name": "orders"}, '"shard_count" is None and must be a whole number of at least 1.'),
        ({"stream_name": "orders", "shard_count": "12"}, "\"shard_count\" is '12' and must be a whole number"),
        ({"stream_name": "orders", "shard_count": 2.5}, '"shard_count" is 2.5 and must be a whole number'),
        ({"stream_name": "orders", "shard_count": True}, '"shard_count" is True and must be a whole number'),
        ({"stream_name": "orders", "shard_count": 0}, '"shard_count" is 0 and must be a whole number'),
        ({"stream_name": "orders", "shard_count": 9, "requested_at": "noon"}, "\"requested_at\" is 'noon' and must be"),
        ({"stream_name": "orders", "shard_count": 9, "requested_at": 12}, '"requested_at" is 12 and must be an ISO'),
        ({"stream_name": "unknown", "shard_count": 9}, "There is no alarm kinesis-autoscaler/unknown/scale-up"),
    ],
)
def test_a_request_with_bad_input_is_answered_with_the_value_and_the_rule(w, request_, sentence):
    answer = w.invoke({"action": "scale", **request_})
    assert answer["errorMessage"].startswith(sentence)
    assert w.reshards == w.log() == []


@pytest.mark.parametrize(
    ("event", "given"), [({"action": "shrink"}, "'shrink'"), ({}, "None"), ({"action": ["scale"]}, r"['scale']")]
)
def test_an_unknown_action_is_refused_with_what_is_accepted(w, event, given):
    answer = w.invoke(event)
    assert answer["errorType"] == "MalformedEventError"
    assert answer["errorMessage"] == (
        f'The event has "action": {given}; this function accepts SNS events and the actions "reconcile" and "scale".'
    )


# The dead-letter queue


def test_an_event_that_keeps_failing_can_be_redriven_from_the_dead_letter_queue(w):
    w.aws.client("scheduler").delete_schedule(Name="kinesis-autoscaler-reconcile")  # which would recover it sooner
    w.before_call = lambda running, call: fail(call, "orders")
    w.demand["orders"] = 7.0
    w.run(8)
    attempts = w.invocations("alarm")
    assert [each.attempt for each in attempts] == [1, 2, 3]
    assert [each.started_at - attempts[0].started_at for each in attempts[1:]] == [
        timedelta(minutes=1),
        timedelta(minutes=3),
    ]
    [letter] = w.dead_letters()
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert w.reshards == w.log() == []

    w.before_call = None
    answer = w.invoke(letter["requestPayload"])
    [decision] = answer["decisions"]
    assert decision["status"] == "UPDATING"
    w.run(3)
    assert w.shards() == decision["to_shard_count"] > 8


def test_a_malformed_event_goes_to_the_dead_letter_queue_and_not_round_for_ever(w):
    w.send({"action": "shrink"})
    w.run(30)
    assert [each.attempt for each in w.invocations("shrink")] == [1, 2, 3]
    [letter] = w.dead_letters()
    assert letter["requestPayload"] == {"action": "shrink"}
    assert letter["responsePayload"]["errorType"] == "MalformedEventError"


# Parts of these tests


def message(alarm_name: str = UP, **fields: str) -> dict[str, str]:
    """An alarm's message, forged by somebody who knows its form."""
    return {
        "AlarmName": alarm_name,
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": "2026-01-05T00:12:00.000+0000",
        **fields,
    }


def record_of(w: World, message: dict[str, str] | str, topic: str | None = None) -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return {"EventSource": "aws:sns", "Sns": {"TopicArn": topic or w.deployment.topic_arn, "Message": text}}


def deliver(w: World, *records: dict[str, Any]) -> None:
    w.send({"Records": list(records)})


def two_alarms(w: World) -> list[dict[str, Any]]:
    """The records of two streams' alarms that have fired, neither of which was delivered."""
    w.add_stream("clicks", shards=4, demand=2.0)
    w.run(6)
    sns = w.aws.client("sns")
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=w.deployment.topic_arn)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    w.demand |= {"orders": 7.0, "clicks": 3.6}
    names = {stream: f"kinesis-autoscaler/{stream}/scale-up" for stream in ("orders", "clicks")}
    w.run_until(lambda: all(every_alarm(w)[name]["StateValue"] == "ALARM" for name in names.values()), at_most=4)
    at = w.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return [record_of(w, message(name, StateChangeTime=at)) for name in names.values()]


def foreign_alarm(w: World, name: str, **settings: Any) -> None:
    """An alarm of another owner, in ALARM."""
    w.aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/Kinesis",
        MetricName="IncomingBytes",
        Dimensions=[{"Name": "StreamName", "Value": "orders"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        **settings,
    )
    w.run(1)


def set_state(w: World, alarm_name: str, state: str = "ALARM") -> None:
    w.aws.client("cloudwatch").set_alarm_state(AlarmName=alarm_name, StateValue=state, StateReason="by hand")


def every_alarm(w: World) -> dict[str, dict[str, Any]]:
    alarms = w.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in alarms}


def untouched(w: World) -> dict[str, dict[str, Any]]:
    """Return every alarm with the time of its last PutMetricAlarm, without its state, which changes by itself."""
    alarms = every_alarm(w).items()
    return {name: {k: v for k, v in alarm.items() if not k.startswith("State")} for name, alarm in alarms}


def warnings(invocation: Invocation) -> list[dict[str, Any]]:
    return [line for line in invocation.logs if line.get("level") == "WARNING"]


def metric(invocation: Invocation, name: str) -> float:
    return sum(line.get(name, 0) for line in invocation.logs if "_aws" in line)


def fail(call, stream: str, code: str = "InternalFailure") -> None:
    """Refuse every call about a stream."""
    if call.parameters.get("StreamName") == stream:
        raise ClientError({"Error": {"Code": code, "Message": "refused"}}, call.operation)
