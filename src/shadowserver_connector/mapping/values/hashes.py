"""Hashes of files and certificates."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

LENGTHS: Final = MappingProxyType({"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128})
"""STIX's name of an algorithm to the number of its hex digits."""

ALGORITHMS: Final = (
    ("md5", "MD5"),
    ("sha1", "SHA-1"),
    ("sha256", "SHA-256"),
    ("sha512", "SHA-512"),
)
"""What the roles of columns call an algorithm, and STIX's name of it."""

_HEX: Final = re.compile(r"[0-9a-f]+")


def parse_hash(algorithm: str, text: str) -> str:
    """Return a hash as lower-case hex digits, given with or without colons.

    ``algorithm`` is one of `LENGTHS`; `KeyError` otherwise.
    """
    digits = text.lower().replace(":", "").replace(" ", "")
    if len(digits) != LENGTHS[algorithm] or _HEX.fullmatch(digits) is None:
        raise ValueError(f"not a hash of {algorithm}")
    if not digits.strip("0"):
        raise ValueError("a hash of zeros")
    return digits
