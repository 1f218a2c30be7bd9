"""A Kinesis data stream: its capacity and throttling, its reshards, its metrics in CloudWatch.

Sources: Amazon Kinesis Data Streams Developer Guide, "Quotas and limits", "Choose the data stream capacity mode" and
"Monitoring with CloudWatch"; UpdateShardCount, SplitShard and MergeShards in the API Reference.

Assumptions where the documents say nothing:

- The error for a target above double or below half: InvalidArgumentException, as for any parameter that "exceeds its
  restrictions". Half of an odd count rounds up.
- A refused call does not count towards the ten calls a day. A call with the current count as target is accepted, and
  counts.
- During a reshard, the larger of the two counts is charged to the account, although short-lived shards count too.
- The ten calls a second are counted per account, including refused calls.
- ListShards shows the old shards during a reshard.
- All other numbers: `simulator.aws.assumptions`. The texts of LimitExceededException: `quotas`.
"""

from simulator.aws.assumptions import reshard_seconds
from simulator.aws.kinesis.account import KinesisAccount
from simulator.aws.kinesis.capacity import (
    ON_DEMAND,
    PROVISIONED,
    SHARD_BYTES_PER_MINUTE,
    SHARD_READ_BYTES_PER_SECOND,
    SHARD_RECORDS_PER_MINUTE,
    Minute,
)
from simulator.aws.kinesis.consumers import Consumer, ConsumerState, FanOutConsumer
from simulator.aws.kinesis.keys import HotKey, HotRange, Keys
from simulator.aws.kinesis.quotas import KinesisError, Limit
from simulator.aws.kinesis.shards import HASH_KEYS, Shard
from simulator.aws.kinesis.stream import StreamModel

__all__ = [
    "HASH_KEYS",
    "ON_DEMAND",
    "PROVISIONED",
    "SHARD_BYTES_PER_MINUTE",
    "SHARD_READ_BYTES_PER_SECOND",
    "SHARD_RECORDS_PER_MINUTE",
    "Consumer",
    "ConsumerState",
    "FanOutConsumer",
    "HotKey",
    "HotRange",
    "Keys",
    "KinesisAccount",
    "KinesisError",
    "Limit",
    "Minute",
    "Shard",
    "StreamModel",
    "reshard_seconds",
]
