"""A proxy between Terraform and the AWS provider, for calls whose answers are always the same, and often large.

Every command of Terraform, and every run of its tests, asks for the schema of all 1,500 types of resources, and makes
the provider check the code of all of them before its configuration. That takes most of the CPU time of both. It also
makes the provider check each block several times, before the provider has a configuration. So the proxy asks each of
these questions once, and shortens the schema to the types that this repository mentions. All other calls go through as
they are: every plan, read and change is the provider's own.

A provider has one configuration at a time. So each region has a provider, whose commands take turns.

The protocol is https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol, version 5.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from unittest.mock import patch

import grpc
from grpc import _server

REPOSITORY = Path(__file__).resolve().parents[1]
_SOURCES = (".tf", ".hcl", ".py", ".md")
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_SCHEMA = "/tfplugin5.Provider/GetSchema"
_ALWAYS_THE_SAME = {
    _SCHEMA,
    "/tfplugin5.Provider/PrepareProviderConfig",
    "/tfplugin5.Provider/ValidateDataSourceConfig",
    "/tfplugin5.Provider/ValidateResourceTypeConfig",
}
_CONFIGURATION = "/tfplugin5.Provider/Configure"
_BY_TYPE = {2, 3, 8}
"""The fields of GetProviderSchema.Response with schemas by type: of resources, data sources, ephemeral resources."""
_AT_ONCE = 32
"""More than the calls that a Terraform makes at once, which are 10 and those of its own plugin library."""


@contextmanager
def proxy(start: Callable[[], str]) -> Iterator[str]:
    """Answer for providers. Yield the address. `start` starts a provider and returns its gRPC target."""
    # gRPC waits until this many seconds later. On the virtual clock of a local AWS, one second later is in the past.
    patience = patch.object(_server, "_DEALLOCATED_SERVER_CHECK_PERIOD_S", 1e9)
    with patience, ThreadPoolExecutor(_AT_ONCE) as threads:
        server = grpc.server(threads, options=_UNLIMITED)
        server.add_generic_rpc_handlers([_Providers(start)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=None).wait()


class _Providers(grpc.GenericRpcHandler):
    """Forwards each call as bytes, to the provider of the region that the connection was configured for.

    Terraform has a connection for each configuration of a provider. It does without the streams of its plugin library.
    """

    def __init__(self, start: Callable[[], str]) -> None:
        self._start = start
        self._first = grpc.insecure_channel(start(), options=_UNLIMITED)
        self._of_region: dict[bytes, grpc.Channel] = {}
        self._of_connection: dict[str, grpc.Channel] = {}
        self._lock = Lock()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = details.method
        if method.startswith(("/plugin.GRPCStdio/", "/plugin.GRPCBroker/")):
            return None

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if method == _CONFIGURATION:
                self._of_connection[context.peer()] = self._for_region(_region(request))
            call = self._of_connection.get(context.peer(), self._first).unary_unary(method)
            try:
                return _known(method, request, call) if method in _ALWAYS_THE_SAME else call(request)
            except grpc.RpcError as error:
                return context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(answer)

    def _for_region(self, region: bytes) -> grpc.Channel:
        with self._lock:
            if not self._of_region:
                self._of_region[region] = self._first
            if region not in self._of_region:
                self._of_region[region] = grpc.insecure_channel(self._start(), options=_UNLIMITED)
            return self._of_region[region]


def _region(configuration: bytes) -> bytes:
    """Return the region of an encoded configuration, or nothing: then it is that of the environment."""
    found = re.search(rb"[a-z]{2}(?:-[a-z]+)+-[0-9]", configuration)
    return found[0] if found else b""


_answers: dict[tuple[str, bytes], bytes] = {}


def _known(method: str, request: bytes, call: Callable[[bytes], bytes]) -> bytes:
    """Return an answer that depends on the request alone, not on the process of the provider or its environment."""
    if (method, request) not in _answers:
        answer = call(request)
        _answers[method, request] = only(mentioned(), answer) if method == _SCHEMA else answer
    return _answers[method, request]


@cache
def mentioned() -> frozenset[bytes]:
    """Return each word of this repository that may be a type of resource."""
    words: set[bytes] = set()
    for folder, folders, files in os.walk(REPOSITORY):
        folders[:] = [each for each in folders if not each.startswith(".") and each not in ("build", "node_modules")]
        for file in files:
            if file.endswith(_SOURCES):
                words.update(re.findall(rb"\baws_[a-z0-9_]+", Path(folder, file).read_bytes()))
    return frozenset(words)


def only(types: frozenset[bytes], schema: bytes) -> bytes:
    """Return an encoded GetProviderSchema.Response with only these types of resources."""
    kept, at = bytearray(), 0
    while at < len(schema):
        begin = at
        tag, at = _varint(schema, at)
        assert tag & 7 == 2, "every field of this message has a length"
        length, at = _varint(schema, at)
        if tag >> 3 not in _BY_TYPE or _key(schema, at) in types:
            kept += schema[begin : at + length]
        at += length
    return bytes(kept)


def _key(buffer: bytes, at: int) -> bytes:
    """Return the key of a map's entry, which is its first field."""
    tag, at = _varint(buffer, at)
    assert tag == 1 << 3 | 2
    length, at = _varint(buffer, at)
    return buffer[at : at + length]


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Return an encoded number, and where the next field begins."""
    value = shift = 0
    while True:
        byte, at = buffer[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
