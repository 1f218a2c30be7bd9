"""Calls of the local AWS with and without shortcuts have the same answers."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import pytest
from botocore import xform_name
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError, ParamValidationError
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.responses import BaseResponse
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from simulator.deployment import add_stream, deploy
from simulator.local_aws import START, LocalAWS, Transport
from simulator.local_aws.short_ways import SHORT
from simulator.traffic import Traffic

whole_query = Table.query  # the original, without a local AWS
UP = "kinesis-autoscaler/orders/scale-up"
INCOMING = {
    "Namespace": "AWS/Kinesis",
    "MetricName": "IncomingBytes",
    "Dimensions": [{"Name": "StreamName", "Value": "orders"}],
}
TABLE = {"TableName": "kinesis-autoscaler-audit"}
NEVER = {
    "Item": {"stream_name": {"S": "other"}, "event_time": {"S": "then"}},
    "ConditionExpression": "attribute_exists(stream_name)",
}
ORDERS = {"KeyConditionExpression": "stream_name = :s", "ExpressionAttributeValues": {":s": {"S": "orders"}}}
CHANGE = {"UpdateExpression": "SET message = :m", "ExpressionAttributeValues": {":m": {"S": "Written by hand."}}}


@pytest.fixture(scope="module")
def busy():
    """A stream that was scaled up, with a scaling log and alarms that have been in several states."""
    with LocalAWS() as aws:
        deployment = deploy(aws)
        assert deployment.audit_table_name == TABLE["TableName"]
        add_stream(aws, "orders", 2, max_shard_count=16)
        for _ in range(45):
            aws.advance_minute({"orders": Traffic.for_shards(3)})
        yield aws


@contextmanager
def long_way():
    """Send calls over the wire, and check that they are sent."""
    wire, calls = vars(Endpoint)["_do_get_response"], []

    def watched(*call):
        calls.append(call)
        return wire(*call)

    with patch.object(Endpoint, "_do_get_response", watched):
        yield
    assert calls


def ask(aws, service, operation, parameters):
    answer = getattr(aws.client(service), xform_name(operation))(**parameters)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    return answer


def requests(aws):
    """Return requests with an answer, for each operation with a shortcut."""
    first = ask(aws, "dynamodb", "Query", {**TABLE, **ORDERS})["Items"][0]
    key = {name: first[name] for name in ("stream_name", "event_time")}
    raw = {"Id": "raw", "MetricStat": {"Metric": INCOMING, "Period": 300, "Stat": "Sum"}}
    window = {"StartTime": START - timedelta(days=1), "EndTime": aws.clock.now()}
    up = ask(aws, "cloudwatch", "DescribeAlarms", {"AlarmNames": [UP]})["MetricAlarms"][0]
    definition = {name: up[name] for name in ("AlarmName", "Metrics", "ComparisonOperator", "EvaluationPeriods")}
    item = {"stream_name": {"S": "other"}, "event_time": {"S": "now"}, "m": {"M": {"n": {"N": "1.50"}}}}
    return {
        "DescribeAlarms": [{}, {"AlarmNames": [UP]}, {"AlarmNames": ["none"]}, {"MaxRecords": 1}],
        "GetMetricData": [
            {**window, "MetricDataQueries": [raw], "ScanBy": "TimestampAscending"},
            {**window, "MetricDataQueries": [raw], "MaxDatapoints": 3},
            {**window, "MetricDataQueries": [raw | {"ReturnData": False}, {"Id": "half", "Expression": "raw / 2"}]},
        ],
        "ListTagsForResource": [{"ResourceARN": up["AlarmArn"]}],
        "PutMetricAlarm": [{**definition, "Threshold": 0.5, "ActionsEnabled": False}],
        "SetAlarmState": [{"AlarmName": UP, "StateValue": "OK", "StateReason": "by hand"}],
        "GetItem": [{**TABLE, "Key": key}, {**TABLE, "Key": {**key, "event_time": {"S": "never"}}}],
        "PutItem": [{**TABLE, "Item": item}],
        "TransactWriteItems": [{"TransactItems": [{"Put": {**TABLE, "Item": item}}]}],
        "UpdateItem": [{**TABLE, "Key": key, **CHANGE}, {**TABLE, "Key": key, **CHANGE, "ReturnValues": "ALL_NEW"}],
        "Query": [
            {**TABLE, **ORDERS},
            {**TABLE, **ORDERS, "Limit": 1, "ScanIndexForward": False},
            {**TABLE, **ORDERS, "FilterExpression": "#s = :s", "ExpressionAttributeNames": {"#s": "stream_name"}},
        ],
        "DescribeStreamSummary": [{"StreamName": "orders"}],
    }


@pytest.mark.parametrize(("service", "operation"), SHORT)
def test_the_answer_is_that_of_the_long_way(busy, service, operation):
    for parameters in requests(busy)[operation]:
        short = ask(busy, service, operation, parameters)
        after = everything(busy)
        with long_way():
            assert short == ask(busy, service, operation, parameters)
        assert after == everything(busy), "a write has done the same"


def everything(aws):
    """Return everything that calls may have written."""
    alarms = ask(aws, "cloudwatch", "DescribeAlarms", {})
    return [alarms, ask(aws, "dynamodb", "Scan", TABLE)]


@pytest.mark.parametrize(("service", "operation"), SHORT)
def test_what_a_caller_does_with_an_answer_is_nobody_elses_business(busy, service, operation):
    parameters = requests(busy)[operation][0]
    expected = ask(busy, service, operation, parameters)
    _ruin(ask(busy, service, operation, parameters))
    assert ask(busy, service, operation, parameters) == expected


def _ruin(answer):
    for value in answer.values() if isinstance(answer, dict) else answer:
        if isinstance(value, (dict, list)):
            _ruin(value)
    answer.clear()


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("kinesis", "DescribeStreamSummary", {"StreamName": "none"}),
        ("dynamodb", "Query", {"TableName": "none", **ORDERS}),
        ("dynamodb", "Query", {**TABLE, **ORDERS, "KeyConditionExpression": "nothing = :s"}),
        ("dynamodb", "GetItem", {**TABLE, "Key": {"event_time": {"S": "x"}}}),
        ("dynamodb", "PutItem", {**TABLE, **NEVER}),
        ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": {**TABLE, **NEVER}}]}),
        ("dynamodb", "UpdateItem", {**TABLE, "Key": {"event_time": {"S": "x"}}, **CHANGE}),
        ("dynamodb", "UpdateItem", {**TABLE, "Key": NEVER["Item"], **CHANGE, "ConditionExpression": "message = :m"}),
        ("cloudwatch", "SetAlarmState", {"AlarmName": "none", "StateValue": "OK", "StateReason": "by hand"}),
    ],
)
def test_a_refusal_is_that_of_the_long_way(busy, service, operation, parameters):
    with pytest.raises(ClientError) as short:
        ask(busy, service, operation, parameters)
    with long_way(), pytest.raises(ClientError) as long:
        ask(busy, service, operation, parameters)
    assert str(short.value) == str(long.value)


def test_parameters_are_checked_as_ever(busy):
    with pytest.raises(ParamValidationError, match="StreamNam"):
        busy.client("kinesis").describe_stream_summary(StreamNam="orders")


@pytest.fixture(scope="module")
def letters(busy):
    """A table with two partitions."""
    attributes = {"p": "HASH", "e": "RANGE"}
    busy.client("dynamodb").create_table(
        TableName="letters",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in attributes.items()],
        BillingMode="PAY_PER_REQUEST",
    )
    for partition in "ab":
        for letter in "uvvwwx":
            busy.client("dynamodb").put_item(TableName="letters", Item={"p": {"S": partition}, "e": {"S": letter * 2}})
    return busy


@pytest.mark.parametrize("condition", ["e = :e", "e < :e", "e <= :e", "e > :e", "e >= :e", "begins_with(e, :e)"])
def test_a_query_finds_what_moto_finds_when_it_looks_at_everything(letters, condition):
    request = {
        "TableName": "letters",
        "KeyConditionExpression": f"p = :p AND {condition}",
        "ExpressionAttributeValues": {":p": {"S": "a"}, ":e": {"S": "vv"}},
    }
    found = ask(letters, "dynamodb", "Query", request)
    with patch.object(Table, "query", whole_query):
        assert found == ask(letters, "dynamodb", "Query", request)
    assert found["Items"]


def test_one_who_stands_at_the_wire_for_some_operations_leaves_the_others_their_short_ways(busy):
    stubbed, calls = vars(BotocoreStubber)["__call__"], []

    def watched(stubber, event_name, request, **options):
        calls.append(event_name.rpartition(".")[2])
        return stubbed(stubber, event_name, request, **options)

    watched.operations = {"Query"}
    with patch.object(BotocoreStubber, "__call__", watched):
        ask(busy, "dynamodb", "Query", {**TABLE, **ORDERS})
        ask(busy, "cloudwatch", "DescribeAlarms", {})
        ask(busy, "kinesis", "ListStreams", {})
    assert calls == ["Query", "ListStreams"]


def test_a_copy_of_an_item_does_not_follow_the_item(letters):
    """A failed transaction restores its table from the copy."""
    key = {"p": {"S": "c"}, "e": {"S": "c"}}
    before = {
        **key,
        "li": {"L": [{"N": "1"}]},
        "ma": {"M": {"n": {"N": "1"}}},
        "st": {"SS": ["a"]},
        "n": {"N": "1"},
    }
    letters.client("dynamodb").put_item(TableName="letters", Item=before)
    change = {
        "TableName": "letters",
        "Key": key,
        "UpdateExpression": "SET li[0] = :n, ma.n = :n, n = :n ADD st :s",
        "ExpressionAttributeValues": {":n": {"N": "2"}, ":s": {"SS": ["b"]}},
    }
    missing = {"TableName": "letters", "Key": {**key, "e": {"S": "none"}}, "ConditionExpression": "attribute_exists(p)"}
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        letters.client("dynamodb").transact_write_items(TransactItems=[{"Update": change}, {"ConditionCheck": missing}])
    assert letters.client("dynamodb").get_item(TableName="letters", Key=key)["Item"] == before


MOTOS_TRANSACTIONS = DynamoDBBackend.transact_write_items
"""moto's own method, before a local AWS replaces it."""
A_KEY, NO_KEY = ({"stream_name": {"S": "orders"}, "event_time": {"S": time}} for time in ("a", "none"))
PUT = {"Put": {**TABLE, "Item": {**A_KEY, "message": {"S": "Written by hand."}}}}
CHANGED = {"Update": {**TABLE, "Key": A_KEY, **CHANGE}}
DELETE = {"Delete": {**TABLE, "Key": A_KEY}}
REFUSED = {"Put": {**TABLE, "Item": NO_KEY, "ConditionExpression": "attribute_exists(stream_name)"}}
BY_ONE_KEY = {"TableName": "by-one-key"}
PUT_BY_ONE_KEY = {"Put": {**BY_ONE_KEY, "Item": {"name": {"S": "a"}, "n": {"N": "1"}}}}


