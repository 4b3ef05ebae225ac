"""Days on which hardly anything changes: what is sent to OpenCTI, and what its Reports refer to."""

from __future__ import annotations

import csv
import random
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.connector.day_import import DayLedger
from shadowserver_connector.connector.run import run_window
from shadowserver_connector.errors import SkippableError
from shadowserver_connector.history.database import DAMAGED_FILE, FILE
from shadowserver_connector.history.history import open_history
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.processes import ProcessExecutor
from shadowserver_connector.pipeline.report_comparer import CLEARED, ReportComparer, with_comparison
from shadowserver_connector.simulator.generate import report_chunks
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.waiting import Stopping
from tests.connector.test_run import TODAY, FakeApi, api_context, report
from tests.mapping.conversion import contained, csv_bytes, references
from tests.sink.pycti_fakes import FakeHelper

HEADER = ("timestamp", "severity", "ip", "port", "protocol", "tag", "asn", "geo")
HOSTS = 40
OF_FINDINGS = ("ipv4-addr", "network-traffic", "relationship", "observed-data", "note")
NEVER = 1_000_000
"""Days after which no test asks for a refresh."""


class Days:
    """A connector that runs once a day, with a history; its platform imports all in between."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.options = Options(**options)
        self.helper = FakeHelper()
        self.api = FakeApi()
        self.refresh = NEVER
        self.executor: Executor | None = None
        self._today = TODAY

    def run(self, rows: dict[str, str], type: str = "scan_ssl") -> list[dict[str, Any]]:
        """Run on the next day with one report of address to tag; return the objects sent."""
        cells = [
            ("medium", address, "443", "tcp", tag, "64496", "NL") for address, tag in rows.items()
        ]
        return self.run_cells(HEADER, cells, type)

    def run_cells(
        self, header: Sequence[str], rows: Iterable[tuple[str, ...]], type: str
    ) -> list[dict[str, Any]]:
        """Run on the next day with one report of rows without their time; return what was sent."""
        self._today += timedelta(days=1)
        day = self._today - timedelta(days=1)
        cells = [(f"{day} 10:00:00", *row) for row in rows]
        self.api.content[report(day, type)] = csv_bytes(header, cells)
        return self.run_once()

    def run_once(self) -> list[dict[str, Any]]:
        """Run; return the objects sent, which the platform then imports."""
        before = len(self.helper.messages)
        with self._comparer() as comparer:
            parts = api_context(self.helper, self.api, self.folder / "work", executor=self.executor)
            parts.now = lambda: datetime.combine(self._today, datetime.min.time(), UTC)
            parts.setup = replace(
                parts.setup,
                session=replace(
                    parts.setup.session, waiter=replace(parts.waiter, queue_numbers_delay=0.0)
                ),
                options=self.options,
                convert=with_comparison(comparer),
                comparer=comparer,
            )
            run_window(parts)
        messages = self.helper.messages[before:]
        sent = [stix for _, bundle in messages for stix in bundle["objects"]]
        self.helper.held.update(stix["id"] for stix in sent)
        return sent

    @contextmanager
    def _comparer(self) -> Iterator[ReportComparer]:
        (self.folder / "work").mkdir(exist_ok=True)
        comparer = ReportComparer(
            lambda: open_history(self.folder / "history", "one"),
            self.helper.connector_logger,
            refresh=self.refresh,
        )
        try:
            yield comparer
        finally:
            comparer.close()

    def last_work(self) -> str:
        """Return the message that the last work was closed with."""
        message: str = list(self.helper.api.work.works.values())[-1]["message"]
        return message


@pytest.fixture
def days(tmp_path: Path) -> Days:
    """Return a connector that has never run."""
    return Days(tmp_path)


def hosts(number: int = HOSTS, tag: str = "ssl") -> dict[str, str]:
    """Return addresses, each with its tag."""
    return {f"192.0.2.{host}": tag for host in range(number)}


def kinds(sent: list[dict[str, Any]]) -> list[str]:
    """Return the types of the objects, each once."""
    return sorted({stix["type"] for stix in sent})


def referred(sent: list[dict[str, Any]]) -> set[str]:
    """Return the ids that the Reports among some objects refer to."""
    return {ref for stix in sent if stix["type"] == "report" for ref in stix["object_refs"]}


@pytest.mark.parametrize("repeats", ["refer", "skip"])
def test_an_older_day_leaves_the_notes_of_newer_ones(tmp_path: Path, repeats: str) -> None:
    """A Note keeps its newest text when an older day, as in a first import, has its finding.

    The Report of the older day refers to it.
    """
    days = Days(tmp_path, repeats=repeats)
    newer = days.run(hosts(2, "ssl;new"))
    older = TODAY - timedelta(days=1)
    cells = [
        (f"{older} 10:00:00", "medium", f"192.0.2.{host}", "443", "tcp", "ssl;old", "64496", "NL")
        for host in (0, 1, 9)
    ]
    days.api.content[report(older, "scan_ssl")] = csv_bytes(HEADER, cells)
    sent = days.run_once()
    notes = [stix for stix in sent if stix["type"] == "note"]
    assert [note["abstract"].split()[1] for note in notes] == ["192.0.2.9:"]
    kept = {stix["id"] for stix in newer if stix["type"] == "note"}
    assert len(kept) == 2
    assert kept <= referred(sent)


def test_text_says_that_rows_of_one_finding_count_once(days: Days) -> None:
    """The Report explains that its counts are of rows, if several rows are one finding."""
    day = TODAY
    row = ("medium", "192.0.2.1", "443", "tcp", "ssl", "64496", "NL")
    cells = [(f"{day} 10:00:00", *row), (f"{day} 11:00:00", *row)]
    days.api.content[report(day, "scan_http")] = csv_bytes(HEADER, cells)
    sent = days.run(hosts(2))
    texts = {
        stix["name"].partition(":")[0]: stix["description"]
        for stix in sent
        if stix["type"] == "report"
    }
    once = "Rows about the same finding count once here."
    assert [once in texts[name] for name in sorted(texts)] == [True, False], sorted(texts)


def test_a_day_of_known_findings_costs_a_report(days: Days) -> None:
    """Only Report and Artifact are sent; the Report has the known objects and five worst Notes."""
    first = days.run(hosts())
    second = days.run(hosts())
    assert kinds(second) == ["artifact", "report"]
    own = {stix["id"] for stix in second if stix["type"] == "artifact"}
    shared = {
        stix["id"]
        for stix in first
        if stix["type"] in ("ipv4-addr", "domain-name", "vulnerability", "relationship")
    }
    (container,) = [stix["id"] for stix in first if stix["type"] == "report"]
    shown = {s["id"] for s in first if s["type"] == "note" and container in s["object_refs"]}
    assert len(shown) == 5
    assert referred(second) == shared | own | shown
    assert days.last_work().startswith(
        f"{TODAY + timedelta(days=1)}: 1 report, 40 findings "
        "(0 new, 0 changed, 40 recurring, 0 resurfaced, 0 gone), "
    )


def test_the_first_day_is_sent_in_full(days: Days) -> None:
    """On the first day everything is sent, even what the platform already holds."""
    sent = days.run(hosts())
    assert sum(stix["type"] == "note" for stix in sent) == HOSTS
    assert "40 new, 0 changed, 0 recurring" in days.last_work()


def test_what_is_new_or_changed_is_sent(days: Days) -> None:
    """New and changed findings are sent with all their objects; recurring findings are not."""
    days.run(hosts())
    changed = {"192.0.2.3": "ssl;expired", "192.0.2.200": "ssl"}
    sent = days.run(hosts(30) | changed)
    # Of the one that has changed OpenCTI has the address, with the labels that it keeps.
    assert [s["value"] for s in sent if s["type"] == "ipv4-addr"] == ["192.0.2.200"]
    assert sum(stix["type"] == "note" for stix in sent) == len(changed)
    assert "(1 new, 1 changed, 29 recurring, 0 resurfaced, 10 gone)" in days.last_work()
    text = next(stix["description"] for stix in sent if stix["type"] == "report")
    assert text.startswith("31 findings on 31 hosts: all medium. Such as ssl on 192.0.2.200 port ")
    assert "1 is new since " in text[:300]
    assert ", 10 no longer reported." in text[:300]
    assert "1 new finding, 1 changed, 29 still there, 0 back again, 10 no longer reported" in text
    assert "192.0.2.200" in text.partition("Open longest")[0].partition("Worst new hosts")[2]


def test_what_has_changed_is_read_before_what_there_is(days: Days) -> None:
    """The tables of what is new, open longest and gone come first; a first report has none."""
    texts = [
        next(stix["description"] for stix in days.run(rows) if stix["type"] == "report")
        for rows in (hosts(5), hosts(3) | {"192.0.2.200": "ssl"})
    ]
    of_changes = ["Worst new hosts", "Open longest", "No longer reported"]
    headings = [re.findall("^### (.*)$", text, re.MULTILINE) for text in texts]
    assert headings[0][:2] == ["Worst hosts", "Findings"]
    assert headings[1][:5] == [*of_changes, "Worst hosts", "Findings"]
    assert headings[0][2:] == headings[1][5:]


def test_what_is_told_of_a_report_is_what_was_sent(days: Days) -> None:
    """Log, metrics and status count the objects that OpenCTI was sent, not those that it had."""
    for rows in (hosts(), hosts(HOSTS + 1)):
        sent = days.run(rows)
        lines = days.helper.connector_logger.lines
        told = [meta["objects"] for _, message, meta in lines if message == "Report imported"]
        assert told[-1] == len(sent)


def test_counts_of_the_whole_file_are_called_so(tmp_path: Path) -> None:
    """Where the settings leave rows out, Report and work say of how many findings some are new."""
    days = Days(tmp_path, max_findings=2)
    days.run(hosts(3))
    sent = days.run(hosts(10))
    text = next(stix["description"] for stix in sent if stix["type"] == "report")
    assert text.startswith("2 findings on 2 hosts: all medium.")
    assert "Of all 10 findings, 7 are new since " in text[:300]
    assert "Of all 10 findings, 7 new findings, 0 changed, 3 still there" in text
    assert "1 report, 2 of 10 findings (7 new, 0 changed, 3 recurring" in days.last_work()


def test_what_the_platform_has_lost_is_sent_again(days: Days) -> None:
    """An object that OpenCTI lost is sent with the next report, with all that refers to it."""
    first = days.run(hosts())
    lost = next(s["id"] for s in first if s["type"] == "ipv4-addr")
    gone = next(s["id"] for s in reversed(first) if s["type"] == "note")
    days.helper.held -= {lost, gone}
    sent = days.run(hosts())
    bereft = {s["id"] for s in first if s["type"] != "report" and lost in references(s)}
    assert len(bereft) == 3  # traffic, Observed-Data and Note
    again = {s["id"] for s in sent if s["type"] not in ("artifact", "report")}
    assert again == {lost, gone} | bereft
    assert {lost, gone} <= referred(sent)
    # It stands before the Report: else its import would wait for the Note, and then do without.
    report = max(at for at, stix in enumerate(sent) if stix["type"] == "report")
    assert [stix["id"] for stix in sent].index(gone) < report
    assert kinds(days.run(hosts())) == ["artifact", "report"]


def test_what_a_new_finding_shares_may_have_been_lost(days: Days) -> None:
    """What refers to a lost object is sent again, also if the object is sent with a new finding."""
    first = days.run(hosts(3))
    (lost,) = [stix["id"] for stix in first if stix["type"] == "autonomous-system"]
    days.helper.held.discard(lost)
    sent = days.run(hosts(4))
    bereft = {stix["id"] for stix in first if lost in stix.get("object_refs", ())}
    assert {stix["type"] for stix in first if stix["id"] in bereft} == {"observed-data"}
    assert {lost} | bereft <= {stix["id"] for stix in sent}
    assert sum(stix["type"] == "note" for stix in sent) == 1


def test_what_waits_in_the_queue_is_not_sent_again(days: Days) -> None:
    """An object still in the queue is imported before the Report that refers to it."""
    days.run(hosts())
    days.helper.held.clear()
    days.helper.queue_numbers = [3] * 1_000_000
    sent = days.run(hosts())
    assert kinds(sent) == ["artifact", "report"]
    assert len(referred(sent)) > HOSTS


def test_a_platform_that_is_behind_is_waited_for(days: Days) -> None:
    """OpenCTI is asked which objects it holds once its queue is empty."""
    days.run(hosts())
    days.helper.queue_numbers = [0, 3, 1, 0, 0]
    days.helper.held.clear()
    assert "note" in kinds(days.run(hosts()))


def test_skip_sends_and_refers_to_nothing_that_recurs(tmp_path: Path) -> None:
    """With ``skip``, recurring findings are counted and in the Artifact, but not in the Report."""
    days = Days(tmp_path, repeats="skip")
    days.run(hosts())
    sent = days.run(hosts())
    assert kinds(sent) == ["artifact", "report"]
    assert referred(sent) == {s["id"] for s in sent if s["type"] == "artifact"}
    assert "40 findings (0 new, 0 changed, 40 recurring" in days.last_work()


@pytest.mark.parametrize("report_type", ["event4_sinkhole_http", "scan_ssl", "malware_url"])
def test_whatever_changes_the_reports_are_complete(report_type: str, tmp_path: Path) -> None:
    """Report and Case of a day contain what they would if all was sent, and OpenCTI has it."""
    chance = random.Random(report_type)
    content = b"".join(report_chunks(report_type, TODAY, 12, seed=1)).decode()
    header, *rows = csv.reader(content.splitlines())
    connectors = []
    for repeats in ("all", "refer"):
        (tmp_path / repeats).mkdir()
        connectors.append(
            Days(
                tmp_path / repeats,
                repeats=repeats,
                create_incident=True,
                case_min_severity="info",
                relationships=None,
                chunk_objects=60,
            )
        )
        connectors[-1].refresh = 2
    imported: set[str] = set()
    for _ in range(3):
        # Other cells of a row, of whatever part of a finding; some rows twice, some not at all.
        for row in chance.sample(rows, 3):
            at = chance.randrange(1, len(header))
            row[at] = chance.choice(rows)[at]
        today = [tuple(row[1:]) for row in chance.choices(rows, k=10)]
        everything, sent = (days.run_cells(header, today, report_type) for days in connectors)
        assert contained(sent) == contained(everything)
        imported.update(stix["id"] for stix in sent)
        assert {ref for stix in sent for ref in references(stix)} <= imported


def test_all_sends_everything_again(tmp_path: Path) -> None:
    """With ``all``, recurring findings are sent again; their Notes keep their ids."""
    days = Days(tmp_path, repeats="all")
    first, second = days.run(hosts()), days.run(hosts())
    notes = [{s["id"] for s in sent if s["type"] == "note"} for sent in (first, second)]
    assert notes[0] == notes[1]
    assert not {s["id"] for s in first if s["type"] in OF_FINDINGS} - {s["id"] for s in second}
    assert "(0 new, 0 changed, 40 recurring" in days.last_work()


@pytest.mark.parametrize("repeats", ["refer", "skip"])
def test_once_a_week_an_observation_is_brought_up_to_date(tmp_path: Path, repeats: str) -> None:
    """Each recurring finding's Observed-Data is sent once in 7 days, spread over the week."""
    days = Days(tmp_path, repeats=repeats)
    days.refresh = 7
    days.run(hosts())
    refreshed: list[str] = []
    for _ in range(7):
        sent = days.run(hosts())
        assert {*kinds(sent)} <= {"artifact", "report", "observed-data"}
        refreshed += (s["id"] for s in sent if s["type"] == "observed-data")
        assert sum(s["type"] == "observed-data" for s in sent) < HOSTS
        of_findings = referred(sent) - {s["id"] for s in sent if s["type"] == "artifact"}
        assert bool(of_findings) is (repeats == "refer")
    assert len(refreshed) == len(set(refreshed)) == HOSTS


