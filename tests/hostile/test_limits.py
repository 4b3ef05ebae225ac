"""Hostile files stay below 200 MB and a few seconds, and no message exceeds its limits."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from shadowserver_connector.bundle.chunk_builder import MAX_CHUNK_BYTES
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.memory_limits import MIB

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
MAX_MEMORY = 200_000_000 // 1024
MAX_SECONDS = 30
"""Of processor time: each took minutes without its limit, and takes less than 10 on two cores."""

Lines = Iterator[str]


def run(*arguments: str) -> dict[str, Any]:
    """Run ``tests.hostile.limits``; check its memory and time, and return its results."""
    program = [sys.executable, "-m", "tests.hostile.limits", *arguments]
    done = subprocess.run(program, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=300)
    measured: dict[str, Any] = json.loads(done.stdout)
    assert measured["peak"] < MAX_MEMORY
    assert measured["seconds"] < MAX_SECONDS
    return measured


def convert(path: Path, report_type: str, lines: Lines, notes: str = "finding") -> dict[str, Any]:
    """Write and convert a report; check that its messages keep their limits."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    done = run("convert", str(path), report_type, notes)
    if "largest" in done:
        assert done["largest"]["objects"] <= Options().chunk_objects
        assert done["largest"]["bytes"] <= min(Options().chunk_bytes, MAX_CHUNK_BYTES)
    return done


def row(**cells: str) -> Lines:
    """Return a header and one row."""
    yield ",".join(cells) + "\n"
    yield ",".join(f'"{cell}"' for cell in cells.values()) + "\n"


def many(form: str, size: int) -> str:
    """Return a cell of distinct values, with about this many characters."""
    count = size // len(form.format(n=10_000))
    return " ".join(form.format(n=n) for n in range(count))


@pytest.mark.parametrize("size", [8_000, 100_000, 1_000_000])
def test_a_cell_of_host_names_makes_few(tmp_path: Path, size: int) -> None:
    """A cell full of host names makes a bounded number of objects; the rest is counted."""
    hosts = many("h{n}.example,", size).replace(" ", "")
    lines = row(timestamp="2024-01-31 00:00:00", src_ip="192.0.2.1", http_host=hosts)
    done = convert(tmp_path / "x.csv", "event4_sinkhole_http", lines)
    assert done["objects"]["domain-name"] == 20
    [remark] = done["remarks"]
    left_out = hosts.count("example") - 20
    assert "column http_host, row 1" in remark
    assert "hosts beyond the maximum for one cell, left out" in remark
    assert f"{left_out:,} times" in remark


@pytest.mark.parametrize(
    ("column", "form", "stix_type", "what"),
    [
        ("tag", "cve-2020-{n:05};", "vulnerability", "CVE ids"),
        ("vulnerability_id", "CVE-2020-{n:05}", "vulnerability", "CVE ids"),
        ("technique", "T{n:04}.001", "attack-pattern", "ATT&CK ids"),
        ("vulnerability_id", "T{n:04}.001", "attack-pattern", "ATT&CK ids"),
    ],
)
def test_a_cell_of_ids_makes_few(
    tmp_path: Path, column: str, form: str, stix_type: str, what: str
) -> None:
    """A megabyte of distinct ids makes a bounded number of objects."""
    cells = {"timestamp": "2024-01-31 00:00:00", "src_ip": "192.0.2.1", column: many(form, MIB)}
    done = convert(tmp_path / "x.csv", "event4_honeypot_http_scan", row(**cells))
    assert done["objects"][stix_type] == 50
    assert f"{what} beyond the maximum for one cell, left out" in done["oddities"]


def test_a_cell_of_tags_makes_few_labels(tmp_path: Path) -> None:
    """A cell full of tags gives fifty labels; the rest is counted."""
    tags = many("tag-{n};", MIB).replace(" ", "")
    done = convert(tmp_path / "x.csv", "scan_ssl", row(timestamp="", ip="192.0.2.1", tag=tags))
    assert done["oddities"] == {
        "tags beyond the maximum for one cell, left out": tags.count(";") - 50
    }


