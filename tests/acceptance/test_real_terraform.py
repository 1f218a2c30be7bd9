"""The walk with the real Terraform on a local AWS, in virtual time; and real signals, sent to real processes.

Processes are interrupted beside the walk: most of their time is the provider's, waiting for streams and queues.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from acceptance import measurements, policy, report
from acceptance.account import connect
from acceptance.leftovers import KINDS, find
from acceptance.rehearsal import VirtualTime, local_aws
from acceptance.root import Run
from acceptance.steps import DESTROY, WALK
from acceptance.waiting import Waiting
from acceptance.walk import Result, Verdict, Walk, carry_out
from simulator.deployment.terraform import REPOSITORY
from tests.acceptance.one_provider import OneProvider
from tests.faults.effort import SOAK
from tests.provider import FAST
from tests.terraform_calls import calls_of_terraform


@dataclass
class Walked:
    walk: Walk
    results: dict[str, Result]
    left: list[str]
    arns: dict[str, list[str]]
    """Return the ARNs in Terraform's state before the destroy, by the type of resource."""
    ours: set[str]
    """The calls that are not Terraform's, by the names of their permissions."""
    terraforms: set[str]
    console: str


@dataclass
class Moment:
    """When a run gets signals: as soon as it prints `at`. `said` is what it must answer."""

    at: str
    signals: list[int]
    said: str


STOPPED = {"Terraform is stopped in the middle": Moment("Creation complete", [signal.SIGINT] * 2, "again stops it")}
TERMINATED = {"terminated while the function is asked": Moment("3/14", [signal.SIGTERM], "Interrupted.")}
MOMENTS = STOPPED | TERMINATED if SOAK else STOPPED
"""test_steps.py has a terminated run too, without Terraform."""
PROGRAM = "acceptance" if SOAK else "tests.acceptance.one_provider"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """The interrupted runs."""
    runs = {
        name: Interrupted(tmp_path_factory.mktemp("run"), moment.at, moment.signals) for name, moment in MOMENTS.items()
    }
    yield runs
    for each in runs.values():
        each.process.kill()
        each.end()


class Interrupted:
    """A run in a separate process, which receives signals as soon as it prints something."""

    def __init__(self, folder: Path, at: str, signals: list[int]) -> None:
        self.folder = folder / "run"
        self.shown = ""
        command = [sys.executable, "-u", "-m", PROGRAM, "--local", "--yes", "--no-measurements"]
        self.process = subprocess.Popen(
            [*command, "--work-folder", str(self.folder)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'lambda'}", "COLUMNS": "200", **FAST},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._thread = threading.Thread(target=self._watch, args=(at, signals), daemon=True)
        self._thread.start()

    def _watch(self, at: str, signals: list[int]) -> None:
        assert self.process.stdout
        due = list(signals)
        with self.process.stdout:
            for line in self.process.stdout:
                self.shown += line
                # The second signal follows after the first has been answered.
                if due and (at in line if len(due) == len(signals) else "finishes what it is doing" in line):
                    self.process.send_signal(due.pop(0))

    def end(self) -> tuple[int, str]:
        code = self.process.wait(timeout=280)
        self._thread.join(timeout=10)
        return code, self.shown

    @property
    def state(self) -> list:
        return json.loads((self.folder / "terraform.tfstate").read_text())["resources"]


@pytest.fixture(scope="module")
def walked(interrupted, tmp_path_factory) -> Iterator[Walked]:
    folder = tmp_path_factory.mktemp("walk") / "run"
    ours: set[str] = set()
    arns: dict[str, list[str]] = {}
    with ExitStack() as stack:
        terraforms = stack.enter_context(calls_of_terraform())
        aws = stack.enter_context(local_aws())
        account = connect(region=aws.region, profile=None, endpoint_url=aws.environment["AWS_ENDPOINT_URL"])
        account._clients.clear()
        account.session.events.register(
            "before-parameter-build.*.*",
            lambda model, **_: ours.add(f"{model.service_model.service_name}:{model.name}"),
        )
        console = Console(file=(folder.parent / "console.txt").open("w+"), width=200)
        progress = report.Progress(console)
        run = Run.begin(account.region, account.account_id, None, account.endpoint_url)
        run.write(folder)
        terraform = OneProvider(folder, account.environment, progress.show, stack=stack)
        walk = Walk(run, folder, account, terraform, Waiting(VirtualTime(aws), progress.show), measures=False)
        destroy = terraform.destroy

        def remember_and_destroy():
            state = folder / "terraform.tfstate"
            for resource in json.loads(state.read_text())["resources"] if state.exists() else ():
                if resource["mode"] == "managed":
                    found = arns.setdefault(resource["type"], [])
                    found += [
                        each["attributes"]["arn"] for each in resource["instances"] if "arn" in each["attributes"]
                    ]
            return destroy()

        with patch.object(terraform, "destroy", remember_and_destroy):
            began = walk.waiting.now()
            results = carry_out(walk, WALK, DESTROY, progress)
        report.write(walk, results, began, folder, console.print)
        left = [str(each) for each in find(account, run)]
        stack.callback(console.file.close)
        console.file.seek(0)
        yield Walked(
            walk, {each.step.name: each for each in results}, left, arns, ours, set(terraforms), console.file.read()
        )


def test_every_step_passes_and_nothing_is_left(walked):
    told = {name: each.said for name, each in walked.results.items() if each.verdict is not Verdict.PASSED}
    assert told == {}
    assert walked.left == []


def test_the_console_names_every_step_with_what_happened(walked):
    for result in walked.results.values():
        assert result.step.title in walked.console
        assert result.said in walked.console
    assert "waiting for the scale-up alarm to fire and the function to scale (0:00 of at most 15:00)" in walked.console


def test_page_and_junit_file_tell_every_step(walked):
    page = (walked.walk.folder / "report.md").read_text()
    suite = ET.fromstring((walked.walk.folder / "junit.xml").read_text())
    titles = [result.step.title for result in walked.results.values()]

    assert [case.get("name") for case in suite] == titles
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "0")
    assert all(f"| {title} | passed |" in page for title in titles)
    assert "say how the local AWS behaves, and nothing about the real one" in page


