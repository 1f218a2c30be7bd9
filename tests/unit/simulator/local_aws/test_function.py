"""The runner of uploaded functions, in one process, with the separation of Lambda's processes."""

from __future__ import annotations

import io
import json
import os
import sys
import types
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from simulator.aws.clock import VirtualClock
from simulator.local_aws.function import ApiObserver, FunctionConfiguration, FunctionCrash, Invocation, invoke

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def configuration(source: str, **changes) -> FunctionConfiguration:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("scaler/__init__.py", "")
        archive.writestr("scaler/door.py", source)
    settings = {
        "name": "scaler",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:scaler",
        "handler": "scaler.door.handler",
        "code": package.getvalue(),
        "environment": {},
        "timeout_seconds": 60,
        "memory_megabytes": 256,
        "log_group": "/aws/lambda/scaler",
        "region": "us-east-1",
    }
    return FunctionConfiguration(**(settings | changes))


def run(source: str, event: object = None, *, observer: ApiObserver | None = None, **changes) -> Invocation:
    with VirtualClock(NOON) as clock:
        return invoke(
            configuration(source, **changes),
            event,
            environment={"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"},
            observer=observer,
            sleep=lambda seconds: clock.advance(timedelta(seconds=seconds)),
        )


def test_the_handler_is_given_the_event_the_context_and_the_environment():
    source = """
import os
def handler(event, context):
    return [event, context.function_name, context.aws_request_id, context.get_remaining_time_in_millis(),
            os.environ["LIMIT"], os.environ["AWS_LAMBDA_FUNCTION_NAME"]]
"""
    invocation = run(source, {"action": "reconcile"}, environment={"LIMIT": "7"})
    assert invocation.payload == [{"action": "reconcile"}, "scaler", invocation.request_id, 60_000, "7", "scaler"]
    assert invocation.error is None


def test_the_function_sees_nothing_of_this_machines_aws_settings(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    invocation = run("import os\ndef handler(event, context): return os.environ.get('AWS_PROFILE')")
    assert invocation.payload is None
    assert os.environ["AWS_PROFILE"] == "production"


def test_a_package_of_the_same_name_in_this_process_is_not_disturbed(monkeypatch):
    ours = types.ModuleType("scaler")
    monkeypatch.setitem(sys.modules, "scaler", ours)
    invocation = run("import scaler\ndef handler(event, context): return scaler.__file__ is not None")
    assert invocation.payload is True
    assert sys.modules["scaler"] is ours
    assert "scaler.door" not in sys.modules


def test_modules_stay_loaded_from_one_invocation_to_the_next():
    source = "calls = []\ndef handler(event, context):\n    calls.append(event)\n    return calls"
    first, second = run(source, 1), run(source, 2)
    assert (first.cold_start, second.cold_start) == (True, False)
    assert second.payload == [1, 2]


def test_another_environment_is_another_process():
    source = "calls = []\ndef handler(event, context):\n    calls.append('environment')\n    return calls"
    run(source, environment={"DRY_RUN": "false"})
    assert run(source, environment={"DRY_RUN": "true"}).cold_start


def test_an_exception_becomes_lambdas_error_payload():
    invocation = run("def handler(event, context): raise ValueError('no such stream')")
    assert invocation.error is not None
    assert invocation.error["errorType"] == "ValueError"
    assert invocation.error["errorMessage"] == "no such stream"
    assert "door.py" in "".join(invocation.error["stackTrace"])
    assert invocation.logs[-1]["errorType"] == "ValueError"


def test_a_module_that_cannot_be_imported_is_a_function_error_too():
    invocation = run("import there_is_no_such_module\ndef handler(event, context): pass")
    assert invocation.error is not None
    assert invocation.error["errorType"] == "ModuleNotFoundError"


def test_a_crash_cannot_be_caught_by_the_function_and_the_next_start_is_cold():
    source = """
import boto3
def handler(event, context):
    try:
        boto3.client("kinesis", region_name="us-east-1").list_streams()
    except Exception:
        return "caught"
"""

    def crash(_):
        raise FunctionCrash

    invocation = run(source, observer=ApiObserver(before=crash))
    assert invocation.error == {"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited"}
    assert [call.operation for call in invocation.api_calls] == ["ListStreams"]
    assert run(source, observer=ApiObserver(before=crash)).cold_start


def test_sleeping_takes_virtual_time_and_ends_with_the_timeout():
    source = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return time.time()"
    assert run(source, 20).payload == NOON.timestamp() + 20
    late = run(source, 90)
    assert late.error is not None
    assert "timed out after 60.00 seconds" in late.error["errorMessage"]
    assert late.finished_at == NOON + timedelta(seconds=60)


def test_log_records_are_kept_as_json_with_their_extra_fields():
    source = """
import logging
def handler(event, context):
    logging.getLogger("scaler").info("scaled %s", "orders", extra={"stream_name": "orders", "to": 4})
    logging.getLogger("scaler").debug("not shown")
"""
    [line] = run(source).logs
    assert line["level"] == "INFO"
    assert line["message"] == "scaled orders"
    assert (line["stream_name"], line["to"]) == ("orders", 4)
    assert line["timestamp"] == "2026-01-05T12:00:00Z"


def test_the_configured_log_level_decides_what_is_logged():
    source = "import logging\ndef handler(event, context): logging.getLogger('scaler').debug('shown')"
    [line] = run(source, log_level="DEBUG").logs
    assert line["level"] == "DEBUG"


def test_printed_json_is_kept_as_such_and_other_lines_as_messages(capsys):
    metric = {"_aws": {"Timestamp": 0, "CloudWatchMetrics": []}}
    source = f"def handler(event, context):\n    print({json.dumps(metric)!r})\n    print('plain')"
    assert run(source).logs == [metric, {"message": "plain"}]
    assert capsys.readouterr().out == ""


def test_an_answer_that_json_cannot_hold_is_a_function_error():
    invocation = run("def handler(event, context): return {1, 2}")
    assert invocation.error is not None
    assert invocation.error["errorType"] == "TypeError"


@pytest.mark.parametrize("handler", ["scaler.nowhere.handler", "scaler.door.nothing"])
def test_a_handler_that_does_not_exist_is_a_function_error(handler):
    assert run("def handler(event, context): pass", handler=handler).error is not None