def test_skip_refers_to_what_a_new_finding_shares_with_one_that_is_due(tmp_path: Path) -> None:
    """The Report has all objects of a new finding, and of those that recur nothing else."""
    days = Days(tmp_path, repeats="skip")
    days.run(hosts())
    days.refresh = 1  # all are due
    days.run(hosts(), "scan_http")
    sent = days.run(hosts(HOSTS - 1) | {"192.0.2.200": "ssl"})
    assert sum(stix["type"] == "observed-data" for stix in sent) == HOSTS
    new = {stix["id"] for stix in sent if stix["type"] in ("ipv4-addr", "relationship")}
    assert referred(sent) - {s["id"] for s in sent if s["type"] == "artifact"} == new
    assert [s["value"] for s in sent if s["type"] == "ipv4-addr"] == ["192.0.2.200"]


def test_skip_sends_no_note_of_what_recurs(tmp_path: Path) -> None:
    """With ``skip``, a Note that OpenCTI has lost is not sent when its Observed-Data is due."""
    days = Days(tmp_path, repeats="skip")
    days.refresh = 1
    first = days.run(hosts())
    days.helper.held -= {stix["id"] for stix in first if stix["type"] == "note"}
    assert kinds(days.run(hosts())) == ["artifact", "observed-data", "report"]


