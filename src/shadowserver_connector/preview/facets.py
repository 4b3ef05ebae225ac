"""What a finding is counted and filtered by, read from its row as the conversion reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Final, NamedTuple, TypeVar

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.plan import Plan
from shadowserver_connector.mapping.roles import is_empty
from shadowserver_connector.mapping.values.asn import parse_asn
from shadowserver_connector.mapping.values.countries import parse_country
from shadowserver_connector.mapping.values.cve import find_cves
from shadowserver_connector.mapping.values.dates import parse_seen
from shadowserver_connector.mapping.values.tags import split_tags

_REMEMBERED_LENGTH: Final = 200
Value = TypeVar("Value")
Row = Sequence[str]


class Facets(NamedTuple):
    """The values of one finding; empty where its row does not tell, or tells nonsense."""

    time: str
    """``YYYY-MM-DDTHH:MM:SS.mmmZ``; the start of the report's day where the row has no time."""
    asn: str
    """Digits only."""
    country: str
    """ISO 3166-1 alpha-2."""
    tags: tuple[str, ...]
    cves: tuple[str, ...]


def first_column(columns: Sequence[Column], role: str, party: str = "") -> int | None:
    """Return the index of the first column of a role, of the party or of none in particular."""
    for index, column in enumerate(columns):
        if column.role == role and (not party or column.party in ("", party)):
            return index
    return None


def facet_reader(plan: Plan) -> Callable[[Row], Facets]:
    """Return what reads the facets of the rows of a report with this plan."""
    primary = plan.context.report_type.primary
    day = plan.context.day
    time_at = plan.time
    time_of = _remembered(partial(_time, end=plan.context.end))
    asn_at = first_column(plan.columns, "asn", primary)
    country_at = first_column(plan.columns, "country", primary)
    tags_at = plan.tags
    named = [index for index, column in enumerate(plan.columns) if column.role in ("cve", "tags")]

    def read(row: Row) -> Facets:
        return Facets(
            time=(time_of(row[time_at]) if time_at is not None else "") or day,
            asn=_asn(row[asn_at]) if asn_at is not None else "",
            country=_country(row[country_at]) if country_at is not None else "",
            tags=_tags(row[tags_at]) if tags_at is not None else (),
            cves=_united(_cves(row[index]) for index in named),
        )

    return read


def _united(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for values in several for value in values))


def _remembered(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Remember what short cells mean; a hostile megabyte must not stay in memory."""
    cached = lru_cache(maxsize=16_384)(read)
    return lambda cell: cached(cell) if len(cell) <= _REMEMBERED_LENGTH else read(cell)


def _time(cell: str, end: str) -> str:
    try:
        return parse_seen(cell.strip(), end)
    except ValueError:
        return ""


@_remembered
def _asn(cell: str) -> str:
    if is_empty("asn", cell):
        return ""
    try:
        return str(parse_asn(cell.strip()))
    except ValueError:
        return ""


@_remembered
def _country(cell: str) -> str:
    if is_empty("country", cell):
        return ""
    try:
        return parse_country(cell.strip()).code
    except ValueError:
        return ""


_tags = _remembered(split_tags)
_cves = _remembered(find_cves)
