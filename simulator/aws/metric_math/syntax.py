"""From an expression's text to its tree."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias


class UnsupportedExpressionError(ValueError):
    """The expression is invalid, or means something that this simulator does not model."""

    def __init__(self, expression: str, reason: str) -> None:
        """Name the expression and what is wrong with it."""
        super().__init__(f"{reason}, in the metric math expression {expression!r}")
        self.expression = expression


class MathError(Exception):
    """What is wrong with an expression, raised where its text is not at hand."""


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
    except MathError as error:
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
                raise MathError(f"unknown syntax at {text[position:]!r}")
            kind, token = match.lastgroup, match[match.lastgroup]
            if token in _SYNONYMS:
                kind, token = "symbol", _SYNONYMS[token]
            yield kind, token
            position = match.end()

    def expression(self) -> Node:
        node = self._binary(lowest=1)
        if self._position < len(self._tokens):
            raise MathError(f"unexpected {self._peek()!r}")
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
            raise MathError(f"{symbol!r} is missing")

    def _binary(self, lowest: int) -> Node:
        left = self._unary()
        while (symbol := self._peek()) is not None and _PRECEDENCE.get(symbol, 0) >= lowest:
            self._position += 1
            # Only a power groups to the right: 2 ^ 3 ^ 2 is 2 ^ (3 ^ 2).
            right = self._binary(_PRECEDENCE[symbol] + (symbol != "^"))
            if symbol in _COMPARISONS and self._peek() in _COMPARISONS:
                raise MathError("a chain of comparisons")
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
            raise MathError("an operand is missing")
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
        raise MathError(f"unexpected {token!r}")

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._take(end):
            return ()
        while True:
            items.append(self._binary(lowest=1))
            if self._take(end):
                return tuple(items)
            self._expect(",")
