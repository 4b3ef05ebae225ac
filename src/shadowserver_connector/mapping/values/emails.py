"""E-mail addresses."""

from __future__ import annotations

import re
from typing import Final

from shadowserver_connector.mapping.values.names import PRIVATE, parse_name

# RFC 5322 allows more characters, but the OASIS validator takes an address with them for none.
_NAMED: Final = re.compile(r"[^<>]*<([^<>\s]+)>")
_LOCAL_PART: Final = re.compile(r"[a-z0-9._+-]{1,64}")


def parse_email(text: str) -> str:
    """Return an e-mail address in lower case, as OpenCTI keeps it.

    The name before it, as in a mail's header, is left out: ``"Bob" <bob@example.net>``.
    """
    named = _NAMED.fullmatch(text)
    if named is not None:
        text = named[1]
    local, at, domain = text.rpartition("@")
    if not at or not local.isascii() or _LOCAL_PART.fullmatch(local.lower()) is None:
        raise ValueError("not an e-mail address")
    name = parse_name(domain)
    if "_" in name.value or (name.type != "domain-name" and not name.value.endswith(PRIVATE)):
        raise ValueError("not a mail domain")
    return f"{local.lower()}@{name.value}"
