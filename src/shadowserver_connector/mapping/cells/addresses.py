"""Addresses: IP, networks, MAC, autonomous systems, ports."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, Literal, NamedTuple

# Without leading zeros: some programs read such a number as octal, and so as another address.
# Looking octets up takes a quarter of the time that `ipaddress` takes.
_OCTETS: Final = {str(number): number for number in range(256)}
_PREFIX_LENGTH: Final = re.compile(r"[0-9]{1,3}")
_NOT_PUBLIC: Final = tuple(
    ip_network(prefix)
    for prefix in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""RFC 1918, 6598 and 4193."""


class Address(NamedTuple):
    """An address or network in the form in which it is one object."""

    value: str
    version: Literal[4, 6]


def parse_ip(text: str) -> Address:
    """Return an address; IPv6 compressed, IPv4-mapped IPv6 as IPv4.

    Refuses those that are no host's on a network: unspecified, loopback, link-local, multicast, and
    IPv4 from 224.0.0.0 up. Private ones are accepted.
    """
    return _parse_v6(text) if ":" in text else _parse_v4(text)


def parse_network(text: str) -> Address:
    """Return an address or a network in CIDR notation.

    Bits beyond the prefix are cleared, and a network of one address is that address.
    """
    address, slash, length = text.partition("/")
    if not slash:
        return parse_ip(text)
    # The library takes netmasks as well (192.0.2.0/255.255.255.0); OpenCTI does not.
    if _PREFIX_LENGTH.fullmatch(length) is None or "%" in address:
        raise ValueError("not a network")
    try:
        network = (IPv6Network if ":" in address else IPv4Network)(text, strict=False)
    except ValueError:
        raise ValueError("not a network") from None
    if network.prefixlen == 0:
        raise ValueError("the whole Internet")
    first = parse_ip(str(network.network_address))
    # OpenCTI identifies addresses by their text: with and without /32 it would be two objects.
    if network.prefixlen == network.max_prefixlen:
        return first
    # Its address is read as IPv4, but its prefix length counts the bits of IPv6.
    if first.version != network.version:
        raise ValueError("an IPv4-mapped network")
    return Address(str(network), first.version)


def parse_public(text: str) -> Address:
    """Return an address or network, as `parse_network` does, that is one for everybody.

    Refused is what every site has for itself: private and shared address space.
    """
    found = parse_network(text)
    network = ip_network(found.value)
    if any(network.version == own.version and network.overlaps(own) for own in _NOT_PUBLIC):
        raise ValueError("a private address")
    return found


def _parse_v4(text: str) -> Address:
    octets = [_OCTETS.get(part, -1) for part in text.split(".")]
    if len(octets) != 4 or -1 in octets:
        raise ValueError("not an IPv4 address")
    first = octets[0]
    # All of 0.0.0.0/8 means a host of one's own network (RFC 1122, section 3.2.1.3).
    if first in (0, 127):
        raise ValueError("an unspecified or loopback address")
    if first >= 224:
        raise ValueError("a multicast, broadcast or reserved address")
    if first == 169 and octets[1] == 254:
        raise ValueError("a link-local address")
    return Address(text, 4)


def _parse_v6(text: str) -> Address:
    if "%" in text:
        raise ValueError("an address with a zone")
    try:
        address = IPv6Address(text)
    except ValueError:
        raise ValueError("not an IPv6 address") from None
    # The same host: otherwise it would be two objects.
    if address.ipv4_mapped is not None:
        return _parse_v4(str(address.ipv4_mapped))
    number = int(address)
    if number >> 32 == 0:
        raise ValueError("an unspecified, loopback or IPv4-compatible address")
    if number >> 118 == 0xFE80 >> 6:
        raise ValueError("a link-local address")
    if number >> 120 == 0xFF:
        raise ValueError("a multicast address")
    return Address(str(address), 6)


_MAC: Final = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}"
    r"|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
)
_NOBODY: Final = frozenset({"000000000000", "ffffffffffff"})


def parse_mac(text: str) -> str:
    """Return a MAC address in lower case with colons.

    Taken with colons, hyphens, in groups of four with dots, or bare; not all zeros or all ones.
    """
    lower = text.lower()
    if _MAC.fullmatch(lower) is None:
        raise ValueError("not a MAC address")
    digits = lower.replace(":", "").replace("-", "").replace(".", "")
    if digits in _NOBODY:
        raise ValueError("a MAC address of no device")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


MAX_ASN: Final = 2_147_483_647
"""OpenCTI's field is a GraphQL Int; larger numbers, though valid, are refused."""


def parse_asn(text: str) -> int:
    """Return the number of an autonomous system, given with or without `AS`."""
    digits = text[2:].lstrip() if text[:2].upper() == "AS" else text
    # str.isdigit() and int() also take digits of other scripts.
    # A number of 32 bits has ten digits at most; long ones are not converted.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise ValueError("not an AS number")
    number = int(digits)
    if not 1 <= number <= MAX_ASN:
        raise ValueError(f"not an AS number from 1 to {MAX_ASN}")
    return number


def parse_port(text: str) -> int:
    """Return a port from 1 to 65535; 0 is reserved, and means "none" where it occurs."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError("not a port from 1 to 65535")
    return int(text)
