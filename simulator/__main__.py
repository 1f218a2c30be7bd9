"""The simulator's command line: `python -m simulator demo`."""

import sys

from tools import garbage, interrupts

if __name__ == "__main__":
    interrupts.end_while_loading("Stopped.")

from simulator.commands.line import command_line, main

__all__ = ["command_line", "main"]

if __name__ == "__main__":
    interrupts.loaded()
    garbage.collect_rarely()
    sys.exit(main())
