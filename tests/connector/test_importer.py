"""Reports into OpenCTI from any source: counts, state, events, and closed works."""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from shadowserver_connector.connector import importer as module
from shadowserver_connector.connector.events import ReportDone, ReportFailed, ReportSkipped
from shadowserver_connector.connector.importer import (
    DaySummary,
    ImportSetup,
    NoLedger,
    ObtainedFile,
    ReportImporter,
    Result,
    Skipped,
    event_of,
)
from shadowserver_connector.errors import (
    NotReadyError,
    ReportUnreadableError,
    SettingsError,
    VersionError,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.opencti import Session
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.waiting import Stopping, Waiter
from tests.connector.test_run import convert_simply
from tests.sink.pycti_fakes import FakeHelper

DAY = date(2024, 1, 31)
SHA256 = "ab" * 32


def info(number: int = 0, day: date = DAY) -> ReportInfo:
    """Return a report of a day."""
    return ReportInfo("scan_ssl", day, f"{day}-scan_ssl-example-{number}.csv", "example", "id")


class Notebook:
    """A ledger that writes down its calls in order, together with those of other parts."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.knows = False
        self.postpones = False

    def is_known(self, report: ReportInfo, sha256: str) -> bool:
        """Record the question; answer as the test set it."""
        self.lines.append(("is known", report, sha256))
        return self.knows

    def postpone(self, report: ReportInfo) -> bool:
        """Record the question; answer as the test set it."""
        self.lines.append(("postpone", report))
        return self.postpones

    def done(self, report: ReportInfo, sha256: str) -> None:
        """Record the report."""
        self.lines.append(("done", report, sha256))

    def failed(self, report: ReportInfo) -> int:
        """Record the failure; return 4, as if it were the fourth in a row."""
        self.lines.append(("failed", report))
        return 4

    def save(self) -> None:
        """Record the call."""
        self.lines.append("save")


class Comparer:
    """Stands for the history: records what is committed and what is discarded."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.failures: list[Exception] = []

    def commit(self, path: Path) -> None:
        """Record the report, or fail as prepared."""
        self.notebook.lines.append(("commit", path))
        if self.failures:
            raise self.failures.pop(0)

    def discard(self, path: Path) -> None:
        """Record the report."""
        self.notebook.lines.append(("discard", path))


class World:
    """A platform and a setup, with a file to import."""

    def __init__(self, folder: Path) -> None:
        self.helper = FakeHelper()
        self.path = folder / "original.csv"
        self.path.write_bytes(b"content")
        self.notebook = Notebook()
        self.comparer = Comparer(self.notebook)
        waiter = Waiter(threading.Event(), self.helper.connector_logger, first_pause=0.001)
        self.setup = ImportSetup(
            Session(self.helper, find_abilities(self.helper), waiter),
            Options(),
            convert_simply,
            self.notebook,
        )

    def change(self, **parts: Any) -> None:
        """Replace parts of the setup."""
        self.setup = replace(self.setup, **parts)

    def obtain(self) -> ObtainedFile:
        """Return the file."""
        return ObtainedFile(self.path, SHA256)

    def imported(self, *, obtain: Callable[[], ObtainedFile] | None = None) -> Result:
        """Import one report in a work."""
        with ReportImporter(self.setup) as importer:
            return importer.import_report(info(), obtain or self.obtain)

    def works(self) -> list[dict[str, Any]]:
        """Return the works that OpenCTI has."""
        return list(self.helper.api.work.works.values())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a platform that has never seen the connector."""
    return World(tmp_path)


@contextmanager
def raised(error: BaseException) -> Iterator[None]:
    """Expect exactly this error."""
    with pytest.raises(type(error)) as caught:
        yield
    assert caught.value is error


def raising(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises an error whenever it is called."""

    def call(*_: object) -> Any:
        raise error

    return call


def test_report_is_committed_taken_down_told_and_saved_in_this_order(world: World) -> None:
    """A report is in OpenCTI's queue, then in the history, and only then in the saved state."""
    told: list[Result] = []

    def tell(result: Result, seconds: float) -> None:
        told.append(result)
        world.notebook.lines.append("tell")
        assert len(world.helper.messages) == 2

    world.change(comparer=world.comparer, on_result=tell)
    result = world.imported()
    assert isinstance(result, Outcome)
    assert told == [result]
    assert world.notebook.lines == [
        ("is known", info(), SHA256),
        ("commit", world.path),
        ("done", info(), SHA256),
        "tell",
        "save",
    ]


def test_conversion_is_given_the_file_the_report_and_the_options(world: World) -> None:
    """The conversion gets file, report and options; what it emits is sent while the file exists."""
    given: list[Any] = []

    def convert(path: Path, report: ReportInfo, options: Options, emit: Any) -> Outcome:
        given.append((path, report, options))
        return convert_simply(path, report, options, emit)

    options = Options(notes="none")
    world.change(convert=convert, options=options)
    world.imported()
    assert given == [(world.path, info(), options)]
    assert [len(stix["objects"]) for _, stix in world.helper.messages] == [1, 1]


def test_time_of_a_report_is_from_its_download_to_its_last_chunk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seconds of an outcome run from the start of the download to the last chunk."""
    ticks = itertools.count(1_000.0, 2.5)

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return next(ticks)

    monkeypatch.setattr(module, "time", Clock)
    told: list[float] = []
    world.change(on_result=lambda _, seconds: told.append(seconds))
    world.imported()
    assert told == [2.5]


def test_known_content_is_taken_down_and_not_sent(world: World) -> None:
    """A report with known content is recorded under its new id; the next run skips the download."""
    world.notebook.knows = True
    result = world.imported()
    assert result == Skipped(info(), "Imported under another id, nothing to send")
    assert world.notebook.lines[-2:] == [("done", info(), SHA256), "save"]
    assert world.helper.messages == world.works() == []


def test_empty_report_is_left_to_a_later_run_where_there_is_one(world: World) -> None:
    """An empty report that a later run will ask for again counts neither as done nor as failed."""
    world.notebook.postpones = True
    result = world.imported(obtain=raising(NotReadyError("empty")))
    assert result == Skipped(info(), "Still empty, requested again in the next run")
    assert world.notebook.lines == [("postpone", info()), "save"]


def test_empty_report_is_a_failure_where_nobody_asks_again(world: World) -> None:
    """In a command, which has no later run, an empty report is a failure."""
    result = world.imported(obtain=raising(NotReadyError("it is empty")))
    assert result == Failure(info(), "it is empty", 4, "NotReadyError")
    assert world.notebook.lines == [("postpone", info()), ("failed", info()), "save"]


def test_ledger_that_remembers_nothing(world: World) -> None:
    """A command's ledger calls every report new, every failure the first, and postpones nothing."""
    ledger = NoLedger()
    assert ledger.is_known(info(), SHA256) is False
    assert ledger.postpone(info()) is False
    assert ledger.failed(info()) == 1
    plain = ImportSetup(
        Session(world.helper, find_abilities(world.helper), world.setup.session.waiter), Options()
    )
    assert isinstance(plain.ledger, NoLedger)
    with ReportImporter(plain) as importer:
        result = importer.import_report(info(), raising(ReportUnreadableError("no header")))
    assert result == Failure(info(), "no header", 1, "ReportUnreadableError")
    assert plain.session.under_way == []


def test_report_that_could_not_be_delivered_is_not_in_the_history(world: World) -> None:
    """The history discards a report that was not delivered; it never hears of one not obtained."""
    world.change(comparer=world.comparer)
    world.imported(obtain=raising(ReportUnreadableError("no header")))
    assert world.notebook.lines == [("failed", info()), "save"]
    world.notebook.lines.clear()
    world.path.write_bytes(b"poison")
    result = world.imported()
    assert isinstance(result, Failure)
    assert world.notebook.lines == [
        ("is known", info(), SHA256),
        ("discard", world.path),
        ("failed", info()),
        "save",
    ]


def test_history_waits_for_room_on_the_disk(world: World) -> None:
    """A full disk delays the history's commit; the report, already queued, is not sent again."""
    world.change(comparer=world.comparer)
    world.comparer.failures = [OSError(errno.ENOSPC, "full")]
    assert isinstance(world.imported(), Outcome)
    assert world.notebook.lines.count(("commit", world.path)) == 2
    assert len(world.helper.messages) == 2
    assert world.helper.connector_logger.messages("warning") == ["Waiting"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_no_failure_of_the_report(world: World, number: int) -> None:
    """A full disk would stop every report, so the error is raised and the work is closed."""
    full = OSError(number, "full")
    with raised(full):
        world.imported(obtain=raising(full))
    assert ("failed", info()) not in world.notebook.lines
    assert world.setup.session.under_way == []


@pytest.mark.parametrize("kind", [SettingsError, VersionError])
def test_error_that_a_person_must_fix_is_no_failure_of_the_report(
    world: World, kind: type[Exception]
) -> None:
    """A Dask worker of another version would end every report: it is raised, and none counts."""
    fatal = kind("install the same version")
    world.change(convert=raising(fatal), comparer=world.comparer)
    with raised(fatal):
        world.imported()
    assert world.notebook.lines == [("is known", info(), SHA256), ("discard", world.path)]
    assert world.setup.session.under_way == []


def test_file_that_cannot_be_read_is_told_by_the_reports_name(world: World) -> None:
    """A file that cannot be read fails its report by name; an error of another file is a defect."""
    failing = OSError(errno.EIO, "Input/output error", str(world.path))
    world.change(convert=raising(failing))
    result = world.imported()
    said = f"{info().file}: cannot be read: Input/output error"
    assert result == Failure(info(), said, 4, "OSError")
    for other in (OSError(errno.EIO, "x", "other.csv"), ValueError("secret")):
        world.change(convert=raising(other))
        result = world.imported()
        assert isinstance(result, Failure)
        assert result.reason.startswith(f"unexpected {type(other).__name__}")
        assert result.error_kind == type(other).__name__
    early = world.imported(obtain=raising(failing))
    assert isinstance(early, Failure)
    assert early.reason.startswith("unexpected OSError")


def test_copy_is_kept_of_what_was_imported(world: World, tmp_path: Path) -> None:
    """With an archive set, an imported report is copied there; one that failed is not."""
    world.change(archive=tmp_path / "archive")
    world.imported()
    [kept] = (tmp_path / "archive").rglob("*.csv")
    assert (kept.name, kept.read_bytes()) == (info().file, b"content")
    assert (kept.parent / "SHA256SUMS").read_text() == f"{SHA256}  {kept.name}\n"
    world.path.write_bytes(b"poison")
    with ReportImporter(world.setup) as importer:
        importer.import_report(info(1), world.obtain)
    assert [*(tmp_path / "archive").rglob("*.csv")] == [kept]


def test_archive_that_cannot_be_written_costs_the_copy(world: World, tmp_path: Path) -> None:
    """If the archive cannot be written, the report is still imported and the log says so."""
    (tmp_path / "archive").write_bytes(b"a file")
    world.change(archive=tmp_path / "archive")
    assert isinstance(world.imported(), Outcome)
    assert [level for level, _, _ in world.helper.connector_logger.lines] == ["error"]
    assert ("done", info(), SHA256) in world.notebook.lines


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("", "Shadowserver reports of 2024-01-31"),
        ("backfill", "Shadowserver reports of 2024-01-31 (backfill)"),
    ],
)
def test_work_says_what_sends_by_hand(world: World, command: str, name: str) -> None:
    """A command's name is in its work, so the connector leaves it open while the command runs."""
    world.change(command=command)
    world.imported()
    assert [work["name"] for work in world.works()] == [name]


