"""`python -m acceptance`."""

import os
import signal
import sys


def _stop(*_: object) -> None:
    os.write(sys.stdout.fileno(), b"\nNothing was begun.\n")
    os._exit(130)  # what a shell reports for a command that Ctrl-C ended


if __name__ == "__main__":
    # Loading takes a second or two. An exception that comes meanwhile may get lost in the import system.
    signal.signal(signal.SIGINT, _stop)

from acceptance.line import main  # noqa: E402

__all__ = ["main"]

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
