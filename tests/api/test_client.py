"""The client's decisions, on prepared answers; test_over_http.py tests the real transport."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from shadowserver_connector.api import ApiOptions, DayEvents, ReportsApi, Retry, RetryPolicy
from shadowserver_connector.api.client import sign
from shadowserver_connector.errors import (
    ApiUnavailableError,
    CredentialsError,
    ReportRefusedError,
    SettingsError,
    ShadowserverConnectorError,
)
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import API_URL
from tests.api.memory import DAY, KEY, SECRET

Handler = Callable[[httpx.Request], httpx.Response]
ID = "Zy9" * 16


def entry(type: str = "scan_ssl", list: str = "example", id: str = ID) -> dict[str, str]:
    """Return an entry of ``reports/list``."""
    file = f"{DAY}-{type}-{list}.csv"
    return {"id": id, "type": type, "file": file, "report": list, "timestamp": str(DAY)}


def client(handler: Handler, **policy: object) -> ReportsApi:
    """Return a client without pauses or rate limit whose requests go to ``handler``."""
    retry = RetryPolicy(**{"attempts": 3, "sleep": lambda _: None, **policy})  # type: ignore[arg-type]
    return ReportsApi(
        KEY,
        SECRET,
        ApiOptions(requests_per_second=1e6, retry=retry),
        transport=httpx.MockTransport(handler),
    )


class Answers:
    """Gives one answer after another, the last one for ever, and records the requests."""

    def __init__(self, *replies: httpx.Response | Exception | object) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return reply
        return httpx.Response(200, json=reply)

    @property
    def sent(self) -> list[dict[str, object]]:
        """The bodies of the requests."""
        return [json.loads(request.content) for request in self.requests]


CALLS: dict[str, Callable[[ReportsApi], object]] = {
    "test/ping": lambda api: api.ping(),
    "reports/subscribed": lambda api: api.subscriptions(),
    "reports/types": lambda api: api.available_types(),
    "reports/list": lambda api: api.list_reports(DAY),
    "reports/stats": lambda api: api.stats(DAY, DAY),
}


@pytest.fixture(params=CALLS)
def method(request: pytest.FixtureRequest) -> str:
    """Name each method of the API in turn."""
    return str(request.param)


def test_each_call_is_a_signed_post(method: str) -> None:
    """Each request is a POST to the API whose signature covers its exact body, with the key."""
    answers = Answers(httpx.Response(401))
    with client(answers) as api, pytest.raises(CredentialsError):
        CALLS[method](api)
    (request,) = answers.requests
    assert request.method == "POST"
    assert str(request.url) == f"https://transform.shadowserver.org/api2/{method}"
    assert request.headers["HMAC2"] == sign(request.content, SECRET)
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content)["apikey"] == KEY


def test_simple_answers_are_returned() -> None:
    """Ping, subscriptions, types and statistics return plain values."""
    with client(Answers({"pong": "now"})) as api:
        assert api.ping() == "now"
    with client(Answers(["b", "a"])) as api:
        assert api.subscriptions() == ["a", "b"]
        assert api.available_types() == ["a", "b"]
    answers = Answers([["date", "type", "events"], ["2024-01-30", "scan_ssl", 3]])
    with client(answers) as api:
        found = api.stats(date(2024, 1, 1), DAY)
    assert found == [DayEvents(date(2024, 1, 30), "scan_ssl", 3)]
    assert answers.sent[0]["date"] == "2024-01-01:2024-01-31"


def test_nothing_subscribed_is_an_empty_list() -> None:
    """An empty list of subscriptions is a valid answer and is not requested again."""
    answers = Answers([])
    with client(answers) as api:
        assert api.subscriptions() == api.available_types() == api.list_reports(DAY) == []
        assert api.stats(DAY, DAY) == []
    assert len(answers.requests) == 4


def test_a_list_is_asked_with_its_filters_and_sorted() -> None:
    """Lists and types are sent only if given; reports are sorted by type, list and file."""
    answers = Answers([entry("b", "x", "1"), entry("a", "y", "2"), entry("a", "x", "3")])
    with client(answers) as api:
        found = api.list_reports(DAY)
        api.list_reports(DAY, lists=["x"], types=("a", "b"), answer_limit=7)
    assert [report.id for report in found] == ["3", "2", "1"]
    assert answers.sent[0] == {"apikey": KEY, "date": "2024-01-31", "limit": 1000}
    assert answers.sent[1] == {
        "apikey": KEY,
        "date": "2024-01-31",
        "limit": 7,
        "reports": ["x"],
        "types": ["a", "b"],
    }


def test_reports_of_one_list_are_sorted_by_file_and_id() -> None:
    """Two listings of the same reports are equal, whatever the API's order."""
    reports = [
        entry("a", "x", id) | {"file": f"{file}.csv"}
        for file, id in (("2", "B"), ("1", "C"), ("2", "A"), ("1", "D"))
    ]
    with client(Answers(reports)) as api:
        found = api.list_reports(DAY)
    assert [report.id for report in found] == ["C", "D", "A", "B"]


