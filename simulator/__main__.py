"""The simulator's command line: `python -m simulator demo`."""

import gc
import sys

from tools import interrupts

if __name__ == "__main__":
    interrupts.end_while_loading("Stopped.")
    gc.set_threshold(50_000, 20, 50)  # a command creates millions of objects, and hardly one in a cycle

from simulator.commands.line import command_line, main

__all__ = ["command_line", "main"]

if __name__ == "__main__":
    interrupts.loaded()
    gc.freeze()
    sys.exit(main())
