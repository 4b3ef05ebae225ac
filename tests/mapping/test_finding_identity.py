"""The finding that a row belongs to: two days of every type, with one cell or many changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.history.comparison import ReportFeed
from shadowserver_connector.history.history import open_history
from shadowserver_connector.history.identified_rows import open_identified_rows
from shadowserver_connector.history.questions import subject_text
from shadowserver_connector.mapping.planning.finding_identity import (
    FindingIdentifier,
    FindingIdentity,
    _short_name,
    compile_finding_identifier,
)
from shadowserver_connector.mapping.planning.subjects import packed_subject
from shadowserver_connector.simulator.generate import report_chunks

DAY = date(2024, 1, 31)
TYPES = tuple(load_catalogue().types)


@cache
def _table(report_type: str, seed: int = 1) -> tuple[list[str], list[list[str]]]:
    content = b"".join(report_chunks(report_type, DAY + timedelta(seed), 12, seed=seed)).decode()
    header, *rows = csv.reader(io.StringIO(content))
    return header, rows


def _reader(report_type: str, header: Sequence[str]) -> FindingIdentifier:
    catalogue = load_catalogue()
    columns = [catalogue.column(report_type, name) for name in header]
    return compile_finding_identifier(
        catalogue, catalogue.report_type(report_type, header), columns
    )


def _parts(report_type: str) -> dict[str, str]:
    catalogue = load_catalogue()
    header, _ = _table(report_type)
    known = catalogue.report_type(report_type, header)
    return {
        name: catalogue.finding_part(known, catalogue.column(report_type, name)) for name in header
    }


def _said(sighting: FindingIdentity) -> tuple[bytes, bytes]:
    return sighting.key, sighting.state


def _other(report_type: str, at: int, row: int) -> str:
    """Return another valid cell of a column."""
    here = _table(report_type)[1][row][at]
    others = (cells[at] for cells in _table(report_type, seed=2)[1])
    return next((cell for cell in others if cell and cell.lower() != here.lower()), f"9{here}7")


@pytest.mark.parametrize("report_type", TYPES)
def test_two_days_in_which_only_what_moves_has_moved(report_type: str, tmp_path: Path) -> None:
    """If only volatile cells changed, no finding is new, changed or gone."""
    header, rows = _table(report_type)
    parts = _parts(report_type)
    moved = [
        [
            _other(report_type, at, number) if parts[name] == "volatile" else row[at]
            for at, name in enumerate(header)
        ]
        for number, row in enumerate(rows)
    ]
    assert all(before != after for before, after in zip(rows, moved, strict=True))
    reader = _reader(report_type, header)
    feed = ReportFeed(report_type, "example")
    with (
        open_history(tmp_path, "one") as history,
        open_identified_rows() as first,
        open_identified_rows() as second,
    ):
        for day, table in ((first, rows), (second, moved)):
            for row in table:
                sighting = reader.read(row)
                day.add(sighting.key, sighting.state, sighting.what, sighting.name)
        history.commit(feed, DAY, first)
        found = history.compare(feed, DAY + timedelta(1), second)
    findings = found.counts["recurring"]
    assert found.counts == {"new": 0, "changed": 0, "recurring": findings, "resurfaced": 0}
    assert found.gone_count == 0 < findings
    assert set(found.verdicts) == {2}


@pytest.mark.parametrize("report_type", TYPES)
def test_one_cell_of_identity_or_state_that_differs(report_type: str) -> None:
    """A changed cell of the identity is another finding; one of the state is a change."""
    header, rows = _table(report_type)
    parts = _parts(report_type)
    reader = _reader(report_type, header)
    # A certificate's fingerprint says all of it: without one its cells count each for itself.
    row = _without(rows[0], header, report_type, CERTIFICATE_HASHES)
    key, state = _said(reader.read(row))
    for at, name in enumerate(header):
        other = [*row]
        other[at] = _other(report_type, at, 0)
        found = _said(reader.read(other))
        if parts[name] == "identity":
            assert (found[0] != key, found[1]) == (True, state), name
        elif parts[name] == "volatile":
            assert found == (key, state), name
        else:
            other[at] = "otherwise"
            assert _said(reader.read(other))[1] != state, name
            assert found[0] == key, name


CERTIFICATE_HASHES = frozenset(["x509.sha256", "x509.sha512", "x509.sha1", "x509.md5"])


def _without(
    row: Sequence[str], header: Sequence[str], report_type: str, roles: Container[str]
) -> list[str]:
    catalogue = load_catalogue()
    return [
        "" if catalogue.column(report_type, name).role in roles else cell
        for name, cell in zip(header, row, strict=True)
    ]


def test_fingerprint_says_all_of_a_certificate() -> None:
    """A certificate's other cells count only without a fingerprint."""
    header = ["ip", "port", "sha1_fingerprint", "subject_common_name", "cert_expiration_date"]
    reader = _reader("scan_ssl", header)

    def state(*cells: str) -> bytes:
        return reader.read(["192.0.2.1", "443", *cells]).state

    one, two = "AB" * 20, "CD" * 20
    assert state(one, "a.example", "2030-01-01") == state(one.lower(), "b.example", "")
    assert state(one, "a.example", "2030-01-01") != state(two, "a.example", "2030-01-01")
    assert state("", "a.example", "2030-01-01") != state("", "b.example", "2030-01-01")
    assert state("", "a.example", "2030-01-01") != state("", "a.example", "2030-01-02")


