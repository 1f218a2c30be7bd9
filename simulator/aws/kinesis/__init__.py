"""A Kinesis data stream: what it takes and throttles, how it reshards, what it reports to CloudWatch.

Sources: Amazon Kinesis Data Streams Developer Guide, "Quotas and limits", "Choose the data stream capacity mode" and
"Monitoring with CloudWatch"; UpdateShardCount, SplitShard and MergeShards in the API Reference.

Where the documents are silent:

- Which error answers a target above double or below half: InvalidArgumentException here, as for any parameter that
  "exceeds its restrictions". Half of an odd count rounds up.
- Whether a call that was refused counts towards the ten a day: here it does not. A call that asks for the count the
  stream already has is carried out, and counts.
- How many shards an account is charged with during a reshard: the larger of the two counts here, although short-lived
  shards count too.
- Over whom the ten calls a second are counted: the account here, refused calls included.
- What ListShards shows during a reshard: the shards before it.
- All else that is a number: `simulator.aws.assumptions`. The texts of LimitExceededException: `quotas`.
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
