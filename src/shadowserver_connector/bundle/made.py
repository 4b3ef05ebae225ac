"""A STIX object that may be met again: written once, completed when its chunk is closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

# Objects stand in a chunk in the order in which they may refer to each other.
_LAYERS: Final = (
    ("identity", "marking-definition"),
    ("location", "autonomous-system", "vulnerability", "malware", "attack-pattern"),
    ("software", "user-agent", "mac-addr", "artifact"),
    ("ipv4-addr", "ipv6-addr"),
    ("domain-name", "hostname", "x509-certificate", "url", "email-addr", "user-account"),
    ("file", "ssh-key"),
    ("network-traffic",),
    ("indicator",),
    ("relationship",),
    ("observed-data",),
    ("report",),
    ("case-incident",),
    ("note",),
)
LAYER: Final[Mapping[str, int]] = {
    name: layer for layer, names in enumerate(_LAYERS) for name in names
}
LAYERS: Final = len(_LAYERS)


class Made:
    """An object's id, its place in the order, and its JSON without the closing brace.

    Labels and score are not in ``body``: they differ from row to row and are united or
    maximised over the rows of a chunk.
    """

    __slots__ = ("body", "id", "layer", "score")

    id: str
    layer: int
    body: bytes
    score: int | None

    def __init__(self, id: str, layer: int, body: bytes, score: int | None = None) -> None:
        self.id = id
        self.layer = layer
        self.body = body
        self.score = score


def make(stix: Mapping[str, Any], score: int | None = None) -> Made:
    """Encode a STIX object of any type named in this module; ``KeyError`` for another type."""
    return Made(stix["id"], LAYER[stix["type"]], orjson.dumps(stix)[:-1], score)