def test_skip_shows_the_worst_notes_of_what_is_new(tmp_path: Path) -> None:
    """With ``skip``, worse findings that recur take no place on the Report's page."""
    days = Days(tmp_path, repeats="skip")

    def run(severities: dict[str, str]) -> list[dict[str, Any]]:
        cells = [
            (severity, address, "443", "tcp", "ssl", "64496", "NL")
            for address, severity in severities.items()
        ]
        return days.run_cells(HEADER, cells, "scan_ssl")

    earlier = dict.fromkeys(hosts(), "high")
    run(earlier)
    new = {f"198.51.100.{host}": "medium" for host in range(6)} | {"203.0.113.1": "critical"}
    for refresh in (NEVER, 1):
        days.refresh = refresh
        sent = run(earlier | new)
        (report,) = [stix["id"] for stix in sent if stix["type"] == "report"]
        notes = [stix for stix in sent if stix["type"] == "note"]
        assert len(notes) == len(new)
        shown = [s["abstract"].split()[-1] for s in notes if report in s["object_refs"]]
        assert sorted(shown) == ["critical", *["medium"] * 4]
        earlier |= new
        new = {f"198.51.100.{host}": "medium" for host in range(10, 16)} | {
            "203.0.113.2": "critical"
        }


@pytest.mark.parametrize("repeats", ["refer", "skip"])
def test_an_indicator_that_is_due_is_sent(tmp_path: Path, repeats: str) -> None:
    """An Indicator is sent in time before it expires; the Report refers to it unless it skips."""
    days = Days(tmp_path, repeats=repeats, create_indicators=True)
    days.refresh = 1
    header = ("timestamp", "severity", "url", "host", "tag")
    cells = [("high", "http://malware.example.net/a.exe", "malware.example.net", "mozi")]
    first = days.run_cells(header, cells, "malware_url")
    indicators = {stix["id"] for stix in first if stix["type"] == "indicator"}
    assert indicators
    sent = days.run_cells(header, cells, "malware_url")
    assert kinds(sent) == ["artifact", "indicator", "observed-data", "report"]
    assert {stix["id"] for stix in sent if stix["type"] == "indicator"} == indicators
    assert referred(sent) & indicators == (indicators if repeats == "refer" else set())


