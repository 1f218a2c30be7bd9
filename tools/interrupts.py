"""Handles Ctrl-C while a command loads its modules, which takes a second or two.

An exception during that time may get lost in the import system. So until everything is loaded, the process exits
directly.
"""

from __future__ import annotations

import os
import signal
import sys


def end_while_loading(word: str) -> None:
    """Make Ctrl-C end the process with this message and the status that a shell reports for it."""

    def stop(*_: object) -> None:
        os.write(sys.stdout.fileno(), f"\n{word}\n".encode())
        os._exit(130)

    signal.signal(signal.SIGINT, stop)


def loaded() -> None:
    """Make Ctrl-C raise KeyboardInterrupt again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
