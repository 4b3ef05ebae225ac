from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import orjson
import pytest

from shadowserver_connector.api import answers
from shadowserver_connector.api.answers import AnswerError, DayEvents
from shadowserver_connector.report.info import ReportInfo

ENTRY: dict[str, object] = {
    "id": "AbC",
    "type": "scan_ssl",
    "file": "2024-01-31-scan_ssl-example.csv",
    "report": "example",
    "timestamp": "2024-01-31",
    "url": "https://reports.example/scan_ssl",
}

HEADER: list[object] = ["date", "type", "events"]


def test_a_list_entry_becomes_a_report_info() -> None:
    """``timestamp`` is the day that the report covers, ``report`` the name of its list."""
    assert answers.read_reports([ENTRY]) == [
        ReportInfo(
            type="scan_ssl",
            day=date(2024, 1, 31),
            file="2024-01-31-scan_ssl-example.csv",
            list="example",
            id="AbC",
            url="https://reports.example/scan_ssl",
        )
    ]


@pytest.mark.parametrize("name", ["url", "report"])
@pytest.mark.parametrize("value", [None, ""])
def test_page_and_list_may_be_missing(name: str, value: object) -> None:
    """An entry without documentation page or list name is valid."""
    (report,) = answers.read_reports([{**ENTRY, name: value}])
    assert "" in (report.url, report.list)
    without = {key: value for key, value in ENTRY.items() if key != name}
    assert answers.read_reports([without]) == [report]


@pytest.mark.parametrize("timestamp", ["2024-01-31 00:00:00", "2024-01-31T00:00:00Z"])
def test_the_day_may_carry_a_time(timestamp: str) -> None:
    """Only the date of a timestamp counts."""
    (report,) = answers.read_reports([{**ENTRY, "timestamp": timestamp}])
    assert report.day == date(2024, 1, 31)


@pytest.mark.parametrize("name", ["id", "type", "file", "timestamp"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}, "a\nb", "x" * 2000])
def test_an_incomplete_entry_spoils_the_answer(name: str, value: object) -> None:
    """An entry without a needed field is an error that names entry and field, but no value."""
    with pytest.raises(AnswerError, match=r"^entry 2 has no") as caught:
        answers.read_reports([ENTRY, {**ENTRY, name: value}])
    assert "AbC" not in str(caught.value)


@pytest.mark.parametrize("answer", [None, {}, "x", 1, True, {"error": "x"}, [[]], ["x"], [None]])
def test_another_shape_is_no_list_of_reports(answer: object) -> None:
    """An answer of ``reports/list`` that is not a list of objects is refused."""
    with pytest.raises(AnswerError):
        answers.read_reports(answer)


def test_names_are_sorted_and_unique() -> None:
    """Names of lists are sorted and without duplicates, whatever the API's order."""
    assert answers.read_names(["b", "a", "b"]) == ["a", "b"]
    assert answers.read_names([]) == []


@pytest.mark.parametrize("answer", [None, {}, "ab", [1], [""], [None], [["a"]], ["a\r\nb"]])
def test_another_shape_is_no_list_of_names(answer: object) -> None:
    """An answer that is not a list of one-line strings is refused."""
    with pytest.raises(AnswerError):
        answers.read_names(answer)


def test_stats_lose_their_header() -> None:
    """The first row of statistics is the header; numbers may come as text."""
    table = [["date", "type", "events"], ["2024-01-31", "scan_ssl", 5], ["2024-01-31", "b", "7"]]
    assert answers.read_statistics(table) == [
        DayEvents(date(2024, 1, 31), "scan_ssl", 5),
        DayEvents(date(2024, 1, 31), "b", 7),
    ]
    assert answers.read_statistics([]) == []


@pytest.mark.parametrize("row", [["2024-01-31", "a", 1], ["2024-01-31", "a", "1"], [], {}, "x"])
def test_stats_without_header_are_refused(row: object) -> None:
    """Statistics without a header are refused, so that no row of data is lost as one."""
    with pytest.raises(AnswerError, match="row 1"):
        answers.read_statistics([row])


