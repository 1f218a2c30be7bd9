"""Kinesis: describes streams, and makes the calls that change them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from .clients import error_code, retry_attempts
from .model import Shard, Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Fragments of LimitExceeded's texts, in lower case. The code is the same for all limits, and the texts are documented
# nowhere: what matches none is told apart by DescribeLimits, and for the rest is taken as a passing refusal.
_SAYS_SHARD_LIMIT = ("shard limit", "shard count for the account", "shards for the account", "shard quota")
_SAYS_TOO_MANY_AT_ONCE = ("concurrent", "simultaneous", "rate exceeded", "too many requests", "throttl", "per second")


class StreamMissingError(Exception):
    """The stream does not exist."""


class StreamInUseError(Exception):
    """Another change of the stream is in progress."""


class CallInDoubtError(Exception):
    """The stream is being changed, perhaps by an earlier attempt of this call whose answer was lost."""


class QuotaExhaustedError(Exception):
    """The stream has used all calls that Kinesis allows in the rolling 24 hours."""


class TooManyAtOnceError(Exception):
    """Too many changes of streams, or too many calls, are in progress in the account."""


class AccountShardLimitError(Exception):
    """The account's shard limit does not allow the new shards."""


class Streams:
    """The streams of this account and region."""

    def __init__(self, kinesis: KinesisClient, *, bounded: KinesisClient) -> None:
        """Use these clients, `bounded` for the call that must be answered within CALL_TAKES_AT_MOST."""
        self._kinesis = kinesis
        self._bounded = bounded

    def describe(self, name: str) -> Stream:
        """The current state of the stream.

        Raises:
            StreamMissingError: The stream does not exist.
        """
        try:
            summary = self._kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                raise StreamMissingError(f"There is no stream {name} in this account and region.") from error
            raise
        return Stream(
            name=name,
            status=summary["StreamStatus"],
            open_shard_count=summary["OpenShardCount"],
            created_at=summary["StreamCreationTimestamp"],
            on_demand=summary.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND",
            fan_out_consumers=summary.get("ConsumerCount", 0),
            arn=summary["StreamARN"],
            shard_level_metrics=frozenset(
                metric for each in summary.get("EnhancedMonitoring", []) for metric in each.get("ShardLevelMetrics", [])
            ),
        )

    def open_shards(self, stream: Stream) -> list[Shard]:
        """The shards that take records now."""
        page = self._bounded.list_shards(StreamName=stream.name, ShardFilter={"Type": "AT_LATEST"})
        shards = page["Shards"]
        while token := page.get("NextToken"):
            page = self._bounded.list_shards(NextToken=token)  # a token must come alone (API reference, ListShards)
            shards += page["Shards"]
        return [
            Shard(each["ShardId"], int(keys["StartingHashKey"]), int(keys["EndingHashKey"]), each.get("ParentShardId"))
            for each in shards
            for keys in (each["HashKeyRange"],)
        ]

    def fan_out_consumers(self, stream: Stream) -> list[str]:
        """The names of the consumers with enhanced fan-out; queried only if the stream has any."""
        if not stream.fan_out_consumers:
            return []
        pages = self._kinesis.get_paginator("list_stream_consumers").paginate(StreamARN=stream.arn)
        return [consumer["ConsumerName"] for page in pages for consumer in page["Consumers"]]

    def update_shard_count(self, stream: Stream, target: int) -> None:
        """Call UpdateShardCount. Kinesis answers immediately, and the reshard takes minutes.

        Raises:
            StreamInUseError: Another change is under way.
            CallInDoubtError: A change is under way that may be this one.
            QuotaExhaustedError: The day's calls are spent, some of them perhaps by others.
            TooManyAtOnceError: The account is busy.
            AccountShardLimitError: The account has no room for the new shards.
            StreamMissingError: The stream does not exist.
        """
        with self._refusals(stream, target - stream.open_shard_count):
            self._bounded.update_shard_count(
                StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )

    def split_shard(self, stream: Stream, shard: Shard) -> None:
        """Ask Kinesis to split a shard at its middle; no daily limit of such calls is documented.

        Raises:
            Exception: As `update_shard_count` does.
        """
        with self._refusals(stream, 1):
            self._bounded.split_shard(
                StreamName=stream.name, ShardToSplit=shard.id, NewStartingHashKey=str(shard.middle)
            )

    @contextmanager
    def _refusals(self, stream: Stream, more: int) -> Iterator[None]:
        """Tell apart why a call was refused that asks for so many more shards."""
        try:
            yield
        except ClientError as error:
            code = error_code(error)
            if code == "ResourceInUseException":
                raise (CallInDoubtError if retry_attempts(error) else StreamInUseError)(str(error)) from error
            if code == "LimitExceededException":
                raise self._limit(str(error), more) from error
            if code == "ResourceNotFoundException":
                raise StreamMissingError(f"There is no stream {stream.name} in this account and region.") from error
            raise

    def _limit(self, answer: str, more: int) -> Exception:
        """Which of the limits behind LimitExceeded it is: what the answer says, or else what the account lacks."""
        text = answer.lower()
        if any(fragment in text for fragment in _SAYS_SHARD_LIMIT):
            return AccountShardLimitError(answer)
        if any(fragment in text for fragment in _SAYS_TOO_MANY_AT_ONCE):
            return TooManyAtOnceError(answer)
        if more > 0 and self._account_lacks(more):
            return AccountShardLimitError(answer)
        return QuotaExhaustedError(answer)

    def _account_lacks(self, shards: int) -> bool:
        limits = self._kinesis.describe_limits()
        return limits["OpenShardCount"] + shards > limits["ShardLimit"]
