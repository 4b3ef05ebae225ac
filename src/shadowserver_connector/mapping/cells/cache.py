"""What a conversion remembers of the cells that it met: bounded in bytes, over all columns.

Most cells come again, so what they became is kept. How many a file has, how long they are and how
many columns there are is up to whoever wrote it; what is kept is not.
"""

from __future__ import annotations

from typing import Any, Final

BYTES: Final = 32 * 1024 * 1024
"""Bytes that all that is kept of one report takes, about, and at most."""

WIDEST: Final = 4
"""Bytes that a character takes, at most. What is kept is short, so nobody looks whether it does."""

_LARGEST: Final = 64 * 1024
# Of an entry: its place in a dict, the heads of its key and its value.
_ENTRY_BYTES: Final = 200


class BoundedCache:
    """What is kept of one column, section or kind; `Memory.keeping` makes one."""

    __slots__ = ("_budget", "_most", "_size", "known")

    known: dict[Any, Any]
    """To be looked up in; always the same dict."""

    def __init__(self, cache_budget: CacheBudget, most: int) -> None:
        self.known = {}
        self._budget = cache_budget
        self._most = most
        self._size = 0

    def keep(self, key: Any, value: Any, size: int) -> None:
        """Keep a value of ``size`` bytes, its key included, unless it is large.

        Where there are too many, the others are forgotten; where these and those of all others
        take too much, all are.
        """
        if size > _LARGEST:
            return
        cache_budget = self._budget
        size += _ENTRY_BYTES
        if len(self.known) >= self._most:
            self.forget()
        if cache_budget.size + size > cache_budget.most:
            cache_budget.forget()
        cache_budget.size += size
        self._size += size
        self.known[key] = value

    def forget(self) -> None:
        """Forget all."""
        self.known.clear()
        self._budget.size -= self._size
        self._size = 0


class CacheBudget:
    """What is kept of one report."""

    __slots__ = ("_all", "most", "size")

    size: int
    """Bytes, about."""
    most: int

    def __init__(self, most: int = BYTES) -> None:
        self.size = 0
        self.most = most
        self._all: list[BoundedCache] = []

    def new_cache(self, most: int) -> BoundedCache:
        """Return what keeps up to ``most`` values."""
        kept = BoundedCache(self, most)
        self._all.append(kept)
        return kept

    def forget(self) -> None:
        """Forget all of it."""
        for kept in self._all:
            kept.forget()
