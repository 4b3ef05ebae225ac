"""The platform's rule for ids, written a second time, as simply as possible."""

from __future__ import annotations

import json
import uuid
from typing import Any

NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")


def standard_id(stix_type: str, **fields: Any) -> str:
    """Return the UUIDv5 over the canonical JSON of the identifying fields."""
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{stix_type}--{uuid.uuid5(NAMESPACE, canonical)}"
