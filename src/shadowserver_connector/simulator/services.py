"""Services that generated reports find: their ports, transports and weaknesses. Data only."""

from __future__ import annotations

from collections.abc import Mapping

Words = tuple[str, ...]

UDP = frozenset(
    [
        *("chargen", "coap", "dns", "gtp", "ibm-db2", "ike", "isakmp", "ldap_udp"),
        *("mdns", "ms-sql-m", "nat-pmp", "netbios-ns", "ntp", "qotd"),
        *("quic", "rdpeudp", "sip", "snmp", "ssdp"),
        *("stun", "sunrpc", "svrloc", "tftp", "ubiquiti-discovery", "ws-discovery", "xdmcp"),
    ]
)
"""Applications, and types by name, that are scanned over UDP."""

PORTS: Mapping[str, Words] = {
    "adb": ("5555",),
    "afpovertcp": ("548",),
    "amqp": ("5672",),
    "bgp": ("179",),
    "chargen": ("19",),
    "coap": ("5683",),
    "cwmp": ("7547", "30005"),
    "dns": ("53",),
    "epmd": ("4369",),
    "ftp": ("21", "2121"),
    "gtp": ("2123",),
    "http": ("80", "8080", "8000", "8888"),
    "https": ("443", "8443", "10443"),
    "ibm-db2": ("523",),
    "ike": ("500",),
    "imap": ("143", "993"),
    "ipmi": ("623",),
    "ipp": ("631",),
    "isakmp": ("500",),
    "ldap": ("389",),
    "mdns": ("5353",),
    "memcache": ("11211",),
    "mongodb": ("27017",),
    "mqtt": ("1883", "8883"),
    "ms-sql-m": ("1434",),
    "msmq": ("1801",),
    "msrpc": ("135",),
    "mysql": ("3306",),
    "nat-pmp": ("5351",),
    "net-assistant": ("3283",),
    "netbios-ns": ("137",),
    "ntp": ("123",),
    "ntrip": ("2101",),
    "openwire": ("61616",),
    "pop3": ("110", "995"),
    "postgresql": ("5432",),
    "qotd": ("17",),
    "quic": ("443",),
    "radmin-port": ("4899",),
    "rdp": ("3389", "33890"),
    "rdpeudp": ("3389",),
    "redis": ("6379",),
    "rfb": ("5900", "5901"),
    "rocketmq": ("10911",),
    "rsync": ("873",),
    "sip": ("5060",),
    "smart-install": ("4786",),
    "smb": ("445",),
    "smtp": ("25", "587"),
    "snmp": ("161",),
    "socks": ("1080",),
    "ssdp": ("1900",),
    "ssh": ("22", "2222"),
    "stun": ("3478",),
    "sunrpc": ("111",),
    "svrloc": ("427",),
    "telnet": ("23", "2323"),
    "tftp": ("69",),
    "ubiquiti-discovery": ("10001",),
    "ws-discovery": ("3702",),
    "xdmcp": ("177",),
}

OTHER_PORTS = ("80", "443", "22", "23", "8080")

CVES: Mapping[str, Words] = {
    "smtp_vulnerable": ("cve-2019-10149", "cve-2023-42115"),
    "imap_vulnerable": ("cve-2011-1926",),
    "ssl_freak": ("cve-2015-0204",),
    "ssl_poodle": ("cve-2014-3566",),
}
"""Type without its family's prefix -> weaknesses that its tags name."""
