"""Size and hashes of a file."""

import hashlib
from pathlib import Path

from shadowserver_connector.report.info import fingerprint


def test_facts_equal_those_of_the_bytes(tmp_path: Path) -> None:
    """Size and all four hashes are those of the whole file, however it is read."""
    content = b"ip,tag\r\n\xff\x00" * 300_000
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    facts = fingerprint(path)
    assert facts.size == len(content)
    for name in ("md5", "sha1", "sha256", "sha512"):
        assert getattr(facts, name) == hashlib.new(name, content).hexdigest()
