"""A function's process, simulated inside the simulator's process."""

from __future__ import annotations

import atexit
import compileall
import contextlib
import importlib
import io
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import boto3

Handler: TypeAlias = Callable[[object, Any], object]
"""Takes an event and a context, and returns the payload."""


class Process:
    """What a warm Lambda process keeps between invocations: the unpacked zip, its modules, boto3's default session."""

    def __init__(self, code: bytes, handler_name: str) -> None:
        """Unpack a zip, whose handler is for instance ``package.module.function``."""
        self._directory = tempfile.mkdtemp(prefix="function-")
        atexit.register(shutil.rmtree, self._directory, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(self._directory)
        compileall.compile_dir(self._directory, quiet=1)  # so that a cold start does not compile
        self._names = {path.stem for path in Path(self._directory).iterdir()}
        self._prefixes = tuple(self._names)
        self._modules: dict[str, ModuleType] = {}
        self._taken: dict[int, list[str]] = {}  # the function's modules by the total number of modules
        self._session: boto3.Session | None = None
        self._handler_name = handler_name
        self.handler: Handler | None = None

    def load(self) -> Handler:
        """Return the handler. The first call imports its module, and raises the errors of the import."""
        if self.handler is None:
            module_name, _, function_name = self._handler_name.rpartition(".")
            handler: Handler
            handler = self.handler = getattr(importlib.import_module(module_name), function_name)
            return handler
        return self.handler

    def forget(self) -> None:
        """End the process, so that the next invocation is a cold start."""
        self.handler = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Use the function's modules and session instead of this process's own."""
        own_path, own_session = list(sys.path), boto3.DEFAULT_SESSION
        own_modules = self._take_modules()
        sys.modules.update(self._modules)
        sys.path.insert(0, self._directory)
        boto3.DEFAULT_SESSION = self._session
        try:
            yield
        finally:
            modules, session = self._take_modules(), boto3.DEFAULT_SESSION
            self._modules, self._session = (modules, session) if self.handler else ({}, None)
            sys.modules.update(own_modules)
            sys.path[:], boto3.DEFAULT_SESSION = own_path, own_session

    def _take_modules(self) -> dict[str, ModuleType]:
        if not any(name in sys.modules for name in self._names):
            return {}
        # There are thousands of modules, and an invocation rarely adds one.
        count = len(sys.modules)
        names = self._taken.get(count)
        if names is None or not all(name in sys.modules for name in names):
            candidates = (name for name in sys.modules if name.startswith(self._prefixes))
            names = self._taken[count] = [name for name in candidates if name.partition(".")[0] in self._names]
        return {name: sys.modules.pop(name) for name in names}


_processes: dict[tuple[bytes, str, frozenset[tuple[str, str]]], Process] = {}


def warm_process(code: bytes, handler_name: str, variables: Mapping[str, str]) -> Process:
    """Return the process for this code with these environment variables. The same arguments return the same process."""
    key = (code, handler_name, frozenset(variables.items()))
    if key not in _processes:
        _processes[key] = Process(code, handler_name)
    return _processes[key]
