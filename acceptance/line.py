"""The command line: `python -m acceptance`, `… destroy --work-folder FOLDER`, `… policy`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import boto3
from rich.console import Console

from acceptance import consent, measurements, policy, report, walk
from acceptance.account import connect
from acceptance.errors import AcceptanceError
from acceptance.rehearsal import VirtualTime, local_aws
from acceptance.root import Run, destroy_command
from acceptance.steps import DESTROY, steps
from acceptance.terraform import ENDINGS, Terraform
from acceptance.waiting import Pace, RealTime, Waiting
from acceptance.walk import Verdict, Walk
from tools.consent import asked

OK, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Return the exit status: 0 if all steps passed, 1 if not, 2 if none began, 130 after Ctrl-C."""
    options = _parse(arguments)
    console = Console(file=sys.stdout)
    for each in ENDINGS:
        signal.signal(each, _interrupt)
    try:
        if options.command == "policy":
            console.print(policy.document(_partition(options.region)), markup=False, highlight=False, soft_wrap=True)
            return OK
        with ExitStack() as stack:
            pace: Pace = RealTime()
            if options.local:
                pace = VirtualTime(stack.enter_context(local_aws()))
            return _destroy(options, console, pace) if options.command == "destroy" else _run(options, console, pace)
    except AcceptanceError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return REFUSED
    except KeyboardInterrupt:
        console.print("Nothing was started.")
        return INTERRUPTED


def _run(options: argparse.Namespace, console: Console, pace: Pace) -> int:
    account = connect(region=options.region, profile=options.profile, endpoint_url=options.endpoint_url)
    run = Run.begin(account.region, account.account_id, options.profile, options.endpoint_url)
    folder = Path(options.work_folder) if options.work_folder else run.default_folder()
    console.print(consent.statement(account, run.name), markup=False, highlight=False, soft_wrap=True)
    if not options.yes and not asked(console.input):
        console.print("Nothing was started; use --yes to agree beforehand.")
        return REFUSED
    progress = report.Progress(console)
    run.write(folder)
    terraform = Terraform(folder, account.environment, progress.show)
    waiting = Waiting(pace, progress.show, account.skew)
    walked = Walk(run, folder, account, terraform, waiting, measures=options.measurements)
    try:
        return _walked(walked, options, console, progress)
    except KeyboardInterrupt:
        command = f"To remove anything that may be left, run:\n  {destroy_command(folder)}"
        left = "Nothing is left." if walked.is_clean else command
        console.print(f"Interrupted. {left}", markup=False, highlight=False, soft_wrap=True)
        return INTERRUPTED


def _walked(walked: Walk, options: argparse.Namespace, console: Console, progress: report.Progress) -> int:
    began = walked.waiting.now()
    results = walk.carry_out(walked, steps(measures=options.measurements), DESTROY, progress)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    report.write(walked, results, began, walked.folder, say)
    is_aws = walked.account.is_aws and not options.local
    if measurements.keep(walked.measurements, where=walked.account.region, is_aws=is_aws):
        say(f"What was measured is in {measurements.PAGE} too.")
    if any(result.verdict is Verdict.INTERRUPTED for result in results):
        return INTERRUPTED
    return OK if report.succeeded(results) else FAILED


def _destroy(options: argparse.Namespace, console: Console, pace: Pace) -> int:
    if not options.work_folder:
        raise AcceptanceError("Name the run to destroy: --work-folder build/acceptance/NAME.")
    folder = Path(options.work_folder)
    run = Run.read(folder)
    account = connect(
        region=run.region, profile=options.profile or run.profile, endpoint_url=options.endpoint_url or run.endpoint_url
    )
    if account.account_id != run.account_id:
        raise AcceptanceError(
            f"This run is in account {run.account_id}, but your credentials belong to {account.account_id}. Use others."
        )
    progress = report.Progress(console)
    terraform = Terraform(folder, account.environment, progress.show)
    walked = Walk(run, folder, account, terraform, Waiting(pace, progress.show, account.skew))
    terraform.init()
    [result] = walk.carry_out(walked, (), DESTROY, progress)
    return OK if result.verdict is Verdict.PASSED else FAILED


def _partition(region: str | None) -> str:
    return boto3.Session().get_partition_for_region(region) if region else "aws"


def _interrupt(number: int, frame: object) -> None:
    """End as after Ctrl-C, which destroys the resources."""
    del number, frame
    raise KeyboardInterrupt


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m acceptance", description=consent.__doc__)
    parser.description = "Test a deployment in your account: apply, scale, check, measure, destroy."
    parser.add_argument("command", nargs="?", choices=("run", "destroy", "policy"), default="run")
    parser.add_argument("--yes", action="store_true", help="accept the cost without asking")
    parser.add_argument("--region", help="region to run in (default: AWS_REGION, or the profile's)")
    parser.add_argument("--profile", help="profile with the credentials (default: from the environment)")
    parser.add_argument("--endpoint-url", help="endpoint to use instead of AWS; also AWS_ENDPOINT_URL")
    parser.add_argument("--local", action="store_true", help="run on a local AWS, in virtual time, without an account")
    parser.add_argument("--work-folder", help="folder for the Terraform root, its state and the report")
    parser.add_argument(
        "--no-measurements",
        dest="measurements",
        action="store_false",
        help="skip the measurements: ten calls on a second stream",
    )
    return parser.parse_args(arguments)
