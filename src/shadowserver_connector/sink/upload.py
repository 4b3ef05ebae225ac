"""A GraphQL call that carries a file, which is read from disk while it is sent.

pycti's own ``query`` holds the whole body in memory, two to three times. Session, token, TLS
settings and proxies are pycti's all the same, and the time-out is as long as pycti's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

import httpx
import orjson

_TIMEOUT: Final = 300.0


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload, open for reading from its begin."""

    name: str
    mime_type: str
    content: BinaryIO


def call_with_file(api: Any, query: str, variables: Mapping[str, Any], file: File) -> Any:
    """Run a GraphQL query that has a variable ``file`` of type Upload; return the answer's data.

    ``api`` is pycti's API client. Raises what its ``query`` raises: for an error in the answer a
    ValueError that holds a dict with ``name`` and ``error_message``; a ValueError for any other
    answer, with the status and no more; and an error of ``requests`` where there is none.
    """
    body = _body(api.api_url, query, variables, file)
    answer = api.session.post(
        api.api_url,
        data=body,
        headers={**api.request_headers, "Content-Type": body.content_type},
        verify=api.ssl_verify,
        cert=api.cert,
        proxies=api.proxies,
        timeout=_TIMEOUT,
    )
    if answer.status_code != 200:
        raise ValueError(f"{answer.status_code} {answer.reason}")
    said = answer.json()
    if said.get("errors"):
        raise ValueError(_error(said["errors"][0]))
    return said["data"]


@dataclass(frozen=True, slots=True)
class _Body:
    """What ``requests`` sends piece by piece: an iterable, and no file, that has a length."""

    content_type: str
    length: int
    pieces: httpx.SyncByteStream

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)


def _body(url: str, query: str, variables: Mapping[str, Any], file: File) -> _Body:
    """Return the call's body (GraphQL multipart request specification)."""
    # httpx encodes a form without reading the file; the request itself is never sent.
    form = httpx.Request(
        "POST",
        url,
        data={
            "operations": orjson.dumps({"query": query, "variables": {**variables, "file": None}}),
            "map": b'{"0": ["variables.file"]}',
        },
        files={"0": (file.name, file.content, file.mime_type)},
    )
    return _Body(
        form.headers["Content-Type"],
        int(form.headers["Content-Length"]),
        cast(httpx.SyncByteStream, form.stream),
    )


def _error(error: Mapping[str, Any]) -> dict[str, str]:
    """Return name and message of a GraphQL error; older platforms name it in the extensions."""
    message = str(error.get("message", ""))
    name = error.get("name") or (error.get("extensions") or {}).get("code") or message
    return {"name": str(name), "error_message": message}
