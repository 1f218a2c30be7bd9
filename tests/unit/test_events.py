"""Recorded messages are understood. Other messages are refused with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinesis_autoscaler.events import AlarmEvent, MalformedEventError, ScaleRequest
from tests.unit.account import TOPIC_ARN, recorded

SEVEN_PM = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
REQUEST = {"action": "scale", "stream_name": "orders", "shard_count": 16, "reason": "the sale begins"}
ALARM_FIELDS = ["AlarmName", "NewStateValue", "StateChangeTime"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3),
    max_leaves=10,
)


def sns(message, topic_arn: str = TOPIC_ARN) -> dict:
    return {"TopicArn": topic_arn, "Message": message if isinstance(message, str) else json.dumps(message)}


def message(**changes) -> dict:
    return {**recorded("messages", "math_alarm_2020"), **changes}


def parse(content) -> AlarmEvent:
    return AlarmEvent.parse(sns(content), topic_arn=TOPIC_ARN)


class TestAlarmEvent:
    def test_a_recorded_math_alarm_message_is_understood(self):
        assert parse(message()) == AlarmEvent(
            alarm_name="Kinesis_Auto_Scale_Up_Alarm",
            state="ALARM",
            changed_at=datetime(2020, 4, 23, 21, 17, 44, 775000, tzinfo=UTC),
            reason=message()["NewStateReason"],
        )

    def test_a_newer_message_with_more_fields_is_understood_too(self):
        event = parse(recorded("messages", "metric_alarm_2022"))
        assert (event.alarm_name, event.state) == ("undelivered-messages", "ALARM")

    def test_fields_of_the_future_are_ignored(self):
        assert parse(message(AlarmRule="x", Trigger=None, Novelty={"a": [1]})) == parse(message())

    def test_a_message_without_a_reason_is_understood(self):
        content = message()
        del content["NewStateReason"]
        assert parse(content).reason == ""

    @pytest.mark.parametrize("topic_arn", [f"{TOPIC_ARN}-dev", "", None])
    def test_a_message_of_another_topic_is_refused_with_both_topics(self, topic_arn):
        with pytest.raises(MalformedEventError) as refusal:
            AlarmEvent.parse(sns(message(), topic_arn), topic_arn=TOPIC_ARN)
        assert f"topic {topic_arn}, not {TOPIC_ARN}." in str(refusal.value)

    def test_a_record_without_an_sns_part_is_refused(self):
        with pytest.raises(MalformedEventError, match="topic None"):
            AlarmEvent.parse({}, topic_arn=TOPIC_ARN)

    @pytest.mark.parametrize("field", ALARM_FIELDS)
    def test_a_missing_field_is_named(self, field):
        content = message()
        del content[field]
        with pytest.raises(MalformedEventError, match=field):
            parse(content)

    @pytest.mark.parametrize("field", ALARM_FIELDS)
    @pytest.mark.parametrize("value", [None, "", 7, ["ALARM"], {"at": "noon"}])
    def test_a_field_that_is_no_text_is_refused(self, field, value):
        with pytest.raises(MalformedEventError, match="does not come from a CloudWatch alarm"):
            parse(message(**{field: value}))

    @pytest.mark.parametrize("text", ["", "hello", "{", "null", "[]", '"ALARM"', "7"])
    def test_a_text_that_is_no_alarm_message_is_refused(self, text):
        with pytest.raises(MalformedEventError, match="does not come from a CloudWatch alarm"):
            parse(text)

    def test_a_record_without_a_message_is_refused(self):
        with pytest.raises(MalformedEventError, match="Message"):
            AlarmEvent.parse({"TopicArn": TOPIC_ARN}, topic_arn=TOPIC_ARN)

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-21T19:00:00.000+0000",
            "2026-11-21T19:00:00Z",
            "2026-11-21T19:00:00",
            "2026-11-21T20:00:00+01:00",
        ],
    )
    def test_every_form_of_a_time_is_the_same_moment(self, text):
        assert parse(message(StateChangeTime=text)).changed_at == SEVEN_PM

    @given(JSON)
    def test_whatever_json_a_message_holds_it_is_an_alarm_or_refused(self, content):
        with pytest.raises(MalformedEventError):
            parse(content)

    @given(st.fixed_dictionaries(dict.fromkeys(ALARM_FIELDS, JSON)))
    def test_whatever_its_fields_hold_they_are_texts_and_a_time_or_refused(self, fields):
        try:
            event = parse(message(**fields))
        except MalformedEventError:
            return
        assert event.alarm_name
        assert event.state
        assert event.changed_at.tzinfo is not None


class TestScaleRequest:
    def test_it_is_a_stream_a_shard_count_and_a_reason(self):
        assert ScaleRequest.parse(REQUEST) == ScaleRequest("orders", 16, "the sale begins")

    def test_a_schedule_says_when_it_was_due(self):
        request = ScaleRequest.parse({**REQUEST, "requested_at": "2026-11-21T19:00:00Z"})
        assert request.requested_at == SEVEN_PM

    def test_a_time_in_another_zone_is_the_same_moment(self):
        request = ScaleRequest.parse({**REQUEST, "requested_at": "2026-11-21T21:00:00+02:00"})
        assert request.requested_at == SEVEN_PM
        assert request.requested_at.utcoffset() is not None

    def test_the_reason_may_be_left_out(self):
        assert ScaleRequest.parse({"stream_name": "orders", "shard_count": 1}).reason == ""

    @pytest.mark.parametrize("name", [None, "", 7, ["orders"]])
    def test_it_must_name_a_stream(self, name):
        with pytest.raises(MalformedEventError, match=r'"stream_name" is .* must be the name of a stream'):
            ScaleRequest.parse({**REQUEST, "stream_name": name})

    @pytest.mark.parametrize("count", [None, 0, -4, 2.5, "16", True])
    def test_it_must_say_a_whole_number_of_shards(self, count):
        with pytest.raises(MalformedEventError, match=r'"shard_count" is .* whole number of at least 1') as refusal:
            ScaleRequest.parse({**REQUEST, "shard_count": count})
        assert repr(count) in str(refusal.value)

    @pytest.mark.parametrize("at", ["noon", "", 1_795_287_600, ["2026-11-21"]])
    def test_its_time_must_be_one(self, at):
        with pytest.raises(MalformedEventError, match=r'"requested_at" is .* ISO 8601') as refusal:
            ScaleRequest.parse({**REQUEST, "requested_at": at})
        assert repr(at) in str(refusal.value)

    @pytest.mark.parametrize("field", ["stream_name", "shard_count"])
    def test_a_missing_field_is_named(self, field):
        request = {name: value for name, value in REQUEST.items() if name != field}
        with pytest.raises(MalformedEventError, match=field):
            ScaleRequest.parse(request)

    def test_times_without_a_zone_are_utc(self):
        request = ScaleRequest.parse({**REQUEST, "requested_at": "2026-11-21T19:00:00"})
        assert request.requested_at == SEVEN_PM
        assert request.requested_at.utcoffset() == timedelta(0)
