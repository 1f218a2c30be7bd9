"""Runs kinesis-local, a Kinesis implementation of other authors, in a separate process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "node_modules" / "kinesis-local" / "main.js"
_POLL_SECONDS, _POLLS = 0.1, 600


def has_node() -> bool:
    """Return whether this machine can install and run it."""
    return all(map(shutil.which, ("node", "npm")))


@contextmanager
def kinesis_local(**durations_and_limits: str) -> Iterator[str]:
    """Run a server on a free port of this machine, without streams. Yield its address.

    The options are environment variables of kinesis-local, for instance `UPDATE_SHARD_COUNT_DURATION="2s"`.
    """
    if not PROGRAM.exists():
        raise RuntimeError(f"{PROGRAM} is missing; install it with: make kinesis-local")
    port = _free_port()
    with TemporaryFile() as output:
        server = subprocess.Popen(
            ["node", PROGRAM.name],
            cwd=PROGRAM.parent,  # where it finds its certificate
            env={**os.environ, **_variables(port), **durations_and_limits},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            for _ in range(_POLLS):
                if _answers(port):
                    break
                if server.poll() is not None:
                    break
                time.sleep(_POLL_SECONDS)
            if server.poll() is not None or not _answers(port):
                output.seek(0)
                raise RuntimeError(f"kinesis-local does not answer: {output.read().decode()}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def _variables(port: int) -> Mapping[str, str]:
    return {
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": "0",  # another port, which is not used
        "LOG_LEVEL": "ERROR",
    }


def _free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
