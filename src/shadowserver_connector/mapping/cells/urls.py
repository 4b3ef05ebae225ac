"""URLs, whole or assembled from their parts, and protocols of network traffic."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from shadowserver_connector.mapping.cells.addresses import parse_ip
from shadowserver_connector.mapping.cells.host_names import parse_name

TRANSPORTS: Final = frozenset(
    {"tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "gre", "esp", "igmp"}
)
"""What Shadowserver's `protocol` can mean, with the names of IANA's registry."""

MAX_APPLICATION: Final = 24
"""Characters; IANA's service names have 15 at most (RFC 6335), those that it lacks few more."""

_APPLICATION: Final = re.compile(r"[a-z][a-z0-9]*(?:[+._-][a-z0-9]+)*")

_SERVICE_NAMES: Final = {
    "afp": "afpovertcp",
    "memcached": "memcache",
    "mssql": "ms-sql-s",
    "portmap": "sunrpc",
    "portmapper": "sunrpc",
    "postgres": "postgresql",
    "radmin": "radmin-port",
    "rpcbind": "sunrpc",
    "slp": "svrloc",
    "vnc": "rfb",
}
"""What people call a protocol -> its service name in IANA's registry, of the very same protocol.

``slp`` is registered as well, but for the Salutation Protocol.
"""


_IN_PLACE_OF_TRANSPORT: Final = frozenset(
    {
        *("bacnet", "dnp3", "enip", "ftp", "guardian_ast", "http", "https", "iec104", "ipmi"),
        *("kamstrup", "modbus", "mqtt", "rdp", "s7comm", "smb", "smtp", "snmp", "ssh", "telnet"),
        *("tftp", "vnc"),
    }
)
"""What files of earlier years have instead of a transport: what a honeypot was asked in."""


def parse_protocol(text: str) -> str:
    """Return one of `TRANSPORTS`, or an application protocol written in its place."""
    protocol = text.lower()
    if protocol in _IN_PLACE_OF_TRANSPORT:
        return parse_application(protocol)
    if protocol not in TRANSPORTS:
        raise ValueError("not a transport protocol")
    return protocol


def parse_application(text: str) -> str:
    """Return the name of an application protocol: IANA's service name where it has one.

    STIX recommends these names (2.1, section 6.12). Numbers and single letters are no name.
    """
    name = text.lower()
    plausible = 2 <= len(name) <= MAX_APPLICATION and _APPLICATION.fullmatch(name)
    if not plausible:
        raise ValueError("not an application protocol")
    return _SERVICE_NAMES.get(name, name)


WEB: Final = frozenset({"http", "https"})
_TLS_PORTS: Final = frozenset({443, 4443, 8443})


def parse_scheme(text: str) -> str:
    """Return one of `WEB`."""
    scheme = text.lower()
    if scheme not in WEB:
        raise ValueError("not the scheme of a web site")
    return scheme


def web_protocol(told: str, application: str, port: int | None) -> str:
    """Return what is spoken: one of `WEB`, or another protocol that was given.

    ``told`` is what the row says, ``application`` what its report type is about; either may be
    empty. For a report about HTTP the port decides whether it is HTTP over TLS.
    """
    if told or application != "http":
        return told or application
    return "https" if port in _TLS_PORTS else "http"


def protocol_stack(
    *, version: int | None, transport: str | None, application: str | None
) -> tuple[str, ...]:
    """Return STIX's list of protocols, from the outer to the inner; None for what is not known.

    The order and the spelling are part of the id of the traffic. ``version`` is the one of IP, 4
    or 6; at least one of the three must be known.
    """
    stack = []
    if version is not None:
        stack.append(f"ipv{version}")
    if transport:
        stack.append(transport)
    if application and application != transport:
        stack.append(application)
    if not stack:
        raise ValueError("no protocol")
    return tuple(stack)


