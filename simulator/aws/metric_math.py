"""CloudWatch metric math: the part in which a datapoint depends on the datapoints of the same moment alone.

Source of every rule: Amazon CloudWatch User Guide, "Using metric math". An expression that this module does not
understand raises UnsupportedExpressionError, so that a simulated alarm is never a guess. That includes every function
that looks across time (RATE, DIFF, FILL with REPEAT or LINEAR, MAX of a single series, ...): its result depends on
how much data CloudWatch happens to retrieve, and the guide advises against most of them in alarms.

Values. A *scalar* is a number known once the expression is read: it stems from literals only. A *series* has a value,
or none, at each moment. An *array* is a list of series.

Missing values:

- Between two series, arithmetic, comparisons, AND and OR take a missing value as 0 where the other side has one. Where
  neither has one, or the other side is a scalar, the result is missing.
- A division by zero drops the datapoint, and so does a power without a real value.
- SUM and AVG of an array take missing values as 0. MAX and MIN look only at the series that have a value: the guide
  does not say, and for values that are never negative MAX is the same either way. Where no series of the array has a
  value, the result is missing.
- FILL replaces missing values, IF follows the guide's tables.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

Value: TypeAlias = float | None
"""A datapoint's value; None where it is missing."""

Moment: TypeAlias = Mapping[str, Value]
"""The value of every metric, by its id, at one moment."""

Series: TypeAlias = Callable[[Moment], Value]
"""A series: its value at a moment, computed from the metrics' values at that moment."""

Operand: TypeAlias = float | Series | list[Series]
"""What an expression yields: a scalar, a series or an array of series."""

Operator: TypeAlias = Callable[[float, float], Value]


class UnsupportedExpressionError(ValueError):
    """The expression is invalid, or means something that this simulator does not model."""

    def __init__(self, expression: str, reason: str) -> None:
        """Name the expression and what is wrong with it."""
        super().__init__(f"{reason}, in the metric math expression {expression!r}")
        self.expression = expression


class _MathError(Exception):
    """What is wrong with an expression, raised where its text is not at hand."""


# --- Parsing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, for instance ``1048576``."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string, the argument of METRICS."""

    value: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of a metric or of another expression."""

    id: str


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operation: arithmetic, a comparison, AND or OR."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """Series between brackets."""

    items: tuple[Node, ...]


Node: TypeAlias = Number | Text | Reference | Negation | Operation | Call | Array


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression, with the text it came from."""

    text: str
    root: Node


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>\d+(?:\.\d*)?|\.\d+)(?!\w)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<symbol>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],])
    )""",
    re.VERBOSE,
)

_SYNONYMS = {"AND": "&&", "OR": "||"}
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
_PRECEDENCE = {"||": 1, "&&": 2, **dict.fromkeys(_COMPARISONS, 3), "+": 4, "-": 4, "*": 5, "/": 5, "^": 6}


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Read an expression.

    Operators bind as usual: ``^`` (right to left), unary minus, ``* /``, ``+ -``, comparisons, AND, OR.

    Raises:
        UnsupportedExpressionError: it is not an expression, or uses syntax unknown to this module.
    """
    try:
        return Expression(text, _Parser(text).expression())
    except _MathError as error:
        raise UnsupportedExpressionError(text, str(error)) from None


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens = list(self._tokenize(text.rstrip()))
        self._position = 0

    @staticmethod
    def _tokenize(text: str) -> Iterable[tuple[str, str]]:
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise _MathError(f"unknown syntax at {text[position:]!r}")
            kind, token = match.lastgroup, match[match.lastgroup]
            if token in _SYNONYMS:
                kind, token = "symbol", _SYNONYMS[token]
            yield kind, token
            position = match.end()

    def expression(self) -> Node:
        node = self._binary(lowest=1)
        if self._position < len(self._tokens):
            raise _MathError(f"unexpected {self._peek()!r}")
        return node

    def _peek(self) -> str | None:
        """Return the next token if it is a symbol."""
        if self._position == len(self._tokens):
            return None
        kind, token = self._tokens[self._position]
        return token if kind == "symbol" else None

    def _take(self, symbol: str) -> bool:
        if self._peek() != symbol:
            return False
        self._position += 1
        return True

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            raise _MathError(f"{symbol!r} is missing")

    def _binary(self, lowest: int) -> Node:
        left = self._unary()
        while (symbol := self._peek()) is not None and _PRECEDENCE.get(symbol, 0) >= lowest:
            self._position += 1
            # Only a power groups to the right: 2 ^ 3 ^ 2 is 2 ^ (3 ^ 2).
            right = self._binary(_PRECEDENCE[symbol] + (symbol != "^"))
            if symbol in _COMPARISONS and self._peek() in _COMPARISONS:
                raise _MathError("a chain of comparisons")
            left = Operation(symbol, left, right)
        return left

    def _unary(self) -> Node:
        if self._take("-"):
            return Negation(self._binary(_PRECEDENCE["^"]))
        return self._primary()

    def _primary(self) -> Node:
        if self._take("("):
            node = self._binary(lowest=1)
            self._expect(")")
            return node
        if self._take("["):
            return Array(self._list("]"))
        if self._position == len(self._tokens):
            raise _MathError("an operand is missing")
        kind, token = self._tokens[self._position]
        self._position += 1
        if kind == "number":
            return Number(float(token))
        if kind == "text":
            return Text(token[1:-1])
        if kind == "name" and self._take("("):
            return Call(token, self._list(")"))
        if kind == "name" and token[0].islower():  # an id starts with a lower-case letter
            return Reference(token)
        raise _MathError(f"unexpected {token!r}")

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._take(end):
            return ()
        while True:
            items.append(self._binary(lowest=1))
            if self._take(end):
                return tuple(items)
            self._expect(",")


