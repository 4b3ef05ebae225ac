"""Network traffic: a service on the asset, or a flow between two parties."""

from __future__ import annotations

from shadowserver_connector.mapping.part import PartMaker
from shadowserver_connector.mapping.parties import address
from shadowserver_connector.mapping.values.addresses import Address
from shadowserver_connector.mapping.values.protocols import protocol_stack
from shadowserver_connector.stix import observables


def build_service(make: PartMaker) -> None:
    """Make the traffic to the port on which the primary address answers."""
    party = make.context.report_type.primary
    address, port = make.by_party("ip").get(party), make.by_party("port").get(party)
    if address is not None and port is not None:
        _add(make, src=None, dst=address, dst_port=port)


def build_flow(make: PartMaker) -> None:
    """Make the traffic from ``src`` to ``dst``; one end is enough, with its port."""
    addresses, ports = make.by_party("ip"), make.by_party("port")
    src, dst = addresses.get("src"), addresses.get("dst")
    src_port = ports.get("src") if src else None
    dst_port = ports.get("dst") if dst else None
    if src_port is not None or dst_port is not None:
        _add(make, src=src, src_port=src_port, dst=dst, dst_port=dst_port)


def _add(
    make: PartMaker,
    *,
    src: Address | None,
    dst: Address | None,
    src_port: int | None = None,
    dst_port: int | None = None,
) -> None:
    end = dst or src
    if end is None:
        return
    refs = {
        f"{side}_ref": make.observable(address(make, value), noted=False, tagged=False)
        for side, value in (("src", src), ("dst", dst))
        if value is not None
    }
    traffic = observables.network_traffic(
        make.context.origin,
        protocols=protocol_stack(
            version=end.version,
            transport=make.value("protocol") or "",
            application=make.value("application") or make.context.report_type.application,
        ),
        src_port=src_port,
        dst_port=dst_port,
        **refs,
    )
    make.observable(traffic, noted=False)
