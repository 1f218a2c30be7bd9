"""Many futures of one past: a test lives through what leads up to a moment once, and what may follow in copies of it.

A copy is the process itself, forked, and with it the whole world. Only threads are not copied: an invocation of
tests/faults/stage.py that is under way stays behind.
"""

from __future__ import annotations

import gc
import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def in_a_copy(future: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call a function in a copy of this process, in which nothing is changed by it, and return what it returns.

    Raises:
        AssertionError: it has failed; the message is its traceback.

    """
    source, target = os.pipe()
    gc.freeze()  # or the copy's first collection would touch all memory, which is copied when it is touched
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of other threads, which are pytest-xdist's
        process = os.fork()
    if process == 0:
        gc.disable()
        try:
            told = pickle.dumps((future(*args, **options), ""))
        except BaseException:  # noqa: BLE001 - whatever it is, the test has to tell
            told = pickle.dumps((None, traceback.format_exc()))
        with os.fdopen(target, "wb") as pipe:
            pipe.write(told)
        os._exit(0)  # without what a process does at its end: that is the original's
    gc.unfreeze()
    os.close(target)
    with os.fdopen(source, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(process, 0)
    assert told, f"the copy ended with status {status}"
    result, failure = pickle.loads(told)
    assert not failure, failure
    return result
