"""The output for operators: log lines, metrics that CloudWatch can find, and messages with instructions."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from kinesis_autoscaler.model import Action, Plan, Reason, Record, Status, Trigger
from kinesis_autoscaler.reporting import NEEDS_A_PERSON, Reporter
from kinesis_autoscaler.settings import Environment
from tests.unit.account import REGION, TOPIC_ARN

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UNITS = {"Count", "Seconds", "None"}
ENVIRONMENT = Environment(
    alarm_name_prefix="kinesis-autoscaler",
    topic_arn=TOPIC_ARN,
    audit_table_name="kinesis-autoscaler-audit",
    audit_retention_days=90,
    dry_run=False,
    function_name="kinesis-autoscaler",
    log_group_name="/aws/lambda/kinesis-autoscaler",
    region=REGION,
)
SCALING = Record(
    stream_name="orders",
    event_time="2026-11-21T12:00:00.000Z#scale-up",
    action=Action.SCALE_UP,
    status=Status.UPDATING,
    reason=Reason.HIGH_DEMAND,
    message="Scaling orders from 8 to 12 shards: a test.",
    started_at=NOW,
    from_shard_count=8,
    to_shard_count=12,
    demand_shards=7.25,
    utilization=0.90625,
    alarm_name="kinesis-autoscaler/orders/scale-up",
    request_id="request",
)
DONE = SCALING.with_(
    status=Status.SUCCEEDED, message="Scaled orders from 8 to 12 shards.", finished_at=NOW + timedelta(seconds=95)
)
FAILED = SCALING.with_(
    status=Status.FAILED,
    reason=Reason.CALL_REFUSED,
    message="Failed scaling orders from 8 to 12 shards: a test.",
    error="AccessDeniedException: not you",
)
SKIPPED = SCALING.with_(
    status=Status.SKIPPED,
    reason=Reason.DEMAND_FITS,
    message="Left orders at 8 shards, not scaled up: a test.",
    to_shard_count=None,
)


@pytest.fixture
def printed(capsys):
    """Return the embedded-metric lines printed since the last call, each validated with the format's rules."""

    def lines() -> list[dict]:
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        for line in found:
            assert_is_embedded_metric_format(line)
        return found

    return lines


class Mailbox:
    """The notification topic, and a queue that receives its messages."""

    def __init__(self, session) -> None:
        self.sns, self._sqs = session.client("sns"), session.client("sqs")
        self.topic = self.sns.create_topic(Name="people")["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        queue_arn = f"arn:aws:sqs:{REGION}:123456789012:mailbox"
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=queue_arn)

    def messages(self) -> list[dict]:
        """Return the messages since the last call."""
        received = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]

    def reporter(self, **changes) -> Reporter:
        """Return a reporter that notifies this topic, with some changed environment variables."""
        return Reporter(replace(ENVIRONMENT, notification_topic_arn=self.topic, **changes), self.sns)


@pytest.fixture
def mailbox(aws) -> Mailbox:
    return Mailbox(aws)


@pytest.fixture
def reporter(mailbox) -> Reporter:
    return mailbox.reporter()


def assert_is_embedded_metric_format(line: dict) -> None:
    """The requirements of "Specification: Embedded metric format" in the CloudWatch guide for a line."""
    metadata = line["_aws"]
    assert isinstance(metadata["Timestamp"], int)
    (directive,) = metadata["CloudWatchMetrics"]
    assert directive["Namespace"] == "KinesisAutoscaler"
    assert directive["Dimensions"]
    for dimensions in directive["Dimensions"]:
        assert 1 <= len(dimensions) <= 30
        assert len(set(dimensions)) == len(dimensions)
        for name in dimensions:
            assert isinstance(line[name], str)
            assert line[name]
    assert directive["Metrics"]
    for metric in directive["Metrics"]:
        assert metric["Unit"] in UNITS
        assert type(line[metric["Name"]]) in (int, float)


