"""The STIX objects that OpenCTI would get, each once."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import orjson

from shadowserver_connector.bundle.chunk import Chunk

MAX_TEXT: Final = 4_000
"""Characters of one property that the page holds."""


class Objects:
    """Collects objects chunk by chunk; a further copy adds to the first, as in OpenCTI."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, chunk: Chunk) -> None:
        """Add the objects of a chunk."""
        for encoded in chunk.objects:
            stix_id, body = encoded.id, encoded.json
            known = self._known.get(stix_id)
            if known is None:
                self._known[stix_id] = body if len(body) <= MAX_TEXT else _shortened(body)
            elif known != body:
                self._known[stix_id] = _united(known, body)

    def by_type(self) -> list[list[str | int]]:
        """Return ``[type, type, number]`` of each STIX type, largest first."""
        types = Counter(stix_id.partition("--")[0] for stix_id in self._known)
        ranked = sorted(types.items(), key=lambda item: (-item[1], item[0]))
        return [[name, name, number] for name, number in ranked]

    def encoded(self) -> bytes:
        """Return a JSON array of all objects, in the order in which they came."""
        return b"[" + b",\n".join(self._known.values()) + b"]"


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
    """Return the later copy, its lists united with the earlier one's, its time span widened."""
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
