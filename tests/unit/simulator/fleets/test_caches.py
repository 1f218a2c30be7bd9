"""Each execution environment has its own caches, although a thousand of them share a process."""

from __future__ import annotations

from functools import cache, lru_cache
from types import ModuleType, SimpleNamespace

import pytest

from simulator.fleets.caches import Caches


@cache
def client(service: str) -> object:
    """A client of a service."""
    return SimpleNamespace(service=service)


@pytest.fixture
def code():
    """Two modules with the same cached function, because one imports it from the other."""
    clients, handler = ModuleType("clients"), ModuleType("handler")
    clients.client = handler.client = client
    handler.largest = lru_cache(maxsize=1)(max)
    return SimpleNamespace(clients=clients, handler=handler, caches=Caches([clients, handler]))


@pytest.fixture
def one():
    return SimpleNamespace()


@pytest.fixture
def other():
    return SimpleNamespace()


def test_an_environment_keeps_what_it_has_cached(code, one, other):
    code.caches.enter(one)
    mine = code.clients.client("kinesis")
    code.caches.enter(other)
    theirs = code.clients.client("kinesis")
    code.caches.enter(one)
    assert code.handler.client("kinesis") is mine is not theirs
    assert code.handler.client("sns") is not mine


def test_what_one_clears_the_others_keep(code, one, other):
    code.caches.enter(other)
    theirs = code.clients.client("kinesis")
    code.caches.enter(one)
    mine = code.clients.client("kinesis")
    code.handler.client.cache_clear()
    assert code.clients.client("kinesis") is not mine
    code.caches.enter(other)
    assert code.clients.client("kinesis") is theirs


def test_a_cache_holds_as_much_as_the_function_meant_it_to(code, one):
    code.caches.enter(one)
    code.handler.largest(1, 2)
    code.handler.largest(3, 4)
    assert code.handler.largest.cache_info().currsize == 1


def test_a_new_environment_has_nothing_cached(code, one):
    code.caches.enter(one)
    code.handler.largest(1, 2)
    code.caches.enter(SimpleNamespace())
    assert code.handler.largest.cache_info().currsize == 0
