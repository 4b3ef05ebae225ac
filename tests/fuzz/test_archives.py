"""Spoiled archives: files inside of the work folder, or a rejection."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shadowserver_connector.errors import SkippableError
from shadowserver_connector.report.report_files import find_reports
from tests.fuzz import texts
from tests.fuzz.effort import EFFORT

CONTENT: Final = b"timestamp,ip,tag\n" + b"2024-01-31 00:00:00,192.0.2.1,ssl\n" * 9

_MEMBERS: Final = st.one_of(
    st.sampled_from(
        ["a.csv", "../up.csv", "/etc/x.csv", "d/e.csv", "c:\\x.csv", ".csv", "x" * 300]
    ),
    texts.anything.map(lambda name: f"{name}.csv"),
)


def _zipped(names: list[str], kind: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", kind) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), CONTENT, compress_type=kind)
    return content.getvalue()


@st.composite
def _archives(draw: st.DrawFn) -> tuple[str, bytes]:
    """Write a good archive, and change some of its bytes."""
    if draw(st.booleans()):
        ending, content = ".csv.gz", bytearray(gzip.compress(CONTENT, mtime=0))
    else:
        kind = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
        names = draw(st.lists(_MEMBERS, min_size=1, max_size=3, unique=True))
        encodable = [name for name in names if name.isprintable()] or ["a.csv"]
        ending, content = ".zip", bytearray(_zipped(encodable, kind))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return ending, bytes(content[: len(content) - draw(st.integers(0, 20))])


@EFFORT
@example(archive=(".zip", _zipped(["/etc/x.csv", "c:\\x.csv"], zipfile.ZIP_STORED)))
@given(archive=_archives())
def test_a_spoiled_archive_gives_files_or_a_rejection(
    tmp_path_factory: pytest.TempPathFactory, archive: tuple[str, bytes]
) -> None:
    """All files are in the work folder, and a member that breaks off leaves none."""
    ending, content = archive
    base = tmp_path_factory.getbasetemp() / "spoiled"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    file = base / f"2024-01-31-scan_ssl-example{ending}"
    file.write_bytes(content)
    work = base / "work"
    rejected: list[SkippableError] = []

    reports = list(find_reports([file], work, rejected.append))

    paths = [report.path for report in reports]
    assert len(set(paths)) == len(paths)
    # Of two with the same name, the second is in a folder of its own there.
    assert all(path.resolve().is_relative_to(work.resolve()) for path in paths)
    assert reports or rejected
    assert {entry for entry in base.rglob("*") if entry.is_file()} == {file, *paths}
    for report in reports:
        assert report.name.isprintable()
    for error in rejected:
        assert str(error).startswith((f"{file}: ", f"{file}/"))
        assert len(str(error).splitlines()) == 1
        assert str(error).isprintable()


@EFFORT
@given(content=st.binary(max_size=400), ending=st.sampled_from([".zip", ".csv.gz"]))
def test_any_bytes_as_an_archive(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str
) -> None:
    """A file that is no archive is rejected in one line that names it."""
    base: Path = tmp_path_factory.getbasetemp() / "any"
    base.mkdir(exist_ok=True)
    file = base / f"any{ending}"
    file.write_bytes(content)
    rejected: list[SkippableError] = []
    reports = list(find_reports([file], base / "work", rejected.append))
    for report in reports:
        report.path.unlink()
    for error in rejected:
        assert str(error).startswith(f"{file}: ")
        assert str(error).isprintable()
