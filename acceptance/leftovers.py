"""Finds what a run may have left behind, service by service, by name, and deletes it.

Terraform destroys everything in its state. A resource that it was creating when it was stopped may not be in the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from acceptance.account import Account
from acceptance.errors import StepFailedError, TimedOutError, error_code
from acceptance.root import ROLE_PATH, Run
from acceptance.terraform import TerraformFailedError
from acceptance.waiting import Waiting
from acceptance.walk import Walk

Client: TypeAlias = Any
"""Clients of boto3, which creates their classes at run time."""

_GONE_WITHIN = timedelta(minutes=3)
"""How long a service may still show a deleted resource: SQS states a minute for its queues."""
_DELETED_WITHIN = timedelta(minutes=5)
_NOT_FOUND = {
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchEntity",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}
_ROLE_NAME_CHARACTERS = 28
"""The number of characters of its name that the module uses in the names of its roles."""


@dataclass(frozen=True)
class Kind:
    """A kind of resource that a run creates.

    Attributes:
        types: the Terraform types of this kind, and of resources that are deleted with it.
        find: returns the identities of the existing ones.
        delete: deletes one.

    """

    service: str
    types: tuple[str, ...]
    find: Callable[[Client, Account, str], list[str]]
    delete: Callable[[Client, str], object]


@dataclass(frozen=True)
class Leftover:
    """A resource that still exists."""

    kind: Kind
    identity: str

    def __str__(self) -> str:
        """Return the type and the identity."""
        return f"{self.kind.types[0]} {self.identity}"


def destroy(walk: Walk) -> str:
    """Destroy everything with Terraform, check every service for leftovers, and delete these.

    Raises:
        StepFailedError: Terraform failed, or has left something.
    """
    failed = ""
    walk.waiting.alone()
    try:
        walk.terraform.destroy()
    except TerraformFailedError as error:
        failed = str(error)
    left = _after_a_while(walk.account, walk.run, walk.waiting)
    for each in left:
        _delete(walk.account, each)
    if left and (still := _after_a_while(walk.account, walk.run, walk.waiting, _DELETED_WITHIN)):
        raise StepFailedError(f"{failed} Still there: {', '.join(map(str, still))}.".strip())
    walk.is_clean = True
    swept = f"{', '.join(map(str, left))} had to be deleted one by one." if left else ""
    if failed:
        raise StepFailedError(f"{failed} Nothing is left: {swept or 'no service has anything of this run.'}")
    return f"Nothing is left in any of {len({kind.service for kind in KINDS})} services. {swept}".strip()


def find(account: Account, run: Run) -> Iterator[Leftover]:
    """Return all resources of a run that exist."""
    for kind in KINDS:
        for identity in _found(kind, account, run.name):
            yield Leftover(kind, identity)


def _found(kind: Kind, account: Account, name: str) -> list[str]:
    try:
        return kind.find(account.client(kind.service), account, name)
    except ClientError as error:
        if error_code(error) in _NOT_FOUND:
            return []
        raise


def _after_a_while(account: Account, run: Run, waiting: Waiting, within: timedelta = _GONE_WITHIN) -> list[Leftover]:
    """Return the leftovers, after services had time to update their listings."""
    left: list[Leftover] = []

    def nothing() -> bool:
        left[:] = find(account, run)
        return not left

    try:
        waiting.until("every service to show that nothing is left", nothing, within)
    except TimedOutError:
        return left
    return []


def _delete(account: Account, leftover: Leftover) -> None:
    """Delete a resource. It is fine if it no longer exists."""
    try:
        leftover.kind.delete(account.client(leftover.kind.service), leftover.identity)
    except ClientError as error:
        if error_code(error) not in _NOT_FOUND:
            raise


def _streams(kinesis: Client, _: Account, name: str) -> list[str]:
    return _existing(lambda each: kinesis.describe_stream_summary(StreamName=each), (name, f"{name}-probe"))


def _functions(lambda_: Client, _: Account, name: str) -> list[str]:
    return _existing(lambda each: lambda_.get_function_configuration(FunctionName=each), (name, f"{name}-runtime"))


def _tables(dynamodb: Client, _: Account, name: str) -> list[str]:
    return _existing(lambda each: dynamodb.describe_table(TableName=each), (f"{name}-audit",))


def _queues(sqs: Client, _: Account, name: str) -> list[str]:
    return [sqs.get_queue_url(QueueName=f"{name}-dead-letter")["QueueUrl"]]


def _topics(sns: Client, account: Account, name: str) -> list[str]:
    arn = f"arn:{account.partition}:sns:{account.region}:{account.account_id}:{name}"
    return _existing(lambda each: sns.get_topic_attributes(TopicArn=each), (arn,))


def _alarms(cloudwatch: Client, _: Account, name: str) -> list[str]:
    found = cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]
    return [alarm["AlarmName"] for alarm in found]


def _log_groups(logs: Client, _: Account, name: str) -> list[str]:
    found = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    return [group["logGroupName"] for group in found]


def _queries(logs: Client, _: Account, name: str) -> list[str]:
    found = logs.describe_query_definitions(queryDefinitionNamePrefix=name)["queryDefinitions"]
    return [query["queryDefinitionId"] for query in found]


def _schedule_groups(scheduler: Client, _: Account, name: str) -> list[str]:
    group = scheduler.get_schedule_group(Name=name)
    return [group["Name"]]


def _roles(iam: Client, _: Account, name: str) -> list[str]:
    pages = iam.get_paginator("list_roles").paginate(PathPrefix=ROLE_PATH)
    begin = name[:_ROLE_NAME_CHARACTERS]
    return [role["RoleName"] for page in pages for role in page["Roles"] if role["RoleName"].startswith(begin)]


def _delete_role(iam: Client, name: str) -> None:
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def _existing(ask: Callable[[str], object], names: tuple[str, ...]) -> list[str]:
    """Return those of the names that a service knows."""
    found = []
    for name in names:
        try:
            ask(name)
        except ClientError as error:
            if error_code(error) not in _NOT_FOUND:
                raise
        else:
            found.append(name)
    return found


# Callers are deleted before what they call, so that nothing is invoked meanwhile.
KINDS = (
    Kind("cloudwatch", ("aws_cloudwatch_metric_alarm",), _alarms, lambda c, i: c.delete_alarms(AlarmNames=[i])),
    Kind(
        "scheduler",
        ("aws_scheduler_schedule_group", "aws_scheduler_schedule"),
        _schedule_groups,
        lambda c, i: c.delete_schedule_group(Name=i),
    ),
    Kind(
        "sns",
        ("aws_sns_topic", "aws_sns_topic_policy", "aws_sns_topic_subscription"),
        _topics,
        lambda c, i: c.delete_topic(TopicArn=i),
    ),
    Kind(
        "lambda",
        ("aws_lambda_function", "aws_lambda_permission", "aws_lambda_function_event_invoke_config"),
        _functions,
        lambda c, i: c.delete_function(FunctionName=i),
    ),
    Kind("kinesis", ("aws_kinesis_stream",), _streams, lambda c, i: c.delete_stream(StreamName=i)),
    Kind("dynamodb", ("aws_dynamodb_table",), _tables, lambda c, i: c.delete_table(TableName=i)),
    Kind("sqs", ("aws_sqs_queue",), _queues, lambda c, i: c.delete_queue(QueueUrl=i)),
    Kind("logs", ("aws_cloudwatch_log_group",), _log_groups, lambda c, i: c.delete_log_group(logGroupName=i)),
    Kind(
        "logs",
        ("aws_cloudwatch_query_definition",),
        _queries,
        lambda c, i: c.delete_query_definition(queryDefinitionId=i),
    ),
    Kind("iam", ("aws_iam_role", "aws_iam_role_policy"), _roles, _delete_role),
)
"""All kinds of resources that a run creates."""
