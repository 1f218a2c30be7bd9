"""The configuration of all clients: which errors are retried, and which are not."""

from __future__ import annotations

import time
from datetime import UTC, timedelta

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.utils import parse_timestamp

from kinesis_autoscaler.audit import LEASE
from kinesis_autoscaler.clients import (
    BOUNDED,
    CALLS_PER_SECOND,
    client,
    error_code,
    is_permanent,
    retry_attempts,
    timestamp,
)
from kinesis_autoscaler.resharding import TAKES_AT_MOST
from simulator.fleets import quotas
from tests.unit.account import REGION


class Answers:
    """Answers that replace the network's, one after another. Afterwards moto answers."""

    def __init__(self, kinesis, *answers: tuple[int, str]) -> None:
        self.left = list(answers)
        self.sent = 0
        kinesis.meta.events.register_first("before-send.kinesis.*", self._answer)

    def _answer(self, request, **_):
        self.sent += 1
        if not self.left:
            return None
        status, body = self.left.pop(0)

        class Raw:
            def stream(self, *_, **__):
                yield body.encode()

        return AWSResponse(request.url, status, {"content-type": "application/x-amz-json-1.1"}, Raw())


def error(code: str, **response) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "It said no."}, **response}, "UpdateShardCount")


class TestClients:
    @pytest.fixture(autouse=True)
    def _new_clients(self, aws):
        client.cache_clear()
        yield
        client.cache_clear()

    def test_a_service_has_one_client_for_the_life_of_the_process(self):
        assert client("kinesis") is client("kinesis")
        assert client("kinesis") is not client("cloudwatch")

    @pytest.mark.parametrize("service", ["cloudwatch", "dynamodb", "kinesis", "lambda", "sns"])
    def test_every_client_is_configured_alike(self, service):
        config = client(service).meta.config
        assert config.retries["mode"] == "standard"
        assert config.retries["total_max_attempts"] > 1
        assert config.connect_timeout < boto3.client(service).meta.config.connect_timeout
        assert config.read_timeout < boto3.client(service).meta.config.read_timeout

    @pytest.mark.parametrize(
        "value",
        [
            1767571200,
            1767571200.25,
            "1767571200",
            "2026-01-05T00:00:00Z",
            "2026-01-05T01:00:00.250+01:00",
            "2026-01-05T00:00:00",
            "Mon, 05 Jan 2026 00:00:00 GMT",
        ],
    )
    def test_a_moment_is_the_same_as_botocore_makes_of_it(self, value):
        assert timestamp(value) == parse_timestamp(value)

    def test_answers_have_their_moments_in_utc(self, monkeypatch):
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        kinesis = client("kinesis")
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
        assert summary["StreamCreationTimestamp"].tzinfo is UTC

    def test_patience_and_a_bound_have_a_client_each(self):
        patient, bounded = client("kinesis"), client("kinesis", BOUNDED)
        assert bounded is client("kinesis", BOUNDED) is not patient
        assert bounded.meta.config.read_timeout < patient.meta.config.read_timeout

    def test_the_call_that_a_lease_protects_is_answered_or_given_up_within_it(self):
        attempts = BOUNDED.retries["total_max_attempts"]
        waiting = sum(min(2**n, 20) for n in range(attempts - 1))  # standard mode's longest backoff
        longest = attempts * (BOUNDED.connect_timeout + BOUNDED.read_timeout) + waiting
        assert timedelta(seconds=longest) <= TAKES_AT_MOST < LEASE

    def test_the_lease_is_over_before_lambda_tries_a_failed_event_again(self):
        first_retry = timedelta(minutes=1)  # of an asynchronous invocation; the second follows two minutes later
        assert first_retry > LEASE
        assert TAKES_AT_MOST + timedelta(seconds=10) <= LEASE, "time enough to begin"

    def test_a_failure_of_the_service_is_tried_again(self):
        kinesis = client("kinesis")
        kinesis.create_stream(StreamName="orders", ShardCount=4)
        answers = Answers(kinesis, (500, "{}"), (503, "{}"))
        assert kinesis.describe_stream_summary(StreamName="orders")["ResponseMetadata"]["RetryAttempts"] == 2
        assert answers.sent == 3

    def test_in_the_end_the_failure_is_passed_on_with_the_number_of_attempts(self):
        kinesis = client("kinesis", BOUNDED)
        answers = Answers(kinesis, *[(500, "{}")] * 10)
        with pytest.raises(ClientError) as failure:
            kinesis.describe_stream_summary(StreamName="orders")
        assert retry_attempts(failure.value) == answers.sent - 1 > 0

    def test_a_refusal_is_not_tried_again(self):
        kinesis = client("kinesis")
        answers = Answers(kinesis, (400, '{"__type": "AccessDeniedException", "message": "not you"}'))
        with pytest.raises(ClientError) as failure:
            kinesis.describe_stream_summary(StreamName="orders")
        assert (error_code(failure.value), answers.sent) == ("AccessDeniedException", 1)
        assert retry_attempts(failure.value) == 0