def test_each_day_has_a_work_with_its_own_counts(world: World) -> None:
    """Works stand in the order of their days' first reports and count up until they are closed."""
    yesterday = DAY - timedelta(days=1)
    with ReportImporter(world.setup) as importer:
        assert world.setup.session.under_way == []
        for number, day in enumerate((DAY, yesterday, DAY)):
            importer.import_report(info(number, day), world.obtain)
        assert len(world.setup.session.under_way) == 2
        importer.add_failure(Failure(info(9, yesterday), "no such file"))
        summary, objects = importer.summary(yesterday)
    assert (summary.day, summary.imported, len(summary.failures)) == (yesterday, 1, 1)
    assert objects == 2
    assert summary.message(objects) == (
        f"{yesterday}: 1 report, 10 findings, 2 objects sent, 0 skipped, 1 failed; "
        f"failed: {info(9, yesterday).file}: no such file"
    )
    assert [(work["message"], work["in_error"]) for work in world.works()] == [
        (f"{DAY}: 2 reports, 20 findings, 4 objects sent, 0 skipped, 0 failed", False),
        (summary.message(objects), True),
    ]
    assert world.setup.session.under_way == []


def test_only_so_many_works_are_open_at_the_same_time(world: World) -> None:
    """Of too many days, the one that was used least recently is closed, with its counts.

    A report of that day that comes later gets another work.
    """
    days = [DAY + timedelta(days=number) for number in range(module.MAX_OPEN_DAYS + 1)]
    with ReportImporter(world.setup) as importer:
        for number, day in enumerate([*days[:-1], days[0], days[-1]]):
            importer.import_report(info(number, day), world.obtain)
        assert len(world.setup.session.under_way) == module.MAX_OPEN_DAYS
        [closed] = [work for work in world.works() if work["processed_time"]]
        assert closed["message"].startswith(f"{days[1]}: 1 report, 10 findings, 2 objects sent")
        importer.import_report(info(0, days[1]), world.obtain)
    assert len(world.works()) == len(days) + 1
    assert world.works()[-1]["message"].startswith(f"{days[1]}: 1 report,")
    assert world.works()[0]["message"].startswith(f"{days[0]}: 2 reports,")
    assert all(work["processed_time"] for work in world.works())
    assert world.setup.session.under_way == []


