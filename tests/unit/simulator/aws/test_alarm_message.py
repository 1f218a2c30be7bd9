"""The message of an alarm, compared with messages that CloudWatch has published."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.aws.cloudwatch import AlarmEvaluator, StateChange
from simulator.aws.messages import alarm_message, alarm_subject, region_name
from simulator.aws.metrics import MetricStore

FIXTURES = Path(__file__).parents[3] / "fixtures"


class Clock:
    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


def published(name):
    return json.loads((FIXTURES / "messages" / f"{name}.json").read_text())


def capitalised(value):
    """Convert a message's lower-case dimensions to those of the API."""
    if isinstance(value, list):
        return [capitalised(item) for item in value]
    if isinstance(value, dict):
        names = {"name": "Name", "value": "Value"}
        return {names.get(key, key): capitalised(item) for key, item in value.items()}
    return value


def alarm_of(message, **changes):
    """Return the alarm of the message, in the form of DescribeAlarms."""
    alarm = {key: message[key] for key in ("AlarmName", "AlarmArn", "AlarmDescription")}
    alarm |= {"StateValue": message["OldStateValue"], "ActionsEnabled": True} | capitalised(message["Trigger"])
    for key in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        alarm[key] = message.get(key, [])
    alarm["AlarmConfigurationUpdatedTimestamp"] = datetime(2022, 8, 28, 15, 38, 30, 249_000, tzinfo=UTC)
    return alarm | changes


def change_of(alarm, metric, value, *, evaluated_at):
    """Evaluate the alarm after a value was reported in the newest period."""
    store = MetricStore(delay_seconds=0)
    period = alarm.get("Period") or alarm["Metrics"][0]["MetricStat"]["Period"]
    minute = evaluated_at.replace(second=0, microsecond=0)
    store.put(*metric, minute - timedelta(seconds=period), sum=value)
    change = AlarmEvaluator(store, Clock(evaluated_at)).evaluate(alarm)
    assert change is not None
    return change


def test_the_message_of_a_single_metric_alarm_is_the_published_one():
    message = published("metric_alarm_2022")
    alarm = alarm_of(message, Statistic="Average")
    metric = ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", {"QueueName": "orders.fifo"})
    change = change_of(alarm, metric, 0, evaluated_at=datetime(2022, 8, 28, 15, 39, 16, 518_000, tzinfo=UTC))
    assert alarm_message(alarm, change, "us-east-1", "111111111111") == message


def test_the_message_of_a_math_alarm_is_the_published_one_with_newer_fields():
    message = published("math_alarm_2020")
    alarm = alarm_of(message, TreatMissingData="ignore")
    metric = ("AWS/Kinesis", "IncomingBytes", {"StreamName": "auto-scaling-demo-stream"})
    change = change_of(alarm, metric, 27_218_520, evaluated_at=datetime(2020, 4, 23, 21, 17, 44, 775_000, tzinfo=UTC))
    simulated = alarm_message(alarm, change, "us-east-2", "111111111111")
    newer = {"AlarmConfigurationUpdatedTimestamp", "OKActions", "AlarmActions", "InsufficientDataActions"}
    assert simulated.keys() - message.keys() == newer
    assert simulated["Trigger"].keys() - message["Trigger"].keys() == {"DatapointsToAlarm"}
    for part in (simulated, simulated["Trigger"]):
        for key in newer | {"DatapointsToAlarm"}:
            part.pop(key, None)
    # The only format that has changed since then.
    message["Trigger"]["TreatMissingData"] = "ignore"
    assert simulated == message


def test_a_math_alarm_names_no_metric_at_the_top_of_its_trigger():
    alarm = alarm_of(published("math_alarm_2020"))
    change = StateChange(alarm["AlarmName"], "OK", "ALARM", "reason", "{}", datetime(2026, 11, 21, tzinfo=UTC), ())
    trigger = alarm_message(alarm, change, "us-east-2", "111111111111")["Trigger"]
    assert not {"MetricName", "Namespace", "Dimensions", "Statistic"} & trigger.keys()


@pytest.mark.parametrize("path", sorted((FIXTURES / "alarms").iterdir()), ids=lambda path: path.stem)
def test_every_recorded_alarm_has_a_message_that_is_json(path):
    alarm = json.loads(path.read_text())
    change = StateChange(alarm["AlarmName"], "OK", "ALARM", "reason", "{}", datetime(2026, 11, 21, tzinfo=UTC), ())
    message = json.loads(json.dumps(alarm_message(alarm, change, "us-east-2", "123456789012")))
    assert message["AlarmConfigurationUpdatedTimestamp"] == "2026-11-21T12:00:00.000+0000"
    assert message["AlarmActions"] == alarm["AlarmActions"]
    assert message["Trigger"]["DatapointsToAlarm"] == alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    assert message["Trigger"]["EvaluateLowSampleCountPercentile"] == ""


def test_the_subject_names_state_alarm_and_region():
    change = StateChange("orders-scale-up", "OK", "ALARM", "reason", "{}", datetime(2026, 11, 21, tzinfo=UTC), ())
    assert alarm_subject(change, "us-east-2") == 'ALARM: "orders-scale-up" in US East (Ohio)'


def test_a_region_without_a_name_keeps_its_code():
    assert region_name("eu-central-1") == "Europe (Frankfurt)"
    assert region_name("xx-nowhere-1") == "xx-nowhere-1"
