"""A server that takes uploads as OpenCTI does, and a client of the installed pycti for it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final, Self

from pycti import OpenCTIApiClient

from tests.platform.server import Answer, Server
from tests.sink.pycti_fakes import FakeHelper

TOKEN: Final = "token-of-the-connector"


def stored(standard_id: str) -> Answer:
    """Return the answer to an upload that was stored under this id."""
    return 200, json.dumps({"data": {"artifactImport": {"standard_id": standard_id}}}).encode()


def refused(**error: Any) -> Answer:
    """Return the answer that holds a GraphQL error."""
    return 200, json.dumps({"errors": [error], "data": {"artifactImport": None}}).encode()


class Uploads:
    """Gives the prepared answers in turn (None closes the connection) and records the calls."""

    def __init__(self, *answers: Answer | None, tls: ssl.SSLContext | None = None) -> None:
        self.variables: list[dict[str, Any]] = []
        self.queries: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self._answers = list(answers)
        self._server = Server(self._answer, tls)
        self._scheme = "http" if tls is None else "https"
        self._clients: list[OpenCTIApiClient] = []

    def __enter__(self) -> Self:
        self._server.start()
        self.port = self._server.port
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.session.close()
        self._server.stop()

    def client(self, host: str = "", **settings: Any) -> OpenCTIApiClient:
        """Return pycti's client for this server, by default under its own address."""
        url = f"{self._scheme}://{host or f'127.0.0.1:{self.port}'}"
        client = OpenCTIApiClient(url, TOKEN, perform_health_check=False, **settings)
        self._clients.append(client)
        return client

    def answer_to(self, helper: FakeHelper) -> None:
        """Make a helper's API client use this server; what the helper fakes stays fake."""
        helper.api = SimpleNamespace(**{**vars(self.client()), **vars(helper.api)})

    def _answer(self, headers: Mapping[str, str], call: dict[str, Any]) -> Answer | None:
        self.headers.append(headers)
        self.variables.append(call["variables"])
        self.queries.append(call["query"])
        return self._answers.pop(0)
