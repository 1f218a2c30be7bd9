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

from simulator.aws.metric_math.compiler import compile_expressions, evaluate
from simulator.aws.metric_math.operands import Moment, Operand, Series, Value
from simulator.aws.metric_math.syntax import (
    Array,
    Call,
    Expression,
    Negation,
    Node,
    Number,
    Operation,
    Reference,
    Text,
    UnsupportedExpressionError,
    parse,
)

__all__ = [
    "Array",
    "Call",
    "Expression",
    "Moment",
    "Negation",
    "Node",
    "Number",
    "Operand",
    "Operation",
    "Reference",
    "Series",
    "Text",
    "UnsupportedExpressionError",
    "Value",
    "compile_expressions",
    "evaluate",
    "parse",
]
