"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, TypeVar

Loop = TypeVar("Loop")

_END: Final = 10.0
"""Seconds for what is left on the loop to notice that it is cancelled."""


@contextmanager
def running_loop(current: Callable[[], Loop]) -> Iterator[Loop]:
    """Run a loop until the ``with`` statement is left; what is on it then is cancelled.

    ``current`` returns the loop that it is called on, as its callers want to have it.
    """
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Loop]] = Future()

    async def main() -> None:
        end = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), end, current()))
        await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="loop", daemon=True)
    thread.start()
    loop, end, given = ready.result()
    try:
        yield given
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(_END)
