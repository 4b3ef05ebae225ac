"""How cells are made from a number, by the role of their column."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from shadowserver_connector.catalogue.model import SEVERITIES, Column
from shadowserver_connector.simulator import vocabulary
from shadowserver_connector.simulator.identities import certificate, file_hashes, ssh_key
from shadowserver_connector.simulator.scene import Scene

Maker = Callable[[int], str]


def _pick(words: tuple[str, ...], number: int, salt: str) -> str:
    return words[crc32(f"{salt}:{number}".encode()) % len(words)]


def _words(words: tuple[str, ...], salt: str) -> Maker:
    return lambda number: _pick(words, number, salt)


def _time(column: Column, scene: Scene) -> Maker:
    day, rows = scene.day.isoformat(), max(scene.rows, 1)
    seconds = [f"{second:02d}" for second in range(60)]
    minutes = [f"{day} {hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60)]

    def make(row: int) -> str:
        second = row * 86_400 // rows
        return minutes[second // 60] + seconds[second % 60]

    return make


def _moment(column: Column, scene: Scene) -> Maker:
    time = _time(column, scene)
    if column.name == "detected_since":
        return lambda row: "2023-11-05 06:07:08"
    if column.role == "first_seen":
        return lambda row: f"{time(row).replace(' ', 'T')}.{row % 1_000_000:06d}Z"
    last = f"{scene.day.isoformat()}T23:59:59.000000Z"
    return lambda row: last if row % 3 else ""


def _port(column: Column, scene: Scene) -> tuple[str, ...]:
    return vocabulary.PORTS.get(scene.type.application, vocabulary.OTHER_PORTS)


def _any_port(column: Column, scene: Scene) -> Maker:
    is_service = column.party == "dst" or scene.type.traffic != "flow"
    ports = _port(column, scene)
    if is_service:
        return lambda row: ports[row * 7 % 11 % len(ports)]
    return lambda row: str(1024 + row * 7919 % 64_000)


def _severity(column: Column, scene: Scene) -> Maker:
    usual = scene.type.severity
    words = (usual,) * 8 + (SEVERITIES[min(SEVERITIES.index(usual) + 1, 4)], "")
    return _words(words, "severity")


def _tags(column: Column, scene: Scene) -> Maker:
    stem = scene.stem.replace("_", "-")
    cves = next(
        (words for part, words in vocabulary.CVES.items() if scene.stem.startswith(part)), ("",)
    )
    second: vocabulary.Words = ("", "", "iot", "vpn", "ssl")
    if scene.type.family in ("sinkhole", "honeypot"):
        cves, second = ("",), ("", "mirai")

    def make(number: int) -> str:
        parts = [stem, _pick(second, number, "second"), *_pick(cves, number, "cve").split(";")]
        return ";".join(dict.fromkeys(filter(None, parts)))

    return make


def _protocol(column: Column, scene: Scene) -> Maker:
    udp = scene.type.application in vocabulary.UDP or scene.stem in vocabulary.UDP
    return _words(("udp",) if udp else ("tcp",), "protocol")


def _application(column: Column, scene: Scene) -> Maker:
    words = (scene.type.application,) if scene.type.application else ("http", "https", "", "ssh")
    return _words(words, "application")


def _malware(column: Column, scene: Scene) -> Maker:
    if column.role == "activity":
        for part, activities in vocabulary.ACTIVITIES.items():
            if scene.stem.startswith(part):
                return _words(activities, "activity")
    place = 0 if column.role == "activity" else 1
    return lambda number: vocabulary.MALWARE[number % len(vocabulary.MALWARE)][place]


def device(column: Column, scene: Scene) -> Maker:
    """Make cells about a device: vendor, type, model and version of a few known ones."""
    fields = ("device_vendor", "device_type", "device_model", "device_version", "device_sector")
    if column.name not in fields:
        return text(column, scene)
    place = fields.index(column.name)
    always = scene.type.family == "device_id"
    devices = vocabulary.DEVICES

    def make(number: int) -> str:
        known = always or crc32(f"device:{number}".encode()) % 5 < 2
        return devices[number // 3 % len(devices)][place] if known else ""

    return make


def certificate_part(role: str, scene: Scene) -> Maker:
    """Make cells about a certificate, for a role that starts with ``x509.``."""
    part = role.removeprefix("x509.")
    return lambda number: certificate(f"{scene.seed}:{number}").get(part, "")


def ssh_key_part(column: Column, scene: Scene) -> Maker:
    """Make cells about an SSH key; those of a column's group are about the same one."""
    part = column.role.removeprefix("ssh.")
    attribute = {"public_key": "base64", "sha256": "sha256", "algorithm": "algorithm"}.get(part)
    if attribute is None:
        return lambda number: ""
    # Host certificates are rare: their keys are mostly missing.
    every = 1 if column.group == "host_key" else 8

    def make(number: int) -> str:
        key = ssh_key(f"{scene.seed}:{column.group}:{number // 2}")
        return "" if number % every else str(getattr(key, attribute))

    return make


