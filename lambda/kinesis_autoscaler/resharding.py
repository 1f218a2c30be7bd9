"""The ways to reshard and their outcomes: UpdateShardCount, and SplitShard beyond its quota and for hot shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from botocore.exceptions import ClientError

from .clients import is_permanent
from .model import Reason, Record, Stream
from .streams import (
    AccountShardLimitError,
    CallInDoubtError,
    QuotaExhaustedError,
    StreamInUseError,
    StreamMissingError,
    Streams,
    TooManyAtOnceError,
)

TAKES_AT_MOST = timedelta(seconds=31)
"""The maximum time of one UpdateShardCount call with botocore's retries. With less time left it is not started."""


class Outcome(Enum):
    """The outcome of a call."""

    ACCEPTED = "Kinesis is at work"
    IN_DOUBT = "a change is in progress, and it is not yet known whether it is this one"
    BUSY = "another change is in progress"
    LIMITED = "refused for a limit that may pass within a minute"
    REFUSED = "refused, and would be again"


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a call, and the reason for a refusal."""

    outcome: Outcome
    reason: Reason = Reason.CALL_REFUSED
    why: str = ""
    error: Exception | None = None


class Way(Protocol):
    """A way to bring a stream to a shard count."""

    def carry_out(self, stream: Stream, intent: Record) -> Answer:
        """Call Kinesis; raise errors that a retry can fix."""


class UpdateShardCount:
    """One call that reshards the whole stream evenly; ten a day."""

    def __init__(self, streams: Streams) -> None:
        """Use this adapter."""
        self._streams = streams

    def carry_out(self, stream: Stream, intent: Record) -> Answer:
        """Call Kinesis.

        Raises:
            ClientError: An error that a retry can fix.
        """
        return _answer(lambda: self._streams.update_shard_count(stream, intent.target))


class SplitShard:
    """Each call splits one shard, which takes about half a minute. The open shards decide which one is next."""

    def __init__(self, streams: Streams) -> None:
        """Use this adapter."""
        self._streams = streams

    def carry_out(self, stream: Stream, intent: Record) -> Answer:
        """Split the hot shard of the intent, or otherwise the first shard with the widest range of hash keys.

        Raises:
            ClientError: An error that a retry can fix.
        """
        shards = self._streams.open_shards(stream)
        wanted = [shard for shard in shards if intent.hot_shard in (None, shard.id)]
        if not wanted:
            return Answer(Outcome.REFUSED, why=f"{intent.hot_shard} no longer takes records.")
        widest = max(wanted, key=lambda shard: (shard.width, -shard.first))
        return _answer(lambda: self._streams.split_shard(stream, widest))


def _answer(call: Callable[[], None]) -> Answer:
    """The outcome of a Kinesis call; errors that a retry can fix are raised."""
    try:
        call()
    except CallInDoubtError as error:
        return Answer(Outcome.IN_DOUBT, error=error)
    except StreamInUseError as error:
        return Answer(Outcome.BUSY, error=error)
    except TooManyAtOnceError as error:
        why = "too many streams or calls are being changed in the account at once."
        return Answer(Outcome.LIMITED, Reason.CALL_REFUSED, why, error)
    except QuotaExhaustedError as error:
        why = "Kinesis allows no more calls for it; others may have used some."
        return Answer(Outcome.LIMITED, Reason.QUOTA_EXHAUSTED, why, error)
    except AccountShardLimitError as error:
        why = "the account's shard limit does not allow the new shards."
        return Answer(Outcome.REFUSED, Reason.ACCOUNT_SHARD_LIMIT, why, error)
    except StreamMissingError as error:
        return Answer(Outcome.REFUSED, Reason.STREAM_MISSING, "the stream no longer exists.", error)
    except ClientError as error:
        if not is_permanent(error):
            raise
        return Answer(Outcome.REFUSED, Reason.CALL_REFUSED, "Kinesis refused the call permanently.", error)
    return Answer(Outcome.ACCEPTED)
