"""The function's data types. No behaviour beyond arithmetic, no AWS, no clock.

`terms` has the directions, statuses and reasons; `stream` a stream and its settings; `telemetry` the metrics; `record`
the decisions and audit records.
"""

from .plan import Plan
from .record import Decision, Head, History, Record
from .stream import AlarmRule, Foresight, HottestShard, Settings, Shard, Strategy, Stream
from .telemetry import Evidence, FanOutConsumer, Minute, Period, Telemetry
from .terms import (
    CALLS_PER_DAY,
    MAX_SHARDS,
    OUTLOOK_DAYS,
    QUOTA_WINDOW,
    SHARD_READ_BYTES_PER_SECOND,
    SHARD_WRITE_BYTES_PER_SECOND,
    SHARD_WRITE_RECORDS_PER_SECOND,
    Action,
    Reason,
    Status,
    Trigger,
)

__all__ = [
    "CALLS_PER_DAY",
    "MAX_SHARDS",
    "OUTLOOK_DAYS",
    "QUOTA_WINDOW",
    "SHARD_READ_BYTES_PER_SECOND",
    "SHARD_WRITE_BYTES_PER_SECOND",
    "SHARD_WRITE_RECORDS_PER_SECOND",
    "Action",
    "AlarmRule",
    "Decision",
    "Evidence",
    "FanOutConsumer",
    "Foresight",
    "Head",
    "History",
    "HottestShard",
    "Minute",
    "Period",
    "Plan",
    "Reason",
    "Record",
    "Settings",
    "Shard",
    "Status",
    "Strategy",
    "Stream",
    "Telemetry",
    "Trigger",
]
