"""People, as the autoscaler sees them: a topic with subscribers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from simulator.local_aws import LocalAWS

TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:people"


@dataclass(frozen=True)
class Message:
    """A mail that a person receives."""

    subject: str
    text: str


class People:
    """Subscribers of the topic `people`."""

    def __init__(self, aws: LocalAWS) -> None:
        self._sqs = aws.client("sqs")
        sns = aws.client("sns")
        assert sns.create_topic(Name="people")["TopicArn"] == TOPIC_ARN
        self._mailbox = self._sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        queue_arn = "arn:aws:sqs:us-east-1:123456789012:mailbox"
        sns.subscribe(TopicArn=TOPIC_ARN, Protocol="sqs", Endpoint=queue_arn)

    def messages(self) -> list[Message]:
        """Return the mails since the last call."""
        found: list[dict[str, Any]] = []
        while batch := self._sqs.receive_message(QueueUrl=self._mailbox, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                self._sqs.delete_message(QueueUrl=self._mailbox, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return [Message(each["Subject"], each["Message"]) for each in found]
