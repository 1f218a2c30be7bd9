"""Old events and events of another form, through the whole function."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.test_reasons import steady
from tests.integration.test_trust import deliver, message, record_of, two_alarms
from tests.world import world


@pytest.fixture
def w():
    with world() as w:
        w.add_stream()
        w.run(12)
        yield w


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def test_a_message_from_the_future_does_not_freeze_the_audit_log():
    with world() as w:
        steady(w, max_shard_count=8)
        w.demand["orders"] = 7.5
        w.run_until(lambda: w.alarms()["scale-up"]["StateValue"] == "ALARM")
        w.publish(message(StateChangeTime="2030-01-01T00:00:00.000+0000"))
        seen = sum(item["occurrences"] for item in w.log())
        w.run(70)  # reconcile checks again
        assert not any(item["event_time"].startswith("2030") for item in w.log())
        assert sum(item["occurrences"] for item in w.log()) > seen


def test_a_letter_redriven_after_more_than_a_day_is_refused_since_no_history_would_count_it(w):
    answer = w.invoke({"Records": [record_of(w, message(StateChangeTime=stamp(w.now - timedelta(hours=25))))]})
    assert answer == {"decisions": []}
    assert w.log() == []


@pytest.mark.parametrize("days", [-2, 1])
def test_a_request_of_another_day_is_refused(w, days):
    at = (w.now + timedelta(days=days)).isoformat()
    request = {"action": "scale", "stream_name": "orders", "shard_count": 12, "requested_at": at}
    answer = w.invoke(request)
    assert answer["errorType"] == "MalformedEventError"
    assert "only events of the last 24 hours are accepted" in answer["errorMessage"]
    assert w.reshards == []


@pytest.mark.parametrize("garbage", [None, "text", {"Sns": "text"}, {"Sns": None}, 7, {"Sns": ["text"]}])
def test_an_entry_that_is_no_record_does_not_stop_the_one_behind_it(w, garbage):
    orders, _ = two_alarms(w)
    deliver(w, garbage, orders)
    assert [reshard.stream for reshard in w.reshards] == ["orders"]
    assert w.aws.functions.invocations[-1].error is None


@pytest.mark.parametrize("event", [[], "reconcile", {"Records": None}, {"Records": "text"}])
def test_an_event_of_another_form_is_refused_with_what_is_accepted(w, event):
    answer = w.invoke(event)
    assert answer["errorType"] == "MalformedEventError", answer


def test_a_schedule_that_is_delivered_again_later_scales_once(w):
    request = {"action": "scale", "stream_name": "orders", "shard_count": 12, "requested_at": w.now.isoformat()}
    w.demand["orders"] = 6.0
    first = w.invoke(request)
    w.run(6)  # now the alarms contain the new count
    again = w.invoke({**request, "shard_count": 12})
    assert (first["status"], again["event_time"]) == ("UPDATING", first["event_time"])
    assert len(w.reshards) == 1
