"""`python -m acceptance`."""

import sys

from tools import interrupts

if __name__ == "__main__":
    interrupts.end_while_loading("Nothing was started.")

from acceptance.line import main

__all__ = ["main"]

if __name__ == "__main__":
    interrupts.loaded()
    sys.exit(main())
