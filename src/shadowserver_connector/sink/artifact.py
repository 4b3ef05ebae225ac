"""The original file as an Artifact: in the queue while small, by OpenCTI's API when large."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.errors import SkippableError
from shadowserver_connector.sink.platform import OPENCTI, error_name, is_too_large, unavailable
from shadowserver_connector.sink.waiting import Waiter

# In base64 twice over, as it travels, this is 14.3 MiB; RabbitMQ refuses more than 16 MiB.
QUEUED_LIMIT: Final = 8 * 1024 * 1024
_PATIENCE: Final = 300.0


def is_for_the_queue(original: Path) -> bool:
    """Tell whether a file is small enough to travel in a message."""
    return original.stat().st_size <= QUEUED_LIMIT


def without_payload(chunk: Chunk) -> tuple[Chunk, dict[str, Any]]:
    """Return the chunk with its Artifact's content taken out, and that Artifact.

    Sent after an upload, it gives the platform's Artifact our author, labels and markings.
    """
    objects: list[Encoded] = []
    artifact: dict[str, Any] = {}
    for each in chunk.objects:
        if each.id.startswith("artifact--"):
            artifact = orjson.loads(each.json)
            artifact.pop("payload_bin", None)
            objects.append(Encoded(each.id, orjson.dumps(artifact)))
        else:
            objects.append(each)
    return Chunk(chunk.kind, tuple(objects), chunk.findings), artifact


def upload(helper: Any, waiter: Waiter, artifact: Mapping[str, Any], original: Path) -> None:
    """Upload a file through OpenCTI's API as the Artifact described.

    Waits while OpenCTI is out of reach; raises SkippableError when it refuses the file, or
    stores it under another id than ours, and Stopping.
    """
    stored = waiter.until(OPENCTI, lambda: _upload_once(helper, artifact, original), _PATIENCE)
    if stored != artifact["id"]:
        raise SkippableError(f"{original.name}: OpenCTI stores the file under another id")


def _upload_once(helper: Any, artifact: Mapping[str, Any], original: Path) -> str:
    with original.open("rb") as content:
        try:
            answer = helper.api.stix_cyber_observable.upload_artifact(
                file_name=artifact.get("x_opencti_additional_names", [original.name])[0],
                data=content,
                mime_type=artifact.get("mime_type", "text/csv"),
                x_opencti_description=artifact.get("x_opencti_description", ""),
                objectMarking=artifact.get("object_marking_refs", []),
            )
        except Exception as error:
            if is_too_large(error) or error_name(error):
                said = error_name(error) or "too large"
                raise SkippableError(f"{original.name}: OpenCTI refuses the file: {said}") from None
            raise unavailable(error) from None
    return str(answer["standard_id"])
