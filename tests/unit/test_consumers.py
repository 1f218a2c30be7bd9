"""Consumers' concurrency follows the shard count. A failure is reported and stops nothing."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from kinesis_autoscaler.consumers import Consumers


@pytest.fixture
def functions(aws):
    """Two consumers without reserved concurrency."""
    role = aws.client("iam").create_role(RoleName="consumer", AssumeRolePolicyDocument=json.dumps({}))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): ...")
    client = aws.client("lambda")
    for name in ("ship-orders", "bill-orders"):
        client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": code.getvalue()},
        )
    return client


def concurrency(functions, name: str) -> int | None:
    return functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")


class TestFitting:
    def test_each_consumer_gets_its_concurrency_for_every_shard(self, functions):
        assert Consumers(functions).fit({"ship-orders": 2, "bill-orders": 10}, 7) == []
        assert concurrency(functions, "ship-orders") == 14
        assert concurrency(functions, "bill-orders") == 70

    @pytest.mark.parametrize(("per_shard", "shards", "wanted"), [(0.5, 7, 4), (0.25, 1, 1), (1.5, 4, 6), (0.1, 3, 1)])
    def test_a_part_of_an_execution_is_a_whole_one(self, functions, per_shard, shards, wanted):
        Consumers(functions).fit({"ship-orders": per_shard}, shards)
        assert concurrency(functions, "ship-orders") == wanted

    def test_a_stream_without_consumers_needs_no_call(self, functions):
        with Stubber(functions):  # any call would be an error here
            assert Consumers(functions).fit({}, 7) == []


class TestLooking:
    def test_a_consumer_has_too_little_or_too_much_or_just_what_it_needs(self, functions):
        functions.put_function_concurrency(FunctionName="ship-orders", ReservedConcurrentExecutions=13)
        functions.put_function_concurrency(FunctionName="bill-orders", ReservedConcurrentExecutions=15)
        consumers = Consumers(functions)
        assert consumers.unfit({"ship-orders": 2, "bill-orders": 2}, 7) == ({"ship-orders"}, {"bill-orders"})
        consumers.fit({"ship-orders": 2, "bill-orders": 2}, 7)
        assert consumers.unfit({"ship-orders": 2, "bill-orders": 2}, 7) == (set(), set())

    def test_one_without_reserved_concurrency_has_too_little(self, functions):
        assert Consumers(functions).unfit({"ship-orders": 2}, 7) == ({"ship-orders"}, set())

    def test_what_is_wanted_is_rounded_like_what_is_set(self, functions):
        Consumers(functions).fit({"ship-orders": 1.1}, 10)
        assert Consumers(functions).unfit({"ship-orders": 1.1}, 10) == (set(), set())

    def test_nothing_is_changed(self, functions):
        Consumers(functions).unfit({"ship-orders": 2}, 7)
        assert concurrency(functions, "ship-orders") is None

    def test_one_that_can_not_be_read_is_logged_and_left_out(self, functions, caplog):
        assert Consumers(functions).unfit({"pack-orders": 3, "ship-orders": 2}, 7) == ({"ship-orders"}, set())
        (log,) = caplog.records
        assert (log.levelname, log.consumer) == ("ERROR", "pack-orders")


class TestFailures:
    def test_a_consumer_that_is_missing_is_told_and_the_others_are_fitted(self, functions):
        (failure,) = Consumers(functions).fit({"pack-orders": 3, "ship-orders": 2}, 7)
        assert "The concurrency of consumer pack-orders could not be set to 21" in failure
        assert "ResourceNotFoundException" in failure
        assert concurrency(functions, "ship-orders") == 14

    @pytest.mark.parametrize(
        "code",
        ["AccessDeniedException", "TooManyRequestsException", "InvalidParameterValueException", "ServiceException"],
    )
    def test_whatever_lambda_answers_is_told_and_never_raised(self, functions, code):
        with Stubber(functions) as answers:
            answers.add_client_error("put_function_concurrency", code, "It said no.")
            (failure,) = Consumers(functions).fit({"ship-orders": 2}, 7)
        assert code in failure
        assert "It said no." in failure

    def test_a_connection_that_fails_is_told_and_never_raised(self, functions):
        def unreachable(**_):
            raise EndpointConnectionError(endpoint_url="https://lambda.us-east-2.amazonaws.com")

        functions.meta.events.register("before-call.lambda.PutFunctionConcurrency", unreachable)
        failures = Consumers(functions).fit({"ship-orders": 2, "bill-orders": 1}, 7)
        assert [failure.split()[4] for failure in failures] == ["ship-orders", "bill-orders"]
        assert all("Could not connect" in failure for failure in failures)

    def test_a_name_that_no_function_can_have_is_told_and_never_raised(self, functions):
        (failure,) = Consumers(functions).fit({"": 2}, 7)
        assert "could not be set" in failure

    def test_a_failure_leaves_the_limit_as_it_was(self, functions):
        functions.put_function_concurrency(FunctionName="ship-orders", ReservedConcurrentExecutions=5)
        with Stubber(functions) as answers:
            answers.add_client_error("put_function_concurrency", "TooManyRequestsException")
            Consumers(functions).fit({"ship-orders": 2}, 7)
        assert concurrency(functions, "ship-orders") == 5
