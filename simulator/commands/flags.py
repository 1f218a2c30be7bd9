"""Flags that commands share, which say what is wrong with a value, and the check of where results go."""

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
    """Results cannot be written where they are to go; the message says why and what to do."""


def number(kind: type[float], least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """The type of a flag whose value is a number within bounds; with `above` the least is not one of them."""
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
"""The type of a flag to which traffic is scaled."""

seconds = number(float, 0, 24 * 60 * 60, above=True)
"""The type of a flag that is a duration of a day at most."""


def output_folder(chosen: Path | None, default: Path, trace: Trace) -> Path:
    """Where a command's results go: the folder that was chosen, or one of the trace's name in the default.

    Raises:
        OutputError: nothing can be written there. Better refused now than when the work is done.

    """
    folder = chosen or default / (trace.name.strip(".") or "trace")
    check_writable(folder)
    return folder


def check_writable(folder: Path) -> None:
    """Make a folder, and see that a file can be written to it.

    Raises:
        OutputError: it cannot.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"Nothing can be written to {str(folder)!r}: {reason}; name another folder") from None
