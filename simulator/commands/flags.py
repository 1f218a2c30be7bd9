"""Flags that several commands share, with validation, and the check of the output folder."""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.traffic import MOST_SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.traffic import Trace


class OutputError(ValueError):
    """Results cannot be written. The message contains the reason and the remedy."""


def number(kind: type[float], least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """Return the type of a numeric flag with bounds. With `above`, the lower bound is excluded."""
    whole = "a whole number" if kind is int else "a number"
    bounds = f"above {least:,g} and up to {most:,g}" if above else f"from {least:,g} to {most:,g}"

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most or (above and value == least):
            shown = text if len(text) <= 40 else f"{text[:37]}..."
            raise argparse.ArgumentTypeError(f"{shown!r} is not {whole} {bounds}")
        return value

    return parse


mean_shards = number(float, 0, MOST_SHARDS, above=True)
"""The type of a flag for the mean of scaled traffic."""

seconds = number(float, 0, 24 * 60 * 60, above=True)
"""The type of a flag for a duration of at most a day."""


def output_folder(chosen: Path | None, default: Path, trace: Trace) -> Path:
    """Return the folder for a command's results: the chosen one, or one with the trace's name in the default folder.

    Raises:
        OutputError: it is not writable. This is checked before the work begins.

    """
    folder = chosen or default / (trace.name.strip(".") or "trace")
    check_writable(folder)
    return folder


def check_writable(folder: Path) -> None:
    """Create a folder, and check that it is writable.

    Raises:
        OutputError: it is not writable.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"Nothing can be written to {str(folder)!r}: {reason}; name another folder") from None
