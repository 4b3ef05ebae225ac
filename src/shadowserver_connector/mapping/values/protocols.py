"""Protocols of network traffic."""

from __future__ import annotations

import re
from typing import Final

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


def parse_protocol(text: str) -> str:
    """Return one of `TRANSPORTS`."""
    protocol = text.lower()
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
