"""Anomalies in a report file: counted, and named with file, row and column."""

from __future__ import annotations

from dataclasses import dataclass, field

from shadowserver_connector.report.wording import printable

MAX_PLACES = 3
"""Places remembered for each kind and column; further ones are only counted."""

MAX_KEYS = 500
"""Pairs of kind and column counted separately; beyond that, only the kind is counted."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an anomaly was seen. ``row`` is the data row, from 1; 0 for the header or the file."""

    row: int
    detail: str


@dataclass(slots=True)
class _Seen:
    count: int = 0
    places: list[_Place] = field(default_factory=list)


class Anomalies:
    """The anomalies of one file, in bounded memory.

    A kind is a short phrase that completes "``<file>``: ", such as ``"short row, padded"`` or
    ``"not an IP address"``. Kinds are few and fixed; what differs goes into ``detail``.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._seen: dict[tuple[str, str], _Seen] = {}

    def add(
        self, kind: str, row: int, column: str = "", detail: str = "", *, times: int = 1
    ) -> bool:
        """Count an anomaly; return whether it is the first of its kind in its column.

        ``times`` is the number of equal rows that have it, of which ``row`` is the first.
        ``detail`` is a piece of the file, truncated and made printable before it is shown. The
        caller leaves it empty for a column whose cells are secrets.
        """
        seen = self._seen.get((kind, column))
        first = seen is None
        if seen is None:
            if len(self._seen) >= MAX_KEYS and column:
                return self.add(kind, row, "", detail, times=times)
            seen = self._seen[(kind, column)] = _Seen()
        seen.count += times
        if len(seen.places) < MAX_PLACES:
            seen.places.append(_Place(row, printable(detail)))
        return first

    def counts(self) -> dict[str, int]:
        """Return how often each kind was seen in all columns, in the order of first occurrence."""
        counts: dict[str, int] = {}
        for (kind, _), seen in self._seen.items():
            counts[kind] = counts.get(kind, 0) + seen.count
        return counts

    def lines(self) -> list[str]:
        """Return one sentence for each kind and column, for the log and the summary."""
        return [
            _sentence(self.file, kind, column, seen) for (kind, column), seen in self._seen.items()
        ]

    def __bool__(self) -> bool:
        return bool(self._seen)


def _sentence(file: str, kind: str, column: str, seen: _Seen) -> str:
    where = f", column {printable(column)}" if column else ""
    times = "once" if seen.count == 1 else f"{seen.count:,} times"
    rows = [place.row for place in seen.places if place.row]
    noun = "row" if len(rows) == 1 else "rows"
    place = f", {noun} {', '.join(map(str, rows))}" if rows else ""
    more = ", ..." if rows and seen.count > len(seen.places) else ""
    detail = next((f": {place.detail!r}" for place in seen.places if place.detail), "")
    return f"{printable(file, 200)}{where}{place}{more}: {kind}, {times}{detail}"
