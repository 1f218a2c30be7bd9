"""SNS to Lambda: moto passes the function an event in which everything except the message is invented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from moto.sns.models import Subscription, Topic

from simulator.local_aws.functions import Functions, find_function


class Topics:
    """Delivers messages of a topic to the functions that subscribe to it."""

    def __init__(self, functions: Functions) -> None:
        """Deliver to these functions."""
        self._functions = functions

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Subscriptions with the protocol `lambda` get the event that SNS sends. moto handles the others."""
        publish_elsewhere = Subscription.publish

        def publish(
            subscription: Subscription,
            message: str,
            message_id: str,
            subject: str | None = None,
            **options: Any,  # noqa: ANN401 - moto's
        ) -> None:
            if subscription.protocol != "lambda":
                publish_elsewhere(subscription, message, message_id, subject=subject, **options)
            elif _may_invoke(subscription):
                self._functions.invoke_later(
                    subscription.endpoint, _event(subscription, message, message_id, subject, options)
                )

        yield patch.object(Subscription, "publish", publish)


def may_publish(topic: Topic, service: str) -> bool:
    """Return whether a topic's policy lets an AWS service publish. Otherwise SNS drops the message silently.

    A topic's default policy allows everything that acts for its owner. Conditions are not evaluated.
    """
    for statement in json.loads(topic.policy)["Statement"]:
        principal, actions = statement["Principal"], statement["Action"]
        named = principal if isinstance(principal, str) else principal.get("Service", principal.get("AWS"))
        principals = [named] if isinstance(named, str) else named
        publishes = any(each.casefold() in ("sns:publish", "sns:*") for each in _as_list(actions))
        if statement["Effect"] == "Allow" and publishes and any(_is_of(each, service) for each in principals):
            return True
    return False


def _is_of(principal: str, service: str) -> bool:
    return principal == "*" or principal.startswith(f"{service}.amazonaws.com")


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _may_invoke(subscription: Subscription) -> bool:
    """Return whether the function's resource policy allows this topic. Otherwise SNS drops the message silently."""
    statements = find_function(subscription.endpoint).policy.statements
    return any(
        statement["Principal"].get("Service") == "sns.amazonaws.com"
        and statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn") in (None, subscription.topic_arn)
        for statement in statements
    )


def _event(
    subscription: Subscription, message: str, message_id: str, subject: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Return the event of the Lambda Developer Guide ("Invoking Lambda functions with Amazon SNS notifications")."""
    region = subscription.topic_arn.split(":")[3]
    host = f"https://sns.{region}.amazonaws.com"
    return {
        "Records": [
            {
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription.arn,
                "EventSource": "aws:sns",
                "Sns": {
                    "SignatureVersion": "1",
                    "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
                    "Signature": "local",
                    "SigningCertUrl": f"{host}/SimpleNotificationService-local.pem",
                    "MessageId": message_id,
                    "Message": message,
                    "MessageAttributes": options.get("message_attributes") or {},
                    "Type": "Notification",
                    "UnsubscribeUrl": f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
                    "TopicArn": subscription.topic_arn,
                    "Subject": subject,
                },
            }
        ]
    }
