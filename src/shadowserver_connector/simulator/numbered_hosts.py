"""The hosts that generated reports are about: addresses and names by number."""

from __future__ import annotations

from shadowserver_connector.simulator.places import (
    OWN_ASNS,
    OWN_PLACES,
    REMOTE_ASNS,
    REMOTE_PLACES,
    SECTORS,
)

SMALL_NETWORK = 508
"""Usable addresses of 192.0.2.0/24 and 198.51.100.0/24; the subscriber's own network."""

LARGE_NETWORK = 131_070
"""Usable addresses of 198.18.0.0/15 (RFC 2544), for networks that need more."""

LARGEST_NETWORK = 4_194_302
"""Usable addresses of 100.64.0.0/10 (RFC 6598), for networks that need still more."""


class Network:
    """A numbered set of hosts: the same number is the same host, in all reports of all days.

    ``hosts`` is how many a report needs. It determines the reserved network that the addresses come
    from; IPv4 has at most ``LARGEST_NETWORK``. With ``remote`` it is the rest of the world: other
    addresses, systems and countries, few hosts.
    """

    def __init__(self, hosts: int, *, ipv6: bool, remote: bool = False) -> None:
        self._ipv6 = ipv6
        self._remote = remote
        self._large = hosts > SMALL_NETWORK
        self._largest = hosts > LARGE_NETWORK
        self._asns = REMOTE_ASNS if remote else OWN_ASNS
        self._places = REMOTE_PLACES if remote else OWN_PLACES

    def ip(self, host: int) -> str:
        """Return the address; now and then an IPv6 one is not compressed."""
        if self._ipv6:
            prefix = "2001:db8:ffff" if self._remote else "2001:db8"
            high, low = host >> 16 & 0x7FFF, host & 0xFFFF
            if host % 8 == 3 and not self._remote:
                return f"2001:0db8:{high:04x}:{low:04x}:0000:0000:0000:0001"
            return f"{prefix}:{high:x}:{low:x}::1"
        if self._remote:
            return f"203.0.113.{host + 1}"
        if self._largest:
            number = host % LARGEST_NETWORK + 1
            return f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        if self._large:
            number = host % LARGE_NETWORK + 1
            return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        number = host % SMALL_NETWORK
        return f"{'192.0.2' if number < 254 else '198.51.100'}.{number % 254 + 1}"

    def network(self, host: int) -> str:
        """Return the address, or for some hosts the network around it."""
        if host % 6 == 5 and not self._ipv6:
            return self.ip(host).rpartition(".")[0] + ".0/24"
        return self.ip(host)

    def target(self, host: int) -> str:
        """Return the network of the address alone, as attack commands name their target."""
        return f"{self.ip(host)}/{128 if self._ipv6 else 32}"

    def hostname(self, host: int) -> str:
        """Return the name; three of eight hosts have none."""
        kind = host % 8
        if kind < 3:
            return ""
        domain = "example.net" if self._remote else ("example.com", "example.org")[host % 2]
        if kind == 3 and not self._ipv6:
            return f"{self.ip(host).replace('.', '-')}.dyn.{domain}"
        return f"{('www', 'mail', 'cam', 'srv')[host % 4]}{host}.{domain}"

    def hostname_source(self, host: int) -> str:
        """Return where the name was found; empty if there is no name."""
        return ("", "", "", "ptr", "sni", "ptr", "ptr", "ptr")[host % 8]

    def mac(self, host: int) -> str:
        """Return a MAC address of the block kept for documentation (RFC 7042)."""
        return f"00:00:5e:00:53:{host & 255:02x}"

    def asn(self, host: int) -> str:
        """Return the number of the autonomous system."""
        return self._asns[host // 2 % len(self._asns)]

    def country(self, host: int) -> str:
        """Return the country, as Shadowserver abbreviates it."""
        return self._place(host)[0]

    def region(self, host: int) -> str:
        """Return the region, in capitals."""
        return self._place(host)[1]

    def city(self, host: int) -> str:
        """Return the city, in capitals."""
        return self._place(host)[2]

    def naics(self, host: int) -> str:
        """Return the industry's number; 0 or empty where unknown."""
        return SECTORS[host * 3 // 2 % len(SECTORS)][0]

    def sector(self, host: int) -> str:
        """Return the industry's name; empty where unknown."""
        return SECTORS[host * 3 // 2 % len(SECTORS)][1]

    def _place(self, host: int) -> tuple[str, str, str]:
        return self._places[host * 5 // 3 % len(self._places)]
