"""The page's data, packed: columns with each distinct value once, and STIX objects, each once."""

from __future__ import annotations

import base64
import gzip
import io
import re
from array import array
from collections.abc import Hashable, Iterable
from typing import Any, Final, Generic, TypeVar

import orjson

from shadowserver_connector.bundle.chunk import Chunk

Value = TypeVar("Value", bound=Hashable)


class Coded(Generic[Value]):
    """A column: each distinct value once, and for each row the number of its value."""

    __slots__ = ("at", "values")

    def __init__(self) -> None:
        self.values: dict[Value, int] = {}
        # Four bytes a row; a list takes eight for each reference to a number.
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


# Both are what a browser unpacks by itself: gzip by `DecompressionStream`, base64 by `atob`.
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


# Level 8 takes a third longer and saves only one to two percent.
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


MAX_TEXT: Final = 4_000
"""Characters of one property that the page holds."""

_UUID: Final = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_BEFORE: Final = b"\x01%x\x02"
"""Stands for a UUID. In JSON these two bytes are always escaped, so nothing else looks like it."""


class ObjectsById:
    """Collects objects chunk by chunk; a further copy adds to the first, as in OpenCTI."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, chunk: Chunk) -> None:
        for encoded in chunk.objects:
            stix_id, body = encoded.id, encoded.json
            known = self._known.get(stix_id)
            if known is None:
                # A body this short has no longer property.
                self._known[stix_id] = body if len(body) <= MAX_TEXT else _shortened(body)
            elif known != body:
                self._known[stix_id] = _united(known, body)

    def encoded(self) -> bytes:
        """Return a JSON array of all objects, in the order in which they came."""
        return b"[" + b",\n".join(self._known.values()) + b"]"

    def packed(self) -> tuple[bytes, bytes]:
        r"""Return the array and its UUIDs, both for the page to unpack.

        In the array ``\x01<number in hexadecimal>\x02`` stands for a UUID. The UUIDs are 16 bytes
        each, in base64: nothing makes them smaller.
        """
        numbers: dict[bytes, int] = {}
        pack = Packed()

        def numbered(found: re.Match[bytes]) -> bytes:
            return _BEFORE % numbers.setdefault(found[0], len(numbers))

        separator = b"["
        for body in self._known.values():
            pack.write(separator)
            pack.write(_UUID.sub(numbered, body))
            separator = b",\n"
        pack.write(b"]" if self._known else b"[]")
        uuids = b"".join(bytes.fromhex(text.replace(b"-", b"").decode()) for text in numbers)
        return pack.letters(), base64.b64encode(uuids)


def _shortened(body: bytes) -> bytes:
    stix = orjson.loads(body)
    if stix["type"] == "artifact" and "payload_bin" in stix:
        # The original file itself; the page shows what is in it.
        stix["payload_bin"] = f"({len(stix['payload_bin'])} characters, left out of this page)"
    for name, value in stix.items():
        if isinstance(value, str) and len(value) > MAX_TEXT:
            stix[name] = f"{value[:MAX_TEXT]} … ({len(value)} characters)"
    return orjson.dumps(stix)


def _united(known: bytes, body: bytes) -> bytes:
    """Return the later copy, with the lists of both merged and the time span widened."""
    earlier: dict[str, Any] = orjson.loads(known)
    later: dict[str, Any] = orjson.loads(_shortened(body))
    for name, value in earlier.items():
        if isinstance(value, list):
            strings = [*value, *later.get(name, [])]
            if all(isinstance(item, str) for item in strings):
                later[name] = list(dict.fromkeys(strings))
        elif name == "first_observed":
            later[name] = min(value, later[name])
        elif name == "last_observed":
            later[name] = max(value, later[name])
    return orjson.dumps(later)
