"""Small report files that try to break whoever reads them, built by code.

``TABLES`` are tables, odd as they are: reading them gives rows. ``NO_TABLES`` are not, and are
refused. Each is a name and the file's bytes; the first three columns of a table are
``timestamp``, ``ip`` and ``tag``.
"""

from __future__ import annotations

import csv
import io

from shadowserver_connector.simulator.hostile import CELLS

HEADER = ("timestamp", "ip", "tag", "hostname", "banner")


def table(rows: list[tuple[str, ...]], header: tuple[str, ...] = HEADER) -> bytes:
    """Write rows as CSV in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([header, *rows])
    return text.getvalue().encode()


def _everywhere(cell: str) -> bytes:
    """Return a row per column that holds the cell, and one with it in all columns."""
    plain = ("2024-01-31 00:00:00", "192.0.2.1", "ssl;vpn", "host.example.com", "hello")
    rows = [(*plain[:index], cell, *plain[index + 1 :]) for index in range(len(plain))]
    return table([plain, *rows, (cell,) * len(plain)])


_PLAIN = b"timestamp,ip,tag\n2024-01-31 00:00:00,192.0.2.1,ssl\n"

TABLES: dict[str, bytes] = {
    **{f"cell_{name}": _everywhere(cell) for name, cell in CELLS.items()},
    **{f"header_{name}": table([("x", "y")], (cell, "ip")) for name, cell in CELLS.items()
       if "\n" not in cell and name not in ("json", "html", "long", "control", "separators")},
    "nul_cells": _PLAIN.replace(b"ssl", b"s\0s\0l"),
    "bad_utf8": _PLAIN + b"2024-01-31 00:00:00,192.0.2.2,\xff\xfe\xc3\x28\xed\xa0\x80\xf8\n",
    "latin1": _PLAIN + "2024-01-31 00:00:00,192.0.2.2,Zürich\n".encode("latin-1"),
    "utf16": _PLAIN.decode().encode("utf-16"),
    "ragged": _PLAIN + b"\n1\n,,,,,,,,\n" + b"x," * 1000 + b"\n",
    "unclosed_quote": _PLAIN + b'2024-01-31 00:00:00,192.0.2.1,"ssl\n' + _PLAIN * 50,
    "quotes_everywhere": _PLAIN + b'"""",""a,"b"c"\n"\n' * 20,
    "escaped": _PLAIN + b'2024-01-31 00:00:00,192.0.2.1,"a\\"b\\\\c"\n',
    "doubled_escaped": _PLAIN + b'2024-01-31 00:00:00,192.0.2.1,"a\\"\\"b\\\\c"\n',
    "backslash_at_end": _PLAIN + b"2024-01-31 00:00:00,192.0.2.1,ssl\\",
    "same_names": b"timestamp,ip,tag,tag,,,IP\n" + b"2024-01-31 00:00:00,192.0.2.1,a,b,c,d,e\n",
    "virtual_name": b"timestamp,ip,_surplus\n2024-01-31 00:00:00,192.0.2.1,a,b\n",
    "carriage_returns": _PLAIN.replace(b"\n", b"\r"),
    "repeated_header": _PLAIN * 3,
    "impossible_values": _PLAIN
    + b"9999-99-99 99:99:99,999.999.999.999,CVE-0-0\n0000-00-00,::ffff:1.2.3.4.5,;;;;,\n"
    + b"2024-01-31 00:00:00,192.0.2.0/33,cve-99999999999999999999-1\n-1,fe80::1%eth0,\n",
}  # fmt: skip

NO_TABLES: dict[str, bytes] = {
    "empty": b"",
    "mark_only": b"\xef\xbb\xbf",
    "blank": b"\n\n \n",
    "html": b"<html><head><title>502 Bad Gateway</title></head><body>a,b,c</body></html>",
    "json": b'{"error": "Authentication failed", "status": 401}',
    "binary": bytes(range(256)) * 20,
    "nul": b"\0" * 5000,
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "sentence": b"report not found",
    "no_header": b"2024-01-31 00:00:00,192.0.2.1,ssl\n",
}
