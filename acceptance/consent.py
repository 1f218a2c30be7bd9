"""The cost of a run, computed from stated prices, and the question whether to start it."""

from __future__ import annotations

from dataclasses import dataclass

from acceptance.account import Account
from acceptance.load import IDLE, SURGE
from simulator.aws.prices import RUNNING_IN_US_EAST_1, US_EAST_1

MINUTES = 60
"""The approximate duration of a run in minutes. It is an estimate by the assumptions of the simulator about
CloudWatch's alarms, Kinesis's reshards and Terraform."""

_HOURS = 2.0
"""All costs are counted for this time, which is twice as long as a run."""
_SHARDS = 3 + 4
"""The maximum number of shards of both streams together, for the whole time."""
_ALARM_METRICS = 2 * 2 + 7
"""The metrics of the stream's two alarms and of the seven health alarms."""
_CUSTOM_METRICS = 25
"""The autoscaler's metrics, per stream and in total, if each were reported."""
_QUERIED_METRICS = 4000
"""The metrics requested from GetMetricData by the runner, which polls every few seconds, and the function."""


@dataclass(frozen=True)
class Cost:
    """The maximum cost of a run in US dollars at the prices of us-east-1, by item."""

    parts: tuple[tuple[str, float], ...]

    @property
    def total(self) -> float:
        """The sum."""
        return sum(dollars for _, dollars in self.parts)


def cost() -> Cost:
    """Compute the maximum cost of a run. Function, table, queue, topic and logs cost fractions of a cent."""
    kinesis, running = US_EAST_1, RUNNING_IN_US_EAST_1
    records = SURGE.records + IDLE.records
    return Cost(
        (
            (f"{_SHARDS} shards for {_HOURS:g} hours", _SHARDS * _HOURS * kinesis.shard_hour),
            (f"{records:,} records", records / 1e6 * kinesis.million_put_units),
            (f"{_ALARM_METRICS} alarm metrics", _ALARM_METRICS * running.alarm_metric_month / 730 * _HOURS),
            (f"{_CUSTOM_METRICS} custom metrics", _CUSTOM_METRICS * running.custom_metric_hour * _HOURS),
            (f"{_QUERIED_METRICS:,} metrics read", _QUERIED_METRICS * running.data_metric),
            ("everything else", 0.02),
        )
    )


def statement(account: Account, name: str) -> str:
    """Return what will be done, where, for how long and at what cost."""
    where = "" if account.is_aws else f" This is not AWS but {account.client('kinesis').meta.endpoint_url}."
    return (
        f"This makes the autoscaler and two Kinesis streams of 1 shard, all named {name}, in account "
        f"{account.account_id}, region {account.region} (partition {account.partition}), as {account.identity}."
        f"{where}\n"
        f"It takes about {MINUTES} minutes, {price(account.region)}, and destroys everything at the end."
    )


def price(region: str) -> str:
    """Return the cost, and the prices that it is based on."""
    known = f"costs at most ${cost().total:.2f}"
    if region == US_EAST_1.region:
        return f"{known} (prices of {US_EAST_1.date})"
    unknown = f"those of {region} are not known here, and may be up to twice as high"
    if region.startswith("cn-"):
        unknown = f"those of {region} are in yuan, and not known here"
    return f"{known} at the prices of {US_EAST_1.region} ({US_EAST_1.date}); {unknown}"