class TestPace:
    @pytest.fixture(autouse=True)
    def _new_clients(self, aws):
        client.cache_clear()
        yield
        client.cache_clear()

    @pytest.fixture
    def slept(self, monkeypatch):
        """The duration of each sleep. Time passes only in sleeps."""
        naps: list[float] = []
        monkeypatch.setattr(time, "sleep", naps.append)
        monkeypatch.setattr(time, "time", lambda: 1e9 + sum(naps))
        return naps

    def describe(self, times: int) -> None:
        client("kinesis").create_stream(StreamName="orders", ShardCount=1)
        for _ in range(times):
            client("kinesis").describe_stream_summary(StreamName="orders")

    def test_it_stays_under_what_aws_grants_and_makes_good_use_of_it(self):
        for operation, rate in CALLS_PER_SECOND.items():
            assert 0.85 * quotas.CALLS_PER_SECOND[operation] <= rate < quotas.CALLS_PER_SECOND[operation]

    def test_a_single_scaling_is_not_held_up(self, slept):
        rate = CALLS_PER_SECOND["PutMetricAlarm"]
        assert rate >= 2, "it writes two alarms"
        self.describe(5)
        assert slept == []

    def test_many_calls_keep_to_the_rate(self, slept):
        rate = CALLS_PER_SECOND["DescribeStreamSummary"]
        self.describe(100)
        assert sum(slept) == pytest.approx(99 / rate - 1, abs=1 / rate)
        assert max(slept) == pytest.approx(1 / rate)

    def test_the_operations_do_not_wait_for_each_other(self, slept):
        self.describe(18)
        client("cloudwatch").describe_alarms()
        assert slept == []

    def test_an_operation_without_a_rate_is_never_held_up(self, slept):
        for _ in range(100):
            client("cloudwatch").list_metrics()
        assert slept == []

    def test_a_clock_that_is_put_back_holds_nothing_up(self, slept, monkeypatch):
        self.describe(30)
        before = len(slept)
        monkeypatch.setattr(time, "time", lambda: 1e8)
        client("kinesis").describe_stream_summary(StreamName="orders")
        assert len(slept) == before > 0


class TestErrors:
    def test_an_error_has_a_code_even_where_the_answer_has_none(self):
        assert error_code(error("LimitExceededException")) == "LimitExceededException"
        assert error_code(ClientError({}, "UpdateShardCount")) == ""

    @pytest.mark.parametrize(
        "code",
        [
            "AccessDenied",
            "AccessDeniedException",
            "InvalidArgumentException",
            "InvalidParameterValue",
            "ResourceNotFound",
            "ResourceNotFoundException",
            "ValidationError",
            "ValidationException",
        ],
    )
    def test_what_a_person_must_mend_is_permanent(self, code):
        assert is_permanent(error(code))

    @pytest.mark.parametrize(
        "code",
        [
            "InternalFailure",
            "InternalServerError",
            "LimitExceededException",
            "ProvisionedThroughputExceededException",
            "RequestTimeout",
            "ResourceInUseException",
            "ServiceUnavailable",
            "Throttling",
            "ThrottlingException",
            "TransactionCanceledException",
            "",
        ],
    )
    def test_what_time_may_mend_is_not(self, code):
        assert not is_permanent(error(code))

    @pytest.mark.parametrize("other", [EndpointConnectionError(endpoint_url="https://x"), ValueError("no"), KeyError()])
    def test_what_is_no_answer_of_aws_is_not(self, other):
        assert not is_permanent(other)

    def test_an_answer_at_the_first_attempt_has_no_retries(self):
        assert retry_attempts(error("Throttling")) == 0
        assert retry_attempts(error("Throttling", ResponseMetadata={})) == 0
        assert retry_attempts(error("Throttling", ResponseMetadata={"RetryAttempts": 4})) == 4
