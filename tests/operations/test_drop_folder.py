"""The drop folder: which files are imported, where they go afterwards, and what is refused."""

from __future__ import annotations

import errno
import gzip
import hashlib
import importlib
import json
import os
import re
import shutil
import stat
import zipfile
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shadowserver_connector.api.client import MAX_REPORT_BYTES
from shadowserver_connector.connector.day_import import ImportContext
from shadowserver_connector.connector.events import (
    Event,
    FileProcessed,
    Observe,
    ReportDone,
    observe_both,
)
from shadowserver_connector.connector.state_store import StateStore
from shadowserver_connector.errors import NewerStateError, SettingsError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.operations import dropped_reports
from shadowserver_connector.operations.drop_folder import DropFolder
from shadowserver_connector.operations.dropped_reports import (
    _ChangedError,
    _open_file,
    files_in,
    put_away,
)
from shadowserver_connector.operations.status_file import StatusWriter
from shadowserver_connector.pipeline.cluster import no_answer
from shadowserver_connector.pipeline.convert import Convert, convert_report
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.state.serialisation import load_state
from shadowserver_connector.state.state import State, content_digest, with_done
from tests.operations.world import Counting, convert_simply, report_of, sent, setup_of
from tests.sink.pycti_fakes import FakeHelper

NAME = "2024-01-31-scan_ssl-example.csv"

FILE_PROBLEM = "A dropped file cannot be read or moved away"
FOLDER_PROBLEM = "The drop folder cannot be used"


class Drop:
    """A drop folder and everything around it."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        self.folder = tmp_path / "drop"
        self.folder.mkdir()
        self.helper = FakeHelper()
        self.events: list[Event] = []
        self.work = tmp_path / "work"
        self.settings = ShadowserverSettings.model_validate(settings)
        self.restart()

    def restart(
        self,
        convert: Convert = convert_simply,
        executor: Executor | None = None,
        observe: Observe | None = None,
    ) -> None:
        """Start as a new process does, with the state that the platform has."""
        setup = setup_of(self.helper, convert)
        self.memory = StateStore(self.helper, setup.session.waiter)
        self.memory.confirm_and_read()
        self.drop = DropFolder(
            self.folder,
            ImportContext(
                setup=setup,
                settings=self.settings,
                state_store=self.memory,
                workspace=self.work,
                observe=observe or self.events.append,
                executor=executor,
            ),
        )

    def put(self, name: str, content: bytes) -> Path:
        """Put a file into the folder."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def poll(self, times: int = 2) -> None:
        """Look into the folder; two looks are enough for a file that does not change."""
        for _ in range(times):
            self.drop.poll()

    def files(self) -> set[str]:
        """Return what the folder holds, with its subfolders."""
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() or path.is_symlink()
        }

    def text(self) -> str:
        """Return everything that was logged."""
        return self.helper.connector_logger.text()


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """Return an empty drop folder."""
    return Drop(tmp_path)


def zipped(path: Path, **members: bytes) -> None:
    """Write an archive of reports, named by type."""
    with zipfile.ZipFile(path, "w") as archive:
        for kind, content in members.items():
            archive.writestr(f"2024-01-31-{kind}-example.csv", content)


