"""What a generated cell holds: by the role of its column, for one report.

Every maker is a pure function of a number. ``Block`` says which of the row's numbers a column uses.
Columns of one block vary together, so the cells about a host, a device or a certificate agree.
"""

from __future__ import annotations

from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.simulator import sample_certificates, vocabulary
from shadowserver_connector.simulator.cells import grouped
from shadowserver_connector.simulator.makers import (
    FINDING_ROLES,
    ROW_ROLES,
    Maker,
    certificate_part,
    dated,
    device,
    source_port,
    ssh_key_number,
    ssh_key_part,
    text,
)
from shadowserver_connector.simulator.scene import Block, Scene
from shadowserver_connector.simulator.together import groups_of

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

_OF_SSH_KEYS = ("rsa_", "dss_", "ecdsa_", "ed25519_")


def maker_of(column: Column, scene: Scene) -> tuple[Block, Maker]:
    """Return from which number of a row the column's cells are made, and how.

    The maker gives the cell as it stands in the file, quotes included; empty where the report
    has none.
    """
    block, make = _maker_of(column, scene)
    if block in (Block.ROW, Block.HOST, Block.EVENT):
        return block, lambda number: quoted(make(number))
    return block, _Pool(make).__getitem__


def _maker_of(column: Column, scene: Scene) -> tuple[Block, Maker]:
    role, name = _role_of(column), column.name
    group = groups_of(scene.type.name).get(name)
    if group is not None:
        return grouped(name, group, scene)
    if role in ROW_ROLES:
        return Block.ROW, ROW_ROLES[role](column, scene)
    if name in vocabulary.MOMENTS:
        return Block.ROW, dated(column, scene)
    if role == "port" and scene.type.traffic == "flow" and column.party != "dst":
        return Block.ROW, source_port
    if role in _HOST_ROLES:
        return _of_host(column, scene)
    if column.group == "device" or name.startswith("device_"):
        return Block.KIND, device(column, scene)
    if role.startswith("x509."):
        return Block.KIND, certificate_part(role, scene)
    if name in sample_certificates.COLUMNS:
        return Block.KIND, certificate_part(sample_certificates.COLUMNS[name], scene)
    if role.startswith("ssh."):
        return Block.KIND, ssh_key_part(column, scene)
    if name.startswith(_OF_SSH_KEYS):
        return Block.KIND, ssh_key_number(column, scene)
    return Block.FINDING, FINDING_ROLES.get(role, text)(column, scene)


def _role_of(column: Column) -> str:
    # In some types it is the host of the URL, which is the row's host too.
    return "hostname" if column.name == "hostname" else column.role


def _of_host(column: Column, scene: Scene) -> tuple[Block, Maker]:
    role = _role_of(column)
    method = "target" if column.name == "dst_network" else _HOST_ROLES[role]
    if column.party not in (scene.type.primary, "asset", ""):
        return Block.REMOTE, getattr(scene.remote, method)
    block = Block.HOST if role in ("ip", "network", "hostname") else Block.KIND
    return block, getattr(scene.own, method)


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
