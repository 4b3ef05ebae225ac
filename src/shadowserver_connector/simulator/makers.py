"""How cells are made from a number, by the role of their column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zlib import crc32

from shadowserver_connector.catalogue.catalogue import SEVERITIES
from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.simulator import services, vocabulary
from shadowserver_connector.simulator.identities import file_hashes, ssh_key
from shadowserver_connector.simulator.sample_certificates import certificate
from shadowserver_connector.simulator.scene import Scene

Maker = Callable[[int], str]


def _pick(words: tuple[str, ...], number: int, salt: str) -> str:
    return words[crc32(f"{salt}:{number}".encode()) % len(words)]


def _words(words: tuple[str, ...], salt: str) -> Maker:
    return lambda number: _pick(words, number, salt)


def _clock(form: str, scene: Scene) -> Maker:
    """Make the time of the row, which is somewhere in the day that the report covers."""
    before, _, after = form.partition("%S")
    midnight = datetime.combine(scene.day, datetime.min.time(), UTC)
    rows = max(scene.rows, 1)
    seconds = [f"{second:02d}{after}" for second in range(60)]
    minutes: dict[int, str] = {}

    def make(row: int) -> str:
        minute, second = divmod(row * 86_400 // rows, 60)
        text = minutes.get(minute)
        if text is None:
            text = minutes[minute] = (midnight + timedelta(minutes=minute)).strftime(before)
        return text + seconds[second]

    return make


def _time(column: Column, scene: Scene) -> Maker:
    return _clock("%Y-%m-%d %H:%M:%S", scene)


def _moment(column: Column, scene: Scene) -> Maker:
    """Make the time when something began, or ended, up to four minutes later on the same day."""
    rows = max(scene.rows, 1)

    def make(row: int) -> str:
        second = row * 86_400 // rows
        if column.role == "last_seen":
            second = min(second + 1 + row * 37 % 240, 86_399)
        minute, second = divmod(second, 60)
        clock = f"{minute // 60:02d}:{minute % 60:02d}:{second:02d}"
        return f"{scene.day}T{clock}.{row * 104_729 % 1_000_000:06d}Z"

    return make


def dated(column: Column, scene: Scene) -> Maker:
    """Make the time that a host's own clock shows."""
    return _clock(vocabulary.MOMENTS[column.name], scene)


def source_port(row: int) -> str:
    """Return a port that a client might have chosen."""
    return str(1024 + row * 7919 % 64_000)


def _service_port(column: Column, scene: Scene) -> Maker:
    ports = services.PORTS.get(scene.type.application, services.OTHER_PORTS)
    return lambda number: ports[number * 7 % 11 % len(ports)]


def _severity(column: Column, scene: Scene) -> Maker:
    usual = scene.type.severity
    words = (usual,) * 8 + (SEVERITIES[min(SEVERITIES.index(usual) + 1, 4)], "")
    return _words(words, "severity")


def _tags(column: Column, scene: Scene) -> Maker:
    stem = scene.stem.replace("_", "-")
    cves = services.CVES.get(scene.stem, ("",))
    second = vocabulary.SECOND_TAGS.get(scene.stem, ("",))

    def make(number: int) -> str:
        parts = [stem, _pick(second, number, "second"), *_pick(cves, number, "cve").split(";")]
        return ";".join(dict.fromkeys(filter(None, parts)))

    return make


def _protocol(column: Column, scene: Scene) -> Maker:
    udp = scene.type.application in services.UDP or scene.stem in services.UDP
    return _words(("udp",) if udp else ("tcp",), "protocol")


def _application(column: Column, scene: Scene) -> Maker:
    words = (scene.type.application,) if scene.type.application else ("http", "https", "", "ssh")
    return _words(words, "application")


def _malware(column: Column, scene: Scene) -> Maker:
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
    """Make cells about a certificate: a part of it, or a role that starts with ``x509.``."""
    part = role.removeprefix("x509.")
    computer = "_rdp" in scene.type.name
    return lambda number: certificate(f"{scene.seed}:{number}", scene.day, computer).get(part, "")


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


def ssh_key_number(column: Column, scene: Scene) -> Maker:
    """Make cells about the numbers in a host key; empty in columns about other kinds of keys."""
    return lambda number: ssh_key(f"{scene.seed}:host_key:{number // 2}").parts.get(column.name, "")


def _file(column: Column, scene: Scene) -> Maker:
    part = column.role.removeprefix("file.")
    if part == "name":
        return _words(("invoice.exe", "mirai.arm7", "update.ps1"), column.group)
    return lambda number: file_hashes(f"{scene.seed}:{column.group}:{number}")[part]


def _url(column: Column, scene: Scene) -> Maker:
    def make(number: int) -> str:
        path = _pick(vocabulary.PATHS, number, column.name)
        return f"https://site{number}.example.net{path}" if number % 3 == 0 else ""

    return make


def _domain(column: Column, scene: Scene) -> Maker:
    return lambda number: f"{('c2', 'update', 'cdn')[number % 3]}{number}.example.net"


def _software(column: Column, scene: Scene) -> Maker:
    return _words(vocabulary.SOFTWARE[column.role], column.group)


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
    """Make cells by what the column's name has in it."""
    name = column.name
    if name.endswith(vocabulary.DATES):
        return lambda number: f"{scene.day - timedelta(days=number % 90 + 1)} 08:00:00"
    for parts, words in vocabulary.NAME_PARTS:
        if any(part in name for part in parts):
            return _words(words, name)
    return _words(vocabulary.OTHER_TEXTS, name)


ROW_ROLES: dict[str, Callable[[Column, Scene], Maker]] = {
    "time": _time,
    "first_seen": _moment,
    "last_seen": _moment,
}

FINDING_ROLES: dict[str, Callable[[Column, Scene], Maker]] = {
    "port": _service_port,
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
