"""Cold starts in stock, for copies in which the function's process ends: an import would take longer than all the rest.

A process of the stock has been started as any other, from the same package. It has not handled an event.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from unittest.mock import patch

import boto3

from simulator.local_aws import function_process
from simulator.local_aws.environment import aws_variables
from simulator.local_aws.function_process import Handler, Process

NUMBER = 5
"""Cold starts in most copies. Further ones import the function as usual."""

_stock: dict[str, list[Process]] = {}
"""Started processes by the directory of their code."""


def stock_up() -> None:
    """Start processes of each function that is warm, once."""
    for (_, _, variables), process in function_process._processes.items():
        if process.handler is not None and process._directory not in _stock:
            _stock[process._directory] = [_started(process, dict(variables)) for _ in range(NUMBER)]


def _started(process: Process, variables: dict[str, str]) -> Process:
    new = copy(process)
    new._modules, new._taken, new._session = {}, {}, None
    new.forget()
    with aws_variables(variables), new.running():
        sys.modules[new.load().__module__]._function()
    return new


@contextmanager
def from_stock() -> Iterator[None]:
    """Take the processes of this process's stock, as long as there are any."""
    load = Process.load

    def start(process: Process) -> Handler:
        if process.handler is None and (stock := _stock.get(process._directory)):
            new = stock.pop()
            sys.modules.update(new._modules)
            boto3.DEFAULT_SESSION = new._session
            process.handler = new.handler
        return load(process)

    with patch.object(Process, "load", start):
        yield
