from __future__ import annotations

import io
import json
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from pycti import OpenCTIApiClient

from shadowserver_connector.sink.artifact import UploadFile, call_with_file
from shadowserver_connector.sink.platform import (
    describe_platform_error,
    error_name,
    is_too_large,
    to_sink_error,
)
from tests.api.tls import certificates, proxy
from tests.platform.server import Answer
from tests.sink.uploads import TOKEN, Uploads, refused, stored

HOST = "opencti.example"
ARTIFACT = "artifact--00000000-0000-5000-8000-00000000000a"
CONTENT = bytes(range(256)) * 1024
MIB = 1024 * 1024


def upload(client: OpenCTIApiClient, content: bytes = CONTENT) -> Any:
    """Upload a file and return the data of the answer."""
    file = UploadFile("2024-01-31-scan_ssl-example.csv", "text/csv", io.BytesIO(content))
    query = "mutation Import($file: Upload!) { artifactImport(file: $file) { standard_id } }"
    return call_with_file(client, query, {"objectMarking": ["TLP"]}, file)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies of the environment in which the tests run."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_file_and_variables_arrive_with_pyctis_headers() -> None:
    """The body has a length, which proxies and servers may require, and the file's bytes."""
    with Uploads(stored(ARTIFACT)) as uploads:
        client = uploads.client()
        client.request_headers["X-Custom"] = "value"
        assert upload(client) == {"artifactImport": {"standard_id": ARTIFACT}}
    [headers], [variables] = uploads.headers, uploads.variables
    assert uploads.queries[0].startswith("mutation Import($file: Upload!)")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["x-custom"] == "value"
    assert headers["user-agent"].startswith("pycti/")
    assert int(headers["content-length"]) > len(CONTENT)
    assert "transfer-encoding" not in headers
    assert variables["objectMarking"] == ["TLP"]
    assert variables["file"] == {
        "name": "2024-01-31-scan_ssl-example.csv",
        "content": CONTENT,
        "mime": "text/csv",
    }


def test_call_is_made_as_pycti_makes_its_own() -> None:
    """The upload uses pycti's session and TLS settings, and a time-out of five minutes."""
    calls: list[tuple[Any, dict[str, Any]]] = []

    def post(url: str, **options: Any) -> Any:
        calls.append((url, options))
        return SimpleNamespace(status_code=200, json=lambda: {"data": "stored", "errors": []})

    api = SimpleNamespace(
        api_url="https://opencti.example/graphql",
        request_headers={"Authorization": "Bearer x", "Content-Type": "application/json"},
        ssl_verify="/ca.pem",
        cert="/cert.pem",
        proxies={"https": "http://proxy.example"},
        session=SimpleNamespace(post=post),
    )
    assert upload(api, b"content") == "stored"
    [(url, options)] = calls
    body = options.pop("data")
    assert url == "https://opencti.example/graphql"
    assert options == {
        "headers": {"Authorization": "Bearer x", "Content-Type": body.content_type},
        "verify": "/ca.pem",
        "cert": "/cert.pem",
        "proxies": {"https": "http://proxy.example"},
        "timeout": 300.0,
    }
    assert body.content_type.startswith("multipart/form-data; boundary=")
    assert len(b"".join(body)) == len(body)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        ({"name": "X", "message": "no"}, {"name": "X", "error_message": "no"}),
        ({"extensions": {"code": "Y"}}, {"name": "Y", "error_message": ""}),
        ({"extensions": {}, "message": "no"}, {"name": "no", "error_message": "no"}),
        ({"message": None}, {"name": "None", "error_message": "None"}),
    ],
)
def test_error_has_a_name_and_a_message(error: dict[str, Any], found: dict[str, str]) -> None:
    """The first GraphQL error gives name and message, as in pycti's errors."""
    with (
        Uploads((200, json.dumps({"errors": [error, {"name": "other"}]}).encode())) as uploads,
        pytest.raises(ValueError, match="error_message") as caught,
    ):
        upload(uploads.client())
    assert caught.value.args == (found,)


@pytest.mark.parametrize(
    "answer",
    [
        refused(message="a", name="FORBIDDEN_ACCESS"),
        refused(message="a", extensions={"code": "FORBIDDEN_ACCESS"}),
        refused(message="FORBIDDEN_ACCESS", extensions=None),
    ],
)
def test_error_is_the_one_that_pycti_raises(answer: Answer) -> None:
    """The error has OpenCTI's name, wherever the version puts it."""
    with Uploads(answer, answer) as uploads:
        client = uploads.client()
        with pytest.raises(ValueError, match="FORBIDDEN_ACCESS") as ours:
            upload(client)
        with pytest.raises(ValueError, match="error_message") as theirs:
            client.query("query { about { version } }")
    assert error_name(ours.value) == "FORBIDDEN_ACCESS"
    assert ours.value.args[0]["error_message"] == theirs.value.args[0]["error_message"]


