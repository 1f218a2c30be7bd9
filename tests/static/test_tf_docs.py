"""The tables of inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.static.terraform_code import modules, name
from tests.static.tf_docs import documented, rendered


@pytest.mark.parametrize("module", modules(), ids=name)
def test_a_module_s_page_lists_the_inputs_and_outputs_that_the_module_has(module: Path):
    assert documented(module) == rendered(module), "run python -m tests.static.tf_docs --write"
