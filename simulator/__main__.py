"""The simulator's command line: `python -m simulator demo`."""

import os
import signal
import sys


def _stop(*_: object) -> None:
    os.write(sys.stdout.fileno(), b"\nStopped.\n")
    os._exit(130)  # what a shell reports for a command that Ctrl-C ended


if __name__ == "__main__":
    # Loading takes a second or two. An exception that comes meanwhile may get lost in the import system.
    signal.signal(signal.SIGINT, _stop)

from simulator.commands.line import command_line, main  # noqa: E402

__all__ = ["command_line", "main"]

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
