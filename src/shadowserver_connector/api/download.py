"""One report file from its id to the disk, hashed on the way, in constant memory."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import httpx

from shadowserver_connector.api.connection import (
    Deadline,
    TooLateError,
    check_encoding,
    enforcing,
    is_transient,
    retry_after_seconds,
    seconds_allowed,
    to_our_error,
)
from shadowserver_connector.errors import (
    DiskFullError,
    NotReadyError,
    ReportRefusedError,
    SinkUnavailableError,
    TransferError,
    is_disk_full,
)
from shadowserver_connector.report.info import NAME_BYTES, ReportInfo
from shadowserver_connector.waiting import RetryLaterError

_ID = re.compile(r"[A-Za-z0-9_.:?=&-]+")
_MAX_REDIRECTS = 5
_BOM = b"\xef\xbb\xbf"
# If the length is not announced, room is requested for this many bytes more than have arrived.
_STEP = 1024**2

Claim = Callable[[int], None]
"""Called with the size in bytes that a file is about to have; raises to cancel the download."""


def allow_any_size(_size: int) -> None:
    """Allow any size."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A complete report file on disk, with its size in bytes and its hash in hex."""

    path: Path
    size: int
    sha256: str


def report_url(download_url: str, report: ReportInfo) -> httpx.URL:
    """Concatenate host and id; URL joining would resolve ``test:x`` or ``//host`` to other places.

    ``download_url`` must be as `check_base_url` returns it. Raises ReportRefusedError for an id
    outside ``[A-Za-z0-9_.:?=&-]+``, and for one that an HTTP client would rewrite (``..``).
    """
    if _ID.fullmatch(report.id):
        url = httpx.URL(download_url + report.id)
        if str(url) == download_url + report.id:
            return url
    raise ReportRefusedError(f"{report.file}: the API lists it with an invalid id; skipped")


def target_path(into: Path, report: ReportInfo) -> Path:
    """Return the file's path in ``into``.

    Raises ReportRefusedError for a name with a folder, and for one that is not a printable line.
    """
    name = report.file
    # For Path, a backslash is an ordinary character, except on Windows.
    is_plain = name == Path(name).name and name.strip(". ") and "\\" not in name
    # In this order: a lone surrogate is not printable, and cannot be encoded.
    if not is_plain or not name.isprintable() or len(name.encode()) > NAME_BYTES:
        raise ReportRefusedError(f"{name[:200]!r} is not a file name; the report is skipped")
    return into / name


def download_once(
    client: httpx.Client,
    url: httpx.URL,
    path: Path,
    *,
    max_bytes: int,
    timeout: float,
    claim: Claim = allow_any_size,
) -> Downloaded:
    """Try once to download ``url`` to ``path``, which appears only when it is complete and on disk.

    ``claim`` is asked before anything is written, with the announced length, and again before the
    file grows beyond what it was asked for. An error that it raises ends the download and leaves no
    file. The headers of the answer, redirects included, must arrive within ``timeout`` seconds.
    Raises RetryLaterError (broken off, too slow, error of the server), NotReadyError (0 bytes),
    ReportRefusedError (gone, too large, on another host), DiskFullError and, where ``path`` cannot
    be written for another reason, SinkUnavailableError.
    """
    try:
        with (
            enforcing(Deadline(timeout)),
            _final_response(client, url) as response,
            _part_of(path) as part,
        ):
            _check_status(response)
            check_encoding(response, TransferError)
            size, sha256 = _copy(response, part, max_bytes, claim)
            _check_whole(response, size)
            if size == 0:
                raise NotReadyError("the file is still empty; it will be requested again")
            _check_is_report(part)
            _publish(part, path)
    except (NotReadyError, ReportRefusedError) as error:
        raise type(error)(f"{path.name}: {error}") from None
    except (httpx.HTTPError, httpx.InvalidURL, TooLateError) as error:
        raise to_our_error(error, TransferError) from None
    except OSError as error:
        kind = DiskFullError if is_disk_full(error) else SinkUnavailableError
        raise kind(f"cannot write to {path.parent}: {error.strerror}") from error
    return Downloaded(path, size, sha256)


@contextmanager
def _final_response(client: httpx.Client, url: httpx.URL) -> Iterator[httpx.Response]:
    # Not by httpx's own redirects: they lead to any host.
    request = client.build_request("GET", url)
    for _ in range(_MAX_REDIRECTS + 1):
        response = client.send(request, stream=True)
        try:
            if response.next_request is None:
                yield response
                return
        finally:
            response.close()
        target = response.next_request.url
        if _origin(target) != _origin(url):
            place = "scheme or port" if target.host == url.host else "host"
            raise ReportRefusedError(f"the download host points to another {place}; not followed")
        request = response.next_request
    raise ReportRefusedError("the download host redirects in circles")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    if is_transient(status):
        wait = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
        raise RetryLaterError(f"the download host answered {status}", retry_after=wait)
    if status == 404:
        # Outages of days have shown as 404. Not waited for, because a file may also be gone for
        # good: a report that fails is tried again in the next runs.
        raise ReportRefusedError(
            "the download host does not have it (status 404): it is gone, or there is an outage"
        )
    raise ReportRefusedError(f"the download host refuses to deliver it (status {status})")


@contextmanager
def _part_of(path: Path) -> Iterator[BinaryIO]:
    """Open a file next to ``path`` that is deleted afterwards, unless it was renamed meanwhile."""
    # In the same folder, hence on the same file system, where renaming is atomic. The name is cut,
    # so that what is added still fits into the 255 bytes that a name may have.
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part", delete=False
    ) as part:
        try:
            yield cast(BinaryIO, part)
        finally:
            Path(part.name).unlink(missing_ok=True)


def _copy(
    response: httpx.Response, part: BinaryIO, max_bytes: int, claim: Claim
) -> tuple[int, str]:
    # Asked before a byte is written, because there may be no room for so many.
    claimed = _announced_size(response) or 0
    _check_size(claimed, max_bytes)
    claim(claimed)
    digest = hashlib.sha256()
    size = 0
    # Kept by the connection too: what is not part of the file, such as empty chunks, must not take
    # forever.
    deadline = Deadline(seconds_allowed(size), "the file comes too slowly")
    with enforcing(deadline):
        for chunk in response.iter_bytes():
            size += len(chunk)
            _check_size(size, max_bytes)
            deadline.allow(seconds_allowed(size))
            deadline.left()
            if size > claimed:
                claimed = size + _STEP
                claim(claimed)
            digest.update(chunk)
            part.write(chunk)
    return size, digest.hexdigest()


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ReportRefusedError(f"the file is bigger than {max_bytes} bytes")


def _announced_size(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    # int() refuses thousands of digits.
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None


def _check_whole(response: httpx.Response, size: int) -> None:
    announced = _announced_size(response)
    if announced is not None and announced != size:
        raise RetryLaterError(
            f"only {size} of {announced} announced bytes arrived", kind=TransferError
        )


def _check_is_report(part: BinaryIO) -> None:
    """Refuse a page or a JSON error sent with status 200; no CSV header starts like these."""
    part.seek(0)
    if part.read(256).removeprefix(_BOM).lstrip().startswith((b"<", b"{")):
        raise RetryLaterError("the download host sent a page or a message instead of the file")


def _publish(part: BinaryIO, path: Path) -> None:
    # The file under this name is complete, even after a power cut.
    part.flush()
    os.fsync(part.fileno())
    Path(part.name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
