"""Advice for a stream: the settings, the promise, the bills beside them and the sentences."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial

import hcl2
import numpy as np
import pytest

from simulator.advice import dials
from simulator.advice.advice import Kind, Question, advise
from simulator.advice.block import SOURCE, block, identifier
from simulator.advice.findings import findings
from simulator.advice.search import Part, Trial, choose, serve, surges
from simulator.advice.several import Wish, rows
from simulator.aws.prices import HOURS_PER_MONTH, US_EAST_1, Readers
from simulator.comparison.closed_loop import accepted
from simulator.deployment import module_inputs
from simulator.deployment.module_inputs import InvalidInputError
from simulator.deployment.terraform import REPOSITORY
from simulator.traffic import Trace, TraceError, Traffic
from simulator.traffic.series import Stream

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
DAY = 1440


def trace(shards):
    return Trace("orders", MONDAY, [Traffic.for_shards(float(each)) for each in shards])


def swinging(days=3, low=2.0, high=8.0):
    """Days that swing slowly between two levels."""
    minutes = np.arange(days * DAY)
    return low + (high - low) * (1 - np.cos(minutes / DAY * 2 * np.pi)) / 2


def with_surges(days=3, high=9.0):
    """A calm stream that three times a day needs `high` shards from one minute to the next, at odd times."""
    shards = np.full(days * DAY, 1.4)
    for number, at in enumerate(range(200, len(shards) - 60, 470)):
        shards[at + 7 * number : at + 7 * number + 15] = high
    return shards


def ask(shards, limit=0.0005, stream=None, pinned=None, readers=None):
    return Question(trace(shards), stream, limit, pinned or {}, readers or Readers())


@cache
def advice_for(kind):
    """Advice that several tests look at."""
    shards = {"swinging": swinging(), "surges": with_surges(), "idle": np.full(2 * DAY, 0.2)}[kind]
    return advise(ask(shards))


quickly = partial(advise, every=False)
"""For tests that do not look at the whole ladder."""


# --- The ladder ------------------------------------------------------------------------------------------------------


def test_every_dial_is_an_input_of_the_module_with_a_value_on_every_rung():
    assert dials.DIALS.keys() <= {".".join(each.path) for each in module_inputs.module_inputs()}
    assert {len(values) for values in dials.DIALS.values()} == {len(dials.FLOORS)}


def test_every_rung_is_one_that_the_module_takes():
    ladder = dials.rungs({}, peak=7.3)
    assert len(ladder) == len(dials.FLOORS)
    for inputs in ladder:
        module_inputs.check(inputs)
    assert [rung.get("min_shard_count") for rung in ladder][-1] == 6
    assert {rung["max_shard_count"] for rung in ladder} == {32}


def test_what_is_pinned_stays_and_what_the_module_refuses_is_refused():
    pinned = {"max_shard_count": 5, "scale_up": {"cooldown_minutes": 9}, "target_utilization": 0.5}
    for inputs in dials.rungs(pinned, peak=100):
        assert (inputs["max_shard_count"], inputs["target_utilization"]) == (5, 0.5)
        assert inputs["scale_up"]["cooldown_minutes"] == 9
        assert inputs.get("min_shard_count", 1) <= 5
    with pytest.raises(InvalidInputError, match="--target-utilization"):
        dials.rungs({"target_utilization": 2}, peak=4)


# --- The choice ------------------------------------------------------------------------------------------------------


def test_the_cheapest_settings_are_chosen_of_those_that_keep_the_limit():
    choice = advice_for("swinging").choice
    keeping = [each for each in choice.tried if each.first.throttled_share <= 0.0005]
    assert choice.keeps
    assert choice.first.shard_hours == min(each.first.shard_hours for each in keeping)
    assert len({each.first.shard_hours for each in choice.tried}) > 3


def test_the_choice_knows_nothing_of_the_rest():
    calm = swinging()
    wild = calm.copy()
    wild[2 * DAY :] = with_surges()[2 * DAY :]
    assert advise(ask(wild)).choice.inputs == advice_for("swinging").choice.inputs


def test_what_is_promised_is_what_happened_on_the_rest():
    advice = advice_for("swinging")
    shards = advice.choice.run.shards[advice.split :]
    demand = advice.question.demand[advice.split :]
    assert advice.split == 2 * DAY
    assert advice.advised.throttled_share == pytest.approx(1 - accepted(demand, shards).sum() / demand.sum(), abs=1e-9)
    records = sum(load.records for load in advice.question.trace.minutes[advice.split :])
    bill = US_EAST_1.provisioned(shards.sum() / 60, records * (1 - advice.advised.throttled_share), 2048)
    assert advice.advised.dollars_per_month == pytest.approx(bill / 24 * HOURS_PER_MONTH)


def test_a_trial_that_goes_on_into_the_rest_serves_it_as_a_stream_would():
    demand = swinging(days=4) + with_surges(days=4) / 3
    trial, whole = Trial(demand, {"max_shard_count": 40}, 2 * DAY + 77), serve(demand, {"max_shard_count": 40})
    assert not trial.keeps(0.0)
    assert trial.first.shard_hours == whole.shards[(2 * DAY + 77) // 3 : 2 * DAY + 77].sum() / 60
    assert trial.run.shards.tolist() == whole.shards.tolist()
    assert len(whole.changes) > 4


def test_halving_finds_the_same_as_trying_all_with_fewer_trials():
    demand = swinging()[: 2 * DAY]
    ladder = dials.rungs({}, 8.0)
    few = choose(demand, ladder, 0.0005, len(demand), every=False)
    assert len(few.tried) <= math.ceil(math.log2(len(ladder))) + 1
    assert few.keeps
    assert few.first.shard_hours <= 1.1 * choose(demand, ladder, 0.0005, len(demand)).first.shard_hours


def test_where_nothing_keeps_the_limit_a_compromise_is_chosen_and_called_one():
    advice = advise(ask(with_surges(), pinned={"max_shard_count": 6}))
    assert not advice.choice.keeps
    assert advice.choice.first.throttled_share > 0.0005
    said = findings(advice)[0]
    assert said.startswith(
        "No autoscaler can follow this traffic with 0.050% throttled. These settings are a compromise"
    )
    assert "A fixed count of 9 shards throttles nothing, for $" in said
    demanded = advice.question.demand[: advice.split].sum() / 60
    costs = [each.first.shard_hours + 200 * each.first.throttled_share * demanded for each in advice.choice.tried]
    assert advice.choice.first in [advice.choice.tried[at].first for at in np.flatnonzero(costs == np.min(costs))]


# --- The bills -------------------------------------------------------------------------------------------------------


def test_readers_and_retention_are_in_every_bill():
    readers = Readers(shared=2, fan_out=3, retention_hours=48)
    plain, read = (
        {each.kind: each.dollars_per_month for each in advice.options}
        for advice in (advice_for("swinging"), advise(ask(swinging(), readers=readers)))
    )
    assert plain.keys() == read.keys() >= set(Kind) - {Kind.TODAY}
    assert all(read[kind] > plain[kind] for kind in plain)


def test_the_defaults_are_one_of_the_rungs_and_are_told_as_they_would_serve_the_whole():
    advice = advice_for("swinging")
    whole = serve(advice.question.demand, {"max_shard_count": advice.choice.inputs["max_shard_count"]})
    hours = whole.shards[advice.split :].sum() / 60
    records = sum(load.records for load in advice.question.trace.minutes[advice.split :])
    throttled = Part.of(whole, advice.split).throttled_share
    assert advice.of(Kind.DEFAULTS).throttled_share == throttled
    bill = US_EAST_1.provisioned(hours, records * (1 - throttled), 2048) / 24 * HOURS_PER_MONTH
    assert advice.of(Kind.DEFAULTS).dollars_per_month == pytest.approx(bill)


def test_today_is_what_the_stream_has():
    with_shards = quickly(ask(swinging(), stream=Stream("orders", "us-east-1", shards=20))).of(Kind.TODAY)
    assert with_shards.name == "today's 20 shards"
    assert with_shards.throttled_share == 0
    settings = {"max_shard_count": 30, "min_shard_count": 12}
    with_alarms = quickly(ask(swinging(), stream=Stream("orders", "us-east-1", shards=20, settings=settings)))
    assert with_alarms.of(Kind.TODAY).name == "today's settings"
    assert with_alarms.of(Kind.TODAY).dollars_per_month > with_alarms.advised.dollars_per_month
    on_demand = quickly(ask(swinging(), stream=Stream("orders", "us-east-1", shards=4, is_on_demand=True)))
    assert on_demand.of(Kind.TODAY).name == "today's on-demand mode"
    assert on_demand.now.dollars_per_month == on_demand.of(Kind.ON_DEMAND).dollars_per_month
    assert advice_for("swinging").of(Kind.TODAY) is None
    assert advice_for("swinging").now.kind is Kind.FIXED


# --- The sentences ---------------------------------------------------------------------------------------------------


def test_a_promise_that_holds_is_told_with_what_is_saved():
    said = " ".join(findings(advice_for("swinging")))
    assert "On the last 1.0 days, which did not influence the choice, the settings throttled" in said
    assert "They save $" in said
    assert "more than doubled" not in said


def test_surges_that_no_scaling_can_follow_are_said_to_be_so():
    advice = advice_for("surges")
    said = " ".join(findings(advice))
    assert "more than doubled 9 times" in said
    assert "from 1.4 to 9.0 shards' worth" in said
    assert "No scaling that reacts to traffic is fast enough" in said


def test_a_promise_that_broke_is_not_made():
    shards = swinging()
    shards[2 * DAY :] = with_surges(high=12)[2 * DAY :]
    said = findings(advise(ask(shards)))[0]
    assert "This traffic changes from week to week" in said


def test_a_cheaper_mode_is_said_plainly():
    # A megabyte a day: a shard costs more than everything else.
    tiny = [Traffic(100.0, 1.0)] * (2 * DAY)
    said = " ".join(findings(advise(Question(Trace("orders", MONDAY, tiny), None, 0.0005, {}))))
    assert "On-demand Advantage is cheaper, $0." in said
    assert "minimum charge for all streams is $3," in said
    assert "needs no scaling" in said


def test_a_short_or_silent_trace_has_no_advice():
    with pytest.raises(TraceError, match=r"has 1.0 days of traffic: advice needs 2"):
        advise(ask(np.ones(DAY)))
    with pytest.raises(TraceError, match="no traffic at all"):
        advise(ask(np.zeros(2 * DAY)))


def test_surges_are_counted_once_each():
    assert [int(at) for at in surges(with_surges(days=1), 5)] == [200, 677, 1154]
    assert len(surges(swinging(), 5)) == 0
    assert len(surges(np.ones(3), 5)) == 0


def test_the_stream_starts_with_what_it_has_or_with_what_its_first_hour_needs():
    assert serve(swinging(), {"max_shard_count": 16}, shards=7).shards[0] == 7
    assert (
        serve(swinging(), {"max_shard_count": 16, "target_utilization": 0.5, "scale_down": {"threshold": 0.3}}).shards[
            0
        ]
        == 5
    )


# --- The block -------------------------------------------------------------------------------------------------------


def test_the_block_parses_and_has_the_settings_and_nothing_that_is_the_default():
    inputs = advice_for("swinging").choice.inputs
    (module,) = hcl2.loads(block("orders.eu-1", inputs))["module"]
    ((name, body),) = module.items()
    assert name.strip('"') == "orders_eu-1_scaling"
    given = {key: value for key, value in body.items() if not key.startswith("__")}
    assert given.pop("source").strip('"') == SOURCE
    assert given.pop("autoscaler") == "${module.kinesis_autoscaler}"
    assert given.pop("stream_arn") == "${aws_kinesis_stream.orders_eu-1.arn}"
    told = vars_of(module_inputs.with_defaults(given))
    assert told == vars_of(module_inputs.with_defaults(inputs))
    assert not given.get("scale_up", {}).get("period_seconds")


def vars_of(values):
    return {name: vars(value) if hasattr(value, "__dict__") else value for name, value in values.items()}


def test_the_block_has_the_source_that_the_readme_has():
    assert f'source          = "{SOURCE}"' in (REPOSITORY / "README.md").read_text()


def test_no_two_blocks_have_one_name():
    taken = ["a_b_scaling"]
    assert block("a.b", {"max_shard_count": 4}, taken).startswith('module "a_b_2_scaling" {')
    assert identifier("9.lives") == "stream_9_lives"


def test_a_stream_that_never_fills_a_shard_keeps_the_modules_defaults():
    bounds = {"max_shard_count": 4, "min_shard_count": 1}
    assert dials.rungs({}, peak=0.9) == [bounds]
    assert dials.rungs({"target_utilization": 0.5}, peak=0.9) == [{**bounds, "target_utilization": 0.5}]
    assert block("idle", advice_for("idle").choice.inputs).splitlines()[5:] == ["  max_shard_count = 4", "}"]


def test_advice_for_a_stream_below_one_shard_is_one_shard():
    advice = advice_for("idle")
    assert set(advice.choice.run.shards) == {1.0}
    assert replace(advice.question, limit=0.1).peak == 1


def test_processes_of_their_own_give_the_same_rows(tmp_path):
    paths = [tmp_path / f"{number}.csv" for number in range(3)]
    for path in paths:
        path.write_text("timestamp,bytes,records\n2026-10-05T00:00:00Z,1,1\n2026-10-05T00:01:00Z,1,1\n")
    wish = Wish(0.0005, {})
    alone, together = (sorted(rows(paths, wish, processes=count), key=lambda row: row.name) for count in (1, 2))
    assert alone == together
    assert [row.name for row in alone] == ["0", "1", "2"]
    assert all("advice needs 2 at least" in row.refusal for row in alone)