@pytest.mark.parametrize("report_type", TYPES)
def test_neither_order_nor_absence_of_columns_counts(report_type: str) -> None:
    """The order of columns, and empty ones, do not change the finding."""
    header, rows = _table(report_type)
    reader = _reader(report_type, header)
    for row in rows:
        there = [at for at, cell in enumerate(row) if cell][::-1]
        names = [*(header[at] for at in there), "unheard_of"]
        other = _reader(report_type, names).read([*(row[at] for at in there), "-"])
        assert _said(other) == _said(reader.read(row))


SPELLINGS = {
    "ip": ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1 "),
    "hostname": ("www.example.net", "WWW.example.NET."),
    "tag": ("ssl;cve-2024-1234", "CVE-2024-1234, ssl"),
    "asn": ("64496", "064496"),
    "geo": ("", "??"),
    "sector": ("", "unknown"),
    "naics": ("", "0"),
    "severity": ("high", "HIGH"),
    "protocol": ("tcp", "TCP"),
    "port": ("443", " 443"),
    "md5_fingerprint": ("AA:BB:" * 7 + "AA:BB", "aabb" * 8),
    "cert_expiration_date": ("2024-01-31 12:00:00", "Jan 31 12:00:00 2024 GMT"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_two_spellings_of_a_value_are_one(name: str) -> None:
    """Two spellings of a value give the same finding; another value does not."""
    reader = _reader("scan_ssl", [name])
    one, other = (_said(reader.read([cell])) for cell in SPELLINGS[name])
    assert one == other
    assert _said(reader.read(["something else"])) != one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "220 mail.example.net ESMTP Exim 4.96 Sat, 28 Nov 2026 22:44:29 +0000",
            "220 mail.example.net ESMTP Exim 4.96 Sun, 29 Nov 2026 01:04:00 +0100",
        ),
        ("+OK POP3 ready <1896.697170952@example.net>", "+OK POP3 ready <77.1@example.net>"),
        ('Digest realm="a", nonce="8f3b", qop="auth"', 'Digest realm="a", nonce="00", qop="auth"'),
        ("router, up 12 days, 3:04", "router, up 13 days, 2:00"),
        ("220 ready at 2024-01-31 10:11:12", "220 ready at 2024-02-01 09:00:00"),
    ],
)
def test_a_clock_in_a_text_is_no_change(one: str, other: str) -> None:
    """Times, nonces and uptimes in a banner are no change; other characters are."""
    reader = _reader("scan_smtp", ["banner"])
    assert reader.read([one]).state == reader.read([other]).state
    assert reader.read([one]).state != reader.read([one.replace("e", "x")]).state