def _file(column: Column, scene: Scene) -> Maker:
    part = column.role.removeprefix("file.")
    if part == "name":
        return _words(("invoice.exe", "mirai.arm7", "update.ps1"), column.group)
    return lambda number: file_hashes(f"{scene.seed}:{column.group}:{number}")[part]


def _url(column: Column, scene: Scene) -> Maker:
    def make(number: int) -> str:
        path = _pick(vocabulary.PATHS, number, column.name)
        scheme = ("http", "https")[number % 2]
        return f"{scheme}://site{number}.example.net{path}" if number % 3 == 0 else ""

    if column.party and column.party == scene.type.primary:
        return lambda number: f"http://{number % 9}.files.example.com/{number:x}/bin.sh"
    return make


def _domain(column: Column, scene: Scene) -> Maker:
    return lambda number: f"{('c2', 'update', 'cdn')[number % 3]}{number}.example.net"


def _software(column: Column, scene: Scene) -> Maker:
    known = {
        "software.product": vocabulary.PRODUCTS,
        "software.vendor": vocabulary.VENDORS,
        "software.version": vocabulary.VERSIONS,
    }[column.role]
    words = known.get(column.name) or known.get(scene.stem) or vocabulary.OTHER_VERSIONS
    return _words((*words, ""), column.group)


def _vulnerability(column: Column, scene: Scene) -> Maker:
    return _words(("CVE-2021-44228", "CVE-2017-17215", "cve-2018-10561", "T1190", ""), "cve")


def _attack(column: Column, scene: Scene) -> Maker:
    return _words(("T1190", "T1059.004", ""), "attack")


def _user_agent(column: Column, scene: Scene) -> Maker:
    return _words(vocabulary.USER_AGENTS, column.name)


def _request(column: Column, scene: Scene) -> Maker:
    return _words(vocabulary.REQUESTS, column.name)


def _person(column: Column, scene: Scene) -> Maker:
    domain = "@example.org" if column.role == "email" or column.name == "email" else ""
    return lambda number: f"user{number}{domain}"


def _secret(column: Column, scene: Scene) -> Maker:
    return _words(vocabulary.PASSWORDS, column.name)


def _count(column: Column, scene: Scene) -> Maker:
    return lambda number: str(number % 50 + 1)


def text(column: Column, scene: Scene) -> Maker:
    """Make cells by the column's name, or by what its name has in it."""
    name = column.name
    if name == "version":
        return _words(vocabulary.VERSIONS.get(scene.stem, vocabulary.OTHER_VERSIONS), name)
    if name in vocabulary.TEXTS:
        return _words(vocabulary.TEXTS[name], name)
    for parts, words in vocabulary.NAME_PARTS:
        if any(part in name for part in parts):
            return _words(words, name)
    return _words(vocabulary.OTHER_TEXTS, name)


ROW_ROLES: dict[str, Callable[[Column, Scene], Maker]] = {
    "time": _time,
    "first_seen": _moment,
    "last_seen": _moment,
    "port": _any_port,
}

FINDING_ROLES: dict[str, Callable[[Column, Scene], Maker]] = {
    "severity": _severity,
    "tags": _tags,
    "protocol": _protocol,
    "application": _application,
    "malware": _malware,
    "activity": _malware,
    "cve": _vulnerability,
    "attack_id": _attack,
    "url": _url,
    "url_part": _request,
    "domain": _domain,
    "user_agent": _user_agent,
    "email": _person,
    "account": _person,
    "secret": _secret,
    "count": _count,
    **{f"file.{part}": _file for part in ("md5", "sha1", "sha256", "sha512", "name")},
    **{f"software.{part}": _software for part in ("vendor", "product", "version")},
}
