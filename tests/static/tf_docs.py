"""The tables of inputs and outputs of the modules, in the format of terraform-docs.

The root module's tables are in docs/inputs.md, those of other modules in their README files.

    python -m tests.static.tf_docs --write      writes them between BEGIN_TF_DOCS and END_TF_DOCS
    python -m tests.static.tf_docs --check      fails if they differ from the code

The settings are those of .terraform-docs.yml, so terraform-docs writes the same tables.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from tests.static.terraform_code import Block, blocks, modules, source_of

BEGIN, END = "<!-- BEGIN_TF_DOCS -->", "<!-- END_TF_DOCS -->"


def rendered(module: Path) -> str:
    """Return the requirements, inputs and outputs of a module, in Markdown."""
    return "\n".join(
        [
            _section("Requirements", "| Name | Version |", "|------|---------|", _requirements(module)),
            _section(
                "Inputs",
                "| Name | Description | Type | Default | Required |",
                "|------|-------------|------|---------|:--------:|",
                [_input(module, variable) for variable in blocks(module, "variable")],
            ),
            _section(
                "Outputs",
                "| Name | Description |",
                "|------|-------------|",
                [f"| {output.name} | {_cell(output.text('description'))} |" for output in blocks(module, "output")],
            ),
        ]
    )


def documented(module: Path) -> str | None:
    """Return the text between the markers of the module's page, or None without markers or page."""
    if found := _between(module):
        return found[2].strip("\n") + "\n"
    return None


def write(module: Path) -> None:
    """Write the tables to the module's page."""
    found = _between(module)
    if found is None:
        raise SystemExit(f"{page(module)} has no {BEGIN} and {END}")
    page(module).write_text(found[1] + "\n" + rendered(module) + found[3])


def page(module: Path) -> Path:
    """Return the page with the module's tables."""
    inputs = module / "docs" / "inputs.md"
    return inputs if inputs.exists() else module / "README.md"


def _between(module: Path) -> re.Match[str] | None:
    text = page(module).read_text() if page(module).exists() else ""
    return re.fullmatch(rf"(.*{BEGIN})(.*)({END}.*)", text, re.DOTALL)


def _section(title: str, header: str, line: str, rows: list[str]) -> str:
    return "\n".join([f"## {title}", "", header, line, *rows, ""])


def _requirements(module: Path) -> list[str]:
    (settings,) = blocks(module, "terraform")
    (providers,) = settings.body["required_providers"]
    versions = {"terraform": settings.text("required_version")} | {
        provider: requirement["version"] for provider, requirement in providers.items() if isinstance(requirement, dict)
    }
    return [f"| {each} | {version} |" for each, version in versions.items()]


def _input(module: Path, variable: Block) -> str:
    required = "default" not in variable.body
    default = "n/a" if required else f"`{_json(variable.body['default'])}`"
    kind = source_of(module, "variable", variable.name, "type")
    return (
        f"| {variable.name} | {_cell(variable.text('description'))} | {_type(kind)} | {_cell(default)} "
        f"| {'yes' if required else 'no'} |"
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2) if value else json.dumps(value)


def _type(written: str) -> str:
    return f"<pre>{_cell(written)}</pre>" if "\n" in written else f"`{written}`"


def _cell(text: str) -> str:
    """Return text for one cell of a table."""
    return text.replace("|", "\\|").replace("\n", "<br/>")


def main(arguments: list[str]) -> int:
    """Write or check. Return 1 if a check fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.static.tf_docs", description="Document inputs and outputs.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the tables into their pages")
    what.add_argument("--check", action="store_true", help="fail where a table is not what the code says")
    if parser.parse_args(arguments).write:
        for module in modules():
            write(module)
        return 0
    stale = [page(module) for module in modules() if documented(module) != rendered(module)]
    for out_of_date in stale:
        print(f"{out_of_date} is out of date; run python -m tests.static.tf_docs --write", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