def limited(types: dict[str, int], limit: int) -> Handler:
    """Return an API that has so many reports of each type and cuts each answer."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("types"):
            return httpx.Response(200, json=sorted(types))
        wanted = json.loads(request.content).get("types", types)
        found = [entry(t, f"l{n}", f"{t}-{n}") for t in wanted for n in range(types[t])]
        return httpx.Response(200, json=found[:limit])

    return handler


@pytest.mark.parametrize("wanted", [(), ("a", "b", "c")])
def test_a_cut_list_is_asked_type_by_type(wanted: tuple[str, ...]) -> None:
    """On a day with as many reports as the limit, each type is listed separately."""
    with client(limited({"a": 4, "b": 4, "c": 3}, 5)) as api:
        found = api.list_reports(DAY, types=wanted, answer_limit=5)
    assert len(found) == len(set(found)) == 11


def test_a_cut_list_with_a_type_that_is_not_announced() -> None:
    """A type that only the cut list contains is listed separately as well."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("types"):
            return httpx.Response(200, json=["a"])
        return limited({"a": 1, "new": 2}, 3)(request)

    with client(handler) as api:
        assert [report.type for report in api.list_reports(DAY, answer_limit=3)] == [
            "a",
            "new",
            "new",
        ]


@pytest.mark.parametrize("wanted", [(), ("b",)])
def test_a_type_that_reaches_the_limit_is_an_error(wanted: tuple[str, ...]) -> None:
    """A list that may be incomplete is an error that names day and type."""
    with (
        client(limited({"a": 1, "b": 5}, 5)) as api,
        pytest.raises(ApiUnavailableError, match=r"2024-01-31 has 5 reports or more of type b"),
    ):
        api.list_reports(DAY, types=wanted, answer_limit=5)


PASSING = {
    "500": httpx.Response(500),
    "502 page": httpx.Response(502, html="<html>Bad Gateway</html>"),
    "503 error": httpx.Response(503, json={"error": "apikey database is down"}),
    "404": httpx.Response(404, text="Not found"),
    "408": httpx.Response(408),
    "429": httpx.Response(429, headers={"Retry-After": "1"}),
    "error with 200": httpx.Response(200, json={"error": "internal"}),
    "page with 200": httpx.Response(200, html="<html>Sorry</html>"),
    "no body": httpx.Response(200),
    "null": httpx.Response(200, text="null"),
    "false": httpx.Response(200, text="false"),
    "text": httpx.Response(200, json="busy"),
    "number": httpx.Response(200, json=0),
    "cut": httpx.Response(200, text='[{"id": "'),
    "deep": httpx.Response(200, text="[" * 100_000 + "]" * 100_000),
    "list of lists": httpx.Response(200, json=[[], [[]]]),
    "connect": httpx.ConnectError("[Errno 111] Connection refused"),
    "connect time-out": httpx.ConnectTimeout("timed out"),
    "read time-out": httpx.ReadTimeout("timed out"),
    "write": httpx.WriteError("broken pipe"),
    "protocol": httpx.RemoteProtocolError("peer closed connection"),
    "proxy": httpx.ProxyError("503 Service Unavailable"),
    "redirect to no URL": httpx.Response(302, headers={"Location": "a:0"}),
}


