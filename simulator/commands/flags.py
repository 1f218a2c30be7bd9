"""Types of flags of a command line, which say what is wrong with a value."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def positive(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and finite")
    return value


def number(kind: type[float], least: float, most: float = math.inf) -> Callable[[str], float]:
    """The type of a flag whose value is a number within bounds."""
    bounds = f"{least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            whole = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {whole} {bounds}")
        return value

    return parse
