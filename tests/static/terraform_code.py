"""The repository's Terraform code: its directories, and the content of its blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
from hcl2 import SerializationOptions

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests" / "terraform"

_PLAIN = SerializationOptions(with_comments=False, preserve_heredocs=False, strip_string_quotes=True)
_BLOCK = "__is_block__"  # the parser's mark of a block's body; the keys around it are labels
_NOT_SOURCE = {".git", ".terraform", "build", "node_modules"}


def roots() -> list[Path]:
    """Return every directory with Terraform code: the root module, the submodules, the examples, the tests' roots."""
    return sorted({path.parent for path in _sources("*.tf")})


def modules() -> list[Path]:
    """Return the modules that users call."""
    return [REPOSITORY, *_children("modules")]


def examples() -> list[Path]:
    """Return the examples."""
    return _children("examples")


def tftest_files() -> list[Path]:
    """Return every file of Terraform tests."""
    return sorted(_sources("*.tftest.hcl"))


def name(path: Path) -> str:
    """Return the name of a file or directory in this repository: its path, or `root`."""
    return "root" if path == REPOSITORY else path.relative_to(REPOSITORY).as_posix()


def _children(directory: str) -> list[Path]:
    return sorted(path for path in (REPOSITORY / directory).iterdir() if any(path.glob("*.tf")))


def _sources(pattern: str) -> Iterator[Path]:
    for path in REPOSITORY.rglob(pattern):
        parts = path.relative_to(REPOSITORY).parts
        if not _NOT_SOURCE.intersection(parts) and not parts[0].startswith(".venv"):
            yield path


@dataclass(frozen=True)
class Block:
    """A block of HCL: its labels, and its attributes and inner blocks in the order of the file."""

    labels: tuple[str, ...]
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The last label, which is the name of `variable`, `output` and `run` blocks."""
        return self.labels[-1]

    def text(self, attribute: str) -> str:
        """Return a string attribute, or an empty string if it is absent."""
        return str(self.body.get(attribute, "")).strip()


def blocks(path: Path, kind: str) -> list[Block]:
    """Return the top-level blocks of one kind, for example `variable`, in a file or in a directory's *.tf files."""
    return [block for file in _files(path) for block in _blocks(_parsed(file).get(kind, []))]


def names(path: Path, kind: str, containing: str = "") -> list[str]:
    """Return the names of a directory's top-level blocks of one kind, without parsing: each worker collects tests."""
    pattern = rf'^{kind} "([\w-]+)" {{\n((?:  .*\n|\n)*)}}$'
    found = [each for file in _files(path) for each in re.findall(pattern, file.read_text(), re.MULTILINE)]
    return [label for label, body in found if containing in body]


def source_of(path: Path, kind: str, label: str, attribute: str) -> str:
    """Return an attribute's value as in the file, which `terraform fmt` has formatted."""
    for file in _files(path):
        pattern = rf'^{kind} "{label}" {{\n(?:  .*\n|\n)*?  {attribute} += (.*\n(?:   .*\n|  [}}\])].*\n)*)'
        if match := re.search(pattern, file.read_text(), re.MULTILINE):
            return match[1].rstrip()
    raise LookupError(f'{name(path)} has no {attribute} in {kind} "{label}"')


def _files(path: Path) -> Iterable[Path]:
    return sorted(path.glob("*.tf")) if path.is_dir() else [path]


@cache
def _parsed(file: Path) -> dict[str, Any]:
    with file.open() as stream:
        return hcl2.load(stream, serialization_options=_PLAIN)


def _blocks(parsed: Iterable[dict[str, Any]], labels: tuple[str, ...] = ()) -> Iterator[Block]:
    for entry in parsed:
        if _BLOCK in entry:
            yield Block(labels, {key: value for key, value in entry.items() if key != _BLOCK})
        else:
            for label, inner in entry.items():
                yield from _blocks([inner], (*labels, label))
