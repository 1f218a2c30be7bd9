"""Alarm evaluation, compared with the tables and sentences of the CloudWatch User Guide and on published alarms."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.aws.cloudwatch import AlarmEvaluator, InvalidAlarmError
from simulator.aws.metric_data import MetricProgram
from simulator.aws.metric_math import UnsupportedExpressionError
from simulator.aws.metrics import MetricStore, UnsupportedRequestError
from tests.faults.effort import effort

ALARMS = Path(__file__).parents[3] / "fixtures" / "alarms"
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MEBIBYTE = 1024**2


@dataclass
class StoppedClock:
    """A clock that shows the time that is set. Alarms need nothing else."""

    at: datetime = START

    def now(self):
        return self.at


class World:
    """Metrics, a clock and one alarm whose state follows its evaluations, from START."""

    def __init__(self, alarm=None, **options):
        self.store = MetricStore(delay_seconds=0)
        self.clock = StoppedClock()
        self.evaluator = AlarmEvaluator(self.store, self.clock, **options)
        self.alarm = alarm

    def minute(self, **values):
        """Simulate a minute with the given metrics of the alarm's stream, and evaluate."""
        for name, value in values.items():
            stream = {"StreamName": stream_of(self.alarm)}
            self.store.put("AWS/Kinesis", name.replace("_", "."), stream, self.clock.at, sum=value)
        self.clock.at += timedelta(minutes=1)
        return self.evaluate()

    def evaluate(self):
        change = self.evaluator.evaluate(self.alarm)
        if change is not None:
            self.alarm["StateValue"] = change.new_state
        return change


def recorded(name, **changes):
    return json.loads((ALARMS / f"{name}.json").read_text()) | changes


def stream_of(alarm):
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            return query["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
    raise AssertionError


def alarm_on_one_metric(**changes):
    return {
        "AlarmName": "on-one-metric",
        "StateValue": "INSUFFICIENT_DATA",
        "ActionsEnabled": True,
        "OKActions": ["arn:ok"],
        "AlarmActions": ["arn:alarm"],
        "InsufficientDataActions": ["arn:insufficient-data"],
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
    } | changes


def evaluated(points, **alarm):
    """Evaluate datapoints in the guide's notation, newest on the right: 0 is fine, X breaches, - is missing."""
    world = World(alarm_on_one_metric(**alarm))
    period = timedelta(seconds=world.alarm["Period"])
    for age, point in enumerate(reversed(points.replace(" ", "")), 1):
        if point != "-":
            world.store.put("N", "M", {}, START - age * period, sum=float(point == "X"))
    return world.evaluate()


def state_after(points, **alarm):
    old_state = alarm.setdefault("StateValue", "INSUFFICIENT_DATA")
    change = evaluated(points, **alarm)
    return old_state if change is None else change.new_state


TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
OK, ALARM, INSUFFICIENT, RETAINED = "OK", "ALARM", "INSUFFICIENT_DATA", "retained"


@pytest.mark.parametrize(
    ("needed", "points", "expected"),
    [
        (3, "0 - X - X", (OK, OK, OK, OK)),
        (3, "0 - - - -", (OK, OK, OK, OK)),
        (3, "- - - - -", (INSUFFICIENT, RETAINED, ALARM, OK)),
        (3, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "- - X - -", (ALARM, RETAINED, ALARM, OK)),
        (2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 - X - -", (OK, OK, ALARM, OK)),
        (2, "- - - - 0", (OK, OK, ALARM, OK)),
        (2, "- - - X -", (ALARM, RETAINED, ALARM, OK)),
        (2, "- - - X X", (ALARM, ALARM, ALARM, ALARM)),
        # Not in the guide's tables. The guide says of the last two that they are not an ALARM yet. Its earlier tables
        # say of the first of them that it is INSUFFICIENT_DATA or retained.
        (3, "- - - - X", (INSUFFICIENT, RETAINED, ALARM, OK)),
        (3, "- - - X -", (INSUFFICIENT, RETAINED, ALARM, OK)),
    ],
)
@pytest.mark.parametrize("period", [60, 300])
@pytest.mark.parametrize("old_state", [OK, ALARM, INSUFFICIENT])
def test_missing_data_is_treated_as_the_guides_tables_show(needed, points, expected, period, old_state):
    states = tuple(
        state_after(points, DatapointsToAlarm=needed, Period=period, TreatMissingData=treatment, StateValue=old_state)
        for treatment in TREATMENTS
    )
    assert states == tuple(old_state if state == RETAINED else state for state in expected)


def test_only_the_most_recent_evaluation_periods_count():
    assert state_after("X X X X 0 0 0") == OK
    assert state_after("0 0 0 0 X X X") == ALARM


def test_breaching_datapoints_need_not_be_consecutive():
    assert state_after("X 0 X 0 X", EvaluationPeriods=5, DatapointsToAlarm=3) == ALARM
    assert state_after("X 0 0 0 X", EvaluationPeriods=5, DatapointsToAlarm=3) == OK


def test_without_datapoints_to_alarm_all_evaluation_periods_must_breach():
    for absent in ({"DatapointsToAlarm": None}, {}):
        alarm = alarm_on_one_metric() | absent
        if not absent:
            del alarm["DatapointsToAlarm"]
        assert state_after("0 X X", **alarm) == OK


def test_without_treat_missing_data_missing_is_missing():
    assert state_after("- - -", TreatMissingData=None, StateValue=OK) == INSUFFICIENT


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        ("GreaterThanOrEqualToThreshold", OK, ALARM, ALARM),
        ("GreaterThanThreshold", OK, OK, ALARM),
        ("LessThanThreshold", ALARM, OK, OK),
        ("LessThanOrEqualToThreshold", ALARM, ALARM, OK),
    ],
)
def test_each_comparison_operator_is_the_one_it_says(comparison, below, at, above):
    one_of_one = {"ComparisonOperator": comparison, "EvaluationPeriods": 1, "DatapointsToAlarm": 1}
    states = [state_after("X", Threshold=threshold, **one_of_one) for threshold in (2, 1, 0)]
    assert states == [below, at, above]


