"""The advice for a stream: settings, the throttling to expect, and the cost compared with the alternatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from simulator.advice.dials import rungs
from simulator.advice.search import FIRST_PART, Choice, Part, choose, first_count, serve
from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1, Prices, Readers
from simulator.comparison.closed_loop import Series
from simulator.comparison.outcomes import Demand
from simulator.comparison.policies.fixed import on_demand
from simulator.deployment import module_inputs
from simulator.traffic import MINUTES_PER_DAY, Trace, TraceError
from simulator.traffic.series import Stream

LEAST_DAYS = 2
"""Shorter traffic leaves no part to check the choice on."""


class Kind(StrEnum):
    """What a bill is for."""

    ADVISED = "these settings"
    DEFAULTS = "the module's defaults"
    TODAY = "as it is today"
    FIXED = "a fixed count"
    ON_DEMAND = "on-demand"
    ADVANTAGE = "on-demand Advantage"


@dataclass(frozen=True)
class Option:
    """A way to run the stream, evaluated on the rest of the traffic.

    Attributes:
        kind: the kind of bill.
        name: the kind with its numbers, for people.
        dollars_per_month: what Kinesis charges for a month of such traffic.
        throttled_share: the share of the traffic that is throttled, from 0 to 1.

    """

    kind: Kind
    name: str
    dollars_per_month: float
    throttled_share: float


@dataclass(frozen=True)
class Question:
    """The stream that needs advice, and the conditions.

    Attributes:
        trace: the traffic.
        stream: what else is known about the stream.
        limit: the maximum share of throttled traffic, from 0 to 1.
        pinned: inputs of modules/stream that must stay as they are.
        readers: the consumers.
        prices: what Kinesis charges.

    """

    trace: Trace
    stream: Stream | None
    limit: float
    pinned: Mapping[str, Any]
    readers: Readers = field(default_factory=Readers)
    prices: Prices = US_EAST_1

    @cached_property
    def demand(self) -> Series:
        """The evenly filled shards that the traffic needs, by minute."""
        return np.array([load.shards for load in self.trace.minutes])

    @property
    def peak(self) -> int:
        """The shards that the highest minute needs."""
        return max(1, math.ceil(float(self.demand.max()) - 1e-9))

    @property
    def shards(self) -> int | None:
        """The open shards of a stream in provisioned mode; None if unknown or on-demand."""
        return None if self.stream is None or self.stream.is_on_demand else self.stream.shards


@dataclass(frozen=True)
class Advice:
    """The answer.

    Attributes:
        question: the stream and the conditions.
        choice: the chosen settings, and all that were tried.
        split: the first minute that did not influence the choice.
        options: the chosen settings and the alternatives, in the order of `Kind`.

    """

    question: Question
    choice: Choice
    split: int
    options: tuple[Option, ...]

    def of(self, kind: Kind) -> Option | None:
        """The option of a kind, if it was evaluated."""
        return next((each for each in self.options if each.kind is kind), None)

    @property
    def advised(self) -> Option:
        """The advised settings."""
        return self.options[0]

    @property
    def now(self) -> Option:
        """The stream as it is today; if that is unknown, a fixed count for its highest minute."""
        return next(each for kind in (Kind.TODAY, Kind.FIXED) if (each := self.of(kind)))

    @property
    def cheapest(self) -> Option:
        """The cheapest option within the limit, or within the throttling of the advised settings.

        On-demand Advantage is left out: it is a choice for a whole account.
        """
        limit = max(self.question.limit, self.advised.throttled_share)
        others = {Kind.DEFAULTS, Kind.ADVANTAGE}
        able = [each for each in self.options if each.throttled_share <= limit and each.kind not in others]
        return min(able, key=lambda each: each.dollars_per_month)

    @property
    def rest_days(self) -> float:
        """The days that did not influence the choice."""
        return (len(self.question.demand) - self.split) / MINUTES_PER_DAY

    def at(self, minute: int) -> datetime:
        """The time at which a minute of the traffic begins."""
        return self.question.trace.start + timedelta(minutes=int(minute))


def advise(question: Question, *, every: bool = True, tell: Callable[[], object] = lambda: None) -> Advice:
    """Choose settings on the first part of the traffic, and evaluate them and the alternatives on the rest.

    With `every`, all settings of the ladder are tried, and the module's defaults are among the alternatives. Otherwise
    only as many are tried as the choice needs. `tell` is called after each trial.

    Raises:
        TraceError: there is too little traffic.
        InvalidInputError: the module would refuse the pinned inputs.

    """
    demand, trace = question.demand, question.trace
    if len(demand) < LEAST_DAYS * MINUTES_PER_DAY:
        raise TraceError(
            f"{trace.name} has {len(demand) / MINUTES_PER_DAY:.1f} days of traffic: advice needs {LEAST_DAYS} at "
            "least, or better two weeks: the last third checks the choice"
        )
    if not demand.any():
        raise TraceError(f"{trace.name} has no traffic at all: a single shard is sufficient")
    split = int(len(demand) * FIRST_PART)
    ladder = rungs(question.pinned, float(demand[:split].max()))
    choice = choose(demand, ladder, question.limit, split, shards=question.shards, every=every, tell=tell)
    return Advice(question, choice, split, tuple(_options(question, choice, split, with_defaults=every)))


def _options(question: Question, choice: Choice, split: int, *, with_defaults: bool) -> list[Option]:
    demand, trace = question.demand, question.trace
    bill = _Bill(question, Demand.of(Trace(trace.name, trace.start, trace.minutes[split:])))
    options = [bill.scaled(Kind.ADVISED, str(Kind.ADVISED), Part.of(choice.run, split))]
    ceiling = {"max_shard_count": choice.inputs["max_shard_count"]}
    if with_defaults and not question.pinned.keys() - ceiling.keys():
        defaults = module_inputs.with_defaults(ceiling)
        trial = next(each for each in choice.tried if module_inputs.with_defaults(each.inputs) == defaults)
        options.append(bill.scaled(Kind.DEFAULTS, str(Kind.DEFAULTS), Part.of(trial.run, split)))
    options += bill.today(split)
    rest, peak = demand[split:], question.peak
    at_peak = Part.served(rest, np.full(len(rest), float(peak)))
    options.append(bill.scaled(Kind.FIXED, f"a fixed count of {_shards(peak)}, its highest minute", at_peak))
    taken = on_demand(demand, first_count(demand, choice.inputs, question.shards))
    throttled = Part.of(taken, split).throttled_share
    return [*options, *bill.on_demand_modes(throttled)]


def _shards(count: int) -> str:
    return "1 shard" if count == 1 else f"{count:,} shards"


@dataclass(frozen=True)
class _Bill:
    """Bills for the rest of the traffic, in dollars a month."""

    question: Question
    rest: Demand

    def scaled(self, kind: Kind, name: str, part: Part) -> Option:
        """In provisioned mode."""
        records = self.rest.records * (1 - part.throttled_share)
        dollars = self.question.prices.provisioned(
            part.shard_hours, records, self.rest.record_bytes, self.question.readers
        )
        return Option(kind, name, dollars * self._per_month, part.throttled_share)

    def today(self, split: int) -> list[Option]:
        """As the stream is configured now, if that is known."""
        question = self.question
        stream, count = question.stream, question.shards
        if stream is None or (stream.is_on_demand or not count):
            return []
        rest = question.demand[split:]
        if stream.settings:
            known = module_inputs.known(stream.settings)
            run = serve(question.demand, known, count)
            return [self.scaled(Kind.TODAY, "today's settings", Part.of(run, split))]
        fixed = Part.served(rest, np.full(len(rest), float(count)))
        return [self.scaled(Kind.TODAY, f"today's {_shards(count)}", fixed)]

    def on_demand_modes(self, throttled: float) -> list[Option]:
        """In on-demand mode: standard, and Advantage in an account that pays more than its minimum charge."""
        question, hours = self.question, self.rest.hours
        accepted = self.rest.charged_bytes * (1 - throttled)
        standard, advantage = (
            mode.of(hours, accepted, question.readers) * self._per_month
            for mode in (question.prices.on_demand, question.prices.advantage)
        )
        options = [
            Option(Kind.ON_DEMAND, str(Kind.ON_DEMAND), standard, throttled),
            Option(Kind.ADVANTAGE, f"{Kind.ADVANTAGE}, its part of the account's bill", advantage, throttled),
        ]
        if question.stream and question.stream.is_on_demand:
            options.append(Option(Kind.TODAY, "today's on-demand mode", standard, throttled))
        return options

    @property
    def _per_month(self) -> float:
        return HOURS_PER_MONTH / self.rest.hours
