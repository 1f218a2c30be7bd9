"""The evaluation of advice in the table of docs/benchmarks.md."""

from __future__ import annotations

import re

from simulator.advice import judging
from simulator.advice.judging import Verdict
from simulator.reports.advice_benchmark import markdown
from simulator.traffic.generator import KINDS
from tests.benchmark_page import committed, rows


def verdict(unseen, *, is_promise=True, ratio=0.8):
    return Verdict("shop", 4, is_promise, 0.0005, 0.0004, unseen, ratio, 0.0001, 1)


def test_a_promise_is_kept_within_its_factor_and_where_none_was_made_none_is_judged():
    text = markdown([verdict(0.0009), verdict(0.0011), verdict(0.5, is_promise=False)])
    assert [row[4] for row in rows(text)[1:]] == ["✓", "✗", "–", ""]
    assert "a promise for 2 of 3 traces, which throttled 0.100% on average in the later weeks" in text
    assert "It kept the promise within a factor of 2 for 1 of them" in text
    assert "need 0.80 of the default's shard-hours" in text


def test_advice_is_judged_on_days_that_it_was_not_given(monkeypatch):
    monkeypatch.setattr(judging, "GIVEN_DAYS", 3)
    monkeypatch.setattr(judging, "UNSEEN_DAYS", 1)
    asked, really = [], judging.advise
    monkeypatch.setattr(judging, "advise", lambda question: asked.append(question) or really(question, every=False))
    found = judging.judge("small", 1)
    assert len(asked[0].trace.minutes) == 3 * 1440
    assert 0.5 < found.shard_hours_of_default < 1.5
    assert found.promised >= 0.0005


def test_advice_saves_a_tenth_of_the_shard_hours_and_throttles_at_most_twice_what_it_promises():
    """As the page says of every kind of stream, on two weeks that the advice was not given."""
    mean = rows(committed("advice"))[-1]
    promised = re.findall(
        r"a promise for \d+ of \d+ traces, which throttled (\d\.\d+)%", " ".join(committed("advice").split())
    )
    assert mean[0] == "**mean**"
    assert float(mean[-1].strip("*")) <= 0.9
    assert float(promised[0]) / 100 <= judging.FACTOR * judging.LIMIT


def test_the_page_says_what_advice_does_today_for_one_kind_of_stream():
    """It saves a tenth of the shard-hours there too, and throttles at most twice what it promises."""
    kind, (seed,) = "sensors", judging.SEEDS
    found = judging.judge(kind, seed)
    assert rows(markdown([found]))[1] in rows(committed("advice")), "make benchmark"
    assert found.is_promise
    assert found.shard_hours_of_default <= 0.9
    assert found.unseen <= judging.FACTOR * found.promised


def test_the_page_has_every_kind_of_stream():
    told = [row[0] for row in rows(committed("advice"))[1:-1]]
    assert told == [f"{kind} ({seed})" for seed in judging.SEEDS for kind in KINDS]