@pytest.mark.parametrize(
    "row",
    [[], {}, "x", ["2024-01-31", "a"], ["x", "a", 1], ["2024-01-31", 1, 1]]
    + [["2024-01-31", "a", value] for value in (-1, 1.5, True, None, "x", "9" * 19, "٣")],
)
def test_a_malformed_row_spoils_the_stats(row: object) -> None:
    """A malformed row makes the whole answer an error; it is not skipped."""
    with pytest.raises(AnswerError, match=r"^row 2 "):
        answers.read_statistics([["date", "type", "events"], row])


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[", b'{"a":', b"[NaN]", b'"\xff"', b"[" * 100_000 + b"]" * 100_000],
    ids=["empty", "html", "cut", "cut object", "nan", "not utf-8", "deep"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Every kind of broken JSON gives the same error."""
    with pytest.raises(AnswerError, match="not JSON"):
        answers.parse_json(body)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"error": "busy"}, "busy"),
        ({"error": {"code": 1}}, "{'code': 1}"),
        ({"error": None}, None),
        ({"error": ""}, None),
        ({"pong": "x"}, None),
        ([], None),
        (["error"], None),
    ],
)
def test_error_objects_are_recognised(answer: object, text: str | None) -> None:
    """An object with a value under ``error`` is an error, whatever the HTTP status."""
    assert answers.error_in(orjson.dumps(answer)) == text


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("invalid apikey", True),
        ("Invalid API key", True),
        ("HMAC2 mismatch", True),
        ("Unauthorized", True),
        ("internal error", False),
        ("unknown type compromised_credentials", False),
        ("no monkeys", False),
    ],
)
def test_errors_on_credentials_are_told_apart(text: str, result: bool) -> None:
    """An error is about credentials only if it names them as whole words."""
    assert answers.is_about_credentials(text) is result


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("busy", "busy"),
        ("no key k3y here", "no key *** here"),
        ("two\nlines\x1b[31m\u2028", "two lines [31m"),
        ("a\u202egnp.exe", "a gnp.exe"),
        ("token " + "a1" * 25, "token ***"),
        ("event4_honeypot_ddos_target unknown", "event4_honeypot_ddos_target unknown"),
        ("<!DOCTYPE html><p>x", "a web page"),
        ("<HTML lang=en>", "a web page"),
        ("word " * 100, ("word " * 100)[:199] + "…"),
    ],
)
def test_a_servers_text_is_quoted_safely(text: str, quoted: str) -> None:
    """A server's text is quoted in one short line without secrets, tokens or control characters."""
    assert answers.quotable(text, ("k3y", "")) == quoted


def listed(**fields: object) -> ReportInfo:
    """Return the report that one entry of ``reports/list`` becomes."""
    entry = {"id": "abc", "type": "scan_ssl", "file": "x.csv", "timestamp": "2024-01-31"}
    (found,) = answers.read_reports([{**entry, **fields}])
    return found


@pytest.mark.parametrize(
    "url",
    [
        "https://www.shadowserver.org/what-we-do/network-reporting/ssl-report/",
        "http://reports.example/a_b?c=d&e=%20#f",
        "https://example.org:8443/~x",
        "https://example.org",
    ],
)
def test_a_page_is_taken_as_it_is(url: str) -> None:
    """URLs of the kinds that Shadowserver sends are kept unchanged."""
    assert listed(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/x) [click](https://evil.example/",
        "https://example.org/](https://evil.example/",
        "https://example.org/<b>",
        "https://example.org/`x`",
        "https://example.org/a b",
        "https://example.org/\u202egnp",
        "https://example.org/\\",
        "https://example.org/*x*",
        "https://user@evil.example/",
        "https://example.org/\nx",
        "https://ex\u0430mple.org/",
        "https://example.org/" + "x" * 600,
        "https://",
        "https:///x",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/",
        "ftp://example.org/",
        " https://example.org/",
        5,
        ["https://example.org/"],
        None,
    ],
)
def test_a_page_that_could_act_is_dropped(url: object) -> None:
    """A URL that is unsafe in a markdown link is dropped; the report is kept."""
    assert listed(url=url) == listed()
    assert listed(url=url).url == ""


@pytest.mark.parametrize(
    ("type", "taken"),
    [
        ("scan_ssl", "scan_ssl"),
        ("event4_honeypot_ddos_amp", "event4_honeypot_ddos_amp"),
        ("SCAN-ssl", "scan_ssl"),
        ("scan_\u202elss", "scan_lss"),
        ("scan\u200b_ssl", "scan_ssl"),
        ("<img src=x>", "img_src_x"),
        ("[x](https://evil.example)", "x_https_evil_example"),
        ("../../etc", "etc"),
        ("a" * 651, "a" * 64),
        ("\u202e", "unnamed"),
        ("<>", "unnamed"),
    ],
)
def test_a_type_is_one_wherever_it_stands(type: str, taken: str) -> None:
    """A type is cleaned alike in lists and statistics, as it becomes a label and part of paths."""
    assert listed(type=type).type == taken
    rows = [["date", "type", "events"], ["2024-01-31", type, 1]]
    assert answers.read_statistics(rows)[0].type == taken


@pytest.mark.parametrize("field", ["report", "file"])
@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("example-net", "example-net"),
        ("Z\u00fcrich Netz", "Z\u00fcrich Netz"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("a\u2066b\u2069", "ab"),
        ("a\u200bb\ufeff", "ab"),
        ("\u202e\u200b", "unnamed"),
    ],
)
def test_names_deceive_nobody(field: str, text: str, taken: str) -> None:
    """Characters that hide text or change its direction are removed from names."""
    found = listed(**{field: text})
    assert (found.list if field == "report" else found.file) == taken


def test_a_list_has_one_name_everywhere() -> None:
    """A subscribed list and the list that a report names are cleaned and cut alike."""
    for name in ("exam\u202eple", "x" * 900):
        assert answers.read_names([name]) == [listed(report=name).list]
        assert len(listed(report=name).list) <= 200


