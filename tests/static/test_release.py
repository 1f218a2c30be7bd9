"""The files of a release contain its version, and the front page's badges match the code."""

from __future__ import annotations

import re

from tests.static.terraform_code import REPOSITORY, blocks
from tests.static.test_docs import pages

README = (REPOSITORY / "README.md").read_text()
(VERSION, *_) = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_every_snippet_names_the_version_that_the_changelog_begins_with():
    named = {(page.name, ref) for page in pages() for ref in re.findall(r"\?ref=v([\w.]+)", page.read_text())}
    assert {ref for _, ref in named} == {VERSION}, named


def test_every_snippet_names_the_same_owner():
    owners = {
        (page.name, owner)
        for page in pages()
        for owner in re.findall(r"github\.com/([\w-]+)/terraform-aws-kinesis-autoscaler", page.read_text())
    }
    assert len({owner for _, owner in owners}) == 1, owners


def test_the_badges_say_what_the_code_requires():
    (settings,) = blocks(REPOSITORY, "terraform")
    (providers,) = settings.body["required_providers"]
    assert f"[![Terraform {settings.text('required_version')}]" in README
    assert f"[![AWS provider {providers['aws']['version']}]" in README
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text()
    labels = re.findall(r"\[!\[([^\]]+)\]\(https://img\.shields\.io/badge/([^)]+)\)", README)
    for label, badge in labels:
        version = label.rpartition(" ")[2]
        assert version.lower() in badge.lower().replace("--", "-"), (label, badge)
