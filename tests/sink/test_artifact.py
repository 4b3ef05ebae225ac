"""The original file as an Artifact, uploaded separately."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.errors import SinkUnavailableError, SkippableError
from shadowserver_connector.sink.artifact import artifact_to_upload, upload, without_artifact
from shadowserver_connector.waiting import Waiter
from tests.platform.server import Answer
from tests.sink.pycti_fakes import FakeHelper, FakeLog
from tests.sink.uploads import Uploads, refused, stored

MARKING = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
ARTIFACT: dict[str, Any] = {
    "type": "artifact",
    "id": "artifact--00000000-0000-5000-8000-00000000000a",
    "mime_type": "text/csv",
    "object_marking_refs": [MARKING],
    "x_opencti_additional_names": ["2024-01-31-scan_ssl-example.csv"],
}


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """Return a small report file."""
    path = tmp_path / "2024-01-31-scan_ssl-example.csv"
    path.write_bytes(b"timestamp,ip\n")
    return path


def uploaded(original: Path, *answers: Answer | None, **fields: Any) -> list[dict[str, Any]]:
    """Upload the Artifact with further fields; return what the platform was sent."""
    helper = FakeHelper()
    with Uploads(*answers) as uploads:
        uploads.answer_to(helper)
        waiter = Waiter(threading.Event(), FakeLog(), first_pause=301.0)
        upload(helper, waiter, {**ARTIFACT, **fields}, original)
    return uploads.variables


def test_file_is_described_and_marked_from_the_start(original: Path) -> None:
    """The upload carries the marking, which decides who may see it, and the description."""
    own = {"x_opencti_description": "scan_ssl", "mime_type": "application/x-report"}
    (given,) = uploaded(original, stored(ARTIFACT["id"]), **own)
    file = given.pop("file")
    assert file["name"] == "2024-01-31-scan_ssl-example.csv"
    assert file["mime"] == "application/x-report"
    assert file["content"] == original.read_bytes()
    assert given == {"x_opencti_description": "scan_ssl", "objectMarking": [MARKING]}


def test_artifact_without_a_description_has_an_empty_one(original: Path) -> None:
    """Without a description an empty one is sent, as pycti does."""
    (given,) = uploaded(original, stored(ARTIFACT["id"]))
    assert given["x_opencti_description"] == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (stored("artifact--x"), "OpenCTI stores the file under another id"),
        (
            refused(name="FORBIDDEN_ACCESS", message="no"),
            "OpenCTI refuses the file: FORBIDDEN_ACCESS",
        ),
        ((413, b"<html>"), "OpenCTI refuses the file: too large"),
    ],
)
def test_refusal_names_the_file_and_the_cause(original: Path, answer: Answer, said: str) -> None:
    """A refused upload is final; its error names file and cause."""
    with pytest.raises(SkippableError) as caught:
        uploaded(original, answer)
    assert str(caught.value) == f"{original.name}: {said}"


def test_platform_that_is_away_is_waited_for_five_minutes(original: Path) -> None:
    """After five minutes of outage the report is sent without its file."""
    with pytest.raises(SinkUnavailableError, match=r"an error: ConnectionError$"):
        uploaded(original, None)


def test_artifact_with_its_content_inside_needs_no_upload() -> None:
    """A chunk without an Artifact, or with its content inside, needs no upload."""

    def chunk(*objects: dict[str, Any]) -> Chunk:
        encoded = tuple(ChunkObject(each["id"], json.dumps(each).encode()) for each in objects)
        return Chunk(encoded, 0)

    report = {"id": "report--x", "object_refs": ["identity--x", ARTIFACT["id"]]}
    assert artifact_to_upload(chunk(ARTIFACT, report)) == ARTIFACT
    assert artifact_to_upload(chunk({**ARTIFACT, "payload_bin": ""}, report)) is None
    assert artifact_to_upload(chunk(report)) is None
    identity = {"id": "identity--x", "name": "nothing refers from here"}
    left = without_artifact(chunk(identity, ARTIFACT, report))
    assert [json.loads(each.json) for each in left.objects] == [
        identity,
        {"id": "report--x", "object_refs": ["identity--x"]},
    ]
    assert [each.id for each in left.objects] == ["identity--x", "report--x"]


def test_object_that_only_speaks_of_the_artifact_stays() -> None:
    """An object that has the Artifact's id in a text only is left as it is."""
    note = {"id": "note--x", "content": f"the file is {ARTIFACT['id']}"}
    encoded = tuple(ChunkObject(each["id"], json.dumps(each).encode()) for each in (ARTIFACT, note))
    (left,) = without_artifact(Chunk(encoded, 0)).objects
    assert json.loads(left.json).items() >= note.items()