def test_a_greeting_deceives_nobody() -> None:
    """Characters that change the direction of text are removed from the answer to a ping."""
    assert answers.check_pong({"pong": "2024\u202e-01"}) == "2024-01"


@pytest.mark.parametrize(
    ("read", "answer", "message"),
    [
        (answers.parse_json, b"<", "the answer is not JSON"),
        (answers.check_pong, [], "the answer is not an object"),
        (answers.check_pong, {"pong": 1}, "the answer has no 'pong'"),
        (answers.read_names, {}, "the answer is not a list"),
        (answers.read_names, [1], "entry 1 is no name"),
        (answers.read_names, ["a", ""], "entry 2 is no name"),
        (answers.read_reports, {}, "the answer is not a list"),
        (answers.read_reports, [1], "entry 1 is not an object"),
        (answers.read_reports, [{**ENTRY, "report": 1}], "entry 1 has no 'report'"),
        (answers.read_reports, [{**ENTRY, "timestamp": 1}], "entry 1 has no date"),
        (answers.read_statistics, {}, "the answer is not a list"),
        (answers.read_statistics, [["date", "type"]], "row 1 is not a header"),
        (answers.read_statistics, [HEADER, 1], "row 2 is not a list"),
        (answers.read_statistics, [HEADER, [1, 2]], "row 2 is not [date, type, events]"),
        (
            answers.read_statistics,
            [HEADER, ["2024-01-31", "a", "b"]],
            "row 2 has no number of events",
        ),
        (answers.read_statistics, [HEADER, ["soon", "a", 1]], "row 2 has no date"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(
    read: Callable[[Any], object], answer: object, message: str
) -> None:
    """The error has the number of the entry or row, counted from 1."""
    with pytest.raises(AnswerError) as caught:
        read(answer)
    assert str(caught.value) == message


def test_no_events_and_further_cells_are_taken() -> None:
    """A day may have 0 events, and a row may have more columns than we know."""
    row = ["2024-01-31", "a", 0, "new"]
    assert answers.read_statistics([[*HEADER, "new"], row]) == [
        DayEvents(date(2024, 1, 31), "a", 0)
    ]


@pytest.mark.parametrize(
    ("length", "quoted"), [(200, "a " * 99 + "bb"), (201, "a " * 99 + "b…")], ids=["whole", "cut"]
)
def test_a_quoted_text_has_at_most_200_characters(length: int, quoted: str) -> None:
    """A longer text is cut and ends with a mark that says so."""
    text = "a " * 99 + "b" * (length - 198)
    assert answers.quotable(text, ()) == quoted


@pytest.mark.parametrize("value", [b"0", b"{}", b"[]"])
def test_an_answer_has_at_most_half_a_million_values(value: bytes) -> None:
    """An answer with more values is refused: each takes memory, however few its bytes."""
    most = 500_000 if value == b"0" else 250_000
    body = b"[" + value + (b"," + value) * (most - 1)
    assert len(answers.parse_json(body[: -len(value)] + b"0]")) == most  # type: ignore[arg-type]
    with pytest.raises(AnswerError) as caught:
        answers.parse_json(body + b",0,0]")
    assert str(caught.value) == "the answer has more than 500000 values"


@pytest.mark.parametrize(("length", "taken"), [(1000, True), (1001, False)])
def test_texts_have_at_most_a_thousand_characters(length: int, taken: bool) -> None:
    """A longer text is refused wherever it stands in an answer."""
    text = "x" * length
    row = ["2024-01-31", text, 1]
    readers: list[Callable[[], object]] = [
        lambda: answers.check_pong({"pong": text}),
        lambda: answers.read_names([text]),
        lambda: listed(id=text),
        lambda: answers.read_statistics([HEADER, row]),
    ]
    for read in readers:
        if taken:
            assert read()
        else:
            with pytest.raises(AnswerError):
                read()


@pytest.mark.parametrize(("length", "taken"), [(500, True), (501, False)])
def test_a_link_has_at_most_500_characters(length: int, taken: bool) -> None:
    """A longer URL of a documentation page is dropped; the report is kept."""
    url = "https://dl.example/".ljust(length, "x")
    assert listed(url=url).url == (url if taken else "")


def test_number_of_events_may_have_18_digits() -> None:
    """A number of events, also as text, may have at most 18 digits."""
    for events in (10**18 - 1, str(10**18 - 1)):
        assert (
            answers.read_statistics([HEADER, ["2024-01-31", "a", events]])[0].events == 10**18 - 1
        )
    with pytest.raises(AnswerError, match="number of events"):
        answers.read_statistics([HEADER, ["2024-01-31", "a", str(10**18)]])


def test_name_that_is_cut_ends_in_a_character() -> None:
    """A name that is cut does not end in a space, nor a type in an underscore."""
    assert listed(report="x" * 199 + " y").list == "x" * 199
    assert listed(type="x" * 63 + "-y").type == "x" * 63
