"""The original file as an Artifact: in the queue while small, by OpenCTI's API when large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import httpx
import orjson

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.errors import SkippableError
from shadowserver_connector.sink.platform import error_name, is_too_large, refusal_in, to_sink_error
from shadowserver_connector.waiting import OPENCTI, UPLOAD_PATIENCE, Waiter

_TIMEOUT: Final = 300.0


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file to upload, open for reading from its begin."""

    name: str
    mime_type: str
    content: BinaryIO


def call_with_file(api: Any, query: str, variables: Mapping[str, Any], file: UploadFile) -> Any:
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
    # Without the body: a proxy's error page may quote the request, and so the token.
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


def _body(url: str, query: str, variables: Mapping[str, Any], file: UploadFile) -> _Body:
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


# pycti's mutation, requesting less.
_IMPORT: Final = """
    mutation ArtifactImport(
        $file: Upload!, $x_opencti_description: String, $objectMarking: [String]
    ) {
        artifactImport(
            file: $file,
            x_opencti_description: $x_opencti_description,
            objectMarking: $objectMarking
        ) {
            standard_id
        }
    }
"""


def artifact_to_upload(chunk: Chunk) -> dict[str, Any] | None:
    """Return the Artifact that the conversion left without content, being too large for a queue.

    ``None`` where the content is inside, or where there is no Artifact.
    """
    encoded = chunk.artifact()
    if encoded is None or b'"payload_bin"' in encoded.json:
        return None
    artifact: dict[str, Any] = orjson.loads(encoded.json)
    return artifact


def without_artifact(chunk: Chunk) -> Chunk:
    """Return the chunk without its Artifact and without references to it."""
    artifact = chunk.artifact()
    if artifact is None:
        return chunk
    gone = artifact.id
    kept = tuple(_without_ref(each, gone) for each in chunk.objects if each.id != gone)
    return replace(chunk, objects=kept)


def upload(helper: Any, waiter: Waiter, artifact: Mapping[str, Any], original: Path) -> None:
    """Upload a file through OpenCTI's API as the Artifact described.

    Author and labels come with the Artifact's message afterwards; the marking is there from
    the start, as it decides who sees the file. Waits while OpenCTI is out of reach; raises
    SkippableError when it refuses the file or stores it under another id than ours, and Stopping.
    """
    stored = waiter.until(
        OPENCTI, lambda: _upload_once(helper, artifact, original), UPLOAD_PATIENCE
    )
    # The Report refers to ours: a reference to what is not there costs OpenCTI seconds.
    if stored != artifact["id"]:
        raise SkippableError(f"{original.name}: OpenCTI stores the file under another id")


def _upload_once(helper: Any, artifact: Mapping[str, Any], original: Path) -> str:
    variables = {
        "x_opencti_description": artifact.get("x_opencti_description", ""),
        "objectMarking": artifact["object_marking_refs"],
    }
    with original.open("rb") as content:
        file = UploadFile(artifact["x_opencti_additional_names"][0], artifact["mime_type"], content)
        try:
            data = call_with_file(helper.api, _IMPORT, variables, file)
            return str(data["artifactImport"]["standard_id"])
        except Exception as error:
            refused = refusal_in(error)
            misfit = refused is not None and refused.is_misfit
            if misfit or is_too_large(error) or error_name(error):
                said = refused.name if refused else "too large"
                raise SkippableError(f"{original.name}: OpenCTI refuses the file: {said}") from None
            raise to_sink_error(error) from None


def _without_ref(encoded: ChunkObject, gone: str) -> ChunkObject:
    if gone.encode() not in encoded.json:
        return encoded
    stix = orjson.loads(encoded.json)
    stix["object_refs"] = [ref for ref in stix.get("object_refs", []) if ref != gone]
    return ChunkObject(encoded.id, orjson.dumps(stix))