def test_work_that_cannot_be_closed_for_another_is_closed_at_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop while a day makes room for another one closes it at once, like all others."""
    monkeypatch.setattr(module, "MAX_OPEN_DAYS", 1)

    def run() -> None:
        with ReportImporter(world.setup) as importer:
            importer.import_report(info(), world.obtain)
            world.helper.api.work.failures.append(Stopping())
            importer.import_report(info(1, DAY + timedelta(days=1)), world.obtain)

    with pytest.raises(Stopping):
        run()
    [work] = world.works()
    assert work["message"].endswith("interrupted")
    assert world.setup.session.under_way == []


def test_day_of_failures_alone_opens_a_work_from_the_third_time(world: World) -> None:
    """A day with nothing but failures opens a work once a report failed for the third time."""
    for times in (2, 3):
        with ReportImporter(world.setup) as importer:
            importer.add_failure(Failure(info(), "no header", times))
        assert len(world.works()) == times - 2
    [work] = world.works()
    assert work["in_error"] is True
    assert work["message"].endswith(f"failed (3 runs in a row): {info().file}: no header")


def test_error_ends_all_works_with_one_attempt(world: World) -> None:
    """An error closes every open work, with one attempt each, with its counts and the error."""
    seen: list[BaseException] = []

    def ending(error: BaseException) -> str:
        seen.append(error)
        return "ended by a test"

    world.change(describe_ending=ending)
    stop = Stopping()
    with raised(stop), ReportImporter(world.setup) as importer:
        importer.import_report(info(), world.obtain)
        importer.import_report(info(1, DAY + timedelta(days=1)), world.obtain)
        raise stop
    assert seen == [stop, stop]
    assert [work["message"] for work in world.works()] == [
        f"{day}: 1 report, 10 findings, 2 objects sent, 0 skipped, 0 failed; ended by a test"
        for day in (DAY, DAY + timedelta(days=1))
    ]
    assert [work["in_error"] for work in world.works()] == [False, False]
    assert world.setup.session.under_way == []


def test_work_that_cannot_be_closed_on_the_way_out_is_left_to_the_next_run(world: World) -> None:
    """A work that cannot be closed after an error is logged; the first error is the one raised."""
    error = RuntimeError("a defect")
    with raised(error), ReportImporter(world.setup) as importer:
        importer.import_report(info(), world.obtain)
        world.helper.api.work.failures = [requests.ConnectionError()]
        raise error
    assert world.helper.connector_logger.lines == [
        ("warning", "The work could not be closed", {"day": "2024-01-31"})
    ]
    assert "message" not in world.works()[0]
    assert world.setup.session.under_way == []


def test_any_error_interrupts_where_nobody_says_more(world: World) -> None:
    """By default, as in a command, any error closes the works as interrupted."""
    error = KeyError("x")
    with raised(error), ReportImporter(world.setup) as importer:
        importer.import_report(info(), world.obtain)
        raise error
    assert world.works()[0]["message"].endswith("0 failed; interrupted")


def outcome(**changes: Any) -> Outcome:
    """Return what became of a report of two rows."""
    return Outcome(
        info(), "low", rows=2, noted=1, merged=1, filtered=0, cut=0, chunks=1, objects={},
        size=1, sha256="", **changes,
    )  # fmt: skip


def test_those_who_keep_count_are_told_what_became_of_a_report() -> None:
    """Each result of a report, imported, skipped or failed, emits an event of its own."""
    done = outcome()
    assert event_of(done, 1.5) == ReportDone(done, 1.5)
    assert event_of(Skipped(info(), "known"), 1.5) == ReportSkipped(info().file)
    failure = Failure(info(), "no header", 3, "ReportUnreadableError")
    assert event_of(failure, 1.5) == ReportFailed(
        info().file, "no header", "ReportUnreadableError", 3
    )


def test_day_adds_up_what_its_reports_came_to() -> None:
    """A day's verdicts are the sum over the reports that were compared with the history."""
    summary = DaySummary(DAY)
    for verdict_counts in ({"new": 1, "gone": 2}, None, {"new": 1_000, "gone": 0}):
        summary.add(outcome(verdict_counts=verdict_counts))
    summary.add(Skipped(info(), "known"))
    summary.add(Failure(info(), "no header"))
    assert summary.message(7) == (
        "2024-01-31: 3 reports, 6 findings (1,001 new, 2 gone), 7 objects sent, 1 skipped, "
        f"1 failed; failed: {info().file}: no header"
    )


@pytest.mark.parametrize(
    "error",
    [
        Stopping(),
        ValueError({"name": "GRAPHQL_VALIDATION_FAILED", "error_message": "Unknown field"}),
        KeyboardInterrupt(),
    ],
    ids=["stop", "version", "ctrl-c"],
)
def test_other_works_are_closed_though_closing_one_fails(
    world: World, error: BaseException
) -> None:
    """After an error in closing a work, it and the others are each closed at once."""

    def close() -> None:
        with ReportImporter(world.setup) as importer:
            importer.import_report(info(1), world.obtain)
            importer.import_report(info(2, DAY - timedelta(1)), world.obtain)
            world.helper.api.work.failures.append(error)

    expected = type(error) if not isinstance(error, ValueError) else VersionError
    with pytest.raises(expected):
        close()
    assert len(world.works()) == 2
    assert all("interrupted" in work["message"] for work in world.works())
    assert not world.setup.session.under_way
