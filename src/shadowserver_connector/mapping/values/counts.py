"""How often something was seen."""

from __future__ import annotations

from typing import Final

MAX_COUNT: Final = 999_999_999
"""Upper limit of `number_observed`, STIX 2.1 section 4.14."""


def parse_count(text: str) -> int:
    """Return a count from 1 to `MAX_COUNT`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise ValueError(f"not a count from 1 to {MAX_COUNT}")
    return int(text)
