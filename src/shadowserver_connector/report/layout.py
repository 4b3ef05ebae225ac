"""How a report file is written: encoding, quoting, line lengths, delimiter, header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from shadowserver_connector.errors import NotReadyError, ReportUnreadableError
from shadowserver_connector.report.anomalies import Anomalies

_CHUNK = 1 << 20

LONGEST_LINE = 2 << 20
"""Characters read from one line; the rest of a longer line is dropped and counted."""

# UTF-32 before UTF-16, whose mark is the beginning of that of UTF-32-LE. The names contain the byte
# order, because the text is read from behind the mark.
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8", 3),
    (b"\xff\xfe\x00\x00", "utf-32-le", 4),
    (b"\x00\x00\xfe\xff", "utf-32-be", 4),
    (b"\xff\xfe", "utf-16-le", 2),
    (b"\xfe\xff", "utf-16-be", 2),
)

_UNPACK = "unpack it and give the .csv files"
_ARCHIVES = (
    (0, b"\x1f\x8b", "a gzip archive", "rename it to end in .csv.gz, or in .tgz if it holds files"),
    (0, b"PK\x03\x04", "a zip archive", "rename it to end in .zip"),
    (257, b"ustar", "a tar archive", "rename it to end in .tar, or in .tgz if it is compressed"),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ", "an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
)
"""Offset of an archive's signature, the signature, what the archive is, and what to do."""

# Each group is one way in which a backslash can be used. Matches go from left to right, so a pair
# of backslashes is never taken apart. The pattern begins with a literal backslash, which lets the
# search run at the speed of memchr. A megabyte of the same use is a single match.
_BACKSLASH = re.compile(
    r"""\\(?:
        (?P<doubled_quote>"\\")       # an inner quote doubled, then each half escaped
      | (?P<pair>\\(?:[^"\\]*+\\\\)*+)  # an escaped backslash, or two backslashes, and more of them
      | (?P<quote>"(?=[^",;\t\r\n]))  # an escaped quote inside of a cell
      | (?P<edge>")                   # an escaped quote, or a cell that ends in a backslash
      | (?P<plain>(?:[^"\\]++\\(?!["\\]))*+)  # a backslash that nothing escapes, and more of them
    )""",
    re.VERBOSE,
)
_PAIRS = re.compile(r"\\\\+")
_IN_WORD = re.compile(r"[\w.:$)%]")


class Quoting(Enum):
    """How quotes and backslashes inside a cell are written."""

    STANDARD = "standard"
    """Inner quotes doubled, backslashes as they are (RFC 4180)."""
    ESCAPED = "escaped"
    """A backslash before every inner quote and backslash."""
    DOUBLED_ESCAPED = "doubled and escaped"
    r"""Inner quotes doubled and each half escaped, ``\"\"``; backslashes doubled."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a reader must know before the first row."""

    encoding: str
    start: int
    """Bytes of byte order mark in front of the header."""
    quoting: Quoting
    clean: bool
    """Only ASCII, and no NUL: cells need no repair."""
    long_lines: bool
    """A line is longer than ``LONGEST_LINE`` characters."""


def detect_layout(file: BinaryIO, name: str) -> Layout:
    """Read the file once, in chunks, and determine how it is written.

    The whole file is read, because the one row that shows its quoting can be the last. Raises
    ``NotReadyError`` for a file without content, ``ReportUnreadableError`` for one that is not
    text.
    """
    file.seek(0)
    head = file.read(4096)
    if not head:
        raise NotReadyError(f"{name}: the file is still empty; fetch it again later")
    encoding, start = _encoding(head, name)
    backslashes: set[str] = set()
    clean = True
    blank = True
    run = longest = 0
    file.seek(start)
    for chunk in _chunks(file, encoding):
        clean = clean and chunk.isascii() and "\0" not in chunk
        blank = blank and not chunk.strip()
        run, longest = _longest_line(chunk, run, longest)
        if "\\" in chunk and "quote" not in backslashes:
            _note_backslashes(chunk, backslashes)
    if blank:
        raise NotReadyError(f"{name}: the file holds only blank lines; fetch it again later")
    return Layout(encoding, start, _quoting(backslashes), clean, longest > LONGEST_LINE)


def _encoding(head: bytes, name: str) -> tuple[str, int]:
    for mark, encoding, length in _BOMS:
        if head.startswith(mark):
            return encoding, length
    # UTF-16 without a mark: every other byte of an ASCII header is zero.
    if head[1:40:2].count(0) == len(head[1:40:2]) > 1:
        return "utf-16-le", 0
    if head[:40:2].count(0) == len(head[:40:2]) > 1:
        return "utf-16-be", 0
    for at, mark, kind, advice in _ARCHIVES:
        if head.startswith(mark, at):
            raise ReportUnreadableError(f"{name}: the file is {kind}; {advice}")
    first_line = head.lstrip().split(b"\n")[0]
    # A few are no proof: NULs in a header are removed and reported.
    control = sum(byte < 32 and byte not in b"\t\r" for byte in first_line)
    if control > len(first_line) // 10:
        raise ReportUnreadableError(f"{name}: the file is binary, not CSV text")
    return "utf-8", 0