@pytest.fixture(scope="module")
def two_tables(busy):
    definition = {"AttributeName": "name"}
    busy.client("dynamodb").create_table(
        **BY_ONE_KEY,
        KeySchema=[{**definition, "KeyType": "HASH"}],
        AttributeDefinitions=[{**definition, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return busy


@pytest.mark.parametrize("before", [[], [PUT]], ids=["a new item", "an item that exists"])
@pytest.mark.parametrize(
    "writes",
    [
        [PUT],
        [CHANGED],
        [DELETE],
        [PUT, REFUSED],
        [CHANGED, REFUSED],
        [DELETE, REFUSED],
        [PUT, DELETE],
        [PUT_BY_ONE_KEY, PUT],
        [PUT_BY_ONE_KEY, REFUSED],
        [PUT, {"Put": {"TableName": "none", "Item": A_KEY}}],
    ],
)
def test_a_transaction_leaves_what_motos_own_leaves(two_tables, before, writes):
    def after(method):
        for name, key in ((TABLE, A_KEY), (BY_ONE_KEY, {"name": {"S": "a"}})):
            ask(two_tables, "dynamodb", "DeleteItem", {**name, "Key": key})
        for put in before:
            ask(two_tables, "dynamodb", "PutItem", put["Put"])
        error = ""
        with patch.object(DynamoDBBackend, "transact_write_items", method):
            try:
                ask(two_tables, "dynamodb", "TransactWriteItems", {"TransactItems": writes})
            except ClientError as refusal:
                error = str(refusal)
        return error, *(ask(two_tables, "dynamodb", "Scan", table) for table in (TABLE, BY_ONE_KEY))

    assert after(DynamoDBBackend.transact_write_items) == after(MOTOS_TRANSACTIONS)


def test_over_http_only_functions_take_a_short_way():
    seen, call_action = set(), BaseResponse.call_action

    def watched(response):
        seen.add(response._get_action())
        return call_action(response)

    with LocalAWS(Transport.HTTP) as aws:
        deploy(aws)
        add_stream(aws, "orders", 2)
        with patch.object(BaseResponse, "call_action", watched):
            for _ in range(10):
                aws.advance_minute({"orders": Traffic.for_shards(3)})
            assert "UpdateShardCount" in seen
            assert "DescribeAlarms" not in seen
            aws.client("cloudwatch").describe_alarms()
            assert "DescribeAlarms" in seen
