"""Validation of the Reports API's answers.

An answer is foreign data: each function either returns exactly the promised shape or raises
`AnswerError`. Nothing is skipped, because a report left out would look as if it did not exist.
Texts for people become one short line without deceptive characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import orjson

from shadowserver_connector.mapping.cells.text_and_tags import one_line
from shadowserver_connector.report.info import TYPE_CHARACTERS, ReportInfo

# Far more than an id (about 50 characters) or the name of a file (255 bytes at most) has.
_MAX_TEXT = 1000
_NAMELESS = "unnamed"
_MAX_NAME = 200
_MAX_URL = 500
# A full list of 1,000 reports has 13,000; the smallest value takes more than 100 bytes of memory.
_MAX_VALUES = 500_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_TYPE = re.compile(r"[^a-z0-9]+")
# No character that ends a link in markdown, or starts other markup.
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/?#@!$&+,;=%:-]*)?")
_MARKUP = re.compile(r"<(!doctype|html|head|body)\b", re.IGNORECASE)
# Report ids have about 50 characters; the longest names of report types stay below 36.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{36,}")
# The wording of Shadowserver's refusals is not published; these words have no other meaning there.
_CREDENTIALS = re.compile(
    r"\b(api ?key|hmac2?|unauthori[sz]ed|not authori[sz]ed|forbidden|access denied|credentials?"
    r"|permission)\b",
    re.IGNORECASE,
)


class AnswerError(ValueError):
    """The answer is not what the API promises. The message does not quote it."""


class DayEvents(NamedTuple):
    """One row of ``reports/stats``: how many rows to expect of a type on a day."""

    day: date
    type: str
    events: int


def parse_json(body: bytes) -> object:
    """Decode a JSON body of a limited number of values.

    The caller must have limited its size; orjson limits its depth. Raises AnswerError.
    """
    # Counted before there is an object for each. What stands within texts is counted too.
    if body.count(b",") + body.count(b"[") + body.count(b"{") > _MAX_VALUES:
        raise AnswerError(f"the answer has more than {_MAX_VALUES} values")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise AnswerError("the answer is not JSON") from None


def error_in(body: bytes) -> str | None:
    """Return the message of an ``{"error": ...}`` object, or None if the body is not one."""
    # Most answers are lists without it, which need not be decoded twice.
    if b'"error"' not in body:
        return None
    try:
        answer = parse_json(body)
    except AnswerError:
        return None
    if isinstance(answer, Mapping) and answer.get("error"):
        try:
            # orjson reads 1,024 levels, more than Python's repr can write.
            return str(answer["error"])
        except RecursionError:
            return "an error within errors"
    return None


def is_about_credentials(text: str) -> bool:
    """Tell whether an error's text says that the key or secret was refused."""
    return bool(_CREDENTIALS.search(text))


def quotable(text: str, secrets: Sequence[str]) -> str:
    """Make a server's text fit for a message: one short line, without secrets or HTML.

    Empty if it says nothing.
    """
    if text.strip() in ("{}", "[]", "null"):
        return ""
    if _MARKUP.search(text):
        return "a web page"
    # Before the text is cut: the rest of a secret would not be recognised.
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    shown = (character if character.isprintable() else " " for character in text[:_MAX_TEXT])
    text = " ".join(_TOKEN.sub("***", "".join(shown)).split())
    return text if len(text) <= 200 else text[:199] + "…"


def check_pong(answer: object) -> str:
    """Read ``test/ping``."""
    return one_line(_text(_object(answer, "the answer"), "pong", "the answer"))


def read_names(answer: object) -> list[str]:
    """Read a list of names, as of ``reports/subscribed`` and ``reports/types``; sorted."""
    found = set()
    for number, name in enumerate(_array(answer, "the answer"), start=1):
        if not isinstance(name, str) or not name or not _is_line(name):
            raise AnswerError(f"entry {number} is no name")
        found.add(_name(name))
    return sorted(found)


def read_reports(answer: object) -> list[ReportInfo]:
    """Read ``reports/list``, in the API's order."""
    return [
        _report_info(entry, f"entry {number}")
        for number, entry in enumerate(_array(answer, "the answer"), start=1)
    ]


def read_statistics(answer: object) -> list[DayEvents]:
    """Read ``reports/stats``: a header row, then ``[date, type, events]``."""
    rows = _array(answer, "the answer")
    # Of an answer without a header the first row of data would be lost as one.
    if rows and not _is_header(rows[0]):
        raise AnswerError("row 1 is not a header")
    return [_day_events(row, f"row {number}") for number, row in enumerate(rows[1:], start=2)]


def _report_info(entry: object, where: str) -> ReportInfo:
    fields = _object(entry, where)
    return ReportInfo(
        type=_ascii_type(_text(fields, "type", where)),
        day=_day(fields.get("timestamp"), where),
        # Name and id are checked by the download, where a bad one costs one report, not the day.
        file=one_line(_text(fields, "file", where)) or _NAMELESS,
        list=_name(_optional_text(fields, "report", where)),
        id=_text(fields, "id", where),
        url=_url(fields.get("url")),
    )


def _ascii_type(text: str) -> str:
    """Return a type in the form of Shadowserver's: it becomes a label and part of names."""
    return _NO_TYPE.sub("_", text.lower()).strip("_")[:TYPE_CHARACTERS].rstrip("_") or _NAMELESS


def _name(text: str) -> str:
    # An empty name stays empty: then the API names no list.
    return one_line(text)[:_MAX_NAME].rstrip() or (text and _NAMELESS)


def _url(value: object) -> str:
    """Return a link that is safe in markdown as it is, or none: it is optional."""
    if isinstance(value, str) and len(value) <= _MAX_URL and _URL.fullmatch(value):
        return value
    return ""


def _day_events(row: object, where: str) -> DayEvents:
    cells = _array(row, where)
    if len(cells) < 3 or not isinstance(cells[1], str) or not _is_line(cells[1]):
        raise AnswerError(f"{where} is not [date, type, events]")
    events = cells[2]
    # isdigit() also accepts "²", and int() refuses that as it does thousands of digits.
    if isinstance(events, str) and events.isascii() and events.isdigit() and len(events) < 19:
        events = int(events)
    if not isinstance(events, int) or isinstance(events, bool) or events < 0:
        raise AnswerError(f"{where} has no number of events")
    return DayEvents(_day(cells[0], where), _ascii_type(cells[1]), events)


def _is_header(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) >= 3
        # A row of data begins with its day.
        and all(isinstance(cell, str) and not cell[:1].isdigit() for cell in row)
    )


def _array(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise AnswerError(f"{where} is not a list")
    return value


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise AnswerError(f"{where} is not an object")
    return value


def _text(fields: Mapping[str, object], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or not _is_line(value):
        raise AnswerError(f"{where} has no {name!r}")
    return value


def _optional_text(fields: Mapping[str, object], name: str, where: str) -> str:
    return "" if fields.get(name) in (None, "") else _text(fields, name, where)


def _is_line(text: str) -> bool:
    return len(text) <= _MAX_TEXT and not _CONTROL.search(text)


def _day(value: object, where: str) -> date:
    if isinstance(value, str):
        try:
            # A time may follow.
            return date.fromisoformat(value[:10])
        except ValueError:
            pass
    raise AnswerError(f"{where} has no date")
