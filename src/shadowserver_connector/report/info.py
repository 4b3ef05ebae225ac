"""What is known about a report before its rows are read: name, type, day, list, size, hashes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from shadowserver_connector.errors import ReportUnreadableError


@dataclass(frozen=True, slots=True)
class ReportInfo:
    """One report file as described by the Reports API, or by its file name.

    ``id`` opens the file without credentials, so it is a secret: it stays out of ``repr``,
    logs, names and state.
    """

    type: str
    """Report type, such as ``scan_ssl``."""
    day: date
    """The day covered, UTC."""
    file: str
    """File name as Shadowserver gives it, ``2024-01-31-scan_ssl-example.csv``."""
    list: str = ""
    """Name of the subscriber's report list; empty if only the file is known."""
    id: str = field(default="", repr=False)
    """Opaque token of the Reports API; empty for a file on disk."""
    url: str = ""
    """Shadowserver's page on the type, if the API names it."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report's CSV on disk."""

    path: Path
    """Where its bytes are; in the work folder for a member of an archive."""
    name: str
    """Safe file name from which day and type are read."""
    shown_path: str
    """The path shown in messages, such as ``reports.zip/may/2024-05-31-scan_ssl-x.csv``."""
    archive: str = ""
    """Safe name of the archive around it; empty for a file that was in none."""
    is_only_member: bool = False
    """Whether the archive contains no other report."""


_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Size in bytes and the four hashes that an Artifact carries, as lower-case hex."""

    size: int
    md5: str
    sha1: str
    sha256: str
    sha512: str


def fingerprint(path: Path) -> FileFacts:
    """Read the file once, in constant memory, and return its size and hashes.

    Raises ``OSError`` where the file cannot be read.
    """
    # Not for security: they identify the file. Without the flag a Python in FIPS mode refuses MD5.
    digests = (
        hashlib.md5(usedforsecurity=False),
        hashlib.sha1(usedforsecurity=False),
        hashlib.sha256(),
        hashlib.sha512(),
    )
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            for digest in digests:
                digest.update(chunk)
    md5, sha1, sha256, sha512 = (digest.hexdigest() for digest in digests)
    return FileFacts(size, md5, sha1, sha256, sha512)


NAME_BYTES = 200
"""Longest file name kept: file systems stop at 255 bytes, and suffixes are added later."""

TYPE_CHARACTERS = 64
"""Longest type in a name; Shadowserver's have 40 characters at most."""

_SPECIAL = "special"
"""Shadowserver's type for reports that are issued once, and whose files have arbitrary names."""

_EXTENSION = re.compile(r"(\.(csv|tsv|txt|gz|zip|tgz|tar))+$", re.IGNORECASE)
_DAY = re.compile(r"^(\d{4}-\d{2}-\d{2})-")
# Of this century, and with the same separator twice: other numbers of eight digits are no days.
_DAY_ANYWHERE = re.compile(r"(?<![0-9])(20[0-9]{2})([-_.]?)([0-9]{2})\2([0-9]{2})(?![0-9])")
_NO_TYPE = re.compile(r"[\W_]+")
_BETWEEN_WORDS = r"[-_. ]"
_EDGES = "-_. "
_SECOND_FILE = "-delayed"
_UNSAFE = re.compile(r"[^\w.,=@+()\[\]-]+")
# Browsers add it to a name that they download again; `safe_name` replaces the space in it.
_DUPLICATE_MARK = re.compile(r"[ _]?\(\d+\)$")


def safe_name(name: str) -> str:
    """Return the last part of a path-like name as a harmless file name.

    Folders, control characters, leading dots and anything that a shell or a terminal would
    interpret are gone; an overlong name is cut but keeps its extension. Never empty.
    """
    base = re.split(r"[/\\]", name)[-1]
    base = _UNSAFE.sub("_", base).lstrip(".-").rstrip(". ")
    if len(base.encode()) > NAME_BYTES:
        extension = match.group() if (match := _EXTENSION.search(base)) else ""
        # The cut may go through a character.
        kept = base.encode()[: NAME_BYTES - len(extension)].decode(errors="ignore")
        base = kept.rstrip(". ") + extension
    return base or "report.csv"


def without_extension(name: str) -> str:
    """Return a file name without its extensions as a report or an archive."""
    return _DUPLICATE_MARK.sub("", _EXTENSION.sub("", name))


