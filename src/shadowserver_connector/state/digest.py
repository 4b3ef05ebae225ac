"""Short digests of reports: enough to recognise one, not enough to fetch it."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from shadowserver_connector.report.info import ReportInfo

DIGEST_CHARS: Final = 12
# 72 bits: among 9,000 reports two share a digest with a probability of one in 10^14.
_DIGEST_BYTES: Final = DIGEST_CHARS * 6 // 8
_CONTENT_CHARS: Final = 8
"""How much of a content digest is of the bytes alone, whatever the names."""
# 48 bits: a file that is new is taken for one of 9,000 with a probability of one in 10^10.


def report_digest(info: ReportInfo) -> str:
    """Digest a report as listed: list, type, day, file and id."""
    return _digest(b"report", *_names(info), info.id)


def file_digest(info: ReportInfo) -> str:
    """Digest a report as a subscriber knows it: list, type, day and file, whatever its id."""
    return _digest(b"file", *_names(info))


def content_digest(info: ReportInfo, sha256: str) -> str:
    """Digest a report's file and what is inside; ``sha256`` is the file's, in hex.

    It begins with what `bytes_digest` says of the same bytes.
    """
    named = _digest(b"content", *_names(info), sha256)
    return bytes_digest(sha256) + named[_CONTENT_CHARS:]


def bytes_digest(sha256: str) -> str:
    """Digest what is inside of a file, under whatever name: the beginning of a content digest."""
    return _digest(b"bytes", sha256)[:_CONTENT_CHARS]


def _names(info: ReportInfo) -> tuple[str, str, str, str]:
    return (info.list, info.type, info.day.isoformat(), info.file)


def _digest(kind: bytes, *parts: str) -> str:
    # Lone surrogates may stand in a file name that an API answer made up.
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    raw = hashlib.blake2b(text, digest_size=_DIGEST_BYTES, person=kind).digest()
    return base64.urlsafe_b64encode(raw).decode()
