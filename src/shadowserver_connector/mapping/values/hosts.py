"""The host that a request was sent to: a name or an address, perhaps with a port, or in a URL."""

from __future__ import annotations

import re
from typing import Final

from shadowserver_connector.mapping.values.addresses import Address, parse_ip
from shadowserver_connector.mapping.values.names import Name, parse_name

_BRACKETED: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?")
_WITH_PORT: Final = re.compile(r"([^:]+):\d{1,5}")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\@\s]+)(?:[/?#]\S*)?")
_ADDRESS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")


def parse_host(text: str) -> Name | Address:
    """Return the host of an HTTP ``Host`` header or a host cell; a port behind it is dropped.

    Of a URL, as which web sites are given too, it is the host.
    """
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
        # Nobody asks the Internet for `default` or `wpad`: it is another host in every network.
        raise ValueError("a host name without a domain")
    return name
