"""Steps: repeated notifications and forged messages have no effect, and a dry run only writes records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from acceptance.errors import AcceptanceError, StepFailedError
from acceptance.scaling import require_empty_plan, settle
from acceptance.stack import UP, Answer
from acceptance.walk import Walk

_LOOKED_AT_FOR = timedelta(seconds=30)
"""How long to wait for effects of a message that must have none."""


def duplicate(walk: Walk) -> str:
    """The notification of the scale-up is delivered twice more. The function recognizes it and does nothing."""
    record = walk.scaled_up
    if record is None:
        raise AcceptanceError("There was no scale-up to repeat.")
    before = _standing(walk)
    event = _notification(walk, walk.stack.alarm_names[UP], record["event_time"].partition("#")[0])
    for _ in range(2):
        decided = _answered(walk.stack.invoke(event))["decisions"]
        if [(each["event_time"], each["status"]) for each in decided] != [(record["event_time"], record["status"])]:
            raise StepFailedError(f"A notification that was delivered again led to {decided}, not to its own record.")
    _require_unchanged(walk, before, "a notification that was delivered again")
    return "Both deliveries were answered with the record of the first."


def forged(walk: Walk) -> str:
    """Messages claim that an alarm is in ALARM when it is not, or name another topic, or an alarm of another owner."""
    settle(walk)
    before, stack = _standing(walk), walk.stack
    now = walk.waiting.now().isoformat()
    ours = stack.alarm_names[UP]
    forgeries = {
        "an alarm that is not in ALARM": _notification(walk, ours, now),
        "another topic": _notification(walk, ours, now, topic_arn=f"{stack.topic_arn}-of-others"),
        "an alarm of others": _notification(walk, f"others/{stack.stream_name}/scale-up", now),
    }
    for what, event in forgeries.items():
        if decided := _answered(stack.invoke(event))["decisions"]:
            raise StepFailedError(f"A forged message, of {what}, led to {decided}.")
    message = forgeries["an alarm that is not in ALARM"]["Records"][0]["Sns"]["Message"]
    walk.account.client("sns").publish(TopicArn=stack.topic_arn, Message=message)
    walk.waiting.sleep(_LOOKED_AT_FOR.total_seconds())
    _require_unchanged(walk, before, "a forged message")
    return f"{len(forgeries)} forged messages, and one by way of the topic, did nothing."


def dry_run(walk: Walk) -> str:
    """With dry_run, a request is decided and recorded, and the stream does not change."""
    _switch(walk, dry_run=True)
    count = settle(walk)
    answer = _answered(walk.stack.request(count + 1, "acceptance: a dry run", walk.waiting.now()))
    if (answer["status"], answer["reason"]) != ("SKIPPED", "DRY_RUN"):
        raise StepFailedError(
            f"In a dry run a request ended as {answer['status']}, {answer['reason']}: {answer['message']}"
        )
    if (now := walk.stack.active_with()) != count:
        raise StepFailedError(f"In a dry run the stream went from {count} shards to {now}.")
    _switch(walk, dry_run=False)
    require_empty_plan(walk, "the dry run")
    return f"{answer['message']}"


def _switch(walk: Walk, *, dry_run: bool) -> None:
    settle(walk)
    outcome = walk.apply(dry_run=dry_run)
    if outcome.touched != {"module.autoscaler.aws_lambda_function.this": "update"}:
        raise StepFailedError(f"dry_run = {str(dry_run).lower()} was applied, and that changed {outcome}.")
    walk.waiting.until("Lambda to have the function ready", walk.stack.is_settled, timedelta(minutes=3))


def _notification(walk: Walk, alarm_name: str, at: str, topic_arn: str | None = None) -> dict[str, Any]:
    """Return the event with which SNS delivers an alarm's message."""
    message = {
        "AlarmName": alarm_name,
        "NewStateValue": "ALARM",
        "OldStateValue": "OK",
        "NewStateReason": "acceptance: not from CloudWatch",
        "StateChangeTime": datetime.fromisoformat(at).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
    }
    sns = {"Type": "Notification", "TopicArn": topic_arn or walk.stack.topic_arn, "Message": json.dumps(message)}
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}


def _answered(answer: Answer) -> Mapping[str, Any]:
    if answer.error:
        raise StepFailedError(f"The function failed: {answer.error}")
    return answer.payload


def _standing(walk: Walk) -> tuple[int, set[str]]:
    """Return the open shards and the records with an intent, which must not change."""
    intents = {record["event_time"] for record in walk.stack.records() if record["status"] != "SKIPPED"}
    return int(walk.stack.stream()["OpenShardCount"]), intents


def _require_unchanged(walk: Walk, before: tuple[int, set[str]], by: str) -> None:
    now = _standing(walk)
    if now != before:
        shards, new = f"{before[0]} to {now[0]} shards", sorted(now[1] - before[1])
        raise StepFailedError(f"By {by} the stream went from {shards}, with the new records {new}.")
