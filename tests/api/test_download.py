from __future__ import annotations

import errno
import gzip
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest

from shadowserver_connector.api import (
    ApiOptions,
    Downloaded,
    ReportsApi,
    RetryPolicy,
    connection,
)
from shadowserver_connector.api.download import download_once, report_url, target_path
from shadowserver_connector.errors import (
    ApiUnavailableError,
    DiskFullError,
    NotReadyError,
    ReportRefusedError,
    ShadowserverConnectorError,
    SinkUnavailableError,
    TransferError,
)
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.waiting import RetryLaterError
from tests.api.memory import DAY, csv

ID = "Zy9" * 16
NAME = "2024-01-31-scan_ssl-example.csv"
BODY = csv(500)


def report(id: str = ID, file: str = NAME) -> ReportInfo:
    """Return a report to download."""
    return ReportInfo(type="scan_ssl", day=DAY, file=file, list="example", id=id)


def download(
    into: Path, *replies: httpx.Response | Exception, max_bytes: int = 10**6
) -> tuple[Downloaded, int]:
    """Download with these replies, one per attempt; return also the number of attempts."""
    left = list(replies)

    def handler(_request: httpx.Request) -> httpx.Response:
        reply = left.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    retry = RetryPolicy(attempts=len(replies), sleep=lambda _: None)
    with ReportsApi(
        "k",
        "s",
        ApiOptions(retry=retry, max_bytes=max_bytes, requests_per_second=1e6),
        transport=httpx.MockTransport(handler),
    ) as api:
        done = api.download(report(), into)
    return done, len(replies) - len(left)


def test_a_file_is_stored_unchanged_with_its_hashes(tmp_path: Path) -> None:
    """The stored bytes, size and hashes are those of the body."""
    body = b"\xef\xbb\xbf" + BODY + b"\r\n\x00\xff"
    done, _ = download(tmp_path, httpx.Response(200, content=body))
    assert done.path == tmp_path / NAME
    assert done.path.read_bytes() == body
    assert done == Downloaded(
        tmp_path / NAME,
        len(body),
        hashlib.sha256(body).hexdigest(),
    )
    assert os.listdir(tmp_path) == [NAME]


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    """Until the last byte there is only a hidden part file; an earlier file stays."""
    seen: list[tuple[bool, bytes]] = []
    (tmp_path / NAME).write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        for chunk in (b"ip\n", b"192.0.2.1\n"):
            yield chunk
            parts = [name for name in os.listdir(tmp_path) if name.endswith(".part")]
            hidden = len(parts) == 1 and parts[0].startswith(".")
            seen.append((hidden, (tmp_path / NAME).read_bytes()))

    download(tmp_path, httpx.Response(200, content=chunks()))
    assert seen == [(True, b"old")] * 2
    assert (tmp_path / NAME).read_bytes() == b"ip\n192.0.2.1\n"
    assert os.listdir(tmp_path) == [NAME]