MAX_LENGTH: Final = 4096

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{1,15}")
_UNWANTED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]")
_REQUEST_LINE: Final = re.compile(r"[A-Z]{3,10} +(?P<target>\S+)(?: +HTTP/[0-9.]+)?")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FILE_NAME: Final = re.compile(
    r"(?i)\.(?:aspx?|bin|cgi|css|dat|dll|exe|gif|html?|ico|jpe?g|js|json|jsp|php[0-9]?|png|txt|xml)\Z"
)
# What a URL cannot hold as it is (RFC 3986, as STIX 2.1 demands): an attacker's `{`, `|`, `<`.
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._~:/?@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})")
# How people defang URLs, so that nobody follows them by mistake.
_DEFANGED: Final = re.compile(r"(?i)(hxxps?|https?|ftp)(?:://|\[:\]//)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ftp": 21}


def parse_url(text: str) -> str:
    """Return an absolute URL with scheme and host in lower case.

    The rest is unchanged, except that characters not allowed in URLs are percent-encoded, and a
    password is removed. Defanged URLs, such as ``hxxp://example[.]com/``, are read like any other.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a URL of more than {MAX_LENGTH} characters")
    if _UNWANTED.search(text):
        raise ValueError("a URL with spaces or control characters")
    defanged = _DEFANGED.match(text)
    if defanged is not None:
        text = f"{defanged[1].lower().replace('hxx', 'htt')}://{text[defanged.end() :]}"
    scheme, separator, rest = text.partition("://")
    if not separator or _SCHEME.fullmatch(scheme.lower()) is None:
        raise ValueError("not an absolute URL")
    end = min((i for i in map(rest.find, "/?#\\") if i >= 0), default=len(rest))
    if rest[end : end + 1] == "\\":
        raise ValueError("a URL with a backslash behind its host")
    # The last one: a host cannot hold it, a password can.
    credentials, at, place = rest[:end].rpartition("@")
    user = credentials.partition(":")[0]
    before, hash_sign, fragment = rest[end:].partition("#")
    tail = f"{_escaped(before)}{hash_sign}{_escaped(fragment)}"
    return f"{scheme.lower()}://{_escaped(user)}{at}{_place(place.replace('[.]', '.'))}{tail}"


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match[0], safe=""), text)


def parse_target(text: str) -> str:
    """Return a path, a request line or a whole URL, as `build_url` takes it."""
    build_url(scheme="http", host="example.com", port=None, target=text)
    return text


def build_url(*, scheme: str, host: str, port: int | None, target: str) -> str:
    """Return the URL that a request was sent to.

    Args:
        scheme: `http`, `https`, ...
        host: a name or an address.
        port: left out of the URL where it is the scheme's own.
        target: a path, a request line such as `GET /path HTTP/1.1`, a bare host, perhaps with a
            path, which then takes the place of `host`, or a whole URL, which is then the answer.
    """
    line = _REQUEST_LINE.fullmatch(target)
    if line is not None:
        target = line["target"]
    if _ABSOLUTE.match(target):
        return parse_url(target)
    if not target.startswith("/"):
        if line is None and _starts_with_host(target):
            return parse_url(f"{scheme}://{target}{'' if '/' in target else '/'}")
        raise ValueError("neither a path nor a request line")
    bracketed = f"[{host}]" if ":" in host else host
    suffix = "" if port is None or port == _DEFAULT_PORTS.get(scheme.lower()) else f":{port}"
    return parse_url(f"{scheme}://{bracketed}{suffix}{target}")


def _starts_with_host(text: str) -> bool:
    """Tell whether a text is a host, possibly with a path, and neither a word nor a file's name."""
    place, slash, _ = text.partition("/")
    return "." in place and (bool(slash) or _FILE_NAME.search(place) is None)


def _place(place: str) -> str:
    """Check host and port of a URL, and return them in lower case."""
    if place.startswith("["):
        inside, bracket, rest = place[1:].partition("]")
        if not bracket or ":" not in inside:
            raise ValueError("a URL with a bad address")
        address = parse_ip(inside)
        host = f"[{address.value}]" if address.version == 6 else address.value
    else:
        name, colon, port = place.partition(":")
        host, rest = _host(name), colon + port
    if rest and (rest[0] != ":" or not _is_port(rest[1:])):
        raise ValueError("a URL with a bad port")
    return host + rest


def _host(text: str) -> str:
    if text.replace(".", "").isdigit():
        return parse_ip(text).value
    return parse_name(text).value


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535
