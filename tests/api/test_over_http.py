"""The client against a real HTTP server, and the faults that it must survive."""

from __future__ import annotations

import hashlib
import logging
import os
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from shadowserver_connector.api import ApiOptions, ReportsApi, RetryPolicy
from shadowserver_connector.api.connection import network_of_environment, tls_context
from shadowserver_connector.errors import (
    ApiUnavailableError,
    CredentialsError,
    NotReadyError,
    ReportRefusedError,
    ShadowserverConnectorError,
    TransferError,
)
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.network import NETWORK_VARIABLES, Network
from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.api.memory import DAY, KEY, SECRET, MemoryStore, csv, stored
from tests.api.tls import certificates, proxy

pytestmark = pytest.mark.integration

SSL = stored("scan_ssl", id="Tok3n?a=b:c&d-" + "x" * 36, rows=3)
VNC = stored("scan_vnc", rows=5000)
FILES = {SSL: csv(3), VNC: csv(5000)}
API_HOST, FILE_HOST = "transform.example", "dl.example"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Serve two reports from a simulator of the API."""
    with Simulator(MemoryStore(dict(FILES)), key=KEY, secret=SECRET) as running:
        yield running


def connect(
    simulator: Simulator,
    *,
    secret: str = SECRET,
    timeout: float = 45,
    download_url: str = "",
    connections: int = 8,
) -> ReportsApi:
    """Return a client of the simulator without pauses or rate limit."""
    return ReportsApi(
        KEY,
        secret,
        ApiOptions(
            api_url=simulator.api_url,
            download_url=download_url or simulator.download_url,
            timeout=timeout,
            connections=connections,
            requests_per_second=1e6,
            retry=RetryPolicy(attempts=3, sleep=lambda _: None),
        ),
    )


def report(api: ReportsApi, type: str = "scan_vnc") -> ReportInfo:
    """Return the listed report of a type."""
    (found,) = api.list_reports(DAY, types=[type])
    return found


def test_every_method_works(simulator: Simulator, tmp_path: Path) -> None:
    """Each method works over HTTP, from ping to a file on disk, byte for byte."""
    with connect(simulator) as api:
        assert api.ping()
        assert api.subscriptions() == ["example-net"]
        assert api.available_types() == ["scan_ssl", "scan_vnc"]
        assert [row.events for row in api.stats(DAY, DAY)] == [3, 5000]
        listed = api.list_reports(DAY)
        done = [api.download(each, tmp_path) for each in listed]
    assert [each.path.read_bytes() for each in done] == list(FILES.values())
    assert done[1].sha256 == hashlib.sha256(FILES[VNC]).hexdigest()


def test_the_sample_list_can_be_fetched(simulator: Simulator, tmp_path: Path) -> None:
    """Ids with a colon, such as ``test:scan_vnc``, reach the server unchanged."""
    with connect(simulator) as api:
        listed = api.list_reports(DAY, lists=["test"])
        bodies = [api.download(each, tmp_path).path.read_bytes() for each in listed]
    assert bodies == list(FILES.values())
    assert simulator.requests.count("GET", "/dl/test:scan_vnc") == 1


def test_a_days_list_survives_the_limit() -> None:
    """All reports of a day with more than the limit are found."""
    many = {stored(f"t{n % 7}", list=f"l{n:02}"): b"ip\n" for n in range(60)}
    with (
        Simulator(MemoryStore(dict(many)), key=KEY, secret=SECRET) as simulator,
        connect(simulator) as api,
    ):
        assert len(api.list_reports(DAY, answer_limit=10)) == 60
        with pytest.raises(ApiUnavailableError, match="t0"):
            api.list_reports(DAY, answer_limit=9)


def test_connections_are_kept_open(simulator: Simulator, tmp_path: Path) -> None:
    """Many calls use one connection."""
    with connect(simulator) as api:
        for _ in range(3):
            api.download(report(api), tmp_path)
    assert simulator.requests.count() == 6
    assert simulator.connections == 1


def test_threads_share_a_client(simulator: Simulator, tmp_path: Path) -> None:
    """Parallel downloads are complete, and their connections are bounded."""
    with connect(simulator) as api, ThreadPoolExecutor(16) as threads:
        listed = [report(api, type) for type in ("scan_ssl", "scan_vnc")] * 16
        folders = [tmp_path / str(number) for number in range(32)]
        for folder in folders:
            folder.mkdir()
        done = list(threads.map(api.download, listed, folders))
    assert {each.sha256 for each in done} == {
        hashlib.sha256(body).hexdigest() for body in FILES.values()
    }
    assert simulator.connections <= 8


def test_both_hosts_share_the_connections(tmp_path: Path) -> None:
    """Downloads may use the API's idle connection; the API gets a new one later."""
    store = MemoryStore(dict(FILES))
    with (
        Simulator(store, key=KEY, secret=SECRET) as host,
        Simulator(store, key=KEY, secret=SECRET) as files,
        connect(host, download_url=files.download_url, connections=2) as api,
        ThreadPoolExecutor(2) as threads,
    ):
        listed = [report(api, "scan_ssl"), report(api, "scan_ssl")]
        assert host.connections == 1
        # Slow enough that both are under way at the same time.
        files.faults.add(Fault(FaultKind.SLOW, seconds=0.05, times=2))
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        done = list(threads.map(api.download, listed, folders))
        report(api)
    assert [each.size for each in done] == [len(FILES[SSL])] * 2
    assert (host.connections, files.connections) == (2, 2)


