"""The Reports API, as methods that return checked values or raise."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import attrgetter
from pathlib import Path
from typing import Self, TypeVar

import httpx
import orjson

from shadowserver_connector.api import answers
from shadowserver_connector.api.answers import AnswerError, DayEvents
from shadowserver_connector.api.connection import (
    Deadline,
    TooLateError,
    check_base_url,
    enforcing,
    is_transient,
    network_of_environment,
    open_client,
    read_bounded,
    retry_after_seconds,
    tls_context,
    to_our_error,
    without_request_logs,
)
from shadowserver_connector.api.download import (
    Claim,
    Downloaded,
    allow_any_size,
    download_once,
    report_url,
    target_path,
)
from shadowserver_connector.errors import ApiUnavailableError, CredentialsError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.report_files import MAX_REPORT_BYTES
from shadowserver_connector.settings.load import Settings
from shadowserver_connector.settings.network import Network
from shadowserver_connector.settings.sections import API_URL, DOWNLOAD_URL
from shadowserver_connector.waiting import RetryLaterError, RetryPolicy

T = TypeVar("T")

# A full list of 1,000 reports has about 400 KB.
_MAX_ANSWER_BYTES = 4 * 1024**2
# Seconds for the whole of an answer, or the time-out where that is longer: 3 KB a second for a
# full list.
_ANSWER_SECONDS = 120.0


def sign(body: bytes, secret: str) -> str:
    """Return the value of ``HMAC2`` for exactly these body bytes: hex HMAC-SHA256."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Where the Reports API is, and how to talk to it."""

    api_url: str = API_URL
    download_url: str = DOWNLOAD_URL
    ca_bundle: Path | None = None
    """PEM file, instead of the usual certificates."""
    network: Network | None = None
    """The usual authorities and proxies; if missing, those of the process environment."""
    connections: int = 8
    """Connections open at the same time, to both hosts together; to each if their proxies differ.
    """
    # The time-out of Shadowserver's own clients.
    timeout: float = 45.0
    """Seconds for each read or write, and for all headers of an answer together."""
    requests_per_second: float = 9.0
    """For all threads together; Shadowserver asks for ten at most."""
    max_bytes: int = MAX_REPORT_BYTES
    """Larger reports are refused."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class RateLimiter:
    """Hands out start times that are at least ``1 / per_second`` seconds apart."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next request may start."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = start + self._interval
        # Outside the lock: meanwhile others take the next slots.
        if start > now:
            self._sleep(start - now)


