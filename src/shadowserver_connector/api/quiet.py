"""Keeps the HTTP library's own log lines about our requests out of every log.

httpx logs each URL at INFO and httpcore logs response headers at DEBUG. A download's URL works
without credentials, so neither may be written, whatever levels the application sets.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)

_requesting: ContextVar[bool] = ContextVar("shadowserver_requesting", default=False)


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _requesting.get()


@contextmanager
def unlogged() -> Iterator[None]:
    """Silence httpx and httpcore in this thread, for requests made inside; others still log."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_not_ours)
    token = _requesting.set(True)
    try:
        yield
    finally:
        _requesting.reset(token)
