"""Metric math, compared with the tables and sentences of the CloudWatch User Guide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.aws.metric_math import UnsupportedExpressionError, compile_expressions, evaluate, parse


def result(expression, *, period=60, **metrics):
    """Evaluate one expression. None is a missing datapoint, in the arguments and in the result."""
    length = max((len(values) for values in metrics.values()), default=1)
    series = {
        id_: {moment: value for moment, value in enumerate(values) if value is not None}
        for id_, values in metrics.items()
    }
    points = evaluate({"result": expression}, series, range(length), period)["result"]
    return [points.get(moment) for moment in range(length)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("metric1 < metric2", [0, 0, 1, 0]), ("metric1 >= 30", [1, 0, 0, 0]), ("metric1>15 AND metric2>15", [1, 0, 0, 0])],
)
def test_comparisons_give_what_the_guides_table_of_operators_gives(expression, expected):
    assert result(expression, metric1=[30, 20, 0, 0], metric2=[20, None, 20, None]) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1, metric2, metric3)", [30, 0, 20, None, None]),
        ("IF(metric1, 5, metric3)", [5, 5, 20, None, None]),
        ("IF(metric1, metric2, 5)", [30, 0, 5, 5, None]),
        ("IF(metric1, metric2)", [30, 0, None, None, None]),
        ("IF(metric1 == 1, 7, 8)", [7, 7, 8, 8, None]),
        ("IF(1, metric2, metric3)", [30, None, 0, 0, 30]),
        ("IF(0, metric2, metric3)", [0, 0, 20, None, 20]),
        ("IF(0, metric2)", [None] * 5),
    ],
)
def test_if_gives_what_the_guides_tables_give(expression, expected):
    metrics = {"metric1": [1, 1, 0, 0, None], "metric2": [30, None, 0, 0, 30], "metric3": [0, 0, 20, None, 20]}
    assert result(expression, **metrics) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("m1 + m2", [3, 1, 2, None]), ("m1 - m2", [-1, 1, -2, None]), ("m1 * m2", [2, 0, 0, None])],
)
def test_arithmetic_treats_a_missing_value_as_zero_where_the_other_series_has_one(expression, expected):
    assert result(expression, m1=[1, 1, None, None], m2=[2, None, 2, None]) == expected


def test_a_scalar_does_not_bring_a_missing_value_into_being():
    assert result("m1 + 5", m1=[1, None]) == [6, None]
    assert result("5 - m1", m1=[1, None]) == [4, None]


def test_a_division_by_zero_drops_the_datapoint():
    assert result("m1 / m2", m1=[4, 4, 4, None], m2=[2, 0, None, 8]) == [2, None, None, 0]
    assert result("m1 / 0", m1=[4]) == [None]
    assert result("1 / m1", m1=[4, 0]) == [0.25, None]


def test_a_power_without_a_real_value_drops_the_datapoint():
    assert result("m1 ^ 0.5", m1=[4, -4]) == [2, None]
    assert result("m1 ^ -1", m1=[4, 0]) == [0.25, None]


def test_operators_bind_as_in_arithmetic():
    assert result("TIME_SERIES(2 + 3 * 4 ^ 2 / 8 - 1)") == [7]
    assert result("TIME_SERIES(2 ^ 3 ^ 2)") == [512]
    assert result("TIME_SERIES(-2 ^ 2)") == [-4]
    assert result("TIME_SERIES((2 + 3) * -4)") == [-20]
    assert result("TIME_SERIES(8 - 4 - 2)") == [2]
    assert result("TIME_SERIES(10 - 2 * 3)") == [4]
    assert result("TIME_SERIES(1 == 2 - 1)") == [1]
    assert result("TIME_SERIES(1 OR 0 AND 0)") == [1]
    assert result("TIME_SERIES(0 AND 0 OR 1 == 2 - 1)") == [1]
    assert result("TIME_SERIES(0 && 0 || 1)") == [1]


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [("==", [0, 1, 0]), ("!=", [1, 0, 1]), ("<", [1, 0, 0]), ("<=", [1, 1, 0]), (">", [0, 0, 1]), (">=", [0, 1, 1])],
)
def test_each_comparison_is_the_one_it_says(symbol, expected):
    assert result(f"m1 {symbol} m2", m1=[1, 2, 3], m2=[2, 2, 2]) == expected
    assert result(f"m1 {symbol} 2", m1=[1, 2, 3]) == expected


def test_logical_operators_work_between_series_and_inside_functions():
    assert result("IF(m1 OR m2, 5, 6)", m1=[0, 1, None, None], m2=[0, 0, 1, None]) == [6, 5, 5, None]
    assert result("m1 && m2", m1=[1, 1, None], m2=[0, 1, 1]) == [0, 1, 0]


def test_a_comparison_of_scalars_is_a_scalar_zero_or_one():
    assert compile_expressions({"at_minimum": "4 <= 4", "above": "5 <= 4"}, {}) == {"at_minimum": 1, "above": 0}


def test_scalars_are_folded_before_any_data_is_seen():
    assert compile_expressions({"capacity": "60 * 1048576 * shards", "shards": "3"}, {})["capacity"] == 188743680


def test_expressions_may_refer_to_each_other_in_any_order():
    points = evaluate({"usage": "bytes / capacity", "capacity": "shards * 10", "shards": "2"}, {"bytes": {0: 5}}, [0])
    assert points == {"usage": {0: 0.25}}


def test_max_of_an_array_is_the_largest_of_the_series_that_have_a_value():
    assert result("MAX([m1, m2])", m1=[1, None, -3, None], m2=[2, 4, None, None]) == [2, 4, -3, None]


def test_min_sum_and_avg_of_an_array():
    metrics = {"m1": [1, None, None], "m2": [3, 4, None]}
    assert result("MIN([m1, m2])", **metrics) == [1, 4, None]
    assert result("SUM([m1, m2])", **metrics) == [4, 4, None]
    assert result("AVG([m1, m2])", **metrics) == [2, 2, None]  # the guide: "missing values are treated as 0"


def test_fill_replaces_every_missing_value_the_most_recent_one_too():
    assert result("FILL(m1, 0)", m1=[7, None, 7, None]) == [7, 0, 7, 0]
    assert result("FILL(m1, m2)", m1=[7, None, None], m2=[1, 2, None]) == [7, 2, None]
    assert result("SUM(FILL(METRICS(), 1))", m1=[7, None], m2=[None, None]) == [8, 2]


def test_time_series_makes_a_series_without_gaps_of_a_scalar():
    assert result("TIME_SERIES(5) + m1", m1=[1, None]) == [6, 5]


def test_abs_ceil_and_floor_work_on_each_datapoint():
    assert result("ABS(m1)", m1=[-1.5, None]) == [1.5, None]
    assert result("CEIL(m1)", m1=[1.2]) == [2]
    assert result("SUM(FLOOR([m1, -m1]))", m1=[1.2]) == [-1]


def test_metrics_is_every_metric_or_those_with_a_string_in_their_id():
    metrics = {"errors4xx": [1], "errors5xx": [2], "requests": [10]}
    assert result("SUM(METRICS())", **metrics) == [13]
    assert result("SUM(METRICS('errors')) / requests", **metrics) == [0.3]
    assert result('SUM([METRICS("4xx"), METRICS("5xx")])', **metrics) == [3]
    assert result("requests / METRIC_COUNT(METRICS())", **metrics) == [10 / 3]


def test_an_array_against_a_scalar_or_a_series_is_an_array():
    assert result("SUM(100 / [m1, m2])", m1=[4], m2=[5]) == [45]
    assert result("AVG([m1, m2] / m3)", m1=[4], m2=[8], m3=[2]) == [3]


def test_period_is_the_metrics_period_in_seconds():
    assert result("m1 / PERIOD(m1)", m1=[600], period=300) == [2]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "m1 +",
        "(m1",
        "m1 m1",
        "1e6 * m1",
        "m1 % 2",
        "m1 < m1 < m1",
        "RATE(m1)",
        "SEARCH('x', 'Sum')",
        "ANOMALY_DETECTION_BAND(m1)",
        "FILL(m1, REPEAT)",
        "FILL(m1, LINEAR)",
        "FILL(m1)",
        "FILL(1, 2)",
        "MAX(m1)",
        "MAX([m1, 1])",
        "max([m1])",
        "ABS(1)",
        "TIME_SERIES(m1)",
        "PERIOD(1)",
        "METRICS(1)",
        "METRICS('m', 'n')",
        "'m1'",
        "IF(m1)",
        "IF(1, 2, 3)",
        "IF(1, 2, m1)",
        "IF(m1, [m1], 0)",
        "IF([m1], m1, 0)",
        "IF(1, [m1])",
        "[m1] + [m1]",
        "unknown + 1",
        "1 / 0",
        "result + 1",
    ],
)
def test_an_expression_that_is_not_understood_is_an_error_that_names_it(expression):
    with pytest.raises(UnsupportedExpressionError) as raised:
        result(expression, m1=[1])
    assert repr(expression) in str(raised.value)
    assert raised.value.expression == expression


def test_parsing_the_same_text_again_costs_nothing():
    assert parse("m1 + 1") is parse("m1 + 1")


amounts = st.floats(0, 1e12)


@given(sent=amounts, records=amounts, shards=st.integers(1, 10_000), period=st.sampled_from([60, 300]))
def test_usage_is_the_larger_share_of_the_two_write_limits(sent, records, shards, period):
    expressions = {
        "shardCount": str(shards),
        "bytesUsage": f"incomingBytes / ({period} * 1048576 * shardCount)",
        "recordsUsage": f"incomingRecords / ({period} * 1000 * shardCount)",
        "usage": "MAX([bytesUsage, recordsUsage])",
    }
    metrics = {"incomingBytes": {0: sent}, "incomingRecords": {0: records}}
    expected = max(sent / (period * 1048576 * shards), records / (period * 1000 * shards))
    assert evaluate(expressions, metrics, [0], period)["usage"] == {0: pytest.approx(expected)}


@given(number=st.floats(-1e9, 1e9, allow_nan=False), other=st.floats(-1e9, 1e9, allow_nan=False))
def test_literals_and_metrics_compute_alike(number, other):
    for symbol in ("+", "-", "*", ">", "<=", "=="):
        of_literals = result(f"TIME_SERIES(({number:.6f}) {symbol} ({other:.6f}))")
        of_metrics = result(f"a {symbol} b", a=[float(f"{number:.6f}")], b=[float(f"{other:.6f}")])
        assert of_literals == pytest.approx(of_metrics)
