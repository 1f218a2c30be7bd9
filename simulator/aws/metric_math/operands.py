"""What expressions yield, and what is done with it at one moment."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from simulator.aws.metric_math.syntax import MathError

Value: TypeAlias = float | None
"""A datapoint's value; None where it is missing."""

Moment: TypeAlias = Mapping[str, Value]
"""The value of every metric, by its id, at one moment."""

Series: TypeAlias = Callable[[Moment], Value]
"""A series: its value at a moment, computed from the metrics' values at that moment."""

Operand: TypeAlias = float | Series | list[Series]
"""What an expression yields: a scalar, a series or an array of series."""

Operator: TypeAlias = Callable[[float, float], Value]


def missing(_: Moment) -> Value:
    """The series that never has a value."""
    return None


def series_of(operand: Operand) -> Series:
    """Return a series as it is, and a scalar as the series that always has that value."""
    if isinstance(operand, list):
        raise MathError("an array cannot be used here")
    return operand if callable(operand) else lambda _: operand


def each_of(function: Callable[[Series], Series], operand: Series | list[Series]) -> Operand:
    """Apply a function to a series, or to each of an array."""
    return [function(series) for series in operand] if isinstance(operand, list) else function(operand)


def transform(function: Callable[[float], float], series: Series) -> Series:
    """Apply a function to each value of a series."""

    def at(moment: Moment) -> Value:
        value = series(moment)
        return None if value is None else float(function(value))

    return at


def combine(function: Callable[[Iterable[float]], float], array: list[Series], moment: Moment) -> Value:
    """Reduce the values that the series of an array have at a moment."""
    values = [value for series in array if (value := series(moment)) is not None]
    return function(values) if values else None


def choose(condition: Series, true: Series, false: Series, moment: Moment) -> Value:
    """What IF yields at a moment."""
    value = condition(moment)
    if value is None:
        return None
    return (true(moment) or 0.0) if value else false(moment)


def filled(series: Series, filler: float | Series) -> Series:
    """Put the filler's value where the series has none."""
    fill = series_of(filler)

    def at(moment: Moment) -> Value:
        value = series(moment)
        return fill(moment) if value is None else value

    return at


def apply(operation: Operator, left: Operand, right: Operand) -> Operand:
    """Combine two operands; the shape of the result is that of the larger one."""
    if isinstance(left, list) and isinstance(right, list):
        raise MathError("an operation between two arrays")
    if isinstance(left, list):
        return [_apply_to_series(operation, series, right) for series in left]
    if isinstance(right, list):
        return [_apply_to_series(operation, left, series) for series in right]
    if isinstance(left, float) and isinstance(right, float):
        result = operation(left, right)
        if result is None:
            raise MathError("a scalar without a value")
        return result
    return _apply_to_series(operation, left, right)


def _apply_to_series(operation: Operator, left: Operand, right: Operand) -> Series:
    if isinstance(right, float):
        series, scalar = series_of(left), right

        def with_scalar(moment: Moment) -> Value:
            value = series(moment)
            return None if value is None else operation(value, scalar)

        return with_scalar
    if isinstance(left, float):
        scalar = left
        return _apply_to_series(lambda value, _: operation(scalar, value), right, 0.0)
    first, second = series_of(left), series_of(right)

    def between_series(moment: Moment) -> Value:
        one, other = first(moment), second(moment)
        if one is None and other is None:
            return None
        return operation(one or 0.0, other or 0.0)

    return between_series


def _divide(one: float, other: float) -> Value:
    return one / other if other else None


def _power(one: float, other: float) -> Value:
    try:
        return math.pow(one, other)
    except (ValueError, OverflowError):
        return None


OPERATORS: dict[str, Operator] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": _power,
    "==": lambda one, other: float(one == other),
    "!=": lambda one, other: float(one != other),
    "<=": lambda one, other: float(one <= other),
    ">=": lambda one, other: float(one >= other),
    "<": lambda one, other: float(one < other),
    ">": lambda one, other: float(one > other),
    "&&": lambda one, other: float(bool(one) and bool(other)),
    "||": lambda one, other: float(bool(one) or bool(other)),
}