@pytest.fixture(params=PASSING)
def passing(request: pytest.FixtureRequest) -> httpx.Response | Exception:
    """Give each temporary failure in turn."""
    return PASSING[request.param]


def test_a_passing_failure_never_looks_like_an_answer(
    method: str, passing: httpx.Response | Exception
) -> None:
    """A temporary failure is retried; if it stays, the error is one line that names the method."""
    answers = Answers(passing)
    with client(answers) as api, pytest.raises(ApiUnavailableError) as caught:
        CALLS[method](api)
    assert len(answers.requests) == 3
    assert str(caught.value).startswith(f"{method}: ")
    assert "(3 attempts)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_404_at_the_first_call_names_the_url() -> None:
    """A 404 names the setting of the URL, unless the API answered before."""
    missing = httpx.Response(404, text="Not found")
    named = "status 404: Not found; check SHADOWSERVER_API_URL"
    with client(Answers(missing)) as api, pytest.raises(ApiUnavailableError, match=named):
        api.list_reports(DAY)
    with client(Answers([entry()], missing)) as api:
        api.list_reports(DAY)
        with pytest.raises(ApiUnavailableError, match="status 404: Not found") as caught:
            api.list_reports(DAY)
    assert "API_URL" not in str(caught.value)


def test_a_passing_failure_is_survived(passing: httpx.Response | Exception) -> None:
    """After a temporary failure, the answer of the next attempt is returned."""
    with client(Answers(passing, passing, [entry()])) as api:
        assert len(api.list_reports(DAY)) == 1


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(401),
        httpx.Response(403, html="<html>no</html>"),
        httpx.Response(403, json={"error": "HMAC2 mismatch"}),
        httpx.Response(400, json={"error": "invalid apikey"}),
        httpx.Response(400, text="Invalid API key"),
        httpx.Response(400, json={"message": "invalid api key"}),
        httpx.Response(200, json={"error": "Invalid API key"}),
    ],
)
def test_refused_credentials_are_fatal(method: str, reply: httpx.Response) -> None:
    """Refused credentials are not retried, and the error names their settings."""
    answers = Answers(reply)
    with client(answers) as api, pytest.raises(CredentialsError, match="SHADOWSERVER_API_SECRET"):
        CALLS[method](api)
    assert len(answers.requests) == 1


