"""Network traffic: a service on the asset, or a flow between two parties.

Nearly every row has other ports, so what is remembered here are the readings of single cells and
not, as in sections, the parts made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Final

from shadowserver_connector.bundle.made import Made
from shadowserver_connector.catalogue.model import Column, ReportType
from shadowserver_connector.mapping.context import Context
from shadowserver_connector.mapping.encoders import TrafficForm
from shadowserver_connector.mapping.readers import column_reader
from shadowserver_connector.mapping.values.protocols import protocol_stack

_REMEMBERED: Final = 4_096

Bad = tuple[tuple[str, str], ...]
"""(Column, why): cells that nothing could be read from."""

TrafficMaker = Callable[[list[str], Sequence[tuple[str, str]]], tuple[Made | None, Bad]]
"""Takes a row, and the ids of its parties' addresses."""

# What a row says of a traffic, as a sum.
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
    places = {(column.role, column.party): at for at, column in reversed(list(enumerate(columns)))}
    addressed = {party for role, party in places if role == "ip"}
    parties = parties_of_traffic(context.report_type, addressed)
    source, target = [party if party in addressed else None for party in parties]
    src_port_at = places.get(("port", source), -1) if source is not None else -1
    dst_port_at = places.get(("port", target), -1) if target is not None else -1
    if src_port_at < 0 and dst_port_at < 0:
        return None
    readers = {
        at: _port_reader(column) for at, column in enumerate(columns) if column.role == "port"
    }
    read_src_port = readers.pop(src_port_at, _no_port)
    read_dst_port = readers.pop(dst_port_at, _no_port)
    others = tuple(readers.items())
    protocol_at, application_at = _first(columns, "protocol"), _first(columns, "application")
    form_of = _form_reader(
        columns[protocol_at] if protocol_at >= 0 else None,
        columns[application_at] if application_at >= 0 else None,
        context,
    )
    encode = context.encode.network_traffic

    def make(row: list[str], addresses: Sequence[tuple[str, str]]) -> tuple[Made | None, Bad]:
        src = dst = src_port = dst_port = ""
        for party, stix_id in addresses:
            if party == source:
                src = stix_id
            if party == target:
                dst = stix_id
        bad: Bad = ()
        if src_port_at >= 0:
            src_port, bad = read_src_port(row[src_port_at])
        if dst_port_at >= 0:
            dst_port, wrong = read_dst_port(row[dst_port_at])
            bad += wrong
        for at, read in others:
            bad += read(row[at])[1]
        ends = _IPV6 if (dst or src).startswith("ipv6") else 0
        if src:
            ends += _SRC + _SRC_PORT if src_port else _SRC
        else:
            src_port = ""
        if dst:
            ends += _DST + _DST_PORT if dst_port else _DST
        else:
            dst_port = ""
        form, wrong = form_of(
            ends,
            row[protocol_at] if protocol_at >= 0 else "",
            row[application_at] if application_at >= 0 else "",
        )
        made = encode(form, src, dst, src_port, dst_port) if form is not None else None
        # Not for the Observed-Data: nobody can compute the id that OpenCTI gives a traffic, so an
        # Observed-Data with one could not have the platform's id either.
        return made, bad + wrong

    return make


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


def _first(columns: Sequence[Column], role: str) -> int:
    return next((at for at, column in enumerate(columns) if column.role == role), -1)


def _port_reader(column: Column) -> Callable[[str], tuple[str, Bad]]:
    """Return what reads a port as digits; empty for an empty or a bad cell."""
    read = column_reader(column)

    def read_port(cell: str) -> tuple[str, Bad]:
        reading = read(cell)
        port = "" if reading.value is None else str(reading.value)
        return port, ((column.name, reading.bad),) if reading.bad else ()

    return lru_cache(maxsize=_REMEMBERED)(read_port)


def _no_port(_cell: str) -> tuple[str, Bad]:
    return "", ()


def _form_reader(
    protocol: Column | None, application: Column | None, context: Context
) -> Callable[[int, str, str], tuple[TrafficForm | None, Bad]]:
    """Return what finds the form of a traffic; ``None`` for ends that make none.

    It takes what the ends are, and the cells of transport and application protocol.
    """
    default = context.report_type.application

    def form_of(ends: int, *cells: str) -> tuple[TrafficForm | None, Bad]:
        values: dict[str, str] = {}
        bad: list[tuple[str, str]] = []
        for column, cell in zip((protocol, application), cells, strict=True):
            if column is not None:
                reading = column_reader(column)(cell)
                values[column.role] = reading.value or ""
                if reading.bad:
                    bad.append((column.name, reading.bad))
        if not ends & (_SRC_PORT | _DST_PORT):
            return None, tuple(bad)
        stack = protocol_stack(
            version=6 if ends & _IPV6 else 4,
            transport=values.get("protocol", ""),
            application=values.get("application") or default,
        )
        form = context.encode.traffic_form(
            stack,
            src=bool(ends & _SRC),
            dst=bool(ends & _DST),
            src_port=bool(ends & _SRC_PORT),
            dst_port=bool(ends & _DST_PORT),
        )
        return form, tuple(bad)

    return lru_cache(maxsize=_REMEMBERED)(form_of)
