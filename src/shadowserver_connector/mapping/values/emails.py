"""E-mail addresses."""

from __future__ import annotations

import re
from typing import Final

from shadowserver_connector.mapping.values.names import parse_domain

_LOCAL_PART: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")


def parse_email(text: str) -> str:
    """Return an e-mail address in lower case, as OpenCTI keeps it."""
    local, at, domain = text.rpartition("@")
    if not at or not local.isascii() or _LOCAL_PART.fullmatch(local.lower()) is None:
        raise ValueError("not an e-mail address")
    domain = parse_domain(domain)
    if "_" in domain:
        raise ValueError("not a mail domain")
    return f"{local.lower()}@{domain}"