def test_rows_of_thousands_of_filled_columns_make_bounded_messages(tmp_path: Path) -> None:
    """Rows with thousands of columns keep the limits of messages, whatever they name."""

    def lines() -> Lines:
        yield "timestamp,ip," + ",".join(f"x{n}_cve" for n in range(4_900)) + "\n"
        for at in range(3):
            ids = (f"CVE-2020-{at}{n:05}1 CVE-2020-{at}{n:05}2" for n in range(4_900))
            yield "2024-01-31 00:00:00,192.0.2.1," + ",".join(ids) + "\n"

    done = convert(tmp_path / "x.csv", "scan_new", lines())
    assert done["rows"] == 3
    assert done["oddities"]["more objects than one row may create, left out"] > 9_000


def test_a_row_of_thousands_of_long_cells_has_a_bounded_note(tmp_path: Path) -> None:
    """A Note of many long cells is bounded, though escaping makes them longer."""
    header = ",".join(f"foo{n}" for n in range(1_000))
    cells = ",".join([f'"{"|<" * 950}"'] * 1_000)
    lines = iter([f"timestamp,ip,{header}\n", f"2024-01-31 00:00:00,192.0.2.1,{cells}\n"])
    done = convert(tmp_path / "x.csv", "scan_new", lines)
    assert done["objects"]["note"] == 1
    assert done["largest"]["bytes"] > 500_000


def test_malware_and_controllers_of_a_row_are_not_multiplied(tmp_path: Path) -> None:
    """Two lists in a row do not give a relationship for each pair."""
    names = [f"x{n}_hostname" for n in range(2_000)] + [f"y{n}_cve" for n in range(2_000)]
    cells = [f"h{n}.example.com" for n in range(2_000)] + [f"CVE-2021-{n:05}" for n in range(2_000)]
    lines = iter([f"src_ip,{','.join(names)}\n", f"192.0.2.1,{','.join(cells)}\n"])
    done = convert(tmp_path / "x.csv", "event4_honeypot_new", lines)
    assert sum(done["objects"].values()) < 1_000


def test_what_is_remembered_of_huge_cells_is_bounded(tmp_path: Path) -> None:
    """600 distinct cells of 512 KB that are all bad take bounded memory."""

    def lines() -> Lines:
        yield "timestamp,ip,url,http_host,tag\n"
        for n in range(600):
            yield f"2024-01-31 00:00:00,192.0.2.1,{n:03}{'x' * 512 * 1024},,\n"

    done = convert(tmp_path / "x.csv", "malware_url", lines())
    assert done["rows"] == 600


@pytest.mark.parametrize("notes", ["finding", "host"])
def test_what_is_remembered_of_all_columns_is_bounded(tmp_path: Path, notes: str) -> None:
    """Distinct cells of four-byte characters in hundreds of columns take bounded memory."""

    def lines() -> Lines:
        wide = "\U0001f600" * 180
        yield "timestamp,ip," + ",".join(f"foo{n}" for n in range(400)) + "\n"
        for n in range(100):
            cells = ",".join(f"{wide}{n}-{at}" for at in range(400))
            yield f"2024-01-31 00:00:00,192.0.2.{n % 9},{cells}\n"

    done = convert(tmp_path / "x.csv", "scan_new", lines(), notes)
    assert done["rows"] == 100


