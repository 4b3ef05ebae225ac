"""What a Note says to a person: its title (in STIX ``abstract``), and the first sentence of its
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from shadowserver_connector.catalogue.catalogue import SEVERITIES, CellWords, ReportType
from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.mapping.cells.dates import parse_time
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.cells.text_and_tags import RANK
from shadowserver_connector.mapping.planning.highlights import names_found
from shadowserver_connector.mapping.texts import markdown

_LISTED: Final = 3
"""Names of what was found, and ports, in a title."""
_LONGEST_WORD: Final = 40
_LONGEST_SUBJECT: Final = 120
_TELLING: Final = 6
"""Shortest word dropped because the type's name contains it; a shorter match may be chance."""
_REMEMBERED: Final = 512
_SHORT: Final = 300
"""Characters of the cells, taken together, whose wording is cached."""

_WHAT: Final = ("malware", "activity", "cve", "tags")
"""Roles of cells that say in a word what was found, the best first."""
# Without any character that could end the link.
_PAGE: Final = re.compile(r"https://[A-Za-z0-9./_-]+\Z")
_WORDS: Final = re.compile(r"[\W_]+")


class _TitleParts:
    """What a title says about one row."""

    __slots__ = ("endpoint", "rank", "words")

    def __init__(self, words: tuple[str, ...], endpoint: str, rank: int) -> None:
        self.words = words
        self.endpoint = endpoint
        self.rank = rank


class NoteTitle:
    """A Note's title, the sentence with which its text begins, and the severity of its rows."""

    __slots__ = ("sentence", "severity", "title")

    def __init__(self, title: str, sentence: str, severity: str) -> None:
        self.title = title
        self.sentence = sentence
        self.severity = severity


