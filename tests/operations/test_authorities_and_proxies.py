"""The same CAs and proxies count for the Reports API, the checks of OpenCTI, and pycti."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from pycti import OpenCTIApiClient

from shadowserver_connector.api import ApiOptions, ReportsApi, RetryPolicy
from shadowserver_connector.api.client import open_api
from shadowserver_connector.connector import helper
from shadowserver_connector.errors import ApiUnavailableError, SettingsError, SinkUnavailableError
from shadowserver_connector.operations import reachability
from shadowserver_connector.settings import LoadedSettings, export_for_pycti, load_settings
from shadowserver_connector.settings.network import (
    FURTHER_AUTHORITIES,
    NETWORK_VARIABLES,
    NO_PROXY,
    PROXIES,
    Network,
)
from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.sink.platform import to_sink_error
from tests.api.memory import KEY, SECRET, MemoryStore
from tests.api.tls import certificates, proxy
from tests.platform.server import Server

pytestmark = pytest.mark.integration

HOST: Final = "localhost"
FAR: Final = "far.example"
"""A host that only a proxy leads to."""
VERSION: Final = b'{"data": {"about": {"version": "7.1.0"}}}'


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start with none of the variables set, and restore those that are exported."""
    monkeypatch.chdir(tmp_path)
    lower = [name.lower() for name in (*PROXIES, NO_PROXY)]
    ours = [name for name in os.environ if name.startswith(("OPENCTI_", "CONNECTOR_"))]
    exported = ["OPENCTI_URL", "OPENCTI_TOKEN", "OPENCTI_SSL_VERIFY", "OPENCTI_CA_BUNDLE"]
    for name in (*NETWORK_VARIABLES, *lower, *ours, *exported):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@contextmanager
def serving(folder: Path, *hosts: str, **odd: bool) -> Iterator[tuple[int, int, Path]]:
    """Serve both sides over TLS; yield the ports of OpenCTI and Shadowserver, and the CA's file."""
    ca_file, context = certificates(folder, *hosts, **odd)
    opencti = Server(lambda headers, call: (200, VERSION), tls=context)
    opencti.start()
    try:
        with Simulator(MemoryStore({}), key=KEY, secret=SECRET, tls=context) as shadowserver:
            yield opencti.port, shadowserver.port, ca_file
    finally:
        opencti.stop()


def load(opencti: str, shadowserver: str, **environ: str) -> LoadedSettings:
    """Load settings for two hosts."""
    account = {"SHADOWSERVER_API_KEY": KEY, "SHADOWSERVER_API_SECRET": SECRET}
    account |= {"OPENCTI_TOKEN": "t", "CONNECTOR_ID": "6f2a9a0e-2f3c-4c55-9a06-3d7f3d2f3f55"}
    urls = {"OPENCTI_URL": opencti, "SHADOWSERVER_API_URL": f"{shadowserver}/api2"}
    urls |= {"SHADOWSERVER_DOWNLOAD_URL": f"{shadowserver}/dl"}
    return load_settings(environ={**account, **urls, **environ})


def near(ports: tuple[int, int, Path], **environ: str) -> LoadedSettings:
    """Load settings for the servers on this machine."""
    return load(f"https://{HOST}:{ports[0]}", f"https://{HOST}:{ports[1]}", **environ)


def far(**environ: str) -> LoadedSettings:
    """Load settings for hosts behind a proxy."""
    return load(f"https://{FAR}", f"https://{FAR}", **environ)


def by_pycti(loaded: LoadedSettings) -> None:
    """Ask OpenCTI with pycti, as the connector and imports do."""
    export_for_pycti(loaded, os.environ)
    opencti = loaded.settings.opencti
    api = OpenCTIApiClient(
        str(opencti.url), "t", ssl_verify=opencti.ssl_verify, perform_health_check=False
    )
    try:
        assert api.query("query { about { version } }")["data"]["about"]["version"] == "7.1.0"
    except requests.RequestException as error:
        raise to_sink_error(error) from None
    finally:
        api.session.close()


