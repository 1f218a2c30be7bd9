"""The files, headings, make targets and inputs in the docs exist."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import hcl2
import pytest

from simulator.reports.markdown import LINE
from tests.static.terraform_code import REPOSITORY

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|\!\[[^\]]*\]\(([^)\s]+)\)")
SNIPPET = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)

GENERATED = re.compile(r"<!-- begin (\w+) -->.*?<!-- end \1 -->", re.DOTALL)


def pages() -> list[Path]:
    tracked = subprocess.run(["git", "ls-files", "*.md"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [REPOSITORY / line for line in tracked.stdout.split()]


PAGES = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", SNIPPET.sub("", text))


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub creates them."""
    headings = re.findall(r"^#+ +(.*)$", SNIPPET.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@PAGES
def test_every_relative_link_leads_somewhere(page):
    for text, picture in LINK.findall(without_code(page.read_text())):
        target, _, anchor = (text or picture).partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name} links to {target}, which does not exist"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} links to {target}#{anchor}; there is no such heading"


@PAGES
def test_every_make_target_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    named = set(re.findall(r"`make ([a-z-]+)", text))
    for _, _, code in SNIPPET.findall(text):
        named |= set(re.findall(r"^\s*make ([a-z-]+)", code, re.MULTILINE))
    assert named <= targets, f"{page.name} names {named - targets}"


def inputs(folder: Path) -> set[str]:
    text = (folder / "variables.tf").read_text()
    return set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))


INPUTS = {"": inputs(REPOSITORY), "modules/stream": inputs(REPOSITORY / "modules/stream")}


@PAGES
def test_every_snippet_of_terraform_parses_and_names_inputs_that_exist(page):
    for indent, language, code in SNIPPET.findall(page.read_text()):
        if language not in ("hcl", "terraform"):
            continue
        parsed = hcl2.loads(re.sub(rf"^{indent}", "", code, flags=re.MULTILINE))
        for block in parsed.get("module", []):
            for body in block.values():
                source = str(body.get("source", "")).strip('"')
                module = "modules/stream" if "modules/stream" in source else ""
                if "terraform-aws-kinesis-autoscaler" not in source and not source.startswith("."):
                    continue
                given = {key for key in body if not key.startswith("__")} - {"source", "version", "for_each", "count"}
                assert given <= INPUTS[module], f"{page.name}: no such inputs: {given - INPUTS[module]}"


@PAGES
def test_every_python_file_that_a_page_names_exists(page):
    named = set(re.findall(r"`((?:[\w.]+/)*\w+\.py)`", page.read_text()))
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    files = [f"/{line}" for line in tracked.stdout.split()]
    assert {name for name in named if not any(file.endswith(f"/{name}") for file in files)} == set()


@PAGES
def test_no_line_of_prose_is_longer_than_140_characters(page):
    # simulator/reports/markdown.py wraps generated sections.
    by_hand = GENERATED.sub("", SNIPPET.sub("", page.read_text()))
    prose = [line for line in by_hand.splitlines() if not line.lstrip().startswith("|")]
    assert [line for line in prose if len(LINK.sub("", line)) > LINE] == []


def test_the_readme_is_among_the_pages():
    assert REPOSITORY / "README.md" in pages()
