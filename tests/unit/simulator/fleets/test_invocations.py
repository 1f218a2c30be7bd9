"""Lambda's rules for asynchronous invocations, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from simulator.aws.clock import VirtualClock
from simulator.fleets.invocations import MAX_AGE, Invocations
from simulator.fleets.side_by_side import SideBySide

START = datetime(2026, 1, 5, tzinfo=UTC)


class Function:
    """A function whose invocations take `seconds`, and fail while `fails` is true. `began` has their start times."""

    def __init__(self, timeline: SideBySide, **options) -> None:
        self.seconds = 0.0
        self.fails = False
        self.began: list[float] = []
        self.environments = 0
        self.left: list[int] = []
        self.timeline = timeline
        self.invocations = Invocations(timeline, self._environment, **options)

    def _environment(self):
        self.environments += 1

        def handle(event, context):
            self.began.append(self.now)
            self.left.append(context.get_remaining_time_in_millis())
            self.invocations.sleep(timedelta(seconds=self.seconds))
            if self.fails:
                raise RuntimeError(event)
            return event

        return handle

    @property
    def now(self) -> float:
        return (self.timeline.clock.now() - START).total_seconds()

    def send(self, *events: str) -> None:
        for event in events:
            self.invocations.invoke_later({"name": event})

    def run(self, **time_span: float) -> None:
        self.timeline.run_until(self.timeline.clock.now() + timedelta(**time_span))


@pytest.fixture
def timeline() -> Iterator[SideBySide]:
    with VirtualClock(START) as clock, SideBySide(clock) as timeline:
        yield timeline


class TestInvocations:
    def test_invocations_run_side_by_side(self, timeline):
        function = Function(timeline)
        function.seconds = 10
        function.send("a", "b", "c")
        function.run(seconds=11)
        assert function.began == [0, 0, 0]
        assert function.invocations.all_done
        assert function.invocations.most_at_once == function.environments == 3
        assert [answer["name"] for answer in function.invocations.answers] == ["a", "b", "c"]

    def test_an_environment_is_used_again(self, timeline):
        function = Function(timeline)
        for _ in range(5):
            function.send("a")
            function.run(seconds=1)
        assert (function.environments, function.invocations.started) == (1, 5)

    def test_an_error_is_tried_again_after_one_minute_and_after_two_more_and_then_given_up(self, timeline):
        function = Function(timeline)
        function.fails = True
        function.send("a")
        function.run(hours=1)
        assert function.began == [0, 60, 180]
        assert [event.payload["name"] for event in function.invocations.dead_letters] == ["a"]
        assert function.invocations.errors == {"RuntimeError": 3}

    def test_a_retry_that_succeeds_ends_it(self, timeline):
        function = Function(timeline)
        function.fails = True
        function.send("a")
        function.run(seconds=30)
        function.fails = False
        function.run(hours=1)
        assert function.began == [0, 60]
        assert function.invocations.dead_letters == []

    def test_beyond_the_concurrency_an_event_waits_longer_and_longer(self, timeline):
        function = Function(timeline, concurrency=1)
        function.seconds = 40
        function.send("a", "b")
        function.run(minutes=5)
        assert function.began == [0, 63], "after 1, 2, 4, 8, 16 and 32 seconds"
        assert function.invocations.most_at_once == 1
        assert function.invocations.throttles == 6

    def test_an_event_that_never_gets_its_turn_is_given_up_after_six_hours(self, timeline):
        function = Function(timeline, concurrency=1, timeout=timedelta(days=1))
        function.seconds = 8 * 3600
        function.send("a", "b")
        function.run(hours=9)
        assert [event.payload["name"] for event in function.invocations.dead_letters] == ["b"]
        assert timedelta(hours=6) == MAX_AGE

    def test_an_invocation_ends_at_the_timeout_and_its_environment_with_it(self, timeline):
        function = Function(timeline, timeout=timedelta(seconds=5))
        function.seconds = 60
        function.send("a")
        function.run(seconds=30)
        assert function.invocations.timeouts == 1
        function.seconds = 0
        function.run(minutes=5)
        assert function.environments == 2
        assert function.invocations.answers == [{"name": "a"}]
        assert function.left == [5000, 5000]


class TestSideBySide:
    def test_an_hour_of_waiting_takes_no_time(self, timeline):
        woken = []

        def piece():
            timeline.sleep(timedelta(hours=1))
            woken.append(timeline.clock.now())

        timeline.begin(piece)
        timeline.run_until(START + timedelta(hours=2))
        assert woken == [START + timedelta(hours=1)]
        assert timeline.clock.now() == START + timedelta(hours=2)

    def test_what_is_due_at_the_same_moment_happens_in_the_order_in_which_it_was_asked_for(self, timeline):
        order = []
        for name in "abc":
            timeline.after(timedelta(seconds=1), lambda name=name: order.append(name))
        timeline.run_until(START + timedelta(seconds=1))
        assert order == ["a", "b", "c"]

    def test_a_failure_of_a_piece_is_not_lost(self, timeline):
        def piece():
            timeline.sleep(timedelta(seconds=1))
            raise LookupError("here")

        timeline.begin(piece)
        with pytest.raises(LookupError, match="here"):
            timeline.run_until(START + timedelta(seconds=2))

    def test_what_still_sleeps_in_the_end_is_ended(self):
        ended = []

        def piece():
            try:
                timeline.sleep(timedelta(hours=1))
            finally:
                ended.append(True)

        with VirtualClock(START) as clock, SideBySide(clock) as timeline:
            timeline.begin(piece)
        assert ended == [True]
