"""Garbage collection for programs that create millions of small objects, and hardly one in a cycle."""

import gc


def collect_rarely() -> None:
    """Leave what has been loaded out of collections, and collect rarely. It spares a replay a sixth of its time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
