"""What a conversion caches about cells: bounded in bytes, over all columns.

Most cells repeat, so their results are kept. Whoever wrote a file determines how many cells it has,
how long they are and how many columns there are, but not how much is kept.
"""

from __future__ import annotations

from typing import Any, Final

from shadowserver_connector.memory_limits import CACHE_BYTES

WIDEST: Final = 4
"""Upper bound for the bytes of a character, used instead of measuring each text."""

_LARGEST: Final = 64 * 1024
# Bytes reserved at a time: at first, and at most, which is less than a large entry takes.
_AHEAD: Final = 2 * 1024
_MAX_AHEAD: Final = 32 * 1024
# Of an entry: its place in a dict, the heads of its key and its value.
_ENTRY_BYTES: Final = 200


# Not `functools.lru_cache`: in a compiled module each call of it builds a tuple.
class BoundedCache:
    """What is kept for one column, section or kind; `CacheBudget.new_cache` creates one."""

    __slots__ = ("_budget", "_left", "_max_entries", "_taken", "known")

    known: dict[Any, Any]
    """For look-ups; always the same dict."""

    def __init__(self, cache_budget: CacheBudget, max_entries: int) -> None:
        self.known = {}
        self._budget = cache_budget
        self._max_entries = max_entries
        # Bytes reserved for this cache, and how many of them are still unused. Only when none are
        # left are entries counted, and the sizes of all other caches checked.
        self._taken = 0
        self._left = 0

    def add(self, key: Any, value: Any, size: int) -> None:
        """Keep a value of ``size`` bytes, its key included, unless it is large.

        If there are too many, the others are forgotten; if all caches together take too much, all
        are cleared.
        """
        left = self._left - size - _ENTRY_BYTES
        if left < 0:
            left = self._reserve(size + _ENTRY_BYTES)
            if left < 0:
                return
        self._left = left
        self.known[key] = value

    def _reserve(self, size: int) -> int:
        """Reserve bytes for an entry and for some after it.

        Returns how many are left after the entry; a negative number for a large one.
        """
        if size > _LARGEST:
            return -1
        if len(self.known) >= self._max_entries:
            self.forget()
        cache_budget = self._budget
        # In proportion to what is taken: the many caches that are little used reserve little.
        more = max(size - self._left, min(_MAX_AHEAD, _AHEAD + self._taken // 2))
        if cache_budget.size + more > cache_budget.max_bytes:
            cache_budget.forget()
            # What this cache had left is gone too.
            more = size
        cache_budget.size += more
        self._taken += more
        return self._left + more - size

    def forget(self) -> None:
        self.known.clear()
        self._budget.size -= self._taken
        self._taken = 0
        self._left = 0


class CacheBudget:
    """Everything that is kept for one report."""

    __slots__ = ("_all", "max_bytes", "size")

    size: int
    """Bytes reserved, approximately."""
    max_bytes: int

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self.size = 0
        self.max_bytes = max_bytes
        self._all: list[BoundedCache] = []

    def new_cache(self, max_entries: int) -> BoundedCache:
        """Return a cache for up to ``max_entries`` values, or some more if they are small."""
        cache = BoundedCache(self, max_entries)
        self._all.append(cache)
        return cache

    def forget(self) -> None:
        for cache in self._all:
            cache.forget()
