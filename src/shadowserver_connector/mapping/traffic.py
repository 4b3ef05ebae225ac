"""Network traffic: a service on the asset, or a flow between two parties.

Nearly every row has other ports, so what is remembered here are the readings of single cells and
not, as in sections, the parts made of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from shadowserver_connector.bundle.made import Made
from shadowserver_connector.catalogue.model import Column, ReportType
from shadowserver_connector.mapping.context import Context
from shadowserver_connector.mapping.encoders import TrafficForm
from shadowserver_connector.mapping.readers import ColumnReader
from shadowserver_connector.mapping.values.protocols import protocol_stack

_REMEMBERED: Final = 4_096

Bad = tuple[tuple[str, str], ...]
"""(Column, why): cells that nothing could be read from."""

# What a row has of a traffic, as a sum.
_IPV6: Final = 1
_SRC: Final = 2
_DST: Final = 4
_SRC_PORT: Final = 8
_DST_PORT: Final = 16


def compile_traffic(columns: Sequence[Column], context: Context) -> TrafficMaker | None:
    """Return what makes the traffic of a row with these columns; ``None`` where it never would.

    A service goes to the port on which the primary address answers. A flow goes from ``src`` to
    ``dst``; one address is enough, with its port.
    """
    addressed = {column.party for column in columns if column.role == "ip"}
    parties = parties_of_traffic(context.report_type, addressed)
    source, target = [party if party in addressed else None for party in parties]
    maker = TrafficMaker(columns, source, target, context)
    return maker if maker.has_port else None


class TrafficMaker:
    """Makes the traffic of rows from one party to another; ``None`` stands for no party."""

    def __init__(
        self, columns: Sequence[Column], source: str | None, target: str | None, context: Context
    ) -> None:
        self._context = context
        self._source = source
        self._target = target
        self._src_port_at = _first(columns, "port", source)
        self._dst_port_at = _first(columns, "port", target)
        self._ports = _readers(columns, "port")
        self._protocol = _readers(columns, "protocol")[:1]
        self._application = _readers(columns, "application")[:1]
        self._forms: dict[tuple[int, str, str], tuple[TrafficForm | None, Bad]] = {}

    @property
    def has_port(self) -> bool:
        """Whether there is a column with the port of one of the parties."""
        return self._src_port_at >= 0 or self._dst_port_at >= 0

    def make(self, row: list[str], addresses: Sequence[tuple[str, str]]) -> tuple[Made | None, Bad]:
        """Return the traffic of a row, if it makes one, and its bad cells.

        ``addresses`` are its parties, and the ids of their addresses.
        """
        src = dst = src_port = dst_port = ""
        for party, stix_id in addresses:
            if party == self._source:
                src = stix_id
            if party == self._target:
                dst = stix_id
        bad: Bad = ()
        for at, reader in self._ports:
            reading = reader.read(row[at])
            if reading.bad:
                bad += ((reader.name, reading.bad),)
            elif reading.value is not None:
                if src and at == self._src_port_at:
                    src_port = str(reading.value)
                if dst and at == self._dst_port_at:
                    dst_port = str(reading.value)
        ends = _IPV6 if (dst or src).startswith("ipv6") else 0
        if src:
            ends += _SRC + _SRC_PORT if src_port else _SRC
        if dst:
            ends += _DST + _DST_PORT if dst_port else _DST
        form, wrong = self._form(ends, row)
        if form is None:
            return None, bad + wrong
        # Not for the Observed-Data: nobody can compute the id that OpenCTI gives a traffic, so an
        # Observed-Data with one could not have the platform's id either.
        encode = self._context.encode
        return encode.network_traffic(form, src, dst, src_port, dst_port), bad + wrong

    def _form(self, ends: int, row: list[str]) -> tuple[TrafficForm | None, Bad]:
        """Return the form of a traffic with these ends, and the bad protocol cells."""
        transport = application = ""
        for at, _ in self._protocol:
            transport = row[at]
        for at, _ in self._application:
            application = row[at]
        key = (ends, transport, application)
        known = self._forms.get(key)
        if known is None:
            if len(self._forms) >= _REMEMBERED:
                self._forms.clear()
            known = self._forms[key] = self._new_form(ends, row)
        return known

    def _new_form(self, ends: int, row: list[str]) -> tuple[TrafficForm | None, Bad]:
        words = []
        bad: Bad = ()
        for readers in (self._protocol, self._application):
            word = ""
            for at, reader in readers:
                reading = reader.read(row[at])
                word = reading.value or ""
                if reading.bad:
                    bad += ((reader.name, reading.bad),)
            words.append(word)
        if not ends & (_SRC_PORT | _DST_PORT):
            return None, bad
        form = self._context.encode.traffic_form(
            protocol_stack(
                version=6 if ends & _IPV6 else 4,
                transport=words[0],
                application=words[1] or self._context.report_type.application,
            ),
            src=bool(ends & _SRC),
            dst=bool(ends & _DST),
            src_port=bool(ends & _SRC_PORT),
            dst_port=bool(ends & _DST_PORT),
        )
        return form, bad


def parties_of_traffic(report_type: ReportType, addressed: Collection[str]) -> tuple[str, str]:
    """Return the parties at source and target; empty where there is none.

    ``addressed`` are those of which the file has an IP column.
    """
    kind, primary = report_type.traffic, report_type.primary
    if kind == "service":
        return "", primary
    if kind == "flow":
        # Files of earlier years call the source ``ip``, and a controller ``cc_ip``.
        source = "src" if "src" in addressed else primary
        return source, "dst" if "dst" in addressed else "cc"
    return "", ""


def _first(columns: Sequence[Column], role: str, party: str | None) -> int:
    """Return the place of the party's first column of a role, -1 where it has none."""
    found = (at for at, c in enumerate(columns) if c.role == role and c.party == party)
    return next(found, -1)


def _readers(columns: Sequence[Column], role: str) -> tuple[tuple[int, ColumnReader], ...]:
    """Return the places of a role's columns, and what reads them."""
    return tuple((at, ColumnReader(c)) for at, c in enumerate(columns) if c.role == role)
