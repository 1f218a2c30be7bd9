"""How thoroughly the tests search: FAULTS=soak for tens of thousands of sequences, which takes hours."""

from __future__ import annotations

import os

SOAK = os.environ.get("FAULTS") == "soak"


def effort(examples: int) -> int:
    """Return the number of examples, given the number for `make test`."""
    return examples * 300 if SOAK else examples
