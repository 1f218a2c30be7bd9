"""The walk step by step: when it passes, how it describes each fault, and that it leaves nothing after an interrupt.

Terraform's part is recorded here, so that there is time for every fault; test_real_terraform.py has the real one.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from moto.cloudwatch.models import CloudWatchBackend

from acceptance import line as command_line
from acceptance.errors import AcceptanceError
from acceptance.rehearsal import VirtualTime
from acceptance.root import Run
from acceptance.steps import WALK
from acceptance.terraform import ENDINGS
from acceptance.waiting import Waiting
from acceptance.walk import Verdict
from simulator.deployment import NAME
from simulator.local_aws import LocalAWS, Transport
from tests.acceptance.recorded import Stage, failed, stage

TOPIC = f"arn:aws:sns:us-east-1:123456789012:{NAME}"
BY_NAME = {step.name: step for step in WALK}


@pytest.fixture
def s(tmp_path):
    with stage(tmp_path) as s:
        yield s


def until(name: str) -> list:
    """Return the steps up to one of them."""
    names = list(BY_NAME)
    return [BY_NAME[each] for each in names[: names.index(name) + 1]]


def test_the_whole_walk_passes_measures_and_leaves_nothing(tmp_path):
    with stage(tmp_path, measures=True) as s:
        results = s.go()

        assert failed(results) == {}
        assert {each.verdict for each in results.values()} == {Verdict.PASSED}
        assert s.what_is_left() == []
        assert "left the record PENDING" in results["crash"].said
        taken = s.walk.measurements.values()
        assert s.walk.measurements.failed == {}
        assert taken["refusal_daily"] == "LimitExceededException"
        assert taken["refusal_busy"] == "ResourceInUseException"
        assert taken["refusal_double"] == taken["refusal_half"] == "InvalidArgumentException"
        assert taken["reports_when_idle"] == "zeros"
        assert taken["count_while_updating"] == "before"
        assert taken["splits_count_as_calls"] == "no"
        assert taken["runtime_botocore"] == "1.44.5"
        assert 60 <= taken["metric_delay_seconds"] <= 70
        assert 180 <= taken["reshard_seconds"] <= 190
        assert 30 <= taken["split_seconds"] <= 40


# --- Broken on purpose


def close_the_topic(s: Stage) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": TOPIC}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    s.aws.client("sns").set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy)


def unsubscribe(s: Stage) -> None:
    [subscription] = s.aws.client("sns").list_subscriptions()["Subscriptions"]
    s.aws.client("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def close_the_function(s: Stage) -> None:
    s.aws.client("lambda").remove_permission(FunctionName=NAME, StatementId="topic")


def take_the_handler_away(s: Stage) -> None:
    s.aws.client("lambda").update_function_configuration(FunctionName=NAME, Handler="kinesis_autoscaler.handler.gone")


def disable_actions(s: Stage) -> None:
    s.aws.client("cloudwatch").disable_alarm_actions(AlarmNames=[f"{NAME}/{NAME}/scale-up"])


def deny(operation: str) -> Callable[[Stage], None]:
    """Remove a permission from the function."""

    def break_it(s: Stage) -> None:
        before = s.aws.observer.before

        def refuse(call) -> None:
            assert before is not None
            before(call)
            if call.operation == operation:
                message = f"User is not authorized to perform: {call.service}:{operation}"
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)

        s.aws.observer.before = refuse

    return break_it


@pytest.mark.parametrize(
    ("at", "break_it", "sentences"),
    [
        (
            "scale-up",
            close_the_topic,
            [f"The alarm {NAME}/{NAME}/scale-up went into ALARM at", f"{TOPIC} does not let CloudWatch publish to it"],
        ),
        ("scale-up", unsubscribe, ["the function does not subscribe to the topic"]),
        ("scale-up", close_the_function, ["does not let SNS invoke it (aws_lambda_permission)"]),
        ("scale-up", disable_actions, [f"The actions of the alarm {NAME}/{NAME}/scale-up are disabled."]),
        (
            "answers",
            take_the_handler_away,
            ["fails when it is invoked", "Its handler is kinesis_autoscaler.handler.gone."],
        ),
        ("answers", deny("Query"), ["fails when it is invoked", "not authorized to perform: dynamodb:Query"]),
        (
            "scale-up",
            deny("UpdateShardCount"),
            ["The scaling failed", "not authorized to perform: kinesis:UpdateShardCount"],
        ),
        (
            "scale-up",
            deny("PutMetricAlarm"),
            ["its alarms have not been rewritten", "scale-up with 1", "perform: cloudwatch:PutMetricAlarm"],
        ),
        (
            "scale-up",
            deny("TransactWriteItems"),
            ["AWS refused a call permanently", "perform: dynamodb:TransactWriteItems"],
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else None,
)
def test_a_fault_fails_its_step_in_a_sentence_that_names_it(s, at, break_it, sentences):
    s.before[at] = lambda: break_it(s)

    results = s.go(until(at))

    assert list(failed(results)) == [at]
    for sentence in sentences:
        assert sentence in results[at].said
    assert "Traceback" not in results[at].said
    assert results["destroy"].verdict is Verdict.PASSED
    assert s.what_is_left() == []


def test_alarms_that_are_not_rewritten_are_named_though_every_call_succeeds(s):
    put, rest = CloudWatchBackend.put_metric_alarm, ExitStack()

    def lose(backend, name, **settings):
        return backend.alarms[name] if name in backend.alarms else put(backend, name, **settings)

    s.before["scale-up"] = lambda: rest.enter_context(patch.object(CloudWatchBackend, "put_metric_alarm", lose))
    with rest:
        results = s.go(until("scale-up"))

    assert "The stream has 2 open shards" in results["scale-up"].said
    assert (
        f"(PutMetricAlarm): {NAME}/{NAME}/scale-up with 1, {NAME}/{NAME}/scale-down with 1." in results["scale-up"].said
    )
    assert s.what_is_left() == []


def test_what_gets_lost_on_the_way_without_a_broken_link_is_told_as_such(s):
    s.before["scale-up"] = lambda: rest.enter_context(patch("simulator.local_aws.topics._may_invoke", lambda _: False))
    with ExitStack() as rest:
        results = s.go(until("scale-up"))

    assert "went into ALARM at" in results["scale-up"].said
    assert "although every link between them works. See the log /aws/lambda/" in results["scale-up"].said


def test_a_plan_that_finds_changes_fails_with_what_it_would_change(s):
    def rewrite() -> None:
        s.aws.streams.model(NAME).reshard_by_hand(2, s.aws.clock.now())

    s.before["plan-after-apply"] = rewrite
    # Reconcile is disabled, because it would repair this.
    schedule = s.aws.schedules
    with patch.object(schedule, "run_due"):
        results = s.go(until("plan-after-apply"))

    assert results["plan-after-apply"].said.startswith("After the apply a plan finds changes: module.scaling.")


def test_an_alarm_that_never_fires_is_told_with_its_state_and_reason(s):
    s.before["scale-up"] = lambda: s.aws.faults.lose_namespace("AWS/Kinesis")

    results = s.go(until("scale-up"))

    assert "has not fired in 7 minutes; it is INSUFFICIENT_DATA" in results["scale-up"].said


def test_a_permission_that_the_runner_lacks_is_told_with_the_remedy(s):
    error = {"Code": "AccessDeniedException", "Message": "not authorized to perform: kinesis:PutRecords"}
    refusal = ClientError({"Error": error}, "PutRecords")
    s.before["scale-up"] = lambda: s.refuse("kinesis", "put_records", refusal)

    results = s.go(until("scale-up"))

    assert "AWS refused PutRecords: AccessDeniedException" in results["scale-up"].said
    assert "acceptance/policy.json has all that the run needs" in results["scale-up"].said


def test_a_fault_of_the_acceptance_itself_still_destroys_and_keeps_its_traceback(s, tmp_path):
    def fail() -> None:
        raise ZeroDivisionError("by nobody")

    s.before["answers"] = fail

    results = s.go(until("scale-up"))

    assert results["answers"].said.startswith("The acceptance itself failed: ZeroDivisionError")
    assert results["scale-up"].verdict is Verdict.NOT_RUN
    assert "ZeroDivisionError" in (tmp_path / "error.log").read_text()
    assert s.what_is_left() == []


# --- Interrupted


@pytest.mark.parametrize("name", list(BY_NAME))
def test_an_interrupt_in_any_step_destroys_what_was_made(s, name):
    """Interrupt in the middle of a step that waits, and at the beginning of a step that does not."""
    look, armed = Waiting.look, False

    def arm() -> None:
        nonlocal armed
        armed = True
        if name.startswith("plan") or name in ("duplicate", "apply"):
            raise KeyboardInterrupt

    def interrupted(waiting, reached):
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt
        return look(waiting, reached)

    s.before[name] = arm
    with patch.object(Waiting, "look", interrupted):
        results = s.go([BY_NAME["apply"], BY_NAME[name]] if name != "apply" else [BY_NAME["apply"]])

    assert results[name].verdict is Verdict.INTERRUPTED
    assert results["destroy"].verdict is Verdict.PASSED
    assert s.what_is_left() == []


@pytest.fixture
def signals():
    """The handlers of signals are restored."""
    before = {each: signal.getsignal(each) for each in ENDINGS}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def test_a_terminated_run_destroys_what_it_made(tmp_path, monkeypatch, signals, capsys):
    """With a real signal, in the middle of a wait. test_real_terraform.py interrupts one in an apply."""
    sleep = VirtualTime.sleep

    def terminate(time: VirtualTime, seconds: float) -> None:
        monkeypatch.setattr(VirtualTime, "sleep", sleep)
        os.kill(os.getpid(), signal.SIGTERM)
        sleep(time, seconds)

    with stage(tmp_path / "made") as s:
        monkeypatch.setattr(command_line, "local_aws", lambda: nullcontext(s.aws))
        monkeypatch.setattr(command_line, "Terraform", lambda *_: s.terraform)
        monkeypatch.setattr(command_line, "connect", lambda **_: s.walk.account)
        monkeypatch.setattr(Run, "begin", lambda *_: s.walk.run)
        monkeypatch.setattr(VirtualTime, "sleep", terminate)

        code = command_line.main(["--local", "--yes", "--no-measurements", "--work-folder", str(tmp_path / "run")])

        assert s.terraform.variables is not None, "something was made"
        assert s.what_is_left() == []
    assert code == 130
    shown = capsys.readouterr().out
    assert "Interrupted." in shown
    assert "Nothing is left in any of 9 services." in shown
    assert "Traceback" not in shown


def test_what_terraform_does_not_know_of_is_found_by_name_and_deleted(s):
    """Terraform may be stopped after the creation of a resource and before it writes its state."""
    s.terraform.forgets = True

    results = s.go(until("apply"))

    assert results["destroy"].verdict is Verdict.PASSED
    assert "had to be deleted one by one" in results["destroy"].said
    assert s.what_is_left() == []


def test_an_interrupted_destroy_begins_anew_and_gives_the_command_when_interrupted_again(s, tmp_path):
    destroy = s.terraform.destroy

    def interrupted_twice():
        if s.terraform.destroys < 2:
            s.terraform.destroys += 1
            raise KeyboardInterrupt
        return destroy()

    with patch.object(s.terraform, "destroy", interrupted_twice):
        results = s.go(until("apply"))

    assert results["destroy"].verdict is Verdict.INTERRUPTED
    assert "python -m acceptance destroy --work-folder" in results["destroy"].said
    assert tmp_path.name in results["destroy"].said
    assert s.what_is_left() != []

    assert s.go(())["destroy"].verdict is Verdict.PASSED
    assert s.what_is_left() == []


def test_a_destroy_that_cannot_reach_aws_gives_the_command(s):
    refusal = ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}, "DescribeAlarms")
    s.terraform.forgets = True
    s.before["destroy"] = lambda: s.refuse("cloudwatch", "describe_alarms", refusal)

    results = s.go(until("apply"))

    assert "Your credentials have expired" in results["destroy"].said
    assert "python -m acceptance destroy --work-folder" in results["destroy"].said


def test_nothing_but_a_run_of_acceptance_is_ever_swept(tmp_path):
    (tmp_path / "run.json").write_text('{"name": "production", "region": "us-east-1"}')
    with pytest.raises(AcceptanceError, match="production"):
        Run.read(tmp_path)


# --- Inconclusive


def test_a_crash_that_cannot_be_placed_is_told_as_such_and_fails_nothing(s):
    s.before["crash"] = lambda: setattr(s.aws.observer, "before", None)  # calls take no time, so no timeout occurs

    results = s.go([BY_NAME["apply"], BY_NAME["crash"]])

    assert results["crash"].verdict is Verdict.INCONCLUSIVE
    assert failed(results) == {}


def test_an_interrupt_while_a_step_is_being_shown_destroys_too(s):
    ends = s.ends

    def interrupted(result) -> None:
        s.ends = ends
        raise KeyboardInterrupt

    s.ends = interrupted
    results = s.go(until("answers"))

    assert results["apply"].verdict is Verdict.INTERRUPTED
    assert results["answers"].verdict is Verdict.NOT_RUN
    assert s.what_is_left() == []


def test_the_command_for_later_destroys_by_the_kept_folder_alone(tmp_path, monkeypatch, capsys):
    """With the real Terraform, which has no resources in its state, and a resource that a killed run has left."""
    with LocalAWS(Transport.HTTP) as aws:
        monkeypatch.setattr(command_line, "RealTime", lambda: VirtualTime(aws))
        run = Run.begin(aws.region, aws.account_id, None, aws.environment["AWS_ENDPOINT_URL"])
        run.write(tmp_path / "run")
        aws.client("sqs").create_queue(QueueName=f"{run.name}-dead-letter")
        aws.client("sqs").create_queue(QueueName="production-dead-letter")

        assert command_line.main(["destroy", "--work-folder", str(tmp_path / "run")]) == 0

        left = aws.client("sqs").list_queues()["QueueUrls"]
        assert [url.rpartition("/")[2] for url in left] == ["production-dead-letter"]
    shown = " ".join(capsys.readouterr().out.split())
    assert "Nothing is left in any of 9 services. aws_sqs_queue" in shown
    assert "had to be deleted one by one." in shown
