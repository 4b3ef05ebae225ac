"""A chunk: what travels to OpenCTI as one message, or lies on disk as one bundle."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

# A STIX id is its object's type, two dashes and a UUID.
_TYPE_END = -len("--00000000-0000-0000-0000-000000000000")
_BUNDLE_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")


class Encoded:
    """One STIX object, written once."""

    __slots__ = ("id", "json")

    id: str
    json: bytes

    def __init__(self, id: str, json: bytes) -> None:
        self.id = id
        self.json = json


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """STIX objects in order of dependencies; every reference is inside the chunk."""

    kind: Literal["artifact", "findings"]
    objects: tuple[Encoded, ...]
    findings: int
    """Rows of the report that this chunk completes; 0 for the artifact."""

    def types(self) -> list[str]:
        """Return the STIX type of each object."""
        return [each.id[:_TYPE_END] for each in self.objects]

    def bundle(self, leave_out: Collection[str] = ()) -> bytes:
        """Return the STIX bundle as UTF-8 JSON, without the objects whose ids are named.

        The bundle's id is derived from the ids inside, so that equal chunks are equal bytes.
        """
        kept = [o for o in self.objects if o.id not in leave_out] if leave_out else self.objects
        name = uuid.uuid5(_BUNDLE_NAMESPACE, "\n".join([o.id for o in kept]))
        head = b'{"type":"bundle","id":"bundle--%s","objects":[' % str(name).encode()
        return head + b",".join([o.json for o in kept]) + b"]}"
