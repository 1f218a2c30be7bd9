"""Alarms are found, verified, patched and re-armed. Nothing else in them ever changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from botocore.stub import Stubber
from hypothesis import example, given
from hypothesis import strategies as st

from kinesis_autoscaler.alarm import Alarm, AlarmNames, AlarmPair, NotOurAlarmError
from kinesis_autoscaler.alarms import Alarms
from kinesis_autoscaler.model import Action, AlarmRule
from kinesis_autoscaler.settings import InvalidSettingsError
from tests.unit.account import (
    PREFIX,
    TAGS,
    TOPIC_ARN,
    Calls,
    alarm_definition,
    put_alarm,
    put_alarms,
    read_alarm,
    read_pair,
    recorded,
    with_literal,
)

UP, DOWN = Action
NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
STREAM_NAMES = st.text(NAME_CHARACTERS, min_size=1, max_size=128)
TRAPS = [
    "scale-up",
    "-scale-up",
    "scale-down-scale-up",
    "-scale-down-scale-up",
    "orders-scale-up",
    "orders-scale-down",
    PREFIX,
    f"{PREFIX}-orders-scale-up",
    "-",
    ".",
]
ORDERS = AlarmNames(PREFIX, "orders")
PEOPLE = "arn:aws:sns:us-east-2:123456789012:people"
NOT_WITH_METRICS = {"MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit"}
"""Fields that PutMetricAlarm refuses in a math alarm."""


@pytest.fixture
def alarms(cloudwatch) -> Alarms:
    return Alarms(cloudwatch, prefix=PREFIX, topic_arn=TOPIC_ARN)


def pair_of(up: dict, down: dict | None = None, stream_name: str = "orders") -> AlarmPair:
    down = down or alarm_definition(DOWN, stream_name)
    return AlarmPair(AlarmNames(PREFIX, stream_name), Alarm(up), Alarm(down))


class TestNames:
    @given(STREAM_NAMES | st.sampled_from(TRAPS), st.sampled_from(Action), STREAM_NAMES | st.just(PREFIX))
    def test_a_name_that_is_built_is_taken_apart_into_what_it_was_built_from(self, stream_name, action, prefix):
        names = AlarmNames(prefix, stream_name)
        assert AlarmNames.parse(names.of(action), prefix) == (names, action)

    @pytest.mark.parametrize("stream_name", TRAPS)
    def test_stream_names_that_look_like_parts_of_alarm_names_are_no_trap(self, stream_name):
        for action in Action:
            names, parsed_action = AlarmNames.parse(f"{PREFIX}/{stream_name}/{action}", PREFIX)
            assert (names.stream_name, parsed_action) == (stream_name, action)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            PREFIX,
            f"{PREFIX}/scale-up",
            f"{PREFIX}//scale-up",
            f"{PREFIX}/orders",
            f"{PREFIX}/orders/scale-sideways",
            f"{PREFIX}/orders/SCALE-UP",
            f"{PREFIX}/orders/scale-up ",
            f"{PREFIX}/orders/scale-up/",
            f"{PREFIX}/orders/eu/scale-up",
            f"/{PREFIX}/orders/scale-up",
            f"{PREFIX}/ordersscale-up",
            f"{PREFIX}-orders-scale-up",
            f" {PREFIX}/orders/scale-up",
            f"{PREFIX}orders/scale-up",
            "orders/scale-up",
            "other/orders/scale-up",
            f"my-{PREFIX}/orders/scale-up",
            f"{PREFIX.upper()}/orders/scale-up",
        ],
    )
    def test_a_name_of_another_form_is_refused_with_the_name_and_the_form(self, name):
        with pytest.raises(NotOurAlarmError) as refusal:
            AlarmNames.parse(name, PREFIX)
        assert f'"{name}" is not of the form {PREFIX}/<stream>/scale-up|down' in str(refusal.value)

    @pytest.mark.parametrize(("theirs", "ours"), [(PREFIX, f"{PREFIX}-dev"), (f"{PREFIX}-dev", PREFIX)])
    def test_an_alarm_of_an_autoscaler_whose_name_begins_alike_is_refused(self, theirs, ours):
        with pytest.raises(NotOurAlarmError):
            AlarmNames.parse(AlarmNames(theirs, "orders").of(UP), ours)

    @given(STREAM_NAMES, STREAM_NAMES, STREAM_NAMES, STREAM_NAMES, st.sampled_from(Action))
    @example("scaler", "eu-orders", "scaler-eu", "orders", UP)
    def test_no_two_autoscalers_or_streams_share_an_alarm_name(
        self, prefix, stream, other_prefix, other_stream, action
    ):
        same = AlarmNames(prefix, stream).of(action) == AlarmNames(other_prefix, other_stream).of(action)
        assert same == ((prefix, stream) == (other_prefix, other_stream))

    @given(st.text(NAME_CHARACTERS, max_size=60))
    @example(f"{PREFIX}/orders/scale-up")
    def test_whatever_is_taken_for_a_name_is_that_name_put_together_again(self, text):
        try:
            names, action = AlarmNames.parse(text, PREFIX)
        except NotOurAlarmError:
            return
        assert names.of(action) == text
        assert names.stream_name


class TestWhatAnAlarmSays:
    def test_its_rule_is_read_from_its_definition(self):
        assert Alarm(alarm_definition(UP)).rule == AlarmRule(
            threshold=0.75, period_seconds=60, evaluation_periods=5, datapoints_to_alarm=3
        )
        assert Alarm(alarm_definition(DOWN)).rule.window == timedelta(hours=2)

    def test_without_a_number_of_datapoints_all_of_them_must_breach(self):
        alarm = alarm_definition(UP)
        del alarm["DatapointsToAlarm"]
        assert Alarm(alarm).rule.datapoints_to_alarm == 5

    def test_its_shard_count_is_the_literal_in_its_math(self):
        assert Alarm(alarm_definition(UP)).shard_count == 4
        assert Alarm(with_literal(alarm_definition(UP), "shardCount", " 128 ")).shard_count == 128

    def test_its_minimum_is_the_literal_in_its_math(self):
        assert Alarm(alarm_definition(DOWN)).min_shard_count == 2

    @pytest.mark.parametrize("expression", ["", "0", "04", "-4", "4.0", "4 shards", "incomingBytes", "4; 5"])
    def test_a_literal_that_is_no_count_is_refused_naming_the_alarm_the_expression_and_the_remedy(self, expression):
        alarm = Alarm(with_literal(alarm_definition(UP), "shardCount", expression))
        with pytest.raises(InvalidSettingsError) as refusal:
            _ = alarm.shard_count
        for part in (alarm.name, f'"{expression}"', "shardCount", "apply the stream module again"):
            assert part in str(refusal.value)

    def test_a_literal_that_is_missing_is_refused(self):
        with pytest.raises(InvalidSettingsError, match="minShardCount"):
            _ = Alarm(alarm_definition(UP)).min_shard_count

    @pytest.mark.parametrize(
        ("state", "in_alarm", "has_no_data"),
        [("OK", False, False), ("ALARM", True, False), ("INSUFFICIENT_DATA", False, True)],
    )
    def test_its_state_is_one_of_three(self, state, in_alarm, has_no_data):
        alarm = Alarm(alarm_definition(UP, StateValue=state))
        assert (alarm.in_alarm, alarm.has_no_data) == (in_alarm, has_no_data)

    def test_its_state_began_at_the_transition_and_not_at_the_latest_evaluation(self):
        updated, entered = datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 21, 9, tzinfo=UTC)
        alarm = alarm_definition(UP, StateUpdatedTimestamp=updated)
        assert Alarm(alarm).state_since == updated
        assert Alarm({**alarm, "StateTransitionedTimestamp": entered}).state_since == entered

    def test_a_person_pauses_it_by_disabling_its_actions(self):
        alarm = alarm_definition(UP)
        assert not Alarm(alarm).is_paused
        assert Alarm({**alarm, "ActionsEnabled": False}).is_paused

    def test_it_notifies_the_topics_among_its_alarm_actions_only(self):
        alarm = Alarm(alarm_definition(UP, AlarmActions=[f"{TOPIC_ARN}-dev"], OKActions=[TOPIC_ARN]))
        assert not alarm.notifies(TOPIC_ARN)
        assert alarm.notifies(f"{TOPIC_ARN}-dev")

    def test_it_watches_the_streams_of_all_its_metrics(self):
        alarm = alarm_definition(UP)
        assert Alarm(alarm).stream_names == {"orders"}
        alarm["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"][0]["Value"] = "payments"
        assert Alarm(alarm).stream_names == {"orders", "payments"}

    def test_an_alarm_of_another_service_watches_no_stream(self):
        queue = {"AlarmName": "dlq", "MetricName": "Age", "Dimensions": [{"Name": "QueueName", "Value": "orders"}]}
        assert Alarm(queue).stream_names == set()


class TestReadingAPair:
    def test_both_are_read_in_one_call(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        calls = Calls(cloudwatch)
        pair = alarms.pair(alarms.names_of("orders"))
        assert [name for name, _ in calls.made] == ["DescribeAlarms"]
        assert [alarm.name for alarm in pair] == [f"{PREFIX}/orders/scale-up", f"{PREFIX}/orders/scale-down"]
        assert pair.of(UP) is pair.scale_up
        assert pair.of(DOWN) is pair.scale_down
        assert pair.stream_name == "orders"

    @pytest.mark.parametrize(("there", "missing"), [(UP, DOWN), (DOWN, UP)])
    def test_an_alarm_without_its_partner_is_refused_naming_what_is_missing(self, cloudwatch, alarms, there, missing):
        put_alarm(cloudwatch, alarm_definition(there))
        with pytest.raises(NotOurAlarmError, match=f"There is no alarm {PREFIX}/orders/{missing}."):
            alarms.pair(alarms.names_of("orders"))

    def test_a_stream_without_alarms_is_refused(self, alarms):
        with pytest.raises(NotOurAlarmError, match=r"no alarm .*/scale-up and no alarm .*/scale-down"):
            alarms.pair(alarms.names_of("orders"))

    @pytest.mark.parametrize("action", Action)
    @pytest.mark.parametrize("actions", [[], [PEOPLE], [f"{TOPIC_ARN}-dev"]])
    def test_a_pair_of_which_one_does_not_notify_our_topic_is_refused(self, cloudwatch, alarms, action, actions):
        put_alarms(cloudwatch)
        put_alarm(cloudwatch, alarm_definition(action, AlarmActions=actions, OKActions=[TOPIC_ARN]))
        with pytest.raises(NotOurAlarmError, match=f"{PREFIX}/orders/{action} does not notify"):
            alarms.pair(alarms.names_of("orders"))

    def test_our_topic_may_be_one_of_several_actions(self, cloudwatch, alarms):
        put_alarms(cloudwatch, AlarmActions=[PEOPLE, TOPIC_ARN])
        assert alarms.pair(alarms.names_of("orders")).stream_name == "orders"

    @pytest.mark.parametrize("action", Action)
    def test_a_partner_that_watches_another_stream_is_refused_with_both_streams(self, cloudwatch, alarms, action):
        put_alarms(cloudwatch)
        other = alarm_definition(action, "payments")
        put_alarm(cloudwatch, {**other, "AlarmName": f"{PREFIX}/orders/{action}"})
        with pytest.raises(NotOurAlarmError, match=f"{PREFIX}/orders/{action} watches payments, not orders"):
            alarms.pair(alarms.names_of("orders"))

    def test_a_pair_that_watches_a_second_stream_too_is_refused(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        both = alarm_definition(UP)
        both["Metrics"][0]["MetricStat"]["Metric"]["Dimensions"][0]["Value"] = "payments"
        put_alarm(cloudwatch, both)
        with pytest.raises(NotOurAlarmError, match="watches orders, payments, not orders"):
            alarms.pair(alarms.names_of("orders"))

    def test_an_alarm_of_our_name_on_another_metric_is_refused(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        cloudwatch.put_metric_alarm(
            AlarmName=f"{PREFIX}/orders/scale-up",
            AlarmActions=[TOPIC_ARN],
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": "orders"}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        with pytest.raises(NotOurAlarmError, match="watches no stream, not orders"):
            alarms.pair(alarms.names_of("orders"))


class TestFindingEveryPair:
    def test_every_pair_that_notifies_our_topic_is_found(self, cloudwatch, alarms):
        for stream_name in ("orders", "payments", "scale-up", "-scale-down-scale-up"):
            put_alarms(cloudwatch, stream_name)
        pairs, problems = alarms.pairs()
        assert {pair.stream_name for pair in pairs} == {"orders", "payments", "scale-up", "-scale-down-scale-up"}
        assert problems == []
        assert all(pair.scale_up.name.endswith("/scale-up") for pair in pairs)

    def test_alarms_that_do_not_notify_our_topic_are_not_ours_to_speak_of(self, cloudwatch, alarms):
        put_alarms(cloudwatch, "orders")
        put_alarms(cloudwatch, "payments", AlarmActions=[PEOPLE])
        pairs, problems = alarms.pairs()
        assert ([pair.stream_name for pair in pairs], problems) == (["orders"], [])

    def test_an_alarm_of_another_name_is_left_out_with_the_reason(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        for recording in ("epsagon_scale_up", "aws_samples_scale_up"):
            put_alarm(cloudwatch, {**recorded("alarms", recording), "AlarmActions": [TOPIC_ARN]})
        pairs, problems = alarms.pairs()
        assert [pair.stream_name for pair in pairs] == ["orders"]
        assert len(problems) == 2
        assert all("is not of the form" in problem for problem in problems)

    def test_an_alarm_without_its_partner_is_left_out_with_the_reason(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        put_alarm(cloudwatch, alarm_definition(DOWN, "payments"))
        pairs, problems = alarms.pairs()
        assert [pair.stream_name for pair in pairs] == ["orders"]
        assert problems == [f"The alarm {PREFIX}/payments/scale-down has no partner {PREFIX}/payments/scale-up."]

    def test_a_pair_that_watches_another_stream_is_left_out_with_the_reason(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        for action in Action:
            other = alarm_definition(action, "invoices")
            put_alarm(cloudwatch, {**other, "AlarmName": f"{PREFIX}/payments/{action}"})
        pairs, problems = alarms.pairs()
        assert [pair.stream_name for pair in pairs] == ["orders"]
        assert set(problems) == {f"The alarm {PREFIX}/payments/scale-up watches invoices, not payments."}

    def test_it_asks_for_metric_alarms_by_our_topic(self, cloudwatch, alarms):
        calls = Calls(cloudwatch)
        alarms.pairs()
        assert calls.made == [("DescribeAlarms", {"ActionPrefix": TOPIC_ARN, "AlarmTypes": ["MetricAlarm"]})]

    def test_pairs_are_found_across_pages(self, cloudwatch, alarms):
        up, down = (alarm_definition(action) for action in Action)
        request = {"ActionPrefix": TOPIC_ARN, "AlarmTypes": ["MetricAlarm"]}
        with Stubber(cloudwatch) as answers:  # moto has one page only
            answers.add_response("describe_alarms", {"MetricAlarms": [up], "NextToken": "more"}, request)
            answers.add_response("describe_alarms", {"MetricAlarms": [down]}, {**request, "NextToken": "more"})
            pairs, problems = alarms.pairs()
            answers.assert_no_pending_responses()
        assert ([pair.stream_name for pair in pairs], problems) == (["orders"], [])


class TestNeighbours:
    def test_other_streams_whose_alarms_have_data_may_bear_witness(self, cloudwatch, alarms):
        for name in ("orders", "clicks", "payments", "refunds"):
            put_alarms(cloudwatch, name)
            for action in Action:
                state = "INSUFFICIENT_DATA" if name == "clicks" else "OK"
                alarm = AlarmNames(PREFIX, name).of(action)
                cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="a test")
        assert alarms.neighbours("orders", 5) == ["payments", "refunds"]
        assert alarms.neighbours("orders", 1) == ["payments"]

    def test_a_stream_alone_has_none(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        assert alarms.neighbours("orders", 5) == []


class TestWritingTheShardCount:
    def test_both_alarms_get_it(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        alarms.write_shard_count(ORDERS, 9)
        assert [alarm.shard_count for alarm in read_pair(cloudwatch)] == [9, 9]

    def test_it_returns_both_as_they_were_just_before(self, cloudwatch, alarms):
        pair = put_alarms(cloudwatch)
        assert alarms.write_shard_count(ORDERS, 9) == pair

    def test_an_alarm_that_has_it_already_is_not_written(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        put_alarm(cloudwatch, with_literal(alarm_definition(DOWN), "shardCount", "9"))
        calls = Calls(cloudwatch)
        alarms.write_shard_count(ORDERS, 9)
        assert [call["AlarmName"] for call in calls.of("PutMetricAlarm")] == [f"{PREFIX}/orders/scale-up"]
        alarms.write_shard_count(ORDERS, 9)
        assert len(calls.of("PutMetricAlarm")) == 1

    def test_each_is_read_immediately_before_it_is_written(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        calls = Calls(cloudwatch)
        alarms.write_shard_count(ORDERS, 9)
        assert [(name, call.get("AlarmName") or call["AlarmNames"]) for name, call in calls.made] == [
            ("DescribeAlarms", [ORDERS.of(UP)]),
            ("PutMetricAlarm", ORDERS.of(UP)),
            ("DescribeAlarms", [ORDERS.of(DOWN)]),
            ("PutMetricAlarm", ORDERS.of(DOWN)),
        ]

    def test_what_a_user_changes_while_the_first_is_written_is_kept_in_the_second(self, aws, cloudwatch, alarms):
        put_alarms(cloudwatch)
        user = aws.client("cloudwatch")

        def apply(params, **_):
            if params["AlarmName"] == ORDERS.of(UP):
                put_alarm(user, alarm_definition(DOWN, Threshold=0.2))

        cloudwatch.meta.events.register("provide-client-params.cloudwatch.PutMetricAlarm", apply)
        alarms.write_shard_count(ORDERS, 9)
        down = read_pair(cloudwatch).scale_down
        assert (down.rule.threshold, down.shard_count) == (0.2, 9)

    def test_an_alarm_that_is_gone_by_now_is_not_made_anew(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        cloudwatch.delete_alarms(AlarmNames=[ORDERS.of(DOWN)])
        with pytest.raises(NotOurAlarmError, match=f"There is no alarm {ORDERS.of(DOWN)}"):
            alarms.write_shard_count(ORDERS, 9)
        assert cloudwatch.describe_alarms(AlarmNames=[ORDERS.of(DOWN)])["MetricAlarms"] == []

    def test_an_alarm_that_is_no_longer_ours_is_left_alone(self, cloudwatch, alarms):
        put_alarms(cloudwatch, AlarmActions=[PEOPLE])
        with pytest.raises(NotOurAlarmError, match="does not notify this autoscaler's topic"):
            alarms.write_shard_count(ORDERS, 9)
        assert [alarm.shard_count for alarm in read_pair(cloudwatch)] == [4, 4]

    @pytest.mark.parametrize("damaged", Action)
    def test_an_alarm_without_a_shard_count_is_left_alone(self, cloudwatch, alarms, damaged):
        put_alarms(cloudwatch)
        put_alarm(cloudwatch, with_literal(alarm_definition(damaged), "shardCount", "4.0"))
        with pytest.raises(InvalidSettingsError, match=ORDERS.of(damaged)):
            alarms.write_shard_count(ORDERS, 9)

    @time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False)
    def test_nothing_else_of_what_a_user_made_of_the_alarms_changes(self, cloudwatch, alarms):
        put_alarms(
            cloudwatch,
            AlarmDescription="Ours, with a word of our own.",
            ActionsEnabled=False,
            AlarmActions=[PEOPLE, TOPIC_ARN],
            OKActions=[f"{PEOPLE}-ok"],
            InsufficientDataActions=[f"{PEOPLE}-silence"],
            Threshold=0.8125,
            EvaluationPeriods=7,
            DatapointsToAlarm=2,
            TreatMissingData="notBreaching",
            EvaluateLowSampleCountPercentile="ignore",
            ThresholdMetricId="band",
        )
        up = with_literal(read_alarm(cloudwatch, f"{PREFIX}/orders/scale-up"), "usage", "MAX([bytesUsage]) * 1.1")
        up["Metrics"][0] |= {"Label": "Bytes"}
        up["Metrics"][0]["MetricStat"] |= {"Unit": "Bytes"}
        up["Metrics"][-1] |= {"Label": "Usage", "Period": 60}
        put_alarm(cloudwatch, up)
        before = [alarm.definition for alarm in read_pair(cloudwatch)]

        alarms.write_shard_count(ORDERS, 9)

        after = [alarm.definition for alarm in read_pair(cloudwatch)]
        assert after == [with_literal(alarm, "shardCount", "9") for alarm in before]
        assert after != before

    def test_state_and_tags_are_left_alone(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        calls = Calls(cloudwatch)
        alarms.write_shard_count(ORDERS, 9)
        assert {name for name, _ in calls.made} == {"DescribeAlarms", "PutMetricAlarm"}
        for alarm in read_pair(cloudwatch):
            assert alarms.tags(alarm) == {f"kinesis-autoscaler:{name}": value for name, value in TAGS.items()}

    def test_every_field_that_the_api_takes_is_put_back_as_it_was_read(self, cloudwatch, alarms):
        # The field list comes from the API model, so that new fields of AWS are tested as soon as botocore knows them.
        operation = cloudwatch.meta.service_model.operation_model("PutMetricAlarm")
        takes = set(operation.input_shape.members) - NOT_WITH_METRICS - {"Tags"}
        filled = {name: anything(operation.input_shape.members[name]) for name in takes - KEPT}
        definition = {**alarm_definition(UP), **filled}
        calls = Calls(cloudwatch)
        with Stubber(cloudwatch) as answers:
            answers.add_response("describe_alarms", {"MetricAlarms": [definition]})
            answers.add_response("put_metric_alarm", {})
            down = with_literal(alarm_definition(DOWN), "shardCount", "9")
            answers.add_response("describe_alarms", {"MetricAlarms": [down]})
            alarms.write_shard_count(ORDERS, 9)
        (request,) = calls.of("PutMetricAlarm")
        read = {name: value for name, value in definition.items() if name in takes}
        assert set(read) == takes
        assert {name: request[name] for name in takes} == with_literal(read, "shardCount", "9")

    def test_what_only_describes_the_alarm_is_not_sent(self, cloudwatch, alarms):
        put_alarms(cloudwatch)
        calls = Calls(cloudwatch)
        alarms.write_shard_count(ORDERS, 9)
        assert len(calls.of("PutMetricAlarm")) == 2
        for request in calls.of("PutMetricAlarm"):
            assert not {"AlarmArn", "StateValue", "StateReason", "StateUpdatedTimestamp", "Tags"} & set(request)


class TestRearming:
    NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

    @pytest.mark.parametrize("action", Action)
    def test_the_alarm_leaves_alarm_with_the_reason_and_may_enter_it_again(self, cloudwatch, alarms, action):
        name = put_alarms(cloudwatch).of(action).name
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
        with time_machine.travel(self.NOON, tick=False):
            alarms.rearm(read_pair(cloudwatch).of(action), "Re-armed. Scaled orders.")
        pair = read_pair(cloudwatch)
        assert pair.of(action).has_no_data, "INSUFFICIENT_DATA, so that a user's OK actions do not run"
        assert pair.of(action).state_since == self.NOON
        assert pair.of(action).definition["StateReason"] == "Re-armed. Scaled orders."
        (partner,) = (alarm for alarm in pair if alarm.name != name)
        assert partner.definition["StateReason"] == "Unchecked: Initial alarm creation"

    def test_only_the_state_changes(self, cloudwatch, alarms):
        pair = put_alarms(cloudwatch)
        alarms.rearm(pair.scale_up, "a test")
        state = {"StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp"}
        before, after = pair.scale_up.definition, read_pair(cloudwatch).scale_up.definition
        for name in {*before, *after} - state:
            assert after[name] == before[name], name

    def test_a_long_reason_is_cut_to_what_cloudwatch_takes(self, cloudwatch, alarms):
        pair = put_alarms(cloudwatch)
        alarms.rearm(pair.scale_up, "x" * 5000)
        assert len(read_pair(cloudwatch).scale_up.definition["StateReason"]) == 1023


class TestTags:
    def test_they_are_read_as_terraform_wrote_them(self, cloudwatch, alarms):
        pair = put_alarms(cloudwatch, tags={"max-shard-count": "64", "consumer/ship-orders": "2"})
        assert alarms.tags(pair.scale_down) == {
            "kinesis-autoscaler:max-shard-count": "64",
            "kinesis-autoscaler:consumer/ship-orders": "2",
        }

    def test_an_alarm_may_have_none(self, cloudwatch, alarms):
        pair = put_alarms(cloudwatch, tags=None)
        assert alarms.tags(pair.scale_up) == {}


KEPT = {"AlarmName", "AlarmActions", "Metrics", "ActionsEnabled", "ComparisonOperator", "Threshold"}
"""Fields of the recorded alarm that the test of all fields needs as they are."""


def anything(shape):
    """Return a value for a shape of the API model."""
    if shape.type_name == "structure":
        members = list(shape.members.items())
        return {name: anything(member) for name, member in (members[:1] if shape.is_tagged_union else members)}
    if shape.type_name == "list":
        return [anything(shape.member)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "something"
    return True if shape.type_name == "boolean" else max(7, shape.metadata.get("min", 7))
