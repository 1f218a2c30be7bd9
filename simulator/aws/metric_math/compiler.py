"""From trees to series: ids are resolved, functions looked up, scalars folded."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from simulator.aws.metric_math.operands import (
    OPERATORS,
    Operand,
    Series,
    apply,
    choose,
    combine,
    each_of,
    filled,
    missing,
    series_of,
    transform,
)
from simulator.aws.metric_math.syntax import (
    Array,
    Call,
    MathError,
    Negation,
    Node,
    Number,
    Operation,
    Reference,
    Text,
    UnsupportedExpressionError,
    parse,
)


def compile_expressions(expressions: Mapping[str, str], periods: Mapping[str, int]) -> dict[str, Operand]:
    """Turn every expression of one request or alarm into what it yields.

    Args:
        expressions: the expressions' texts by id. They may refer to each other in any order.
        periods: the period in seconds of each metric, by its id. Its keys are all the metrics there are.

    Raises:
        UnsupportedExpressionError: an expression is invalid or not modelled, names an unknown id, or refers to itself.
    """
    compiler = _Compiler(expressions, periods)
    return {id_: compiler.resolve(id_) for id_ in expressions}


def evaluate(
    expressions: Mapping[str, str],
    metrics: Mapping[str, Mapping[int, float]],
    moments: Iterable[int],
    period: int = 60,
) -> dict[str, dict[int, float]]:
    """Evaluate expressions over a window.

    Args:
        expressions: the expressions' texts by id.
        metrics: the metrics by id, each as {moment: value}; a missing datapoint is an absent key.
        moments: the start of each datapoint of the window, in epoch seconds.
        period: the metrics' period in seconds.

    Returns:
        For each expression that yields a series, its datapoints: {moment: value}. Expressions that yield a scalar or an
        array are helpers of others and have no entry.

    Raises:
        UnsupportedExpressionError: as compile_expressions.
    """
    compiled = compile_expressions(expressions, dict.fromkeys(metrics, period))
    window = [(moment, {id_: series.get(moment) for id_, series in metrics.items()}) for moment in moments]
    return {
        id_: {moment: value for moment, values in window if (value := series(values)) is not None}
        for id_, series in compiled.items()
        if callable(series)
    }


class _Compiler:
    """Resolves ids and turns parsed expressions into operands. Scalars fold away here, once."""

    def __init__(self, expressions: Mapping[str, str], periods: Mapping[str, int]) -> None:
        self._expressions = expressions
        self._periods = periods
        self._resolved: dict[str, Operand] = {id_: operator.itemgetter(id_) for id_ in periods}
        self._resolving: set[str] = set()
        self._functions: dict[str, Callable[[tuple[Node, ...]], Operand]] = {
            "ABS": partial(self._each, abs),
            "CEIL": partial(self._each, math.ceil),
            "FLOOR": partial(self._each, math.floor),
            "SUM": partial(self._reduce, sum),
            "AVG": self._average,
            "MAX": partial(self._reduce, max),
            "MIN": partial(self._reduce, min),
            "METRIC_COUNT": self._metric_count,
            "METRICS": self._metrics,
            "PERIOD": self._period,
            "FILL": self._fill,
            "IF": self._if,
            "TIME_SERIES": self._time_series,
        }

    def resolve(self, id_: str) -> Operand:
        if id_ not in self._resolved:
            if id_ not in self._expressions:
                raise MathError(f"{id_!r} is neither a metric nor an expression")
            text = self._expressions[id_]
            if id_ in self._resolving:
                raise UnsupportedExpressionError(text, f"{id_!r} refers to itself")
            self._resolving.add(id_)
            try:
                self._resolved[id_] = self._operand(parse(text).root)
            except MathError as error:
                raise UnsupportedExpressionError(text, str(error)) from None
        return self._resolved[id_]

    def _operand(self, node: Node) -> Operand:
        match node:
            case Number(value):
                return value
            case Reference(id_):
                return self.resolve(id_)
            case Negation(operand):
                return apply(operator.mul, -1.0, self._operand(operand))
            case Operation(symbol, left, right):
                return apply(OPERATORS[symbol], self._operand(left), self._operand(right))
            case Array(items):
                return [series for item in items for series in self._array(item, accept_series=True)]
            case Call(function, arguments):
                if function not in self._functions:
                    raise MathError(f"the function {function} is not modelled")
                return self._functions[function](arguments)
            case Text():
                raise MathError("a string can only be the argument of METRICS")

    def _array(self, node: Node, *, accept_series: bool = False) -> list[Series]:
        operand = self._operand(node)
        if isinstance(operand, list):
            return operand
        if accept_series and callable(operand):
            return [operand]
        raise MathError("only an array of series is modelled here")

    def _only(self, arguments: tuple[Node, ...]) -> Node:
        if len(arguments) != 1:
            raise MathError("one argument is expected")
        return arguments[0]

    def _each(self, function: Callable[[float], float], arguments: tuple[Node, ...]) -> Operand:
        operand = self._operand(self._only(arguments))
        if isinstance(operand, float):
            raise MathError("the function takes a series or an array, not a scalar")
        return each_of(partial(transform, function), operand)

    def _reduce(self, function: Callable[[Iterable[float]], float], arguments: tuple[Node, ...]) -> Series:
        return partial(combine, function, self._array(self._only(arguments)))

    def _average(self, arguments: tuple[Node, ...]) -> Series:
        array = self._array(self._only(arguments))
        return partial(combine, lambda values: sum(values) / len(array), array)

    def _metric_count(self, arguments: tuple[Node, ...]) -> float:
        return float(len(self._array(self._only(arguments))))

    def _metrics(self, arguments: tuple[Node, ...]) -> list[Series]:
        match arguments:
            case ():
                part = ""
            case (Text(part),):
                pass
            case _:
                raise MathError("METRICS takes nothing or one string")
        return [operator.itemgetter(id_) for id_ in self._periods if part in id_]

    def _period(self, arguments: tuple[Node, ...]) -> float:
        match self._only(arguments):
            case Reference(id_) if id_ in self._periods:
                return float(self._periods[id_])
            case _:
                raise MathError("PERIOD takes the id of a metric")

    def _time_series(self, arguments: tuple[Node, ...]) -> Series:
        scalar = self._operand(self._only(arguments))
        if not isinstance(scalar, float):
            raise MathError("TIME_SERIES takes a scalar")
        return lambda _: scalar

    def _fill(self, arguments: tuple[Node, ...]) -> Operand:
        match arguments:
            case (incomplete, filler):
                operand, value = self._operand(incomplete), self._operand(filler)
            case _:
                raise MathError("FILL takes two arguments")
        if isinstance(operand, float) or isinstance(value, list):
            raise MathError("FILL takes a series or an array, and a scalar or a series to fill it with")
        return each_of(lambda series: filled(series, value), operand)

    def _if(self, arguments: tuple[Node, ...]) -> Series:
        if len(arguments) not in (2, 3):
            raise MathError("IF takes two or three arguments")
        condition, true, *rest = (self._operand(argument) for argument in arguments)
        false = rest[0] if rest else missing
        if isinstance(condition, float):
            if not (callable(true) and callable(false)):
                raise MathError("IF of a scalar takes series only")
            return true if condition else false
        # A true condition without a value in the second argument gives 0; a false one without one drops the datapoint.
        return partial(choose, series_of(condition), series_of(true), series_of(false))
