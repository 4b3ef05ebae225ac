"""OpenCTI holds exactly what the files say, object by object and reference by reference."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.history.history import open_history
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.report_comparer import ReportComparer
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.simulator.generate import report_chunks
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, SECRET, TODAY, Reports, World, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ
from tests.sink.installed import CAN
from tests.sink.pycti_fakes import FakeLog

pytestmark = pytest.mark.integration

Thing = Mapping[str, Any]
TITLES = {"scan_http": "Accessible HTTP", "scan_ssl": "Accessible SSL"}
# Of these the platform has some from its start, or makes them of what objects carry.
OF_THE_PLATFORM = ("Label", "External-Reference", "Marking-Definition")


@pytest.fixture
def store() -> Reports:
    """Return the reports of two days."""
    return small_month()


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def imported(world: World) -> dict[str, Thing]:
    """Run the connector, import everything, and return what the platform holds."""
    assert world.run(shadowserver_notes="finding") == 0, world.logs()[-3000:]
    workers = world.import_all()
    assert workers.rejected == []
    assert workers.failed == []
    oddities = world.platform.store.oddities
    for kind in ("dropped", "rewritten", "merged", "refused", "emptied"):
        assert getattr(oddities, kind) == [], kind
    for work in world.works():
        assert (work.status, work.processed, work.errors) == ("complete", work.expected, [])
    return world.objects()


def refs(thing: Thing) -> Iterator[str]:
    """Yield every id that an object of the platform refers to."""
    for name in ("created_by", "source", "target", "src", "dst"):
        if thing.get(name):
            yield thing[name]
    for name in ("objects", "markings", "external_references"):
        yield from thing.get(name, ())


def described(thing: Thing, things: Mapping[str, Thing]) -> str:
    """Return what an object is, in terms of its row."""
    kind, has = thing["type"], thing["attributes"]
    if kind == "relationship":
        ends = [described(things[thing[end]], things) for end in ("source", "target")]
        return f"{ends[0]} {has['relationship_type']} {ends[1]}"
    if kind == "Observed-Data":
        listed = sorted(described(things[ref], things) for ref in thing["objects"])
        return f"{has['first_observed']} to {has['last_observed']}: {', '.join(listed)}"
    if kind == "Network-Traffic":
        stack, address = "/".join(has["protocols"]), described(things[thing["dst"]], things)
        return f"{stack} to {address}:{has['dst_port']}"
    if kind == "Note":
        sentence, _, table = has["content"].partition("\n\n")
        return f"{has['created']}: {sentence.split()[0]} {table}"
    if kind == "Artifact":
        [(name, file)] = thing["files"].items()
        return f"{name} {file['size']} {file['sha256']}"
    return str(has.get("value") or has.get("name") or has["number"])


def told_by(store: Reports) -> Iterator[tuple[str, str]]:
    """Yield kind and description of every object that the files tell of."""
    yield "Organization", "The Shadowserver Foundation"
    for report, content in store.files.items():
        listed = report.file.removesuffix(".csv").removeprefix(f"{report.day}-{report.type}-")
        yield "Report", f"{TITLES[report.type]}: {listed}, {report.day}"
        yield "Artifact", f"{report.file} {len(content)} {hashlib.sha256(content).hexdigest()}"
        for row in csv.DictReader(io.StringIO(content.decode())):
            ip, host, number = row["ip"], row["hostname"], f"AS{row['asn']}"
            cve = row["tag"].partition(";")[2].upper()
            time = f"{row['timestamp'].replace(' ', 'T')}.000Z"
            yield "IPv4-Addr", ip
            yield "Domain-Name", host
            yield "Autonomous-System", number
            yield "Vulnerability", cve
            yield "relationship", f"{ip} related-to {cve}"
            yield "Observed-Data", f"{time} to {time}: {', '.join(sorted((ip, host, number)))}"
            if CAN.network_traffic:
                stack = "ipv4/tcp/http" if report.type == "scan_http" else "ipv4/tcp/https"
                yield "Network-Traffic", f"{stack} to {ip}:{row['port']}"
            cells = {
                "First reported": f"{report.day}", "Time": f"{row['timestamp']} UTC",
                "Tags": row["tag"], "IP": ip, "Port": row["port"], "Protocol": row["protocol"],
                "Severity": row["severity"], "Host name": host, "ASN": row["asn"],
                "Country": f"Netherlands ({row['geo']})", "Region": row["region"],
                "City": row["city"], "Report": f"`{report.file}`",
            }  # fmt: skip
            table = "".join(f"\n| {title} | {cell} |" for title, cell in cells.items())
            yield "Note", f"{time}: **{ip}** | Field | Value |\n| --- | --- |{table}"


def test_opencti_holds_what_the_rows_say(world: World, store: Reports) -> None:
    """No object is missing, duplicate, or without a row that tells of it."""
    things = imported(world)
    held = Counter(
        (thing["type"], described(thing, things))
        for thing in things.values()
        if thing["type"] not in OF_THE_PLATFORM
    )
    assert held.keys() == set(told_by(store))
    assert set(held.values()) == {1}
    assert {ref for thing in things.values() for ref in refs(thing)} <= things.keys()
    kinds = {ref: thing["type"] for ref, thing in things.items()}
    reports = [thing for thing in things.values() if thing["type"] == "Report"]
    for report in reports:
        listed = Counter(kinds[ref] for ref in report["objects"])
        assert listed["Artifact"] == 1
        assert listed["IPv4-Addr"] == listed["Domain-Name"] == 12
        assert listed["Observed-Data"] == listed["Network-Traffic"] == 0
    shown = Counter(
        ref
        for thing in things.values()
        if thing["type"] == "Note"
        for ref in thing["objects"]
        if kinds[ref] == "Report"
    )
    assert shown == {ref: 5 for ref, kind in kinds.items() if kind == "Report"}
    for thing in things.values():
        if thing["type"] == "Note":
            about = sorted(kinds[ref] for ref in thing["objects"] if kinds[ref] != "Report")
            assert about == ["Domain-Name", "IPv4-Addr"]
            address, name = (f"| {field} |" for field in ("IP", "Host name"))
            for ref in thing["objects"]:
                if kinds[ref] != "Report":
                    field = address if kinds[ref] == "IPv4-Addr" else name
                    assert f"{field} {described(things[ref], things)} |" in described(thing, things)


ROWS = 12 if os.environ.get("TEST_FULL") else 4
GENERATED = (
    "scan_ssl", "scan_ssh", "scan6_http", "event4_sinkhole_http", "event4_honeypot_brute_force",
    "malware_url", "compromised_website", "device_id", "sandbox_url", "a_type_of_tomorrow",
)  # fmt: skip


def test_every_kind_of_report_arrives_as_it_was_converted(world: World, store: Reports) -> None:
    """In reports of many types, with hostile cells, each object has everything that was sent."""
    store.files.clear()
    day = TODAY - timedelta(days=1)
    for kind in GENERATED:
        content = b"".join(report_chunks(kind, day, ROWS, with_hostile_cells=True))
        store.add(day, kind, content, ROWS)
    things = imported(world)
    places = {alias: ref for ref, thing in things.items() for alias in thing["aliases"]}
    expected = converted(store, world.folder / "converted")
    of_ours = {ref: thing for ref, thing in things.items() if thing["type"] not in OF_THE_PLATFORM}
    assert {places.get(ref, ref) for ref in expected} == set(of_ours)
    assert {ref for thing in things.values() for ref in refs(thing)} <= things.keys()
    for ref, copies in expected.items():
        thing = things[places.get(ref, ref)]
        sent = {places.get(each, each) for copy in copies for each in copy.get("object_refs", ())}
        assert set(thing.get("objects", ())) == sent, ref
        labels = {label.lower() for copy in copies for label in labels_of(copy)}
        assert {label.lower() for label in thing.get("labels", ())} == labels, ref
        for ours, theirs in (("source_ref", "source"), ("target_ref", "target")):
            assert {copy.get(ours) for copy in copies} == {thing.get(theirs)}, ref
        for name in ("value", "name", "number", "content", "abstract", "description", "published"):
            said = {copy[name] for copy in copies if name in copy}
            if (
                said
                and (
                    held := thing["attributes"].get(
                        "attribute_abstract" if name == "abstract" else name
                    )
                )
                is not None
            ):
                assert held in said, (ref, name)


def labels_of(stix: dict[str, Any]) -> list[str]:
    """Return the labels of an object as it was sent."""
    labels: list[str] = stix.get("labels") or stix.get("x_opencti_labels") or []
    return labels


def converted(store: Reports, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Convert the reports without a connector; return the copies of each object by its id."""
    copies: dict[str, list[dict[str, Any]]] = {}

    def keep(chunk: Chunk) -> None:
        for each in orjson.loads(chunk.bundle())["objects"]:
            if each["type"] != "marking-definition":
                copies.setdefault(each["id"], []).append(each)

    folder.mkdir()
    comparer = ReportComparer(lambda: open_history(folder, "none"), FakeLog())
    for report, content in store.files.items():
        path = folder / report.file
        path.write_bytes(content)
        info = ReportInfo(report.type, report.day, report.file, list=report.list, id=report.id)
        options = Options(
            notes="finding",
            repeats="all",
            chunk_objects=60,  # as the connector there
            ssh_keys=CAN.ssh_keys,
            network_traffic=CAN.network_traffic,
        )
        convert_report(path, info, options, keep, comparer.compare(path, info))
    comparer.close()
    return copies
