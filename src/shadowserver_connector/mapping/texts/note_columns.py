"""The columns of a report as Notes show them: order, names and wording.

Cells recur, so the JSON of all but long ones is cached.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from shadowserver_connector.catalogue.catalogue import CellWords
from shadowserver_connector.catalogue.columns import UNSPECIFIC_ROLES, Column
from shadowserver_connector.mapping.cells.cache import WIDEST, CacheBudget
from shadowserver_connector.mapping.cells.countries_and_products import parse_country
from shadowserver_connector.mapping.cells.dates import parse_time
from shadowserver_connector.mapping.cells.hashes_and_keys import ALGORITHMS, is_hash, parse_hash
from shadowserver_connector.mapping.cells.readers import TIME_ROLES, is_empty
from shadowserver_connector.mapping.texts import markdown

_SHORT: Final = 200
_REMEMBERED: Final = 2_048

Render = Callable[[str], str]
"""Returns a cell as a Note shows it, safe in a markdown table; empty if it says nothing."""

_SHOWN_HASHES: Final = {
    "x509": ("sha512", "sha256", "sha1", "md5"),
    "file": ("sha256", "sha512", "sha1", "md5"),
}
"""Of the hashes of one thing, a Note shows the first valid one in this order. OpenCTI titles a
certificate by its SHA-512. All valid ones are in the object; an invalid one is in the Note only.
"""
_NAMES: Final = dict(ALGORITHMS)

_CLOCKED: Final = TIME_ROLES | {"x509.not_before", "x509.not_after"}
_NAMING: Final = frozenset(["malware", "activity"])
_DAY: Final = len("2024-01-31")
_ZONES: Final = ("Z", "UTC", "GMT", "+", "-")


class Hashes(NamedTuple):
    """The algorithm of a column of hashes, and the columns whose hash is shown in its place."""

    algorithm: str = ""
    """STIX's name; empty for a column of something else."""
    better: tuple[tuple[int, str], ...] = ()
    """Places and algorithms of the columns of better ones."""


_NO_HASHES: Final = Hashes()


class NoteColumn:
    """A column as Notes show it; few of its cells differ in most files, so they are cached."""

    __slots__ = (
        *("_cached_lines", "_cached_shown", "_render", "_shown"),
        *("algorithm", "at", "better", "heading", "lines", "volatile"),
    )

    def __init__(
        self,
        at: int,
        heading: str,
        render: Render,
        cache_budget: CacheBudget,
        hashes: Hashes = _NO_HASHES,
        *,
        volatile: bool = False,
    ) -> None:
        self.at = at
        self.heading = heading
        self.algorithm, self.better = hashes
        self.volatile = volatile
        """Whether its cells change on their own, and do not distinguish findings."""
        self._cached_lines = cache_budget.new_cache(_REMEMBERED)
        self.lines: dict[str, str] = self._cached_lines.known
        """Cells, and their lines in a table of fields and values, in JSON; empty for a cell that
        says nothing."""
        self._cached_shown = cache_budget.new_cache(_REMEMBERED)
        self._shown: dict[str, str] = self._cached_shown.known
        self._render = render

    def is_said_better(self, row: Sequence[str]) -> bool:
        """Tell whether a row has a better hash of the same thing, whose object has this one too."""
        for at, algorithm in self.better:
            if is_hash(algorithm, row[at]):
                return is_hash(self.algorithm, row[self.at])
        return False

    def line(self, cell: str) -> str:
        """Return a line that is not among ``lines``; it is kept there, unless the cell is long."""
        said = self._render(cell)
        line = in_json(f"| {self.heading} | {said}") if said else ""
        # A long cell seldom comes again, and takes the room of many.
        if len(cell) <= _SHORT:
            self._cached_lines.add(cell, line, WIDEST * (len(cell) + len(line)))
        return line

    def shown(self, cell: str) -> str:
        """Return a cell as a table of findings shows it."""
        shown = self._shown.get(cell)
        if shown is None:
            shown = self._render(cell)
            if len(cell) <= _SHORT:
                self._cached_shown.add(cell, shown, WIDEST * (len(cell) + len(shown)))
        return shown


