"""Kinesis: ListShards with filters and pages (API Reference, ListShards and ShardFilter)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.utils import parse_to_aware_datetime

from simulator.aws.kinesis import KinesisError, StreamModel
from simulator.aws.kinesis.shards import Life

PARAMETERS = (
    "StreamName",
    "StreamARN",
    "NextToken",
    "ExclusiveStartShardId",
    "MaxResults",
    "StreamCreationTimestamp",
    "ShardFilter",
)
"""The parameters of a request."""

_MOST_RESULTS = 1000
_TOKEN_LASTS = timedelta(seconds=300)
_NOT_WITH_A_TOKEN = ("StreamName", "ExclusiveStartShardId", "StreamCreationTimestamp")
_RETENTION = timedelta(days=1)


@dataclass(frozen=True)
class ShardPage:
    """A requested page.

    Attributes:
        stream_name: the stream's name; None if its ARN is given.
        stream_arn: the stream's ARN; None if its name is given.
        after: the id of the last shard of the previous page; empty for the first page.
        filter: the ShardFilter.
        most: the maximum number of shards on the page.

    """

    stream_name: str | None
    stream_arn: str | None
    after: str = ""
    filter: Mapping[str, Any] = field(default_factory=dict)
    most: int = _MOST_RESULTS

    @classmethod
    def asked_for(cls, parameters: Mapping[str, Any], now: datetime) -> ShardPage:
        """Parse a request.

        Raises:
            KinesisError: it contains both a stream and a token, or neither, or the token is too old.

        """
        most = int(parameters.get("MaxResults") or _MOST_RESULTS)
        if (token := parameters.get("NextToken")) is None:
            if not (parameters.get("StreamName") or parameters.get("StreamARN")):
                raise _invalid("Either NextToken or StreamName should be provided.")
            start = parameters.get("ExclusiveStartShardId") or ""
            asked = parameters.get("ShardFilter") or {}
            return cls(parameters.get("StreamName"), parameters.get("StreamARN"), start, asked, most)
        for name in _NOT_WITH_A_TOKEN:
            if parameters.get(name):
                raise _invalid(f"NextToken and {name} cannot be provided together.")
        name, arn, after, asked, issued_at = json.loads(token)
        if now - datetime.fromtimestamp(issued_at, UTC) > _TOKEN_LASTS:
            raise KinesisError("ExpiredNextTokenException", "The token is older than 300 seconds.")
        return cls(name, arn, after, asked, most)

    def of(self, stream: StreamModel, now: datetime) -> dict[str, Any]:
        """Return the answer with this page of a stream."""
        found = [life for life in stream.shards.listed(now, _RETENTION) if self._wants(life, now)]
        page, more = found[: self.most], len(found) > self.most
        answer: dict[str, Any] = {"Shards": [_shard(life, now) for life in page]}
        if more:
            token = (self.stream_name, self.stream_arn, page[-1].shard.id, self.filter, now.timestamp())
            answer["NextToken"] = json.dumps(token, default=str)
        return answer

    def _wants(self, life: Life, now: datetime) -> bool:
        if life.shard.id <= self.after:
            return False
        at = parse_to_aware_datetime(self.filter["Timestamp"]) if "Timestamp" in self.filter else now
        is_open = life.opened_at <= at and (life.closed_at is None or life.closed_at > at)
        match self.filter.get("Type"):
            case None | "FROM_TRIM_HORIZON":
                return True
            case "AT_LATEST" | "AT_TIMESTAMP":
                return is_open
            case "AFTER_SHARD_ID":
                return life.shard.id > str(self.filter["ShardId"])
            case "AT_TRIM_HORIZON":
                horizon = now - _RETENTION
                return life.opened_at <= horizon or life.shard.parent is None
            case "FROM_TIMESTAMP":
                return life.closed_at is None or life.closed_at > at
            case unknown:
                raise _invalid(f"{unknown} is not a type of ShardFilter.")


def _invalid(message: str) -> KinesisError:
    return KinesisError("InvalidArgumentException", message)


def _shard(life: Life, now: datetime) -> dict[str, Any]:
    shard, sequence = life.shard, {"StartingSequenceNumber": "0"}
    if life.closed_at is not None and life.closed_at <= now:
        sequence["EndingSequenceNumber"] = "1"
    answer: dict[str, Any] = {
        "ShardId": shard.id,
        "HashKeyRange": {"StartingHashKey": str(shard.first), "EndingHashKey": str(shard.last)},
        "SequenceNumberRange": sequence,
    }
    if shard.parent:
        answer["ParentShardId"] = shard.parent
    if shard.adjacent_parent:
        answer["AdjacentParentShardId"] = shard.adjacent_parent
    return answer
