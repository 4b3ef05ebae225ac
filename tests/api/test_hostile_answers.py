"""Answers of a real server that are made to use up memory or time."""

from __future__ import annotations

import itertools
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import httpx
import orjson
import pytest

from shadowserver_connector.api import (
    ApiOptions,
    ReportsApi,
    RetryPolicy,
    answers,
    client,
    connection,
)
from shadowserver_connector.api.answers import AnswerError
from shadowserver_connector.api.connection import Deadline, TooLateError, read_bounded
from shadowserver_connector.errors import (
    ApiUnavailableError,
    RetriableError,
    SinkUnavailableError,
    TransferError,
)
from shadowserver_connector.operations import reachability
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings import Settings
from tests.api.memory import DAY, KEY, SECRET
from tests.api.scripted import scripted

pytestmark = pytest.mark.integration

REPORT: Final = ReportInfo(type="scan_ssl", day=DAY, file="2024-01-31-scan_ssl-x.csv", id="abc")
HANGS: Final = 30.0
"""Seconds after which a call counts as one without end; the time-outs here are a fraction."""


def connect(port: int, timeout: float = 0.3) -> ReportsApi:
    """Return a client that makes one attempt."""
    return ReportsApi(
        KEY,
        SECRET,
        ApiOptions(
            api_url=f"http://127.0.0.1:{port}/",
            download_url=f"http://127.0.0.1:{port}/",
            timeout=timeout,
            retry=RetryPolicy(attempts=1),
        ),
    )


CALLS: Final[dict[str, Callable[[ReportsApi, Path], object]]] = {
    "an answer": lambda api, _: api.list_reports(DAY),
    "a download": lambda api, folder: api.download(REPORT, folder),
}


@contextmanager
def ends() -> Iterator[None]:
    """Check that the block ends in time."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < HANGS


@cache
def twice_packed(megabytes: int) -> bytes:
    """Return zeros, compressed twice with gzip."""
    packed = zeros = bytes(1024**2)
    for pieces in (itertools.repeat(zeros, megabytes), None):
        packer = zlib.compressobj(9, wbits=31)
        packed = b"".join(map(packer.compress, pieces or [packed])) + packer.flush()
    return packed


@pytest.mark.parametrize("call", CALLS)
def test_a_body_packed_twice_is_not_unpacked(call: str, tmp_path: Path) -> None:
    """A few KB of ``gzip, gzip`` could fill the memory, so a compressed body is refused."""
    body = twice_packed(128)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    with scripted(lambda: [head.encode() + body]) as port, connect(port, timeout=10) as api:
        tracemalloc.start()
        try:
            with ends(), pytest.raises(RetriableError, match="compressed"):
                CALLS[call](api, tmp_path)
            assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b'{"a":1},' * 500_000 + b"1]",
        b"[" + b"[]," * 1_300_000 + b"1]",
        b'["' + "é".encode() * 1_900_000 + "😀".encode() + b'"]',
        b"[" + b" " * 50_000_000 + b"]",
    ],
    ids=["objects", "lists", "wide text", "long"],
)
def test_json_that_grows_in_memory_is_refused(body: bytes) -> None:
    """The memory of an answer's values is bounded, not only its bytes."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with scripted(lambda: [head + body]) as port, connect(port, timeout=10) as api:
        tracemalloc.start()
        try:
            with ends(), pytest.raises(ApiUnavailableError):
                api.list_reports(DAY)
            assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
        finally:
            tracemalloc.stop()


def test_a_full_list_is_far_from_the_bounds() -> None:
    """A list of 1,000 reports and the statistics of a year are accepted."""
    entry = {"id": "x" * 50, "type": "scan_ssl", "file": "x" * 60, "timestamp": "2024-01-31"}
    entry |= {"report": "x" * 40, "url": "https://www.shadowserver.org/" + "x" * 60}
    assert len(answers.read_reports(answers.parse_json(orjson.dumps([entry] * 1000)))) == 1000
    rows = [["date", "type", "events"], *[["2024-01-31", "population_http_proxy", 5]] * 366 * 180]
    body = orjson.dumps(rows)
    assert len(body) < client._MAX_ANSWER_BYTES
    assert len(answers.read_statistics(answers.parse_json(body))) == 366 * 180


@pytest.mark.parametrize("answer", [b'{"error":' + b"[" * 1000 + b"]" * 1000 + b"}"])
def test_errors_within_errors_are_an_error(answer: bytes) -> None:
    """Nested errors are an error, though nested too deeply for Python's ``repr``."""
    assert answers.error_in(answer) == "an error within errors"
    with pytest.raises(AnswerError):
        answers.read_reports(answers.parse_json(answer))


