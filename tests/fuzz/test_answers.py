"""The Reports API's client on any answer: a checked value, or an error of the three families."""

from __future__ import annotations

import json
import shutil
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shadowserver_connector.api import ApiOptions, ReportsApi, RetryPolicy, answers
from shadowserver_connector.api.answers import AnswerError
from shadowserver_connector.api.download import report_url, target_path
from shadowserver_connector.errors import (
    FatalError,
    ReportRefusedError,
    RetriableError,
    ShadowserverConnectorError,
    SkippableError,
)
from shadowserver_connector.report.info import ReportInfo
from tests.api.memory import KEY, SECRET
from tests.fuzz import texts
from tests.fuzz.effort import EFFORT
from tests.fuzz.outcome import is_one_line, outcome

DAY: Final = date(2024, 1, 31)
HOST: Final = "https://dl.example.org/"

_WORDS: Final = st.sampled_from(
    [
        *("id", "type", "file", "report", "timestamp", "url", "error", "pong", "date", "events"),
        *("scan_ssl", "2024-01-31", "2024-01-31-scan_ssl-example.csv", "unauthorized", KEY, SECRET),
        *(
            "../x.csv",
            "..",
            "/etc/x",
            "//host",
            "http://host/",
            "x?y#z",
            "a\nb",
            "<html>",
            "%2e%2e",
        ),
    ]
)
_TEXTS: Final = st.one_of(_WORDS, texts.plain, texts.pieces)
_SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXTS,
)
_JSON: Final = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(_TEXTS, inner, max_size=6)
    ),
    max_leaves=15,
)
_ENTRY: Final = st.fixed_dictionaries(
    {name: st.one_of(_TEXTS, _SCALARS) for name in ("id", "type", "file", "report", "timestamp")}
)
_ROW: Final = st.one_of(
    st.just(["date", "type", "events"]), st.tuples(_TEXTS, _TEXTS, _SCALARS).map(list)
)
_ANSWERS: Final = st.one_of(_JSON, st.lists(_ENTRY, max_size=3), st.lists(_ROW, max_size=4))
_BODIES: Final = st.one_of(
    _ANSWERS.map(orjson.dumps), st.binary(max_size=60), texts.active.map(str.encode)
)

_READERS: Final[dict[str, Callable[[object], object]]] = {
    "pong": answers.check_pong,
    "names": answers.read_names,
    "report_infos": answers.read_reports,
    "day_events": answers.read_statistics,
}


@pytest.mark.parametrize("reader", _READERS)
@EFFORT
@given(answer=_ANSWERS)
def test_an_answer_is_read_whole_or_refused(reader: str, answer: object) -> None:
    """A list has as many reports as the answer; the message of a refusal quotes nothing."""
    value = outcome(lambda: _READERS[reader](answer), AnswerError)
    if isinstance(value, AnswerError):
        assert is_one_line(value)
        assert KEY not in str(value)
        return
    if reader == "report_infos":
        assert isinstance(answer, list)
        assert isinstance(value, list)
        assert len(value) == len(answer)


@EFFORT
@given(text=st.one_of(texts.anything, _TEXTS))
def test_any_text_of_a_server_can_be_quoted(text: str) -> None:
    """A quoted text is one short line without the key and the secret."""
    quoted = answers.quotable(f"{text}{KEY}{text} {SECRET}", (KEY, SECRET))
    assert KEY not in quoted
    assert SECRET not in quoted
    assert len(quoted) <= 200
    assert len(quoted.splitlines()) <= 1


@EFFORT
@given(body=st.recursive(texts.anything, lambda inner: st.lists(inner, max_size=3)).map(json.dumps))
def test_no_lone_surrogate_passes(body: str) -> None:
    """An answer with a lone surrogate, which JSON can spell, is refused."""
    answer = outcome(lambda: answers.parse_json(body.encode()), AnswerError)
    if not isinstance(answer, AnswerError):
        orjson.dumps(answer)