def test_a_version_in_a_text_is_a_change() -> None:
    """A changed software version in a banner is a change."""
    reader = _reader("scan_smtp", ["banner"])
    versions = ["220 x ESMTP Exim 4.96", "220 x ESMTP Exim 4.97", "SSH-2.0-OpenSSH_9.2p1"]
    assert len({reader.read([banner]).state for banner in versions}) == 3


@pytest.mark.parametrize(
    ("text", "subject", "shown"),
    [
        ("192.0.2.1", b"4\xc0\x00\x02\x01", "192.0.2.1"),
        ("192.0.2.7/24", b"4\xc0\x00\x02\x00\x18", "192.0.2.0/24"),
        ("2001:DB8::1", b"6\x20\x01\x0d\xb8" + bytes(11) + b"\x01", "2001:db8::1"),
        ("2001:db8::/32", b"6\x20\x01\x0d\xb8" + bytes(12) + b"\x20", "2001:db8::/32"),
        ("192.0.2.010", b"t192.0.2.010", "192.0.2.010"),
        ("10.1", b"t10.1", "10.1"),
        ("someone@example.net", b"tsomeone@example.net", "someone@example.net"),
        ("http://example.net/" + "a" * 90, b"thttp://example.net/" + b"a" * 41, None),
    ],
)
def test_a_key_begins_with_its_subject(text: str, subject: bytes, shown: str | None) -> None:
    """A key begins with the packed address, so networks sort together, or with the text."""
    assert packed_subject(text) == subject
    if shown is not None:
        assert subject_text(subject) == shown


@pytest.mark.parametrize("report_type", TYPES)
def test_a_name_of_earlier_years_is_the_same_finding(report_type: str) -> None:
    """Whether a file has a column's name of today or of earlier years makes no difference."""
    header, rows = _table(report_type)
    earlier = {
        today: name
        for glob, names in load_catalogue().earlier_columns.items()
        if fnmatchcase(report_type, glob)
        for name, today in names.items()
    }
    renamed = [earlier.get(name, name) for name in header]
    if len(set(renamed)) < len(renamed):
        renamed = header
    now, then = _reader(report_type, header), _reader(report_type, renamed)
    assert [_seen(now.read(row)) for row in rows] == [_seen(then.read(row)) for row in rows]


def _seen(found: FindingIdentity) -> tuple[bytes, bytes]:
    return found.key, found.state


def test_names_of_columns_are_told_apart_in_few_characters() -> None:
    """No two published columns, and no earlier names of them, are shortened to the same text."""
    catalogue = load_catalogue()
    names = {name for columns in catalogue.layouts.values() for name in columns}
    assert len({_short_name(name) for name in names}) == len(names) > 700


def test_the_first_fingerprint_of_a_row_identifies_its_certificate() -> None:
    """Neither an empty column of another fingerprint nor the names in it make a difference."""
    names = ["ip", "port", "sha1_fingerprint", "subject_common_name"]
    cells = ["192.0.2.1", "443", "ab" * 20, "one.example"]
    alone = _reader("scan_ssl", names).read(cells)
    reader = _reader("scan_ssl", [*names, "sha256_fingerprint"])
    assert reader.read([*cells, ""]).state == alone.state
    assert reader.read([*cells[:3], "two.example", ""]).state == alone.state
    assert reader.read([*cells, "cd" * 32]).state != alone.state


@pytest.mark.parametrize("nothing", ["", " ", " " * 30, "unknown", "<>"])
def test_an_account_that_says_nothing_names_no_subject(nothing: str) -> None:
    """Whichever way no mail address is written, the finding is the same."""
    reader = _reader("compromised_account", ["email", "service"])
    found = reader.read([nothing, "mail"])
    assert found.key == reader.read(["", "mail"]).key
    assert found.state == reader.read(["", "mail"]).state


