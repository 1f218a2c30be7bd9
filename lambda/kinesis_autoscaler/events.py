"""The events that invoke the function, parsed and validated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class MalformedEventError(ValueError):
    """An event that this function does not accept. The message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """A CloudWatch alarm's change of state, from its SNS message. It only names an alarm and proves nothing."""

    alarm_name: str
    state: str
    changed_at: datetime
    reason: str

    @classmethod
    def parse(cls, sns: Mapping[str, Any], *, topic_arn: str) -> AlarmEvent:
        """Read one record's `Sns` part.

        Newer messages have more fields than older ones (AWS adds some every few years): unknown ones are ignored.

        Raises:
            MalformedEventError: It comes from another topic, or its message is not an alarm's.
        """
        if sns.get("TopicArn") != topic_arn:
            raise MalformedEventError(f"The message comes from the topic {sns.get('TopicArn')}, not {topic_arn}.")
        try:
            message = json.loads(sns["Message"])
            return cls(
                alarm_name=_text(message["AlarmName"]),
                state=_text(message["NewStateValue"]),
                changed_at=_time(message["StateChangeTime"]),
                reason=str(message.get("NewStateReason") or ""),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            raise MalformedEventError(f"The message does not come from a CloudWatch alarm: {problem!r}.") from problem


@dataclass(frozen=True, slots=True)
class ScaleRequest:
    """A person's or a schedule's request for a shard count."""

    stream_name: str
    shard_count: int
    reason: str
    requested_at: datetime | None = None
    """From the event. A schedule fills in its scheduled time, which identifies a second delivery."""

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> ScaleRequest:
        """Read a `{"action": "scale", …}` event.

        Raises:
            MalformedEventError: A field is missing or of the wrong form; the message names it.
        """
        name, count = event.get("stream_name"), event.get("shard_count")
        if not isinstance(name, str) or not name:
            raise MalformedEventError(f'"stream_name" is {name!r} and must be the name of a stream.')
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise MalformedEventError(f'"shard_count" is {count!r} and must be a whole number of at least 1.')
        at = event.get("requested_at")
        try:
            requested_at = None if at is None else _time(at)
        except (TypeError, ValueError, OverflowError):
            raise MalformedEventError(f'"requested_at" is {at!r} and must be an ISO 8601 time.') from None
        return cls(name, count, str(event.get("reason") or ""), requested_at)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a string")
    return value


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)  # accepts CloudWatch's `2020-04-23T21:17:44.775+0000` too
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
