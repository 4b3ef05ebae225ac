"""Cells made from the words of ``together``."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from zlib import crc32

from shadowserver_connector.simulator.scene import POOL, Block, Scene
from shadowserver_connector.simulator.together import Group

_SECONDS = 86_400


class After:
    """Times after that of the row, by seconds: ``{after[60]:%H:%M:%S}``; within the day."""

    def __init__(self, scene: Scene, row: int) -> None:
        self._midnight = datetime.combine(scene.day, datetime.min.time(), UTC)
        self._second = row * _SECONDS // max(scene.rows, 1)

    def __getitem__(self, seconds: int) -> datetime:
        second = min(self._second + seconds, _SECONDS - 1)
        return self._midnight + timedelta(seconds=second)


@dataclass(frozen=True, slots=True)
class Fields:
    """What a cell can name: ``{n}``, ``{hash:.32}``, ``{before:%Y-%m-%d}``."""

    n: int
    """The number that the cell is made from."""
    hash: str
    """64 digits in hex."""
    md5: str
    """32 other digits in hex."""
    b64: str
    """64 bytes in base64."""
    uuid: str
    before: datetime
    """A time in the three months before the report's day."""
    long_before: datetime
    """A time in the two years before."""

    @classmethod
    def of(cls, group: Group, scene: Scene, number: int) -> Fields:
        """Return the fields of all cells that are about the same thing."""
        digest = hashlib.sha512(f"{scene.seed}:{group.name}:{number}".encode()).digest()
        noon = datetime.combine(scene.day, datetime.min.time(), UTC) - timedelta(
            seconds=number * 337 % _SECONDS
        )
        return cls(
            n=number,
            hash=digest[:32].hex(),
            md5=digest[48:].hex(),
            b64=base64.b64encode(digest).decode(),
            uuid=str(uuid.UUID(bytes=digest[32:48], version=4)),
            before=noon - timedelta(days=number * 13 % 90),
            long_before=noon - timedelta(days=100 + number * 31 % 600),
        )

    def filled(self, cell: str, **others: object) -> str:
        """Return the cell with its fields filled in."""
        if "{" not in cell:
            return cell
        named = {name: getattr(self, name) for name in self.__slots__}
        return cell.format(**named, **others)


def grouped(column: str, group: Group, scene: Scene) -> tuple[Block, Callable[[int], str]]:
    """Return which of a row's numbers the column's cells are made from, and how."""
    cells = group.cells(column)
    salt = group.name
    fields = lru_cache(POOL)(partial(Fields.of, group, scene))

    def choice(number: int) -> str:
        return cells[crc32(f"{salt}:{number}".encode()) % len(cells)]

    def of_host(host: int) -> str:
        cell = choice(host % POOL)
        if "{" not in cell:
            return cell
        address = scene.own.ip(host)
        return fields(host % POOL).filled(
            cell,
            address=f"[{address}]" if ":" in address else address,
            site=scene.own.hostname(host) or (f"[{address}]" if ":" in address else address),
        )

    def of_event(event: int) -> str:
        row, number = divmod(event, POOL)
        return fields(number).filled(choice(number), after=After(scene, row))

    def pooled(number: int) -> str:
        return fields(number).filled(choice(number))

    if any("{after[" in cell for cell in cells):
        return Block.EVENT, of_event
    if any("{address}" in cell or "{site}" in cell for cell in cells):
        return Block.HOST, of_host
    return (Block.KIND if group.of_host else Block.FINDING), pooled
