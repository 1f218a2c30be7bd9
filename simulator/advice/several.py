"""Advice for many streams: a row for each, computed by several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.advice.advice import Advice, Kind, Question, advise
from simulator.advice.findings import findings
from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1, Readers
from simulator.deployment import module_inputs
from simulator.deployment.module_inputs import InvalidInputError
from simulator.traffic import ReadTrace, TraceError, read_trace
from tools.garbage import collect_rarely


@dataclass(frozen=True)
class Wish:
    """The conditions for every stream.

    Attributes:
        limit: the maximum share of throttled traffic, from 0 to 1.
        pinned: inputs of modules/stream that must stay as they are.
        shared: consumers of each stream that poll.
        fan_out: consumers of each stream with enhanced fan-out. None: the number that AWS reports, or 0.
        retention_hours: the retention of each stream. None: the value that AWS reports, or 24.
        mean_shards: the mean demand to which the traffic is scaled. None: not scaled.

    """

    limit: float
    pinned: Mapping[str, Any]
    shared: int = 1
    fan_out: int | None = None
    retention_hours: int | None = None
    mean_shards: float | None = None

    def of(self, read: ReadTrace) -> Question:
        """The question for one stream."""
        stream = read.stream
        of_stream = (stream.fan_out, stream.retention_hours) if stream else (None, None)
        fan_out = next((each for each in (self.fan_out, of_stream[0]) if each is not None), 0)
        retention = next((each for each in (self.retention_hours, of_stream[1]) if each is not None), 24)
        known = module_inputs.known(stream.settings or {}) if stream else {}
        kept = {name: value for name, value in known.items() if name in _KEPT}
        pinned = {**kept, **self.pinned}
        return Question(read.trace, stream, self.limit, pinned, Readers(self.shared, fan_out, retention))


_KEPT = ("max_shard_count", "max_iterator_age_minutes", "update_calls_per_day", "scale_on_throttling", "scale_on_reads")
"""Settings of a stream that advice keeps, because they depend on more than its traffic."""


@dataclass(frozen=True)
class Row:
    """The advice for one of many streams. Costs are in dollars a month.

    Attributes:
        name: the stream's name.
        refusal: the reason if there is no advice; otherwise empty.
        mean_shards: its mean demand.
        today: its cost now, or that of a fixed count for its highest minute.
        today_is: which of the two, in words.
        advised: its cost with the advised settings.
        throttled_share: the share that these throttle on the days that did not influence the choice.
        keeps: whether these keep the limit on the days they were chosen on.
        cheapest: the cheapest way within the limit, and its cost.
        on_demand: its cost in on-demand mode.
        advantage: its cost with on-demand Advantage, without the account's minimum charge.
        inputs: the advised inputs of modules/stream.
        findings: the sentences about it.

    """

    name: str
    refusal: str = ""
    mean_shards: float = 0.0
    today: float = 0.0
    today_is: str = ""
    advised: float = 0.0
    throttled_share: float = 0.0
    keeps: bool = False
    cheapest: tuple[str, float] = ("", 0.0)
    on_demand: float = 0.0
    advantage: float = 0.0
    inputs: Mapping[str, Any] | None = None
    findings: tuple[str, ...] = ()

    @property
    def saved(self) -> float:
        """What the advised settings save compared with today."""
        return self.today - self.advised

    @classmethod
    def of(cls, advice: Advice) -> Row:
        """The row of a stream's advice."""
        cheapest, now = advice.cheapest, advice.now
        modes = {kind: option.dollars_per_month for kind in Kind if (option := advice.of(kind))}
        return cls(
            name=advice.question.trace.name,
            mean_shards=float(advice.question.demand.mean()),
            today=now.dollars_per_month,
            today_is=now.name.partition(",")[0],
            advised=advice.advised.dollars_per_month,
            throttled_share=advice.advised.throttled_share,
            keeps=advice.choice.keeps,
            cheapest=(str(cheapest.kind), cheapest.dollars_per_month),
            on_demand=modes[Kind.ON_DEMAND],
            advantage=modes[Kind.ADVANTAGE],
            inputs=advice.choice.inputs,
            findings=tuple(findings(advice)),
        )


def row_of(path: Path, wish: Wish) -> Row:
    """The row of one file, with a refusal if there can be no advice."""
    try:
        read = read_trace(path, mean_shards=wish.mean_shards)
        return Row.of(advise(wish.of(read), every=False))
    except (TraceError, InvalidInputError) as error:
        return Row(path.stem, refusal=str(error))


def rows(paths: Iterable[Path], wish: Wish, *, processes: int) -> Iterator[Row]:
    """A row for each file as soon as it is ready, in any order. `paths` may be an iterator that is still growing."""
    if processes == 1:
        yield from (row_of(path, wish) for path in paths)
        return
    # Not forked, because threads may be reading from AWS.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=collect_rarely) as pool:
        waiting: set[Future[Row]] = set()
        for path in paths:
            waiting.add(pool.submit(row_of, path, wish))
            done = {each for each in waiting if each.done()}
            waiting -= done
            yield from (each.result() for each in done)
        yield from (each.result() for each in as_completed(waiting))


def account_sentences(every: list[Row]) -> list[str]:
    """The sentences about all streams together, except those without advice."""
    known = [row for row in every if not row.refusal]
    if not known:
        return []
    today, advised = sum(row.today for row in known), sum(row.advised for row in known)
    least = US_EAST_1.advantage.least(HOURS_PER_MONTH)
    advantage = max(least, sum(row.advantage for row in known))
    best = sum(row.cheapest[1] for row in known)
    streams = "1 stream" if len(known) == 1 else f"{len(known):,} streams"
    cheapest = f", ${best:,.0f} with the cheapest way for each" if best < advised - 1 else ""
    on_demand = sum(row.on_demand for row in known)
    total = f"{streams}: ${today:,.0f} a month today, ${advised:,.0f} with these settings{cheapest}"
    said = [f"{total}; all in on-demand mode ${on_demand:,.0f}, all with Advantage ${advantage:,.0f}."]
    if advantage < best:
        said.append(
            f"On-demand Advantage is cheaper for the account as a whole: ${advantage:,.0f} a month, with a "
            f"minimum charge of ${least:,.0f}."
        )
    if len(known) < len(every):
        without = len(every) - len(known)
        said.append(f"{without:,} {'stream has' if without == 1 else 'streams have'} no advice: see the last rows.")
    return said
