"""A closed loop for scaling policies that runs a year of traffic in seconds.

It models one stream in steps of a minute, and only the parts of AWS that matter for decisions: what the stream accepts,
the duration of a reshard, the delay of metrics, alarms, and the limits of Kinesis. The rules are those of
`simulator.aws`; a test compares the two. It is fast because there is no feedback between two changes of the stream, so
the alarms are evaluated for many minutes at once.

Time is in whole minutes from the start of the traffic. At minute `now`, all minutes before it have been served.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kinesis_autoscaler.model import CALLS_PER_DAY, AlarmRule
from simulator.aws import kinesis
from simulator.aws.assumptions import ASSUMED
from simulator.aws.kinesis import KinesisError

Series: TypeAlias = NDArray[np.float64]
"""A value for each minute."""

METRIC_DELAY_MINUTES = ASSUMED.metric_delay_seconds // 60
"""The delay of a minute's metrics: an assumption."""

MINUTES_PER_DAY = 1440
_NOTHING = 1e-9  # a share of a shard that is only the rounding of floats
_STRETCH = 480  # minutes that are computed at once; with more, too many are discarded when the stream is scaled


class Policy(Protocol):
    """An autoscaler of a stream."""

    name: str

    def start(self, loop: ClosedLoop) -> None:
        """Set up alarms and timers before the traffic begins."""


