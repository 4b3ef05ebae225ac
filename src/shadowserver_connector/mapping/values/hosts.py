"""The host that a request was sent to: a name or an address, perhaps with a port, or in a URL."""

from __future__ import annotations

import re
from typing import Final

from shadowserver_connector.mapping.values.addresses import Address, parse_ip
from shadowserver_connector.mapping.values.names import Name, parse_name
from shadowserver_connector.mapping.values.several import TooManyError

MAX_HOSTS: Final = 20
"""Hosts of one cell. A malware's configuration has a few; a client may write any number of names
into a header that it sends, and each would be an object in OpenCTI."""

_BRACKETED: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?")
_WITH_PORT: Final = re.compile(r"([^:]+):\d{1,5}")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\@\s]+)(?:[/?#]\S*)?")
_ADDRESS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_BETWEEN: Final = re.compile(r"[,;|\s]+")


def parse_hosts(text: str) -> tuple[Name | Address, ...]:
    """Return the hosts of a cell, which mostly has one, each once.

    Several stand with commas, semicolons, bars or spaces between them. Malware configurations have
    the path behind each of their controllers, ``c2.example.net,/jquery.js``. Raises
    ``TooManyError`` for more than ``MAX_HOSTS``.
    """
    try:
        return (parse_host(text),)
    except ValueError:
        parts = [part for part in _BETWEEN.split(text) if part and not part.startswith("/")]
        if not parts or parts == [text]:
            raise
    different = dict.fromkeys(parts)
    hosts: dict[Name | Address, None] = {}
    for at, part in enumerate(different):
        if len(hosts) == MAX_HOSTS:
            raise TooManyError("hosts", tuple(hosts), len(different) - at)
        hosts[parse_host(part)] = None
    return tuple(hosts)


def parse_host(text: str) -> Name | Address:
    """Return the host of an HTTP ``Host`` header or a host cell; a port behind it is dropped.

    Of a URL, as which web sites are given too, it is the host. One that was made harmless to click
    at, ``example[.]com`` or ``hxxp://example.com``, is meant like any other.
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
        # Nobody asks the Internet for `default` or `wpad`: it is another host in every network.
        raise ValueError("a host name without a domain")
    return name