class ReportsApi:
    """A client of the Reports API; safe to share between threads, to be closed after use.

    Calls raise CredentialsError if the key or secret is refused, and ApiUnavailableError if no
    usable answer came after all attempts. So an empty list means that there is nothing.
    """

    def __init__(
        self,
        api_key: str,
        secret: str,
        options: ApiOptions | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Open the pool; nothing is sent yet.

        ``transport`` replaces network, proxies and TLS. Raises SettingsError for a URL, proxy or CA
        file that cannot be used.
        """
        options = options or ApiOptions()
        self._key = api_key
        self._secret = secret
        self._has_answered = False
        self._api_url = check_base_url(options.api_url, "SHADOWSERVER_API_URL")
        self._download_url = check_base_url(options.download_url, "SHADOWSERVER_DOWNLOAD_URL")
        self._max_bytes = options.max_bytes
        self._retry = options.retry
        # The same sleep as between attempts, so that a shutdown ends this wait as well.
        self._rate_limiter = RateLimiter(options.requests_per_second, sleep=options.retry.sleep)
        self._timeout = options.timeout
        network = options.network or network_of_environment()
        # A transport from outside brings its own TLS.
        context = None
        if transport is None:
            network.check()
            context = tls_context(options.ca_bundle, network)
        self._http = open_client(
            (self._api_url, self._download_url),
            network=network,
            context=context,
            connections=options.connections,
            timeout=options.timeout,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        with without_request_logs():
            self._http.close()

    def ping(self) -> str:
        """Check URL, key and secret; return the API's greeting."""
        return self._ask("test/ping", answers.check_pong)

    def subscriptions(self) -> list[str]:
        """Return the names of the subscriber's report lists; empty if nothing is subscribed."""
        return self._ask("reports/subscribed", answers.read_names)

    def available_types(self) -> list[str]:
        """Return the report types that the subscriber can get; empty if nothing is subscribed."""
        return self._ask("reports/types", answers.read_names)

    def list_reports(
        self,
        day: date,
        *,
        lists: Sequence[str] = (),
        types: Sequence[str] = (),
        answer_limit: int = 1000,
    ) -> list[ReportInfo]:
        """Return the reports that cover a day, sorted by type, list and file.

        ``lists`` and ``types`` narrow it down; empty means all. An answer has at most
        ``answer_limit`` reports: a day that reaches it is queried type by type. Raises
        ApiUnavailableError if a single type reaches it too, because its list may be incomplete.
        """
        found = self._list(day, lists, types, answer_limit)
        # No paging is known: a narrower question is the only way to the rest.
        if len(found) >= answer_limit:
            # The API's list of types may lack one that the day has.
            wanted = set(types or self.available_types()) | {report.type for report in found}
            # Reports of a type that cannot be queried are kept from the first answer.
            found += [
                report
                for name in sorted(wanted)
                for report in self._list_type(day, lists, name, answer_limit)
            ]
        # The API promises no order, and a report may have been listed by its type as well.
        return sorted(set(found), key=attrgetter("type", "list", "file", "id"))

    def stats(self, first: date, last: date) -> list[DayEvents]:
        """Return how many events the API counts per day and type, first and last day included."""
        return self._ask("reports/stats", answers.read_statistics, date=f"{first}:{last}")

    def download(self, report: ReportInfo, into: Path, claim: Claim = allow_any_size) -> Downloaded:
        """Stream a report to ``into / report.file``, which appears only when it is complete.

        ``claim`` is called with the size that the file is about to have, at the start and as it
        grows. An error that it raises is raised at once, and no file remains. Two reports with the
        same file name need different folders. Besides the errors of every call, raises
        TransferError (broke off at each attempt), NotReadyError (0 bytes), ReportRefusedError
        (gone, unusable id or name, bigger than ``max_bytes``, on another host) and
        SinkUnavailableError (``into`` cannot be written).
        """
        path = target_path(into, report)
        url = report_url(self._download_url, report)

        def attempt() -> Downloaded:
            self._rate_limiter.wait()
            with without_request_logs():
                return download_once(
                    self._http,
                    url,
                    path,
                    max_bytes=self._max_bytes,
                    timeout=self._timeout,
                    claim=claim,
                )

        return self._retry.call(f"download of {report.file}", attempt)

    def _list_type(
        self, day: date, lists: Sequence[str], name: str, answer_limit: int
    ) -> list[ReportInfo]:
        found = self._list(day, lists, (name,), answer_limit)
        if len(found) >= answer_limit:
            raise ApiUnavailableError(
                f"reports/list: {day} has {answer_limit} reports or more of type {name}, as many "
                "as one answer holds; narrow it down with SHADOWSERVER_REPORT_NAMES"
            )
        return found

    def _list(
        self, day: date, lists: Sequence[str], types: Sequence[str], answer_limit: int
    ) -> list[ReportInfo]:
        fields: dict[str, object] = {"date": day.isoformat(), "limit": answer_limit}
        if lists:
            fields["reports"] = list(lists)
        if types:
            fields["types"] = list(types)
        return self._ask("reports/list", answers.read_reports, **fields)

    def _ask(self, method: str, read: Callable[[object], T], **fields: object) -> T:
        # Once for all attempts: the signature is of exactly these bytes.
        body = orjson.dumps({**fields, "apikey": self._key})

        def attempt() -> T:
            self._rate_limiter.wait()
            with without_request_logs():
                return self._ask_once(method, body, read)

        return self._retry.call(method, attempt)

    def _ask_once(self, method: str, body: bytes, read: Callable[[object], T]) -> T:
        headers = {"HMAC2": sign(body, self._secret), "Content-Type": "application/json"}
        deadline = Deadline(self._timeout)
        try:
            with (
                enforcing(deadline),
                self._http.stream(
                    "POST", self._api_url + method, content=body, headers=headers
                ) as response,
            ):
                whole = max(_ANSWER_SECONDS, self._timeout)
                deadline.allow(whole, f"the answer was not complete within {whole:g} seconds")
                content = read_bounded(response, _MAX_ANSWER_BYTES, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, TooLateError) as error:
            raise to_our_error(error) from None
        said = answers.error_in(content)
        if said is not None or response.status_code != 200:
            raise self._error_of(method, response, said or content.decode(errors="replace"))
        try:
            found = read(answers.parse_json(content))
        except AnswerError as error:
            raise RetryLaterError(f"the answer is not valid: {error}") from None
        self._has_answered = True
        return found

    def _error_of(self, method: str, response: httpx.Response, said: str) -> Exception:
        """Return the error for a status other than 200, or for an ``error`` sent with 200."""
        status = response.status_code
        text = answers.quotable(said, (self._key, self._secret)) or "no reason given"
        # With another status, as in an outage, the mention of credentials proves nothing.
        if status in (401, 403) or (status in (200, 400) and answers.is_about_credentials(text)):
            return CredentialsError(
                f"{method}: Shadowserver refused the key or secret (status {status}: {text}); "
                "check SHADOWSERVER_API_KEY and SHADOWSERVER_API_SECRET"
            )
        reason = f"status {status}: {text}"
        # An error with status 200 has no status to go by. Outages have shown as 404 too, and no
        # method that we call can be missing.
        if status in (200, 404) or is_transient(status):
            # Before the first answer the URL may be wrong; afterwards a 404 is an outage.
            if status == 404 and not self._has_answered:
                reason += "; check SHADOWSERVER_API_URL"
            wait = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
            return RetryLaterError(reason, retry_after=wait)
        if response.has_redirect_location:
            reason = f"status {status}, a redirect, which is never followed"
        # Not RetryLaterError: the same request would get the same answer.
        return ApiUnavailableError(f"{method}: {reason}; check SHADOWSERVER_API_URL")


def open_api(settings: Settings, retry: RetryPolicy | None = None) -> ReportsApi:
    """Return a client of the Reports API; raises ``SettingsError`` if its settings are missing."""
    credentials = settings.require_api()
    shadowserver = settings.shadowserver
    return ReportsApi(
        credentials.key.get_secret_value(),
        credentials.secret.get_secret_value(),
        ApiOptions(
            shadowserver.api_url,
            shadowserver.download_url,
            shadowserver.ca_bundle,
            settings.network,
            connections=shadowserver.max_threads,
            retry=retry or RetryPolicy(),
        ),
    )
