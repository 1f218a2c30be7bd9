"""Runs many continuations of one situation: the test prepares the situation once, and continues in copies of it.

A copy is a forked process with the complete world. Threads are not copied, so an invocation of tests/faults/stage.py
that is running does not exist in the copy.
"""

from __future__ import annotations

import gc
import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tests.faults.cold_starts import from_stock, stock_up

P = ParamSpec("P")
T = TypeVar("T")


def in_a_copy(future: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call a function in a copy of this process, without changes in this process, and return its result.

    Raises:
        AssertionError: it has failed. The message is its traceback.

    """
    stock_up()
    source, target = os.pipe()
    gc.freeze()  # else the copy's first collection would touch all memory, and so copy it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the warning is about pytest-xdist's threads
        process = os.fork()
    if process == 0:
        gc.disable()
        try:
            with from_stock():
                told = pickle.dumps((future(*args, **options), ""))
        except BaseException:  # noqa: BLE001 - whatever it is, the test has to tell
            told = pickle.dumps((None, traceback.format_exc()))
        with os.fdopen(target, "wb") as pipe:
            pipe.write(told)
        os._exit(0)  # without exit handlers, which only the original process runs
    gc.unfreeze()
    os.close(target)
    with os.fdopen(source, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(process, 0)
    assert told, f"the copy ended with status {status}"
    result, failure = pickle.loads(told)
    assert not failure, failure
    return result
