"""IP addresses and networks.

Only an address that can be somebody's becomes an object. Unspecified, loopback, link-local,
multicast, broadcast and reserved addresses (RFC 6890) are the same on every host, so two findings
that share one have nothing in common. Private and shared address space (RFC 1918, 6598, 4193) is
accepted: a report that names such an address means one host of one subscriber.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Literal, NamedTuple

_LINK_LOCAL_V4: Final = 0xA9FE  # 169.254.0.0/16
_LINK_LOCAL_V6: Final = 0xFE80 >> 6  # fe80::/10
_MULTICAST_V6: Final = 0xFF  # ff00::/8


class Address(NamedTuple):
    """An address or network in the form in which it is one object."""

    value: str
    version: Literal[4, 6]


def parse_ip(text: str) -> Address:
    """Return an address; IPv6 compressed, IPv4-mapped IPv6 as IPv4."""
    if ":" in text:
        return _parse_v6(text)
    return _usable_v4(_v4(text))


def parse_network(text: str) -> Address:
    """Return an address or a network in CIDR notation.

    Bits beyond the prefix are cleared, and a network of one address is that address.
    """
    if "/" not in text:
        return parse_ip(text)
    if ":" in text:
        return _parse_v6_network(text)
    network = _network(IPv4Network, text)
    address = _usable_v4(network.network_address)
    if network.prefixlen == network.max_prefixlen:
        return address
    return Address(str(network), 4)


def _parse_v6(text: str) -> Address:
    if "%" in text:
        raise ValueError("an address with a zone")
    try:
        address = IPv6Address(text)
    except ValueError:
        raise ValueError("not an IPv6 address") from None
    if address.ipv4_mapped is not None:
        return _usable_v4(address.ipv4_mapped)
    return _usable_v6(address)


def _parse_v6_network(text: str) -> Address:
    network = _network(IPv6Network, text)
    if network.prefixlen == network.max_prefixlen:
        return _parse_v6(str(network.network_address))
    _usable_v6(network.network_address)
    return Address(str(network), 6)


def _v4(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise ValueError("not an IPv4 address") from None


def _network(kind: type[IPv4Network] | type[IPv6Network], text: str) -> IPv4Network | IPv6Network:
    # The library takes netmasks as well (192.0.2.0/255.255.255.0); a prefix length is what
    # OpenCTI accepts and Shadowserver writes.
    length = text.partition("/")[2]
    if not (length.isascii() and length.isdigit() and len(length) <= 3) or "%" in text:
        raise ValueError("not a network")
    try:
        network = kind(text, strict=False)
    except ValueError:
        raise ValueError("not a network") from None
    if network.prefixlen == 0:
        raise ValueError("the whole Internet")
    return network


def _usable_v4(address: IPv4Address | IPv6Address) -> Address:
    number = int(address)
    first = number >> 24
    if first in (0, 127):
        raise ValueError("an unspecified or loopback address")
    if first >= 224:
        raise ValueError("a multicast, broadcast or reserved address")
    if number >> 16 == _LINK_LOCAL_V4:
        raise ValueError("a link-local address")
    return Address(str(address), 4)


def _usable_v6(address: IPv4Address | IPv6Address) -> Address:
    number = int(address)
    if number <= 1:
        raise ValueError("an unspecified or loopback address")
    if number >> 118 == _LINK_LOCAL_V6:
        raise ValueError("a link-local address")
    if number >> 120 == _MULTICAST_V6:
        raise ValueError("a multicast address")
    return Address(str(address), 6)