def metrics_of(line: dict) -> dict[str, float]:
    return {metric["Name"]: line[metric["Name"]] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def units_of(line: dict) -> dict[str, str]:
    return {metric["Name"]: metric["Unit"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def dimensions_of(line: dict) -> list[list[str]]:
    return line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]


class TestForecasts:
    def test_how_good_the_last_one_was_is_a_metric_in_total(self, printed):
        before, plan = Plan(NOW, 8, expected=6.0, days=7), Plan(NOW, 8, expected=7.0, days=7)
        Reporter(ENVIRONMENT, None).forecast("orders", plan, before, came=8.0, show=False)
        (line,) = printed()
        assert dimensions_of(line) == [["FunctionName"]]
        assert line["ForecastError"] == 0.25

    @pytest.mark.parametrize(
        ("before", "came"), [(None, None), (Plan(NOW, 8), 8.0), (Plan(NOW, 8, expected=6.0), None)]
    )
    def test_where_nothing_was_expected_or_nobody_knows_what_came_there_is_none(self, before, came, printed):
        Reporter(ENVIRONMENT, None).forecast("orders", Plan(NOW, 8), before, came, show=False)
        assert printed() == []

    def test_some_are_shown_by_stream(self, printed):
        Reporter(ENVIRONMENT, None).forecast("orders", Plan(NOW, 8, expected=6.0), None, None, show=True)
        (line,) = printed()
        assert (dimensions_of(line), line["StreamName"]) == ([["StreamName"]], "orders")
        assert metrics_of(line) == {"ExpectedShards": 6.0}

    def test_the_log_has_what_was_expected_and_what_came(self, caplog):
        caplog.set_level("INFO")
        plan = Plan(NOW, 8, (0, 12), 0, 11.0, 6)
        Reporter(ENVIRONMENT, None).forecast("orders", plan, Plan(NOW, 8, expected=6.0), came=8.0, show=False)
        (line,) = caplog.records
        assert (line.message, line.stream, line.days, line.grow_to) == ("Forecast.", "orders", 6, 12)
        assert (line.expected_shards, line.last_expected_shards, line.came_shards) == (11.0, 6.0, 8.0)


class TestMetrics:
    def test_they_are_counted_by_stream_and_in_total(self, printed):
        Reporter(ENVIRONMENT, None).emit({"Failures": 1}, stream="orders")
        (line,) = printed()
        assert dimensions_of(line) == [["FunctionName"], ["StreamName"]]
        assert (line["FunctionName"], line["StreamName"]) == ("kinesis-autoscaler", "orders")

    def test_what_concerns_no_stream_is_counted_in_total(self, printed):
        Reporter(ENVIRONMENT, None).emit({"Reconciles": 1})
        (line,) = printed()
        assert dimensions_of(line) == [["FunctionName"]]
        assert "StreamName" not in line

    def test_a_reason_divides_both(self, printed):
        Reporter(ENVIRONMENT, None).emit({"Skips": 1}, stream="orders", reason="COOLDOWN")
        (line,) = printed()
        assert dimensions_of(line) == [["FunctionName", "Reason"], ["StreamName", "Reason"]]

    def test_they_carry_the_time_in_milliseconds(self, printed):
        with time_machine.travel(NOW, tick=False):
            Reporter(ENVIRONMENT, None).emit({"Reconciles": 1})
        (line,) = printed()
        assert line["_aws"]["Timestamp"] == NOW.timestamp() * 1000

    def test_what_is_not_known_is_left_out_and_zero_is_known(self, printed):
        Reporter(ENVIRONMENT, None).emit({"AlarmRepairs": 0, "StuckAlarms": None})
        (line,) = printed()
        assert metrics_of(line) == {"AlarmRepairs": 0}
        assert "StuckAlarms" not in line

    def test_where_nothing_is_known_nothing_is_printed(self, printed):
        Reporter(ENVIRONMENT, None).emit({"AlarmRepairs": None})
        assert printed() == []

    def test_an_accepted_scaling_is_counted_and_shows_what_is_left_of_the_day(self, printed):
        Reporter(ENVIRONMENT, None).report(SCALING, calls_left=7, accepted_now=True)
        counted, left = printed()
        assert (metrics_of(counted), dimensions_of(counted)) == ({"ScaleUps": 1}, [["FunctionName"], ["StreamName"]])
        assert (metrics_of(left), dimensions_of(left)) == ({"CallsLeftToday": 7}, [["StreamName"]])

    def test_the_last_call_of_the_day_shows_that_none_is_left(self, printed):
        Reporter(ENVIRONMENT, None).report(SCALING, calls_left=0, accepted_now=True)
        assert printed()[-1]["CallsLeftToday"] == 0

    def test_the_fleet_is_told_in_total(self, printed):
        Reporter(ENVIRONMENT, None).fleet({"orders": 8, "clicks": 3})
        (total,) = printed()
        assert metrics_of(total) == {"Streams": 2, "ShardCount": 11}
        assert dimensions_of(total) == [["FunctionName"]]

    def test_a_scaling_that_ended_shows_what_the_stream_has_and_the_fleet_how_long_it_took(self, printed):
        Reporter(ENVIRONMENT, None).report(DONE, shard_count=12)
        count, took = printed()
        assert (metrics_of(count), dimensions_of(count)) == ({"ShardCount": 12}, [["StreamName"]])
        assert (metrics_of(took), dimensions_of(took)) == ({"ReshardSeconds": 95}, [["FunctionName"]])
        assert units_of(took)["ReshardSeconds"] == "Seconds"

    @pytest.mark.parametrize(
        ("action", "counts", "other"),
        [(Action.SCALE_UP, "ScaleUps", "ScaleDowns"), (Action.SCALE_DOWN, "ScaleDowns", "ScaleUps")],
    )
    @pytest.mark.parametrize("record", [SCALING, DONE], ids=["at once", "found afterwards"])
    def test_a_scaling_is_counted_in_its_direction_when_it_is_known_to_be_accepted(
        self, printed, record, action, counts, other
    ):
        reporter = Reporter(ENVIRONMENT, None)
        reporter.report(record.with_(action=action), accepted_now=True)
        reporter.report(record.with_(action=action))
        lines = printed()
        assert [line[counts] for line in lines if counts in line] == [1]
        assert not any(other in line for line in lines)

    def test_a_look_that_changes_nothing_costs_no_metric(self, printed):
        Reporter(ENVIRONMENT, None).report(SKIPPED, calls_left=7, news=True)
        assert printed() == []

    @pytest.mark.parametrize(
        ("news", "dimensions"),
        [(True, [["FunctionName", "Reason"], ["StreamName", "Reason"]]), (False, [["FunctionName", "Reason"]])],
    )
    def test_a_worry_is_counted_by_its_reason_and_of_its_stream_once_a_day(self, printed, news, dimensions):
        Reporter(ENVIRONMENT, None).report(SKIPPED.with_(reason=Reason.AT_MAXIMUM), news=news)
        (skips,) = printed()
        assert (metrics_of(skips), skips["Reason"]) == ({"Skips": 1}, "AT_MAXIMUM")
        assert dimensions_of(skips) == dimensions

    @pytest.mark.parametrize("record", [FAILED, SCALING.with_(error="An alarm still has the old shard count.")])
    def test_a_failure_is_counted_and_so_is_a_scaling_with_a_problem(self, printed, record):
        Reporter(ENVIRONMENT, None).report(record)
        (line,) = printed()
        assert line["Failures"] == 1

    def test_a_decision_not_to_scale_is_no_failure(self, printed):
        Reporter(ENVIRONMENT, None).report(SKIPPED.with_(error="Stream orders is UPDATING."))
        assert not any("Failures" in line for line in printed())

    def test_a_refused_event_is_counted_and_logged_with_its_context(self, printed, caplog):
        Reporter(ENVIRONMENT, None).refused("This is no alarm.", sns_message="hello")
        (line,) = printed()
        assert metrics_of(line) == {"RefusedEvents": 1}
        (log,) = caplog.records
        assert (log.levelname, log.getMessage(), log.sns_message) == ("WARNING", "This is no alarm.", "hello")


class TestLogLines:
    def test_a_decision_is_one_line_with_everything_to_filter_by(self, caplog):
        with caplog.at_level(logging.INFO):
            Reporter(ENVIRONMENT, None).report(DONE, calls_left=6)
        (log,) = caplog.records
        assert (log.levelname, log.getMessage()) == ("INFO", "Scaled orders from 8 to 12 shards.")
        assert (log.stream, log.action, log.trigger) == ("orders", Action.SCALE_UP, Trigger.ALARM)
        assert (log.status, log.reason) == (Status.SUCCEEDED, Reason.HIGH_DEMAND)
        assert (log.from_shard_count, log.to_shard_count, log.demand_shards) == (8, 12, 7.25)
        assert (log.calls_left, log.seconds, log.error, log.request_id) == (6, 95, None, "request")

    @pytest.mark.parametrize(
        ("record", "level"),
        [
            (SCALING, "INFO"),
            (SKIPPED, "INFO"),
            (FAILED, "ERROR"),
            (SCALING.with_(error="An alarm still has the old shard count."), "ERROR"),
            (SKIPPED.with_(error="Stream orders is UPDATING."), "INFO"),
        ],
    )
    def test_what_went_wrong_is_an_error(self, caplog, record, level):
        with caplog.at_level(logging.INFO):
            Reporter(ENVIRONMENT, None).report(record)
        assert [log.levelname for log in caplog.records] == [level]


class TestNotifications:
    def test_a_scaling_that_ended_is_told(self, reporter, mailbox):
        reporter.report(DONE)
        (message,) = mailbox.messages()
        assert message["Subject"] == "[kinesis-autoscaler] orders: scale-up SUCCEEDED"
        console = "https://us-east-2.console.aws.amazon.com/cloudwatch/home?region=us-east-2"
        assert message["Message"].splitlines() == [
            "Scaled orders from 8 to 12 shards.",
            "",
            "Status: SUCCEEDED, reason: HIGH_DEMAND",
            "Shards: 8 → 12",
            "Demand: 7.2 shards, 91% of capacity",
            f"Alarm: {console}#alarmsV2:alarm/kinesis-autoscaler%2Forders%2Fscale-up",
            f"Log: {console}#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fkinesis-autoscaler",
        ]

    def test_a_failure_is_told_with_its_error(self, reporter, mailbox):
        reporter.report(FAILED)
        (message,) = mailbox.messages()
        assert message["Subject"].endswith("orders: scale-up FAILED")
        assert "Status: FAILED, reason: CALL_REFUSED" in message["Message"]
        assert "Error: AccessDeniedException: not you" in message["Message"]

    def test_an_accepted_scaling_is_told_only_when_it_has_ended(self, reporter, mailbox):
        reporter.report(SCALING)
        assert mailbox.messages() == []

    def test_an_accepted_scaling_with_a_problem_is_told_at_once(self, reporter, mailbox):
        reporter.report(SCALING.with_(error="An alarm still has the old shard count."))
        (message,) = mailbox.messages()
        assert "Error: An alarm still has the old shard count." in message["Message"]

    @pytest.mark.parametrize("reason", Reason)
    def test_a_skip_is_told_when_it_is_news_and_only_where_a_person_can_do_something(self, reporter, mailbox, reason):
        reporter.report(SKIPPED.with_(reason=reason), news=True)
        assert len(mailbox.messages()) == (1 if reason in NEEDS_A_PERSON else 0)
        reporter.report(SKIPPED.with_(reason=reason))
        assert mailbox.messages() == []

    def test_that_it_is_the_first_of_its_record_makes_it_no_news(self, reporter, mailbox):
        reporter.report(SKIPPED.with_(reason=Reason.AT_MAXIMUM, occurrences=1), news=False)
        assert mailbox.messages() == []

    @pytest.mark.parametrize(
        "reason",
        [Reason.AT_MAXIMUM, Reason.CONSUMERS_BEHIND, Reason.INVALID_SETTINGS, Reason.ON_DEMAND_STREAM],
    )
    def test_reasons_that_wait_for_a_person_are_among_them(self, reason):
        assert reason in NEEDS_A_PERSON

    @pytest.mark.parametrize("reason", [Reason.DEMAND_FITS, Reason.COOLDOWN, Reason.AT_MINIMUM, Reason.DRY_RUN])
    def test_reasons_of_every_day_are_not(self, reason):
        assert reason not in NEEDS_A_PERSON

    def test_a_skip_shows_the_shard_count_that_stays(self, reporter, mailbox):
        reporter.report(SKIPPED.with_(reason=Reason.AT_MAXIMUM), news=True)
        (message,) = mailbox.messages()
        assert "Shards: 8 → 8" in message["Message"]

    def test_demand_that_is_not_known_is_not_spoken_of(self, reporter, mailbox):
        reporter.report(DONE.with_(demand_shards=None, utilization=None))
        (message,) = mailbox.messages()
        assert "Demand" not in message["Message"]

    def test_a_scaling_that_no_alarm_asked_for_links_to_none(self, reporter, mailbox):
        reporter.report(DONE.with_(alarm_name=None))
        (message,) = mailbox.messages()
        assert "Alarm:" not in message["Message"]
        assert "Log:" in message["Message"]

    @pytest.mark.parametrize(
        ("region", "console"),
        [
            ("eu-central-1", "https://eu-central-1.console.aws.amazon.com/cloudwatch/"),
            ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/cloudwatch/"),
            ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/"),
        ],
    )
    def test_links_lead_to_the_console_of_the_partition(self, mailbox, region, console):
        mailbox.reporter(region=region).report(DONE)
        (message,) = mailbox.messages()
        links = [line.partition(" ")[2] for line in message["Message"].splitlines() if "https://" in line]
        assert len(links) == 2
        assert all(link.startswith(f"{console}home?region={region}#") for link in links)

    def test_the_subject_of_a_stream_with_a_long_name_is_one_that_sns_takes(self, reporter, mailbox):
        reporter.report(DONE.with_(stream_name="o" * 128))
        (message,) = mailbox.messages()
        assert message["Subject"].startswith("[kinesis-autoscaler] ooo")

    def test_without_a_topic_nobody_is_told(self, mailbox):
        Reporter(ENVIRONMENT, None).report(DONE)
        Reporter(ENVIRONMENT, mailbox.sns).report(DONE)
        assert mailbox.messages() == []

    @pytest.mark.parametrize("code", ["AuthorizationErrorException", "NotFoundException", "KMSDisabledException"])
    def test_one_that_can_not_be_published_is_logged_and_not_raised(self, mailbox, caplog, printed, code):
        with Stubber(mailbox.sns) as answers:
            answers.add_client_error("publish", code)
            mailbox.reporter().report(DONE)
        (log,) = (each for each in caplog.records if each.levelname == "ERROR")
        assert (log.getMessage(), log.stream) == ("The notification could not be published.", "orders")
        assert code in log.exc_text
        assert len(printed()) == 1, "the metrics of the scaling are there all the same"

    def test_one_that_meets_no_connection_is_logged_and_not_raised(self, mailbox, caplog):
        def unreachable(**_):
            raise EndpointConnectionError(endpoint_url="https://sns.us-east-2.amazonaws.com")

        mailbox.sns.meta.events.register("before-call.sns.Publish", unreachable)
        mailbox.reporter().report(DONE)
        assert "The notification could not be published." in caplog.messages