def info_from_filename(
    name: str, known_types: Mapping[str, str], fallback_day: date | None = None
) -> ReportInfo:
    """Read day, type and list from a name as Shadowserver gives it, or as others have changed it.

    ``known_types`` gives the type for each name that a type has or had. Names are
    ``2024-01-31-scan_ssl-example_org.csv`` or ``2024-01-31-scan_ssl-1234-example.csv``, also with
    ``.csv.gz`` or ``.zip``. The longest known type that fits wins; an unknown type is the part up
    to the next hyphen. Where that is a number, the name is a free one, such as
    ``2024-01-31-2023-12-scan-example.csv``: a special report's.

    Mail gateways, browsers and people put something in front, or write other separators. In such a
    name, ``[EXT] 2024_01_31 scan ssl example.csv``, day and known type may stand anywhere. A name
    without a day, such as ``scan_ssh.csv``, gets ``fallback_day``; unless a known type stands in
    it, nothing says where its type ends, and the whole of it is the type: ``Open-IPMI.csv`` is
    ``open_ipmi``.

    Raises ``ReportUnreadableError`` where no day can be told, or no type.
    """
    file = safe_name(name)
    stem = without_extension(file)
    day, rest = _day_and_rest(stem)
    found = _known_at_start(rest, known_types)
    first = rest.partition("-")[0]
    if day is None or (not found and first.isdecimal()):
        return _info_from_other_name(file, stem, known_types, fallback_day)
    report_type = known_types[found] if found else _type_name(first)
    if not report_type:
        raise _untold(file, "report type")
    return ReportInfo(report_type, day, file, _list_in(rest[len(found or first) :]))


def _info_from_other_name(
    file: str, stem: str, known_types: Mapping[str, str], fallback_day: date | None
) -> ReportInfo:
    """Read a name that Shadowserver did not give, or one of a special report."""
    named, start, end = _day_anywhere(stem)
    day = named or fallback_day
    if day is None:
        raise _untold(file, "day")
    known, rest = _known_around_day(stem, known_types)
    if known:
        return ReportInfo(known, day, file, _list_in(rest))
    rest = stem[end:].strip(_EDGES)
    first, _, listed = rest.partition("-") if named else (stem, "", "")
    if named and start == 0 and first.isdecimal():
        return ReportInfo(_SPECIAL, day, file, rest)
    report_type = _type_name(first)
    if not report_type:
        raise _untold(file, "report type")
    return ReportInfo(report_type, day, file, _list_in(listed))


def _untold(file: str, what: str) -> ReportUnreadableError:
    return ReportUnreadableError(
        f"{file}: the name has no {what}; name the file YYYY-MM-DD-<type>-<list>.csv"
    )


def _list_in(text: str) -> str:
    """Return the list in the rest of a name, without the number before it."""
    # A second, later file of a day has the same list.
    return re.sub(r"^\d+-", "", text.lstrip(_EDGES)).removesuffix(_SECOND_FILE)


def _type_name(text: str) -> str:
    """Return a text in the form of Shadowserver's types."""
    return _NO_TYPE.sub("_", text.lower()).strip("_")[:TYPE_CHARACTERS].rstrip("_")


def day_in_name(name: str) -> date | None:
    """Return the first day anywhere in a file name, or ``None``."""
    return _day_anywhere(safe_name(name))[0]


def type_in_name(name: str, known_types: Mapping[str, str]) -> str:
    """Return the known type in a file name; empty if there is none."""
    stem = without_extension(safe_name(name))
    _, rest = _day_and_rest(stem)
    found = _known_at_start(rest, known_types)
    return known_types[found] if found else _known_around_day(stem, known_types)[0]


def day_at_start(name: str) -> date | None:
    """Return the day at the start of a file name, or ``None``."""
    return _day_and_rest(safe_name(name))[0]


def _day_and_rest(stem: str) -> tuple[date | None, str]:
    match = _DAY.match(stem)
    if match is None:
        return None, stem
    try:
        return date.fromisoformat(match.group(1)), stem[match.end() :]
    except ValueError:
        return None, stem


def _day_anywhere(stem: str) -> tuple[date | None, int, int]:
    """Return the first real day in a name, and its place; the end of the name if there is none."""
    for match in _DAY_ANYWHERE.finditer(stem):
        try:
            day = date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            continue
        return day, match.start(), match.end()
    return None, len(stem), len(stem)


def _known_at_start(rest: str, known_types: Mapping[str, str]) -> str:
    lowered = rest.lower()
    fitting = (
        known for known in known_types if lowered == known or lowered.startswith(f"{known}-")
    )
    return max(fitting, key=len, default="")


def _known_around_day(stem: str, known_types: Mapping[str, str]) -> tuple[str, str]:
    """Return the known type after the day in a name, or else before it, and the rest."""
    _, start, end = _day_anywhere(stem)
    known, rest = _known_anywhere(stem[end:], known_types)
    if known:
        return known, rest
    known, rest = _known_anywhere(stem[:start], known_types)
    return known, f"{rest}{stem[end:]}"


def _known_anywhere(text: str, known_types: Mapping[str, str]) -> tuple[str, str]:
    """Return the longest known type in a text, with any separators between its words, and the rest.

    A type of one word is too much like any other word: it must be the whole text, or its first
    word.
    """
    lowered = text.lower()
    for known in sorted(known_types, key=lambda name: (-len(name), name)):
        words = known.split("_")
        pattern = _BETWEEN_WORDS.join(map(re.escape, words))
        start = r"(?<![a-z0-9])" if len(words) > 1 else rf"\A{_BETWEEN_WORDS}*"
        match = re.search(rf"{start}{pattern}(?![a-z0-9])", lowered)
        if match is not None:
            return known_types[known], text[match.end() :]
    return "", ""
