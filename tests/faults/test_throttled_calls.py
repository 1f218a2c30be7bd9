"""AWS refuses calls for a while, or for long; the rules hold all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import BotocoreStubber

from tests.faults.test_crash_at_every_call import Scenario, reconcile, scale_down, scale_up
from tests.world import World, world


@contextmanager
def unavailable(w: World, kind: str, operation: str, times: int | None) -> Iterator[list[str]]:
    """Answer 503 below botocore's retries, so many times or (None) for ever, to one kind of invocation's calls."""
    refused: list[str] = []
    answer = BotocoreStubber.__call__

    def refuse(stubber, event_name, request, **options):
        called_by_function = w.running.kind == kind and event_name.endswith(f".{operation}")
        if called_by_function and (times is None or len(refused) < times):
            refused.append(event_name)
            return AWSResponse(request.url, 503, {}, _Body())
        return answer(stubber, event_name, request, **options)

    with patch.object(BotocoreStubber, "__call__", refuse):
        yield refused


class _Body:
    def stream(self, **options):
        yield b""

    def read(self, *args):
        return b""


CASES = {
    "scale_up": (
        scale_up,
        ["Query", "DescribeAlarms", "ListTagsForResource", "DescribeStreamSummary", "GetMetricData"],
    ),
    "scaling": (scale_up, ["TransactWriteItems", "UpdateShardCount", "PutMetricAlarm", "SetAlarmState", "PutItem"]),
    "scale_down": (scale_down, ["GetMetricData", "UpdateShardCount", "PutItem"]),
    "reconcile": (reconcile, ["Query", "DescribeAlarms", "DescribeStreamSummary", "PutMetricAlarm", "SetAlarmState"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_call_that_is_refused_twice_is_retried_within_the_invocation(case):
    scenario_of, operations = CASES[case]
    for operation in operations:
        scenario: Scenario = scenario_of()
        with world() as w:
            scenario.prepare(w)
            with unavailable(w, scenario.kind, operation, times=2) as refused:
                scenario.go(w)
                assert len(refused) == 2, (operation, w.log())
            assert all(each.error is None for each in w.aws.functions.invocations), operation
            w.calm()
            assert w.broken_rules() == [], operation
            assert scenario.ends_with(w), operation


@pytest.mark.parametrize("case", CASES)
def test_a_call_that_is_refused_for_long_heals_once_it_is_not(case):
    scenario_of, operations = CASES[case]
    for operation in operations:
        scenario = scenario_of()
        with world() as w:
            scenario.prepare(w)
            with unavailable(w, scenario.kind, operation, times=None) as refused:
                scenario.go(w)
                w.run(12)  # past Lambda's last retry, and through two reconciles
                assert refused
            w.calm()
            assert w.broken_rules() == [], (operation, w.log())
            assert scenario.ends_with(w), (operation, w.log())


def test_an_event_that_fails_all_its_deliveries_is_in_the_dead_letter_queue():
    scenario = scale_up()
    with world() as w:
        scenario.prepare(w)
        with unavailable(w, "alarm", "GetMetricData", times=None):
            scenario.go(w)
            w.run(6)
        [letter] = w.dead_letters()
        assert letter["requestContext"]["condition"] == "RetriesExhausted"
        assert "orders-scale-up" in letter["requestPayload"]["Records"][0]["Sns"]["Message"]
