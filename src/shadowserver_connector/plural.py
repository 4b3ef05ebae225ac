"""A number with its noun, for messages."""

from __future__ import annotations

from collections.abc import Mapping


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: ``1 report``, ``2,000 reports``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def bracketed(numbers: Mapping[str, int]) -> str:
    """Return numbers by their names, to follow a noun: `` (3 new, 1 changed)``; empty for none."""
    told = [f"{number:,} {name}" for name, number in numbers.items()]
    return f" ({', '.join(told)})" if told else ""
