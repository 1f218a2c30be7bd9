"""DynamoDB: moto parses the expression of every update twice, and copies the result. Here each is parsed once.

Otherwise a third of the time of an update would be spent on expressions, of which the function has a dozen.
"""

from __future__ import annotations

import copy
import pickle
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import UpdateExpression  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_EXPRESSIONS = 256


class UpdateExpressions:
    """Remembers the parsed expressions, which moto copies before it changes them."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Patch how moto parses an expression, and how it copies one."""
        parse, pickled = (lru_cache(_EXPRESSIONS)(each) for each in (UpdateExpressionParser.make, pickle.dumps))

        def copied(node: object) -> object:
            # The standard library's copy takes six times as long.
            return pickle.loads(pickled(node)) if isinstance(node, UpdateExpression) else copy.deepcopy(node)  # noqa: S301

        yield patch.object(UpdateExpressionParser, "make", parse)
        yield patch.object(validators, "deepcopy", copied)
