"""TCP and UDP ports."""

from __future__ import annotations


def parse_port(text: str) -> int:
    """Return a port from 1 to 65535; 0 is reserved, and means "none" where it occurs."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError("not a port from 1 to 65535")
    return int(text)
