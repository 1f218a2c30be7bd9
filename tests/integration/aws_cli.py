"""The AWS CLI for many commands. Its start takes a second, so one process loads it, and forks for each command."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CLIENT = """\
#!{python} -ISs
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    arguments = ["--endpoint-url", os.environ["AWS_ENDPOINT_URL"], *sys.argv[1:]]  # version 1 needs it for SQS
    request = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [request], [0, 1, 2])
    sys.exit(server.recv(1)[0])
"""
MOST = 2**18
"""The maximum number of bytes of a command with its environment."""


@contextmanager
def aws_cli(folder: Path) -> Iterator[Path]:
    """Yield a folder with the command `aws`, which uses the AWS of its environment."""
    address, command = folder / "socket", folder / "aws"
    command.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    command.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(address)], cwd=REPOSITORY, stdout=subprocess.PIPE
    ) as server:
        try:
            while server.stdout.readline() != b"ready\n":
                assert server.poll() is None
            yield folder
        finally:
            server.terminate()


def serve(address: str) -> None:
    """Carry out commands until the end of the process."""
    from awscli.clidriver import create_clidriver  # noqa: PLC0415 - the tests themselves do without

    cli = create_clidriver()
    cli.main(["dynamodb", "query", "--generate-cli-skeleton"])  # loads what every command needs
    cli.session.get_component("data_loader").load_service_model("cloudwatch", "service-2")
    nobody = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "nobody")
    cli.session.create_client("dynamodb", region_name="us-east-1", **nobody)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while True:
            client, _ = server.accept()
            if os.fork() == 0:
                carry_out(cli.main, client)
            client.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    pass


def carry_out(run: Callable[[], int], client: socket.socket) -> None:
    """Carry out one command with the files, the folder and the environment of its client."""
    status = 255
    try:
        request, files, _, _ = socket.recv_fds(client, MOST, 3)
        sys.argv[1:], folder, environment = json.loads(request)
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(folder)
        data_of_the_cli = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}
        os.environ.clear()
        os.environ.update(environment | data_of_the_cli)
        status = run()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - whatever it is, the command has failed
        traceback.print_exc()
    finally:
        client.sendall(bytes([status]))
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
