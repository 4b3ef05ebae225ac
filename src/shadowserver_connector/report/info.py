"""What is known of a report before its rows are read: name, type, day, list, size, hashes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from shadowserver_connector.errors import ReportUnreadableError


@dataclass(frozen=True, slots=True)
class ReportInfo:
    """One report file as the Reports API lists it, or as its file name tells it.

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
    """Name of the subscriber's report list; empty where only the file is known."""
    id: str = field(default="", repr=False)
    """Opaque token of the Reports API; empty for a file on disk."""
    url: str = ""
    """Shadowserver's page on the type, where the API names it."""


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


NAME_CHARACTERS = 200
"""Longest file name kept: file systems stop at 255 bytes, and suffixes are added later."""

TYPE_CHARACTERS = 64
"""Longest type that a name gives; Shadowserver's have 40 at most."""

_SPECIAL = "special"
"""Shadowserver's type for reports that are issued once, and whose files are named freely."""

_EXTENSION = re.compile(r"(\.(csv|tsv|txt|gz|zip))+$", re.IGNORECASE)
_DAY = re.compile(r"^(\d{4}-\d{2}-\d{2})-")
_NO_TYPE = re.compile(r"[\W_]+")
_UNSAFE = re.compile(r"[^\w.,=@+()\[\]-]+")
_DUPLICATE_MARK = re.compile(r"[ _]?\(\d+\)$")


def safe_name(name: str) -> str:
    """Return the last part of a path-like name as a harmless file name.

    Folders, control characters, leading dots and anything that a shell or a terminal would
    interpret are gone; an overlong name is cut but keeps its extension. Never empty.
    """
    base = re.split(r"[/\\]", name)[-1]
    base = _UNSAFE.sub("_", base).lstrip(".-").rstrip(". ")
    if len(base.encode()) > NAME_CHARACTERS:
        extension = match.group() if (match := _EXTENSION.search(base)) else ""
        kept = base.encode()[: NAME_CHARACTERS - len(extension)].decode(errors="ignore")
        base = kept + extension
    return base or "report.csv"


def info_from_filename(
    name: str, known_types: Collection[str], fallback_day: date | None = None
) -> ReportInfo:
    """Read day, type and list from a name as Shadowserver gives it.

    Names are ``2024-01-31-scan_ssl-example_org.csv`` or ``2024-01-31-scan_ssl-1234-example.csv``,
    also with ``.csv.gz`` or ``.zip``. The longest known type that fits wins; an unknown type is
    the part up to the next hyphen. Where that is a number, the name is a free one, such as
    ``2024-01-31-2023-12-scan-example.csv``: a special report's. A name without a day, such as
    ``scan_ssh.csv``, gets ``fallback_day``; unless it begins with a known type, nothing says where
    its type ends, and the whole of it is the type: ``Open-IPMI.csv`` is ``open_ipmi``.

    Raises ``ReportUnreadableError`` where no day can be told, or no type.
    """
    file = safe_name(name)
    stem = _DUPLICATE_MARK.sub("", _EXTENSION.sub("", file))
    named_day, rest = _day_and_rest(stem)
    day = named_day or fallback_day
    if day is None:
        raise ReportUnreadableError(
            f"{file}: the name has no day; name the file YYYY-MM-DD-<type>-<list>.csv"
        )
    known = _longest_known(rest, known_types)
    first = rest.partition("-")[0]
    if not known and first.isdecimal():
        return ReportInfo(type=_SPECIAL, day=day, file=file, list=rest)
    named = known or (first if named_day else rest)
    report_type = known or _type_name(named)
    if not report_type:
        raise ReportUnreadableError(
            f"{file}: the name has no report type; name the file YYYY-MM-DD-<type>-<list>.csv"
        )
    listed = re.sub(r"^\d+-", "", rest[len(named) :].lstrip("-"))
    return ReportInfo(type=report_type, day=day, file=file, list=listed)


def _type_name(text: str) -> str:
    """Return a text in the form that Shadowserver's types have."""
    return _NO_TYPE.sub("_", text.lower()).strip("_")[:TYPE_CHARACTERS].rstrip("_")


def has_day(name: str) -> bool:
    """Tell whether a file name starts with a real day."""
    return named_day(name) is not None


def named_day(name: str) -> date | None:
    """Return the day that a file name starts with, or ``None`` where it does not."""
    return _day_and_rest(safe_name(name))[0]


def _day_and_rest(stem: str) -> tuple[date | None, str]:
    match = _DAY.match(stem)
    if match is None:
        return None, stem
    try:
        return date.fromisoformat(match.group(1)), stem[match.end() :]
    except ValueError:
        return None, stem


def _longest_known(rest: str, known_types: Collection[str]) -> str:
    lowered = rest.lower()
    fitting = (
        known for known in known_types if lowered == known or lowered.startswith(f"{known}-")
    )
    return max(fitting, key=len, default="")