def test_a_new_alarm_uses_datapoints_from_before_it_existed():
    assert state_after("X X X", AlarmConfigurationUpdatedTimestamp=START) == ALARM


def test_windows_of_five_minutes_slide_by_the_minute():
    world = World(recorded("scale_down", EvaluationPeriods=2, DatapointsToAlarm=2))
    world.clock.at = START + timedelta(minutes=2)
    for _ in range(20):
        world.minute(IncomingBytes=60 * MEBIBYTE)
    newest, before, *_ = world.evaluator.datapoints(world.alarm)
    assert datetime.fromtimestamp(newest.start, UTC) == START + timedelta(minutes=17)
    assert datetime.fromtimestamp(before.start, UTC) == START + timedelta(minutes=12)
    assert (newest.value, before.value) == (0.25, 0.25)


def test_an_alarm_is_evaluated_over_every_minutes_window_not_only_at_full_periods():
    world = World(recorded("scale_up", EvaluationPeriods=1, DatapointsToAlarm=1))
    changes = [world.minute(IncomingBytes=value * 240 * MEBIBYTE) for value in (0.5, 0.8, 0.5, 0.8)]
    assert [change and change.new_state for change in changes] == [OK, ALARM, OK, ALARM]


def test_the_window_ends_at_the_newest_minute_that_the_store_can_have():
    world = World(recorded("scale_up", EvaluationPeriods=1, DatapointsToAlarm=1))
    world.store.delay_seconds = 60
    world.evaluator = AlarmEvaluator(world.store, world.clock)
    assert world.minute(IncomingBytes=240 * MEBIBYTE) is None
    change = world.minute(IncomingBytes=0)
    assert [point.start for point in world.evaluator.datapoints(world.alarm)] == [
        (START - timedelta(minutes=age)).timestamp() for age in range(3)
    ]
    assert change.new_state == ALARM
    assert "1.0 (21/11/26 12:00:00)" in change.reason


def test_a_datapoint_that_was_not_there_yet_is_looked_at_again():
    world = World(recorded("scale_up"), window_lag_seconds=0)
    world.store.delay_seconds = 60
    for _ in range(3):
        world.minute(IncomingBytes=240 * MEBIBYTE)
    assert [point.value for point in world.evaluator.datapoints(world.alarm)][:3] == [None, 1.0, 1.0]


