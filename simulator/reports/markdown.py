"""Tables in Markdown, and generated sections of a page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

LINE = 140
"""The longest line of prose in the pages, in characters. Tables have longer ones."""


class MissingSectionError(ValueError):
    """A page lacks the marks of a generated section."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose other columns are numbers."""
    alignment = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, alignment, *rows))


def percent(share: float) -> str:
    """Return a share from 0 to 1 as a percentage with three decimals, or as 0 if it is exactly 0."""
    return f"{share:.3%}" if share else "0"


def with_sections(page: str, sections: Mapping[str, str]) -> str:
    """Return a page with each section's text between its marks, `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Long lines of prose are wrapped.

    Raises:
        MissingSectionError: the page lacks the marks of a section.
    """
    for name, text in sections.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, found_begin, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found_begin and found_end):
            raise MissingSectionError(f"The page lacks {begin} and, below it, {end}, which mark a generated section.")
        page = f"{before}{begin}\n\n{_wrapped(text.strip())}\n\n{end}{after}"
    return page


def _wrapped(text: str) -> str:
    return "\n".join(
        line if len(line) <= LINE or line.startswith("|") else textwrap.fill(line, LINE, break_on_hyphens=False)
        for line in text.splitlines()
    )
