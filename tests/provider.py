"""The AWS provider, started once for many commands of Terraform.

Terraform needs seconds of CPU time to start the provider, several times a command. So one provider serves all commands:
it is started as its developers start it under a debugger, and Terraform gets the address of a proxy in front of it
(https://developer.hashicorp.com/terraform/plugin/debugging).
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.provider_proxy import proxy

# Terraform's garbage collector would take a third of its CPU time, mostly for the provider's schema.
FAST = {"GOGC": "400", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


@contextmanager
def running_provider(directory: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run the provider of an initialised root. Yield the variable that tells Terraform its address.

    It reads lambda/package.zip by the path that the module gives, from this directory.
    """
    installed = "registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws*"
    [binary] = (directory / ".terraform" / "providers").glob(installed)
    with ExitStack() as stack:
        started: list[dict[str, Any]] = []

        def start() -> str:
            started.append(stack.enter_context(_process(binary, directory, environment)))
            return f"unix:{started[-1]['Addr']['String']}"

        address = stack.enter_context(proxy(start))
        provider = {**started[0], "Addr": {"Network": "tcp", "String": address}}
        yield {"TF_REATTACH_PROVIDERS": json.dumps({"registry.terraform.io/hashicorp/aws": provider})}


@contextmanager
def kept_by_working_copies() -> Iterator[None]:
    """Let each WorkingCopy keep one provider for all of its commands."""
    from simulator.deployment.terraform import WorkingCopy  # noqa: PLC0415 - this module is loaded for every test

    init = WorkingCopy.init

    def init_and_start(copy: WorkingCopy, on_line: Callable[[str], None] | None = None) -> None:
        init(copy, on_line)
        if "TF_REATTACH_PROVIDERS" not in copy._environment:
            provider = running_provider(copy.directory, copy._environment)
            copy._environment |= FAST | copy._stack.enter_context(provider)

    with patch.object(WorkingCopy, "init", init_and_start):
        yield


@contextmanager
def _process(binary: Path, directory: Path, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Run one process of the provider. Yield what it tells about itself."""
    with subprocess.Popen(
        [binary, "-debug"],
        cwd=directory,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            found = next(filter(None, (re.search(r"TF_REATTACH_PROVIDERS='(.*)'", line) for line in process.stdout)))
            threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop the provider
            [provider] = json.loads(found[1]).values()
            yield provider
        finally:
            process.terminate()
