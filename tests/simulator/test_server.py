"""The simulator as seen by any HTTP client."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from shadowserver_connector.api.client import sign
from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.api.memory import DAY, DAY_BEFORE, KEY, SECRET, MemoryStore, csv, stored

SSL = stored("scan_ssl", rows=3)
SSL_OTHER = stored("scan_ssl", list="example-org", rows=4)
VNC = stored("scan_vnc", id="tok?en=a:b&c")
OLD = stored("scan_vnc", day=DAY_BEFORE, rows=7)
# Loading the usual certificates for each request would take most of these tests' time.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
get = partial(httpx.get, verify=NO_TLS)
send = partial(httpx.post, verify=NO_TLS)
FILES = {SSL: csv(3), SSL_OTHER: csv(4), VNC: csv(5000), OLD: csv(7)}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Serve a few reports of two days."""
    with Simulator(MemoryStore(dict(FILES)), key=KEY, secret=SECRET) as running:
        yield running


def post(simulator: Simulator, method: str, **fields: object) -> httpx.Response:
    """Call a method with a valid signature."""
    body = json.dumps({"apikey": KEY, **fields}).encode()
    return send(simulator.api_url + method, content=body, headers={"HMAC2": sign(body, SECRET)})


def files(answer: httpx.Response) -> list[str]:
    """Return the file names in a list."""
    return sorted(entry["file"] for entry in answer.json())


def test_ping_and_key_info(simulator: Simulator) -> None:
    """A valid signature is accepted."""
    assert "pong" in post(simulator, "test/ping").json()
    assert post(simulator, "key/info").json()["apikey"] == KEY


@pytest.mark.parametrize(
    ("body", "signed", "status"),
    [
        (b'{"apikey": "%s"}' % KEY.encode(), b'{"apikey":"%s"}' % KEY.encode(), 403),
        (b'{"apikey": "other"}', None, 403),
        (b"{}", None, 403),
        (b"[]", None, 403),
        (b"{", None, 400),
    ],
    ids=["other bytes signed", "other key", "no key", "no object", "no JSON"],
)
def test_wrong_requests_are_refused(
    simulator: Simulator, body: bytes, signed: bytes | None, status: int
) -> None:
    """A wrong key, or a signature of other bytes, is refused."""
    headers = {"HMAC2": sign(signed or body, SECRET)}
    answer = send(simulator.api_url + "test/ping", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert send(simulator.api_url + "test/ping", content=body).status_code == 403


def test_get_is_no_way_to_ask_and_methods_must_exist(simulator: Simulator) -> None:
    """Only POST to an existing method is answered."""
    assert get(simulator.api_url + "test/ping").status_code == 404
    assert post(simulator, "reports/download").status_code == 404


def test_subscriptions_and_types(simulator: Simulator) -> None:
    """Both come from the store; types can be requested with details."""
    assert post(simulator, "reports/subscribed").json() == ["example-net", "example-org"]
    assert post(simulator, "reports/types").json() == ["scan_ssl", "scan_vnc"]
    assert post(simulator, "reports/types", detail=True).json() == [
        {"type": "scan_ssl", "url": "https://reports.example/scan_ssl"},
        {"type": "scan_vnc", "url": "https://reports.example/scan_vnc"},
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"date": "2024-01-31"}, [SSL, SSL_OTHER, VNC]),
        ({}, [SSL, SSL_OTHER, VNC]),
        ({"date": "2024-01-30:2024-01-31"}, [OLD, SSL, SSL_OTHER, VNC]),
        ({"date": "2024-02-01"}, []),
        ({"date": "2024-01-31", "types": ["scan_vnc"]}, [VNC]),
        ({"date": "2024-01-31", "type": "scan_vnc"}, [VNC]),
        ({"date": "2024-01-31", "reports": ["example-org"]}, [SSL_OTHER]),
        ({"date": "2024-01-31", "reports": ["nobody"]}, []),
    ],
)
def test_lists_are_filtered(
    simulator: Simulator, fields: dict[str, object], expected: list[object]
) -> None:
    """Lists can be filtered by day, range of days, list, and type in both spellings."""
    answer = post(simulator, "reports/list", **fields)
    assert files(answer) == sorted(report.file for report in expected)  # type: ignore[attr-defined]


