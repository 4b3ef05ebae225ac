"""The page's data: columns that store each distinct value once, packed."""

from __future__ import annotations

import base64
import gzip
import io
from array import array
from collections.abc import Hashable, Iterable
from typing import Any, Final, Generic, TypeVar

import orjson

Value = TypeVar("Value", bound=Hashable)


class Coded(Generic[Value]):
    """A column: each distinct value once, and for each row the number of its value."""

    __slots__ = ("at", "values")

    def __init__(self) -> None:
        self.values: dict[Value, int] = {}
        self.at = array("I")

    def __len__(self) -> int:
        return len(self.at)

    def add(self, value: Value) -> bool:
        """Add the value of the next row; tell whether it is a new one."""
        known = len(self.values)
        number = self.values.setdefault(value, known)
        self.at.append(number)
        return number == known

    def plain(self) -> dict[str, Any]:
        """Return ``v``, the values, and ``a``, the number of each row's value. Without ``a``, each
        row has a value of its own, or all have the same and ``n`` is the number of rows.
        """
        if len(self.values) == len(self.at):
            return {"v": list(self.values)}
        if len(self.values) == 1:
            return {"v": list(self.values), "n": len(self.at)}
        return {"v": list(self.values), "a": self.at.tolist()}


class Packed:
    """Packs bytes as they arrive: gzip, as text that a page can contain."""

    def __init__(self) -> None:
        self._whole = io.BytesIO()
        # Without a time, the same data give the same bytes.
        self._gzip = gzip.GzipFile(fileobj=self._whole, mode="wb", compresslevel=_LEVEL, mtime=0)

    def write(self, data: bytes) -> None:
        """Pack further bytes."""
        self._gzip.write(data)

    def letters(self) -> bytes:
        """Return all of it in base64; nothing can be written after that."""
        self._gzip.close()
        return base64.b64encode(self._whole.getbuffer())


_LEVEL: Final = 7


def packed(data: bytes) -> bytes:
    """Return data for the page to unpack: a tenth of its size, because findings are alike."""
    pack = Packed()
    pack.write(data)
    return pack.letters()


def packed_list(values: Iterable[Any]) -> bytes:
    """Return values as a packed JSON array; they are written one by one, to save memory."""
    pack = Packed()
    separator = b"["
    for value in values:
        pack.write(separator)
        pack.write(orjson.dumps(value))
        separator = b",\n"
    pack.write(b"[]" if separator == b"[" else b"]")
    return pack.letters()