def test_fill_sticks_when_the_most_recent_minute_never_has_data():
    """The guide: FILL replaces that datapoint, and the alarm "can get stuck"; M out of N prevents this."""

    def stuck(needed):
        alarm = recorded("scale_up", EvaluationPeriods=3, DatapointsToAlarm=needed, StateValue=OK)
        alarm["Metrics"][-1]["Expression"] = "FILL(bytesUsage, 0)"
        world = World(alarm, window_lag_seconds=0)
        world.store.delay_seconds = 60
        return [world.minute(IncomingBytes=240 * MEBIBYTE) for _ in range(10)] == [None] * 10

    assert stuck(needed=3)
    assert not stuck(needed=2)


def test_an_evaluation_returns_the_alarm_to_its_actual_state_after_set_alarm_state():
    world = World(recorded("scale_up"))
    for _ in range(5):
        world.minute(IncomingBytes=240 * MEBIBYTE)
    assert world.alarm["StateValue"] == ALARM
    world.alarm["StateValue"] = "INSUFFICIENT_DATA"
    change = world.minute(IncomingBytes=240 * MEBIBYTE)
    assert (change.old_state, change.new_state) == (INSUFFICIENT, ALARM)


def test_no_change_of_state_no_action():
    world = World(recorded("scale_up"))
    changes = [world.minute(IncomingBytes=240 * MEBIBYTE) for _ in range(10)]
    assert [change.new_state for change in changes if change] == [ALARM]


@pytest.mark.parametrize(
    ("points", "action"), [("X X X", "arn:alarm"), ("0 0 0", "arn:ok"), ("- - -", "arn:insufficient-data")]
)
def test_a_change_of_state_takes_the_actions_of_the_new_state(points, action):
    old_state = OK if points == "- - -" else INSUFFICIENT
    assert evaluated(points, StateValue=old_state).actions == (action,)


def test_disabled_actions_are_not_taken_though_the_state_changes():
    change = evaluated("X X X", ActionsEnabled=False)
    assert (change.new_state, change.actions) == (ALARM, ())


def test_rewriting_the_shard_count_reevaluates_what_was_measured_before():
    world = World(recorded("scale_up"))
    for _ in range(5):
        world.minute(IncomingBytes=240 * MEBIBYTE)
    for query in world.alarm["Metrics"]:
        if query["Id"] == "shardCount":
            query["Expression"] = "8"
    world.alarm = json.loads(json.dumps(world.alarm))
    assert world.evaluate().new_state == OK
    assert {point.value for point in world.evaluator.datapoints(world.alarm)} == {0.5, None}


def test_the_caller_may_also_rewrite_an_alarm_in_place():
    world = World(recorded("scale_up"))
    for _ in range(5):
        world.minute(IncomingBytes=240 * MEBIBYTE)
    for query in world.alarm["Metrics"]:
        if query["Id"] == "shardCount":
            query["Expression"] = "8"
    assert world.evaluate().new_state == OK


def test_a_datapoint_that_arrives_late_is_seen():
    world = World(recorded("scale_up", EvaluationPeriods=1, DatapointsToAlarm=1))
    assert world.minute() is None
    world.store.put("AWS/Kinesis", "IncomingBytes", {"StreamName": "orders"}, START, sum=240 * MEBIBYTE)
    assert world.evaluate().new_state == ALARM


# --- Published alarms ------------------------------------------------------------------------------------------------


def test_scale_up_fires_on_three_of_five_minutes_and_rests_when_traffic_falls():
    world = World(recorded("scale_up"))
    usages = (0.5, 0.8, 0.5, 0.75, 0.9, 0.1, 0.1, 0.1)
    changes = [world.minute(IncomingBytes=usage * 240 * MEBIBYTE, IncomingRecords=1) for usage in usages]
    assert [change and change.new_state for change in changes] == [OK, None, None, None, ALARM, None, OK, None]


def test_scale_up_counts_records_as_well_as_bytes():
    world = World(recorded("scale_up"))
    changes = [world.minute(IncomingBytes=1, IncomingRecords=0.8 * 4 * 60_000) for _ in range(3)]
    assert changes[-1].new_state == ALARM


