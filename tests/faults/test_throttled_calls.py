"""AWS refuses calls for a while, or for long. The rules still hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto.core.botocore_stubber import BotocoreStubber

from tests.faults.copies import in_a_copy
from tests.faults.effort import SOAK
from tests.faults.test_crash_at_every_call import (
    SCENARIOS,
    Scenario,
    calls_of,
    first_split,
    reconcile,
    scale_up,
    second_split,
)
from tests.world import World, world


@contextmanager
def unavailable(w: World, scenario: Scenario, operation: str, times: int | None) -> Iterator[list[str]]:
    """Answer 503 below botocore's retries, `times` times or (None) always, to the affected invocation."""
    refused: list[str] = []
    answer = BotocoreStubber.__call__

    def refuse(stubber, event_name, request, **options):
        sabotaged = w.running.kind == scenario.kind and w.running.attempt >= scenario.attempt
        if sabotaged and event_name.endswith(f".{operation}") and (times is None or len(refused) < times):
            refused.append(event_name)
            return AWSResponse(request.url, 503, {}, _Body())
        return answer(stubber, event_name, request, **options)

    refuse.operations = {operation}  # all others use the shortcuts
    with patch.object(BotocoreStubber, "__call__", refuse):
        yield refused


class _Body:
    def stream(self, **options):
        yield b""

    def read(self, *args):
        return b""


REFUSED = [each for each in SCENARIOS if each is not second_split]
"""Only the first split of a step: what refuses the second one would also refuse the first, so there is no second."""

TOGETHER_ALL_CALLS = [scale_up, reconcile, first_split]
OTHERS = [each for each in REFUSED if each not in TOGETHER_ALL_CALLS]
STEPS = {"UpdateShardCount", "SplitShard", "PutMetricAlarm"}
"""The calls that carry out a scaling."""


def each_call() -> Iterator[tuple[Scenario, World, str]]:
    """Each operation in the first scenario that needs it, and in the soak in all of them. A new one is included."""
    met: set[str] = set()
    for scenario_of in REFUSED if SOAK else TOGETHER_ALL_CALLS:
        with prepared(scenario_of) as (scenario, w):
            for operation in operations_of(scenario, w):
                if SOAK or operation not in met:
                    yield scenario, w, operation
                met.add(operation)


@contextmanager
def prepared(scenario_of: Callable[[], Scenario]) -> Iterator[tuple[Scenario, World]]:
    scenario = scenario_of()
    with world() as w:
        scenario.prepare(w)
        yield scenario, w


def operations_of(scenario: Scenario, w: World) -> list[str]:
    """Return the different calls of an invocation."""
    return list(dict.fromkeys(in_a_copy(calls_of, scenario, w)))


def test_a_call_that_is_refused_twice_is_retried_within_the_invocation():
    for scenario, w, operation in each_call():
        in_a_copy(is_refused_twice, scenario, w, operation)


def is_refused_twice(scenario: Scenario, w: World, operation: str) -> None:
    with unavailable(w, scenario, operation, times=2) as refused:
        scenario.go(w)
        assert len(refused) == 2, (operation, w.log())
    failed = [each.attempt for each in w.aws.functions.invocations if each.error]
    assert failed == list(range(1, scenario.attempt)), operation
    w.calm(7)
    assert w.broken_rules() == [], operation
    assert scenario.ends_with(w), operation


def test_a_call_that_is_refused_for_long_heals_once_it_is_not():
    for scenario, w, operation in each_call():
        in_a_copy(is_refused_for_long, scenario, w, operation)


@pytest.mark.parametrize("scenario_of", OTHERS, ids=lambda each: each.__name__)
def test_a_scaling_whose_steps_are_refused_for_long_heals_once_they_are_not(scenario_of):
    with prepared(scenario_of) as (scenario, w):
        for operation in STEPS.intersection(operations_of(scenario, w)):
            in_a_copy(is_refused_for_long, scenario, w, operation)


def is_refused_for_long(scenario: Scenario, w: World, operation: str) -> None:
    with unavailable(w, scenario, operation, times=None) as refused:
        scenario.go(w)
        w.run(6)  # past Lambda's last retry, and a reconcile
        assert refused
    w.calm(12)
    assert w.broken_rules() == [], (operation, w.log())
    if not scenario.ends_with(w):
        w.run(65)  # a hot shard is searched once an hour
    given_up = scenario.kind == "scale" and w.dead_letters()  # only the requester would repeat the request
    assert scenario.ends_with(w) or given_up, (operation, w.log())


def test_an_event_that_fails_all_its_deliveries_is_in_the_dead_letter_queue():
    scenario = scale_up()
    with world() as w:
        scenario.prepare(w)
        with unavailable(w, scenario, "GetMetricData", times=None):
            scenario.go(w)
            w.run(6)
        letter, *_ = w.dead_letters()  # meanwhile reconcile's attempt to re-arm the alarm is refused as well
        assert letter["requestContext"]["condition"] == "RetriesExhausted"
        assert "orders/scale-up" in letter["requestPayload"]["Records"][0]["Sns"]["Message"]


def test_a_burst_of_calls_is_not_taken_for_the_end_of_the_days_calls():
    """A fleet that scales at once causes the same error code. A minute later the call may succeed."""
    refused = []

    def refuse(running, call):
        if call.operation == "UpdateShardCount" and not refused:
            refused.append(call)
            raise ClientError({"Error": {"Code": "LimitExceededException", "Message": "Rate exceeded"}}, call.operation)

    scenario = scale_up()
    with world() as w:
        scenario.prepare(w)
        w.before_call = refuse
        scenario.go(w)
        w.run(2)
        assert len(refused) == 1
        assert w.reasons() == ["HIGH_DEMAND"]
        assert len(w.reshards) == 1
        w.calm()
        assert w.broken_rules() == []


def test_what_reconcile_is_refused_for_good_it_asks_for_again_every_quarter_of_an_hour():
    def deny(running, call):
        if call.operation == "UpdateShardCount":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, call.operation)

    with world() as w:
        w.add_stream(shards=2, demand=0.5, min_shard_count=4)
        w.before_call = deny
        w.run(55)
        assert set(w.statuses()) == {"FAILED"}
        assert 3 <= len(w.log()) <= 4
        w.before_call = None
        w.run(20)
        assert w.shards() == 4
        w.calm()
        assert w.broken_rules() == []
