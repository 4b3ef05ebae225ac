"""The garbage collector, kept from looking at millions of objects that hold no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLD: Final = 200_000
"""New containers between two collections; Python's own is 700."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let the collector run seldom inside of the block.

    A conversion makes tuples, dicts and strings by the million and no cycles: nothing is freed by
    collecting often, which costs time where rows are wide.
    Reference counts free what is done with.
    """
    before = gc.get_threshold()
    gc.set_threshold(THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
