"""Which objects OpenCTI has already taken in during a work, so that they need not go again.

When an object may be left out of a message is a question of order. Several workers take
messages at once, so a message can overtake the one before it: an object that is merely *queued*
may be missing when the next message refers to it, and OpenCTI then drops the reference, for some
kinds silently. So a confirmed message makes its objects candidates only, and they are left out
from the moment at which OpenCTI has reported every object announced so far as processed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from shadowserver_connector.bundle.chunk import Encoded

# Each entry takes about 150 bytes of memory.
CAPACITY: Final = 100_000
# The author and the markings decide who sees what, and are few: they are in every message.
_ALWAYS_SENT: Final = ("identity--", "marking-definition--")


class SentObjects:
    """Digests of objects, the least recently met forgotten first; bounded memory."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._queued: OrderedDict[bytes, None] = OrderedDict()
        self._taken_in: OrderedDict[bytes, None] = OrderedDict()

    def add(self, objects: Iterable[Encoded]) -> None:
        """Remember objects whose message the broker has confirmed."""
        self._put(self._queued, (_digest(each) for each in objects))

    def settle(self) -> None:
        """Take note that OpenCTI has processed all objects added so far."""
        self._put(self._taken_in, self._queued)
        self._queued.clear()

    def known(self, objects: Iterable[Encoded]) -> frozenset[str]:
        """Return the ids of those objects that OpenCTI has with just this content."""
        return frozenset(
            each.id
            for each in objects
            if not each.id.startswith(_ALWAYS_SENT) and self._is_taken_in(_digest(each))
        )

    def clear(self) -> None:
        """Forget everything: another work, or OpenCTI was reset."""
        self._queued.clear()
        self._taken_in.clear()

    def _is_taken_in(self, digest: bytes) -> bool:
        if digest not in self._taken_in:
            return False
        self._taken_in.move_to_end(digest)
        return True

    def _put(self, into: OrderedDict[bytes, None], digests: Iterable[bytes]) -> None:
        for digest in digests:
            into[digest] = None
            into.move_to_end(digest)
        while len(into) > self._capacity:
            into.popitem(last=False)


def _digest(encoded: Encoded) -> bytes:
    return hashlib.blake2b(encoded.json, digest_size=16).digest()
