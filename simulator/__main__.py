"""The simulator's command line: `python -m simulator demo`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from simulator import demo
from simulator.terraform import REPOSITORY, TerraformError, TerraformMissingError
from simulator.traffic import TraceError

_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def main() -> int:
    """Run the command that was asked for; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demonstration = commands.add_parser(
        "demo", help="apply examples/simple to a local AWS, replay a day of traffic, show what was scaled"
    )
    demonstration.add_argument("--trace", type=Path, metavar="FILE", help="CSV with timestamp,value to replay")
    demonstration.add_argument("--mean-shards", type=float, metavar="N", help="scale its mean to N shards (4)")
    demonstration.add_argument("--days", type=int, default=1, metavar="N", help="days to replay, for each stream (1)")
    demonstration.add_argument("--output", type=Path, default=REPOSITORY / "build" / "demo", metavar="FOLDER")
    options = demo.Options(**vars(parser.parse_args()))
    console = Console(file=sys.stdout)  # the very file: functions run with another sys.stdout
    try:
        return 0 if demo.run(options, console) else 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return _INTERRUPTED
    except (TerraformMissingError, TerraformError, TraceError) as error:
        console.print(str(error), style="red", markup=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