def test_scale_up_takes_a_minute_with_throttled_records_as_full():
    world = World(recorded("scale_up"))
    for throttled in (0, 5, 3, 1):
        change = world.minute(IncomingBytes=1, IncomingRecords=1, WriteProvisionedThroughputExceeded=throttled)
    assert change.new_state == ALARM


def test_scale_down_needs_two_quiet_hours():
    world = World(recorded("scale_down", StateValue=OK))
    world.minute(IncomingBytes=240 * 5 * MEBIBYTE)
    changes = [world.minute(IncomingBytes=0.3 * 240 * MEBIBYTE, IncomingRecords=1) for _ in range(121)]
    assert [change.new_state for change in changes if change] == [ALARM]
    assert changes[119] is not None


def test_scale_down_of_a_stream_younger_than_the_window_is_already_an_alarm():
    """When its oldest datapoint is as old as the window, also of a single minute: the premature alarm state."""
    world = World(recorded("scale_down"))
    changes = [world.minute(IncomingBytes=1, IncomingRecords=1) for _ in range(120)]
    assert [minute for minute, change in enumerate(changes, 1) if change] == [116]


def test_scale_down_cannot_fire_at_the_minimum():
    alarm = recorded("scale_down")
    for query in alarm["Metrics"]:
        if query["Id"] == "shardCount":
            query["Expression"] = "2"
    world = World(alarm)
    assert {change.new_state for _ in range(240) if (change := world.minute(IncomingBytes=1, IncomingRecords=1))} == {
        OK
    }


def test_a_stream_without_data_has_insufficient_data():
    world = World(recorded("scale_down"))
    for _ in range(130):
        world.minute(IncomingBytes=1)
    assert world.alarm["StateValue"] == ALARM
    for _ in range(140):
        world.minute()
    assert world.alarm["StateValue"] == INSUFFICIENT


def test_the_scale_up_alarm_of_aws_samples_needs_25_minutes_of_load():
    world = World(recorded("aws_samples_scale_up"))
    changes = [world.minute(IncomingBytes=0.9 * 60 * MEBIBYTE, IncomingRecords=1) for _ in range(25)]
    assert changes[-1].new_state == ALARM
    assert "5 out of the last 5 datapoints [0.9 (21/11/26 12:20:00), 0.9 (21/11/26 12:15:00)" in changes[-1].reason
    assert not any(change.new_state == ALARM for change in changes[:-1] if change)


def test_the_scale_down_alarm_of_aws_samples_is_held_up_by_a_lagging_consumer():
    def state_with(iterator_age_minutes):
        world = World(recorded("aws_samples_scale_down"))
        for _ in range(330):
            world.minute(
                IncomingBytes=1, IncomingRecords=1, GetRecords_IteratorAgeMilliseconds=iterator_age_minutes * 60_000
            )
        return world.alarm["StateValue"]

    assert state_with(iterator_age_minutes=29) == ALARM
    assert state_with(iterator_age_minutes=30) == OK


def test_the_scale_down_alarm_of_aws_samples_takes_a_dead_consumer_for_one_without_lag():
    world = World(recorded("aws_samples_scale_down"))
    for _ in range(330):
        world.minute(IncomingBytes=1, IncomingRecords=1)
    assert world.alarm["StateValue"] == ALARM


def test_the_alarms_of_epsagon_fill_missing_data_with_zero():
    world = World(recorded("epsagon_scale_up"))
    changes = [world.minute(IncomingBytes=60 * MEBIBYTE) for _ in range(5)]
    assert changes[-2].new_state == ALARM  # four of five minutes are 80%
    for _ in range(3):
        world.minute()
    assert world.alarm["StateValue"] == OK


def test_the_scale_down_alarm_of_epsagon_needs_a_whole_day_but_takes_absent_data_for_quiet():
    world = World(recorded("epsagon_scale_down", StateValue=OK))
    world.minute(IncomingBytes=100 * 60 * MEBIBYTE)
    changes = [world.minute() for _ in range(1445)]
    assert [change.new_state for change in changes if change] == [ALARM]
    assert changes.index(next(change for change in changes if change)) == 1439


