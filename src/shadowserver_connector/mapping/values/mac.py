"""MAC addresses."""

from __future__ import annotations

import re
from typing import Final

_MAC: Final = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}"
    r"|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
)
_NOBODY: Final = frozenset({"000000000000", "ffffffffffff"})


def parse_mac(text: str) -> str:
    """Return a MAC address in lower case with colons.

    Taken with colons, hyphens, in groups of four with dots, or bare; not all zeros or all ones.
    """
    lower = text.lower()
    if _MAC.fullmatch(lower) is None:
        raise ValueError("not a MAC address")
    digits = lower.replace(":", "").replace("-", "").replace(".", "")
    if digits in _NOBODY:
        raise ValueError("a MAC address of no device")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
