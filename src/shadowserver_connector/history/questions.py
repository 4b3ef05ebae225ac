"""What was reported about an address, a network, a name, a weakness or a whole type, and when."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date
from heapq import nsmallest
from ipaddress import IPv4Address, IPv6Address, ip_network
from operator import attrgetter
from typing import Final, NamedTuple

from shadowserver_connector.history.record import DIGEST_BYTES, SUBJECT_CHARACTERS, day_of

_COLUMNS: Final = "feed, key, first, last, since, before, days, label"
_CVE: Final = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)
# Numbers with what separates those of addresses, networks and ranges; hexadecimal ones with two
# colons; AS or CVE with a number.
_ADDRESS_LIKE: Final = re.compile(
    r"(?=\S*[.:/])\d[\d.:/*,-]*|[\da-f]*:[\da-f.]*:[\da-f:.]*(/\S*)?|as\d+|cve[-_ ]?\d[\d-]*",
    re.IGNORECASE,
)


class FindingHistory(NamedTuple):
    """One finding over time."""

    type: str
    list: str
    subject: str
    """Address, network, URL, account or name; at most the first 60 characters."""
    what: str
    """Port, protocol, and what was found there on the last day."""
    names: tuple[str, ...]
    """Host names that the subject had in reports."""
    first: date
    last: date
    days: int
    """The number of days on which it was reported."""
    since: date
    """Since when it is unchanged, up to the last day."""
    changed_from: date | None
    """Last day before that on which it was different."""
    open: bool
    """It is in the last report of its type and list."""


def findings_about(connection: sqlite3.Connection, term: str) -> Iterator[FindingHistory]:
    """Yield the findings on an address, a network, a CVE id, a report type, or a name.

    A name is a host name that a report gave to an address, or what a finding is of where that is
    no address (URL, account). Order: by type and list, then by subject.
    """
    term = term.strip()
    network = _network(term)
    if network is not None:
        condition, values = "key >= ? AND key < ?", network
        yield from _found(connection, [(condition, values)])
    elif _CVE.fullmatch(term):
        # CVE-2021-1234 is also the beginning of CVE-2021-12345.
        whole = re.compile(rf"{term}(?!\d)", re.IGNORECASE)
        said = "label IN (SELECT id FROM labels WHERE instr(lower(text), ?))"
        entries = _found(connection, [(said, (term.lower(),))])
        yield from (entry for entry in entries if whole.search(entry.what))
    elif connection.execute("SELECT 1 FROM feeds WHERE type = ?", (term.lower(),)).fetchone():
        yield from _found(connection, [("1", ())], term.lower())
    else:
        yield from _found(connection, [_of(subject) for subject in _subjects(connection, term)])


def is_mistyped(term: str) -> bool:
    """Return whether this is like an address, a network or a CVE id, but is none.

    A name or an account may be any text.
    """
    term = term.strip()
    return (
        _ADDRESS_LIKE.fullmatch(term) is not None
        and _network(term) is None
        and _CVE.fullmatch(term) is None
    )


def open_longest(
    connection: sqlite3.Connection, most: int, term: str | None = None
) -> list[FindingHistory]:
    """Return the findings that are still reported and were first seen longest ago.

    With a term, only those that `findings_about` yields for it.
    """
    if term is not None:
        still_open = (found for found in findings_about(connection, term) if found.open)
        return nsmallest(most, still_open, key=attrgetter("first"))
    query = (
        f"SELECT {_COLUMNS} FROM findings AS f WHERE last = "  # noqa: S608 - no input
        "(SELECT max(day) FROM days WHERE days.feed = f.feed) ORDER BY first, key LIMIT ?"
    )
    return list(_entries(connection, connection.execute(query, (most,))))


def reported_days(connection: sqlite3.Connection) -> tuple[date, date] | None:
    """Return the first and the last day of which the history has a report; ``None`` without any."""
    first, last = connection.execute("SELECT min(day), max(day) FROM days").fetchone()
    return None if first is None else (day_of(first), day_of(last))


def _found(
    connection: sqlite3.Connection,
    conditions: Iterable[tuple[str, tuple[object, ...]]],
    report_type: str = "",
) -> Iterator[FindingHistory]:
    feeds = connection.execute("SELECT id, type FROM feeds ORDER BY type, list").fetchall()
    wanted = [number for number, name in feeds if report_type in ("", name)]
    listed = list(conditions)
    # One feed at a time: keys are stored by feed, so each query reads only its part.
    for feed in wanted:
        for condition, values in listed:
            query = (
                f"SELECT {_COLUMNS} FROM findings "  # noqa: S608 - conditions are our own
                f"WHERE feed = ? AND {condition} ORDER BY key"
            )
            yield from _entries(connection, connection.execute(query, (feed, *values)))


def _entries(
    connection: sqlite3.Connection, rows: Iterable[tuple[int, bytes, int, int, int, int, int, int]]
) -> Iterator[FindingHistory]:
    for feed, key, first, last, since, before, days, label in rows:
        subject = key[:-DIGEST_BYTES]
        feed_type, feed_list, newest = connection.execute(
            "SELECT type, list, (SELECT max(day) FROM days WHERE feed = id) FROM feeds"
            " WHERE id = ?",
            (feed,),
        ).fetchone()
        text = connection.execute("SELECT text FROM labels WHERE id = ?", (label,)).fetchone()
        names = connection.execute(
            "SELECT name FROM names WHERE subject = ? ORDER BY name", (subject,)
        )
        shown = subject_text(subject)
        yield FindingHistory(
            type=feed_type,
            list=feed_list,
            subject=shown,
            what=text[0] if text else "",
            # The host of a URL may be the address itself.
            names=tuple(name for (name,) in names if name != shown),
            first=day_of(first),
            last=day_of(last),
            days=days,
            since=day_of(since),
            changed_from=day_of(before) if before else None,
            open=last == newest,
        )


def subject_text(subject: bytes) -> str:
    """Return the subject that a key begins with, for people."""
    kind, rest = subject[:1], subject[1:]
    size = {b"4": 4, b"6": 16}.get(kind)
    if size is None:
        return rest.decode("utf-8", "replace")
    address = str(IPv4Address(rest[:4]) if kind == b"4" else IPv6Address(rest[:16]))
    return f"{address}/{rest[size]}" if len(rest) > size else address


def _network(term: str) -> tuple[bytes, bytes] | None:
    """Return where the keys of an address or network begin and end; ``None`` for another text."""
    try:
        # Not strict: 192.0.2.7/24 means its network.
        network = ip_network(term, strict=False)
    except ValueError:
        return None
    kind = b"4" if network.version == 4 else b"6"
    # Nothing that follows an address in a key is longer, or higher.
    end = kind + network.broadcast_address.packed + b"\xff" * (DIGEST_BYTES + 2)
    return kind + network.network_address.packed, end


def _of(subject: bytes) -> tuple[str, tuple[object, ...]]:
    length = len(subject) + DIGEST_BYTES
    # Longer subjects that begin with this one are in the range, too.
    return "key >= ? AND key <= ? AND length(key) = ?", (
        subject,
        subject + b"\xff" * DIGEST_BYTES,
        length,
    )


def _subjects(connection: sqlite3.Connection, name: str) -> list[bytes]:
    """Return the subjects that have a name, and the one that is it."""
    # Mail addresses and names are stored in lower case, URLs as they are.
    texts = [
        b"t" + text[:SUBJECT_CHARACTERS].encode("utf-8", "replace") for text in (name, name.lower())
    ]
    known = connection.execute(
        "SELECT DISTINCT subject FROM names WHERE name = ?", (name.rstrip(".").lower(),)
    )
    return [*dict.fromkeys([*texts, *(subject for (subject,) in known)])]
