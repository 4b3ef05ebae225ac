"""MITRE ATT&CK technique ids."""

from __future__ import annotations

import re
from typing import Final

_TECHNIQUE: Final = re.compile(
    r"(?<![a-z0-9.-])t[0-9]{4}(?:\.[0-9]{3})?(?![0-9a-z-]|\.[0-9])", re.IGNORECASE | re.ASCII
)


def find_attack_ids(text: str) -> tuple[str, ...]:
    """Return the technique ids (`T1110`, `T1110.001`) in a text, each once, in their order."""
    return tuple(dict.fromkeys(found.upper() for found in _TECHNIQUE.findall(text)))
