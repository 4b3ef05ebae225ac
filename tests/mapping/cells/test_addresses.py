from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.mapping.cells.addresses import (
    Address,
    parse_ip,
    parse_network,
    parse_public,
)
from tests.mapping.cells.platform import IPV4


@pytest.mark.parametrize(
    ("cell", "value", "version"),
    [
        ("192.0.2.1", "192.0.2.1", 4),
        ("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1", 6),
        ("2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1", 6),
        ("::ffff:192.0.2.1", "192.0.2.1", 4),
        ("::FFFF:C000:0201", "192.0.2.1", 4),
        ("10.0.0.1", "10.0.0.1", 4),
        ("100.64.0.1", "100.64.0.1", 4),
        ("fd00::1", "fd00::1", 6),
    ],
)
def test_an_address_is_normalised(cell: str, value: str, version: int) -> None:
    """Every form of an address gives one spelling; private addresses are valid."""
    assert parse_ip(cell) == (value, version)


@pytest.mark.parametrize(
    "cell",
    [
        *("0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "::192.0.2.1", "fe80::1", "febf::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:0.0.0.0"),
    ],
)
def test_an_address_of_nobody_is_refused(cell: str) -> None:
    """Addresses such as 0.0.0.0 or loopback are refused: they would link unrelated findings."""
    with pytest.raises(ValueError, match="address"):
        parse_ip(cell)
    with pytest.raises(ValueError, match="address"):
        parse_network(cell)


@pytest.mark.parametrize(
    "cell",
    [
        *("", "1", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.1.", "192.0.2.1/24", "x"),
        *("2001:db8", "2001:db8::1%eth0", "2001:db8::1/64", "1:2:3:4:5:6:7:8:9", "١.2.3.4"),
        *("192.0.2.1\n", "0xc0.0.2.1", "3221225985"),
    ],
)
def test_what_is_no_address_is_refused(cell: str) -> None:
    """Networks, zones, and octal or non-ASCII digits are refused, not guessed at."""
    with pytest.raises(ValueError, match="address"):
        parse_ip(cell)


@pytest.mark.parametrize(
    ("cell", "value", "version"),
    [
        ("192.0.2.0/24", "192.0.2.0/24", 4),
        ("192.0.2.77/24", "192.0.2.0/24", 4),
        ("192.0.2.77/32", "192.0.2.77", 4),
        ("192.0.2.77", "192.0.2.77", 4),
        ("2001:DB8::1/32", "2001:db8::/32", 6),
        ("2001:db8::1/128", "2001:db8::1", 6),
        ("::ffff:192.0.2.1/128", "192.0.2.1", 4),
    ],
)
def test_a_network_is_normalised(cell: str, value: str, version: int) -> None:
    """Bits beyond the prefix are cleared; a network of one address becomes that address."""
    assert parse_network(cell) == (value, version)


@pytest.mark.parametrize(
    "cell",
    [
        *("192.0.2.0/33", "192.0.2.0/", "192.0.2.0/255.255.255.0", "192.0.2.0/-1", "x/24"),
        *("192.0.2.0/24/1", "2001:db8::%1/64", "0.0.0.0/0", "::/0", "192.0.2.0/²"),
        *("::ffff:192.0.2.0/120", "127.0.0.0/8", "224.0.0.0/4"),
    ],
)
def test_what_is_no_network_is_refused(cell: str) -> None:
    """Netmasks, the whole address space, and reserved networks are refused."""
    with pytest.raises(ValueError, match=r"network|Internet|address"):
        parse_network(cell)


def test_a_public_address_is_nobodys_inside() -> None:
    """Private and shared addresses are not public, as they name another host in each network."""
    assert parse_public("198.51.100.7") == Address("198.51.100.7", 4)
    assert parse_public("2001:DB8::/48") == Address("2001:db8::/48", 6)
    for cell in (
        "10.1.2.3",
        "172.16.0.0/12",
        "192.0.0.0/8",
        "100.64.0.1",
        "fd00::1",
        "::ffff:a00:1",
    ):
        with pytest.raises(ValueError, match="private"):
            parse_public(cell)
    with pytest.raises(ValueError, match="loopback"):
        parse_public("127.0.0.1")


@given(st.ip_addresses())
def test_any_address_is_itself_or_refused(address: object) -> None:
    """Any text is refused or gives the same address in the platform's spelling."""
    try:
        value, version = parse_ip(str(address))
    except ValueError:
        return
    read = ip_address(value)
    assert read.version == version
    assert read == address or read == getattr(address, "ipv4_mapped", None)
    if version == 4:
        assert IPV4.fullmatch(value)


@given(st.ip_addresses(v=4), st.integers(1, 32))
def test_any_ipv4_network_is_itself_or_refused(address: object, length: int) -> None:
    """Any text is refused or gives the same network."""
    try:
        found = parse_network(f"{address}/{length}")
    except ValueError:
        return
    assert ip_network(found.value) == ip_network(f"{address}/{length}", strict=False)
    assert found == Address(found.value, 4)
    assert IPV4.fullmatch(found.value)
