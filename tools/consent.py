"""The question before something that costs money."""

from __future__ import annotations

from collections.abc import Callable


def asked(ask: Callable[[str], str]) -> bool | None:
    """Ask; whatever is not yes is no. None: there is no terminal to answer at."""
    try:
        return ask("Go on? Type yes: ").strip() == "yes"
    except EOFError:
        return None
