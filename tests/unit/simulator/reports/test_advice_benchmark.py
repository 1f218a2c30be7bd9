"""The evaluation of advice in the table of docs/benchmarks.md."""

from __future__ import annotations

import re
from statistics import fmean

import pytest

from simulator.advice import judging
from simulator.advice.judging import Verdict
from simulator.deployment.terraform import REPOSITORY
from simulator.reports.advice_benchmark import markdown
from simulator.traffic.generator import KINDS
from tests.faults.effort import SOAK


def verdict(unseen, *, is_promise=True, ratio=0.8):
    return Verdict("shop", 4, is_promise, 0.0005, 0.0004, unseen, ratio, 0.0001, 1)


def test_a_promise_is_kept_within_its_factor_and_where_none_was_made_none_is_judged():
    text = markdown([verdict(0.0009), verdict(0.0011), verdict(0.5, is_promise=False)])
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    assert [row[4] for row in cells[2:]] == ["✓", "✗", "–", ""]
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


def test_advice_saves_a_tenth_of_the_shard_hours_and_throttles_at_most_twice_what_it_promises(monkeypatch):
    """On two weeks that it was not given, on average over every kind of stream.

    Outside of the soak, for one kind, whose settings are searched as those of many streams are.
    """
    really = judging.advise
    monkeypatch.setattr(judging, "advise", lambda question: really(question, every=SOAK))
    found = [judging.judge(kind, judging.SEEDS[0]) for kind in (KINDS if SOAK else ["sensors"])]
    promises = [each for each in found if each.is_promise]
    assert fmean(each.shard_hours_of_default for each in found) <= 0.9
    assert promises
    assert fmean(each.unseen for each in promises) <= judging.FACTOR * fmean(each.promised for each in promises)


@pytest.mark.parametrize("seed", judging.SEEDS)
def test_the_page_has_every_kind_of_stream(seed):
    page = (REPOSITORY / "docs" / "benchmarks.md").read_text()
    section = page.partition("<!-- begin advice -->")[2].partition("<!-- end advice -->")[0]
    told = re.findall(rf"^\| (.+) \({seed}\) \|", section, re.MULTILINE)
    assert told == list(KINDS)
