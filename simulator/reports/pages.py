"""The pages of the commands: the results of a replay, a comparison and advice, and how they were computed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from simulator.advice.advice import Advice, Kind
from simulator.advice.findings import share
from simulator.advice.several import Row
from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1
from simulator.comparison.outcomes import Outcome as Compared
from simulator.local_aws.replay_loop import StreamReplay
from simulator.local_aws.replay_outcome import Outcome
from simulator.reports import page_charts
from simulator.reports.page import Chart, Page, PageTable
from simulator.reports.page_charts import Mark
from simulator.traffic import MINUTES_PER_DAY

_PRICES = (
    f"Dollars are Kinesis' prices of {US_EAST_1.region}, {US_EAST_1.date}, for a month of {HOURS_PER_MONTH} hours."
)
_WORLD = (
    "AWS is modelled as documented: metrics a minute late, alarms, the time that a reshard takes, ten calls "
    "of UpdateShardCount in 24 hours. Traffic that the stream refused at the time is not in the data."
)


def replay(
    record: StreamReplay,
    outcome: Outcome,
    scalings: Sequence[Mapping[str, Any]],
    not_scaled: Mapping[str, int],
    settings: Mapping[str, Any],
    read: str,
) -> Page:
    """A replay of one stream."""
    peak = max(1, int(np.ceil(max(minute.demand_shards for minute in record.minutes) - 1e-9)))
    fixed = peak * US_EAST_1.shard_hour * HOURS_PER_MONTH
    shards = record.shard_hours * US_EAST_1.shard_hour / outcome.hours * HOURS_PER_MONTH
    return Page(
        title=f"What the autoscaler would have done with {record.stream_name}",
        subtitle=_period(record.minutes[0].at, record.minutes[-1].at + timedelta(minutes=1)),
        facts=[
            ("cost of a month", f"${outcome.dollars_per_month:,.2f}"),
            ("of it for shards", f"${shards:,.2f}"),
            (f"fixed at its peak, {peak:,} shards", f"${fixed:,.2f}"),
            ("saved beside that", f"{1 - shards / fixed:.0%}"),
            ("traffic throttled", share(outcome.throttled_share)),
            ("scaled", f"{outcome.scale_ups} up, {outcome.scale_downs} down"),
        ],
        charts=[_replayed("Demand and open shards", record, scalings)],
        tables=[
            scaling_log("Scaling log", scalings),
            _reasons(not_scaled),
            _settings(settings),
        ],
        how=[
            read,
            "The function of this module ran from its package on a simulated AWS, in virtual time.",
            _WORLD,
            _PRICES,
        ],
    )


def demo(
    replays: Sequence[StreamReplay],
    logs: Mapping[str, Sequence[Mapping[str, Any]]],
    summary: PageTable,
    plan: str,
) -> Page:
    """The demonstration's streams."""
    tables = [scaling_log(f"Scaling log of {name}", log) for name, log in logs.items()]
    first = replays[0].minutes
    return Page(
        title="The demonstration: two streams, scaled",
        subtitle=_period(first[0].at, first[-1].at + timedelta(minutes=1)),
        charts=[_replayed(each.stream_name, each, logs.get(each.stream_name, ())) for each in replays],
        tables=[*tables, summary],
        how=[
            "Terraform applied examples/simple to a local AWS; its alarms, topic and function scaled the streams.",
            f"Afterwards terraform plan said: {plan}",
            _WORLD,
            f"{_PRICES} They are for shards alone.",
        ],
    )


def compared(results: Sequence[Compared], subtitle: str, read: str, settings: Mapping[str, Any]) -> Page:
    """Every policy on one trace."""
    rows = [
        (
            each.name,
            "–" if each.shard_hours is None else f"{each.shard_hours:,.0f}",
            f"{each.cost_of_bound:.2f}",
            share(each.throttled_share),
            f"{each.dollars_per_month:,.2f}",
            str(each.kind),
        )
        for each in results
    ]
    head = ("policy", "shard-hours", "cost × bound", "throttled", "$ a month", "whose")
    table = PageTable("Every policy", head, rows, frozenset({1, 2, 3, 4}), [row[-1] for row in rows], has_filter=True)
    return Page(
        title="This module beside the others",
        subtitle=subtitle,
        charts=[page_charts.cost_against_throttling(results)],
        tables=[table, _settings(settings, "Your settings")],
        how=[
            read,
            "Every policy served the same traffic in a closed loop, from the same first count of shards.",
            "This module uses the same decision code as the function; the others are as documented or coded.",
            "The clairvoyant bound is the minimum that serves all traffic with ten changes a day.",
            _WORLD,
            f"{_PRICES} On-demand data are read once.",
        ],
    )


