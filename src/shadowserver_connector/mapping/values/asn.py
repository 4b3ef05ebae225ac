"""Numbers of autonomous systems."""

from __future__ import annotations

from typing import Final

MAX_ASN: Final = 2_147_483_647
"""OpenCTI's field is a GraphQL Int; larger numbers, though valid, are refused."""


def parse_asn(text: str) -> int:
    """Return the number of an autonomous system, given with or without `AS`."""
    digits = text[2:].lstrip() if text[:2].upper() == "AS" else text
    # str.isdigit() and int() also take digits of other scripts.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise ValueError("not an AS number")
    number = int(digits)
    if not 1 <= number <= MAX_ASN:
        raise ValueError(f"not an AS number from 1 to {MAX_ASN}")
    return number
