"""Which objects need not go again in a work, since OpenCTI has them.

When an object may be left out of a message is a question of order. Several workers take
messages at once, so a message can overtake the one before it: an object that is merely *queued*
may be missing when the next message refers to it, and OpenCTI then drops the reference, for some
kinds silently. So an object is left out when two things are true: a message of this work that the
broker has confirmed brings it with just this content, and OpenCTI holds it already, from that
message or from an earlier day.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from shadowserver_connector.bundle.chunk import Encoded

K = TypeVar("K", str, bytes)

# Each entry takes about 150 bytes of memory.
CAPACITY: Final = 100_000


class SentObjects:
    """What was sent, and what OpenCTI has; the least recently met forgotten first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._sent: OrderedDict[bytes, None] = OrderedDict()
        self._held: OrderedDict[str, None] = OrderedDict()

    def add(self, objects: Iterable[Encoded]) -> None:
        """Remember objects whose message the broker has confirmed."""
        self._put(self._sent, (_digest(each) for each in objects))

    def needless(
        self, objects: Iterable[Encoded], held: Callable[[Sequence[str]], Iterable[str]]
    ) -> frozenset[str]:
        """Return the ids of those objects that need not be sent.

        ``held`` tells which of some ids OpenCTI has; it is asked for those only of which that is
        not known yet, and not at all where there is none.
        """
        sent = [each.id for each in objects if self._is_sent(_digest(each))]
        unknown = [each for each in sent if each not in self._held]
        if unknown:
            self._put(self._held, held(unknown))
        needless = frozenset(each for each in sent if each in self._held)
        for each in needless:
            self._held.move_to_end(each)
        return needless

    def clear(self) -> None:
        """Forget everything: another work, or OpenCTI was reset."""
        self._sent.clear()
        self._held.clear()

    def _is_sent(self, digest: bytes) -> bool:
        if digest not in self._sent:
            return False
        self._sent.move_to_end(digest)
        return True

    def _put(self, into: OrderedDict[K, None], keys: Iterable[K]) -> None:
        for key in keys:
            into[key] = None
            into.move_to_end(key)
        while len(into) > self._capacity:
            into.popitem(last=False)


def _digest(encoded: Encoded) -> bytes:
    return hashlib.blake2b(encoded.json, digest_size=16).digest()