def advised(advice: Advice, findings: Sequence[str], code: str, read: str) -> Page:
    """Advice for one stream."""
    question, own = advice.question, advice.advised
    tried = [(_short(each.inputs), each.first.throttled_share, each.first.shard_hours) for each in advice.choice.tried]
    chosen = next(n for n, each in enumerate(advice.choice.tried) if each.inputs is advice.choice.inputs)
    rows = [
        (
            each.name,
            f"{each.dollars_per_month:,.2f}",
            "" if each is own else f"{each.dollars_per_month - own.dollars_per_month:+,.2f}",
            share(each.throttled_share),
        )
        for each in advice.options
    ]
    options = PageTable(
        f"On the last {advice.rest_days:.1f} days",
        ("option", "$ a month", "difference", "throttled"),
        rows,
        frozenset({1, 2, 3}),
    )
    marks = [
        Mark(advice.at(change.minute), change.before, change.after, f"{change.before} to {change.after} shards")
        for change in advice.choice.run.changes
    ]
    chart = page_charts.over_time(
        "With these settings",
        question.trace.start,
        advice.choice.run.demand,
        advice.choice.run.shards,
        marks,
        kept_back=advice.at(advice.split),
    )
    log = [(f"{mark.at:%a %d %b %H:%M}", f"{mark.from_shards} → {mark.to_shards}", mark.kind) for mark in marks]
    table = PageTable(
        "Scalings", ("time (UTC)", "shards", "what"), log, kinds=[mark.kind for mark in marks], has_filter=True
    )
    now = advice.now
    return Page(
        title=f"Settings for {question.trace.name}",
        subtitle=_period(advice.at(0), advice.at(len(question.demand))),
        facts=[
            ("cost of a month", f"${own.dollars_per_month:,.2f}"),
            (now.name.partition(",")[0], f"${now.dollars_per_month:,.2f}"),
            ("throttled", share(own.throttled_share)),
            ("limit", share(question.limit)),
        ],
        findings=findings,
        charts=[chart, page_charts.tried(tried, chosen, question.limit)],
        tables=[options, _settings(advice.choice.inputs), table],
        code=[("To paste", code)],
        how=[
            read,
            "The settings were chosen on the first two thirds of the traffic, and evaluated on the last third.",
            "The first third of the data for the choice was a warm-up.",
            "They were tried in a closed loop with the function's own decision code and its alarms.",
            _WORLD,
            _PRICES,
            f"Readers: {question.readers.shared} by polling, {question.readers.fan_out} with fan-out.",
            f"Records are kept for {question.readers.retention_hours} hours.",
        ],
    )


def advised_streams(rows: Sequence[Row], findings: Sequence[str], code: str) -> Page:
    """Advice for many streams."""
    known = [row for row in rows if not row.refusal]
    cells, kinds = [], []
    for row in rows:
        if row.refusal:
            cells.append((row.name, "", "", "", "", "", row.refusal))
            kinds.append("no advice")
            continue
        other = row.cheapest[0] not in {Kind.ADVISED, Kind.TODAY}
        cells.append(
            (
                row.name,
                f"{row.mean_shards:.1f}",
                f"{row.today:,.2f}",
                f"{row.advised:,.2f}",
                f"{row.saved:+,.2f}",
                share(row.throttled_share),
                row.today_is + (f"; {row.cheapest[0]} is cheaper" if other else ""),
            )
        )
        kinds.append("cheaper otherwise" if other else "saves" if row.saved > 0 else "costs more")
    head = ("stream", "mean shards", "$ today", "$ advised", "saved", "throttled", "today is")
    today, own = sum(row.today for row in known), sum(row.advised for row in known)
    return Page(
        title=f"Settings for {len(known):,} streams",
        subtitle="Those that save most come first.",
        facts=[("today, a month", f"${today:,.0f}"), ("with these settings", f"${own:,.0f}")],
        findings=findings,
        tables=[PageTable("Streams", head, cells, frozenset({1, 2, 3, 4, 5}), kinds, has_filter=True)],
        code=[("To paste", code)],
        how=[
            "Each stream's settings were chosen on the first two thirds of its traffic and evaluated on the rest.",
            _PRICES,
        ],
    )


def scaling_log(title: str, scalings: Sequence[Mapping[str, Any]]) -> PageTable:
    """The scalings of a replay."""
    marks = _marks(scalings)
    rows = [
        (f"{mark.at:%a %d %b %H:%M}", f"{mark.from_shards} → {mark.to_shards}", mark.kind, mark.sentence)
        for mark in marks
    ]
    head = ("started (UTC)", "shards", "what", "decision")
    return PageTable(title, head, rows, kinds=[mark.kind for mark in marks], has_filter=True, is_log=True)


def _replayed(title: str, record: StreamReplay, scalings: Sequence[Mapping[str, Any]]) -> Chart:
    demand = np.array([minute.demand_shards for minute in record.minutes])
    shards = np.array([float(minute.open_shards) for minute in record.minutes])
    return page_charts.over_time(title, record.minutes[0].at, demand, shards, _marks(scalings))


def _marks(scalings: Sequence[Mapping[str, Any]]) -> list[Mark]:
    return [
        Mark(
            datetime.fromisoformat(each["started_at"]),
            int(each["from_shard_count"]),
            int(each["to_shard_count"]),
            each["message"],
            each["status"] == "FAILED",
        )
        for each in scalings
    ]


def _reasons(not_scaled: Mapping[str, int]) -> PageTable:
    rows = [(reason, f"{count:,}") for reason, count in not_scaled.items()]
    return PageTable("Decided not to scale", ("reason", "times"), rows, frozenset({1}))


def _settings(settings: Mapping[str, Any], title: str = "Settings") -> PageTable:
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            rows += [(f"{name}.{attribute}", json.dumps(each)) for attribute, each in value.items()]
        else:
            rows.append((name, json.dumps(value)))
    rows.append(("all others", "the module's defaults"))
    return PageTable(title, ("input of modules/stream", "value"), rows)


def _short(inputs: Mapping[str, Any]) -> str:
    """Return settings in a few words."""
    words = [f"target {inputs.get('target_utilization', '–')}"]
    if up := inputs.get("scale_up"):
        words.append(f"scale up from {up.get('threshold', '–')}")
    if inputs.get("min_shard_count", 1) > 1:
        words.append(f"at least {inputs['min_shard_count']} shards")
    return ", ".join(words)


def _period(start: datetime, end: datetime) -> str:
    days = (end - start) / timedelta(minutes=MINUTES_PER_DAY)
    return f"{start:%d %b %Y %H:%M} to {end:%d %b %Y %H:%M} UTC, {days:.1f} days"
