"""``history``: what was reported of an address, network, name, CVE or type, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from shadowserver_connector.cli.console import err, out, print_json, print_table
from shadowserver_connector.exit_codes import OK, UsageError
from shadowserver_connector.history.database import reading_only
from shadowserver_connector.history.questions import Entry, findings_about, open_longest

HEADINGS = ("Type", "List", "Of", "Reported", "First", "Last", "Days", "As it is since", "Open")


def history(directory: Path, asked: str | None, longest: int | None, *, as_json: bool) -> int:
    """Show findings over time; return the exit code. Raises UsageError and as `reading_only`."""
    if (asked is None) == (longest is None):
        raise UsageError("ask for an address, network, host name, CVE id or type, or give --open")
    with reading_only(directory) as connection:
        if asked is not None:
            found = list(findings_about(connection, asked))
        else:
            found = open_longest(connection, longest or 1)
    if as_json:
        print_json([_as_json(entry) for entry in found])
    elif found:
        _print(found)
    else:
        err.print(f"nothing was reported of {asked}" if asked else "nothing is open", markup=False)
    return OK


def _print(found: Sequence[Entry]) -> None:
    print_table(
        HEADINGS,
        [
            (
                entry.type,
                entry.list,
                ", ".join([entry.subject, *entry.names]),
                entry.what,
                entry.first.isoformat(),
                entry.last.isoformat(),
                entry.days,
                entry.since.isoformat(),
                "yes" if entry.open else "no",
            )
            for entry in found
        ],
    )
    out.print()


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in entry._asdict().items()
    }
