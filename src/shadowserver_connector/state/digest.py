"""Short digests of reports: enough to recognise one, not enough to fetch it."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from shadowserver_connector.report.info import ReportInfo

DIGEST_CHARS: Final = 12
# 72 bits: among 9,000 reports two share a digest with a probability of one in 10^14.
_DIGEST_BYTES: Final = DIGEST_CHARS * 6 // 8


def report_digest(info: ReportInfo) -> str:
    """Digest a report as listed: list, type, day, file and id."""
    return _digest(b"report", *_names(info), info.id)


def file_digest(info: ReportInfo) -> str:
    """Digest a report as a subscriber knows it: list, type, day and file, whatever its id."""
    return _digest(b"file", *_names(info))


def content_digest(info: ReportInfo, sha256: str) -> str:
    """Digest a report's file and what is inside; ``sha256`` is the file's, in hex."""
    return _digest(b"content", *_names(info), sha256)


def _names(info: ReportInfo) -> tuple[str, str, str, str]:
    return (info.list, info.type, info.day.isoformat(), info.file)


def _digest(kind: bytes, *parts: str) -> str:
    # Lone surrogates may stand in a file name that an API answer made up.
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    raw = hashlib.blake2b(text, digest_size=_DIGEST_BYTES, person=kind).digest()
    return base64.urlsafe_b64encode(raw).decode()
