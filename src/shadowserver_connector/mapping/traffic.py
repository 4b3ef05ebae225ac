"""Network traffic: a service on the asset, or a flow between two parties.

Nearly every row has other ports, so what is remembered here are the readings of single cells and
not, as in other sections, the parts made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from operator import call
from typing import Final, NamedTuple

from shadowserver_connector.catalogue.model import Column, ReportType
from shadowserver_connector.mapping.encoders import address_id
from shadowserver_connector.mapping.part import NOTHING, Context, Part
from shadowserver_connector.mapping.readers import Reader, Reading, column_reader
from shadowserver_connector.mapping.values.protocols import protocol_stack

TRAFFIC_ROLES: Final = ("ip", "port", "protocol", "application")

_REMEMBERED: Final = 4_096


class _End(NamedTuple):
    ref: str
    version: int


def traffic_maker(
    columns: Sequence[Column], context: Context
) -> Callable[[tuple[str, ...]], Part] | None:
    """Return what makes a traffic of the cells of these columns; ``None`` where it never would.

    A service goes to the port on which the primary address answers. A flow goes from ``src`` to
    ``dst``; one address is enough, with its port.
    """
    places = {(column.role, column.party): at for at, column in reversed(list(enumerate(columns)))}
    addressed = {party for role, party in places if role == "ip"}
    source, target = parties_of_traffic(context.report_type, addressed)
    ends = [(places.get(("ip", p)), places.get(("port", p))) for p in (source, target)]
    if all(address is None or port is None for address, port in ends):
        return None
    (src_at, src_port_at), (dst_at, dst_port_at) = ends
    protocol_at = next((at for at, c in enumerate(columns) if c.role == "protocol"), None)
    application_at = next((at for at, c in enumerate(columns) if c.role == "application"), None)
    readers = tuple(_reader(column) for column in columns)
    default = context.report_type.application
    encode = context.encode.network_traffic

    def make_part(cells: tuple[str, ...]) -> Part:
        readings = list(map(call, readers, cells))
        src = readings[src_at].value if src_at is not None else None
        dst = readings[dst_at].value if dst_at is not None else None
        src_port = readings[src_port_at].value if src and src_port_at is not None else None
        dst_port = readings[dst_port_at].value if dst and dst_port_at is not None else None
        bad = tuple([(columns[at].name, why) for at, (_, why) in enumerate(readings) if why])
        end = dst or src
        if end is None or (src_port is None and dst_port is None):
            return Part({}, (), (), (), (), False, bad, "") if bad else NOTHING
        transport = readings[protocol_at].value if protocol_at is not None else ""
        application = readings[application_at].value if application_at is not None else ""
        traffic = encode(
            _stack(end.version, transport or "", application or default),
            src.ref if src else None,
            dst.ref if dst else None,
            src_port,
            dst_port,
        )
        # Not for the Observed-Data: nobody can compute the id that OpenCTI gives a traffic, so an
        # Observed-Data with one could not have the platform's id either.
        return Part({traffic.id: traffic}, (), (), (traffic.id,), (), False, bad, "")

    return make_part


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


def _reader(column: Column) -> Reader:
    if column.role != "ip":
        return column_reader(column)
    read = column_reader(column)

    def read_end(cell: str) -> Reading:
        # The section of the party complains of a bad address already.
        address = read(cell).value
        return Reading(address and _End(address_id(address), address.version), "")

    return lru_cache(maxsize=_REMEMBERED)(read_end)


@lru_cache(maxsize=_REMEMBERED)
def _stack(version: int, transport: str, application: str) -> tuple[str, ...]:
    return protocol_stack(version=version, transport=transport, application=application)
