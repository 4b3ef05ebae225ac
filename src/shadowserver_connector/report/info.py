"""What is known of a report before its file is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class ReportInfo:
    """One report file as the Reports API lists it, or as its file name tells it.

    ``id`` opens the file without credentials, so it is a secret: it stays out of ``repr``,
    logs, names and state.
    """

    type: str
    """Report type, such as ``scan_ssl``."""
    day: date
    """The day covered, UTC."""
    file: str
    """File name as Shadowserver gives it, ``2024-01-31-scan_ssl-example.csv``."""
    list: str = ""
    """Name of the subscriber's report list; empty where only the file is known."""
    id: str = field(default="", repr=False)
    """Opaque token of the Reports API; empty for a file on disk."""
    url: str = ""
    """Shadowserver's page on the type, where the API names it."""
