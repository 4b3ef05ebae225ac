"""Network traffic: a service on the asset, or a flow between two parties.

Nearly every row has other ports. So, unlike in sections, no whole objects are cached here: only
single cells, and the texts around ports and addresses.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from shadowserver_connector.bundle.finding_objects import SerialisedObject
from shadowserver_connector.catalogue.catalogue import ReportType
from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.mapping.cells.host_names_and_urls import (
    TRANSPORTS,
    parse_application,
    protocol_stack,
    web_protocol,
)
from shadowserver_connector.mapping.cells.readers import BadCells, ColumnReader
from shadowserver_connector.mapping.cells.text_and_tags import split_tags
from shadowserver_connector.mapping.objects.context import ConversionContext
from shadowserver_connector.mapping.objects.encoders import TrafficForm
from shadowserver_connector.stix import observables

_REMEMBERED: Final = 1_024

ROLES: Final = ("port", "protocol", "application", "scheme")
"""Roles of the cells that a traffic is made of."""

# What a row has of a traffic, as a sum.
_IPV6: Final = 1
_SRC: Final = 2
_DST: Final = 4
_SRC_PORT: Final = 8
_DST_PORT: Final = 16


def compile_traffic(columns: Sequence[Column], context: ConversionContext) -> TrafficBuilder | None:
    """Return what creates the traffic of a row with these columns; ``None`` if it never would.

    A service goes to the port on which the primary address answers. A flow goes from ``src`` to
    ``dst``; one address is enough, with its port and a protocol that has ports.
    """
    addressed = {column.party for column in columns if column.role == "ip"}
    source, target = parties_of_traffic(context.report_type, addressed)
    if addressed.isdisjoint([source, target]):
        return None
    builder = TrafficBuilder(columns, source, target, context)
    return builder if builder.can_make_any else None


def joins_parties(columns: Sequence[Column], report_type: ReportType) -> bool:
    """Tell whether the traffic of rows with these columns has an address at both of its ends."""
    roles = {(column.role, column.party) for column in columns}
    parties = parties_of_traffic(report_type, {party for role, party in roles if role == "ip"})
    return bool(
        names_protocol(columns, report_type)
        and all(("ip", party) in roles for party in parties)
        and any(("port", party) in roles for party in parties)
    )


def names_protocol(columns: Sequence[Column], report_type: ReportType) -> bool:
    """Tell whether one of these columns, or the report type, names the protocol of rows."""
    if report_type.transport or report_type.application:
        return True
    return any(
        column.role in ("protocol", "application") or column.name in report_type.application_in
        for column in columns
    )


class TrafficBuilder:
    """Creates the traffic of rows from one party to another; an empty name stands for no party."""

    def __init__(
        self,
        columns: Sequence[Column],
        source: str,
        target: str,
        context: ConversionContext,
    ) -> None:
        self._context = context
        self._application = context.report_type.application
        self._transport = context.report_type.transport
        self._source = source
        self._target = target
        self._src_port_at = _place(columns, "port", [source] if source else [])
        self._dst_port_at = _place(columns, "port", [target] if target else [])
        parties = {column.party for column in columns}
        self._protocol_at = _place(columns, "protocol", parties)
        self._application_at = _place(columns, "application", parties)
        self._scheme_at = _place(columns, "scheme", parties)
        self._telling = tuple(
            at
            for name in context.report_type.application_in
            for at, column in enumerate(columns)
            if column.name == name
        )
        self._names_protocol = names_protocol(columns, context.report_type)
        self._applications: dict[tuple[str, ...], str] = {}
        # Of all parties, so that bad cells are counted in the others too.
        self._readers = tuple(
            (at, ColumnReader(column, context.cache_budget))
            for at, column in enumerate(columns)
            if column.role in ROLES
        )
        self._forms: dict[tuple[int, str, str], TrafficForm] = {}

    @property
    def can_make_any(self) -> bool:
        """Whether a column has a party's port, and a column or the report type a protocol."""
        return self._names_protocol and (self._src_port_at >= 0 or self._dst_port_at >= 0)

    def build(
        self, row: list[str], addresses: Sequence[tuple[str, str, str]]
    ) -> tuple[SerialisedObject | None, BadCells]:
        """Return the traffic of a row, if it makes one, and its bad cells.

        ``addresses`` are its parties, and the ids and values of their addresses.
        """
        src = dst = src_port = dst_port = application = scheme = ""
        transport = self._transport
        src_value = dst_value = ""
        for party, stix_id, value in addresses:
            if party == self._source:
                src, src_value = stix_id, value
            if party == self._target:
                dst, dst_value = stix_id, value
        bad: BadCells = ()
        for at, reader in self._readers:
            reading = reader.read(row[at])
            if reading.bad:
                bad += ((reader.name, reading.bad, reading.times),)
            elif reading.value is not None:
                if at == self._protocol_at:
                    if reading.value in TRANSPORTS:
                        transport = reading.value
                    else:
                        # As in files of earlier years; a column of its own says it better.
                        application = application or reading.value
                elif at == self._application_at:
                    application = reading.value
                elif at == self._scheme_at:
                    scheme = reading.value
                if src and at == self._src_port_at:
                    src_port = str(reading.value)
                # A sensor's address is often withheld, but not the port that was attacked.
                if (dst or src) and at == self._dst_port_at:
                    dst_port = str(reading.value)
        # It says more precisely what the application is, as the URL of the request does.
        application = scheme or application
        if not application and self._telling:
            application = self._application_of(row)
        if not application and self._application:
            application = web_protocol("", self._application, int(dst_port) if dst_port else None)
        # The same port number of another transport is another endpoint.
        if not (src_port or dst_port) or not (transport or application):
            return None, bad
        # One end tells it: packets do not change their version on the way.
        ends = _IPV6 if (dst or src).startswith("ipv6") else 0
        if src:
            ends += _SRC + _SRC_PORT if src_port else _SRC
        if dst:
            ends += _DST
        if dst_port:
            ends += _DST_PORT
        form = self._form(ends, transport, application)
        # Not for the Observed-Data: nobody can compute the id that OpenCTI gives a traffic, so an
        # Observed-Data with one could not have the platform's id either.
        where = observables.traffic_place(src_value, src_port, dst_value, dst_port)
        traffic = self._context.encode.network_traffic(form, src, dst, src_port, dst_port, where)
        return traffic, bad

    def _application_of(self, row: list[str]) -> str:
        """Return the application protocol from cells that have another purpose."""
        cells = tuple([row[at] for at in self._telling])
        application = self._applications.get(cells)
        if application is None:
            if len(self._applications) >= _REMEMBERED:
                self._applications.clear()
            names = (tag for cell in cells for tag in split_tags(cell))
            protocols = self._context.catalogue.protocols
            known = (parse_application(name) for name in names if name in protocols)
            application = next(known, "")
            self._applications[cells] = application
        return application

    def _form(self, ends: int, transport: str, application: str) -> TrafficForm:
        key = (ends, transport, application)
        form = self._forms.get(key)
        if form is None:
            # Cells name the applications: a hostile file has any number of them.
            if len(self._forms) >= _REMEMBERED:
                self._forms.clear()
            stack = protocol_stack(
                version=6 if ends & _IPV6 else 4, transport=transport, application=application
            )
            form = self._forms[key] = self._context.encode.traffic_form(
                stack,
                src=bool(ends & _SRC),
                dst=bool(ends & _DST),
                src_port=bool(ends & _SRC_PORT),
                dst_port=bool(ends & _DST_PORT),
            )
        return form


def parties_of_traffic(report_type: ReportType, addressed: Collection[str]) -> tuple[str, str]:
    """Return the parties at source and target; empty where there is none.

    ``addressed`` are those of which the file has an IP column.
    """
    kind, primary = report_type.traffic, report_type.primary
    if kind == "service":
        return "", primary
    if kind == "flow":
        # Files of earlier years call the source ``ip``, and a controller ``cc_ip``. Without either,
        # there may still be the port that was attacked.
        source = "src" if "src" in addressed else primary
        return source, "cc" if "cc" in addressed and "dst" not in addressed else "dst"
    return "", ""


def _place(columns: Sequence[Column], role: str, parties: Collection[str]) -> int:
    """Return the place of the first column of a role and any of the parties, -1 without one."""
    found = (at for at, c in enumerate(columns) if c.role == role and c.party in parties)
    return next(found, -1)