@EFFORT
@given(name=_TEXTS, id=_TEXTS)
@example(name="é" * 99 + ".csv", id="..")
def test_names_and_ids_stay_where_they_belong(name: str, id: str) -> None:
    """A file stays in its folder, and the id ends the download URL unchanged."""
    folder = Path("/nowhere")
    report = ReportInfo(type="scan_ssl", day=DAY, file=name, id=id)
    path = outcome(lambda: target_path(folder, report), ReportRefusedError)
    if isinstance(path, ReportRefusedError):
        assert is_one_line(path)
    else:
        assert path.resolve().parent == path.parent == folder
    url = outcome(lambda: report_url(HOST, report), ReportRefusedError)
    if isinstance(url, httpx.URL):
        assert str(url) == HOST + id
        assert url.host == "dl.example.org"


_CALLS: Final[dict[str, Callable[[ReportsApi], Any]]] = {
    "ping": ReportsApi.ping,
    "subscriptions": ReportsApi.subscriptions,
    "list_reports": lambda api: api.list_reports(DAY),
    "stats": lambda api: api.stats(DAY, DAY),
}
_HEADERS: Final = st.dictionaries(
    st.sampled_from(["Retry-After", "Location", "Content-Type", "Content-Encoding"]),
    st.one_of(
        st.sampled_from(
            [
                *(
                    "5",
                    "9" * 400,
                    "-1",
                    "Wed, 31 Jan 2024 00:00:00 GMT",
                    "Wed, 31 Jan 9999 00:00 +9999",
                ),
                *("https://elsewhere.example/", "//elsewhere", "http://[", "/again", "\x00", ""),
                *("gzip", "br", "deflate, gzip", "application/json", "text/html; charset=utf-99"),
            ]
        ),
        texts.pieces,
        st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20),
    ).map(lambda value: value.encode("utf-8", errors="replace")),
)


def _call(make: Callable[[], httpx.Response], ask: Callable[[ReportsApi], Any]) -> Any:
    with ReportsApi(
        KEY,
        SECRET,
        ApiOptions(
            api_url="https://api.example.org/",
            download_url=HOST,
            requests_per_second=1e9,
            retry=RetryPolicy(attempts=2, sleep=lambda _: None),
        ),
        transport=httpx.MockTransport(lambda _: make()),
    ) as api:
        answer = outcome(lambda: ask(api), FatalError, RetriableError, SkippableError)
    if isinstance(answer, ShadowserverConnectorError):
        assert is_one_line(answer)
        shown = "".join(traceback.format_exception(answer))
        assert KEY not in shown
        assert SECRET not in shown
    return answer


_STATUSES: Final = st.one_of(
    st.just(200), st.sampled_from([204, 301, 302, 307, 400, 401, 404, 429, 500, 503, 599])
)


@pytest.mark.parametrize("method", _CALLS)
@EFFORT
@given(status=_STATUSES, headers=_HEADERS, body=_BODIES)
def test_any_response_gives_a_value_or_an_error_of_ours(
    method: str, status: int, headers: dict[str, bytes], body: bytes
) -> None:
    """Wrong headers make no difference; no message has a secret or a second line."""
    _call(lambda: httpx.Response(status, headers=headers, content=body), _CALLS[method])


@EFFORT
@given(status=_STATUSES, headers=_HEADERS, body=_BODIES, name=_TEXTS)
def test_any_download_gives_the_whole_file_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory,
    status: int,
    headers: dict[str, bytes],
    body: bytes,
    name: str,
) -> None:
    """An incomplete download leaves no file behind."""
    # The message names the file, and a server that knew our secret would have no need to trick.
    assume(KEY not in name and SECRET not in name)
    folder = tmp_path_factory.getbasetemp() / "downloads"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    report = ReportInfo(type="scan_ssl", day=DAY, file=name, id="abc")

    result = _call(
        lambda: httpx.Response(status, headers=headers, content=body),
        lambda api: api.download(report, folder),
    )
    if isinstance(result, Exception):
        assert list(folder.iterdir()) == []
    else:
        assert list(folder.iterdir()) == [result.path]
        assert result.path.stat().st_size == result.size > 0