def test_a_file_is_on_disk_before_it_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part file is synced before it is renamed, and the folder afterwards."""
    synced: list[tuple[int, bool]] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append((os.fstat(handle).st_size, (tmp_path / NAME).exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    download(tmp_path, httpx.Response(200, content=BODY))
    assert synced[0] == (len(BODY), False)
    assert synced[1][1]


def broken() -> Iterator[bytes]:
    """Yield some bytes, then fail."""
    yield b"ip\n"
    raise httpx.ReadError("reset")


TRANSFERS: dict[str, Callable[[], httpx.Response | Exception]] = {
    "too short": lambda: httpx.Response(200, headers={"Content-Length": "99"}, content=[b"ip\n"]),
    "too long": lambda: httpx.Response(200, headers={"Content-Length": "1"}, content=[b"ip\n"]),
    "reset": lambda: httpx.Response(200, content=broken()),
    "no gzip": lambda: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=[b"ip"]),
    "read time-out": lambda: httpx.ReadTimeout("timed out"),
    "refused": lambda: httpx.ConnectError("refused"),
    "redirect to no URL": lambda: httpx.Response(302, headers={"Location": "a:0"}),
}
TROUBLES: dict[str, Callable[[], httpx.Response]] = {
    "500": lambda: httpx.Response(500, content=BODY),
    "503": lambda: httpx.Response(503),
    "429": lambda: httpx.Response(429),
    "page": lambda: httpx.Response(200, html="\n<!DOCTYPE html><html>Maintenance</html>"),
    "error": lambda: httpx.Response(200, json={"error": "try later"}),
    "page with BOM": lambda: httpx.Response(200, content=b"\xef\xbb\xbf<html></html>"),
}


@pytest.mark.parametrize("name", [*TRANSFERS, *TROUBLES])
def test_a_failed_transfer_is_repeated(tmp_path: Path, name: str) -> None:
    """The next attempt starts over and leaves the complete file only."""
    make = {**TRANSFERS, **TROUBLES}[name]
    done, attempts = download(tmp_path, make(), make(), httpx.Response(200, content=BODY))
    assert attempts == 3
    assert done.sha256 == hashlib.sha256(BODY).hexdigest()
    assert done.path.read_bytes() == BODY
    assert os.listdir(tmp_path) == [NAME]


@pytest.mark.parametrize("name", [*TRANSFERS, *TROUBLES])
def test_a_transfer_that_fails_always_leaves_nothing(tmp_path: Path, name: str) -> None:
    """A broken transfer and a host in trouble are distinct errors; both name the file."""
    make = {**TRANSFERS, **TROUBLES}[name]
    kind = TransferError if name in TRANSFERS else ApiUnavailableError
    with pytest.raises(kind, match=NAME) as caught:
        download(tmp_path, make(), make())
    assert ID not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_host_that_says_when_to_come_again_is_heard(tmp_path: Path) -> None:
    """``Retry-After`` counts for downloads too; a time in the past means no pause."""
    pauses: list[float] = []
    replies = [
        httpx.Response(503, headers={"Retry-After": "77"}),
        httpx.Response(503, headers={"Retry-After": "Wed, 31 Jan 2024 00:00:00 GMT"}),
        httpx.Response(200, content=BODY),
    ]
    retry = RetryPolicy(attempts=3, first_wait=0.5, sleep=pauses.append)
    with ReportsApi(
        "k",
        "s",
        ApiOptions(retry=retry, requests_per_second=1e6),
        transport=httpx.MockTransport(lambda _: replies.pop(0)),
    ) as api:
        api.download(report(), tmp_path)
    first, second = (pause for pause in pauses if pause > 1e-3)
    assert 77 <= first <= 77.5
    assert second <= 1.0


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 410, 451])
def test_a_file_that_is_not_given_is_refused_at_once(tmp_path: Path, status: int) -> None:
    """A refused download fails this report only; the error has file and status, not the id."""
    with pytest.raises(ReportRefusedError, match=f"{NAME}: .*{status}") as caught:
        download(tmp_path, httpx.Response(status, text=f"no {ID}"), httpx.Response(200))
    assert ID not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("headers", [{"Content-Length": "0"}, {}])
def test_an_empty_file_is_not_ready(tmp_path: Path, headers: dict[str, str]) -> None:
    """A file of 0 bytes is not ready: it is not stored, and not retried at once."""
    reply = httpx.Response(200, headers=headers, content=iter([b""]))
    with pytest.raises(NotReadyError, match=NAME):
        download(tmp_path, reply, httpx.Response(200, content=BODY))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_above_the_cap_is_refused(tmp_path: Path, announced: bool) -> None:
    """A file above the cap is refused by its announced length, or as soon as it exceeds it."""
    read: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b"x" * 1000

    headers = {"Content-Length": "1000000"} if announced else {}
    reply = httpx.Response(200, headers=headers, content=chunks())
    with pytest.raises(ReportRefusedError, match="bigger than 2500 bytes"):
        download(tmp_path, reply, max_bytes=2500)
    assert len(read) <= (0 if announced else 3)
    assert os.listdir(tmp_path) == []


def test_a_file_of_exactly_the_cap_is_taken(tmp_path: Path) -> None:
    """A file of exactly the largest allowed size is stored."""
    done, _ = download(tmp_path, httpx.Response(200, content=BODY), max_bytes=len(BODY))
    assert done.size == len(BODY)


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "identity, br", "GZIP", "zstd", "what"])
def test_a_file_that_comes_compressed_is_not_taken(tmp_path: Path, coding: str) -> None:
    """A compressed body is refused without unpacking a byte, as none was requested."""
    body = iter([gzip.compress(BODY)])
    reply = httpx.Response(200, headers={"Content-Encoding": coding}, content=body)
    with pytest.raises(TransferError, match="compressed"):
        download(tmp_path, reply)
    assert next(body, None) is not None
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("coding", ["Identity", "identity, identity", "", "identity,"])
def test_a_coding_that_is_none_is_taken(tmp_path: Path, coding: str) -> None:
    """A body with the coding ``identity``, even repeated, is stored."""
    reply = httpx.Response(200, headers={"Content-Encoding": coding}, content=BODY)
    done, _ = download(tmp_path, reply)
    assert done.path.read_bytes() == BODY


def test_a_redirect_on_the_same_host_is_followed(tmp_path: Path) -> None:
    """A redirect within the download host is followed."""
    moved = httpx.Response(302, headers={"Location": "/elsewhere?x=1"})
    done, _ = download(tmp_path, moved, httpx.Response(200, content=BODY))
    assert done.path.read_bytes() == BODY


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/a",
        "//evil.example/a",
        "http://dl.shadowserver.org/a",
        "https://dl.shadowserver.org:8443/a",
        "https://dl.shadowserver.org.evil.example/a",
        "https://dl.shadowserver.org@evil.example/a",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_to_another_place_is_refused(tmp_path: Path, location: str) -> None:
    """A redirect to another host, port or scheme is refused without a request there."""
    moved = httpx.Response(307, headers={"Location": location})
    with pytest.raises(ReportRefusedError, match="points to another"):
        download(tmp_path, moved, httpx.Response(200, content=BODY))
    assert os.listdir(tmp_path) == []


def test_redirects_in_circles_end(tmp_path: Path) -> None:
    """Only a few redirects are followed."""
    moved = [httpx.Response(302, headers={"Location": "/again"}) for _ in range(20)]
    with pytest.raises(ReportRefusedError, match="circles"):
        download(tmp_path, *moved)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that cannot be written is an error of the disk, but not a full disk."""
    with pytest.raises(SinkUnavailableError, match="missing: No such file") as caught:
        download(tmp_path / "missing", httpx.Response(200, content=BODY))
    assert not isinstance(caught.value, DiskFullError)


