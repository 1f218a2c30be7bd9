"""Terraform in the folder of a run: its commands, their results, and their interruption."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from acceptance.errors import AcceptanceError
from simulator.deployment.terraform import TerraformMissingError, cli_environment, find_terraform

_SETTINGS = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
ENDINGS = [getattr(signal, each) for each in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, each)]
"""The signals that end a run. Windows lacks some of them."""
_LOCKED_FOR = "5m"
"""How long to wait for another Terraform in this folder, for example that of a killed run."""
_FINISHING = "Terraform finishes what it is doing first; Ctrl-C again stops it"
_ASKED_TO_STOP = "Terraform was asked to stop; waiting for its state"
_ABOUT = ("planned_change", "change_summary", "diagnostic", "apply_start", "apply_progress", "apply_complete")


class TerraformFailedError(AcceptanceError):
    """A command failed. The message contains Terraform's message."""


@dataclass
class Outcome:
    """The changes in a plan, or those that an apply or destroy has made.

    Attributes:
        touched: "create", "update", "delete", "replace", …, by the address of the resource.
        errors: the errors, as sentences.

    """

    touched: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def take(self, message: Mapping[str, Any]) -> None:
        """Process a line of output under -json."""
        match message.get("type"):
            case "planned_change" if message["change"]["action"] not in ("noop", "read"):
                self.touched[message["change"]["resource"]["addr"]] = message["change"]["action"]
            case "diagnostic" if message["diagnostic"]["severity"] == "error":
                told = message["diagnostic"]
                detail = " ".join(str(told.get("detail", "")).split())
                about = f" ({told['address']})" if told.get("address") else ""
                self.errors.append(f"{told['summary']}{about}{': ' if detail else ''}{detail}")

    def __str__(self) -> str:
        """Return the changes as text."""
        return ", ".join(f"{address} ({action})" for address, action in sorted(self.touched.items())) or "nothing"


class Commands(Protocol):
    """The Terraform commands that a run uses."""

    def init(self) -> None:
        """Download providers and modules."""

    def apply(self, variables: Mapping[str, Any]) -> Outcome:
        """Apply the root with these variables. Later commands use them too."""

    def plan(self) -> Outcome:
        """Plan the root with the variables of the last apply."""

    def destroy(self) -> Outcome:
        """Destroy everything in the state."""

    def outputs(self) -> Mapping[str, Any]:
        """Return the value of each output."""


class Terraform:
    """The real Terraform.

    Its processes have their own session, so that Ctrl-C reaches them only through this class. The first Ctrl-C lets a
    command finish, so that its state contains everything that it created. The second one asks the command to stop.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], show: Callable[[str], None]) -> None:
        """Work in an existing folder.

        Raises:
            AcceptanceError: there is no usable Terraform.
        """
        try:
            self._binary = find_terraform()
        except TerraformMissingError as missing:
            raise AcceptanceError(str(missing)) from missing
        self._folder = folder
        self._environment = {**environment, **_SETTINGS, **cli_environment(folder)}
        self._show = show

    def init(self) -> None:
        """`terraform init`."""
        self._show("terraform init")
        code, text = self._run("init", "-no-color")
        if code:
            raise TerraformFailedError(f"terraform init failed: {_last_words(text)}")

    def apply(self, variables: Mapping[str, Any]) -> Outcome:
        """Run `terraform apply`. The variables are written to a file, where a plain `terraform destroy` finds them."""
        (self._folder / "terraform.tfvars.json").write_text(json.dumps(dict(variables), indent=1) + "\n")
        return self._told("apply", "-auto-approve")

    def plan(self) -> Outcome:
        """`terraform plan`."""
        return self._told("plan")

    def destroy(self) -> Outcome:
        """Run `terraform destroy`. Do nothing if nothing was applied."""
        if not (self._folder / "terraform.tfstate").exists():
            return Outcome()
        return self._told("destroy", "-auto-approve")

    def outputs(self) -> Mapping[str, Any]:
        """`terraform output`."""
        code, text = self._run("output", "-json")
        if code:
            raise TerraformFailedError(f"terraform output failed: {_last_words(text)}")
        return {name: output["value"] for name, output in json.loads(text).items()}

    def _told(self, *arguments: str) -> Outcome:
        outcome = Outcome()

        def on_line(line: str) -> None:
            try:
                message = json.loads(line)
            except ValueError:  # plain text of Terraform, or a line that an interrupt has cut
                return
            outcome.take(message)
            if message.get("type") in _ABOUT:
                self._show(str(message.get("@message", "")))

        code, text = self._run(*arguments, "-json", f"-lock-timeout={_LOCKED_FOR}", on_line=on_line)
        if code:
            raise TerraformFailedError(
                f"terraform {arguments[0]} failed: {' '.join(outcome.errors) or _last_words(text)}"
            )
        return outcome

    def _run(self, *arguments: str, on_line: Callable[[str], None] = lambda _: None) -> tuple[int, str]:
        """Run a command until it ends, also after interrupts. An interrupt is raised afterwards."""
        told = 0
        with (self._folder / "terraform.log").open("a+") as log, _Interrupts() as interrupts:
            begin = log.tell()
            with subprocess.Popen(  # noqa: S603 - the arguments are this module's own
                [self._binary, *arguments],
                cwd=self._folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process:
                interrupts.process = process
                assert process.stdout is not None
                for line in process.stdout:
                    log.write(line)
                    on_line(line)
                    if told < interrupts.count:
                        told = interrupts.count
                        self._show(_ASKED_TO_STOP if told > 1 else _FINISHING)
            code = process.returncode
            log.seek(begin)
            text = log.read()
        if interrupts.count:
            raise KeyboardInterrupt
        return code, text


class _Interrupts:
    """Holds back interrupts while a command runs, and counts them. From the second on, the command is asked to stop.

    They are not raised at once, because an exception at an arbitrary moment could interrupt the handling of another
    one.
    """

    def __init__(self) -> None:
        self.count = 0
        self.process: subprocess.Popen[str] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for each in ENDINGS:
            self._before[each] = signal.signal(each, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _take(self, number: int, frame: object) -> None:
        del number, frame
        self.count += 1
        if self.count > 1 and self.process is not None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.process.pid, signal.SIGINT)


def _last_words(text: str) -> str:
    """Return the end of a command's output as one line."""
    return " ".join(" ".join(text.split())[-600:].split("│"))
