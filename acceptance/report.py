"""The console output of a run, the page that it writes, and the JUnit file."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from acceptance.waiting import clock
from acceptance.walk import Result, Step, Verdict, Walk

_MARKS = {
    Verdict.PASSED: "[green]✔[/]",
    Verdict.FAILED: "[red]✘[/]",
    Verdict.INTERRUPTED: "[yellow]■[/]",
    Verdict.INCONCLUSIVE: "[yellow]?[/]",
}


class Progress:
    """Shows the run on a console: a line for each step, and the current wait."""

    def __init__(self, console: Console) -> None:
        """Show the run on this console."""
        self._console = console
        self._title = ""
        self._status: Status | None = None
        self._waiting_for = ""

    def begins(self, step: Step, number: int, of: int) -> None:
        """Show the start of a step."""
        self._title = f"{number}/{of} {step.title}"
        if self._console.is_terminal:
            self._status = self._console.status(escape(self._title))
            self._status.start()
        else:
            self._console.print(f"  {self._title} …", markup=False, highlight=False)

    def show(self, doing: str) -> None:
        """Show the current activity. If it cannot be updated in place, print only changes."""
        if self._status is not None:
            room = max(20, self._console.width - len(self._title) - 6)
            self._status.update(f"{escape(self._title)}  [dim]{escape(doing[:room])}[/]")
        elif (what := doing.partition(" (")[0]) != self._waiting_for:
            self._waiting_for = what
            self._console.print(f"      {doing}", style="dim", markup=False, highlight=False, soft_wrap=True)

    def ends(self, result: Result) -> None:
        """Show the result of a step."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        mark = _MARKS[result.verdict]
        self._console.print(f"{mark} {escape(self._title)}  [dim]{clock(result.took)}[/]", highlight=False)
        style = "red" if result.verdict is Verdict.FAILED else "dim"
        self._console.print(f"  {result.said}", style=style, markup=False, highlight=False, soft_wrap=True)


def succeeded(results: Sequence[Result]) -> bool:
    """Return whether all steps that could run passed."""
    return all(result.verdict in (Verdict.PASSED, Verdict.INCONCLUSIVE) for result in results)


def page(walk: Walk, results: Sequence[Result], began: datetime, ended: datetime) -> str:
    """Return the report as a Markdown page."""
    account = walk.account
    where = "AWS" if account.is_aws else f"not AWS, but {account.client('kinesis').meta.endpoint_url}"
    verdict = "Everything held." if succeeded(results) else "Some steps failed."
    when = f"{began:%Y-%m-%d %H:%M} to {ended:%H:%M} UTC"
    there = f"account {account.account_id}, region {account.region}, partition {account.partition} ({where})"
    lines = [
        f"# Acceptance: {walk.run.name}",
        "",
        f"{verdict} {when}, {there}, Python {platform.python_version()}.",
        "",
        "| step | verdict | took | what happened |",
        "| --- | --- | ---: | --- |",
        *(f"| {each.step.title} | {each.verdict} | {clock(each.took)} | {_cell(each.said)} |" for each in results),
        "",
        "## Measured",
        "",
    ]
    if not account.is_aws:
        lines += ["Not on AWS: these values say how the local AWS behaves, and nothing about the real one.", ""]
    return "\n".join(lines) + "\n" + walk.measurements.table()


def _cell(text: str) -> str:
    """Escape text for a table cell."""
    return " ".join(text.split()).replace("|", "\\|")


def junit(results: Sequence[Result], name: str, began: datetime) -> str:
    """Return the results as JUnit XML."""
    failed = sum(each.verdict in (Verdict.FAILED, Verdict.INTERRUPTED) for each in results)
    skipped = sum(each.verdict in (Verdict.NOT_RUN, Verdict.INCONCLUSIVE) for each in results)
    seconds = sum(each.took.total_seconds() for each in results)
    suite = ET.Element(
        "testsuite",
        name="acceptance",
        tests=str(len(results)),
        failures=str(failed),
        skipped=str(skipped),
        errors="0",
        time=f"{seconds:.1f}",
        timestamp=began.strftime("%Y-%m-%dT%H:%M:%S"),
        hostname=name,
    )
    for each in results:
        case = ET.SubElement(
            suite, "testcase", classname="acceptance", name=each.step.title, time=f"{each.took.total_seconds():.1f}"
        )
        if each.verdict in (Verdict.FAILED, Verdict.INTERRUPTED):
            ET.SubElement(case, "failure", message=each.said, type=each.verdict.value).text = each.said
        elif each.verdict in (Verdict.NOT_RUN, Verdict.INCONCLUSIVE):
            ET.SubElement(case, "skipped", message=each.said or "a step before it failed")
        else:
            ET.SubElement(case, "system-out").text = each.said
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def write(walk: Walk, results: Sequence[Result], began: datetime, folder: Path, say: Callable[[str], None]) -> None:
    """Write page, JUnit file and measurements to the folder, and print their paths."""
    ended = walk.waiting.now()
    files = {
        "report.md": page(walk, results, began, ended),
        "junit.xml": junit(results, walk.run.name, began),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    walk.measurements.write(folder / "measurements.json")
    say(f"The report is {folder / 'report.md'}, the JUnit file {folder / 'junit.xml'}.")
