"""Questions to a history: what was reported of whom, since when, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.history.comparison import ReportFeed
from shadowserver_connector.history.database import reading_only
from shadowserver_connector.history.history import History, open_history
from shadowserver_connector.history.identified_rows import open_identified_rows
from shadowserver_connector.history.questions import FindingHistory, findings_about, open_longest
from shadowserver_connector.mapping.planning.subjects import packed_subject
from tests.history.days import day

SSL, SINKHOLE = ReportFeed("scan_ssl", "example"), ReportFeed("event4_sinkhole", "example")
ACCOUNTS = ReportFeed("compromised_account", "example")

# Subject, what tells its findings apart, state, what it is, host name.
Row = tuple[str, str, str, str, str]
Asked = Callable[[str], list[FindingHistory]]

DAYS: list[tuple[ReportFeed, int, list[Row]]] = [
    (
        SSL,
        0,
        [
            ("192.0.2.1", "443", "a", "443/tcp ssl", "www.example.net"),
            ("192.0.2.9", "443", "a", "443/tcp ssl cve-2024-12345", "old.example.net"),
            ("198.51.100.1", "443", "a", "443/tcp ssl", ""),
            ("2001:db8::1", "443", "a", "443/tcp ssl", "www.example.net"),
            ("203.0.113.4", "443", "a", "443/tcp ssl", "203.0.113.4"),
        ],
    ),
    (SSL, 3, [("192.0.2.1", "443", "b", "443/tcp ssl cve-2024-1234", "www.example.net")]),
    (SINKHOLE, 1, [("192.0.2.1", "mirai", "a", "80/tcp mirai", "www.example.net")]),
    (SINKHOLE, 3, [("192.0.2.0/24", "x", "a", "80/tcp mirai", "")]),
    (ACCOUNTS, 2, [("someone@example.net", "x", "a", "stealer", "")]),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a history with the reports above."""
    path = tmp_path_factory.mktemp("history")
    with open_history(path, "one") as history:
        for feed, number, rows in DAYS:
            _commit(history, feed, number, rows)
    return path


def _commit(history: History, feed: ReportFeed, number: int, rows: list[Row]) -> None:
    with open_identified_rows() as today:
        for subject, identity, state, label, name in rows:
            key = packed_subject(subject) + identity.rjust(6).encode()
            today.add(key, state.encode() * 6, label, name)
        history.commit(feed, day(number), today)


@pytest.fixture
def about(directory: Path) -> Iterator[Asked]:
    """Return the answer to a question."""
    with reading_only(directory) as connection:
        yield lambda asked: list(findings_about(connection, asked))


def _short(entries: list[FindingHistory]) -> list[tuple[str, str]]:
    return [(entry.type, entry.subject) for entry in entries]


def test_an_address_has_all_its_findings_over_all_types(about: Asked) -> None:
    """The answer has each finding's days, state, since when, former state, and
    whether it is open.
    """
    sinkhole, ssl = about("192.0.2.1")
    assert ssl == FindingHistory(
        type="scan_ssl",
        list="example",
        subject="192.0.2.1",
        what="443/tcp ssl cve-2024-1234",
        names=("www.example.net",),
        first=date(2024, 1, 1),
        last=date(2024, 1, 4),
        days=2,
        since=date(2024, 1, 4),
        changed_from=date(2024, 1, 1),
        open=True,
    )
    assert (sinkhole.what, sinkhole.open, sinkhole.changed_from) == ("80/tcp mirai", False, None)


@pytest.mark.parametrize(
    ("asked", "subjects"),
    [
        ("192.0.2.0/24", ["192.0.2.0/24", "192.0.2.1", "192.0.2.1", "192.0.2.9"]),
        ("192.0.2.0/29", ["192.0.2.0/24", "192.0.2.1", "192.0.2.1"]),
        ("198.51.100.0/30", ["198.51.100.1"]),
        ("2001:DB8:0::1", ["2001:db8::1"]),
        ("2001:db8::/32", ["2001:db8::1"]),
        ("203.0.113.1", []),
        ("WWW.example.net.", ["192.0.2.1", "192.0.2.1", "2001:db8::1"]),
        ("Someone@Example.NET", ["someone@example.net"]),
        ("someone@example.net", ["someone@example.net"]),
        ("CVE-2024-1234", ["192.0.2.1"]),
        ("cve-2024-12345", ["192.0.2.9"]),
        ("Event4_Sinkhole", ["192.0.2.0/24", "192.0.2.1"]),
        ("event4_sinkhole", ["192.0.2.0/24", "192.0.2.1"]),
        ("nobody.example.net", []),
    ],
)
def test_what_is_asked_for_is_found_and_nothing_else(
    about: Asked, asked: str, subjects: list[str]
) -> None:
    """Networks, names, accounts, CVE ids and types find exactly their findings."""
    assert sorted(entry.subject for entry in about(asked)) == subjects


def test_an_address_is_not_its_own_name(about: Asked) -> None:
    """The host of a URL may be the address that the finding is on."""
    (found,) = about("203.0.113.4")
    assert (found.subject, found.names) == ("203.0.113.4", ())


def test_a_second_file_of_a_day_adds_to_what_was_found(tmp_path: Path) -> None:
    """A CVE id of the first file is still found; the same file again changes nothing."""
    first, second = "443/tcp cve-2024-1234", "443/tcp cve-2024-9999"
    both = f"{first}, {second}"
    with open_history(tmp_path, "one") as history:
        for what, kept in ((first, first), (second, both), (first, both), (second, both)):
            _commit(history, SSL, 0, [("192.0.2.1", "443", what[-1], what, "")])
            with reading_only(tmp_path) as connection:
                assert [entry.what for entry in findings_about(connection, "192.0.2.1")] == [kept]
        _commit(history, SSL, 1, [("192.0.2.1", "443", "c", second, "")])
        _commit(history, SSL, 0, [("192.0.2.1", "443", "a", first, "")])
    with reading_only(tmp_path) as connection:
        assert [entry.what for entry in findings_about(connection, "192.0.2.1")] == [second]


def test_the_longest_open_come_first(directory: Path) -> None:
    """Findings of a feed's last report are open, and listed oldest first."""
    with reading_only(directory) as connection:
        assert _short(open_longest(connection, 10)) == [
            ("scan_ssl", "192.0.2.1"),
            ("compromised_account", "someone@example.net"),
            ("event4_sinkhole", "192.0.2.0/24"),
        ]
        assert len(open_longest(connection, 1)) == 1
