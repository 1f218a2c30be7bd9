"""The permissions for a run, limited by name where AWS supports it: acceptance/policy.json.

    python -m acceptance policy --region us-gov-west-1

prints the policy for another partition. Actions and their resource types are from the Service Authorization Reference.
"""

from __future__ import annotations

import json
from typing import Any

from acceptance.root import PREFIX, ROLE_PATH

Scoped = tuple[str, str, tuple[str, ...], tuple[str, ...]]

_NAMED = f"{PREFIX}*"

_SCOPED: tuple[Scoped, ...] = (
    (
        "Streams",
        "kinesis",
        (f"stream/{_NAMED}",),
        (
            "AddTagsToStream",
            "CreateStream",
            "DeleteStream",
            "DescribeStreamSummary",
            "IncreaseStreamRetentionPeriod",
            "ListShards",
            "ListTagsForResource",
            "ListTagsForStream",
            "MergeShards",
            "PutRecords",
            "SplitShard",
            "TagResource",
            "UpdateShardCount",
        ),
    ),
    (
        "Alarms",
        "cloudwatch",
        (f"alarm:{_NAMED}",),
        ("DeleteAlarms", "ListTagsForResource", "PutMetricAlarm", "SetAlarmState", "TagResource"),
    ),
    ("ListAlarms", "cloudwatch", ("alarm:*",), ("DescribeAlarms",)),
    (
        "Functions",
        "lambda",
        (f"function:{_NAMED}",),
        (
            "AddPermission",
            "CreateFunction",
            "DeleteFunction",
            "DeleteFunctionEventInvokeConfig",
            "GetFunction",
            "GetFunctionCodeSigningConfig",
            "GetFunctionConfiguration",
            "GetFunctionEventInvokeConfig",
            "GetPolicy",
            "InvokeFunction",
            "ListVersionsByFunction",
            "PutFunctionEventInvokeConfig",
            "RemovePermission",
            "TagResource",
            "UpdateFunctionConfiguration",
        ),
    ),
    (
        "Table",
        "dynamodb",
        (f"table/{_NAMED}",),
        (
            "CreateTable",
            "DeleteTable",
            "DescribeContinuousBackups",
            "DescribeTable",
            "DescribeTimeToLive",
            "ListTagsOfResource",
            "Query",
            "TagResource",
            "UpdateContinuousBackups",
            "UpdateTimeToLive",
        ),
    ),
    (
        "Topic",
        "sns",
        (_NAMED,),
        (
            "CreateTopic",
            "DeleteTopic",
            "GetTopicAttributes",
            "ListSubscriptionsByTopic",
            "ListTagsForResource",
            "Publish",
            "SetTopicAttributes",
            "Subscribe",
            "TagResource",
        ),
    ),
    (
        "Queue",
        "sqs",
        (_NAMED,),
        (
            "CreateQueue",
            "DeleteQueue",
            "GetQueueAttributes",
            "GetQueueUrl",
            "ListQueueTags",
            "ReceiveMessage",
            "TagQueue",
        ),
    ),
    (
        "LogGroup",
        "logs",
        (f"log-group:/aws/lambda/{_NAMED}",),
        (
            "CreateLogGroup",
            "DeleteLogGroup",
            "FilterLogEvents",
            "ListTagsForResource",
            "PutRetentionPolicy",
            "TagResource",
        ),
    ),
    (
        "Schedule",
        "scheduler",
        (f"schedule-group/{_NAMED}", f"schedule/{_NAMED}"),
        (
            "CreateSchedule",
            "CreateScheduleGroup",
            "DeleteSchedule",
            "DeleteScheduleGroup",
            "GetSchedule",
            "GetScheduleGroup",
            "ListTagsForResource",
            "TagResource",
        ),
    ),
)
"""For each service: the prefixes of resource names, and the actions."""

_ROLE_ACTIONS = (
    "CreateRole",
    "DeleteRole",
    "DeleteRolePolicy",
    "GetRole",
    "GetRolePolicy",
    "ListAttachedRolePolicies",
    "ListInstanceProfilesForRole",
    "ListRolePolicies",
    "PutRolePolicy",
    "TagRole",
)

_ANYWHERE = (
    "cloudwatch:GetMetricData",
    "iam:ListRoles",
    "kinesis:DescribeLimits",
    "logs:DeleteQueryDefinition",
    "logs:DescribeLogGroups",
    "logs:DescribeQueryDefinitions",
    "logs:PutQueryDefinition",
    "sns:GetSubscriptionAttributes",
    "sns:Unsubscribe",
)
"""Actions without resource-level permissions, and actions that list resources."""


def statements(partition: str) -> list[dict[str, Any]]:
    """Return the policy's statements for a partition, for any account and region in it."""
    roles = f"arn:{partition}:iam::*:role{ROLE_PATH}*"
    scoped = [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Action": [f"{service}:{action}" for action in actions],
            "Resource": [f"arn:{partition}:{service}:*:*:{name}" for name in names],
        }
        for sid, service, names, actions in _SCOPED
    ]
    return [
        *scoped,
        {"Sid": "Roles", "Effect": "Allow", "Action": [f"iam:{each}" for each in _ROLE_ACTIONS], "Resource": [roles]},
        {
            "Sid": "PassRoles",
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": [roles],
            "Condition": {"StringLike": {"iam:PassedToService": ["lambda.amazonaws.com*", "scheduler.amazonaws.com*"]}},
        },
        {"Sid": "Anywhere", "Effect": "Allow", "Action": list(_ANYWHERE), "Resource": ["*"]},
    ]


def document(partition: str) -> str:
    """Return the policy as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements(partition)}, indent=2)
