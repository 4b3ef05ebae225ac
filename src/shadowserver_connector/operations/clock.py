"""This machine's clock, compared with that of a server, from the header ``Date`` of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

TOLERATED: Final = 60.0
"""Seconds of difference that nobody needs to know of."""


def time_of(headers: Mapping[str, str]) -> datetime | None:
    """Return a server's time, UTC, to the second; ``None`` where it does not say."""
    try:
        moment = parsedate_to_datetime(headers["Date"])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def skew(server: str, theirs: datetime, ours: datetime) -> str | None:
    """Return a sentence about a clock that is wrong, or ``None`` where both agree well enough."""
    seconds = round((ours - theirs).total_seconds())
    if abs(seconds) <= TOLERATED:
        return None
    direction = "ahead of" if seconds > 0 else "behind"
    return (
        f"this machine's clock is {abs(seconds):,} seconds {direction} {server}'s; "
        "let it follow a time server (NTP)"
    )
