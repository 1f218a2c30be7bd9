"""How thoroughly the tests search: FAULTS=soak for tens of thousands of sequences, which takes hours."""

from __future__ import annotations

import os

SOAK = os.environ.get("FAULTS") == "soak"


def effort(examples: int) -> int:
    """How many examples to try where `make test` tries so many."""
    return examples * 100 if SOAK else examples