class NoteTitleWriter:
    """Writes the titles of Notes on rows of one report type; compiled once for each file."""

    def __init__(
        self,
        report_type: ReportType,
        columns: Sequence[Column],
        cell_words: CellWords,
        day: str,
        page: str,
        endpoint: tuple[int, int],
    ) -> None:
        """``endpoint`` are the places of port and protocol, -1 where there is none."""
        self._report_type = report_type
        self._malware = cell_words.malware_names
        self._default = RANK[report_type.severity]
        self._time = _first(columns, "time")
        self._severity = _first(columns, "severity")
        self._port, self._protocol = endpoint
        self._what = [
            (at, role) for role in _WHAT for at, each in enumerate(columns) if each.role == role
        ]
        self._places = (
            *(at for at in (self._severity, self._port, self._protocol) if at >= 0),
            *(at for at, _ in self._what),
        )
        self._day = day[:10]
        self._link = f" ([Shadowserver's page]({page}))" if _PAGE.match(page) else ""
        # Words that the type's name contains; the title need not repeat them.
        named = f"{report_type.name} {report_type.short} {report_type.application}".lower()
        self._plain = frozenset(_WORDS.split(named))
        # Without separators: a tag may write as one word what the name writes as two.
        self._joined = (_WORDS.sub("", report_type.name), _WORDS.sub("", report_type.short.lower()))
        self._known: dict[str, _TitleParts] = {}

    def write(self, rows: Sequence[list[str]], subject: str, earlier_notes: int = 0) -> NoteTitle:
        """Return the title of a Note on rows of one subject.

        ``earlier_notes`` is the number of Notes that the subject has already.
        """
        said = [self._title_parts(row) for row in rows]
        first = said[0]
        rank = first.rank
        words: tuple[str, ...] = first.words
        endpoints: tuple[str, ...] = (first.endpoint,) if first.endpoint else ()
        if len(rows) > 1:
            rank = max([each.rank for each in said])
            words = tuple(dict.fromkeys([word for each in said for word in each.words]))
            endpoints = tuple(dict.fromkeys([each.endpoint for each in said if each.endpoint]))
        found = [listed for listed in (_listed(words), _listed(endpoints)) if listed]
        if len(rows) > 1:
            found.insert(0, f"{len(rows)} findings")
        shown = _word(subject, _LONGEST_SUBJECT)
        severity = SEVERITIES[rank]
        report_type = self._report_type
        titled = f"{report_type.short} {shown}".strip()
        title = f"{titled}: {', '.join([*found, severity])}"
        more = ""
        if earlier_notes:
            more = f", part {earlier_notes + 1}"
            title += more
        about = f" ({', '.join(found)}{more})" if found or more else ""
        who = f"**{shown}**" if shown else "A finding without an address"
        sentence = (
            f"{who} {report_type.seen}{about} {self._when(rows)}: {report_type.todo}{self._link}."
        )
        return NoteTitle(title, sentence, severity)

    def severity(self, rows: Sequence[list[str]]) -> str:
        """Return the highest severity of some rows."""
        return SEVERITIES[max([self._rank(row) for row in rows])]

    def _title_parts(self, row: list[str]) -> _TitleParts:
        key = "\0".join([row[at] for at in self._places])
        said = self._known.get(key)
        if said is None:
            said = _TitleParts(self._found(row), self._endpoint(row), self._rank(row))
            if len(key) <= _SHORT:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[key] = said
        return said

    def _rank(self, row: list[str]) -> int:
        if self._severity < 0:
            return self._default
        return RANK.get(row[self._severity].strip().lower(), self._default)

    def _endpoint(self, row: list[str]) -> str:
        port = row[self._port].strip() if self._port >= 0 else ""
        protocol = row[self._protocol].strip().lower() if self._protocol >= 0 else ""
        # To `is_empty` 0 is a bad port, which is counted; a title is better without it.
        port = "" if port == "0" or is_empty("port", port) else port
        protocol = "" if is_empty("protocol", protocol) else protocol
        return _word("/".join(filter(None, (port, protocol))))

    def _found(self, row: list[str]) -> tuple[str, ...]:
        """Return what was found, the most telling first; no activity where malware is named."""
        found: dict[str, None] = {}
        best = ""
        for at, role in self._what:
            if best == "malware" and role == "activity":
                continue
            for name in names_found(role, row[at], self._malware):
                if not self._is_plain(name.lower()):
                    found.setdefault(_word(name), None)
                    best = best or role
        return tuple(found)

    def _is_plain(self, word: str) -> bool:
        """Tell whether the type's name says the same already."""
        parts = [part for part in _WORDS.split(word) if part]
        joined = "".join(parts)
        return self._plain.issuperset(parts) or (
            len(joined) >= _TELLING and any(joined in each for each in self._joined)
        )

    def _when(self, rows: Sequence[list[str]]) -> str:
        """Say when these were seen, in UTC."""
        times = sorted([time for row in rows if (time := self._seen(row))])
        if not times:
            return f"in the report of {self._day}"
        first, last = times[0], times[-1]
        if first == last:
            return f"on {first[:10]} at {first[11:19]} UTC"
        if first[:10] == last[:10]:
            return f"on {first[:10]} between {first[11:19]} and {last[11:19]} UTC"
        return f"between {first[:10]} {first[11:19]} and {last[:10]} {last[11:19]} UTC"

    def _seen(self, row: list[str]) -> str:
        if self._time < 0:
            return ""
        try:
            return parse_time(row[self._time].strip())
        except ValueError:
            return ""


def _first(columns: Iterable[Column], role: str) -> int:
    return next((at for at, column in enumerate(columns) if column.role == role), -1)


def _listed(words: Sequence[str]) -> str:
    if len(words) <= _LISTED:
        return ", ".join(words)
    return f"{', '.join(words[:_LISTED])} and {len(words) - _LISTED} more"


def _word(text: str, most: int = _LONGEST_WORD) -> str:
    """Return a word as it stands in a line of markdown, cut where it is long."""
    # Masked first: a cut might remove the @ that marks a password.
    return markdown.cell(text if len(text) <= most else f"{markdown.masked(text)[:most]}…")
