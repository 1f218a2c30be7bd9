"""Tables and generated sections of a page."""

from __future__ import annotations

import pytest

from simulator.reports.markdown import MissingSectionError, table, with_sections

PAGE = "# Title\n\n<!-- begin one -->\nold\n<!-- end one -->\n\nby hand\n\n<!-- begin two -->\n<!-- end two -->\n"


def test_a_section_is_replaced_and_what_is_written_by_hand_stays():
    page = with_sections(PAGE, {"one": "new \\1"})
    assert page == PAGE.replace("\nold\n", "\n\nnew \\1\n\n")


def test_writing_the_same_again_changes_nothing():
    sections = {"one": "first", "two": "second"}
    page = with_sections(PAGE, sections)
    assert with_sections(page, sections) == page


@pytest.mark.parametrize("page", ["nothing", "<!-- begin one -->", "<!-- end one --> <!-- begin one -->"])
def test_a_page_without_a_place_for_a_section_is_refused(page):
    with pytest.raises(MissingSectionError, match="<!-- begin one -->"):
        with_sections(page, {"one": "text"})


def test_long_lines_of_prose_are_wrapped_and_tables_are_not():
    row = f"| {'cell | ' * 40}"
    page = with_sections(PAGE, {"one": f"{'word ' * 60}\n\n{row}"})
    assert row.strip() in page
    assert max(len(line) for line in page.splitlines() if not line.startswith("|")) == 139


def test_a_table_has_a_header_and_a_line_for_each_row():
    assert table(("name", "number"), [("a", "1"), ("b", "2")]).splitlines() == [
        "| name | number |",
        "| --- | ---: |",
        "| a | 1 |",
        "| b | 2 |",
    ]