def _chunks(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield the text in chunks that end where a line ends, unless that line is enormous.

    UTF-8 is decoded as Latin-1, one character for each byte: only ASCII matters here, and this
    decoding cannot fail.
    """
    wide = encoding != "utf-8"
    while block := file.read(_CHUNK):
        if block[-1:] != b"\n":
            block += file.readline(_CHUNK)
        if wide:
            # The newline byte is only part of a character, so the block is completed to whole
            # units. A surrogate pair may still be cut; what it becomes does not matter here.
            width = 4 if encoding.startswith("utf-32") else 2
            block += file.read(-len(block) % width)
            yield block.decode(encoding, errors="replace")
        else:
            yield block.decode("latin-1")


def _longest_line(chunk: str, run: int, longest: int) -> tuple[int, int]:
    """Return the length of the line still open (``run``), and the longest seen so far.

    Only lines that span chunks are measured: a chunk is no longer than ``LONGEST_LINE``, so a line
    inside of one is not too long.
    """
    first = chunk.find("\n")
    if first < 0:
        run += len(chunk)
        return run, max(longest, run)
    longest = max(longest, run + first)
    return len(chunk) - chunk.rfind("\n") - 1, longest


def _note_backslashes(chunk: str, seen: set[str]) -> None:
    for match in _BACKSLASH.finditer(chunk):
        if (kind := str(match.lastgroup)) not in seen:
            seen.add(kind)
            if kind == "quote":
                # This alone decides the quoting.
                return
    if "pair in word" not in seen and any(
        _IN_WORD.match(chunk, run.start() - 1) for run in _PAIRS.finditer(chunk) if run.start()
    ):
        seen.add("pair in word")


def _quoting(seen: Set[str]) -> Quoting:
    r"""Determine the quoting from how backslashes are used in the whole file.

    A file that doubles its quotes can contain neither ``\"`` inside a cell nor ``\"\"``: one of
    them is proof enough. Without such proof, doubled backslashes are taken as escaped ones only if
    no backslash stands alone and at least one pair follows a word: the pair that begins a UNC path
    does not.
    """
    if "quote" in seen:
        return Quoting.ESCAPED
    if "doubled_quote" in seen:
        return Quoting.DOUBLED_ESCAPED
    if "pair in word" in seen and "plain" not in seen and "edge" not in seen:
        return Quoting.ESCAPED
    return Quoting.STANDARD


SURPLUS = "_surplus"
"""Name of the last, virtual column: the cells of a row beyond its header, as one CSV line."""

# Published names have 38 characters at most, and reports 92 columns.
NAME_CHARACTERS = 100
MAX_COLUMNS = 5_000
HEADER_CHARACTERS = 1 << 20
"""Limit for a header line: far more than any has, but few enough to split in one go."""

_MARKUP = re.compile(r"\s*(<[!?a-z/]|[{\[])", re.IGNORECASE)
# A day, or an IP or MAC address: rows begin with these, and no column is called so.
_DATA = re.compile(r"\d{4}-\d\d-\d\d|\d{1,3}(\.\d{1,3}){3}$|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*$", re.I)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


_SEPARATOR_LINE = re.compile(
    r"""[\ufeff\s]*"?sep=(?P<delimiter>[^\s\w"]|\t)"?(?P=delimiter)*\s*\Z""", re.IGNORECASE
)


def declared_delimiter(line: str) -> str:
    """Return the delimiter that a line like ``sep=;`` names; empty for any other line.

    Spreadsheets write such a line before the header, sometimes padded with delimiters.
    """
    found = _SEPARATOR_LINE.match(line)
    return found["delimiter"] if found is not None else ""


def delimiter_of(line: str) -> str:
    """Return the delimiter of a header line: a comma, unless it has only semicolons or tabs."""
    if "," in line:
        return ","
    return max(",", ";", "\t", key=line.count)


def read_header(line: str, delimiter: str, name: str) -> list[str]:
    """Return the cells of the header line as they are.

    Raises ``ReportUnreadableError`` naming the file if the line cannot be a header. The message
    quotes nothing of the line: a file that is no report may contain secrets.
    """
    if len(line) > HEADER_CHARACTERS:
        raise ReportUnreadableError(
            f"{name}: the first line has more than {HEADER_CHARACTERS:,} characters; it is not a "
            "CSV header"
        )
    if _MARKUP.match(line):
        kind = "JSON" if line.lstrip()[0] in "{[" else "HTML or XML"
        raise ReportUnreadableError(f"{name}: the file is {kind}, not a CSV report")
    cells = next(csv.reader([line], delimiter=delimiter), [])
    if len(cells) < 2:
        raise ReportUnreadableError(f"{name}: the first line is not a CSV header: it has one cell")
    if len(cells) > MAX_COLUMNS:
        raise ReportUnreadableError(
            f"{name}: the header has {len(cells)} columns, more than {MAX_COLUMNS}"
        )
    at = next((at for at, cell in enumerate(cells, 1) if _DATA.match(cell.strip())), None)
    if at is not None:
        raise ReportUnreadableError(
            f"{name}: the header is missing, the first line holds data (cell {at})"
        )
    return cells


def column_names(cells: list[str], anomalies: Anomalies) -> tuple[str, ...]:
    """Return the names of the columns: lower-case, trimmed, never empty, each once.

    A repeated name gets a number: ``tag``, ``tag_2``. A column without a name is
    ``column_<position>``, from 1.
    """
    # To csv, a quote after a space is part of the cell.
    plain = [
        _UNPRINTABLE.sub("", cell).strip().strip('"').strip().lower()[:NAME_CHARACTERS]
        for cell in cells
    ]
    taken = {SURPLUS}
    # Name -> the number to try next. Starting from 2 each time would take long for thousands of
    # equal names.
    numbers: dict[str, int] = {}
    names: list[str] = []
    for position, name in enumerate(plain, start=1):
        if not name:
            anomalies.add("column without a name", 0, f"column_{position}")
            name = f"column_{position}"
        unique = name
        number = numbers.get(name, 2)
        while unique in taken:
            unique = f"{name}_{number}"
            number += 1
        numbers[name] = number
        if unique != name:
            anomalies.add("column name used twice", 0, name)
        taken.add(unique)
        names.append(unique)
    return tuple(names)
