"""A proxy between Terraform and the AWS provider, for calls whose answers are large and always the same.

Every command of Terraform, and every run of its tests, asks for the schema of all 1,500 types of resources, and makes
the provider check the code of all of them before its configuration. That takes most of the CPU time of both. So the
proxy asks for each different answer once, and shortens the schema to the types that this repository mentions. All other
calls go through as they are: every plan, read and change is the provider's own.

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

import grpc

REPOSITORY = Path(__file__).resolve().parents[1]
_SOURCES = (".tf", ".hcl", ".py", ".md")
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_SCHEMA = "/tfplugin5.Provider/GetSchema"
_PREPARATION = "/tfplugin5.Provider/PrepareProviderConfig"
_BY_TYPE = {2, 3, 8}
"""The fields of GetProviderSchema.Response with schemas by type: of resources, data sources, ephemeral resources."""
_AT_ONCE = 32
"""More than the calls that a Terraform makes at once, which are 10 and those of its own plugin library."""


@contextmanager
def proxy(provider: str, address: str) -> Iterator[None]:
    """Answer at a gRPC address for the provider at another one."""
    server = grpc.server(ThreadPoolExecutor(_AT_ONCE), options=_UNLIMITED)
    with grpc.insecure_channel(provider, options=_UNLIMITED) as channel:
        server.add_generic_rpc_handlers([_Forward(channel)])
        server.add_insecure_port(address)
        server.start()
        try:
            yield
        finally:
            server.stop(grace=None).wait()


class _Forward(grpc.GenericRpcHandler):
    """Forwards each call as bytes. Terraform does without the streams of its plugin library."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._prepared: dict[bytes, bytes] = {}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = details.method
        if method.startswith(("/plugin.GRPCStdio/", "/plugin.GRPCBroker/")):
            return None
        call: Callable[[bytes], bytes] = self._channel.unary_unary(method)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                if method == _SCHEMA:
                    return _schema(call, request)
                if method == _PREPARATION:
                    return self._prepared.get(request) or self._prepared.setdefault(request, call(request))
                return call(request)
            except grpc.RpcError as error:
                return context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(answer)


_schemas: dict[bytes, bytes] = {}


def _schema(call: Callable[[bytes], bytes], request: bytes) -> bytes:
    """Return the schema of the provider, which is the same for all of this process."""
    if request not in _schemas:
        _schemas[request] = only(mentioned(), call(request))
    return _schemas[request]


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
