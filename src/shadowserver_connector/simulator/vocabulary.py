"""The words that generated reports are made of. Data only; all of it invented or reserved.

Addresses, names and numbers are those kept for documentation (RFC 2606, 3849, 5398, 5737, 7042)
and for benchmarks (RFC 2544).
"""

from __future__ import annotations

from collections.abc import Mapping

Words = tuple[str, ...]

MALWARE = (
    ("mirai", "mirai"),
    ("avalanche-andromeda", "andromeda"),
    ("downadup", "conficker"),
    ("victorygate.b", "victorygate"),
    ("necurs", "necurs"),
    ("zeroaccess-32bit", "zeroaccess"),
    ("qakbot", "qakbot"),
    ("ghost-push", ""),
)
"""Infection as a sinkhole reports it, and the family that it belongs to."""

DEVICES = (
    ("Fortinet", "firewall", "FortiGate", "7.0.5", "enterprise"),
    ("MikroTik", "router", "RB750Gr3", "6.49.10", "consumer"),
    ("Hikvision", "ip-camera", "DS-2CD2143G0-I", "V5.5.82", "consumer"),
    ("QNAP", "nas", "TS-431P", "4.3.6.0895", "smb"),
    ("Synology", "nas", "DS218+", "6.2-25556", "smb"),
    ("Cisco", "switch", "Catalyst 2960", "15.0(2)SE11", "enterprise"),
    ("Ubiquiti", "access-point", "NanoStation Loco M5", "6.3.0", "consumer"),
    ("TP-Link", "router", "Archer C7", "", "consumer"),
)

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/108.0.0.0 Safari/537.36",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)",
    "curl/7.68.0",
    "",
)

PATHS = ("/", "/index.php", "/admin/setup.cgi?next=%2Fhome", "/wp-content/up.php?x=1")

REQUESTS = ("/", "/index.php", "/login.html")

ORGANISATIONS = ("Example AG", "Example University", "Beispiel GmbH & Co. KG", "Example, Inc.")

ISSUERS = (
    ("Example Root CA", "Example Trust Services", "AT"),
    ("E1", "Example Free Certificates", "US"),
    ("Example Domain Validation CA", "Example Limited", "GB"),
)

PASSWORDS = ("admin", "123456", "P@ssw0rd, really", "public", "")

NAME_PARTS: tuple[tuple[Words, Words], ...] = (
    (
        ("_support", "supported", "_vulnerable", "_valid", "_expired", "_trusted", "_auth"),
        ("Y", "N"),
    ),
    (("is_", "has_", "anonymous", "nulluser"), ("TRUE", "FALSE")),
    (("amplification",), ("1.3810", "27.00", "556.90")),
    (("_length", "size", "bytes", "count", "_int", "_code", "_channels"), ("12", "324", "2048")),
    (("version", "_major", "_minor", "firmware"), ("2.4.1", "1.0", "7.10.2", "3.6.8")),
    (("_name", "name", "host"), ("node17", "EXAMPLE-PC", "srv-01.example.com")),
    (("address", "_ip", "ipv4", "gateway"), ("192.0.2.77", "192.168.0.10", "")),
    (("ipv6", "link_local"), ("fe80::200:5eff:fe00:5301", "")),
    (("_asn", "sender"), ("64500",)),
    (
        ("_key", "_raw", "_data", "base64", "_value", "prime", "modulus"),
        ("RXhhbXBsZSBieXRlcyBvbmx5Lg==", ""),
    ),
    (("hassh", "_hash", "fingerprint"), ("06046570f0e9f92a30867b4128df6cc7",)),
)
"""Parts of column names, and the cells of columns whose names have one of them."""

DATES = ("_date", "_time", "timestamp", "date", "time")
"""Parts of the names of columns that hold a day before the report's."""

OTHER_TEXTS = ("", "0", "1")

MOMENTS: Mapping[str, str] = {
    "current_time": "%Y%m%d%H%M%S.0Z",
    "http_date": "%a, %d %b %Y %H:%M:%S GMT",
    "ntrip_date": "%a, %d %b %Y %H:%M:%S GMT",
    "systime": "%a, %d %b %Y %H:%M:%S GMT",
    "time": "%Y-%m-%d %H:%M:%S",
}
"""Clocks of hosts, which show the time of the scan: column -> form."""

SECOND_TAGS: Mapping[str, Words] = {
    "ftp": ("", "iot"),
    "http": ("", "", "iot", "vpn"),
    "ssdp": ("iot",),
    "telnet": ("", "iot"),
    "ubiquiti": ("iot",),
}
"""Type without its family's prefix -> an additional tag."""

SOFTWARE: Mapping[str, Words] = {
    "software.product": ("Example Server", ""),
    "software.vendor": ("Example Systems", ""),
    "software.version": ("2.4.1", "1.0", "7.10.2", ""),
}
"""Cells of columns that no file in ``data`` has words for."""
