"""The walk: the steps in order, and the destroy at the end, whatever happens in between."""

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
    """What became of a step."""

    PASSED = "passed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"


@dataclass
class Walk:
    """What the steps work with, and what they leave to each other.

    Attributes:
        measures: whether what AWS does not document is measured too.
        probe: what measures it, once there is something to measure.
        variables: of the root, as far as they are not what they are at first.
        scaled_up: the record of the scale-up.
        ways: of each scaling, when the function looked and when the stream was there.
        is_clean: whether it is certain that nothing is left.

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
        """What was applied, once it is."""
        assert self._stack is not None, "the first step applies it"
        return self._stack

    def apply(self, **changes: Any) -> Outcome:  # noqa: ANN401 - values of the root's variables
        """Apply the root with some of its variables changed; they stay so."""
        self.variables = {**self.variables, **changes}
        return self.terraform.apply({**self.run.variables, **self.variables})

    def know_stack(self) -> None:
        """Look at what was applied."""
        self._stack = Stack(self.account, self.terraform.outputs()["stack"])


@dataclass(frozen=True)
class Step:
    """One step. `carry_out` does it and returns a sentence that says what happened.

    Attributes:
        name: for the report and the tests.
        title: what holds once it has passed.
        carry_out: raises an AcceptanceError whose message says what does not hold.

    """

    name: str
    title: str
    carry_out: Callable[[Walk], str]


@dataclass(frozen=True)
class Result:
    """What became of a step, in a sentence, and how long it took."""

    step: Step
    verdict: Verdict
    said: str
    took: timedelta = timedelta()


class Display(Protocol):
    """Where the walk is shown."""

    def begins(self, step: Step, number: int, of: int) -> None:
        """A step begins."""

    def ends(self, result: Result) -> None:
        """A step has ended."""


def carry_out(walk: Walk, steps: Sequence[Step], destroy: Step, display: Display) -> list[Result]:
    """Go through the steps until one fails, or somebody interrupts; then destroy.

    Returns:
        A result for each step, the destroy's last.
    """
    results: list[Result] = []
    for number, step in enumerate(steps, start=1):
        try:
            result = _result(walk, step, display, number, len(steps) + 1)
        except KeyboardInterrupt:  # while it was being shown
            result = Result(step, Verdict.INTERRUPTED, "Interrupted.")
        results.append(result)
        if result.verdict in (Verdict.FAILED, Verdict.INTERRUPTED):
            break
    results += [Result(step, Verdict.NOT_RUN, "") for step in steps[len(results) :]]
    results.append(_destroyed(walk, destroy, display, len(steps) + 1))
    return results


def _destroyed(walk: Walk, destroy: Step, display: Display, number: int) -> Result:
    """Destroy; an interrupt is met with what it would leave behind, and obeyed the second time."""
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
    except Exception as error:  # noqa: BLE001 - whatever it is, what was made has to go
        said = _unexpected(error, walk.folder)
    result = Result(step, verdict, said, _since(began, walk))
    display.ends(result)
    return result


def _since(began: datetime, walk: Walk) -> timedelta:
    return walk.waiting.now() - began


def _unexpected(error: Exception, folder: Path) -> str:
    """A fault of this program: its traceback goes into a file, for whoever mends it."""
    file = folder / "error.log"
    with file.open("a") as log:
        log.write("".join(traceback.format_exception(error)) + "\n")
    told = f"The acceptance itself failed: {type(error).__name__}: {error}."
    return f"{told} {file} has the details; please file an issue with it."
