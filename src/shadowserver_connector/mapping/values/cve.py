"""CVE ids."""

from __future__ import annotations

import re
from typing import Final

_CVE: Final = re.compile(
    r"(?<![a-z0-9])cve-(?:1999|20[0-9]{2})-[0-9]{4,19}(?![0-9a-z])", re.IGNORECASE | re.ASCII
)


def find_cves(text: str) -> tuple[str, ...]:
    """Return the CVE ids in a text, in upper case, each once, in their order."""
    return tuple(dict.fromkeys(found.upper() for found in _CVE.findall(text)))
