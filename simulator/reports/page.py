"""A result as one self-contained HTML page: charts to zoom, tables to filter, and how it was computed.

The charts are plotly's. Its JavaScript is in the page in compressed form, which makes a page of about 2 MB instead of
5. Every browser since 2023 can decompress it. The page's Content-Security-Policy prevents it from loading anything.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

_HEIGHT = 460
_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        title: its heading.
        description: its content as text, for screen readers.
        figure: plotly's data and layout. Colors are names of the style sheet, such as `--demand`.
        has_time: whether it has a time axis, which can be zoomed.

    """

    title: str
    description: str
    figure: Mapping[str, Any]
    has_time: bool = False


@dataclass(frozen=True)
class PageTable:
    """A table.

    Attributes:
        title: its heading.
        head: the columns' names.
        rows: the cells as text.
        numbers: the columns that are numbers.
        kinds: a word for each row, by which rows can be selected; empty without selection.
        has_filter: whether rows can be searched.
        is_log: whether its last column is a sentence. On a phone, such a row is shown as a paragraph.

    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    kinds: Sequence[str] = ()
    has_filter: bool = False
    is_log: bool = False

    @property
    def choices(self) -> list[str]:
        """The words by which rows can be selected."""
        return list(dict.fromkeys(self.kinds))


@dataclass(frozen=True)
class Page:
    """A page: a title, key figures, sentences, charts, tables, code, and how it was computed."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]] = ()
    findings: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[PageTable] = ()
    code: Sequence[tuple[str, str]] = ()
    how: Sequence[str] = field(default_factory=tuple)


def write(page: Page, path: Path) -> None:
    """Write a page to a file."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text())
    figures = json.dumps([chart.figure for chart in page.charts], allow_nan=False, separators=(",", ":"))
    text = template.render(
        page=page, height=_HEIGHT, figures=figures.replace("<", "\\u003c"), library=_library() if page.charts else ""
    )
    path.write_text(text, encoding="utf-8")


@cache
def _library() -> str:
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
