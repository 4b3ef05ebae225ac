"""The outcome of a call: a value, or one of the errors that it may raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def outcome(call: Callable[[], T], *allowed: type[E]) -> T | E:
    """Return what the call returns or, where it is allowed, raises; anything else is a finding."""
    try:
        return call()
    except allowed as error:
        return error


def is_one_line(error: Exception) -> bool:
    """Tell whether the message of an error can stand in a log."""
    return str(error).isprintable() and bool(str(error).strip())
