"""Token buckets, and the minimum time for the calls of a fleet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from simulator.fleets.quotas import CALLS_PER_SECOND, Quotas, TokenBucket

START = datetime(2026, 1, 5, tzinfo=UTC)


def admitted(bucket: TokenBucket, *, every: float, seconds: float) -> int:
    """Return the number of admitted calls at this rate."""
    return sum(bucket.take(START + timedelta(seconds=n * every)) for n in range(round(seconds / every)))


class TestTokenBucket:
    def test_a_full_bucket_lets_a_seconds_worth_through_at_once(self):
        bucket = TokenBucket(3)
        assert [bucket.take(START) for _ in range(5)] == [True, True, True, False, False]

    @pytest.mark.parametrize("rate", [0.5, 3, 20])
    def test_however_often_it_is_asked_it_lets_through_its_rate_and_no_more(self, rate):
        assert admitted(TokenBucket(rate), every=0.001, seconds=20) == pytest.approx(20 * rate, abs=max(rate, 1))

    @pytest.mark.parametrize("rate", [3, 9, 20])
    def test_calls_at_a_little_less_than_its_rate_are_all_let_through(self, rate):
        calls = 20 * rate
        assert admitted(TokenBucket(rate, capacity=1), every=1.001 / rate, seconds=1.001 * 20) == calls

    def test_a_call_that_is_refused_costs_nothing(self):
        bucket = TokenBucket(1)
        assert bucket.take(START)
        assert not any(bucket.take(START + timedelta(milliseconds=n)) for n in range(1, 999))
        assert bucket.take(START + timedelta(seconds=1))

    def test_a_pause_earns_its_capacity_at_the_most(self):
        bucket = TokenBucket(3)
        bucket.take(START)
        later = START + timedelta(hours=1)
        assert sum(bucket.take(later) for _ in range(10)) == 3

    def test_a_slow_bucket_lets_a_single_call_through(self):
        assert TokenBucket(0.1).take(START)


class TestQuotas:
    def test_each_operation_has_a_bucket_of_its_own(self):
        quotas = Quotas({"PutMetricAlarm": 3, "SetAlarmState": 3})
        assert sum(quotas.admit("PutMetricAlarm", START) for _ in range(9)) == 3
        assert quotas.admit("SetAlarmState", START)
        assert (quotas.admitted.count("PutMetricAlarm"), quotas.throttled["PutMetricAlarm"]) == (3, 6)

    def test_an_operation_without_a_quota_is_never_refused(self):
        quotas = Quotas({})
        assert all(quotas.admit("PutItem", START) for _ in range(1000))

    def test_it_remembers_when_it_let_an_operation_through_last(self):
        quotas = Quotas({"SetAlarmState": 1})
        quotas.admit("SetAlarmState", START)
        quotas.admit("SetAlarmState", START + timedelta(milliseconds=1))
        assert quotas.last_admitted == {"SetAlarmState": START}

    def test_the_scarcest_operation_says_how_long_calls_take_at_the_least(self):
        calls = {"PutMetricAlarm": 2000, "DescribeAlarms": 1000, "PutItem": 10**6}
        assert Quotas(CALLS_PER_SECOND).least_seconds(calls) == pytest.approx(2000 / 3)
