"""The original file as an Artifact: in the queue while small, by OpenCTI's API when large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.errors import SkippableError
from shadowserver_connector.sink.platform import OPENCTI, as_ours, error_name, is_too_large, refusal
from shadowserver_connector.sink.upload import File, call_with_file
from shadowserver_connector.sink.waiting import Waiter

_PATIENCE: Final = 300.0
# pycti's mutation, asked for less.
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
    for each in _artifacts(chunk):
        if b'"payload_bin"' not in each.json:
            artifact: dict[str, Any] = orjson.loads(each.json)
            return artifact
    return None


def without_artifact(chunk: Chunk) -> Chunk:
    """Return the chunk without its Artifact and without references to it."""
    gone = {each.id for each in _artifacts(chunk)}
    kept = tuple(_without_refs(each, gone) for each in chunk.objects if each.id not in gone)
    return replace(chunk, objects=kept)


def upload(helper: Any, waiter: Waiter, artifact: Mapping[str, Any], original: Path) -> None:
    """Upload a file through OpenCTI's API as the Artifact described.

    Author and labels come with the Artifact's own message afterwards; the marking is there from
    the start, as it decides who sees the file. Waits while OpenCTI is out of reach; raises
    SkippableError when it refuses the file or stores it under another id than ours, and Stopping.
    """
    stored = waiter.until(OPENCTI, lambda: _upload_once(helper, artifact, original), _PATIENCE)
    if stored != artifact["id"]:
        raise SkippableError(f"{original.name}: OpenCTI stores the file under another id")


def _upload_once(helper: Any, artifact: Mapping[str, Any], original: Path) -> str:
    variables = {
        "x_opencti_description": artifact.get("x_opencti_description", ""),
        "objectMarking": artifact["object_marking_refs"],
    }
    with original.open("rb") as content:
        file = File(artifact["x_opencti_additional_names"][0], artifact["mime_type"], content)
        try:
            data = call_with_file(helper.api, _IMPORT, variables, file)
            return str(data["artifactImport"]["standard_id"])
        except Exception as error:
            refused = refusal(error)
            misfit = refused is not None and refused.is_misfit
            if misfit or is_too_large(error) or error_name(error):
                said = refused.name if refused else "too large"
                raise SkippableError(f"{original.name}: OpenCTI refuses the file: {said}") from None
            raise as_ours(error) from None


def _artifacts(chunk: Chunk) -> Iterator[Encoded]:
    return (each for each in chunk.objects if each.id.startswith("artifact--"))


def _without_refs(encoded: Encoded, gone: set[str]) -> Encoded:
    if not any(each.encode() in encoded.json for each in gone):
        return encoded
    stix = orjson.loads(encoded.json)
    stix["object_refs"] = [ref for ref in stix.get("object_refs", []) if ref not in gone]
    return Encoded(encoded.id, orjson.dumps(stix))
