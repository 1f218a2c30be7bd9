"""People, as far as the autoscaler knows them: a topic, and what has been published to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from simulator.local_aws import LocalAWS

TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:people"


@dataclass(frozen=True)
class Message:
    """What a person receives by mail."""

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
        """What has come since it was last asked."""
        found: list[dict[str, Any]] = []
        while batch := self._sqs.receive_message(QueueUrl=self._mailbox, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                self._sqs.delete_message(QueueUrl=self._mailbox, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return [Message(each["Subject"], each["Message"]) for each in found]