def refuse_to_open(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the system refuse to open one file, as it does when rights are missing."""
    opened = os.open

    def refuse(path: Any, *more: Any, **named: Any) -> int:
        if path == secret.name:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(path, *more, **named)

    monkeypatch.setattr(os, "open", refuse)


def test_files_are_imported_once_and_put_away(drop: Drop) -> None:
    """Plain, gzipped and zipped files are imported in one work of the day and moved to done/."""
    drop.put(NAME, b"one")
    drop.put("2024-01-31-scan_vnc-example.csv.gz", gzip.compress(b"two"))
    zipped(drop.folder / "mail.zip", scan_rdp=b"three", scan_ftp=b"four")
    drop.poll()
    kinds = ("ssl", "vnc", "rdp", "ftp")
    assert sorted(sent(drop.helper)) == sorted(f"2024-01-31-scan_{k}-example.csv" for k in kinds)
    assert drop.files() == {
        f"done/{name}" for name in (NAME, "2024-01-31-scan_vnc-example.csv.gz", "mail.zip")
    }
    [work] = drop.helper.api.work.works.values()
    assert work["message"] == (
        "2024-01-31: 4 reports, 40 findings, 4 objects sent, 0 skipped, 0 failed"
    )
    assert [event for event in drop.events if isinstance(event, FileProcessed)] == [
        FileProcessed(name, "") for name in (NAME, "2024-01-31-scan_vnc-example.csv.gz", "mail.zip")
    ]
    assert not any(drop.work.rglob("*.csv"))
    drop.poll()
    assert len(drop.helper.messages) == 4


def test_a_file_that_is_being_written_is_left_alone(drop: Drop) -> None:
    """A file is imported only after two looks found it unchanged."""
    path = drop.put(NAME, b"be")
    drop.poll(1)
    path.write_bytes(b"begin and")
    drop.poll(1)
    assert sent(drop.helper) == []
    with path.open("ab") as file:
        file.write(b" end")
    os.utime(path, ns=(0, 0))
    drop.poll(1)
    assert sent(drop.helper) == []
    drop.poll(1)
    assert sent(drop.helper) == [NAME]
    assert (drop.folder / "done" / NAME).read_bytes() == b"begin and end"


def test_what_is_no_report_file_is_left_alone(drop: Drop, tmp_path: Path) -> None:
    """Hidden and empty files, links, other kinds of file and folders stay where they are."""
    drop.put(".2024-01-31-scan_ssl-hidden.csv", b"x")
    drop.put("2024-01-31-scan_ssl-empty.csv", b"")
    drop.put("mail.txt", b"x")
    (drop.folder / "folder.csv").mkdir()
    outside = tmp_path / "outside.csv"
    outside.write_bytes(b"secret")
    (drop.folder / "link.csv").symlink_to(outside)
    before = drop.files()
    drop.poll(3)
    assert files_in(drop.folder) == {}
    assert drop.files() == before
    assert sent(drop.helper) == []
    assert outside.read_bytes() == b"secret"


@pytest.mark.parametrize(
    "name",
    [
        NAME,
        "2024-01-31-scan_ssl-example (1).csv",
        "other.zip",
        "copy.csv",
        "2020-02-02-scan_vnc-other.csv",
        "2024-01-31-2023-12-special.csv",
    ],
)
def test_the_same_content_again_is_not_sent_again(drop: Drop, name: str) -> None:
    """Known content under any name, even after a restart, is not sent and goes to done/."""
    drop.put(NAME, b"one")
    drop.poll()
    drop.restart()
    if name.endswith(".zip"):
        zipped(drop.folder / name, scan_ssl=b"one")
    else:
        drop.put(name, b"one")
    drop.poll()
    assert sent(drop.helper) == [NAME]
    assert len(drop.files()) == 2
    assert all(file.startswith("done/") for file in drop.files())


def test_another_content_under_the_same_name_is_sent(drop: Drop) -> None:
    """A corrected report of the same name is sent; no file in done/ is overwritten."""
    drop.put(NAME, b"one")
    drop.poll()
    drop.put(NAME, b"corrected")
    drop.poll()
    assert sent(drop.helper) == [NAME, NAME]
    assert (drop.folder / "done" / NAME).read_bytes() == b"one"
    assert (drop.folder / "done" / f"1-{NAME}").read_bytes() == b"corrected"


def test_the_api_would_know_it_too(drop: Drop) -> None:
    """The state of a dropped file has the digests that the same file of the API would have."""
    drop.put(NAME, b"one")
    drop.poll()
    state = load_state(drop.memory._stored)
    [day] = state.done.values()
    digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    [event] = [event for event in drop.events if hasattr(event, "outcome")]
    assert content_digest(event.outcome.info, digest) in {done.content_digest for done in day}


@pytest.mark.parametrize("name", ["copy.csv", "2020-02-02-scan_vnc-other.csv", NAME])
def test_what_the_api_gave_is_known_under_any_name(drop: Drop, name: str) -> None:
    """A dropped copy of an imported report is not sent, even under a name without type or day."""
    info = ReportInfo("scan_ssl", date(2024, 1, 31), NAME, list="example", id="capability")
    drop.memory.write(with_done(State(), info, hashlib.sha256(b"one").hexdigest(), ()))
    drop.put(name, b"one")
    drop.poll()
    assert sent(drop.helper) == []
    assert drop.files() == {f"done/{name}"}


def test_a_copy_dropped_together_is_sent_once(drop: Drop) -> None:
    """Of two files with the same content, the first by name is sent; the other goes to done/."""
    drop.put(NAME, b"one")
    drop.put("copy.csv", b"one")
    drop.poll()
    assert sent(drop.helper) == [NAME]
    assert drop.files() == {f"done/{NAME}", "done/copy.csv"}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (NAME, b"poison", "no header"),
        ("broken.zip", b"PK nothing", "cannot be unpacked"),
        ("2024-01-31-scan_ssl-x.csv.gz", b"no gzip", "cannot be unpacked"),
        ("unnamed.csv", b"a,b\n1,2\n", "has no day"),
    ],
)
def test_what_fails_is_put_away_with_its_reason(
    drop: Drop, name: str, content: bytes, reason: str
) -> None:
    """A file that fails goes to failed/ with its reason; the others are imported."""
    drop.put(name, content)
    drop.put("2024-01-31-scan_vnc-good.csv", b"good")
    drop.poll()
    assert drop.files() == {
        f"failed/{name}", f"failed/{name}.reason", "done/2024-01-31-scan_vnc-good.csv",
    }  # fmt: skip
    assert reason in (drop.folder / "failed" / f"{name}.reason").read_text()
    assert drop.helper.connector_logger.messages("error") == ["Dropped file failed"]
    assert sent(drop.helper) == ["2024-01-31-scan_vnc-good.csv"]


def test_an_archive_of_which_a_part_fails(drop: Drop) -> None:
    """The archive goes to failed/; its imported members are not sent when it is dropped again."""
    zipped(drop.folder / "mail.zip", scan_ssl=b"good", scan_vnc=b"poison")
    drop.poll()
    assert drop.files() == {"failed/mail.zip", "failed/mail.zip.reason"}
    (drop.folder / "failed" / "mail.zip").rename(drop.folder / "mail.zip")
    drop.poll()
    assert sent(drop.helper) == [NAME]


def test_types_that_are_not_wanted(tmp_path: Path) -> None:
    """Files of types that the settings exclude go to done/ and are not sent."""
    drop = Drop(tmp_path, exclude_types="scan_vnc")
    zipped(drop.folder / "mail.zip", scan_ssl=b"one", scan_vnc=b"two")
    drop.poll()
    assert sent(drop.helper) == [NAME]
    assert drop.files() == {"done/mail.zip"}


def test_originals_are_archived(tmp_path: Path) -> None:
    """Dropped files are copied to the archive, as those of the API are."""
    drop = Drop(tmp_path, archive_dir=str(tmp_path / "archive"))
    zipped(drop.folder / "mail.zip", scan_ssl=b"one")
    drop.poll()
    assert (tmp_path / "archive/2024/01/31" / NAME).read_bytes() == b"one"


def test_names_inside_of_an_archive_never_leave_the_folder(drop: Drop, tmp_path: Path) -> None:
    """Members are unpacked under harmless names in the temporary folder."""
    with zipfile.ZipFile(drop.folder / "mail.zip", "w") as archive:
        archive.writestr("../../2024-01-31-scan_ssl-escape.csv", b"one")
    before = set(tmp_path.rglob("*escape*"))
    drop.poll()
    assert sent(drop.helper) == ["2024-01-31-scan_ssl-escape.csv"]
    assert set(tmp_path.rglob("*escape*")) == before


def test_putting_away_never_overwrites(tmp_path: Path) -> None:
    """Each file in failed/ gets a name of its own, with its reason beside it."""
    for number in range(3):
        path = tmp_path / "x.csv"
        path.write_text(str(number))
        put_away(path, ["why"])
    names = {path.name for path in (tmp_path / "failed").iterdir()}
    assert names == {f"{n}x.csv{r}" for n in ("", "1-", "2-") for r in ("", ".reason")}


def test_a_folder_that_is_gone_is_said_once(drop: Drop) -> None:
    """One line says that the folder is missing; imports resume when it is back."""
    drop.folder.rmdir()
    drop.poll(3)
    assert drop.helper.connector_logger.messages("error") == [FOLDER_PROBLEM]
    drop.folder.mkdir()
    drop.put(NAME, b"one")
    drop.poll()
    assert sent(drop.helper) == [NAME]


def test_the_time_that_a_dropped_report_took_is_told(drop: Drop) -> None:
    """As of a downloaded report, converting and sending count."""
    drop.put(NAME, b"one")
    drop.poll()
    (done,) = (event for event in drop.events if isinstance(event, ReportDone))
    assert done.seconds > 0


def test_a_file_that_cannot_be_put_away_is_said_once(drop: Drop) -> None:
    """A file that cannot be moved is imported once, and one line says so."""
    (drop.folder / "done").write_text("in the way")
    drop.put(NAME, b"one")
    drop.poll(4)
    assert sent(drop.helper) == [NAME]
    assert drop.helper.connector_logger.messages("error") == [FILE_PROBLEM]


def test_state_of_a_newer_version_leaves_the_files(tmp_path: Path) -> None:
    """With a state of a newer version, which cannot be written, no file is imported."""
    drop = Drop(tmp_path)
    newer = json.dumps({"version": 2})
    drop.helper.stored = drop.helper.connector_state = newer
    with pytest.raises(NewerStateError):
        drop.memory.confirm_and_read()
    drop.put(NAME, b"one")
    drop.poll()
    assert drop.files() == {NAME}
    assert sent(drop.helper) == []
    assert drop.helper.stored == newer


def test_a_reset_leaves_the_files_for_the_next_look(drop: Drop) -> None:
    """After a reset in OpenCTI, no state is written and no file moved until the next run."""
    drop.put("2024-01-31-scan_vnc-first.csv", b"first")
    drop.poll()
    drop.put(NAME, b"one")
    drop.poll(1)
    drop.helper.reset()
    drop.poll(1)
    assert drop.files() == {"done/2024-01-31-scan_vnc-first.csv", NAME}
    assert drop.memory.has_noticed_reset()
    assert drop.helper.stored == ""
    drop.restart()
    drop.poll()
    assert drop.files() == {"done/2024-01-31-scan_vnc-first.csv", f"done/{NAME}"}


def test_a_file_that_cannot_be_read_stops_no_other(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names the file; it stays in place until it changes."""
    secret = drop.put("2024-01-31-scan_ftp-secret.csv", b"secret")
    drop.put(NAME, b"one")
    refuse_to_open(secret, monkeypatch)
    drop.poll(4)
    assert sent(drop.helper) == [NAME]
    assert drop.files() == {secret.name, f"done/{NAME}"}
    assert drop.helper.connector_logger.messages("error") == [FILE_PROBLEM]
    assert secret.name in drop.text()
    monkeypatch.undo()
    os.utime(secret, ns=(0, 0))
    drop.poll()
    assert sent(drop.helper) == [NAME, secret.name]


def test_a_full_disk_leaves_the_files_for_later(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says that the disk is full; the files are imported when there is room."""

    def refuse(path: Path) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    drop.put(NAME, b"one")
    monkeypatch.setattr("shadowserver_connector.operations.dropped_reports.fingerprint", refuse)
    drop.poll(4)
    assert drop.files() == {NAME}
    assert drop.helper.connector_logger.messages("error") == [FOLDER_PROBLEM]
    monkeypatch.undo()
    drop.poll(1)
    assert sent(drop.helper) == [NAME]


def test_a_full_archive_stops_nothing(tmp_path: Path) -> None:
    """If the archive is full, the report is still imported and the file moved to done/."""
    (tmp_path / "archive").write_text("in the way")
    drop = Drop(tmp_path, archive_dir=str(tmp_path / "archive"))
    drop.put(NAME, b"one")
    drop.poll()
    assert drop.files() == {f"done/{NAME}"}
    assert drop.helper.connector_logger.messages("error") == ["The original file is not archived"]


@pytest.mark.parametrize("name", ["mail.zip", "2024-01-31-scan_ftp-secret.csv.gz"])
def test_an_archive_that_may_not_be_read_waits_for_its_rights(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """One line names a zip or gzip file without read permission; it is imported once it has it."""
    zipped(drop.folder / "mail.zip", scan_ftp=b"two")
    secret = drop.folder / name
    if not secret.exists():
        (drop.folder / "mail.zip").unlink()
        secret.write_bytes(gzip.compress(b"two"))
    drop.put(NAME, b"one")
    refuse_to_open(secret, monkeypatch)
    drop.poll(4)
    assert sent(drop.helper) == [NAME]
    assert drop.files() == {name, f"done/{NAME}"}
    assert drop.helper.connector_logger.messages("error") == [FILE_PROBLEM]
    monkeypatch.undo()
    secret.chmod(0o640)
    drop.poll()
    assert len(sent(drop.helper)) == 2
    assert drop.files() == {f"done/{name}", f"done/{NAME}"}


@pytest.mark.parametrize("ending", [".zip", ".csv.gz"])
def test_no_room_to_unpack_leaves_the_archive_for_later(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """A zip file that does not fit on the disk is not failed; it is imported when there is room."""
    name = f"2024-01-31-scan_ssl-example{ending}"
    if ending == ".zip":
        zipped(drop.folder / name, scan_ssl=b"one")
    else:
        drop.put(name, gzip.compress(b"one"))
    opened = Path.open

    def full(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if mode == "xb":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return opened(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", full)
    drop.poll(4)
    assert drop.files() == {name}
    monkeypatch.undo()
    drop.poll(1)
    assert sent(drop.helper) == [NAME]
    assert drop.files() == {f"done/{name}"}


SECRET = b"token-5a0c1e,of-the-connector,s3cr3t"


def everything_told(drop: Drop) -> str:
    """Return all that leaves the process, and the reasons in the folder."""
    works = [dict(work) for work in drop.helper.api.work.works.values()]
    reasons = [path.read_text() for path in drop.folder.rglob("*.reason")]
    return f"{drop.text()} {drop.helper.messages} {works} {drop.events} {reasons}"


@pytest.mark.parametrize("how", ["link", "hard link", "pipe", "folder", "gone"])
@pytest.mark.parametrize("name", [NAME, "mail.zip", "2024-01-31-scan_ssl-x.csv.gz"])
def test_what_takes_the_place_of_a_file_is_not_followed(
    drop: Drop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, name: str
) -> None:
    """What replaces a file between listing and opening it is not read, sent or moved."""
    outside = tmp_path / "secret"
    outside.write_bytes(SECRET if name == NAME else gzip.compress(SECRET))
    drop.restart(convert_report)
    path = drop.put(name, b"one")
    drop.poll(1)

    def exchange(folder: Path) -> Any:
        found = files_in(folder)
        if path in found and not path.is_symlink():
            path.unlink()
            if how == "link":
                path.symlink_to(outside)
            elif how == "hard link":
                path.hardlink_to(outside)
            elif how == "pipe":
                os.mkfifo(path)
            elif how == "folder":
                path.mkdir()
        return found

    monkeypatch.setattr("shadowserver_connector.operations.drop_folder.files_in", exchange)
    drop.poll(1)
    monkeypatch.undo()
    drop.poll(3)
    assert b"token-5a0c1e".decode() not in everything_told(drop)
    assert drop.helper.messages == []
    assert not (drop.folder / "done").exists()
    assert not (drop.folder / "failed").exists()
    assert outside.stat().st_nlink == (2 if how == "hard link" else 1)


def test_a_link_is_not_even_opened(drop: Drop, tmp_path: Path) -> None:
    """A link is not opened, since opening a device or pipe may have effects of its own."""
    outside = tmp_path / "outside.csv"
    outside.write_bytes(b"one")
    link = drop.folder / NAME
    link.symlink_to(outside)
    with pytest.raises(_ChangedError):
        _open_file(link)
    os.close(_open_file(outside))


def test_another_file_in_its_place_is_not_read(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file of the same name needs two looks of its own, as it may be incomplete."""
    path = drop.put(NAME, b"one")
    drop.poll(1)
    read: list[Any] = []

    def exchange(folder: Path) -> Any:
        found = files_in(folder)
        drop.put("2024-01-31-scan_ssl-new.txt", b"two").replace(path)
        return found

    monkeypatch.setattr("shadowserver_connector.operations.drop_folder.files_in", exchange)
    monkeypatch.setattr(shutil, "copyfileobj", lambda *arguments: read.append(arguments))
    drop.poll(1)
    assert read == []
    monkeypatch.undo()
    drop.poll()
    assert (drop.folder / "done" / NAME).read_bytes() == b"two"


def test_a_hard_link_is_said_once_and_left(drop: Drop, tmp_path: Path) -> None:
    """A hard link is named in one line and left alone: it may lead to a file only we can read."""
    outside = tmp_path / "secret.csv"
    outside.write_bytes(SECRET)
    (drop.folder / "2024-01-31-scan_ssl-link.csv").hardlink_to(outside)
    drop.put(NAME, b"one")
    drop.poll(4)
    assert sent(drop.helper) == [NAME]
    assert drop.helper.connector_logger.messages("error") == [FILE_PROBLEM]
    assert "hard link" in drop.text()
    assert outside.read_bytes() == SECRET


def test_a_file_that_grows_while_it_is_copied_is_imported_later(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grows during the copy is imported after the next looks, whole."""
    path = drop.put(NAME, b"begin")
    copied = dropped_reports._copy

    def grow(source: Any, target: Any, size: int) -> None:
        path.write_bytes(b"begin and end")
        copied(source, target, size)
        assert target.tell() == len(b"begin")

    monkeypatch.setattr(dropped_reports, "_copy", grow)
    drop.poll()
    assert sent(drop.helper) == []
    monkeypatch.undo()
    drop.poll()
    assert sent(drop.helper) == [NAME]
    assert (drop.folder / "done" / NAME).read_bytes() == b"begin and end"


@pytest.mark.parametrize("room", [1024**4, 1024**2])
def test_a_file_with_holes_does_not_fill_the_disk(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A sparse file too large to copy is left in place; the other files are imported."""
    usage = SimpleNamespace(total=room, free=room)
    monkeypatch.setattr(
        "shadowserver_connector.operations.dropped_reports.shutil.disk_usage", lambda _: usage
    )
    path = drop.put("2024-01-31-scan_ssl-a-hole.csv", b"timestamp,ip\n")
    os.truncate(path, min(room, MAX_REPORT_BYTES) + 1)
    drop.put(NAME, b"one")
    drop.poll(4)
    assert sent(drop.helper) == [NAME]
    assert drop.helper.connector_logger.messages("error") == [FILE_PROBLEM]
    assert "divide it" in drop.text()


def test_a_file_that_finds_no_room_keeps_no_other_waiting(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not even begun, as what else is on the disk needs the room, and waits for more."""
    usage = SimpleNamespace(total=1024**4, free=1024**2)
    monkeypatch.setattr(
        "shadowserver_connector.operations.dropped_reports.shutil.disk_usage", lambda _: usage
    )
    large = drop.put("2024-01-31-scan_ssl-a-large.csv", b"two")
    os.truncate(large, usage.free + 1)
    drop.put(NAME, b"one")
    drop.poll(4)
    assert sent(drop.helper) == [NAME]
    assert drop.files() == {large.name, f"done/{NAME}"}
    assert drop.helper.connector_logger.messages("error") == [FOLDER_PROBLEM]
    usage.free = 1024**3
    drop.poll(2)
    assert drop.files() == {f"done/{large.name}", f"done/{NAME}"}


@pytest.mark.parametrize("kind", ["done", "failed"])
def test_a_link_in_the_place_of_the_subfolder_is_not_followed(
    drop: Drop, tmp_path: Path, kind: str
) -> None:
    """A link named done or failed is not followed, so no file is written elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (drop.folder / kind).symlink_to(outside)
    drop.put(NAME, b"one" if kind == "done" else b"poison")
    drop.poll(3)
    assert list(outside.iterdir()) == []
    assert (drop.folder / NAME).is_file()
    assert drop.helper.connector_logger.messages("error") == [FILE_PROBLEM]


def test_reasons_never_go_through_a_link(tmp_path: Path) -> None:
    """A link, even a dangling one, at the name of a reason file is not written through."""
    drop = Drop(tmp_path)
    (drop.folder / "failed").mkdir()
    target = tmp_path / "made"
    (drop.folder / "failed" / f"{NAME}.reason").symlink_to(target)
    drop.put(NAME, b"poison")
    drop.poll()
    assert not target.exists()
    assert "no header" in (drop.folder / "failed" / f"1-{NAME}.reason").read_text()


@pytest.mark.parametrize(
    "content",
    [
        SECRET,
        b"token-5a0c1e\n",
        b"token-5a0c1e,2024-01-31,x\n",
        b"token-5a0c1e,192.0.2.1\n",
        b"<token-5a0c1e>\n",
        b"\0\1\2token-5a0c1e\0",
        gzip.compress(b"token-5a0c1e", mtime=0),
    ],
)
@pytest.mark.parametrize(
    "name", [NAME, "token.csv", "2024-01-31-scan_ssl-x.csv.gz", "mail.zip", "token.csv.gz"]
)
def test_nothing_is_quoted_of_what_is_no_report(drop: Drop, name: str, content: bytes) -> None:
    """Log, work and reason file quote nothing of a file that is no report."""
    drop.restart(convert_report)
    drop.put(name, gzip.compress(content) if name.endswith(".csv.gz") else content)
    drop.poll()
    if (drop.folder / "failed").exists():
        assert "token-5a0c1e" not in everything_told(drop).replace(str(drop.folder), "")


def test_what_a_damaged_archive_holds_is_not_quoted(drop: Drop) -> None:
    """zipfile's errors, which quote both differing headers, are not shown."""
    archive = drop.folder / "mail.zip"
    zipped(archive, scan_ssl=b"one")
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b"2024-01-31", b"token-5a0c", 1))
    drop.poll()
    assert drop.files() == {"failed/mail.zip", "failed/mail.zip.reason"}
    assert "token-5a0c" not in everything_told(drop)


UNUSUAL = [
    b"2024-01-31-scan_ssl-\xff\xfe.csv",
    b"2024-01-31-scan_ssl-\xc3.csv",
    b"2024-01-31-scan_ssl-a\nb\x1b[31m.csv",
    "2024-01-31-scan_ssl-\u202egnp.csv".encode(),
    b"2024-01-31-scan_ssl-" + b"x" * 231 + b".csv",
    "2024-01-31-scan_ssl-{}.csv".format("\N{SNOWMAN}" * 77).encode(),
]


@pytest.mark.parametrize("name", UNUSUAL)
@pytest.mark.parametrize("content", [b"one", b"poison"])
def test_a_name_of_any_bytes_and_length(tmp_path: Path, name: bytes, content: bytes) -> None:
    """A file of any name is imported or put away twice; its name is shown escaped, on one line."""
    drop = Drop(tmp_path, archive_dir=str(tmp_path / "archive"))
    writer = StatusWriter(tmp_path / "status.json", drop.helper.connector_logger)
    drop.restart(observe=observe_both(drop.events.append, writer.observe))
    for extra in (b"", b"!"):
        with open(os.fsencode(drop.folder) + b"/" + name, "wb") as file:
            file.write(content + (extra if content == b"one" else b""))
        drop.poll()
    left = [each for each in os.listdir(drop.folder) if each not in ("done", "failed")]
    assert left == []
    if content == b"one":
        assert len(sent(drop.helper)) == 2
        assert len(os.listdir(drop.folder / "done")) == 2
        assert name in os.listdir(os.fsencode(drop.folder / "done"))
    else:
        put = os.listdir(os.fsencode(drop.folder / "failed"))
        assert name in put
        assert len(put) == 4
        reasons = [each for each in put if each.endswith(b".reason")]
        for each in reasons:
            path = Path(os.fsdecode(os.fsencode(drop.folder / "failed") + b"/" + each))
            assert "no header" in path.read_text(encoding="utf-8")
    told = everything_told(drop) + json.dumps(read_json(tmp_path / "status.json"))
    assert told.encode("utf-8")
    assert "\x1b" not in drop.text()
    assert not any("\n" in event.file for event in drop.events if isinstance(event, FileProcessed))
    assert "The status file cannot be written" not in drop.text()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_bytes())


def test_a_name_that_no_encoding_fits_is_moved_by_hand_and_back(drop: Drop) -> None:
    """A failed file whose name is not UTF-8 can be moved back and imported."""
    name = os.fsdecode(b"2024-01-31-scan_ssl-\xff.csv")
    drop.put(name, b"poison")
    drop.poll()
    (drop.folder / "failed" / name).rename(drop.folder / name)
    (drop.folder / name).write_bytes(b"corrected")
    drop.poll()
    assert (drop.folder / "done" / name).read_bytes() == b"corrected"


@pytest.mark.parametrize(
    "place",
    [
        "operations.dropped_reports.find_reports",
        "operations.dropped_reports.fingerprint",
        "operations.dropped_reports.job_of",
        "operations.drop_folder.put_away",
        "connector.importer.archive_if_configured",
        "operations.drop_folder.files_in",
        "operations.drop_folder.are_bytes_known",
    ],
)
def test_a_defect_ends_nothing(drop: Drop, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """An unexpected error is logged at most twice, and the other files are still imported."""
    name = f"shadowserver_connector.{place}"
    module, _, attribute = name.rpartition(".")
    before = getattr(importlib.import_module(module), attribute)
    failed: list[int] = []

    def fail_first(*arguments: Any, **named: Any) -> Any:
        if not failed:
            failed.append(1)
            raise KeyError("a defect")
        return before(*arguments, **named)

    drop.put("2024-01-31-scan_ftp-first.csv", b"first")
    drop.put(NAME, b"one")
    monkeypatch.setattr(name, fail_first)
    drop.poll(4)
    if failed:
        assert "unexpected KeyError" in drop.text()
    assert NAME in sent(drop.helper)
    assert len(sent(drop.helper)) == len(set(sent(drop.helper)))
    assert len(drop.helper.connector_logger.messages("error")) <= 2


def test_files_stay_while_a_person_must_fix_something(drop: Drop) -> None:
    """What would end every report is logged once; the files stay, and are imported afterwards."""
    working, reason = [False], "a Dask worker has another version"

    def convert(path: Path, info: ReportInfo, options: Options, emit: Any) -> Outcome:
        if not working[0]:
            raise SettingsError(reason)
        return convert_simply(path, info, options, emit)

    drop.restart(convert)
    drop.put(NAME, b"one")
    drop.poll(3)
    assert drop.files() == {NAME}
    lines = drop.helper.connector_logger.lines
    assert [(message, meta["reason"]) for _, message, meta in lines] == [(FOLDER_PROBLEM, reason)]
    working[0] = True
    drop.poll(1)
    assert drop.files() == {f"done/{NAME}"}


def test_a_defect_that_stays_is_said_once(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error at each look, every ten seconds, is logged once."""

    def fail(*_: Any) -> Any:
        raise KeyError("a defect")

    monkeypatch.setattr("shadowserver_connector.operations.drop_folder.reports_in", fail)
    drop.put(NAME, b"one")
    drop.poll(6)
    assert drop.helper.connector_logger.messages("error") == [FOLDER_PROBLEM]


def test_archived_files_are_for_others_as_the_umask_allows(tmp_path: Path) -> None:
    """Archived files get the umask's mode, though dropped or unpacked files
    are the owner's only.
    """
    drop = Drop(tmp_path, archive_dir=str(tmp_path / "archive"))
    drop.put(NAME, b"one").chmod(0o600)
    zipped(drop.folder / "mail.zip", scan_vnc=b"two")
    before = os.umask(0o027)
    try:
        drop.poll()
    finally:
        os.umask(before)
    kept = list((tmp_path / "archive").rglob("*.csv"))
    assert len(kept) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o640}


def dropped(tmp_path: Path, executor: Executor | None) -> Drop:
    """Drop reports, some of them excluded, and look until all are put away."""
    tmp_path.mkdir()
    drop = Drop(tmp_path, exclude_types="scan_ftp")
    drop.restart(convert_report, executor)
    ssl, vnc, rdp = (report_of(kind, 0) for kind in ("scan_ssl", "scan_vnc", "scan_rdp"))
    drop.put(NAME, ssl)
    zipped(drop.folder / "mail.zip", scan_ftp=ssl, scan_vnc=vnc, device_id=b"\n\n", scan_rdp=rdp)
    drop.put("no.zip", b"no archive")
    drop.put("2024-01-31-scan_ssl-again.csv", ssl)
    drop.poll()
    return drop


def test_on_an_executor_the_same_is_sent(tmp_path: Path) -> None:
    """Reports converted ahead on an executor give the same messages; excluded ones
    are not converted.
    """
    in_turn = dropped(tmp_path / "in-turn", None)
    with Counting() as executor:
        ahead = dropped(tmp_path / "ahead", executor)
    assert len(in_turn.helper.messages) >= 3
    assert ahead.helper.messages == in_turn.helper.messages
    works = [list(each.helper.api.work.works.values()) for each in (in_turn, ahead)]
    assert works[0] == works[1]
    told = [
        re.sub(r"seconds=[\d.e-]+", "", repr(each.events)).replace(str(each.folder), "")
        for each in (in_turn, ahead)
    ]
    assert told[0] == told[1]
    assert ahead.files() == in_turn.files()
    assert ahead.helper.stored == in_turn.helper.stored
    assert not [path for path in ahead.work.rglob("*") if path.is_file()]
    # Three that are sent and one that is no table; the copy is known by its turn, or before.
    assert executor.begun in (4, 5)


class Away(ThreadPoolExecutor):
    """An executor whose cluster is down for the first submissions."""

    def __init__(self) -> None:
        super().__init__(1)
        self.attempts = 0

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        """Fail the first times, then submit."""
        self.attempts += 1
        if self.attempts < 4:
            fn, args = self._fail, ()
        return super().submit(fn, *args, **kwargs)

    @staticmethod
    def _fail() -> None:
        raise no_answer("tcp://127.0.0.1:8786")


def test_cluster_that_is_away_is_waited_for(drop: Drop) -> None:
    """While the cluster is down no file counts as failed; one line for each report says so."""
    drop.put(NAME, report_of("scan_ssl", 0))
    with Away() as executor:
        drop.restart(convert_report, executor)
        drop.poll()
    assert executor.attempts == 4
    assert drop.files() == {f"done/{NAME}"}
    assert drop.text().count("no Dask scheduler answers at tcp://127.0.0.1:8786") == 1


def test_what_is_dropped_again_is_not_converted(drop: Drop) -> None:
    """A file with known content is not converted."""
    drop.put(NAME, report_of("scan_ssl", 0))
    with Counting() as executor:
        drop.restart(convert_report, executor)
        drop.poll()
        drop.put(NAME, report_of("scan_ssl", 0))
        drop.poll()
    assert executor.begun == 1
    assert drop.files() == {f"done/{NAME}", f"done/1-{NAME}"}


def test_what_changes_while_it_waits_is_imported_again(drop: Drop) -> None:
    """A file that changes after it was converted ahead is imported again before it is moved."""
    first = drop.put("2024-01-31-scan_rdp-example.csv", report_of("scan_rdp", 0))
    other = drop.put("2024-01-31-scan_vnc-example.csv", report_of("scan_vnc", 0))
    corrected = report_of("scan_vnc", 5)

    def correct(event: Event) -> None:
        drop.events.append(event)
        if isinstance(event, ReportDone) and event.outcome.info.file == first.name:
            other.write_bytes(corrected)

    with Counting() as executor:
        drop.restart(convert_report, executor, correct)
        drop.poll()
        assert drop.files() == {f"done/{first.name}", other.name}
        drop.poll()
    assert drop.files() == {f"done/{first.name}", f"done/{other.name}"}
    done = [event.outcome for event in drop.events if isinstance(event, ReportDone)]
    assert [outcome.info.file for outcome in done] == [first.name, other.name, other.name]
    assert done[-1].rows == 35