def test_a_case_of_several_parts_shows_the_notes_that_recur(tmp_path: Path) -> None:
    """A Case shows the same Notes each day, also if it refers to parts of a Report only."""
    days = Days(tmp_path, create_incident=True, report_max_refs=20)
    first = days.run(hosts())
    (case,) = {stix["id"] for stix in first if stix["type"] == "case-incident"}
    shown = {s["id"] for s in first if s["type"] == "note" and case in s["object_refs"]}
    assert len(shown) == 5
    second = days.run(hosts())
    parts = {stix["id"] for stix in second if stix["type"] == "report"}
    assert len(parts) > 1
    cases = [set(stix["object_refs"]) for stix in second if stix["type"] == "case-incident"]
    assert set.union(*cases) == parts | shown


def test_every_day_has_the_sinkholes_that_were_contacted(tmp_path: Path) -> None:
    """The Report of recurring findings refers to that day's sinkholes; a new one is sent first."""
    days = Days(tmp_path)
    header = ("timestamp", "protocol", "src_ip", "src_port", "infection", "dst_ip", "dst_port")
    port = count(40_000)

    def infected(sinkhole: str) -> list[dict[str, Any]]:
        cells = [
            ("tcp", f"192.0.2.{host}", str(next(port)), "andromeda", sinkhole, "80")
            for host in range(HOSTS)
        ]
        return days.run_cells(header, cells, "event4_sinkhole")

    first = infected("198.51.100.1")
    address = {s["value"]: s["id"] for s in first if s["type"] == "ipv4-addr"}
    assert referred(infected("198.51.100.1")) >= set(address.values())
    assert kinds(infected("198.51.100.1")) == ["artifact", "report"]
    other = infected("198.51.100.2")
    assert kinds(other) == ["artifact", "ipv4-addr", "report"]
    (sinkhole,) = [s for s in other if s["type"] == "ipv4-addr"]
    assert sinkhole["value"] == "198.51.100.2"
    first_one = next(s for s in first if s.get("value") == "198.51.100.1")
    for kept in ("x_opencti_labels", "x_opencti_score"):
        assert sinkhole.get(kept) == first_one.get(kept)
    known = {*address.values()} - {address["198.51.100.1"]}
    assert {sinkhole["id"]} | known <= referred(other)
    assert address["198.51.100.1"] not in referred(other)


