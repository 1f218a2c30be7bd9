"""Tables in Markdown, and generated sections of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


class MissingSectionError(ValueError):
    """A page has no place for a generated section."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    alignment = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, alignment, *rows))


def percent(share: float) -> str:
    """A share from 0 to 1 as a small percentage; 0 if there is nothing at all."""
    return f"{share:.3%}" if share else "0"


def with_sections(page: str, sections: Mapping[str, str]) -> str:
    """A page with each section's text between its marks, `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Raises:
        MissingSectionError: the page lacks the marks of a section.
    """
    for name, text in sections.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, found_begin, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found_begin and found_end):
            raise MissingSectionError(f"The page lacks {begin} and, below it, {end}: the place of a generated section.")
        page = f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"
    return page
