"""Host and domain names."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

import idna

# A Domain-Name conforms to RFC 1034 and 5890 (STIX 2.1, section 6.4), so it has no underscore;
# OpenCTI refuses a last label of one character.
_LABEL = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)"
_FQDN: Final = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{0,58}}[a-z0-9])")
# OpenCTI's rule for a Hostname: no label that starts or ends with anything but a letter or digit.
_HOST: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)*"
)
_LETTER: Final = re.compile(r"[a-z]")
_DOTTED_QUAD: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_NOBODY: Final = frozenset({"localhost", "localhost.localdomain", "localhost6"})
_MAX_LENGTH: Final = 253
# Of a name that is not written in ASCII: more than any has, and few enough to be encoded.
_MAX_TEXT: Final = 1_000
# Reserved for private networks (RFC 6762 and 8375, `internal` by ICANN), or never delegated because
# so many use them there (RFC 6762, appendix G): the same name is another host elsewhere.
PRIVATE: Final = (
    *(".local", ".internal", ".home.arpa", ".localdomain", ".localhost", ".invalid"),
    *(".lan", ".home", ".corp", ".intranet", ".private"),
)


class Name(NamedTuple):
    """A name and the type of object that OpenCTI accepts it as."""

    value: str
    type: Literal["domain-name", "hostname"]


def parse_name(text: str) -> Name:
    """Return a name in lower case, without trailing dot, its non-ASCII labels as in DNS (IDNA).

    A fully qualified name is a domain name. Any other that a host can have is a hostname: one of a
    private network, or one that STIX does not take as a domain name (`my_host.example.com`,
    `r3---sn.example.com`). Refused are addresses, reverse-lookup names, `localhost`, and wildcards:
    no host is called like that, and its parent domain was not seen.
    """
    name = _ascii(text).removesuffix(".")
    if len(name) > _MAX_LENGTH:
        raise ValueError("a name of more than 253 characters")
    if name in _NOBODY or name.endswith((".in-addr.arpa", ".ip6.arpa")):
        raise ValueError("a name of no host")
    if _FQDN.fullmatch(name) and not name.endswith(PRIVATE) and _is_idna(name):
        return Name(name, "domain-name")
    if _DOTTED_QUAD.fullmatch(name) or ":" in name:
        raise ValueError("an address instead of a name")
    if len(name) < 2 or _LETTER.search(name) is None or _HOST.fullmatch(name) is None:
        raise ValueError("not a host name")
    return Name(name, "hostname")


def _is_idna(name: str) -> bool:
    """Tell whether the labels with hyphens in third and fourth place are IDNA's (RFC 5890)."""
    if "--" not in name:
        return True
    try:
        idna.encode(name)
    except UnicodeError:
        return False
    return True


def _ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    if len(text) > _MAX_TEXT:
        raise ValueError("a name of more than 253 characters")
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError:  # the base of idna.IDNAError
        raise ValueError("not an internationalised name") from None
