"""Static checks of the Terraform code, for `make lint`: terraform fmt and validate, tflint where it is found, checkov.

    python -m tests.static.lint

checkov pins packages that the tests need in other versions, so it gets a virtual environment of its own, .venv-checkov.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from tests.static.terraform_code import REPOSITORY, name, roots
from tests.static.terraform_without_aws import Terraform, terraform_without_aws

CHECKOV = REPOSITORY / ".venv-checkov"
CHECKOV_REQUIREMENTS = REPOSITORY / "requirements-checkov.txt"


def problems() -> Iterator[str]:
    """Yield the problems of the Terraform code, in the words of the tools."""
    with terraform_without_aws() as terraform:
        yield from _formatting(terraform)
        for root in roots():
            yield from _validity(terraform, root)
    yield from _tflint()
    yield from _checkov()


def _formatting(terraform: Terraform) -> Iterator[str]:
    done = terraform.run(REPOSITORY, "fmt", "-check", "-diff", "-recursive")
    if done.returncode:
        yield f"terraform fmt:\n{done.stdout}{done.stderr}"


def _validity(terraform: Terraform, root: Path) -> Iterator[str]:
    initialised = terraform.run(root, "init", "-backend=false", "-no-color")
    if initialised.returncode:
        yield f"terraform init, {name(root)}:\n{initialised.stderr}"
        return
    for found in json.loads(terraform.run(root, "validate", "-json").stdout)["diagnostics"]:
        yield f"terraform validate, {name(root)}: {found['summary']}\n{found.get('detail', '')}"


def _tflint() -> Iterator[str]:
    tflint = shutil.which("tflint")
    if tflint is None:
        print("tflint was not found, and left out")
        return
    for arguments in (["--init"], ["--recursive", f"--config={REPOSITORY / '.tflint.hcl'}"]):
        yield from _failure("tflint", [tflint, *arguments])


def _checkov() -> Iterator[str]:
    ready = CHECKOV / ".ready"
    if not ready.exists() or ready.stat().st_mtime < CHECKOV_REQUIREMENTS.stat().st_mtime:
        print("installing checkov")
        venv.create(CHECKOV, with_pip=True, clear=True)
        install = ["install", "-qq", "--disable-pip-version-check", "--requirement", str(CHECKOV_REQUIREMENTS)]
        subprocess.run([CHECKOV / "bin" / "pip", *install], check=True)
        ready.touch()
    yield from _failure("checkov", [str(CHECKOV / "bin" / "checkov"), "--config-file", ".checkov.yaml"])


def _failure(tool: str, command: list[str]) -> Iterator[str]:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"{tool}:\n{done.stdout}{done.stderr}"
    elif done.stdout.strip():
        print(f"{tool}: {done.stdout.strip()}")


def main() -> int:
    """Print every problem. Return 1 if there is one."""
    found = list(problems())
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