# --- Evaluation ------------------------------------------------------------------------------------------------------


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
                raise _MathError(f"{id_!r} is neither a metric nor an expression")
            text = self._expressions[id_]
            if id_ in self._resolving:
                raise UnsupportedExpressionError(text, f"{id_!r} refers to itself")
            self._resolving.add(id_)
            try:
                self._resolved[id_] = self._operand(parse(text).root)
            except _MathError as error:
                raise UnsupportedExpressionError(text, str(error)) from None
        return self._resolved[id_]

    def _operand(self, node: Node) -> Operand:
        match node:
            case Number(value):
                return value
            case Reference(id_):
                return self.resolve(id_)
            case Negation(operand):
                return _apply(operator.mul, -1.0, self._operand(operand))
            case Operation(symbol, left, right):
                return _apply(_OPERATORS[symbol], self._operand(left), self._operand(right))
            case Array(items):
                return [series for item in items for series in self._array(item, accept_series=True)]
            case Call(function, arguments):
                if function not in self._functions:
                    raise _MathError(f"the function {function} is not modelled")
                return self._functions[function](arguments)
            case Text():
                raise _MathError("a string can only be the argument of METRICS")

    def _array(self, node: Node, *, accept_series: bool = False) -> list[Series]:
        operand = self._operand(node)
        if isinstance(operand, list):
            return operand
        if accept_series and callable(operand):
            return [operand]
        raise _MathError("only an array of series is modelled here")

    def _only(self, arguments: tuple[Node, ...]) -> Node:
        if len(arguments) != 1:
            raise _MathError("one argument is expected")
        return arguments[0]

    def _each(self, function: Callable[[float], float], arguments: tuple[Node, ...]) -> Operand:
        operand = self._operand(self._only(arguments))
        if isinstance(operand, float):
            raise _MathError("the function takes a series or an array, not a scalar")
        return _map(partial(_transform, function), operand)

    def _reduce(self, function: Callable[[Iterable[float]], float], arguments: tuple[Node, ...]) -> Series:
        return partial(_combine, function, self._array(self._only(arguments)))

    def _average(self, arguments: tuple[Node, ...]) -> Series:
        array = self._array(self._only(arguments))
        return partial(_combine, lambda values: sum(values) / len(array), array)

    def _metric_count(self, arguments: tuple[Node, ...]) -> float:
        return float(len(self._array(self._only(arguments))))

    def _metrics(self, arguments: tuple[Node, ...]) -> list[Series]:
        match arguments:
            case ():
                part = ""
            case (Text(part),):
                pass
            case _:
                raise _MathError("METRICS takes nothing or one string")
        return [operator.itemgetter(id_) for id_ in self._periods if part in id_]

    def _period(self, arguments: tuple[Node, ...]) -> float:
        match self._only(arguments):
            case Reference(id_) if id_ in self._periods:
                return float(self._periods[id_])
            case _:
                raise _MathError("PERIOD takes the id of a metric")

    def _time_series(self, arguments: tuple[Node, ...]) -> Series:
        scalar = self._operand(self._only(arguments))
        if not isinstance(scalar, float):
            raise _MathError("TIME_SERIES takes a scalar")
        return lambda _: scalar

    def _fill(self, arguments: tuple[Node, ...]) -> Operand:
        match arguments:
            case (filled, filler):
                operand, value = self._operand(filled), self._operand(filler)
            case _:
                raise _MathError("FILL takes two arguments")
        if isinstance(operand, float) or isinstance(value, list):
            raise _MathError("FILL takes a series or an array, and a scalar or a series to fill it with")
        return _map(lambda series: _filled(series, value), operand)

    def _if(self, arguments: tuple[Node, ...]) -> Series:
        if len(arguments) not in (2, 3):
            raise _MathError("IF takes two or three arguments")
        condition, true, *rest = (self._operand(argument) for argument in arguments)
        false = rest[0] if rest else _missing
        if isinstance(condition, float):
            if not (callable(true) and callable(false)):
                raise _MathError("IF of a scalar takes series only")
            return true if condition else false
        # A true condition without a value in the second argument gives 0; a false one without one drops the datapoint.
        return partial(_choose, _series(condition), _series(true), _series(false))