def test_what_was_measured_here_never_gets_onto_the_page(walked):
    before = measurements.PAGE.read_text()
    taken = walked.walk.measurements

    assert taken.taken["metric_delay_seconds"].value >= 60
    assert not walked.walk.account.is_aws
    assert not measurements.keep(taken, where="us-east-1", is_aws=walked.walk.account.is_aws)
    assert measurements.PAGE.read_text() == before


def test_everything_that_is_made_is_looked_for_at_the_end(walked):
    assert set(walked.arns) <= {each for kind in KINDS for each in kind.types}


# --- What it takes

IMPLIED = {
    # Creating with tags needs the permission to tag (Service Authorization Reference, "dependent actions").
    "cloudwatch:TagResource",
    "dynamodb:TagResource",
    "iam:TagRole",
    "kinesis:AddTagsToStream",
    "kinesis:TagResource",
    "lambda:TagResource",
    "logs:TagResource",
    "scheduler:TagResource",
    "sns:TagResource",
    "sqs:TagQueue",
    # Lambda and Scheduler receive roles.
    "iam:PassRole",
}
"""Permissions that are required although no call uses their name."""
NOT_IN_THIS_WALK = {
    "kinesis:MergeShards",
    "kinesis:SplitShard",
    "kinesis:UpdateShardCount",
    "cloudwatch:SetAlarmState",  # these four measure
    "lambda:GetPolicy",
    "logs:FilterLogEvents",
    "sns:ListSubscriptionsByTopic",
    "sqs:ReceiveMessage",  # these four find the cause of a failure
    "iam:ListRolePolicies",
    "kinesis:ListTagsForResource",  # instead of ListTagsForStream, should a newer provider tag streams by TagResource
}
SAME = {"lambda:Invoke": "lambda:InvokeFunction"}
"""Operations with a different name in IAM."""


def granted() -> set[str]:
    return {action for statement in policy.statements("aws") for action in statement["Action"]}


def test_whoever_runs_it_needs_what_the_policy_allows_and_nothing_else(walked):
    called = walked.ours | walked.terraforms
    needed = {SAME.get(each, each) for each in called if not each.startswith("sts:")} | IMPLIED

    assert sorted(needed - granted()) == []
    assert sorted(granted() - needed - NOT_IN_THIS_WALK) == []


def test_everything_that_is_made_is_covered_by_the_names_in_the_policy(walked):
    patterns = [
        re.escape(resource).replace(r"\*", ".*")
        for statement in policy.statements("aws")
        for resource in statement["Resource"]
        if resource != "*"
    ]
    made = {arn for arns in walked.arns.values() for arn in arns}
    assert len(made) > 10
    assert {arn for arn in made if not any(re.fullmatch(each, arn) for each in patterns)} == set()


# --- Real signals


@pytest.mark.parametrize("name", MOMENTS)
def test_an_interrupted_run_leaves_nothing(walked, interrupted, name):
    code, shown = interrupted[name].end()

    assert code == 130
    assert MOMENTS[name].said in shown
    assert "Nothing is left in any of 9 services." in shown
    assert interrupted[name].state == []
    assert "Traceback" not in shown