def test_a_full_disk_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk has an error of its own, as it is waited out; the part file is deleted."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="No space left"):
        download(tmp_path, httpx.Response(200, content=BODY))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "id", ["test:scan_vnc", "a", "A-b_c.d", "x?y=1&z=a:b", "a?b?c", "a..b", "..."]
)
def test_an_id_is_put_behind_the_host_unchanged(id: str) -> None:
    """Colons and question marks of an id are neither escaped nor special."""
    url = report_url("https://dl.example/", report(id))
    assert url.raw_path == f"/{id}".encode()
    assert url.host == "dl.example"
    assert str(url) == f"https://dl.example/{id}"


OTHER_PLACES = [".", "..", "..?x", "../x", "//evil.example", "/x", "https://evil.example/"]
OTHER_CHARACTERS = ["a b", "a\n", "a#b", "a%2e", "a\\b", "@evil.example", "ä", "a;b", "a\0", "a,b"]


@pytest.mark.parametrize("id", ["", *OTHER_PLACES, *OTHER_CHARACTERS])
def test_other_ids_are_refused(id: str) -> None:
    """An id that could change the URL's host or path is refused; the error names the file only."""
    with pytest.raises(ReportRefusedError, match=NAME):
        report_url("https://dl.example/", report(id))


@pytest.mark.parametrize(
    "name",
    [
        *("../x.csv", "/etc/x", "a/b.csv", "..", ".", "a\\b.csv", "...", " ", "x" * 300),
        *("a\0.csv", "a\n.csv", "\u202egpj.csv", "a\x1b[31m.csv"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    """A file name of the API that leads out of the folder is refused."""
    with pytest.raises(ReportRefusedError, match="is not a file name") as caught:
        target_path(tmp_path, report(file=name))
    assert "\n" not in str(caught.value)


def test_a_body_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer that would last for ever is ended although each read is in time."""
    monkeypatch.setattr(connection, "_GRACE", 0.05)

    def dripping() -> Iterator[bytes]:
        for _ in range(1000):
            time.sleep(0.01)
            yield b"x"

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=dripping())

    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        url = httpx.URL("https://dl.example/x")
        with pytest.raises(RetryLaterError, match="slowly") as caught:
            download_once(http, url, tmp_path / NAME, max_bytes=10**6, timeout=5)
    assert caught.value.kind is TransferError
    assert os.listdir(tmp_path) == []


class NoRoomError(Exception):
    """Raised by the function that is asked for room."""


def asking(into: Path, reply: httpx.Response, most: int) -> list[int]:
    """Download with room for so many bytes; return the sizes that were requested."""
    asked: list[int] = []

    def take(size: int) -> None:
        asked.append(size)
        if size > most:
            raise NoRoomError

    def handler(_request: httpx.Request) -> httpx.Response:
        # A second attempt would find the reply used up.
        return reply

    retries: list[object] = []
    retry = RetryPolicy(attempts=3, sleep=lambda _: None, on_retry=retries.append)
    with (
        ReportsApi(
            "k", "s", ApiOptions(retry=retry), transport=httpx.MockTransport(handler)
        ) as api,
        pytest.raises(NoRoomError) if most < 3 * 2**20 else nullcontext(),
    ):
        assert api.download(report(), into, take).size == 3 * 2**20
    assert retries == []
    return asked


def test_room_is_asked_for_once_where_the_length_is_announced(tmp_path: Path) -> None:
    """With an announced length, room is requested once, before the first byte is written."""
    body = b"a,b\n" + b"x" * (3 * 2**20 - 4)
    assert asking(tmp_path, httpx.Response(200, content=body), 2**40) == [3 * 2**20]
    (tmp_path / NAME).unlink()
    assert asking(tmp_path, httpx.Response(200, content=body), 2**20) == [3 * 2**20]
    assert os.listdir(tmp_path) == []


def test_room_is_asked_for_on_the_way_where_no_length_is_announced(tmp_path: Path) -> None:
    """Without a length, room is requested for each further MiB; a refusal leaves no file."""

    def body() -> Iterator[bytes]:
        yield b"a,b\n" + b"x" * (2**16 - 4)
        for _ in range(47):
            yield b"x" * 2**16

    asked = asking(tmp_path, httpx.Response(200, content=body()), 2**40)
    step = 2**20 + 2**16
    assert asked == [0, step, 2 * step, 3 * step]
    assert (tmp_path / NAME).stat().st_size == 3 * 2**20
    (tmp_path / NAME).unlink()
    assert asking(tmp_path, httpx.Response(200, content=body()), 2**20 + step) == [
        0,
        step,
        2 * step,
    ]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            httpx.Response(403),
            f"{NAME}: the download host refuses to deliver it (status 403)",
        ),
        (
            httpx.Response(404),
            f"{NAME}: the download host does not have it (status 404): it is gone, or there is an "
            "outage",
        ),
        (
            httpx.Response(302, headers={"Location": "http://dl.shadowserver.org/x"}),
            f"{NAME}: the download host points to another scheme or port; not followed",
        ),
        (
            httpx.Response(302, headers={"Location": "https://evil.example/x"}),
            f"{NAME}: the download host points to another host; not followed",
        ),
        (
            httpx.Response(200, content=b"x" * 1001),
            f"{NAME}: the file is bigger than 1000 bytes",
        ),
        (
            httpx.Response(200, content=iter([b"x" * 1001])),
            f"{NAME}: the file is bigger than 1000 bytes",
        ),
        (
            httpx.Response(200, content=b""),
            f"{NAME}: the file is still empty; it will be requested again",
        ),
        (
            httpx.Response(503),
            f"download of {NAME}: the download host answered 503 (1 attempt); try again later",
        ),
        (
            httpx.Response(200, content=b"\xef\xbb\xbf \n<html>"),
            f"download of {NAME}: the download host sent a page or a message instead of the file "
            "(1 attempt); try again later",
        ),
        (
            httpx.Response(200, headers={"Content-Length": "9"}, content=iter([b"a,b\n"])),
            f"download of {NAME}: only 4 of 9 announced bytes arrived (1 attempt); try again later",
        ),
    ],
)
def test_what_went_wrong_is_told_in_one_line(
    tmp_path: Path, reply: httpx.Response, said: str
) -> None:
    """An error names the file, what happened, and whether it will be retried."""
    with pytest.raises(ShadowserverConnectorError) as caught:
        download(tmp_path, reply, max_bytes=1000)
    assert str(caught.value) == said


def test_id_and_name_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    """An error about an id names the file, not the id; one about a name shows it cut."""
    with pytest.raises(ReportRefusedError) as caught:
        report_url("https://dl.example/", report("../x"))
    assert str(caught.value) == f"{NAME}: the API lists it with an invalid id; skipped"
    with pytest.raises(ReportRefusedError) as caught:
        target_path(tmp_path, report(file="x" * 201))
    assert str(caught.value) == f"'{'x' * 200}' is not a file name; the report is skipped"


@pytest.mark.parametrize("name", ["x" * 200, "ä" * 100, "a b.csv", ".hidden.csv"])
def test_usual_names_are_taken(tmp_path: Path, name: str) -> None:
    """A name may have 200 bytes, so that its hidden part file has a valid name too."""
    assert target_path(tmp_path, report(file=name)) == tmp_path / name


def test_five_redirects_are_followed_and_no_more(tmp_path: Path) -> None:
    """Five redirects within the host are followed; a sixth is an error."""

    def moved() -> httpx.Response:
        return httpx.Response(302, headers={"Location": "/again"})

    done, _ = download_through([moved() for _ in range(5)], tmp_path)
    assert done.size == len(BODY)
    with pytest.raises(ReportRefusedError) as caught:
        download_through([moved() for _ in range(6)], tmp_path)
    assert str(caught.value) == f"{NAME}: the download host redirects in circles"


def download_through(redirects: list[httpx.Response], into: Path) -> tuple[Downloaded, int]:
    """Download, in one attempt, what comes after some redirects."""
    return download(into, *redirects, httpx.Response(200, content=BODY))


def test_hidden_part_of_a_long_name_has_room_for_its_own(tmp_path: Path) -> None:
    """The part file of a long name begins with the name, cut, and is gone afterwards."""
    seen: list[str] = []

    def pieces() -> Iterator[bytes]:
        yield BODY[:100]
        seen.extend(os.listdir(tmp_path))
        yield BODY[100:]

    name = "x" * 196 + ".csv"
    with httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=pieces()))
    ) as plain:
        download_once(
            plain, httpx.URL("https://dl.example/x"), tmp_path / name, max_bytes=10**6, timeout=5
        )
    (part,) = seen
    assert part.startswith(f".{'x' * 100}.")
    assert part.endswith(".part")
    assert os.listdir(tmp_path) == [name]
