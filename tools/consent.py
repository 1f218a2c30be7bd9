"""Asks before something that costs money."""

from __future__ import annotations

from collections.abc import Callable


def asked(ask: Callable[[str], str]) -> bool | None:
    """Ask. Any answer but yes means no. None: there is no terminal."""
    try:
        return ask("Go on? Type yes: ").strip() == "yes"
    except EOFError:
        return None
