"""The simulator's command line: every command, and its exit status."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from simulator.commands import advise, benchmark, compare, demo, fleet, function_figures, replay
from simulator.commands.flags import OutputError
from simulator.deployment.module_inputs import InvalidInputError
from simulator.deployment.terraform import TerraformError, TerraformMissingError
from simulator.reports.markdown import MissingSectionError
from simulator.traffic import TraceError

INTERRUPTED = 130
"""The exit status for a command that Ctrl-C ended."""
_PLAIN_ERRORS = (InvalidInputError, MissingSectionError, OutputError, TerraformError, TerraformMissingError, TraceError)
"""Errors whose message tells the user the remedy."""

_COMMANDS = {
    "demo": demo,
    "replay": replay,
    "compare": compare,
    "advise": advise,
    "benchmark": benchmark,
    "fleet": fleet,
    "function": function_figures,
}
"""Modules with a first docstring line that says what the command does, `add_arguments(parser)`, and
`run(arguments, console)`, which returns whether the command succeeded."""


def command_line() -> argparse.ArgumentParser:
    """Return the parser with every command and its flags."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="The Kinesis autoscaler on a simulated AWS."
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, command in _COMMANDS.items():
        summary = (command.__doc__ or "").partition("\n")[0]
        command.add_arguments(commands.add_parser(name, help=summary, description=command.__doc__))
    return parser


def main() -> int:
    """Run the given command. Return the exit status."""
    console = Console(file=sys.stdout)  # the file itself, because functions run with another sys.stdout
    try:
        arguments = command_line().parse_args()
        return 0 if _COMMANDS[arguments.command].run(arguments, console) else 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return INTERRUPTED
    except _PLAIN_ERRORS as error:
        Console(file=sys.stderr).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
