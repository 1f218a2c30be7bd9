"""The walk: the steps in order, and always the destroy at the end."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from acceptance.account import Account
from acceptance.errors import AcceptanceError, InconclusiveError, refusal
from acceptance.measurements import Measurements
from acceptance.probe import Probe
from acceptance.root import Run, destroy_command
from acceptance.stack import Record, Stack
from acceptance.terraform import Commands, Outcome
from acceptance.waiting import Waiting


class Verdict(StrEnum):
    """The verdict of a step."""

    PASSED = "passed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"


@dataclass
class Walk:
    """The state that the steps share.

    Attributes:
        measures: whether the run also measures what AWS does not document.
        probe: the measurements, once they have begun.
        variables: the changed variables of the root.
        scaled_up: the record of the scale-up.
        ways: for each scaling, when the function checked and when the stream had the shards.
        is_clean: whether certainly nothing is left.

    """

    run: Run
    folder: Path
    account: Account
    terraform: Commands
    waiting: Waiting
    measures: bool = True
    measurements: Measurements = field(default_factory=Measurements)
    probe: Probe | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    scaled_up: Record | None = None
    ways: list[tuple[datetime, datetime]] = field(default_factory=list)
    is_clean: bool = False
    _stack: Stack | None = None

    @property
    def stack(self) -> Stack:
        """The applied resources, after the first step."""
        assert self._stack is not None, "the first step applies it"
        return self._stack

    def apply(self, **changes: Any) -> Outcome:  # noqa: ANN401 - values of the root's variables
        """Apply the root with some changed variables. Later steps use them too."""
        self.variables = {**self.variables, **changes}
        return self.terraform.apply({**self.run.variables, **self.variables})

    def know_stack(self) -> None:
        """Read the applied resources."""
        self._stack = Stack(self.account, self.terraform.outputs()["stack"])


@dataclass(frozen=True)
class Step:
    """One step. `carry_out` runs it and returns a sentence about what happened.

    Attributes:
        name: its name in the report and the tests.
        title: what is true if it passes.
        carry_out: raises an AcceptanceError whose message says what is not true.

    """

    name: str
    title: str
    carry_out: Callable[[Walk], str]


@dataclass(frozen=True)
class Result:
    """The result of a step: its verdict, a sentence, and its duration."""

    step: Step
    verdict: Verdict
    said: str
    took: timedelta = timedelta()


class Display(Protocol):
    """The display of a walk."""

    def begins(self, step: Step, number: int, of: int) -> None:
        """Show that a step begins."""

    def ends(self, result: Result) -> None:
        """Show that a step has ended."""


def carry_out(walk: Walk, steps: Sequence[Step], destroy: Step, display: Display) -> list[Result]:
    """Run the steps until one fails or the user interrupts, then destroy.

    Returns:
        A result for each step; the last one is the destroy's.
    """
    results: list[Result] = []
    for number, step in enumerate(steps, start=1):
        try:
            result = _result(walk, step, display, number, len(steps) + 1)
        except KeyboardInterrupt:  # while the result was shown
            result = Result(step, Verdict.INTERRUPTED, "Interrupted.")
        results.append(result)
        if result.verdict in (Verdict.FAILED, Verdict.INTERRUPTED):
            break
    results += [Result(step, Verdict.NOT_RUN, "") for step in steps[len(results) :]]
    results.append(_destroyed(walk, destroy, display, len(steps) + 1))
    return results


def _destroyed(walk: Walk, destroy: Step, display: Display, number: int) -> Result:
    """Destroy. The first interrupt shows what would be left, and the second one stops."""
    result = _result(walk, destroy, display, number, number)
    if result.verdict is Verdict.PASSED:
        return result
    if result.verdict is Verdict.INTERRUPTED:
        result = _result(walk, destroy, display, number, number)
        if result.verdict is Verdict.PASSED:
            return result
    if walk.is_clean:
        return result
    left = f"{result.said} To remove what is left, run:\n  {destroy_command(walk.folder)}"
    return Result(result.step, result.verdict, left.strip(), result.took)


def _result(walk: Walk, step: Step, display: Display, number: int, of: int) -> Result:
    began = walk.waiting.now()
    verdict, said = Verdict.FAILED, ""
    try:
        display.begins(step, number, of)
        said = step.carry_out(walk)
        verdict = Verdict.PASSED
    except KeyboardInterrupt:
        verdict, said = Verdict.INTERRUPTED, "Interrupted."
    except InconclusiveError as inconclusive:
        verdict, said = Verdict.INCONCLUSIVE, str(inconclusive)
    except AcceptanceError as error:
        said = str(error)
    except ClientError as error:
        said = refusal(error)
    except BotoCoreError as error:
        said = f"AWS cannot be reached: {error}"
    except Exception as error:  # noqa: BLE001 - after any error, the resources must be destroyed
        said = _unexpected(error, walk.folder)
    result = Result(step, verdict, said, _since(began, walk))
    display.ends(result)
    return result


def _since(began: datetime, walk: Walk) -> timedelta:
    return walk.waiting.now() - began


def _unexpected(error: Exception, folder: Path) -> str:
    """Describe an error of this program. Its traceback is written to a file, for a bug report."""
    file = folder / "error.log"
    with file.open("a") as log:
        log.write("".join(traceback.format_exception(error)) + "\n")
    told = f"The acceptance itself failed: {type(error).__name__}: {error}."
    return f"{told} {file} has the details; please file an issue with it."
