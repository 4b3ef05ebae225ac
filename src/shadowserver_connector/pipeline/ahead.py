"""Work done ahead of those who take its results, in order and in bounded number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    start: Callable[[Item], Future[Result]], items: Iterable[Item], *, ahead: int
) -> Iterator[tuple[Item, Future[Result]]]:
    """Yield each item with the future that ``start`` returns for it, in the order of ``items``.

    Never more than ``ahead`` items are taken beyond the one that was yielded last.
    """
    upcoming = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()

    def take(most: int) -> None:
        waiting.extend((item, start(item)) for item in islice(upcoming, most))

    take(ahead)
    while waiting:
        yield waiting.popleft()
        take(1)
