"""Protocols of network traffic."""

from __future__ import annotations

import re
from typing import Final

TRANSPORTS: Final = frozenset(
    {"tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "gre", "esp", "igmp"}
)
"""What Shadowserver's `protocol` can mean, with the names of IANA's registry."""

_APPLICATION: Final = re.compile(r"[a-z0-9][a-z0-9+._-]{0,30}")


def parse_protocol(text: str) -> str:
    """Return one of `TRANSPORTS`."""
    protocol = text.lower()
    if protocol not in TRANSPORTS:
        raise ValueError("not a transport protocol")
    return protocol


def parse_application(text: str) -> str:
    """Return the name of an application protocol in lower case."""
    application = text.lower()
    if _APPLICATION.fullmatch(application) is None:
        raise ValueError("not an application protocol")
    return application


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
