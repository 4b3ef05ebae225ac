"""Severity of a finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
"""From the least to the most severe."""

RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}


def parse_severity(text: str) -> str:
    """Return one of `SEVERITIES`."""
    severity = text.lower()
    if severity not in RANK:
        raise ValueError(f"not a severity: one of {', '.join(SEVERITIES)}")
    return severity


def highest(severities: Iterable[str]) -> str:
    """Return the most severe; `ValueError` if there is none."""
    return max(severities, key=RANK.__getitem__)