def by_the_run(loaded: LoadedSettings) -> None:
    """Register once, as each attempt of ``run`` does; raise the error that
    ``run`` would wait out.
    """
    export_for_pycti(loaded, os.environ)
    helper.Registration().attempt(helper._build)


def by_checks(loaded: LoadedSettings) -> None:
    """Ask OpenCTI as ``check``, ``import``, ``backfill`` and the health check do."""
    assert reachability.reach_opencti(loaded.settings).version == "7.1.0"


def by_the_api(loaded: LoadedSettings) -> None:
    """Ask Shadowserver as every command does, with a single attempt."""
    settings = loaded.settings
    with ReportsApi(
        KEY,
        SECRET,
        ApiOptions(
            api_url=settings.shadowserver.api_url,
            download_url=settings.shadowserver.download_url,
            ca_bundle=settings.shadowserver.ca_bundle,
            network=settings.network,
            timeout=2,
            retry=RetryPolicy(attempts=1),
        ),
    ) as api:
        assert api.ping()


ALL: Final[list[Callable[[LoadedSettings], None]]] = [by_pycti, by_checks, by_the_api]
FAILING: Final[list[Callable[[LoadedSettings], None]]] = [
    by_pycti,
    by_the_run,
    by_checks,
    by_the_api,
]


def hashed(ca_file: Path) -> str:
    """Return a directory that holds the CA under the hashed name that OpenSSL looks for."""
    folder = ca_file.parent / "authorities"
    folder.mkdir()
    named = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", ca_file],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (folder / f"{named}.0").write_bytes(ca_file.read_bytes())
    # As OpenSSL, nothing minds a stale link, or a directory that is not there.
    (folder / "deadbeef.0").symlink_to(folder / "gone.pem")
    return f"{folder.parent / 'gone'}{os.pathsep}{folder}"


