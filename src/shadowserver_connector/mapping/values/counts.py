"""How often something was seen."""

from __future__ import annotations

from shadowserver_connector.stix.containers import MAX_NUMBER_OBSERVED


def parse_count(text: str) -> int:
    """Return a count from 1 to what STIX allows as the number of an observed-data."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise ValueError(f"not a count from 1 to {MAX_NUMBER_OBSERVED}")
    return int(text)
