"""Chunks as compressed bytes: to lie on disk, or to travel from another machine."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Literal

from shadowserver_connector.bundle.chunk import Chunk, Encoded

# STIX repeats itself: the fastest level makes a fraction of it.
_LEVEL: Final = 1
_LENGTH_BYTES: Final = 4

_KINDS: Final[dict[bytes, Literal["artifact", "findings"]]] = {
    b"artifact": "artifact",
    b"findings": "findings",
}


def pack(chunk: Chunk) -> bytes:
    """Return a chunk as bytes."""
    lines = [chunk.kind.encode(), b"%d" % chunk.findings]
    for encoded in chunk.objects:
        # JSON has no line breaks of its own.
        lines += (encoded.id.encode(), encoded.json)
    return zlib.compress(b"\n".join(lines), _LEVEL)


def unpack(packed: bytes) -> Chunk:
    """Return the chunk that was packed."""
    kind, findings, *lines = zlib.decompress(packed).split(b"\n")
    pairs = zip(lines[::2], lines[1::2], strict=True)
    objects = tuple(Encoded(stix_id.decode(), json) for stix_id, json in pairs)
    return Chunk(_KINDS[kind], objects, int(findings))


def spool_to(file: BinaryIO) -> Callable[[Chunk], None]:
    """Return what appends chunks to a file, for ``read_spool``."""

    def emit(chunk: Chunk) -> None:
        write_packed(file, pack(chunk))

    return emit


def write_packed(file: BinaryIO, packed: bytes) -> None:
    """Append a chunk that is packed already to a file, for ``read_spool``."""
    file.write(len(packed).to_bytes(_LENGTH_BYTES))
    file.write(packed)


def read_spool(path: Path) -> Iterator[Chunk]:
    """Yield the chunks of a file, in order, one at a time."""
    with path.open("rb") as file:
        while length := file.read(_LENGTH_BYTES):
            yield unpack(file.read(int.from_bytes(length)))