@pytest.mark.parametrize("location", ["https://evil.example/", "/api2/other", "http://x.example/"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_api_is_never_followed_elsewhere(status: int, location: str) -> None:
    """A redirect of the API is not followed, so the signed request stays with the API."""
    answers = Answers(httpx.Response(status, headers={"Location": location}))
    with client(answers) as api, pytest.raises(ApiUnavailableError, match="redirect"):
        api.subscriptions()
    assert len(answers.requests) == 1


@pytest.mark.parametrize("status", [400, 405, 410, 413, 501 - 100])
def test_a_wrong_request_is_not_repeated(status: int) -> None:
    """A status that says the request is wrong is not retried."""
    answers = Answers(httpx.Response(status, json={"error": "no such report type"}))
    kind = CredentialsError if status == 401 else ApiUnavailableError
    with client(answers) as api, pytest.raises(kind, match="no such report type"):
        api.subscriptions()
    assert len(answers.requests) == 1


def test_an_untrusted_certificate_is_not_repeated() -> None:
    """An untrusted certificate is not retried; the error names the setting for CAs."""
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    answers = Answers(error)
    with client(answers) as api, pytest.raises(ApiUnavailableError, match="SHADOWSERVER_CA_BUNDLE"):
        api.ping()
    assert len(answers.requests) == 1


def test_retry_after_reaches_the_wait() -> None:
    """The wait of ``Retry-After`` is kept, and reported to the callback."""
    retries: list[Retry] = []
    busy = httpx.Response(429, headers={"Retry-After": "33"}, json={"error": "slow down"})
    with client(Answers(busy, []), on_retry=retries.append, first_wait=1) as api:
        api.subscriptions()
    (retry,) = retries
    assert 33 <= retry.wait <= 34
    assert (retry.what, retry.attempt) == ("reports/subscribed", 1)
    assert retry.reason == "status 429: slow down"


def test_retry_after_may_be_a_date() -> None:
    """A date in the past means no wait but the jitter, which is at most the first wait."""
    past = {"Retry-After": "Wed, 31 Jan 2024 00:00:00 GMT"}
    retries: list[Retry] = []
    busy = httpx.Response(503, headers=past)
    with client(Answers(busy, []), on_retry=retries.append, first_wait=0) as api:
        api.subscriptions()
    assert [retry.wait for retry in retries] == [0.0]


def test_an_endless_answer_is_given_up() -> None:
    """A body above the limit is given up, so that it cannot fill the memory."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"["
        for _ in range(100_000):
            sent += 1024**2
            yield b" " * 1024**2

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=endless())

    with client(handler, attempts=1) as api, pytest.raises(ApiUnavailableError, match="longer"):
        api.subscriptions()
    assert sent < 64 * 1024**2


LEAKS = [
    httpx.Response(400, json={"error": f"key {KEY} secret {SECRET} id {ID}"}),
    httpx.Response(401, text=f"{KEY} {SECRET} {ID}"),
    httpx.Response(500, json={"error": [KEY, {SECRET: ID}]}),
    httpx.Response(200, json={"error": f"apikey {KEY}"}),
    httpx.Response(200, text=f'[{{"id": "{ID}", "apikey": "{KEY}", {SECRET}'),
    httpx.Response(200, json=[{"id": ID, "type": KEY, "report": SECRET}]),
    httpx.Response(302, headers={"Location": f"https://x.example/{ID}?{KEY}&{SECRET}"}),
    httpx.RemoteProtocolError(f"illegal header line: {KEY} {SECRET} {ID}"),
]


@pytest.mark.parametrize("reply", LEAKS)
def test_secrets_never_reach_errors_and_logs(
    reply: object, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Even if a server echoes them, no key, secret or id is in an error, its causes or a log."""
    caplog.set_level(logging.DEBUG)
    seen: list[object] = [caplog.text]
    with client(Answers(reply), on_retry=seen.append) as api:
        seen.append(api)
        with pytest.raises(ShadowserverConnectorError) as caught:
            CALLS[method](api)
    error: BaseException | None = caught.value
    while error is not None:
        seen.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    text = " ".join(f"{each} {each!r}" for each in seen) + caplog.text
    for secret in (KEY, SECRET, ID):
        assert secret not in text


def test_ids_stay_out_of_reprs() -> None:
    """The repr of a listed report omits its id, so that it can be logged."""
    with client(Answers([entry()])) as api:
        (report,) = api.list_reports(DAY)
    assert report.id == ID
    assert ID not in repr(report)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "transform.example/api2/",
        "ftp://transform.example/",
        "http://transform.example/",
        "https://",
        "https://user:pass@transform.example/",
        "https://transform.example/?a=b",
        "https://transform.example/#x",
        "https://exa mple/\x00",
    ],
)
@pytest.mark.parametrize("setting", ["api_url", "download_url"])
def test_hosts_must_be_reached_by_https(setting: str, url: str) -> None:
    """A URL without https stops the start; the error names the setting and shows no password."""
    with pytest.raises(SettingsError, match=f"SHADOWSERVER_{setting.upper()}") as caught:
        ReportsApi(KEY, SECRET, ApiOptions(**{setting: url}))  # type: ignore[arg-type]
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://mirror.example/a", "https://mirror.example/a/"])
def test_another_host_may_be_configured(url: str) -> None:
    """URLs of other hosts work with and without a slash at their end."""
    answers = Answers([])
    transport = httpx.MockTransport(answers)
    with ReportsApi(KEY, SECRET, ApiOptions(api_url=url), transport=transport) as api:
        api.available_types()
    assert str(answers.requests[0].url) == "https://mirror.example/a/reports/types"


