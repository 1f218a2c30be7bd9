"""The effect of splits, as in docs/benchmarks.md."""

from __future__ import annotations

from simulator.fleets.splits import KINDS, measure
from simulator.reports.splits import markdown
from tests.benchmark_page import committed, rows


def test_a_stream_is_measured_with_splits_and_without():
    without, with_splits = measure({"spent": KINDS["spent"]}, hours=1)
    assert (without.shards, without.splits, without.told) == (8, 0, ["QUOTA_EXHAUSTED"])
    assert with_splits.shards > 8
    assert with_splits.splits in (0, with_splits.shards - 8), "counted once the step has ended"
    assert without.throttled[0] > 2 * with_splits.throttled[0]
    _, _, first, second = markdown([without, with_splits]).splitlines()
    assert first.startswith("| traffic doubles after the daily calls are used up | – | 8 → 8 | 0 | ")
    assert " | `split_beyond_quota` | 8 → " in second
    throttled = [row[:2] + row[4:5] for row in rows(markdown([without, with_splits]))[1:]]
    assert throttled == [row[:2] + row[4:5] for row in rows(committed("splits"))[1:3]], "make benchmark"
