"""Texts that come close to what readers look for, and texts that do not."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

ACTIVE: Final = "\\|`<>&;#[]()!*_~$@:/.w\n\r\t\x0b\x85\u2028\u00a0\u200b\u202e\ufeff\0 -{}=+\"'^%"
"""Characters that mean something to CSV, markdown, HTML, terminals or patterns."""

_PIECES: Final = (
    *("192.0.2.1", "192.0.2", "2001:db8::1", "::ffff:", "::", "/24", "/129", "255", "%eth0", "AS"),
    *("64496", "4294967296", "-", ":", ".", "www", "example", "com", "xn--", "--", "_", "*", "@"),
    *(
        "ü",
        "ß",
        "İ",
        "ﬁ",
        "。",
        "\u0300",
        "\u200d",
        "http://",
        "HTTPS://",
        "//",
        "?",
        "#",
        "&",
        "=",
    ),
    *("2024-01-31", "0001-01-01", "9999-12-31", " ", "23:59:60", "T", "Z", "+02:00", "-23:59"),
    *(
        ".1234567",
        "Jan",
        "31",
        "GMT",
        "W05",
        "Wed, ",
        "CVE-2024-1234",
        "cve-",
        "T1110.001",
        "TA0001",
    ),
    *(";", ",", "\0", "\u2028", "ab", "00", "0x", "1e309", "NaN", "-0", "null", "None", "N/A"),
    *("NL", "UK", "EU", "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "MIIB", "\n"),
    *("SHA256:", "MD5:", "ssh-rsa ", "ssh-ed25519 ", "AAAAB3NzaC1yc2E", "AAAAC3NzaC1lZDI1NTE5"),
    *("cpe:2.3:a:", "cpe:/a:", "cpe:2.3:", "GET ", "POST ", " HTTP/1.1", "[", "]", "\\", "'", '"'),
    *("٣", "²", "𝟙", "true", "Y", "tcp", "udp", "tls", "high", "CN=", "O=", "/", "~", "\ufeff"),
)

plain: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
"""Any text that UTF-8 can encode."""

pieces: Final = st.lists(st.sampled_from(_PIECES), max_size=9).map("".join)
"""Pieces of what report cells hold, in any order."""

active: Final = st.text(
    st.one_of(st.sampled_from(ACTIVE), st.characters(exclude_categories=["Cs"])), max_size=40
)
"""Text in which every other character means something to somebody."""

cells: Final = st.one_of(plain, pieces, active, st.text(st.sampled_from("0123456789abcdef:.-/")))
"""Cells, as the CSV reader gives them but for NULs, which the parsers must bear as well."""

anything: Final = st.one_of(cells, st.text(max_size=60))
"""The same, and lone surrogates: what file names and JSON can hold."""
