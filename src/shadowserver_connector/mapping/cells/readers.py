"""Which parser reads the cells of each role, and reading one column: empty, good or bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from shadowserver_connector.catalogue.columns import DN_ATTRIBUTES, Column
from shadowserver_connector.mapping.cells.addresses import (
    parse_asn,
    parse_ip,
    parse_mac,
    parse_network,
    parse_port,
    parse_public,
)
from shadowserver_connector.mapping.cells.cache import WIDEST, CacheBudget
from shadowserver_connector.mapping.cells.countries_and_products import parse_country, parse_cpe
from shadowserver_connector.mapping.cells.dates import parse_time
from shadowserver_connector.mapping.cells.hashes_and_keys import (
    ALGORITHMS,
    parse_hash,
    parse_pem_hashes,
    parse_serial_number,
    parse_ssh_key,
    parse_ssh_key_type,
    parse_ssh_md5,
    parse_ssh_sha256,
)
from shadowserver_connector.mapping.cells.host_names_and_urls import (
    parse_application,
    parse_email,
    parse_hosts,
    parse_name,
    parse_protocol,
    parse_scheme,
    parse_target,
    parse_url,
)
from shadowserver_connector.mapping.cells.text_and_tags import (
    LeftOutError,
    is_null,
    is_null_number,
    parse_attack_ids,
    parse_boolean,
    parse_count,
    parse_cves,
    parse_cves_in_tags,
    parse_directory_text,
    parse_severity,
    parse_term,
    parse_user_agent,
    parse_version,
)

Parser = Callable[[str], Any]
"""Takes a cell without outer space that is not empty; raises ``ValueError`` with a short reason."""

PARSERS: Final[Mapping[str, Parser]] = {
    "time": parse_time,
    "first_seen": parse_time,
    "last_seen": parse_time,
    "severity": parse_severity,
    "tags": parse_cves_in_tags,
    "protocol": parse_protocol,
    "application": parse_application,
    "scheme": parse_scheme,
    "ip": parse_ip,
    "network": parse_network,
    "public_address": parse_public,
    "port": parse_port,
    "asn": parse_asn,
    "country": parse_country,
    "hostname": parse_name,
    # Unlike a name in reverse DNS, what was requested may be an address, a URL, or several.
    "domain": parse_hosts,
    "mac": parse_mac,
    "url": parse_url,
    "url_part": parse_target,
    "user_agent": parse_user_agent,
    "email": parse_email,
    "account": parse_term,
    "malware": parse_term,
    "activity": parse_term,
    "cve": parse_cves,
    "attack_id": parse_attack_ids,
    **{f"file.{part}": partial(parse_hash, name) for part, name in ALGORITHMS},
    "file.name": parse_term,
    **{f"x509.{part}": partial(parse_hash, name) for part, name in ALGORITHMS},
    "x509.raw": parse_pem_hashes,
    "x509.serial_number": parse_serial_number,
    "x509.not_before": parse_time,
    "x509.not_after": parse_time,
    "x509.signature_algorithm": parse_term,
    "x509.key_algorithm": parse_term,
    "x509.self_signed": parse_boolean,
    "x509.version": parse_version,
    "x509.issuer": parse_directory_text,
    "x509.subject": parse_directory_text,
    **{f"x509.issuer.{rdn}": parse_directory_text for rdn in DN_ATTRIBUTES},
    **{f"x509.subject.{rdn}": parse_directory_text for rdn in DN_ATTRIBUTES},
    "ssh.public_key": parse_ssh_key,
    "ssh.sha256": parse_ssh_sha256,
    "ssh.md5": parse_ssh_md5,
    "ssh.algorithm": parse_ssh_key_type,
    "software.vendor": parse_term,
    "software.product": parse_term,
    "software.short_name": parse_term,
    "software.version": parse_version,
    "software.kind": parse_term,
    "software.cpe": parse_cpe,
    "count": parse_count,
}
"""Role -> parser. Roles that are missing here are read as text, and only shown in Notes."""

TIME_ROLES: Final = frozenset(["time", "first_seen", "last_seen"])
"""Roles whose cells say when something was seen."""

_NUMBERS_FROM_ONE: Final = frozenset(["asn", "naics", "sic", "sector"])
"""Roles for which 0 means no value, as in files without sectors."""

_NOTHING: Final[Mapping[str, frozenset[str]]] = {
    # Codes that stand for "unknown" or for a region.
    "country": frozenset(["AA", "AP", "EU", "XX", "ZZ", "**", "--"]),
    # The sender of a message that nobody is to answer (RFC 5321, 4.5.5).
    "email": frozenset(["<>"]),
}
"""Role -> values in such a column that mean no value, in capitals."""


def is_empty(role: str, cell: str) -> bool:
    """Tell whether a cell of this role says that there is no value."""
    if role in _NUMBERS_FROM_ONE:
        return is_null_number(cell)
    return is_null(cell) or (role in _NOTHING and cell.strip().upper() in _NOTHING[role])


_REMEMBERED: Final = 1_024
_SHORT: Final = 1_000
"""Longer cells are not cached: they seldom recur, and a file may have one in each row."""

BadCells = tuple[tuple[str, str, int], ...]
"""(Column, reason, count): cells that could not be read, or values that were left out."""


class Reading:
    """What a cell says."""

    __slots__ = ("bad", "times", "value")

    value: Any
    """As the role's parser returns it; ``None`` for an empty or a bad cell."""
    bad: str
    """Why the cell is bad, or what was left out of it; empty for a good or an empty cell."""
    times: int
    """How many values are left out; 1 for a bad cell."""

    def __init__(self, value: Any, bad: str, times: int = 1) -> None:
        self.value = value
        self.bad = bad
        self.times = times


_EMPTY: Final = Reading(None, "")


class ColumnReader:
    """Reads cells as the column's role says; a role without a parser is read as text."""

    __slots__ = ("_cache", "_known", "_parse", "_role", "name")

    def __init__(self, column: Column, cache_budget: CacheBudget) -> None:
        self.name = column.name
        self._role = column.role
        self._parse = PARSERS.get(column.role, str)
        self._cache = cache_budget.new_cache(_REMEMBERED)
        self._known: dict[str, Reading] = self._cache.known

    def read(self, cell: str) -> Reading:
        reading = self._known.get(cell)
        if reading is None:
            reading = self._reading_of(cell)
            if len(cell) <= _SHORT:
                # What is read from a cell is no more than what is in it.
                self._cache.add(cell, reading, 2 * WIDEST * len(cell))
        return reading

    def _reading_of(self, cell: str) -> Reading:
        if is_empty(self._role, cell):
            return _EMPTY
        try:
            return Reading(self._parse(cell.strip()), "")
        except LeftOutError as more:  # a name has one type in a compiled function
            return Reading(more.values, str(more), more.left_out)
        except ValueError as error:
            return Reading(None, str(error))