@pytest.mark.parametrize(
    "url",
    ["https://DL.mirror.example", "https://dl.mirror.example:443/", "https://m\u00fcnchen.example"],
)
def test_a_file_is_fetched_from_any_spelling_of_a_host(tmp_path: Path, url: str) -> None:
    """Upper case, the usual port and letters beyond ASCII in a URL make no id invalid."""
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=b"ip\n"))
    report = ReportInfo("scan_ssl", DAY, "2024-01-31-scan_ssl-x.csv", id="Zy9")
    with ReportsApi(KEY, SECRET, ApiOptions(download_url=url), transport=transport) as api:
        assert api.download(report, tmp_path).size == 3


def test_a_proxy_that_cannot_be_used_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the proxy variables to look at and hides the password."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://me:hunter2@proxy.example:1")
    with pytest.raises(SettingsError, match="HTTPS_PROXY") as caught:
        ReportsApi(KEY, SECRET)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_bundle_that_cannot_be_read_is_a_wrong_setting(
    tmp_path: Path, content: bytes | None
) -> None:
    """The error names the file of the CA bundle."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(SettingsError, match=r"ca\.pem"):
        ReportsApi(KEY, SECRET, ApiOptions(ca_bundle=bundle))


def test_no_credentials_reach_the_download_host(tmp_path: Path) -> None:
    """A download is sent without key, signature and cookies."""

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        cookie = {"Set-Cookie": "session=1; Domain=shadowserver.org; Path=/"}
        if request.method == "POST":
            return httpx.Response(200, json=[entry()], headers=cookie)
        return httpx.Response(200, content=b"ip\n")

    requests: list[httpx.Request] = []
    with client(handler) as api:
        (report,) = api.list_reports(DAY)
        api.download(report, tmp_path)
    sent = requests[1]
    assert str(sent.url) == f"https://dl.shadowserver.org/{ID}"
    assert sent.content == b""
    assert not {"hmac2", "cookie", "authorization"} & set(sent.headers)
    assert KEY not in str(sent.headers)


def test_every_request_keeps_the_pace(tmp_path: Path) -> None:
    """The rate limit spaces calls, downloads and retries alike."""
    slept: list[float] = []
    answers = Answers([entry()], httpx.Response(503), httpx.Response(200, content=b"ip\n"))
    with ReportsApi(
        KEY,
        SECRET,
        ApiOptions(requests_per_second=0.001, retry=RetryPolicy(attempts=2, sleep=slept.append)),
        transport=httpx.MockTransport(answers),
    ) as api:
        (report,) = api.list_reports(DAY)
        api.download(report, tmp_path)
    paced = [seconds for seconds in slept if seconds > 900]
    assert len(paced) == len(answers.requests) - 1 == 2


def test_an_id_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    """A report with a hostile id fails before any request."""
    answers = Answers(b"")
    with client(answers) as api, pytest.raises(ReportRefusedError):
        api.download(ReportInfo("t", DAY, "a.csv", id="//evil.example/x"), tmp_path)
    assert answers.requests == []


def test_no_cookie_is_kept(tmp_path: Path) -> None:
    """A cookie that the API sets for a shared domain is sent to neither host."""
    domain = httpx.URL(API_URL).host.partition(".")[2]
    cookie = {"Set-Cookie": f"session=1; Domain={domain}; Path=/; Secure"}
    answers = Answers(
        httpx.Response(200, json=[entry()], headers=cookie),
        httpx.Response(200, json=[entry()]),
        httpx.Response(200, content=b"ip\n"),
    )
    with client(answers) as api:
        (report,) = api.list_reports(DAY)
        assert api.list_reports(DAY) == [report]
        api.download(report, tmp_path)
    assert len(answers.requests) == 3
    assert not any("Cookie" in request.headers for request in answers.requests)


def test_a_report_listed_twice_is_one() -> None:
    """A report listed twice, in one answer or again by its type, is returned once."""
    same = entry()
    with client(Answers([same, same, entry(list="other")])) as api:
        assert len(api.list_reports(DAY)) == 2
    by_type = Answers([same, entry("scan_vnc")], ["scan_ssl", "scan_vnc"], [same], [])
    with client(by_type) as api:
        assert [each.type for each in api.list_reports(DAY, answer_limit=2)] == [
            "scan_ssl",
            "scan_vnc",
        ]


def test_an_odd_type_is_not_lost_at_the_limit() -> None:
    """A type with unusable characters cannot be listed separately; its listed report is kept."""
    odd = Answers([entry("Scan <b>"), entry()], ["scan_ssl"], [], [entry()])
    with client(odd) as api:
        assert [each.type for each in api.list_reports(DAY, answer_limit=2)] == [
            "scan_b",
            "scan_ssl",
        ]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            httpx.Response(401),
            "reports/subscribed: Shadowserver refused the key or secret (status 401: no reason "
            "given); check SHADOWSERVER_API_KEY and SHADOWSERVER_API_SECRET",
        ),
        (
            httpx.Response(400, json={"error": "no such type"}),
            "reports/subscribed: status 400: no such type; check SHADOWSERVER_API_URL",
        ),
        (
            httpx.Response(302, headers={"Location": "https://evil.example/"}),
            "reports/subscribed: status 302, a redirect, which is never followed; "
            "check SHADOWSERVER_API_URL",
        ),
        (
            httpx.Response(503, json={"error": "busy"}),
            "reports/subscribed: status 503: busy (1 attempt); try again later",
        ),
        (
            httpx.Response(500, json={}),
            "reports/subscribed: status 500: no reason given (1 attempt); try again later",
        ),
        (
            httpx.Response(200, json={"error": "internal"}),
            "reports/subscribed: status 200: internal (1 attempt); try again later",
        ),
        (
            httpx.Response(200, json={}),
            "reports/subscribed: the answer is not valid: the answer is not a list "
            "(1 attempt); try again later",
        ),
    ],
)
def test_what_went_wrong_is_told_in_one_line(reply: httpx.Response, said: str) -> None:
    """An error names the method, what the API said, and what to do."""
    with (
        client(Answers(reply), attempts=1) as api,
        pytest.raises((ApiUnavailableError, CredentialsError)) as caught,
    ):
        api.subscriptions()
    assert str(caught.value) == said


def test_list_that_may_be_incomplete_says_how_to_get_it() -> None:
    """The error of an incomplete list advises to ask for fewer lists."""
    with (
        client(limited({"b": 5}, 5)) as api,
        pytest.raises(ApiUnavailableError) as caught,
    ):
        api.list_reports(DAY, answer_limit=5)
    assert str(caught.value) == (
        "reports/list: 2024-01-31 has 5 reports or more of type b, as many as one answer holds; "
        "narrow it down with SHADOWSERVER_REPORT_NAMES"
    )


def test_cut_list_is_asked_again_with_the_same_lists() -> None:
    """Listing type by type keeps the filters of lists and types."""
    answers = Answers([entry("a", "x", "1")], ["a", "b"], [], [entry("b", "x", "2")])
    with client(answers) as api, pytest.raises(ApiUnavailableError):
        api.list_reports(DAY, lists=["x"], answer_limit=1)
    fields = {"apikey": KEY, "date": "2024-01-31", "limit": 1, "reports": ["x"]}
    assert answers.sent[0] == fields
    assert answers.sent[2] == {**fields, "types": ["a"]}
    assert answers.sent[3] == {**fields, "types": ["b"]}


def test_list_with_one_report_less_than_the_limit_is_whole() -> None:
    """A list below the limit needs one request only."""
    answers = Answers([entry("a", "x", "1"), entry("b", "x", "2")])
    with client(answers) as api:
        assert len(api.list_reports(DAY, answer_limit=3)) == 2
    assert len(answers.requests) == 1


def test_request_says_what_it_is() -> None:
    """A request declares its JSON body and carries the signature header."""
    answers = Answers([])
    with client(answers) as api:
        api.available_types()
    (request,) = answers.requests
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["HMAC2"] == sign(request.content, SECRET)
    assert str(request.url) == "https://transform.shadowserver.org/api2/reports/types"


def test_one_file_listed_twice_has_one_order() -> None:
    """Entries of one file are sorted by id, and equal entries are merged."""
    answers = Answers([entry(id="2"), entry(id="1"), entry(id="2")])
    with client(answers) as api:
        assert [report.id for report in api.list_reports(DAY)] == ["1", "2"]