def test_an_alarm_on_a_single_metric_is_evaluated_too():
    world = World(recorded("aws_samples_fatal_errors"))
    dimensions = {"FunctionName": "kinesis-scaling"}
    world.store.put("AWS/Lambda", "FATAL_ERROR_KINESIS_SCALING", dimensions, START, sum=1)
    world.clock.at += timedelta(minutes=1)
    assert world.evaluate().new_state == ALARM


# --- The reason ------------------------------------------------------------------------------------------------------


def test_the_reason_reads_like_cloudwatchs():
    assert evaluated("0 X X 0 X", EvaluationPeriods=5).reason == (
        "Threshold Crossed: 3 out of the last 5 datapoints [1.0 (21/11/26 11:55:00), 1.0 (21/11/26 11:45:00), "
        "1.0 (21/11/26 11:40:00)] were greater than or equal to the threshold (1.0) "
        "(minimum 3 datapoints for OK -> ALARM transition)."
    )
    assert evaluated("0 X X 0 X", EvaluationPeriods=5, DatapointsToAlarm=4).reason == (
        "Threshold Crossed: 2 out of the last 5 datapoints [0.0 (21/11/26 11:50:00), 0.0 (21/11/26 11:35:00)] "
        "were not greater than or equal to the threshold (1.0) (minimum 2 datapoints for ALARM -> OK transition)."
    )


def test_the_reason_is_the_one_that_was_published():
    alarm = recorded(
        "scale_up", EvaluationPeriods=1, DatapointsToAlarm=1, Threshold=0.4, StateValue=OK, TreatMissingData="ignore"
    )
    world = World(alarm)
    world.clock.at = datetime(2020, 4, 23, 21, 16, tzinfo=UTC)
    change = world.minute(IncomingBytes=0.43262672424316406 * 240 * MEBIBYTE)
    assert change.reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [0.43262672424316406 (23/04/20 21:16:00)] was greater than "
        "or equal to the threshold (0.4) (minimum 1 datapoint for OK -> ALARM transition)."
    )


def test_many_datapoints_are_counted_and_the_most_recent_five_named():
    reason = evaluated(" ".join("X" * 12), EvaluationPeriods=12, DatapointsToAlarm=12).reason
    assert reason.startswith(
        "Threshold Crossed: 12 out of the last 12 datapoints were greater than or equal to the threshold (1.0). "
        "The most recent datapoints which crossed the threshold: [1.0 (21/11/26 11:55:00), 1.0 (21/11/26 11:50:00), "
    )
    assert reason.count("1.0 (21/11/26") == 5


@pytest.mark.parametrize(
    ("points", "treatment", "reason"),
    [
        ("- - -", "missing", "Insufficient Data: 3 datapoints were unknown."),
        (
            "- - -",
            "notBreaching",
            (
                "Threshold Crossed: no datapoints were received for 3 periods "
                "and 3 missing datapoints were treated as [NonBreaching]."
            ),
        ),
        ("- X -", "notBreaching", "Threshold Crossed: 2 missing datapoints were treated as [NonBreaching]."),
        (
            "X X -",
            "breaching",
            (
                "Threshold Crossed: 2 out of the last 3 datapoints [1.0 (21/11/26 11:50:00), 1.0 (21/11/26 11:45:00)] "
                "were greater than or equal to the threshold (1.0) and 1 missing datapoint was treated as [Breaching] "
                "(minimum 3 datapoints for OK -> ALARM transition)."
            ),
        ),
    ],
)
def test_the_reason_says_how_missing_data_was_treated(points, treatment, reason):
    old_state = ALARM if treatment == "missing" else INSUFFICIENT
    assert evaluated(points, TreatMissingData=treatment, StateValue=old_state).reason == reason


def test_the_reason_data_has_the_datapoints_oldest_first_and_each_with_its_time():
    data = json.loads(evaluated("0 0 X").reason_data)
    assert data == {
        "version": "1.0",
        "queryDate": "2026-11-21T12:00:00.000+0000",
        "startDate": "2026-11-21T11:45:00.000+0000",
        "statistic": "Maximum",
        "period": 300,
        "recentDatapoints": [0.0, 0.0, 1.0],
        "threshold": 1.0,
        "evaluatedDatapoints": [
            {"timestamp": "2026-11-21T11:55:00.000+0000", "value": 1.0},
            {"timestamp": "2026-11-21T11:50:00.000+0000", "value": 0.0},
            {"timestamp": "2026-11-21T11:45:00.000+0000", "value": 0.0},
        ],
    }


