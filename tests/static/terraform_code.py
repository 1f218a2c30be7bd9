"""The repository's Terraform code, as it is written: what there is of it, and what its blocks say."""

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
_BLOCK = "__is_block__"  # how the parser marks a block's body; what is around it are labels
_NOT_SOURCE = {".git", ".terraform", "build", "node_modules"}


def roots() -> list[Path]:
    """Every directory with Terraform code: the root module, the submodules, the examples and what tests apply."""
    return sorted({path.parent for path in _sources("*.tf")})


def modules() -> list[Path]:
    """The modules that users call."""
    return [REPOSITORY, *_children("modules")]


def examples() -> list[Path]:
    """The examples."""
    return _children("examples")


def tftest_files() -> list[Path]:
    """Every file of Terraform tests, wherever it is."""
    return sorted(_sources("*.tftest.hcl"))


def name(path: Path) -> str:
    """How a file or directory is called in this repository: its path, or `root`."""
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
    """A block of HCL: its labels, and its attributes and inner blocks in the order in which they are written."""

    labels: tuple[str, ...]
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The last label: what `variable`, `output` and `run` blocks are called."""
        return self.labels[-1]

    def text(self, attribute: str) -> str:
        """A string; empty where it is left out."""
        return str(self.body.get(attribute, "")).strip()


def blocks(path: Path, kind: str) -> list[Block]:
    """The top-level blocks of one kind, `variable` for instance, of a file or of a directory's *.tf files."""
    return [block for file in _files(path) for block in _blocks(_parsed(file).get(kind, []))]


def source_of(path: Path, kind: str, label: str, attribute: str) -> str:
    """An attribute's value as it is written in the file, which is formatted by `terraform fmt`."""
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