def test_a_report_that_is_not_delivered_is_not_in_the_history(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed delivery the next run treats the findings as new, though some arrived."""
    send = Delivery.send

    def lose_findings(delivery: Delivery, chunk: Chunk, original: Path) -> None:
        send(delivery, chunk, original)
        if chunk.rows:
            raise SkippableError("the work was deleted")

    with monkeypatch.context() as broken:
        broken.setattr(Delivery, "send", lose_findings)
        assert "note" in kinds(days.run(hosts()))
    assert "note" in kinds(days.run_once())
    assert "(40 new, " in days.last_work()


def test_a_process_that_dies_before_the_state_is_stored(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run imports the report again, with the same verdicts."""

    def die(ledger: DayLedger) -> None:
        raise Stopping

    with monkeypatch.context() as dying:
        dying.setattr(DayLedger, "save", die)
        with pytest.raises(Stopping):
            days.run(hosts())
    days.run_once()
    assert "(40 new, 0 changed, 0 recurring" in days.last_work()
    assert kinds(days.run(hosts())) == ["artifact", "report"]


def test_a_reset_clears_the_history(days: Days) -> None:
    """After a reset of the state in OpenCTI, everything is sent again."""
    days.run(hosts())
    days.helper.reset()
    sent = days.run(hosts())
    assert sum(stix["type"] == "note" for stix in sent) >= HOSTS
    assert CLEARED in days.helper.connector_logger.messages("warning")


def test_a_damaged_history_costs_one_full_day(days: Days) -> None:
    """A damaged history is replaced, the log says so, and the next report is sent in full."""
    days.run(hosts())
    path = days.folder / "history" / FILE
    path.write_bytes(path.read_bytes()[:200] + b"damaged" * 600)
    assert "note" in kinds(days.run(hosts()))
    assert any("damaged" in each for each in days.helper.connector_logger.messages("error"))
    assert (days.folder / "history" / DAMAGED_FILE).exists()
    assert kinds(days.run(hosts())) == ["artifact", "report"]


def test_damage_that_is_met_on_the_way_costs_one_full_day(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When damage shows during a comparison, the report is compared with a new history and kept in
    it.
    """
    days.run(hosts())
    failing = [True]
    connect = sqlite3.connect

    def break_first_report(history: Any, *args: Any, **kwargs: Any) -> Any:
        if failing:
            failing.clear()
            path = days.folder / "history" / FILE
            with connect(path) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            path.write_bytes(path.read_bytes()[:100] + b"x" * 8_000)
        return compare(history, *args, **kwargs)

    from shadowserver_connector.history.history import History

    compare = History.compare
    monkeypatch.setattr(History, "compare", break_first_report)
    assert "note" in kinds(days.run(hosts()))
    assert "(40 new, " in days.last_work()
    assert kinds(days.run(hosts())) == ["artifact", "report"]


def test_two_reports_of_one_feed_on_a_day(days: Days) -> None:
    """Findings that only the first report of the day has are not counted as gone by the second."""
    days.run(hosts())
    days.run(hosts())
    day = TODAY + timedelta(days=1)
    delayed = [(f"{day} 11:00:00", "low", "192.0.2.250", "443", "tcp", "ssl", "64496", "NL")]
    days.api.content[report(day, number=7)] = csv_bytes(HEADER, delayed)
    days.run_once()
    assert days.last_work().startswith(
        f"{day}: 1 report, 1 finding (1 new, 0 changed, 0 recurring, 0 resurfaced, 0 gone)"
    )


@pytest.mark.parametrize("kind", [
    pytest.param(ThreadPoolExecutor, id="threads"),
    pytest.param(ProcessExecutor, id="processes", marks=pytest.mark.integration),
])  # fmt: skip
def test_converted_ahead_the_same_is_sent(kind: Callable[[int], Executor], tmp_path: Path) -> None:
    """Reports that an executor converts ahead are sent with the same verdicts."""
    sent = []
    for name in ("turn", "ahead"):
        (tmp_path / name).mkdir()
        days = Days(tmp_path / name)
        with kind(2) as executor:
            days.executor = executor if name == "ahead" else None
            sent.append([days.run(hosts()), days.run(hosts() | {"192.0.2.9": "x"})])
    assert sent[0] == sent[1]
