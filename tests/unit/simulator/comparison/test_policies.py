"""The behaviour of other autoscalers, as in their code and documents."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.comparison.closed_loop import MINUTES_PER_DAY, Change, ClosedLoop
from simulator.comparison.policies.aws_samples import AwsSamples
from simulator.comparison.policies.burningmonk import Burningmonk
from simulator.comparison.policies.epsagon import Epsagon
from simulator.comparison.policies.fixed import fixed_at_peak, on_demand
from simulator.comparison.policies.kenzan import Kenzan

DAY = MINUTES_PER_DAY


def changes(policy, *stretches, shards=8):
    """Return the changes under demands that each last for some minutes."""
    demand = np.concatenate([np.full(minutes, float(level)) for level, minutes in stretches])
    return ClosedLoop(demand, shards).run(policy).changes


def test_aws_samples_doubles_once_five_periods_of_five_minutes_were_at_75_percent():
    assert changes(AwsSamples(), (6.0, 90)) == [Change(26, 8, 16)]


def test_aws_samples_does_not_double_if_one_of_the_five_periods_is_below():
    assert changes(AwsSamples(), (6.5, 15), (2.5, 5), (6.5, 15), (2.5, 5), (6.5, 15), (2.5, 5)) == []


def test_aws_samples_halves_once_57_of_60_periods_were_below_25_percent():
    assert changes(AwsSamples(), (1.9, 400)) == [Change(286, 8, 4)]


def test_aws_samples_stays_at_an_odd_count_whose_half_it_rounds_down():
    assert changes(AwsSamples(), (0.5, DAY), shards=5) == []


def test_aws_samples_leaves_a_single_shard():
    assert changes(AwsSamples(), (0.01, DAY), shards=1) == []


@pytest.mark.parametrize(("shards", "target"), [(1, 2), (3, 6), (4, 6), (50, 75), (60, 75)])
def test_epsagon_grows_by_a_percentage_that_falls_with_the_size(shards, target):
    assert changes(Epsagon(), (0.76 * shards, 12), shards=shards) == [Change(6, shards, target)]


@pytest.mark.parametrize(("demand", "target"), [(1.0, 4), (2.0, 4)])
def test_epsagon_shrinks_to_twice_the_peak_but_at_most_to_half_after_a_day_at_or_under_25_percent(demand, target):
    assert changes(Epsagon(), (demand, DAY + 5)) == [Change(DAY + 1, 8, target)]


def test_epsagon_does_not_shrink_if_one_period_of_the_day_was_above():
    assert changes(Epsagon(), (1.0, 700), (3.0, 5), (1.0, DAY - 100)) == []


def test_theburningmonk_doubles_after_five_minutes_at_80_percent():
    assert changes(Burningmonk(), (6.4, 30)) == [Change(6, 8, 16)]


def test_theburningmonk_looks_every_36_hours_and_halves_if_the_last_day_was_under_50_percent():
    assert changes(Burningmonk(), (3.0, 60 * 60)) == [Change(36 * 60, 8, 4)]
    assert changes(Burningmonk(), (3.0, 20 * 60), (4.5, 60), (3.0, 20 * 60)) == []


def test_kenzan_as_coded_asks_for_its_maximum_of_ten_shards_from_the_first_measurement_on():
    assert changes(Kenzan(), (1.0, 60)) == [Change(10, 8, 10)]


def test_kenzan_with_its_units_put_right_tracks_75_percent_upwards_only():
    assert changes(Kenzan(units_right=True), (7.2, 60), (1.0, 2 * DAY)) == [Change(10, 8, 10)]


def test_a_fixed_count_serves_the_peak():
    run = fixed_at_peak(np.array([1.0, 4.2, 3.0]))
    assert run.shards.tolist() == [5, 5, 5]
    assert run.throttled_share == 0


def test_on_demand_throttles_what_is_more_than_double_the_peak_before_the_last_quarter_of_an_hour():
    demand = np.concatenate([np.full(60, 8.0), np.full(20, 20.0)])
    run = on_demand(demand, 8)
    assert run.shards[60] == pytest.approx(16)
    assert run.shards[-1] == pytest.approx(32)  # double what it accepted while it throttled
    assert run.throttled_minutes_share == pytest.approx(15 / 80)
