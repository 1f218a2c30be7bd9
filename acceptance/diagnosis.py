"""Finds out why something did not happen, as a sentence: checks each link between an alarm and the function."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from acceptance.errors import error_code, refusal
from acceptance.stack import Record, Stack
from acceptance.waiting import in_minutes


def why_no_record(stack: Stack, direction: str, fired_at: datetime | None, since: datetime, now: datetime) -> str:
    """Return why an alarm has caused no scaling.

    Args:
        stack: the applied resources.
        direction: the alarm's direction, `scale-up` or `scale-down`.
        fired_at: when the alarm was seen in ALARM; None if never.
        since: the start of the wait.
        now: the end of the wait.
    """
    name, waited = stack.alarm_names[direction], in_minutes(now - since)
    alarm = stack.alarms().get(direction)
    if alarm is None:
        return f"The alarm {name} does not exist."
    decided = [r for r in stack.records() if r["action"] == direction and r["event_time"] >= _key(since)]
    if decided:
        return f"In {waited} the function decided otherwise: {decided[-1]['reason']}: {decided[-1]['message']}"
    if not alarm["ActionsEnabled"]:
        return f"The actions of the alarm {name} are disabled."
    if fired_at is None:
        return f"The alarm {name} has not fired in {waited}; it is {alarm['StateValue']}: {alarm['StateReason']}"
    fired = f"The alarm {name} went into ALARM at {fired_at:%H:%M:%S} UTC, but"
    if stack.topic_arn not in alarm["AlarmActions"]:
        return f"{fired} it does not notify the topic {stack.topic_arn}."
    for link in _LINKS:
        if why := _asked(link, stack, since):
            return f"{fired} {why}"
    return (
        f"{fired} the audit table {stack.audit_table_name} has no record, although every link between them works. "
        f"See the log {stack.log_group_name}."
    )


def why_it_failed(record: Record) -> str:
    """Return the failure in a record as a sentence."""
    error = f" {record['error']}" if record.get("error") else ""
    return f"{record['reason']}: {record['message']}{error}"


def why_it_does_not_answer(stack: Stack, error: str) -> str:
    """Return why an invocation ended with an error."""
    handler = stack.configuration().get("Handler")
    return f"The function {stack.function_name} fails when it is invoked: {error}. Its handler is {handler}."


def _topic_is_closed(stack: Stack, since: datetime) -> str | None:
    del since
    policy = stack.account.client("sns").get_topic_attributes(TopicArn=stack.topic_arn)["Attributes"].get("Policy")
    if policy and any(_lets_in(statement, "cloudwatch.") for statement in json.loads(policy)["Statement"]):
        return None
    return f"the policy of the topic {stack.topic_arn} does not let CloudWatch publish to it (aws_sns_topic_policy)."


def _nobody_subscribes(stack: Stack, since: datetime) -> str | None:
    del since
    answer = stack.account.client("sns").list_subscriptions_by_topic(TopicArn=stack.topic_arn)
    subscribed = [each for each in answer["Subscriptions"] if each["Endpoint"].endswith(f":{stack.function_name}")]
    if not subscribed:
        return f"the function does not subscribe to the topic {stack.topic_arn} (aws_sns_topic_subscription)."
    if not subscribed[0]["SubscriptionArn"].startswith("arn:"):
        return f"the function's subscription to the topic {stack.topic_arn} is {subscribed[0]['SubscriptionArn']}."
    return None


def _function_is_closed(stack: Stack, since: datetime) -> str | None:
    del since
    closed = f"the function {stack.function_name} does not let SNS invoke it (aws_lambda_permission)."
    try:
        answer = stack.account.client("lambda").get_policy(FunctionName=stack.function_name)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return closed
        raise
    return None if any(_lets_in(each, "sns.") for each in json.loads(answer["Policy"])["Statement"]) else closed


def _function_fails(stack: Stack, since: datetime) -> str | None:
    answer = stack.invoke({"action": "reconcile"})
    if answer.error:
        said = why_it_does_not_answer(stack, answer.error)
        return said[:1].lower() + said[1:]
    if errors := stack.dead_letters():
        return f"the function failed to handle its message: {errors[-1]}"
    if errors := stack.log_errors(since):
        return f"the function failed to handle its message: {errors[-1]}"
    return None


_LINKS: tuple[Callable[[Stack, datetime], str | None], ...] = (
    _topic_is_closed,
    _nobody_subscribes,
    _function_is_closed,
    _function_fails,
)
"""The links between an alarm and its record, in the order in which a message passes them."""


def _asked(link: Callable[[Stack, datetime], str | None], stack: Stack, since: datetime) -> str | None:
    """Return the problem of a link, or that it cannot be checked."""
    try:
        return link(stack, since)
    except ClientError as error:
        return f"the cause is unknown: {refusal(error)}"


def _lets_in(statement: Mapping[str, Any], service: str) -> bool:
    """Return whether a statement of a resource's policy allows an action to an AWS service or to everybody."""
    principal = statement["Principal"]
    named = principal if isinstance(principal, str) else principal.get("Service", principal.get("AWS", ""))
    names = [named] if isinstance(named, str) else named
    return statement["Effect"] == "Allow" and any(each == "*" or each.startswith(service) for each in names)


def _key(at: datetime) -> str:
    """Return a sort key below the keys of all records since then."""
    return at.strftime("%Y-%m-%dT%H:%M:%S")
