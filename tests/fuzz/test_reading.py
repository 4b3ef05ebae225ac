"""The CSV reader on any bytes: rows or a refusal, and never half of either."""

from __future__ import annotations

import io
import re
from typing import Final, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shadowserver_connector.errors import NotReadyError, ReportUnreadableError
from shadowserver_connector.report import layout, records, table
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import Table
from tests.fuzz import texts
from tests.fuzz.effort import EFFORT
from tests.hostile import corpus

FILE: Final = "2024-01-31-scan_ssl-example.csv"

_BYTES: Final = st.sampled_from(
    [
        *(b",", b",,", b";", b"\t", b"\n", b"\r\n", b"\r", b'"', b'""', b'",', b',"', b'"\n', b" "),
        *(
            b"\\",
            b"\\\\",
            b'\\"',
            b'\\"\\"',
            b"C:\\x",
            b"w\\\\w",
            b"\0",
            b"\xff",
            b"\xc3",
            b"\xe2\x80",
        ),
        *(b"\xed\xa0\x80", b"\xfc", b"\x81", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00\x00\xfe\xff"),
        *(b"timestamp", b"ip", b"_surplus", b"a", b"192.0.2.1", b"2024-01-31 00:00:00", b"<", b"{"),
        *(
            b"timestamp,ip,tag\n",
            b"2024-01-31 00:00:00,192.0.2.1,ssl\n",
            b"PK\x03\x04",
            b"\x1f\x8b",
        ),
    ]
)
_ENCODINGS: Final = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "utf-7")


@st.composite
def _spoiled(draw: st.DrawFn) -> bytes:
    """Take a file of the corpus, or a table, and change some of its bytes."""
    known = [content for content in corpus.TABLES.values() if len(content) < 2_000]
    content = bytearray(draw(st.sampled_from(known)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 5))] = draw(_BYTES)
    return bytes(content)


@st.composite
def _encoded(draw: st.DrawFn) -> bytes:
    """Write text in an encoding that files come in, perhaps cut off inside of a character."""
    lines = draw(st.lists(st.one_of(texts.active, texts.pieces), max_size=5))
    text = "\n".join(["timestamp,ip,tag", *lines])
    content = text.encode(draw(st.sampled_from(_ENCODINGS)), errors="replace")
    return content[: len(content) - draw(st.integers(0, 3))]


CONTENTS: Final = st.one_of(
    st.binary(max_size=200),
    st.lists(_BYTES, max_size=40).map(b"".join),
    st.lists(_BYTES, max_size=40).map(lambda pieces: b"timestamp,ip,tag\n" + b"".join(pieces)),
    _spoiled(),
    _encoded(),
)


class _Read(NamedTuple):
    header: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    again: list[tuple[int, list[str]]]
    anomalies: Anomalies


def _read(content: bytes) -> _Read | str:
    """Return what a file holds, or why it is refused."""
    anomalies = Anomalies(FILE)
    file = io.BytesIO(content)
    try:
        opened = Table(file, layout.detect_layout(file, FILE), anomalies)
    except (NotReadyError, ReportUnreadableError) as refusal:
        return str(refusal)
    rows = [(number, list(row)) for number, row in opened.rows()]
    counts = anomalies.counts()
    again = list(opened.rows())
    assert anomalies.counts() == counts
    return _Read(opened.header, rows, again, anomalies)


_SMALL: Final = (
    *((layout, "_CHUNK", 7), (layout, "LONGEST_LINE", 40), (table, "LONGEST_LINE", 40)),
    *((records, "RECORD_LINES", 4), (records, "RECORD_CHARACTERS", 60)),
    *((records, "REPAIRED_LINES", 3), (records, "FAILED_REPAIRS", 2)),
)
"""All bounds, so small that short files reach them."""


def _check(content: bytes) -> None:
    read = _read(content)
    if isinstance(read, str):
        assert read.startswith(f"{FILE}: ")
        assert read.isprintable()
        return
    assert len(set(read.header)) == len(read.header) > 2
    assert all(name and not re.search("[\\x00-\\x1f\\x7f-\\x9f]", name) for name in read.header)
    assert [number for number, _ in read.rows] == list(range(1, len(read.rows) + 1))
    assert read.again == read.rows
    for _, row in read.rows:
        assert len(row) == len(read.header)
        joined = "".join(row)
        assert "\0" not in joined
        joined.encode()
    for line in read.anomalies.lines():
        assert line.startswith(FILE)
        assert line.isprintable()


@EFFORT
@given(content=CONTENTS)
def test_any_bytes_give_whole_rows_or_a_refusal(content: bytes) -> None:
    """Rows are as wide as the header and the same in a second pass; messages are one line."""
    _check(content)


@EFFORT
@given(content=CONTENTS)
def test_the_same_holds_at_every_bound(content: bytes) -> None:
    """Rows are whole even where lines, cells or repairs reach their limits."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in _SMALL:
            patch.setattr(module, name, value)
        _check(content)


@EFFORT
@given(content=CONTENTS, more=st.integers(0, 64))
def test_the_survey_does_not_depend_on_its_chunks(content: bytes, more: int) -> None:
    """The result does not depend on where one chunk of whole lines ends and the next begins."""
    with pytest.MonkeyPatch.context() as patch:
        whole = _read(content)
        patch.setattr(layout, "_CHUNK", max(map(len, content.split(b"\n"))) + 1 + more)
        parts = _read(content)
    if isinstance(whole, str) or isinstance(parts, str):
        assert whole == parts
    else:
        assert parts.rows == whole.rows


@EFFORT
@given(content=CONTENTS)
def test_every_line_with_a_cell_is_in_a_row(content: bytes) -> None:
    """Each address of the file is in a row, whatever surrounds it."""
    marker = b"203.0.113.77"
    assume(not set(b'\\"') & set(content))
    read = _read(b"timestamp,ip,tag\n" + content.lstrip(b"\r\n") + b"\n,203.0.113.77,\n")
    assert not isinstance(read, str)
    assert any(marker.decode() in cell for _, row in read.rows for cell in row)