def test_reason_and_reason_data_keep_within_cloudwatchs_limits():
    change = evaluated(" ".join("X" * 288), EvaluationPeriods=288, DatapointsToAlarm=288)
    assert len(change.reason) <= 1023
    assert len(change.reason_data) <= 4000


# --- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"EvaluationPeriods": 289},
        {"Period": 3600, "EvaluationPeriods": 169},
        {"DatapointsToAlarm": 4},
        {"TreatMissingData": "sometimes"},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"Threshold": None},
        {"EvaluationWindow": {"WallClockWindow": {}}},
        {"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5}},
    ],
)
def test_an_alarm_that_is_invalid_or_not_modelled_is_an_error(changes):
    with pytest.raises(InvalidAlarmError):
        evaluated("0 0 0", **changes)


@pytest.mark.parametrize(("period", "most"), [(60, 1440), (300, 288), (3600, 168), (86_400, 7)])
def test_the_evaluation_interval_is_at_most_a_day_or_with_periods_of_an_hour_a_week(period, most):
    evaluated("0 0 0", Period=period, EvaluationPeriods=most)
    with pytest.raises(InvalidAlarmError, match="day"):
        evaluated("0 0 0", Period=period, EvaluationPeriods=most + 1)


def test_a_composite_alarm_is_an_error():
    with pytest.raises(InvalidAlarmError):
        World({"AlarmName": "composite", "AlarmRule": "ALARM(a)", "StateValue": OK}).evaluate()


@pytest.mark.parametrize("changes", [{"Unit": "Bytes"}, {"Statistic": None, "ExtendedStatistic": "p99"}])
def test_units_and_percentiles_are_an_error(changes):
    with pytest.raises(UnsupportedRequestError):
        evaluated("0 0 0", **changes)


def rewritten(**expressions):
    alarm = recorded("scale_up")
    for query in alarm["Metrics"]:
        if query["Id"] in expressions:
            query["Expression"] = expressions[query["Id"]]
    return alarm


def test_an_expression_that_is_not_understood_is_an_error():
    with pytest.raises(UnsupportedExpressionError, match="RATE"):
        World(rewritten(usage="RATE(bytesUsage)")).evaluate()


@pytest.mark.parametrize(
    ("usage", "kind"), [("shardCount", "a scalar"), ("[bytesUsage, recordsUsage]", "an array of time series")]
)
def test_the_result_must_be_a_single_time_series(usage, kind):
    with pytest.raises(InvalidAlarmError, match=f"{kind}, not a single time series"):
        World(rewritten(usage=usage)).evaluate()


def test_exactly_one_expression_returns_data():
    alarm = recorded("scale_up")
    alarm["Metrics"][0]["ReturnData"] = True
    with pytest.raises(InvalidAlarmError, match="exactly one"):
        World(alarm).evaluate()


def test_all_metrics_of_an_alarm_have_one_period():
    alarm = recorded("scale_up")
    alarm["Metrics"][0]["MetricStat"]["Period"] = 300
    with pytest.raises(InvalidAlarmError, match="period"):
        World(alarm).evaluate()


def test_an_alarm_has_at_most_ten_metrics_and_ten_expressions():
    alarm = recorded("scale_up")
    more_metrics = [alarm["Metrics"][0] | {"Id": f"metric{number}"} for number in range(8)]
    more_expressions = [{"Id": f"more{number}", "Expression": "1", "ReturnData": False} for number in range(7)]
    for more in (more_metrics, more_expressions):
        World(alarm | {"Metrics": alarm["Metrics"] + more[:-1]}).evaluate()
        with pytest.raises(InvalidAlarmError, match="at most 10"):
            World(alarm | {"Metrics": alarm["Metrics"] + more}).evaluate()