BUNDLES: Final[dict[str, tuple[str, Callable[[Path], str]]]] = {
    **{name: (name, str) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")},
    "SSL_CERT_DIR": ("SSL_CERT_DIR", hashed),
    "further file": (FURTHER_AUTHORITIES, str),
    "further text": (FURTHER_AUTHORITIES, Path.read_text),
}


@pytest.mark.parametrize("kind", BUNDLES)
def test_each_usual_variable_counts_everywhere(kind: str, tmp_path: Path) -> None:
    """Each usual CA variable, set alone, makes every command and pycti trust the CA."""
    name, value = BUNDLES[kind]
    with serving(tmp_path, HOST) as ports:
        loaded = near(ports, **{name: value(ports[2])})
        for ask in ALL:
            ask(loaded)


def test_each_side_has_a_setting_of_its_own(tmp_path: Path) -> None:
    """The CA setting of OpenCTI or Shadowserver replaces the usual variables on that side only."""
    (tmp_path / "other").mkdir()
    other, _ = certificates(tmp_path / "other", HOST)
    with serving(tmp_path, HOST) as ports:
        mine = str(ports[2])
        loaded = near(ports, OPENCTI_CA_BUNDLE=mine, SSL_CERT_FILE=str(other))
        by_checks(loaded)
        by_pycti(loaded)
        # pycti's environment has changed; Shadowserver's authorities have not.
        with pytest.raises(ApiUnavailableError, match="SHADOWSERVER_CA_BUNDLE"):
            by_the_api(loaded)
        loaded = near(ports, SHADOWSERVER_CA_BUNDLE=mine, SSL_CERT_FILE=str(other))
        by_the_api(loaded)
        for ask in (by_checks, by_pycti):
            with pytest.raises(SinkUnavailableError, match="OPENCTI_CA_BUNDLE"):
                ask(loaded)


def test_several_usual_variables_are_added_up(tmp_path: Path) -> None:
    """The CAs of all usual variables are trusted together; none hides another."""
    (tmp_path / "other").mkdir()
    other, _ = certificates(tmp_path / "other", HOST)
    with serving(tmp_path, HOST) as ports:
        for mine, its in (
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
            ("CURL_CA_BUNDLE", FURTHER_AUTHORITIES),
        ):
            loaded = near(ports, **{mine: str(ports[2]), its: str(other)})
            for ask in ALL:
                ask(loaded)


def test_pycti_makes_no_bundle_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pycti builds no CA bundle: its code would verify although that is off, and
    take over signals.
    """
    ca_file, _ = certificates(tmp_path, HOST)
    monkeypatch.setenv(FURTHER_AUTHORITIES, str(ca_file))
    loaded = load_settings()
    export_for_pycti(loaded, os.environ)
    assert FURTHER_AUTHORITIES not in os.environ
    joined = Path(os.environ["REQUESTS_CA_BUNDLE"])
    assert ca_file.read_text().strip() in joined.read_text()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_certificates_need_not_be_verified_if_that_is_asked_for(tmp_path: Path) -> None:
    """OpenCTI's setting switches verification off for OpenCTI only."""
    with serving(tmp_path, HOST) as ports:
        loaded = near(ports, OPENCTI_SSL_VERIFY="false")
        by_checks(loaded)
        by_pycti(loaded)
        with pytest.raises(ApiUnavailableError):
            by_the_api(loaded)


ODD: Final[dict[str, tuple[str, dict[str, bool], str]]] = {
    "unknown authority": (HOST, {}, "authority"),
    "self-signed": (HOST, {"self_signed": True}, "self-signed"),
    "expired": (HOST, {"expired": True}, "expired"),
    "another host": ("other.example", {}, "another host name"),
}


@pytest.mark.parametrize("ask", FAILING)
@pytest.mark.parametrize("kind", ODD)
def test_what_is_wrong_with_a_certificate_is_said(
    kind: str, ask: Callable[[LoadedSettings], None], tmp_path: Path
) -> None:
    """The error names the setting for CAs; no request is sent to a server that is not trusted."""
    host, odd, said = ODD[kind]
    with serving(tmp_path, host, **odd) as ports:
        trusted = {} if kind in ("unknown authority", "self-signed") else bundles(ports[2])
        with pytest.raises((ApiUnavailableError, SinkUnavailableError)) as caught:
            ask(near(ports, **trusted))
    assert said in str(caught.value)
    side = "SHADOWSERVER" if ask is by_the_api else "OPENCTI"
    assert f"{side}_CA_BUNDLE" in str(caught.value)
    assert "\n" not in str(caught.value)


def bundles(ca_file: Path) -> dict[str, str]:
    """Return the settings that make both sides trust a CA."""
    return {f"{side}_CA_BUNDLE": str(ca_file) for side in ("OPENCTI", "SHADOWSERVER")}


@pytest.mark.parametrize("ask", FAILING)
def test_a_server_without_tls_is_told(
    ask: Callable[[LoadedSettings], None], tmp_path: Path
) -> None:
    """The error says that the port speaks HTTP while the URL is https."""
    opencti = Server(lambda headers, call: (200, VERSION))
    opencti.start()
    try:
        ports = (opencti.port, opencti.port, tmp_path)
        with pytest.raises((ApiUnavailableError, SinkUnavailableError), match="TLS fails"):
            ask(near(ports))
    finally:
        opencti.stop()


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_leads_everywhere(name: str, tmp_path: Path) -> None:
    """A proxy variable in either case, or in ``.env``, counts for every command and pycti."""
    with serving(tmp_path, FAR) as (opencti, shadowserver, ca_file):
        for ask, port in ((by_pycti, opencti), (by_checks, opencti), (by_the_api, shadowserver)):
            with proxy(port) as (url, asked):
                ask(far(**bundles(ca_file), **{name: url}))
                Path(".env").write_text(f"{name}={url}\n")
                ask(far(**bundles(ca_file)))
                Path(".env").unlink()
            assert [line.split()[:2] for line in asked] == [["CONNECT", f"{FAR}:443"]] * 2


@pytest.mark.parametrize("ask", FAILING)
def test_a_proxy_that_refuses_is_told(ask: Callable[[LoadedSettings], None]) -> None:
    """The error has the proxy's status, and neither its password nor its text."""
    with proxy(9, refusing="407 Authenticate [x](https://evil.example)") as (url, asked):
        url = url.replace("//", "//me:hunter2@")
        with pytest.raises((ApiUnavailableError, SinkUnavailableError)) as caught:
            ask(far(HTTPS_PROXY=url))
    assert asked
    assert "the proxy refused the connection (status 407); check HTTPS_PROXY" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("ask", FAILING)
def test_a_proxy_that_is_not_there_is_told(ask: Callable[[LoadedSettings], None]) -> None:
    """The error says that the proxy cannot be reached, not the host."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises((ApiUnavailableError, SinkUnavailableError)) as caught:
        ask(far(HTTPS_PROXY=url))
    assert "the proxy does not answer; check HTTPS_PROXY" in str(caught.value)


@pytest.mark.parametrize("ask", [by_checks, by_the_api])
def test_a_proxy_that_says_nothing_is_told(
    ask: Callable[[LoadedSettings], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that accepts the connection and never answers is named in the error."""
    monkeypatch.setattr(reachability, "_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises((ApiUnavailableError, SinkUnavailableError), match="through the proxy"):
            ask(far(HTTPS_PROXY=url))


@pytest.mark.parametrize("ask", ALL)
def test_this_machine_is_reached_without_a_proxy(
    ask: Callable[[LoadedSettings], None], tmp_path: Path
) -> None:
    """Loopback names and addresses bypass the proxy, whatever ``NO_PROXY`` says."""
    with serving(tmp_path, HOST) as ports:
        nowhere = dict.fromkeys(PROXIES, "http://127.0.0.1:9")
        ask(near(ports, **bundles(ports[2]), **nowhere))


ENTRIES: Final = [
    ("https://opencti.example", "opencti.example", False),
    ("https://opencti.example", "OPENCTI.example", False),
    ("https://opencti.example", "example", False),
    ("https://opencti.example", ".example", False),
    ("https://opencti.example", "*.example", False),
    ("https://opencti.example", "other.example, opencti.example , x.example", False),
    ("https://opencti.example", "*", False),
    ("https://opencti.example", "x.example,*", False),
    ("https://opencti.example", "cti.example", True),
    ("https://opencti.example", "opencti.example.org", True),
    ("https://opencti.example", "192.0.2.0/24", True),
    ("https://opencti.example", "", True),
    ("https://opencti.example:8443", "opencti.example:8443", False),
    ("https://opencti.example:8443", "opencti.example:443", True),
    ("https://opencti.example", "opencti.example:443", False),
    ("https://192.0.2.7", "192.0.2.0/24", False),
    ("https://192.0.2.7:8443", "10.0.0.0/8,192.0.2.0/29", False),
    ("https://192.0.2.7", "192.0.2.7", False),
    ("https://192.0.2.7", "192.0.2.7/32", False),
    ("https://192.0.2.7", "198.51.100.0/24", True),
    ("https://192.0.2.7", "192.0.2.70", True),
    ("https://192.0.2.70", "2.70", True),
    ("https://[2001:db8::7]", "2001:db8::/32", False),
    ("https://[2001:db8::7]", "2001:db8::7", False),
    ("https://[2001:db8::7]", "[2001:db8::7]", False),
    ("https://[2001:db8::7]:8443", "2001:db8:1::/48", True),
    ("http://opencti.example", "opencti.example", False),
    ("http://opencti.example", "", True),
    ("http://127.0.0.1:8080", "", False),
    ("http://localhost:8080", "", False),
    ("http://[::1]:8080", "", False),
]


@pytest.mark.parametrize(("url", "entry", "through"), ENTRIES)
def test_exceptions_mean_the_same_to_both_libraries(url: str, entry: str, through: bool) -> None:
    """Networks, names and ports in ``NO_PROXY`` mean to the connector what
    they mean to requests.
    """
    environ = {"HTTP_PROXY": "http://p.example:1", "HTTPS_PROXY": "p.example:2", "NO_PROXY": entry}
    loaded = load(url, f"https://{FAR}", **environ)
    assert (loaded.settings.network.proxy(url) is not None) is through
    export_for_pycti(loaded, os.environ)
    proxies = requests.utils.get_environ_proxies(f"{url}/graphql")
    found = requests.utils.select_proxy(f"{url}/graphql", proxies)
    assert found == loaded.settings.network.proxy(url)
    assert found in (None, "http://p.example:1", "http://p.example:2")


def test_a_lower_case_variable_wins() -> None:
    """As in curl and requests, the lower-case variable wins, even when it is empty."""
    environ = {"https_proxy": "http://a.example:1", "HTTPS_PROXY": "http://b.example:2"}
    assert far(**environ).settings.network.proxy("https://x.example") == "http://a.example:1"
    environ = {"https_proxy": "", "HTTPS_PROXY": "http://b.example:2"}
    assert far(**environ).settings.network.proxy("https://x.example") is None


WRONG: Final = [
    ("ALL_PROXY", "socks5://127.0.0.1:1080", "socks5:// is not supported"),
    ("HTTPS_PROXY", "socks5h://me:hunter2@proxy.example", "socks5h:// is not supported"),
    ("https_proxy", "http://", "names no proxy"),
    ("HTTP_PROXY", "http://proxy.example:99999", "names no proxy"),
    ("HTTP_PROXY", "http://pro xy:hunter2@", "names no proxy"),
    ("HTTPS_PROXY", "http://proxy.example/path", "names no proxy"),
    ("REQUESTS_CA_BUNDLE", "/nowhere.pem", "No such file"),
    ("CURL_CA_BUNDLE", "empty.pem", "not PEM"),
    ("SSL_CERT_FILE", "empty.pem", "not PEM"),
    ("SSL_CERT_DIR", "/nowhere", "No such file"),
    (FURTHER_AUTHORITIES, "/nowhere.pem", "neither a PEM file"),
    (FURTHER_AUTHORITIES, "empty.pem", "no certificates"),
    (FURTHER_AUTHORITIES, "-----BEGIN CERTIFICATE-----\nx", "no certificates"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str, said: str) -> None:
    """One line names the variable, before any connection, and without a password."""
    Path("empty.pem").write_text("nothing")
    loaded = far(**{name: value})
    for ask in (loaded.settings.require_opencti, loaded.settings.require_api):
        with pytest.raises(SettingsError) as caught:
            ask()
        line = str(caught.value)
        assert "\n" not in line
        assert line.startswith(name.upper())
        assert said in line
        assert "hunter2" not in line


@pytest.mark.parametrize("side", ["OPENCTI", "SHADOWSERVER"])
def test_a_bundle_that_holds_no_certificate_is_refused(side: str) -> None:
    """A CA bundle without a certificate stops the start; the line says what is allowed."""
    Path("empty.pem").write_text("nothing")
    with pytest.raises(SettingsError, match=f"{side}_CA_BUNDLE.*PEM file with certificates"):
        far(**{f"{side}_CA_BUNDLE": "empty.pem"})


def test_the_clock_is_compared_over_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock check uses Shadowserver's CAs, and no proxy for this machine."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2099, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(reachability, "datetime", Ahead)
    nowhere = dict.fromkeys(PROXIES, "http://127.0.0.1:9")
    with serving(tmp_path, HOST) as ports:
        settings = near(ports, SHADOWSERVER_CA_BUNDLE=str(ports[2]), **nowhere).settings
        side = reachability.try_shadowserver(settings)
        assert side.error is None
        assert "ahead of Shadowserver's" in (side.clock_warning or "")
        with open_api(settings) as api:
            assert api.ping()


def test_nothing_is_shown_of_the_variables() -> None:
    """The repr of the network settings omits the variables, which may hold a proxy's password."""
    network = Network(variables={"HTTPS_PROXY": "http://me:hunter2@proxy.example"})
    assert "hunter2" not in repr(network)