def test_a_wrong_secret_is_refused(simulator: Simulator) -> None:
    """A request signed with a wrong secret is refused, and not retried."""
    with connect(simulator, secret="other") as api, pytest.raises(CredentialsError):
        api.list_reports(DAY)
    assert simulator.requests.count() == 1


API_FAULTS = [
    Fault(FaultKind.STATUS, status=500),
    Fault(FaultKind.STATUS, status=503, retry_after="1"),
    Fault(FaultKind.STATUS, status=404),
    Fault(FaultKind.STATUS, status=429, retry_after="Wed, 31 Jan 2024 00:00:00 GMT"),
    Fault(FaultKind.ERROR),
    Fault(FaultKind.BROKEN_JSON),
    Fault(FaultKind.WRONG_JSON),
    Fault(FaultKind.DEEP_JSON),
    Fault(FaultKind.HTML),
    Fault(FaultKind.EMPTY),
    Fault(FaultKind.TRUNCATED),
    Fault(FaultKind.RESET),
    Fault(FaultKind.HANG),
    Fault(FaultKind.HUGE),
]


@pytest.mark.parametrize("fault", API_FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_the_api_in_trouble(simulator: Simulator, fault: Fault) -> None:
    """A temporary fault is survived; a lasting one is an error, never an empty list."""
    simulator.faults.add(fault)
    with connect(simulator) as api:
        assert len(api.list_reports(DAY)) == 2
        assert simulator.requests.count() == 2
        for _ in range(3):
            simulator.faults.add(fault)
        with pytest.raises(ApiUnavailableError):
            api.list_reports(DAY)
    assert simulator.requests.count() == 5


DOWNLOAD_FAULTS = [
    (Fault(FaultKind.STATUS, "/dl/*", status=500), ApiUnavailableError),
    (Fault(FaultKind.STATUS, "/dl/*", status=429, retry_after="1"), ApiUnavailableError),
    (Fault(FaultKind.HTML, "/dl/*"), ApiUnavailableError),
    (Fault(FaultKind.ERROR, "/dl/*"), ApiUnavailableError),
    (Fault(FaultKind.TRUNCATED, "/dl/*"), TransferError),
    (Fault(FaultKind.RESET, "/dl/*"), TransferError),
    (Fault(FaultKind.HANG, "/dl/*"), TransferError),
]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("fault", "kind"), DOWNLOAD_FAULTS, ids=lambda value: str(getattr(value, "kind", ""))
)
def test_a_download_in_trouble(
    tmp_path: Path, fault: Fault, kind: type[ShadowserverConnectorError], chunked: bool
) -> None:
    """A temporary fault is survived; after a lasting one no part of the file is left."""
    store = MemoryStore(dict(FILES), chunked=chunked)
    with Simulator(store, key=KEY, secret=SECRET) as simulator, connect(simulator) as api:
        wanted = report(api)
        simulator.faults.add(fault)
        done = api.download(wanted, tmp_path)
        assert done.path.read_bytes() == FILES[VNC]
        done.path.unlink()
        for _ in range(3):
            simulator.faults.add(fault)
        with pytest.raises(kind):
            api.download(wanted, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(FaultKind.STATUS, "/dl/*", status=404), ReportRefusedError),
        (Fault(FaultKind.EMPTY, "/dl/*"), NotReadyError),
        (Fault(FaultKind.REDIRECT, "/dl/*", location="http://localhost:9/x"), ReportRefusedError),
    ],
)
def test_a_download_that_another_attempt_cannot_help(
    simulator: Simulator, tmp_path: Path, fault: Fault, kind: type[ShadowserverConnectorError]
) -> None:
    """A permanent fault fails this report at once, without a retry."""
    with connect(simulator) as api:
        wanted = report(api)
        simulator.faults.add(fault)
        with pytest.raises(kind):
            api.download(wanted, tmp_path)
        assert simulator.requests.count("GET") == 1
        assert api.download(wanted, tmp_path).size == len(FILES[VNC])


