"""Bundles in a directory: written whole or not at all, closed, with the original beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import orjson
import pytest

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import ARTIFACT_INLINE, convert_report
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.directory import (
    original_file,
    partial_folder,
    report_folder,
    write_report,
)
from tests.bundle.checks import assert_closed_and_ordered
from tests.mapping.conversion import DAY, csv_bytes, info_of
from tests.mapping.rows import rows_of
from tests.sink.test_delivered import open_files_in

INFO = info_of("scan_ssl")


def converting(path: Path, **options: object) -> Callable[[Callable[[Chunk], None]], Outcome]:
    """Return a function that converts the file."""
    return lambda emit: convert_report(path, INFO, Options(**options), emit)  # type: ignore[arg-type]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Return a small report file."""
    path = tmp_path / "in" / INFO.file
    path.parent.mkdir()
    path.write_bytes(csv_bytes(*rows_of("scan_ssl", 30)))
    return path


def listed(out: Path) -> list[str]:
    """Return all files and folders below a folder."""
    return sorted(str(path.relative_to(out)) for path in out.rglob("*"))


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder with their bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def aged(folder: Path) -> Path:
    """Return a folder that looks as if it had been made long ago."""
    os.utime(folder, (0, 0))
    return folder


def test_bundles_lie_in_a_folder_a_report(tmp_path: Path, report: Path) -> None:
    """Each report has ``OUT/<day>/<file>/<n>.json`` and its original file."""
    out = tmp_path / "out"
    outcome = write_report(out, report, INFO, converting(report, chunk_objects=100))
    folder = f"{DAY}/{INFO.file}"
    assert listed(out) == [
        str(DAY),
        folder,
        *(f"{folder}/{n:04d}.json" for n in range(1, outcome.chunks + 1)),
        f"{folder}/{INFO.file}",
    ]
    assert outcome.chunks > 1
    assert original_file(out, INFO) == out / folder / INFO.file
    assert original_file(out, INFO).read_bytes() == report.read_bytes()


def test_each_bundle_is_closed(tmp_path: Path, report: Path) -> None:
    """A bundle holds every object it refers to, so it can be imported alone."""
    write_report(tmp_path, report, INFO, converting(report, chunk_objects=100))
    bundles = sorted(report_folder(tmp_path, INFO).glob("*.json"))
    for path in bundles:
        bundle = orjson.loads(path.read_bytes())
        assert bundle["type"] == "bundle"
        assert_closed_and_ordered(bundle["objects"])


def test_large_file_is_streamed_into_its_artifact(tmp_path: Path) -> None:
    """A file too large for a message is still in its bundle, byte for byte."""
    header, (first, *_) = rows_of("scan_ssl", 1)
    row = csv_bytes(header, [first]).splitlines(keepends=True)
    path = tmp_path / INFO.file
    with path.open("wb") as file:
        file.write(row[0])
        while file.tell() <= ARTIFACT_INLINE + 5:
            file.write(row[1])
    outcome = write_report(tmp_path / "out", path, INFO, converting(path, max_findings=1))
    assert outcome.size > ARTIFACT_INLINE
    bundle = orjson.loads((report_folder(tmp_path / "out", INFO) / "0001.json").read_bytes())
    (artifact,) = (stix for stix in bundle["objects"] if stix["type"] == "artifact")
    payload = b64decode(artifact["payload_bin"], validate=True)
    assert payload == path.read_bytes()
    assert artifact["hashes"]["MD5"] == md5(payload).hexdigest()
    assert_closed_and_ordered(bundle["objects"])


def test_report_again_replaces_the_folder(tmp_path: Path, report: Path) -> None:
    """Converting a report again replaces its folder; nothing of the earlier one is left."""
    write_report(tmp_path / "out", report, INFO, converting(report, chunk_objects=50))
    many = listed(tmp_path / "out")
    outcome = write_report(tmp_path / "out", report, INFO, converting(report))
    assert len(listed(tmp_path / "out")) == 2 + outcome.chunks + 1 < len(many)


def test_converting_twice_gives_the_same_bytes(tmp_path: Path, report: Path) -> None:
    """Folder and time of a conversion do not change its bytes."""
    for out in ("one", "two"):
        write_report(tmp_path / out, report, INFO, converting(report))
    one, two = (contents(report_folder(tmp_path / out, INFO)) for out in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt(), OSError("full")])