def test_an_expression_has_at_most_2048_characters():
    longest = "bytesUsage" + " " * 2038
    World(rewritten(usage=longest)).evaluate()
    with pytest.raises(InvalidAlarmError, match="2048"):
        World(rewritten(usage=longest + " ")).evaluate()


# --- Compared with a simple model ------------------------------------------------------------------------------------


def oracle(points, needed, periods, treatment, old_state):
    """Decide as the guide describes, without any optimization."""
    newest_first = points[::-1][: periods + 2]
    newest_first += ["-"] * (periods + 2 - len(newest_first))
    real = [point for point in newest_first if point != "-"]
    if len(real) >= periods:
        return ALARM if real[:periods].count("X") >= needed else OK
    if treatment in {"breaching", "notBreaching"}:
        filler = "X" if treatment == "breaching" else "0"
        filled = real + [filler] * (periods - len(real))
        return ALARM if filled.count("X") >= needed else OK
    if real.count("X") >= needed:
        return ALARM
    if "0" in real:
        return OK
    if treatment == "ignore":
        return old_state
    premature = any(point == "X" and age >= needed for age, point in enumerate(newest_first, 1))
    return ALARM if premature else INSUFFICIENT


@settings(max_examples=effort(100))
@given(
    points=st.lists(st.sampled_from("0X-"), max_size=14),
    periods=st.integers(1, 8),
    data=st.data(),
    treatment=st.sampled_from(TREATMENTS),
    old_state=st.sampled_from([OK, ALARM, INSUFFICIENT]),
)
def test_any_pattern_of_datapoints_is_evaluated_as_the_guide_tells_it(points, periods, data, treatment, old_state):
    needed = data.draw(st.integers(1, periods))
    actual = state_after(
        "".join(points),
        EvaluationPeriods=periods,
        DatapointsToAlarm=needed,
        TreatMissingData=treatment,
        StateValue=old_state,
        Period=60,
    )
    assert actual == oracle(points, needed, periods, treatment, old_state)


A_MINUTE = st.tuples(
    st.none() | st.floats(0, 2),
    st.sampled_from([0, 0, 0, 7]),
    st.sampled_from([1, 1, 1, 2, 40]),
    st.sampled_from([5, 5, 3, 12]),
)
"""Its usage, how many minutes late that arrives, how long until the next evaluation, and N of the alarm."""


@given(st.lists(A_MINUTE, min_size=1, max_size=40), st.sampled_from([60, 180]))
def test_evaluating_again_and_again_gives_what_evaluating_afresh_gives(minutes, period):
    alarm = recorded("scale_up")
    alarm["Metrics"] = json.loads(
        json.dumps(alarm["Metrics"]).replace('"Period": 60', f'"Period": {period}').replace("60 *", f"{period} *")
    )
    world = World(alarm)
    world.store.delay_seconds = 120  # the evaluator's window has newer periods, which can still change
    for usage, late, pause, periods in minutes:
        alarm["EvaluationPeriods"] = periods
        if usage is not None:
            at = world.clock.at - timedelta(minutes=late)
            world.store.put("AWS/Kinesis", "IncomingBytes", {"StreamName": "orders"}, at, sum=usage * 240 * MEBIBYTE)
        world.clock.at += timedelta(minutes=pause)
        afresh = AlarmEvaluator(world.store, world.clock, window_lag_seconds=0)
        assert world.evaluator.datapoints(alarm) == afresh.datapoints(alarm)


# --- Effort ----------------------------------------------------------------------------------------------------------


def test_a_datapoint_is_hardly_computed_twice_however_many_windows_it_is_in(monkeypatch):
    computed = []
    compute = MetricProgram.value
    monkeypatch.setattr(MetricProgram, "value", lambda *asked: computed.append(asked) or compute(*asked))
    world = World(recorded("scale_up"))
    for _ in range(120):
        world.minute(IncomingBytes=0.5 * 240 * MEBIBYTE, IncomingRecords=1000, WriteProvisionedThroughputExceeded=0)
    before = len(computed)
    for _ in range(120):
        world.minute(IncomingBytes=0.5 * 240 * MEBIBYTE, IncomingRecords=1000, WriteProvisionedThroughputExceeded=0)

    assert len(computed) - before < 2 * 120  # the cache is cleared at times, to limit its size
