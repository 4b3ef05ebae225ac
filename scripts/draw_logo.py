"""Draw ``__metadata__/logo.png``: a radar sweep over a globe, on a dark tile."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

SIZE = 256
SAMPLES = 3
TILE, LINE, SWEEP, FINDING = (16, 32, 52), (72, 168, 196), (34, 92, 120), (246, 173, 60)
LINE_WIDTH = 0.014
FINDINGS = ((0.36, -0.30), (-0.18, -0.44), (0.14, 0.22))

Colour = tuple[int, int, int]


def colour_at(x: float, y: float) -> Colour | None:
    """Return the colour at a point of the square from -1 to 1; `None` outside the tile."""
    corner = math.hypot(max(abs(x) - 0.78, 0), max(abs(y) - 0.78, 0))
    if corner > 0.2:
        return None
    if any(math.hypot(x - at, y - down) < 0.075 for at, down in FINDINGS):
        return FINDING
    radius = math.hypot(x, y)
    if radius > 0.72 + LINE_WIDTH:
        return TILE
    meridian = abs(math.hypot(x / 0.45, y) - 0.72) < LINE_WIDTH / 0.45
    rings = any(abs(radius - ring) < LINE_WIDTH for ring in (0.72, 0.45))
    if rings or meridian or abs(y) < LINE_WIDTH or abs(x) < LINE_WIDTH:
        return LINE
    return SWEEP if 0 < math.atan2(-y, x) < math.pi / 3 else TILE


def pixel(column: int, row: int) -> bytes:
    """Return a pixel's red, green, blue and opacity, as the mean of several points in it."""
    steps = [(step + 0.5) / SAMPLES for step in range(SAMPLES)]
    points = [
        colour_at((column + dx) / SIZE * 2 - 1, (row + dy) / SIZE * 2 - 1)
        for dy in steps
        for dx in steps
    ]
    seen = [colour for colour in points if colour is not None]
    if not seen:
        return bytes(4)
    mean = [round(sum(part) / len(seen)) for part in zip(*seen, strict=True)]
    return bytes([*mean, round(255 * len(seen) / len(points))])


def png(rows: list[bytes]) -> bytes:
    """Return a PNG file of rows of RGBA pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 4, len(rows), 8, 6, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    drawing = [b"".join(pixel(column, row) for column in range(SIZE)) for row in range(SIZE)]
    (Path(__file__).resolve().parent.parent / "__metadata__" / "logo.png").write_bytes(png(drawing))
