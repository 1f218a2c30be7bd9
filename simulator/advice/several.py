"""Advice for many streams at once: a row for each, worked out by several processes."""

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


@dataclass(frozen=True)
class Wish:
    """What is asked of every stream.

    Attributes:
        limit: how much of the traffic may be throttled, from 0 to 1.
        pinned: inputs of modules/stream that are not to be searched.
        shared: consumers of each stream that poll.
        fan_out: consumers of each stream with enhanced fan-out; None: as AWS says, or none.
        retention_hours: None: as AWS says, or 24.
        mean_shards: what the traffic is scaled to; None: as it is.

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
"""What a stream's alarms say and advice leaves as it is: what depends on more than its traffic."""


@dataclass(frozen=True)
class Row:
    """What is advised for one of many streams; money is in dollars a month.

    Attributes:
        name: the stream's.
        refusal: why there is no advice; empty if there is.
        mean_shards: its mean demand.
        today: what it costs now, or a fixed count for its highest minute.
        today_is: which of the two, in words.
        advised: what it costs under the settings.
        throttled_share: what these throttled on the days that the choice did not see.
        keeps: whether they throttle no more than was named on the days they were chosen on.
        cheapest: the cheapest way that keeps the limit, and what it costs.
        on_demand: what it costs on demand; and by Advantage, without what the account pays at least.
        inputs: of modules/stream.
        findings: the sentences.

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
        """What the settings save beside today."""
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
    """The row of one file; a refusal where there can be no advice."""
    try:
        read = read_trace(path, mean_shards=wish.mean_shards)
        return Row.of(advise(wish.of(read), every=False))
    except (TraceError, InvalidInputError) as error:
        return Row(path.stem, refusal=str(error))


def rows(paths: Iterable[Path], wish: Wish, *, processes: int) -> Iterator[Row]:
    """A row for each file as soon as it is there, in whatever order; `paths` may be read as they are needed."""
    if processes == 1:
        yield from (row_of(path, wish) for path in paths)
        return
    # Not forked: whoever reads from AWS has threads.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: set[Future[Row]] = set()
        for path in paths:
            waiting.add(pool.submit(row_of, path, wish))
            done = {each for each in waiting if each.done()}
            waiting -= done
            yield from (each.result() for each in done)
        yield from (each.result() for each in as_completed(waiting))


def account_sentences(every: list[Row]) -> list[str]:
    """What is said of all streams together; of those without advice nothing is known."""
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
