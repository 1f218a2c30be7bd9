"""Ctrl-C while a command still loads its modules, which takes a second or two.

An exception that comes meanwhile may get lost in the import system. So until everything is loaded, the process ends
itself.
"""

from __future__ import annotations

import os
import signal
import sys


def end_while_loading(word: str) -> None:
    """From now on Ctrl-C ends the process with this word and the status that a shell reports for it."""

    def stop(*_: object) -> None:
        os.write(sys.stdout.fileno(), f"\n{word}\n".encode())
        os._exit(130)

    signal.signal(signal.SIGINT, stop)


def loaded() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, as ever."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
