"""What a generated cell holds: by the role of its column, for one report.

Every maker is a pure function of a number. Which of its row's numbers a column takes says
``Block``: columns of one block vary together, so that the cells about a host, a device or a
certificate fit each other.
"""

from __future__ import annotations

from enum import IntEnum

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.simulator.makers import (
    FINDING_ROLES,
    ROW_ROLES,
    Maker,
    certificate_part,
    device,
    ssh_key_part,
    text,
)
from shadowserver_connector.simulator.scene import Scene

POOL = 256
"""Different cells of a column that is neither of the row alone nor of each host."""

_HOST_ROLES = {
    "ip": "ip",
    "network": "network",
    "hostname": "hostname",
    "hostname_source": "hostname_source",
    "mac": "mac",
    "asn": "asn",
    "country": "country",
    "region": "region",
    "city": "city",
    "naics": "naics",
    "sector": "sector",
}
"""Role -> method of ``Network``."""


class Block(IntEnum):
    """Which number of a row a cell is made from."""

    ROW = 0
    """The row's own: times, source ports."""
    HOST = 1
    """The host that the row is about."""
    KIND = 2
    """What the host shares with every ``POOL``th: place, device, certificate."""
    FINDING = 3
    """What was found on the host; less than ``POOL``."""
    REMOTE = 4
    """The other side: sensor, sinkhole, target; few."""


def maker_of(column: Column, scene: Scene) -> tuple[Block, Maker]:
    """Return from which number of a row the column's cells are made, and how.

    The maker gives the cell as it stands in the file, quotes included; empty where the report
    has none.
    """
    role = column.role
    if role in ROW_ROLES:
        make = ROW_ROLES[role](column, scene)
        return Block.ROW, lambda row: quoted(make(row))
    if role in _HOST_ROLES:
        if column.party not in (scene.type.primary, "asset", ""):
            return Block.REMOTE, _Pool(getattr(scene.remote, _HOST_ROLES[role])).__getitem__
        of_host: Maker = getattr(scene.own, _HOST_ROLES[role])
        if role in ("ip", "network", "hostname"):
            return Block.HOST, lambda host: quoted(of_host(host))
        return Block.KIND, _Pool(of_host).__getitem__
    if column.group == "device" or column.name.startswith("device_"):
        return Block.KIND, _Pool(device(column, scene)).__getitem__
    if role.startswith("x509."):
        return Block.KIND, _Pool(certificate_part(role, scene)).__getitem__
    if role.startswith("ssh."):
        return Block.KIND, _Pool(ssh_key_part(column, scene)).__getitem__
    return Block.FINDING, _Pool(FINDING_ROLES.get(role, text)(column, scene)).__getitem__


def quoted(cell: str) -> str:
    """Quote a cell as Shadowserver does: text, but neither numbers nor nothing."""
    if not cell or (cell.isdecimal() and cell.isascii()):
        return cell
    if '"' in cell:
        cell = cell.replace('"', '""')
    return f'"{cell}"'


class _Pool(dict[int, str]):
    """Quoted cells by number, each made when it is first needed."""

    def __init__(self, make: Maker) -> None:
        self._make = make

    def __missing__(self, number: int) -> str:
        self[number] = cell = quoted(self._make(number))
        return cell