def dripping_headers() -> Iterable[bytes]:
    """Begin an answer whose headers never end."""
    yield b"HTTP/1.1 200 OK\r\n"
    yield from itertools.cycle([b"X", b": ", b"y", b"\r\n"])


def endless_informational() -> Iterable[bytes]:
    """Send informational responses without end."""
    yield from itertools.repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20)


def endless_status_line() -> Iterable[bytes]:
    """Begin an answer whose first line never ends."""
    yield b"HTTP/1.1 200 "
    yield from itertools.repeat(b"O")


NO_HEADERS: Final = [dripping_headers, endless_informational, endless_status_line]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("script", NO_HEADERS, ids=lambda script: script.__name__)
def test_headers_without_end_are_given_up(
    script: Callable[[], Iterable[bytes]], call: str, tmp_path: Path
) -> None:
    """Endless headers are given up, though each read is in time."""
    with (
        scripted(script, pause=0.02) as port,
        connect(port) as api,
        ends(),
        pytest.raises(RetriableError, match=r"no answer in time \(0\.3 seconds\)"),
    ):
        CALLS[call](api, tmp_path)


@pytest.mark.parametrize("script", NO_HEADERS, ids=lambda script: script.__name__)
def test_opencti_is_not_waited_for_without_end(
    script: Callable[[], Iterable[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands that first ask OpenCTI end too when it sends endless headers."""
    monkeypatch.setattr(reachability, "_TIMEOUT", 0.3)
    with (
        scripted(script, pause=0.02) as port,
        ends(),
        pytest.raises(SinkUnavailableError, match="no answer in time"),
    ):
        reachability.reach_opencti(opencti_at(port))


def opencti_at(port: int) -> Settings:
    """Return settings of a platform on this machine."""
    opencti = {"url": f"http://127.0.0.1:{port}", "token": "t"}
    connector = {"id": "6f2a9a0e-2f3c-4c55-9a06-3d7f3d2f3f55"}
    return Settings.model_validate({"opencti": opencti, "connector": connector})


def test_an_endless_answer_of_opencti_is_given_up() -> None:
    """An answer of OpenCTI is read up to a limit."""

    def endless() -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        yield from itertools.repeat(b" " * 65536, 1000)

    with (
        scripted(endless) as port,
        ends(),
        pytest.raises(SinkUnavailableError, match="longer than"),
    ):
        reachability.reach_opencti(opencti_at(port))


def dripping_body() -> Iterable[bytes]:
    """Send a body a byte at a time."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    yield from itertools.repeat(b" ")


def dripping_chunk() -> Iterable[bytes]:
    """Send a chunk's first line without end: none of its bytes belong to the body."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x="
    yield from itertools.repeat(b"y")


BODIES: Final = [dripping_body, dripping_chunk]


@pytest.mark.parametrize("script", BODIES, ids=lambda script: script.__name__)
def test_an_answer_that_drips_is_given_up(
    script: Callable[[], Iterable[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole answer has a limit of minutes, though each read is in time."""
    assert client._ANSWER_SECONDS <= 300
    monkeypatch.setattr(client, "_ANSWER_SECONDS", 0.5)
    with (
        scripted(script, pause=0.02) as port,
        connect(port) as api,
        ends(),
        pytest.raises(ApiUnavailableError, match=r"not complete within 0\.5 seconds"),
    ):
        api.list_reports(DAY)


@pytest.mark.parametrize("script", BODIES, ids=lambda script: script.__name__)
def test_a_file_that_drips_is_given_up(
    script: Callable[[], Iterable[bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A download that drips is given up, also if its bytes are not part of the file."""
    monkeypatch.setattr(connection, "_GRACE", 0.3)
    with (
        scripted(script, pause=0.02) as port,
        connect(port) as api,
        ends(),
        pytest.raises(TransferError, match="too slowly"),
    ):
        api.download(REPORT, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_read_loop_looks_at_the_clock() -> None:
    """The loop that reads a body checks the deadline itself, for any transport."""
    ticks = iter(range(0, 10_000, 50))
    deadline = Deadline(120, clock=lambda: next(ticks))
    response = httpx.Response(200, content=iter([b"x"] * 1000))
    with pytest.raises(TooLateError):
        read_bounded(response, 10**6, deadline)
    quick = httpx.Response(200, content=iter([b"x"] * 1000))
    assert len(read_bounded(quick, 10**6, Deadline(120, clock=lambda: 0))) == 1000


def test_a_deadline_begins_with_the_first_use() -> None:
    """Waiting for a free connection does not use up the deadline."""
    now = 100.0
    deadline = Deadline(10, clock=lambda: now)
    now = 500.0
    assert deadline.left() == 10
    now = 505.0
    assert deadline.left() == 5
    deadline.allow(20, "the rest")
    assert deadline.left() == 15
    now = 520.0
    with pytest.raises(TooLateError, match="the rest"):
        deadline.left()
