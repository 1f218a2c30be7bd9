"""The clairvoyant bound, compared with an exhaustive search."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from simulator.comparison.bound import clairvoyant_shard_hours


def try_everything(needed: list[int], changes_per_day: int, minutes_per_day: int) -> float:
    """Return the fewest shard-minutes of all sequences of counts within the rules."""
    best = math.inf
    for counts in itertools.product(range(1, max(needed) + 1), repeat=len(needed)):
        if any(count < need for count, need in zip(counts, needed, strict=True)):
            continue
        changes = [0] * (len(needed) // minutes_per_day + 1)
        legal = True
        for minute, (before, after) in enumerate(itertools.pairwise(counts), start=1):
            changes[minute // minutes_per_day] += before != after
            legal = legal and math.ceil(before / 2) <= after <= 2 * before
        if legal and max(changes) <= changes_per_day:
            best = min(best, sum(counts))
    return best


@pytest.mark.parametrize("seed", range(25))
def test_it_is_what_trying_every_sequence_of_counts_finds(seed):
    dice = random.Random(seed)
    needed = [dice.choice([1, 1, 2, 3, 5]) for _ in range(7)]
    changes_per_day, minutes_per_day = dice.randint(1, 3), dice.choice([3, 4, 7])
    found = clairvoyant_shard_hours(
        np.array(needed, dtype=float), changes_per_day=changes_per_day, minutes_per_day=minutes_per_day
    )
    assert found * 60 == pytest.approx(try_everything(needed, changes_per_day, minutes_per_day))


def test_steady_traffic_needs_its_demand_rounded_up():
    assert clairvoyant_shard_hours(np.full(120, 3.2)) == pytest.approx(8.0)


def test_a_spike_from_one_shard_to_eight_takes_three_doublings():
    demand = np.array([1.0, 1.0, 1.0, 1.0, 8.0])
    assert clairvoyant_shard_hours(demand) * 60 == pytest.approx(1 + 1 + 2 + 4 + 8)


def test_without_changes_left_the_peak_stays():
    demand = np.array([1.0] * 5 + [8.0] + [1.0] * 5)
    assert clairvoyant_shard_hours(demand, changes_per_day=0) * 60 == pytest.approx(8 * 11)
