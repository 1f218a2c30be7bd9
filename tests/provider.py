"""The AWS provider, started once for many commands of Terraform.

Terraform needs seconds of CPU time to start the provider, several times a command. So one provider serves all commands
of a root: it is started as its developers start it under a debugger, and Terraform gets the address
(https://developer.hashicorp.com/terraform/plugin/debugging) of a proxy in front of it. Such a provider has one
configuration at a time, so it does not support roots with provider aliases.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

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
    command = [binary, "-debug"]
    with (
        subprocess.Popen(
            command, cwd=directory, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process,
        ExitStack() as stack,
    ):
        try:
            assert process.stdout
            found = next(filter(None, (re.search(r"TF_REATTACH_PROVIDERS='(.*)'", line) for line in process.stdout)))
            threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop the provider
            [(name, provider)] = json.loads(found[1]).items()
            socket = stack.enter_context(tempfile.TemporaryDirectory(prefix="provider-")) + "/socket"
            stack.enter_context(proxy(f"unix:{provider['Addr']['String']}", f"unix:{socket}"))
            provider["Addr"]["String"] = socket
            yield {"TF_REATTACH_PROVIDERS": json.dumps({name: provider})}
        finally:
            process.terminate()