def test_equal_findings_of_a_network_are_due_on_different_days(tmp_path: Path) -> None:
    """Refreshes of the same problem on many addresses are spread over the days, about evenly."""
    reader = _reader("scan_cwmp", ["ip", "port", "tag"])
    feed = ReportFeed("scan_cwmp", "example")
    due = []
    with open_identified_rows() as rows, open_history(tmp_path, "one") as history:
        for number in range(700):
            address = f"192.0.{2 + number // 250}.{number % 250}"
            found = reader.read([address, "7547", "cwmp"])
            rows.add(found.key, found.state, found.what, found.name)
        history.commit(feed, DAY, rows)
        for days in range(1, 8):
            day = DAY + timedelta(days)
            due.append(sum(history.compare(feed, day, rows, refresh=7).update_due))
            history.commit(feed, day, rows)
    assert sum(due) == 700
    assert all(50 < number < 150 for number in due)


def test_keys_do_not_depend_on_the_rows_before() -> None:
    """Whatever was read before, and however long its cells are, a row has the same key."""
    header = ["src_ip", "dst_port", "infection", "http_url"]
    rows = [
        [f"192.0.2.{number % 7}", f"{number % 900}", "mirai", "/" + "a" * (number % 300)]
        for number in range(3_000)
    ]
    reader = _reader("event4_sinkhole_http", header)
    keys = [reader.read(row).key for row in rows]
    alone = [_reader("event4_sinkhole_http", header).read(row).key for row in rows[::100]]
    assert keys[::100] == alone
    assert [reader.read(row).key for row in rows] == keys
    assert len(set(keys)) == len({tuple(row) for row in rows})


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "192.0.2.0/24", "host.example"])
def test_a_subject_in_another_column_is_another_finding(address: str) -> None:
    """The key tells which column names the subject, be that missing before it or empty."""
    both = _reader("event4_honeypot_ddos", ["src_ip", "dst_ip", "dst_port"])
    keys = {
        both.read([address, "", "22"]).key,
        both.read(["", address, "22"]).key,
        both.read([address, address, "22"]).key,
    }
    assert len(keys) == 3
    alone = _reader("event4_honeypot_ddos", ["dst_ip", "dst_port"])
    assert alone.read([address, "22"]).key == both.read(["", address, "22"]).key


def test_a_sighting_names_all_that_fits_and_no_half_of_a_cve() -> None:
    """Ten CVE ids fit, as rows of Exchange servers have; a cut one would be another id."""
    reader = _reader("scan_exchange", ["ip", "port", "protocol", "tag"])
    cves = [f"cve-2024-{number}" for number in range(10_000, 10_040)]
    few = reader.read(["192.0.2.1", "443", "tcp", ";".join(cves[:10])])
    assert few.what == f"443/tcp {' '.join(cves[:10])}"
    many = reader.read(["192.0.2.1", "443", "tcp", ";".join(cves)])
    assert len(many.what) <= 300
    _, *named, end = many.what.split(" ")
    assert (named, end) == (cves[: len(named)], "…")
    assert reader.read(["192.0.2.1", "443", "tcp", "x" * 400]).what.startswith("443/tcp")


def test_a_sighting_says_what_and_who() -> None:
    """A finding's label has port, protocol and tags, each once; its name is in lower case."""
    header = ["ip", "port", "protocol", "tag", "hostname"]
    reader = _reader("scan_http_vulnerable", header)
    cells = ["192.0.2.1", "443", "TCP", "ssl;cve-2024-1234,ssl", "WWW.Example.net."]
    found = reader.read(cells)
    assert (found.what, found.name) == ("443/tcp ssl cve-2024-1234", "www.example.net")
    assert found.key[:5] == packed_subject("192.0.2.1")
    event = _reader("event4_sinkhole", ["src_ip", "src_port", "dst_ip", "dst_port", "infection"])
    seen = event.read(["192.0.2.1", "40000", "198.51.100.1", "80", "mirai"])
    assert (seen.what, seen.key[:5]) == ("80 mirai", packed_subject("192.0.2.1"))
