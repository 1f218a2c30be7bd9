"""Runs the real Terraform without leaving files in the repository and, if possible, without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator.local_aws.environment import with_aws

REPOSITORY = Path(__file__).resolve().parents[2]
MINIMUM_VERSION = (1, 9)
_HOW_TO_GET_IT = (
    "Install Terraform 1.9 or newer: https://developer.hashicorp.com/terraform/install "
    "(macOS: brew install hashicorp/tap/terraform), and see that `terraform` is on the PATH."
)
# The directories where Terraform looks for providers (its documentation: "CLI Configuration File", "Implied Local
# Mirror Directories"), and common directories on machines without a network.
_MIRROR_ROOTS = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "~/Library/Application Support/io.terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt",
    "/usr/local/share",
    "/usr/local/lib",
    "/usr/share",
    "/usr/lib",
    "~",
)
# Files that a working copy does not need. Hidden files (.git, .venv, .terraform) are also omitted.
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "docs", "node_modules", "*.tfstate*")


class TerraformMissingError(RuntimeError):
    """There is no usable `terraform` on this machine. The message contains the remedy."""


class TerraformError(RuntimeError):
    """A Terraform command failed. The message contains the command and its output."""


def find_terraform() -> Path:
    """Return the terraform binary on the PATH, at least version 1.9."""
    found = shutil.which("terraform")
    if found is None:
        raise TerraformMissingError(f"terraform was not found. {_HOW_TO_GET_IT}")
    answer = subprocess.run([found, "version", "-json"], capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r'"terraform_version":\s*"(\d+)\.(\d+)[^"]*"', answer.stdout)
    if match is None:
        raise TerraformMissingError(f"{found} did not tell its version: {answer.stderr.strip()} {_HOW_TO_GET_IT}")
    if (int(match[1]), int(match[2])) < MINIMUM_VERSION:
        raise TerraformMissingError(f"{found} is version {match[1]}.{match[2]}, which is too old. {_HOW_TO_GET_IT}")
    return Path(found)


def find_provider_mirror() -> Path | None:
    """Return a directory that contains `registry.terraform.io/hashicorp/aws`, or None to use the registry."""
    data_directories = os.environ.get("XDG_DATA_DIRS", "").split(os.pathsep)
    roots = [*(f"{each}/terraform/plugins" for each in data_directories if each), *_MIRROR_ROOTS]
    if data_home := os.environ.get("XDG_DATA_HOME"):
        roots.insert(0, f"{data_home}/terraform/plugins")
    for root in map(Path, map(os.path.expanduser, roots)):
        for depth in ("", "*/", "*/*/"):
            for candidate in root.glob(f"{depth}registry.terraform.io/hashicorp/aws"):
                return candidate.parent.parent.parent
    return None


def cli_environment(directory: Path) -> dict[str, str]:
    """Return variables with which Terraform finds its providers. Their files are written to `directory`.

    A CLI configuration of the user is kept. Otherwise a provider mirror on this machine is used, if there is one, or
    else the registry, whose downloads are kept in the repository's build folder.
    """
    configured = os.environ.get("TF_CLI_CONFIG_FILE")
    if Path(configured or "~/.terraformrc").expanduser().is_file():
        return {}
    mirror = find_provider_mirror()
    if mirror is None:
        cache = REPOSITORY / "build" / "terraform-providers"
        cache.mkdir(parents=True, exist_ok=True)
        return {
            "TF_CLI_CONFIG_FILE": "",
            "TF_PLUGIN_CACHE_DIR": os.environ.get("TF_PLUGIN_CACHE_DIR", str(cache)),
            # Working copies have no lock file. Without this variable, Terraform would ignore the cache.
            "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
        }
    configuration = directory / "mirror.tfrc"
    provider = "registry.terraform.io/hashicorp/aws"
    configuration.write_text(
        "provider_installation {\n"
        f"  filesystem_mirror {{\n    path = {json.dumps(str(mirror))}\n    include = [{json.dumps(provider)}]\n  }}\n"
        f"  direct {{\n    exclude = [{json.dumps(provider)}]\n  }}\n"
        "}\n"
    )
    return {"TF_CLI_CONFIG_FILE": str(configuration)}


@dataclass(frozen=True)
class Plan:
    """The result of `terraform plan -detailed-exitcode`. `text` is its output."""

    has_changes: bool
    text: str


class WorkingCopy:
    """A root module of this repository (`examples/simple`), run in a temporary copy of the repository.

    The copy has the repository's structure, so relative module sources work. A context manager: leaving it deletes the
    copy with its state, but does not destroy the resources.

    Attributes:
        directory: the root module's folder in the copy.

    """

    def __init__(self, root: str, *, aws: Mapping[str, str] | None = None) -> None:
        """Work in `root`, relative to the repository. `aws` contains all AWS_… variables of its environment."""
        self._root = root
        self._aws = dict(aws or {})
        self._stack = ExitStack()
        self.directory = Path()
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Create the copy."""
        self._binary = find_terraform()
        copy = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="terraform-")))
        shutil.copytree(REPOSITORY, copy / "module", ignore=_NOT_COPIED)
        self.directory = copy / "module" / self._root
        self._environment = {
            **with_aws(self._aws),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            **cli_environment(copy),
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the copy."""
        self._stack.close()

    def init(self, on_line: Callable[[str], None] | None = None) -> None:
        """Run `terraform init`."""
        self._checked("init", "-no-color", on_line=on_line)

    def apply(self, variables: Mapping[str, Any] | None = None, on_line: Callable[[str], None] | None = None) -> None:
        """Run `terraform apply`."""
        self._checked("apply", "-auto-approve", "-no-color", self._variables(variables), on_line=on_line)

    def plan(self, variables: Mapping[str, Any] | None = None) -> Plan:
        """Run `terraform plan -detailed-exitcode`."""
        code, text = self._run("plan", "-detailed-exitcode", "-no-color", self._variables(variables))
        if code not in (0, 2):
            raise TerraformError(f"terraform plan failed:\n{text}")
        return Plan(has_changes=code == 2, text=text)

    def outputs(self) -> dict[str, Any]:
        """Run `terraform output` and return the value of each output."""
        found: dict[str, dict[str, Any]] = json.loads(self._checked("output", "-json"))
        return {name: output["value"] for name, output in found.items()}

    def _variables(self, variables: Mapping[str, Any] | None) -> str:
        (self.directory / "simulator.tfvars.json").write_text(json.dumps(variables or {}))
        return "-var-file=simulator.tfvars.json"

    def _checked(self, *arguments: str, on_line: Callable[[str], None] | None = None) -> str:
        code, text = self._run(*arguments, on_line=on_line)
        if code != 0:
            raise TerraformError(f"terraform {' '.join(arguments)} failed:\n{text}")
        return text

    def _run(self, *arguments: str, on_line: Callable[[str], None] | None = None) -> tuple[int, str]:
        with subprocess.Popen(  # noqa: S603 - the arguments are this module's own
            [self._binary, *arguments],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                text = "".join(_followed(process, on_line))
                return process.wait(), text
            except BaseException:
                process.terminate()
                raise


def _followed(process: subprocess.Popen[str], on_line: Callable[[str], None] | None) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        if on_line:
            on_line(line.rstrip())
        yield line