def test_refusal_for_size_is_known_by_the_status() -> None:
    """Status 413 means that the file is too large, whatever the proxy's page says."""
    with (
        Uploads((413, b"<html></html>")) as uploads,
        pytest.raises(ValueError, match="413") as said,
    ):
        upload(uploads.client())
    assert is_too_large(said.value)


@pytest.mark.parametrize(
    ("answer", "text"),
    [((502, b"413 is in the page"), "^502 "), ((200, b"<html></html>"), "Expecting value")],
)
def test_answer_that_is_none_is_told_apart(answer: Answer, text: str) -> None:
    """An invalid answer is neither a refusal nor one for size, so it is waited out."""
    with Uploads(answer) as uploads, pytest.raises(ValueError, match=text) as said:
        upload(uploads.client())
    assert not is_too_large(said.value)
    assert error_name(said.value) == ""
    assert "no valid answer" in describe_platform_error(said.value)


def test_certificate_must_be_trusted_where_it_is_verified(tmp_path: Path, no_proxies: None) -> None:
    """A server without trust gets no upload, and the error does not hold the token."""
    _, tls = certificates(tmp_path, HOST)
    with Uploads(tls=tls) as uploads, pytest.raises(requests.exceptions.SSLError) as error:
        upload(uploads.client(ssl_verify=True))
    assert uploads.variables == []
    assert TOKEN not in str(to_sink_error(error.value))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_certificate_is_not_verified_where_that_is_switched_off(
    tmp_path: Path, no_proxies: None
) -> None:
    """With ``OPENCTI_SSL_VERIFY=false`` any certificate is accepted."""
    _, tls = certificates(tmp_path, HOST)
    with Uploads(stored(ARTIFACT), tls=tls) as uploads:
        assert upload(uploads.client(ssl_verify=False))


@pytest.mark.parametrize("source", ["client", "environment"])
def test_proxy_ca_and_client_certificate_of_pyctis_client_are_used(
    source: str, tmp_path: Path, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload uses the proxy, CA and client certificate of pycti's client."""
    ca, tls = certificates(tmp_path, HOST)
    tls.load_verify_locations(ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    settings = {"ssl_verify": str(ca), "cert": str(tmp_path / "server.pem")}
    with Uploads(stored(ARTIFACT), tls=tls) as uploads, proxy(uploads.port) as (url, asked):
        if source == "environment":
            monkeypatch.setenv("HTTPS_PROXY", url)
            client = uploads.client(HOST, **settings)
        else:
            client = uploads.client(HOST, **settings, proxies={"https": url})
        assert upload(client)
        client.session.close()
    assert [each.split()[:2] for each in asked] == [["CONNECT", f"{HOST}:443"]]


# The high-water mark of the process itself: `ru_maxrss` may be that of the parent before `exec`.
_PROGRAM = """
import re, sys, threading
from pathlib import Path
from types import SimpleNamespace
from pycti import OpenCTIApiClient
from shadowserver_connector.sink.artifact import upload
from shadowserver_connector.waiting import Waiter
url, path, artifact_id = sys.argv[1:]
api = OpenCTIApiClient(url, "token", perform_health_check=False)
artifact = {
    "id": artifact_id,
    "mime_type": "text/csv",
    "object_marking_refs": [],
    "x_opencti_additional_names": ["2024-01-31-scan_ssl-example.csv"],
}
waiter = Waiter(threading.Event(), api.app_logger)
upload(SimpleNamespace(api=api), waiter, artifact, Path(path))
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak(path: Path, size: int) -> int:
    """Return the peak memory, in KiB, of a process that uploads this many bytes."""
    path.write_bytes(b"x" * size)
    with Uploads(stored(ARTIFACT)) as uploads:
        url = f"http://127.0.0.1:{uploads.port}"
        command = [sys.executable, "-c", _PROGRAM, url, str(path), ARTIFACT]
        done = subprocess.run(command, check=True, capture_output=True, timeout=300)
        assert len(uploads.variables[0]["file"]["content"]) == size
    return int(done.stdout)


@pytest.mark.integration
def test_large_file_needs_no_more_memory(tmp_path: Path, no_proxies: None) -> None:
    """Uploading 64 MiB takes at most 4 MiB more than 9 MiB does, and less than 200 MB."""
    small, large = peak(tmp_path / "small", 9 * MIB), peak(tmp_path / "large", 64 * MIB)
    assert large < small + 4 * 1024
    assert large < 200_000_000 // 1024