def test_a_list_entry_has_the_published_fields(simulator: Simulator) -> None:
    """``timestamp`` is the day and ``report`` the list."""
    (entry,) = post(simulator, "reports/list", reports=["example-org"]).json()
    assert entry == {
        "id": SSL_OTHER.id,
        "type": "scan_ssl",
        "file": "2024-01-31-scan_ssl-example-org.csv",
        "report": "example-org",
        "timestamp": "2024-01-31",
        "url": "https://reports.example/scan_ssl",
    }


def test_lists_are_cut_at_their_limit(simulator: Simulator) -> None:
    """A list has at most ``limit`` entries."""
    assert len(post(simulator, "reports/list", limit=2).json()) == 2
    many = {stored("t", list=f"l{number}"): b"ip\n" for number in range(1100)}
    with Simulator(MemoryStore(dict(many)), key=KEY, secret=SECRET) as other:
        assert len(post(other, "reports/list").json()) == 1000


@pytest.mark.parametrize(
    "fields", [{"date": "soon"}, {"date": "1:2:3"}, {"limit": 0}, {"types": 7}]
)
def test_wrong_fields_are_an_error(simulator: Simulator, fields: dict[str, object]) -> None:
    """A wrong field is an error that says why, not an empty list."""
    answer = post(simulator, "reports/list", **fields)
    assert answer.status_code == 400
    assert "invalid" in answer.json()["error"]


def test_stats_count_rows_by_day_and_type(simulator: Simulator) -> None:
    """Statistics have a header, then a sum over all lists per day and type."""
    assert post(simulator, "reports/stats", date="2024-01-30:2024-01-31").json() == [
        ["date", "type", "events"],
        ["2024-01-30", "scan_vnc", 7],
        ["2024-01-31", "scan_ssl", 7],
        ["2024-01-31", "scan_vnc", 1],
    ]


def test_the_sample_list_has_a_file_of_every_type(simulator: Simulator) -> None:
    """``reports: ["test"]`` works with any key; its ids have a colon."""
    entries = post(simulator, "reports/list", reports=["test"], date="2024-01-31").json()
    assert {entry["id"] for entry in entries} == {"test:scan_ssl", "test:scan_vnc"}
    assert {entry["timestamp"] for entry in entries} == {"2010-02-10"}
    assert get(simulator.download_url + "test:scan_vnc").content == FILES[VNC]


@pytest.mark.parametrize("chunked", [False, True])
def test_files_are_served_by_id(chunked: bool) -> None:
    """A file is sent with its length, or in chunks if that is unknown."""
    store = MemoryStore(dict(FILES), chunked=chunked)
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        answer = get(simulator.download_url + VNC.id)
        assert answer.content == FILES[VNC]
        assert ("content-length" in answer.headers) is not chunked
        assert get(simulator.download_url + "nobody").status_code == 404


def test_requests_are_counted(simulator: Simulator) -> None:
    """Requests are counted by method, path and bytes sent, and connections too."""
    with httpx.Client(verify=NO_TLS) as client:
        client.get(simulator.download_url + SSL.id)
        client.get(simulator.download_url + VNC.id)
        client.post(simulator.api_url + "test/ping", headers={"X-A": "b"}, content=b"x")
    assert simulator.connections == 1
    assert simulator.requests.count() == 3
    assert simulator.requests.count("GET", "/dl/*") == 2
    assert simulator.requests.bytes_sent("GET") == len(FILES[SSL]) + len(FILES[VNC])
    (ping,) = simulator.requests.matching("POST", "/api2/test/ping")
    assert (ping.headers["x-a"], ping.body, ping.status) == ("b", b"x", 403)
    simulator.requests.clear()
    assert simulator.requests.count() == 0


REPLACED = {
    FaultKind.STATUS: (503, b'{"error"'),
    FaultKind.ERROR: (200, b'{"error"'),
    FaultKind.CREDENTIALS: (200, b'{"error"'),
    FaultKind.BROKEN_JSON: (200, b'[{"id'),
    FaultKind.WRONG_JSON: (200, b'{"answer"'),
    FaultKind.DEEP_JSON: (200, b"[[[["),
    FaultKind.HTML: (200, b"<!DOCTYPE"),
    FaultKind.EMPTY: (200, b""),
    FaultKind.REDIRECT: (302, b""),
}


