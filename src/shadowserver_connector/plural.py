"""A number with its noun, for messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: ``1 report``, ``2,000 reports``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
