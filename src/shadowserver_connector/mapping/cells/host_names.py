"""Host and domain names, hosts of requests, e-mail addresses."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

import idna

from shadowserver_connector.mapping.cells.addresses import Address, parse_ip
from shadowserver_connector.mapping.cells.tags import TooManyError

# OpenCTI's rule for a Domain-Name. STIX 2.1, section 6.4, asks for RFC 1034, where no label has
# an underscore; names of services have (`_ldap._tcp.example.org`), and so have those of malware.
# OpenCTI refuses a last label of one character.
_LABEL = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)"
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


class HostName(NamedTuple):
    """A name and the type of object that OpenCTI accepts it as."""

    value: str
    type: Literal["domain-name", "hostname"]


def parse_name(text: str) -> HostName:
    """Return a name in lower case, without trailing dot, non-ASCII labels as in DNS (IDNA).

    A fully qualified name is a domain name, one with underscores too. Any other that a host can
    have is a hostname: one of a private network, or one that STIX does not take as a domain name
    (`r3---sn.example.com`). Refused are addresses, reverse-lookup names, `localhost`, and
    wildcards: no host is called like that, and its parent domain was not seen.
    """
    name = _ascii(text).removesuffix(".")
    if len(name) > _MAX_LENGTH:
        raise ValueError("a name of more than 253 characters")
    if name in _NOBODY or name.endswith((".in-addr.arpa", ".ip6.arpa")):
        raise ValueError("a name of no host")
    if _FQDN.fullmatch(name) and not name.endswith(PRIVATE) and _is_idna(name):
        return HostName(name, "domain-name")
    if _DOTTED_QUAD.fullmatch(name) or ":" in name:
        raise ValueError("an address instead of a name")
    if len(name) < 2 or _LETTER.search(name) is None or _HOST.fullmatch(name) is None:
        raise ValueError("not a host name")
    return HostName(name, "hostname")


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


MAX_HOSTS: Final = 20
"""Maximum number of hosts from one cell. A malware's configuration has a few; a client may write
any number of names into a header that it sends, and each would be an object in OpenCTI.
"""

_BRACKETED: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?")
_WITH_PORT: Final = re.compile(r"([^:]+):\d{1,5}")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\@\s]+)(?:[/?#]\S*)?")
_ADDRESS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_BETWEEN: Final = re.compile(r"[,;|\s]+")


def parse_hosts(text: str) -> tuple[HostName | Address, ...]:
    """Return the hosts in a cell, which usually has one, each once.

    Several are separated by commas, semicolons, bars or spaces. Malware configurations have a path
    after each of their controllers, ``c2.example.net,/jquery.js``. Raises ``TooManyError`` for more
    than ``MAX_HOSTS``.
    """
    try:
        return (parse_host(text),)
    except ValueError:
        parts = [part for part in _BETWEEN.split(text) if part and not part.startswith("/")]
        if not parts or parts == [text]:
            raise
    different = dict.fromkeys(parts)
    hosts: dict[HostName | Address, None] = {}
    for at, part in enumerate(different):
        if len(hosts) == MAX_HOSTS:
            raise TooManyError("hosts", tuple(hosts), len(different) - at)
        hosts[parse_host(part)] = None
    return tuple(hosts)


def parse_host(text: str) -> HostName | Address:
    """Return the host of an HTTP ``Host`` header or a host cell, without a port.

    Web sites are also given as URLs; the result is their host. Defanged values, ``example[.]com``
    or ``hxxp://example.com``, are read like any other.
    """
    text = text.replace("[.]", ".").replace("[:]//", "://")
    if "://" in text:
        url = _URL.fullmatch(text)
        if url is None:
            raise ValueError("not a host name")
        text = url[1]
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed is not None:
        return parse_ip(bracketed[1])
    with_port = _WITH_PORT.fullmatch(text)
    host = with_port[1] if with_port is not None else text
    if ":" in host or _ADDRESS.fullmatch(host):
        return parse_ip(host)
    name = parse_name(host)
    if "." not in name.value:
        # Nobody looks up `default` or `wpad` on the Internet: it is another host in every network.
        raise ValueError("a host name without a domain")
    return name


# RFC 5322 allows more characters, but the OASIS validator takes an address with them for none.
_NAMED: Final = re.compile(r"[^<>]*<([^<>\s]+)>")
_LOCAL_PART: Final = re.compile(r"[a-z0-9._+-]{1,64}")


def parse_email(text: str) -> str:
    """Return an e-mail address in lower case, as OpenCTI stores it.

    A name before it, as in a mail's header, is left out: ``"Bob" <bob@example.net>``.
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