def test_failure_in_the_middle_leaves_the_earlier_folder(
    tmp_path: Path, report: Path, error: BaseException
) -> None:
    """A failed conversion leaves the earlier folder and no part of a new one."""
    out = tmp_path / "out"
    write_report(out, report, INFO, converting(report))
    before, bytes_before = listed(out), contents(report_folder(out, INFO))

    def broken(emit: Callable[[Chunk], None]) -> Outcome:
        def once(chunk: Chunk) -> None:
            emit(chunk)
            raise error

        return convert_report(report, INFO, Options(), once)

    with pytest.raises(type(error)):
        write_report(out, report, INFO, broken)
    assert listed(out) == before
    assert contents(report_folder(out, INFO)) == bytes_before


def test_failure_of_the_first_conversion_leaves_no_folder(tmp_path: Path, report: Path) -> None:
    """A first conversion that fails leaves no folder, so a folder that exists is complete."""

    def broken(emit: Callable[[Chunk], None]) -> Outcome:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        write_report(tmp_path / "out", report, INFO, broken)
    assert not report_folder(tmp_path / "out", INFO).exists()
    assert list((tmp_path / "out" / str(DAY)).iterdir()) == []


def test_new_folder_that_cannot_be_moved_leaves_the_earlier_one(
    tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier folder is kept until the new one has taken its place."""
    out = tmp_path / "out"
    write_report(out, report, INFO, converting(report))
    before = contents(report_folder(out, INFO))
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial") and target == report_folder(out, INFO):
            raise OSError("the disk is gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="the disk is gone"):
        write_report(out, report, INFO, converting(report))
    assert contents(report_folder(out, INFO)) == before
    assert listed(out) == [
        str(DAY),
        f"{DAY}/{INFO.file}",
        *(f"{DAY}/{INFO.file}/{name}" for name in sorted(before)),
    ]


def test_what_a_killed_process_left_is_removed(tmp_path: Path, report: Path) -> None:
    """The next write of a report removes a killed process's partial folder, and no other file."""
    out = tmp_path / "out"
    write_report(out, report, INFO, converting(report))
    whole = listed(out)
    day = out / str(DAY)
    for name in (f".{INFO.file}.0a1b2c3d.partial", f".{INFO.file}.0a1b2c3d.earlier"):
        (day / name).mkdir()
        (day / name / "0001.json").write_text("{}")
        aged(day / name)
    other = day / ".other.csv.0a1b2c3d.partial"
    other.mkdir()
    aged(other)
    write_report(out, report, INFO, converting(report))
    assert listed(out) == sorted([*whole, f"{DAY}/{other.name}"])


def test_folder_that_was_just_made_is_left_alone(tmp_path: Path) -> None:
    """It may belong to a process that has not locked it yet."""
    new = tmp_path / ".report.csv.0a1b2c3d.partial"
    new.mkdir()
    with partial_folder(tmp_path / "report.csv"):
        assert new.is_dir()


def test_folder_that_a_killed_process_set_aside_is_put_back(tmp_path: Path, report: Path) -> None:
    """A process killed between the two renames costs nothing, even if the next conversion fails."""
    out = tmp_path / "out"
    write_report(out, report, INFO, converting(report))
    before, folder = contents(report_folder(out, INFO)), report_folder(out, INFO)
    folder.rename(folder.with_name(f".{folder.name}.0a1b2c3d.earlier"))
    aged(shutil.copytree(report.parent, folder.with_name(f".{folder.name}.0a1b2c3d.partial")))

    def broken(emit: Callable[[Chunk], None]) -> Outcome:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        write_report(out, report, INFO, broken)
    assert contents(folder) == before
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.integration
def test_a_folder_that_another_process_writes_is_left_alone(tmp_path: Path, report: Path) -> None:
    """A partial folder stays until the process that writes it has ended."""
    out = tmp_path / "out"
    folder = report_folder(out, INFO)
    code = (
        "import pathlib, sys\n"
        "from shadowserver_connector.sink.directory import partial_folder\n"
        "with partial_folder(pathlib.Path(sys.argv[1])) as partial:\n"
        "    print(partial, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout
        partial = Path(writer.stdout.readline().strip())
        write_report(out, report, INFO, converting(report))
        assert partial.is_dir()
        writer.kill()
    assert partial.is_dir()
    aged(partial)
    write_report(out, report, INFO, converting(report))
    assert not partial.exists()


@pytest.mark.parametrize("file", ["../../etc/passwd.csv", "/abs/x.csv", "..", ".", "a\nb.csv"])
def test_no_file_name_leads_out_of_the_directory(tmp_path: Path, file: str) -> None:
    """Names from the API or an archive cannot lead out of the output directory."""
    folder = report_folder(tmp_path, ReportInfo("scan_ssl", DAY, file))
    assert folder.parent == tmp_path / str(DAY)
    assert folder.resolve().is_relative_to(tmp_path.resolve() / str(DAY))
    assert folder.name not in ("", ".", "..")


def test_original_and_output_may_lie_together(tmp_path: Path, report: Path) -> None:
    """Writing into the folder of the reports does not change them."""
    before = report.read_bytes()
    write_report(report.parent, report, INFO, converting(report))
    assert report.read_bytes() == before
    shutil.rmtree(report_folder(report.parent, INFO))
    assert report.read_bytes() == before


def test_two_writers_of_a_report_leave_each_other_alone(tmp_path: Path) -> None:
    """Each writer has a hidden folder of its own until it ends."""
    folder = tmp_path / "day" / "report.csv"
    with partial_folder(folder) as one, partial_folder(folder) as other:
        assert one != other
        assert one.is_dir()
        assert other.is_dir()
        for each in (one, other):
            assert each.parent == folder.parent
            assert each.name.startswith(".report.csv.")
            assert each.name.endswith(".partial")
    assert open_files_in(tmp_path) == []
    aged(one)
    aged(other)
    with partial_folder(folder) as third:
        assert list(folder.parent.iterdir()) == [third]


def test_names_are_taken_as_they_are(tmp_path: Path) -> None:
    """Characters such as ``*`` in a report's name match no other names."""
    left = tmp_path / ".a.csv.0a1b2c3d.partial"
    left.mkdir()
    aged(left)
    with partial_folder(tmp_path / "[ab].csv"), partial_folder(tmp_path / "*"):
        assert left.is_dir()
    with partial_folder(tmp_path / "a.csv"):
        assert not left.exists()


def test_small_file_stands_in_its_artifact_once(tmp_path: Path, report: Path) -> None:
    """The content that the conversion put into the Artifact is not added again."""
    write_report(tmp_path, report, INFO, converting(report))
    body = (report_folder(tmp_path, INFO) / "0001.json").read_bytes()
    assert body.count(b'"payload_bin"') == 1
    (artifact,) = (s for s in orjson.loads(body)["objects"] if s["type"] == "artifact")
    assert b64decode(artifact["payload_bin"], validate=True) == report.read_bytes()


def test_what_cannot_be_removed_does_no_harm(
    tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be deleted is left; an earlier error is still the one raised."""
    out = tmp_path / "out"
    write_report(out, report, INFO, converting(report))
    day = out / str(DAY)
    for name in (f".{INFO.file}.0a1b2c3d.partial", f".{INFO.file}.0a1b2c3d.earlier"):
        (day / name).mkdir()
        aged(day / name)

    def refused(*_: object, **__: object) -> None:
        raise OSError("busy")

    def broken(emit: Callable[[Chunk], None]) -> Outcome:
        raise RuntimeError("broken")

    monkeypatch.setattr(os, "rmdir", refused)
    with pytest.raises(RuntimeError, match="broken"):
        write_report(out, report, INFO, broken)
    before = contents(report_folder(out, INFO))
    assert write_report(out, report, INFO, converting(report)).chunks == len(before) - 1
    assert contents(report_folder(out, INFO)) == before


@pytest.mark.parametrize("payload", [{}, {"payload_bin": "eA=="}])
def test_what_recurs_is_in_no_bundle(tmp_path: Path, report: Path, payload: dict[str, str]) -> None:
    """Recurring objects, which OpenCTI has, are in no bundle."""
    identity, artifact = "identity--x", "artifact--x"
    objects = [{"id": identity}, {"id": artifact, **payload}]
    encoded = tuple(ChunkObject(each["id"], orjson.dumps(each)) for each in objects)

    def emitting(emit: Callable[[Chunk], None]) -> None:
        for recurring in (frozenset[str](), frozenset({identity})):
            emit(Chunk(encoded, 0, recurring))

    write_report(tmp_path / "out", report, INFO, emitting)
    bundles = [
        orjson.loads(path.read_bytes())["objects"]
        for path in sorted(report_folder(tmp_path / "out", INFO).glob("*.json"))
    ]
    assert [[each["id"] for each in bundle] for bundle in bundles] == [
        [identity, artifact],
        [artifact],
    ]
    assert all(bundle[-1]["payload_bin"] for bundle in bundles)