def _missing(_: Moment) -> Value:
    return None


def _series(operand: Operand) -> Series:
    """Return a series as it is, and a scalar as the series that always has that value."""
    if isinstance(operand, list):
        raise _MathError("an array cannot be used here")
    return operand if callable(operand) else lambda _: operand


def _map(function: Callable[[Series], Series], operand: Series | list[Series]) -> Operand:
    return [function(series) for series in operand] if isinstance(operand, list) else function(operand)


def _transform(function: Callable[[float], float], series: Series) -> Series:
    def at(moment: Moment) -> Value:
        value = series(moment)
        return None if value is None else float(function(value))

    return at


def _combine(function: Callable[[Iterable[float]], float], array: list[Series], moment: Moment) -> Value:
    values = [value for series in array if (value := series(moment)) is not None]
    return function(values) if values else None


def _choose(condition: Series, true: Series, false: Series, moment: Moment) -> Value:
    value = condition(moment)
    if value is None:
        return None
    return (true(moment) or 0.0) if value else false(moment)


def _filled(series: Series, filler: float | Series) -> Series:
    fill = _series(filler)

    def at(moment: Moment) -> Value:
        value = series(moment)
        return fill(moment) if value is None else value

    return at


def _apply(operation: Operator, left: Operand, right: Operand) -> Operand:
    """Combine two operands; the shape of the result is that of the larger one."""
    if isinstance(left, list) and isinstance(right, list):
        raise _MathError("an operation between two arrays")
    if isinstance(left, list):
        return [_apply_to_series(operation, series, right) for series in left]
    if isinstance(right, list):
        return [_apply_to_series(operation, left, series) for series in right]
    if isinstance(left, float) and isinstance(right, float):
        result = operation(left, right)
        if result is None:
            raise _MathError("a scalar without a value")
        return result
    return _apply_to_series(operation, left, right)


def _apply_to_series(operation: Operator, left: Operand, right: Operand) -> Series:
    if isinstance(right, float):
        series, scalar = _series(left), right

        def with_scalar(moment: Moment) -> Value:
            value = series(moment)
            return None if value is None else operation(value, scalar)

        return with_scalar
    if isinstance(left, float):
        scalar = left
        return _apply_to_series(lambda value, _: operation(scalar, value), right, 0.0)
    first, second = _series(left), _series(right)

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


_OPERATORS: dict[str, Operator] = {
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
