"""The clock of a simulation."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from simulator.aws.clock import VirtualClock

START = datetime(2026, 11, 21, 19, 20, tzinfo=UTC)


def test_all_of_python_sees_the_virtual_time_and_then_the_real_one_again():
    real = datetime.now(UTC)
    with VirtualClock(START.replace(year=1999)):
        assert datetime.now(UTC) == START.replace(year=1999)
        assert time.time() == START.replace(year=1999).timestamp()
    assert timedelta(0) <= datetime.now(UTC) - real < timedelta(minutes=1)


def test_time_stands_still_until_it_is_moved():
    with VirtualClock(START) as clock:
        assert clock.now() == datetime.now(UTC) == START
        clock.advance(timedelta(minutes=1))
        assert clock.now() == datetime.now(UTC) == START + timedelta(minutes=1)
        clock.travel_to(START - timedelta(days=30))
        assert clock.now() == datetime.now(UTC) == START - timedelta(days=30)


def test_the_clock_can_be_moved_before_it_is_entered_and_keeps_its_time_after():
    clock = VirtualClock(START)
    clock.advance(timedelta(hours=1))
    with clock:
        assert datetime.now(UTC) == START + timedelta(hours=1)
        clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=2)


def test_it_speaks_utc_whatever_it_is_given():
    clock = VirtualClock(START.astimezone(timezone(timedelta(hours=2))))
    assert clock.now() == START
    assert clock.now().tzinfo is UTC


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        VirtualClock(START.replace(tzinfo=None))
