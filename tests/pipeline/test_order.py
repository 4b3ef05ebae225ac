"""The rows of a host are grouped, wherever they are in the file, so its objects are sent once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.mapping.conversion import convert

HEADER = ("timestamp", "ip", "port", "protocol", "hostname")
HOSTS, VISITS = 30, 4


@pytest.mark.parametrize("notes", ["finding", "host", "none"])
def test_host_is_in_one_chunk(tmp_path: Path, notes: str) -> None:
    """Each address and name is sent once, although its rows are far apart."""
    rows = [
        (
            "2024-01-31 00:00:00",
            f"192.0.2.{host}",
            str(1_000 + visit),
            "tcp",
            f"h{host}.example.org",
        )
        for visit in range(VISITS)
        for host in range(HOSTS)
    ]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, notes=notes, chunk_objects=60)
    copies = Counter(stix["id"] for stix in converted.everything() if "value" in stix)
    assert len(converted.chunks) > 3
    assert len(copies) == 2 * HOSTS
    # A host whose rows do not fit into what is left of a chunk goes on in the next.
    assert sum(copies.values()) - len(copies) <= 2 * len(converted.chunks)