def note_columns(
    columns: Sequence[Column],
    cache_budget: CacheBudget,
    cell_words: CellWords,
    volatile: Collection[int] = (),
) -> tuple[NoteColumn, ...]:
    """Return the columns of a header in the order in which a Note shows them.

    ``volatile`` are the places of those whose cells change by themselves.
    """
    ordered = sorted(enumerate(columns), key=lambda item: (item[1].order, item[0]))
    return tuple(
        NoteColumn(
            at,
            markdown.cell(column.title or column.name),
            _renderer(column, cell_words),
            cache_budget,
            _hashes(columns, column),
            volatile=at in volatile and column.role != "time",
        )
        for at, column in ordered
    )


def _hashes(columns: Sequence[Column], column: Column) -> Hashes:
    kind, _, algorithm = column.role.partition(".")
    order = _SHOWN_HASHES.get(kind, ())
    if algorithm not in order:
        return _NO_HASHES
    better = {f"{kind}.{each}": _NAMES[each] for each in order[: order.index(algorithm)]}
    places = tuple(
        (at, better[other.role])
        for at, other in enumerate(columns)
        if other.role in better and (other.party, other.group) == (column.party, column.group)
    )
    return Hashes(_NAMES[algorithm], places)


def _renderer(column: Column, cell_words: CellWords) -> Render:
    role = column.role
    kind, _, algorithm = role.partition(".")
    if role == "secret":
        return _mask
    # In a column of no special role, `none` or `-` may be what was found.
    plain = markdown.cell if role in UNSPECIFIC_ROLES else _plain_cell(role)
    words = cell_words.words_of(column.name)
    if words:
        return _worded(words, plain)
    if role == "country":
        return _country
    if role in _CLOCKED:
        return _utc
    if kind in _SHOWN_HASHES and algorithm in _SHOWN_HASHES[kind]:
        return _hash(role, _NAMES[algorithm])
    if role in _NAMING:
        return _named(role, cell_words.malware_names)
    return plain


def _mask(value: str) -> str:
    return markdown.MASK if value.strip() else ""


def _plain_cell(role: str) -> Render:
    def render(cell: str) -> str:
        return "" if is_empty(role, cell) else markdown.cell(cell)

    return render


def _worded(words: Mapping[str, str], plain: Render) -> Render:
    def render(cell: str) -> str:
        word = words.get(cell.strip().upper())
        # The words are the catalogue's, and need no escaping.
        return plain(cell) if word is None else word

    return render


def _hash(role: str, algorithm: str) -> Render:
    """Return what shows a hash as OpenCTI does, and what is not one as it is in the file."""

    def render(cell: str) -> str:
        if is_empty(role, cell):
            return ""
        try:
            return parse_hash(algorithm, cell.strip())
        except ValueError:
            return markdown.cell(cell)

    return render


def _country(cell: str) -> str:
    if is_empty("country", cell):
        return ""
    try:
        code, name = parse_country(cell.strip())
    except ValueError:
        return markdown.cell(cell)
    return f"{name} ({code})"


def _utc(cell: str) -> str:
    """Return a time with its zone, which Shadowserver does not write."""
    text = cell.strip()
    if is_empty("time", text):
        return ""
    try:
        parse_time(text)
    except ValueError:
        return markdown.cell(cell)
    # A day alone has no time of day, and some times have their zone.
    if len(text) <= _DAY or any(zone in text[_DAY:] for zone in _ZONES):
        return markdown.cell(cell)
    return f"{text} UTC"


def _named(role: str, names: Mapping[str, str]) -> Render:
    """Return what shows a malware under the name of its object, beside the one in the cell."""

    def render(cell: str) -> str:
        if is_empty(role, cell):
            return ""
        name = names.get(cell.strip().lower())
        return markdown.cell(cell if name is None else f"{name} ({cell.strip()})")

    return render


def in_json(text: str) -> str:
    """Return a text as it stands between the quotes of a JSON string."""
    return orjson.dumps(text).decode()[1:-1]