def test_a_hang_ends_with_the_time_out(simulator: Simulator, tmp_path: Path) -> None:
    """A server that never answers is given up after the time-out."""
    with connect(simulator, timeout=0.05) as api:
        simulator.faults.add(Fault(FaultKind.HANG, times=3, seconds=3600))
        with pytest.raises(ApiUnavailableError, match="no answer in time"):
            api.list_reports(DAY)
    assert simulator.requests.count() == 3


def test_a_server_that_is_gone_and_comes_back() -> None:
    """Calls fail while the server is down; later the same client works again."""
    store = MemoryStore(dict(FILES))
    simulator = Simulator(store, key=KEY, secret=SECRET)
    with connect(simulator) as api:
        with simulator:
            assert len(api.list_reports(DAY)) == 2
        with pytest.raises(ApiUnavailableError, match="cannot connect"):
            api.list_reports(DAY)
        with Simulator(store, key=KEY, secret=SECRET, port=simulator.port):
            assert len(api.list_reports(DAY)) == 2


def test_links_never_reach_the_log(
    simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Even at DEBUG, no HTTP library logs our URLs, redirects or signatures."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        caplog.set_level(logging.DEBUG, logger=name)
    with connect(simulator) as api:
        wanted = report(api, "scan_ssl")
        simulator.faults.add(Fault(FaultKind.STATUS, "/dl/*"))
        simulator.faults.add(Fault(FaultKind.TRUNCATED, "/dl/*"))
        api.download(wanted, tmp_path)
        simulator.faults.add(
            Fault(FaultKind.REDIRECT, "/dl/*", location=f"http://x.example/{SSL.id}")
        )
        with pytest.raises(ReportRefusedError) as caught:
            api.download(wanted, tmp_path)
    assert simulator.requests.count("GET", "/dl/Tok3n*") == 4
    signature = simulator.requests.matching("POST")[0].headers["hmac2"]
    text = caplog.text + str(caught.value) + repr(caught.value)
    for secret in (SSL.id, SSL.id[:10], KEY, SECRET, signature, "/dl/"):
        assert secret not in text


def test_other_requests_are_still_logged(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Only our own requests are kept out of the logs of the HTTP libraries."""
    caplog.set_level(logging.INFO)
    with connect(simulator) as api:
        api.list_reports(DAY)
        assert "HTTP Request" not in caplog.text
    other = threading.Thread(target=httpx.get, args=(simulator.api_url + "other",))
    other.start()
    other.join()
    assert "api2/other" in caplog.text


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[Simulator, Path]]:
    """Serve HTTPS for two hosts with a certificate of a private CA."""
    ca_file, context = certificates(tmp_path, API_HOST, FILE_HOST)
    store = MemoryStore(dict(FILES))
    with Simulator(store, key=KEY, secret=SECRET, tls=context) as running:
        yield running, ca_file


def connect_by_name(ca_bundle: Path | None, host: str = API_HOST) -> ReportsApi:
    """Return a client of two hosts that are reachable only through a proxy."""
    return ReportsApi(
        KEY,
        SECRET,
        ApiOptions(
            api_url=f"https://{host}/api2/",
            download_url=f"https://{FILE_HOST}/dl/",
            ca_bundle=ca_bundle,
            requests_per_second=1e6,
            retry=RetryPolicy(attempts=2, sleep=lambda _: None),
        ),
    )


@pytest.mark.parametrize("told", [True, False])
def test_the_network_that_is_given_counts_not_the_environment(
    secured: tuple[Simulator, Path], monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """Proxies and CAs come from the network settings, not from the process environment."""
    simulator, ca_file = secured
    if not told:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with proxy(simulator.port) as (url, _):
        given = {"HTTPS_PROXY": url} | ({"SSL_CERT_FILE": str(ca_file)} if told else {})
        retry = RetryPolicy(attempts=1)
        options = ApiOptions(
            f"https://{API_HOST}/api2/",
            f"https://{FILE_HOST}/dl/",
            network=Network(variables=given),
            retry=retry,
        )
        with ReportsApi(KEY, SECRET, options) as api:
            if told:
                assert len(api.list_reports(DAY)) == 2
            else:
                with pytest.raises(ApiUnavailableError, match="certificate"):
                    api.list_reports(DAY)


@pytest.fixture(autouse=True)
def _no_proxy_but_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NETWORK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_and_a_ca_bundle_work(
    secured: tuple[Simulator, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    """Both hosts are reached through the proxy, and their certificates are verified."""
    simulator, ca_file = secured
    with proxy(simulator.port) as (url, asked):
        monkeypatch.setenv(variable, url)
        with connect_by_name(ca_file) as api:
            done = api.download(report(api), tmp_path)
    assert done.path.read_bytes() == FILES[VNC]
    assert asked == [f"CONNECT {host}:443 HTTP/1.1" for host in (API_HOST, FILE_HOST)]


def test_the_usual_certificate_variable_works(
    secured: tuple[Simulator, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a CA bundle in the settings, ``SSL_CERT_FILE`` counts."""
    simulator, ca_file = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with proxy(simulator.port) as (url, _):
        monkeypatch.setenv("HTTPS_PROXY", url)
        with connect_by_name(None) as api:
            assert len(api.list_reports(DAY)) == 2


@pytest.mark.parametrize(("host", "trusted"), [(API_HOST, False), ("other.example", True)])
def test_certificates_are_always_verified(
    secured: tuple[Simulator, Path], monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool
) -> None:
    """An unknown CA or another host's certificate ends the call before a request is sent."""
    simulator, ca_file = secured
    with proxy(simulator.port) as (url, asked):
        monkeypatch.setenv("HTTPS_PROXY", url)
        with (
            connect_by_name(ca_file if trusted else None, host) as api,
            pytest.raises(ApiUnavailableError, match="SHADOWSERVER_CA_BUNDLE"),
        ):
            api.list_reports(DAY)
    assert len(asked) == 1
    assert simulator.requests.count() == 0


def test_this_machine_is_reached_without_proxy(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment is not used for the simulator on loopback."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with connect(simulator) as api:
        assert len(api.list_reports(DAY)) == 2


def test_a_proxy_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the proxy refused, and hides its password."""
    with Simulator(MemoryStore({}), key=KEY, secret=SECRET) as refusing:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{refusing.port}")
        with (
            connect_by_name(None) as api,
            pytest.raises(ApiUnavailableError, match="proxy refused") as caught,
        ):
            api.ping()
    assert "hunter2" not in str(caught.value)


@pytest.mark.integration
def test_a_large_file_needs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """Downloading 256 MiB takes a few hundred KB of memory, server included."""
    megabyte = csv(40_000)[: 1024**2]
    big = stored("population_http")

    def body() -> Iterator[bytes]:
        for _ in range(256):
            yield megabyte

    with (
        Simulator(MemoryStore({big: body()}), key=KEY, secret=SECRET) as simulator,
        connect(simulator) as api,
    ):
        wanted = report(api, "population_http")
        tracemalloc.start()
        try:
            done = api.download(wanted, tmp_path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert done.size == done.path.stat().st_size == 256 * len(megabyte)
    assert peak < 8 * 1024**2


def test_tls_before_1_2_is_not_spoken(secured: tuple[Simulator, Path]) -> None:
    """The client's TLS context refuses versions before 1.2."""
    _, ca_file = secured
    network = network_of_environment()
    for context in (tls_context(None, network), tls_context(ca_file, network)):
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
