"""Kinesis: what a stream is, and the one call that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from .clients import error_code, retry_attempts
from .model import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


class StreamMissingError(Exception):
    """The stream does not exist."""


class StreamInUseError(Exception):
    """The stream is being changed by someone else."""


class QuotaExhaustedError(Exception):
    """Kinesis has counted ten calls for this stream in the rolling 24 hours."""


class AccountShardLimitError(Exception):
    """The account's shard limit has no room for the new shards."""


class Streams:
    """The streams of this account and region."""

    def __init__(self, kinesis: KinesisClient, *, bounded: KinesisClient) -> None:
        """Use these clients, `bounded` for the call that must be answered within CALL_TAKES_AT_MOST."""
        self._kinesis = kinesis
        self._bounded = bounded

    def describe(self, name: str) -> Stream:
        """What Kinesis says of the stream now.

        Raises:
            StreamMissingError: There is no such stream.
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
        )

    def update_shard_count(self, stream: Stream, target: int) -> None:
        """Ask Kinesis to reshard; it answers at once and works on for minutes.

        Raises:
            StreamInUseError: Another change is under way.
            QuotaExhaustedError: Ten calls were made in 24 hours, some of them perhaps by others.
            AccountShardLimitError: The account has no room for the new shards.
            StreamMissingError: There is no such stream.
        """
        try:
            self._bounded.update_shard_count(
                StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )
        except ClientError as error:
            code = error_code(error)
            if code == "ResourceInUseException":
                if retry_attempts(error):
                    # An answer to an earlier attempt may have been lost: this stream may well be in use by our own
                    # call. Taken as accepted; reconcile compares the outcome with the target.
                    return
                raise StreamInUseError(str(error)) from error
            if code == "LimitExceededException":
                # One code for three limits. botocore has retried, which rules out the calls per second.
                if target > stream.open_shard_count and self._account_lacks(target - stream.open_shard_count):
                    raise AccountShardLimitError(str(error)) from error
                raise QuotaExhaustedError(str(error)) from error
            if code == "ResourceNotFoundException":
                raise StreamMissingError(f"There is no stream {stream.name} in this account and region.") from error
            raise

    def _account_lacks(self, shards: int) -> bool:
        limits = self._kinesis.describe_limits()
        return limits["OpenShardCount"] + shards > limits["ShardLimit"]
