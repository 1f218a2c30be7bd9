"""Asks before an operation that costs money."""

from __future__ import annotations

from collections.abc import Callable


def asked(ask: Callable[[str], str]) -> bool | None:
    """Ask. Only yes means yes. Return None without a terminal."""
    try:
        return ask("Go on? Type yes: ").strip() == "yes"
    except EOFError:
        return None