@pytest.mark.parametrize("kind", REPLACED)
def test_a_fault_replaces_one_answer(simulator: Simulator, kind: FaultKind) -> None:
    """After a fault, the next request on the connection gets its real answer."""
    simulator.faults.add(
        Fault(kind, "/dl/*", location="https://elsewhere.example/", retry_after="9")
    )
    with httpx.Client(verify=NO_TLS) as client:
        broken = client.get(simulator.download_url + SSL.id)
        right = client.get(simulator.download_url + SSL.id)
    status, start = REPLACED[kind]
    assert broken.status_code == status
    assert broken.content.startswith(start)
    assert broken.headers["retry-after"] == "9"
    assert right.content == FILES[SSL]
    assert simulator.connections == 1


@pytest.mark.parametrize("kind", [FaultKind.TRUNCATED, FaultKind.RESET, FaultKind.HANG])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_fault_breaks_the_connection(kind: FaultKind, chunked: bool) -> None:
    """The client gets a transport error, and the next request is answered."""
    store = MemoryStore(dict(FILES), chunked=chunked)
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        simulator.faults.add(Fault(kind))
        with pytest.raises(httpx.TransportError):
            get(simulator.download_url + SSL.id)
        assert get(simulator.download_url + SSL.id).content == FILES[SSL]
        assert simulator.requests.matching()[0].sent < len(FILES[SSL])


def test_a_reset_is_a_reset(simulator: Simulator) -> None:
    """The connection ends by a TCP reset, not an orderly close."""
    simulator.faults.add(Fault(FaultKind.RESET))
    with pytest.raises(httpx.ReadError, match="reset"):
        get(simulator.download_url + SSL.id)


def test_a_hang_does_not_delay_the_stop() -> None:
    """Stopping ends a request that would hang for an hour."""
    with Simulator(MemoryStore(dict(FILES)), key=KEY, secret=SECRET) as simulator:
        simulator.faults.add(Fault(FaultKind.HANG, seconds=3600))
        with pytest.raises(httpx.ReadTimeout):
            get(simulator.download_url + SSL.id, timeout=0.05)


def test_a_slow_body_is_right_and_slow(simulator: Simulator) -> None:
    """A slow body is complete; a client that leaves gets no more of it."""
    simulator.faults.add(Fault(FaultKind.SLOW, seconds=0.001))
    assert get(simulator.download_url + SSL.id).content == FILES[SSL]
    simulator.faults.add(Fault(FaultKind.SLOW, seconds=3600))
    with pytest.raises(httpx.ReadTimeout):
        get(simulator.download_url + SSL.id, timeout=0.05)


def test_a_huge_body_has_no_end(simulator: Simulator) -> None:
    """A huge body continues until the client closes the connection."""
    simulator.faults.add(Fault(FaultKind.HUGE))
    received = 0
    with httpx.stream("GET", verify=NO_TLS, url=simulator.download_url + SSL.id) as answer:
        for chunk in answer.iter_raw():
            received += len(chunk)
            if received > 10 * 1024**2:
                break
    assert get(simulator.download_url + SSL.id).content == FILES[SSL]


def test_faults_hit_where_and_as_often_as_asked(simulator: Simulator) -> None:
    """A fault can be set by path, after some requests, for a number of times, or until cleared."""
    simulator.faults.add(Fault(FaultKind.STATUS, "/dl/*", times=2, skip=1, status=500))
    simulator.faults.add(Fault(FaultKind.STATUS, "/api2/*", times=None, status=429))
    with httpx.Client(verify=NO_TLS) as client:
        downloads = [client.get(simulator.download_url + SSL.id).status_code for _ in range(4)]
    assert downloads == [200, 500, 500, 200]
    assert [post(simulator, "test/ping").status_code for _ in range(3)] == [429] * 3
    simulator.faults.clear()
    assert post(simulator, "test/ping").status_code == 200


def test_a_port_is_free_again_after_the_stop() -> None:
    """A stopped simulator can start again on its port, as after an outage."""
    store = MemoryStore(dict(FILES))
    with Simulator(store, key=KEY, secret=SECRET) as first, httpx.Client(verify=NO_TLS) as client:
        client.get(first.download_url + SSL.id)
    with Simulator(store, key=KEY, secret=SECRET, port=first.port) as second:
        assert second.download_url == first.download_url
        body = get(second.download_url + SSL.id).content
    assert hashlib.sha256(body).digest() == hashlib.sha256(FILES[SSL]).digest()


def test_ids_stay_out_of_reprs() -> None:
    """The repr of a stored report omits its id, so that it can be logged."""
    assert SSL.id not in repr(SSL)
    assert SSL.day == DAY
