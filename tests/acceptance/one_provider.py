"""Acceptance with a provider that keeps running between commands of Terraform, which saves most of the CPU time.

`python -m tests.acceptance.one_provider` is `python -m acceptance` with it.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from unittest.mock import patch

from acceptance import terraform
from tests.provider import FAST, running_provider


class OneProvider(terraform.Terraform):
    """Terraform with one provider. `stack` stops it."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], show: Callable[[str], None], *, stack: ExitStack
    ) -> None:
        super().__init__(folder, {**environment, **FAST}, show)
        self._stack = stack

    def init(self) -> None:
        super().init()
        self._environment |= self._stack.enter_context(running_provider(self._folder, self._environment))


if __name__ == "__main__":
    with ExitStack() as until_the_end, patch.object(terraform, "Terraform", partial(OneProvider, stack=until_the_end)):
        runpy.run_module("acceptance", run_name="__main__")