def test_what_is_counted_is_bounded(tmp_path: Path) -> None:
    """Distinct tags, sectors and hosts of the greatest length take bounded memory."""

    def lines() -> Lines:
        yield "timestamp,ip,sector,tag,infection\n"
        for n in range(12_000):
            long = "\U0001f600" * 900
            yield f"2024-01-31 00:00:00,{n}{long},{n}{long},{n}{long},{n}{long}\n"

    with (tmp_path / "x.csv").open("w", encoding="utf-8") as file:
        file.writelines(lines())
    program = [sys.executable, "-m", "tests.hostile.limits"]
    arguments = ["convert", str(tmp_path / "x.csv"), "scan_new", "none"]
    done = subprocess.run(
        [*program, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=300
    )
    # 180 MB of text, which takes its time; what it takes of memory is the point.
    assert json.loads(done.stdout)["peak"] < MAX_MEMORY


@pytest.mark.parametrize("character", ["a", "\U0001f600"])
@pytest.mark.parametrize("cells", ["{}{},b\n", "timestamp,ip\n2024-01-31 00:00:00,{}{}\n"])
def test_an_endless_line_takes_no_memory(tmp_path: Path, cells: str, character: str) -> None:
    """A header of 200 MB is refused; of a row of 200 MB the beginning is read."""
    piece = character * (MIB // len(character.encode()))
    before, after = cells.split("{}{}")
    lines = iter([before, *([piece] * 200), after])
    done = convert(tmp_path / "x.csv", "scan_ssl", lines)
    if before:
        assert done["rows"] == 1
        assert "line longer than 2 Mi characters, cut" in done["oddities"]
    else:
        assert "it is not a CSV header" in done["error"]


@pytest.mark.parametrize("name", ["tag", "ip", "foo"])
def test_thousands_of_columns_of_one_name_take_no_time(tmp_path: Path, name: str) -> None:
    """Making thousands of equal column names unique takes linear time."""
    names = ",".join([name] * 4_900)
    lines = iter([f"timestamp,{names}\n", f",{','.join(['x'] * 4_900)}\n"])
    done = convert(tmp_path / "x.csv", "scan_ssl", lines)
    assert done["rows"] == 1


def test_bad_quotes_on_long_lines_take_no_time(tmp_path: Path) -> None:
    """Bad quotes on long lines do not make the reader rebuild records of many megabytes."""

    def lines() -> Lines:
        yield "timestamp,ip,tag\n"
        for n in range(60):
            yield f'2024-01-31 00:00:00,"x"y{n},"{"a" * MIB}\n'

    assert convert(tmp_path / "x.csv", "scan_ssl", lines())["rows"] > 0


def archive_of(file: IO[bytes], members: int) -> None:
    """Write a zip that lists this many empty members, all of them the same one."""
    name = b"2024-01-31-scan_ssl-x.csv"
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name
    file.write(local)
    entry = (
        struct.pack(
            "<IHHHHHHIIIHHHHHII",
            *(0x02014B50, 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0),
        )
        + name
    )
    start = file.tell()
    for _ in range(members // 1_000):
        file.write(entry * 1_000)
    size = file.tell() - start
    end = file.tell()
    file.write(
        struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, members, members, size, start)
    )
    file.write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
    file.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, *([0xFFFF] * 2), *([0xFFFFFFFF] * 2), 0))


def test_a_million_members_are_not_listed(tmp_path: Path) -> None:
    """The list of members is bounded before it is read, whatever number the archive claims."""
    path = tmp_path / "x.zip"
    with path.open("wb") as file:
        archive_of(file, 1_000_000)
    done = run("unpack", str(path))
    assert done["files"] == 0
    assert "more than 10,000" in done["said"][0]


@pytest.mark.parametrize(
    ("stretch", "rows"),
    [("\\", 1), ("\\a", 1), ("\n", 0), ("\r", 0), ("\r\n", 0)],
    ids=["backslashes", "backslashes-apart", "blank-lines", "returns", "blank-windows-lines"],
)
def test_a_hundred_megabytes_of_the_same(tmp_path: Path, stretch: str, rows: int) -> None:
    """100 MB of one repeated text, in a cell or between rows, are read in little time."""

    def lines() -> Lines:
        yield "timestamp,ip,banner\n"
        if rows:
            yield '"2024-01-31 00:00:00","192.0.2.1","'
        for _ in range(100):
            yield stretch * (2**20 // len(stretch))
        if rows:
            yield '"\n'
        yield '"2024-01-31 00:00:00","192.0.2.2","last"\n'

    done = convert(tmp_path / "x.csv", "scan_http", lines())
    assert done["rows"] == rows + 1