class Alarm:
    """An alarm on the usage of a stream: its accepted traffic as a fraction of `shard_count` shards."""

    def __init__(
        self,
        rule: AlarmRule,
        shard_count: int,
        action: Callable[[], None],
        *,
        above: bool,
        or_equal: bool = False,
        on_throttling: bool = False,
    ) -> None:
        """Watch for usage at or above a threshold, or below it.

        Args:
            rule: threshold, period and M of N.
            shard_count: the literal in the alarm's expression. The action must update it.
            action: is called each time the alarm goes to ALARM.
            above: at or above the threshold (True) or below it.
            or_equal: for an alarm below its threshold: whether the threshold itself counts.
            on_throttling: whether a period in which records were throttled counts as full.
        """
        self.rule = rule
        self.shard_count = shard_count
        self.action = action
        self.in_alarm = False
        self._above, self._or_equal, self._on_throttling = above, or_equal, on_throttling
        self._seen: tuple[int, int, int, NDArray[np.bool_]] | None = None

    def breaching(self, loop: ClosedLoop, first: int, last: int) -> NDArray[np.bool_]:
        """Return whether the alarm's condition holds, for each minute from `first` to `last`."""
        if self._seen:
            count, begin, end, seen = self._seen
            if count == self.shard_count and begin <= first and last <= end:
                return seen[first - begin : last + 1 - begin]
        condition = self._condition(loop, first, last)
        self._seen = self.shard_count, first, last, condition
        return condition

    def forget(self) -> None:
        """Discard the minutes that were computed in advance."""
        self._seen = None

    def _condition(self, loop: ClosedLoop, first: int, last: int) -> NDArray[np.bool_]:
        rule = self.rule
        period, periods = rule.period_seconds // 60, rule.evaluation_periods
        # Datapoints by the minute at which they end. Those that begin before the traffic are missing.
        ends = np.arange(first - loop.metric_delay - (periods - 1) * period, last - loop.metric_delay + 1)
        real = ends >= period
        ends, begins = np.where(real, ends, 0), np.where(real, ends - period, 0)
        usage = (loop.accepted_sums[ends] - loop.accepted_sums[begins]) / (period * self.shard_count)
        if self._on_throttling:
            usage += (loop.throttled_minutes[ends] - loop.throttled_minutes[begins]) > 0
        if self._above:
            breaches = usage >= rule.threshold
        else:
            breaches = usage <= rule.threshold if self._or_equal else usage < rule.threshold
        breaches &= real
        # The number of breaching datapoints among N that are a period apart: a running sum for each offset in a period.
        rows = -(-len(breaches) // period)
        padded = np.zeros(rows * period, dtype=np.int64)
        padded[: len(breaches)] = breaches
        sums = np.zeros((rows + 1, period), dtype=np.int64)
        np.cumsum(padded.reshape(rows, period), axis=0, out=sums[1:])
        counts = (sums[periods:] - sums[: rows + 1 - periods]).ravel()[: last - first + 1]
        condition: NDArray[np.bool_] = counts >= rule.datapoints_to_alarm
        return condition


@dataclass(frozen=True, slots=True)
class Change:
    """An accepted UpdateShardCount call: when, and from how many shards to how many."""

    minute: int
    before: int
    after: int


@dataclass
class Run:
    """The result of a stream's traffic under a policy."""

    demand: Series
    shards: Series
    changes: list[Change] = field(default_factory=list)
    key_skew: float = 0.0

    @property
    def shard_hours(self) -> float:
        """Open shards times hours, for which Kinesis charges."""
        return float(self.shards.sum() / 60)

    @property
    def throttled_share(self) -> float:
        """The share of the traffic that was refused, from 0 to 1."""
        total = float(self.demand.sum())
        return float(self.throttled.sum()) / total if total else 0.0

    @property
    def throttled_minutes_share(self) -> float:
        """The share of the minutes in which traffic was refused, from 0 to 1."""
        return float((self.throttled > _NOTHING).mean())

    @property
    def calls_per_day(self) -> float:
        """The mean number of UpdateShardCount calls per day."""
        return len(self.changes) * MINUTES_PER_DAY / len(self.demand)

    @property
    def throttled(self) -> Series:
        """The refused traffic of each minute, in shards."""
        return self.demand - accepted(self.demand, self.shards, self.key_skew)


def accepted(demand: Series, shards: Series | int, key_skew: float = 0.0) -> Series:
    """Return the part of a demand that `shards` accept, if the hottest gets `key_skew` of it beyond its even share.

    `simulator.aws.kinesis` has the same rule for a single minute.
    """
    if not key_skew:
        return np.minimum(demand, shards)
    hot = np.minimum(1.0, 1.0 / shards + key_skew)
    return np.minimum(demand * hot, 1.0) + np.minimum(demand * (1.0 - hot), shards - 1.0)


class ClosedLoop:
    """One stream, its traffic, and the alarms that watch it.

    Attributes:
        now: the present, in minutes from the start.
        shard_count: the open shards; during a reshard, as many as before it.
        active_from: when the latest reshard is done.
        changes: every accepted call, in order.
        metric_delay: how many minutes late metrics are.
        accepted_sums: accepted traffic of all minutes before each minute, in shard-minutes.
        throttled_minutes: how many minutes before each minute had throttled records.
    """

    def __init__(
        self,
        demand: Series,
        shard_count: int,
        *,
        reshard_seconds: Callable[[int, int], float] = kinesis.reshard_seconds,
        metric_delay: int = METRIC_DELAY_MINUTES,
        key_skew: float = 0.0,
    ) -> None:
        """Prepare a stream of `shard_count` shards for a demand, in shards, minute by minute.

        Args:
            demand: the traffic.
            shard_count: the open shards at the start.
            reshard_seconds: how long a reshard takes, from the current and the target count.
            metric_delay: how many minutes late metrics are.
            key_skew: how much of the traffic the hottest shard gets beyond its even share, from 0 to 1.
        """
        self.now = 0
        self.shard_count = shard_count
        self.active_from = 0
        self.changes: list[Change] = []
        self.metric_delay = metric_delay
        self.accepted_sums: Series = np.zeros(len(demand) + 1)
        self.throttled_minutes: NDArray[np.int64] = np.zeros(len(demand) + 1, dtype=np.int64)
        self._demand = demand
        self._shards: Series = np.zeros(len(demand))
        self._served = 0
        self._reshard_seconds = reshard_seconds
        self._key_skew = key_skew
        self._next_count: int | None = None
        self._calls: deque[int] = deque()
        self._alarms: list[Alarm] = []
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    # --- What policies may do -------------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether the stream can be resharded now."""
        return self.now >= self.active_from

    @property
    def visible_until(self) -> int:
        """The minute from which on metrics are not available yet."""
        return max(0, self.now - self.metric_delay)

    def accepted(self, first: int, last: int) -> Series:
        """Accepted traffic, in shards, of the minutes from `first` up to, but not including, `last`."""
        return accepted(self._demand[first:last], self._shards[first:last], self._key_skew)

    def throttled(self, first: int, last: int) -> Series:
        """Refused traffic, in shards, of the same minutes."""
        return self._demand[first:last] - self.accepted(first, last)

    def watch(self, alarm: Alarm) -> Alarm:
        """Evaluate this alarm every minute from now on, after the alarms that were added before."""
        self._alarms.append(alarm)
        return alarm

    def at(self, minute: int, action: Callable[[], None]) -> None:
        """Call `action` at a minute, before alarms are evaluated; at the next minute at the earliest."""
        heapq.heappush(self._timers, (max(minute, self.now + 1), next(self._numbers), action))

    def update_shard_count(self, target: int) -> None:
        """Reshard the stream; raises KinesisError where Kinesis refuses (see StreamModel.update_shard_count)."""
        if not self.is_active:
            raise KinesisError("ResourceInUseException", "The stream is being resharded.")
        if not (self.shard_count + 1) // 2 <= target <= 2 * self.shard_count:
            raise KinesisError("InvalidArgumentException", f"{target} is over double or under half.")
        while self._calls and self._calls[0] <= self.now - MINUTES_PER_DAY:
            self._calls.popleft()
        if len(self._calls) >= CALLS_PER_DAY:
            raise KinesisError("LimitExceededException", f"{CALLS_PER_DAY} calls were made within 24 hours.")
        self._calls.append(self.now)
        self.changes.append(Change(self.now, self.shard_count, target))
        self.active_from = self.now + max(1, math.ceil(self._reshard_seconds(self.shard_count, target) / 60))
        self._next_count = target
        self._served = min(self._served, self.active_from)
        for alarm in self._alarms:
            alarm.forget()

    # --- What happens -----------------------------------------------------------------------------------------------

    def run(self, policy: Policy) -> Run:
        """Serve all the traffic under a policy."""
        policy.start(self)
        return self.run_until(len(self._demand))

    def run_until(self, end: int) -> Run:
        """Serve the traffic before a minute under a policy that has started; a later call continues from there."""
        while self.now < end:
            stop = min(end, self.now + _STRETCH, *(timer[0] for timer in self._timers[:1]))
            if self._next_count is not None:
                stop = min(stop, self.active_from)
            self._serve(stop)
            if not self._evaluate_until(stop - 1):
                self._arrive(stop)
        return Run(self._demand[:end], self._shards[:end], self.changes, self._key_skew)

    def _serve(self, until: int) -> None:
        """Serve the traffic up to a minute until which the shards stay the same."""
        first = self._served
        if until <= first:
            return
        demand, sums, counts = self._demand[first:until], self.accepted_sums, self.throttled_minutes
        self._shards[first:until] = self.shard_count
        taken = accepted(demand, self.shard_count, self._key_skew)
        sums[first + 1 : until + 1] = sums[first] + np.cumsum(taken)
        counts[first + 1 : until + 1] = counts[first] + np.cumsum(demand - taken > _NOTHING)
        self._served = until

    def _arrive(self, minute: int) -> None:
        """Process everything due at a minute: the end of a reshard, timers, alarms."""
        self.now = minute
        if self._next_count is not None and minute >= self.active_from:
            self.shard_count, self._next_count = self._next_count, None
        while self._timers and self._timers[0][0] <= minute:
            heapq.heappop(self._timers)[2]()
        self.now = minute - 1
        self._evaluate_until(minute)

    def _evaluate_until(self, last: int) -> bool:
        """Evaluate alarms until the first of them goes to ALARM, and call its action. Return whether one did."""
        first = self.now + 1
        if last < first:
            return False
        conditions = [alarm.breaching(self, first, last) for alarm in self._alarms]
        fires_at = [_first_rise(c, alarm.in_alarm) for c, alarm in zip(conditions, self._alarms, strict=True)]
        index = min(fires_at, default=len(self._demand))
        self.now = min(last, first + index)
        fired = [alarm for alarm, at in zip(self._alarms, fires_at, strict=True) if at == index <= last - first]
        for alarm, condition in zip(self._alarms, conditions, strict=True):
            alarm.in_alarm = bool(condition[self.now - first])
        for alarm in fired:
            if alarm.in_alarm:  # the action of the one before may have re-armed it
                alarm.action()
        return bool(fired)


def _first_rise(condition: NDArray[np.bool_], before: bool) -> int:
    """Return the index at which a condition begins to hold, or an index beyond any traffic."""
    rises = condition.copy()
    rises[1:] &= ~condition[:-1]
    rises[0] &= not before
    index = int(rises.argmax())
    return index if rises[index] else len(condition) + MINUTES_PER_DAY * 100_000
