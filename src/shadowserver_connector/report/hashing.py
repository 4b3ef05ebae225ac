"""Size and hashes of a file, read once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Size in bytes and the four hashes that an Artifact carries, as lower-case hex."""

    size: int
    md5: str
    sha1: str
    sha256: str
    sha512: str


def fingerprint(path: Path) -> FileFacts:
    """Read the file once, in constant memory, and return its size and hashes.

    Raises ``OSError`` where the file cannot be read.
    """
    digests = (
        hashlib.md5(usedforsecurity=False),
        hashlib.sha1(usedforsecurity=False),
        hashlib.sha256(),
        hashlib.sha512(),
    )
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            for digest in digests:
                digest.update(chunk)
    md5, sha1, sha256, sha512 = (digest.hexdigest() for digest in digests)
    return FileFacts(size, md5, sha1, sha256, sha512)
