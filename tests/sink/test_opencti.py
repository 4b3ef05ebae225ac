from __future__ import annotations

import base64
import errno
import json
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import requests
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.errors import SkippableError
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.sink.works import (
    Owner,
    WorkDeletedError,
    owner_of,
    patch_announcing,
)
from shadowserver_connector.waiting import Stopping, Waiter
from tests.platform.server import Answer
from tests.sink.pycti_fakes import FakeHelper, FakeWorks, OldestHelper, OldHelper
from tests.sink.uploads import TOKEN, Uploads, refused, stored

AUTHOR = "identity--00000000-0000-5000-8000-000000000001"
MARKING = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
REPORT = "report--00000000-0000-5000-8000-00000000000b"
ARTIFACT = "artifact--00000000-0000-5000-8000-00000000000a"
CERTIFICATE = "x509-certificate--00000000-0000-5000-8000-00000000000c"


def encoded(stix_id: str, **fields: Any) -> ChunkObject:
    """Return an object that has a type and an id."""
    stix = {"type": stix_id.split("--")[0], "id": stix_id, **fields}
    return ChunkObject(stix_id, json.dumps(stix).encode())


def findings(*ids: str, report_refs: int = 0) -> Chunk:
    """Return a chunk of the author, the marking and the named objects."""
    report = encoded(REPORT, part=report_refs)
    objects = [encoded(AUTHOR), encoded(MARKING), *(encoded(each) for each in ids), report]
    return Chunk(tuple(objects), len(ids))


def artifact_chunk(content: bytes | None) -> Chunk:
    """Return a first chunk as the conversion makes it; a large file's content is not in it."""
    payload = {} if content is None else {"payload_bin": base64.b64encode(content).decode()}
    artifact = encoded(
        ARTIFACT,
        mime_type="text/csv",
        object_marking_refs=[MARKING],
        x_opencti_additional_names=["2024-01-31-scan_ssl-example.csv"],
        **payload,
    )
    report = encoded(REPORT, object_refs=[ARTIFACT])
    return Chunk((encoded(AUTHOR), encoded(MARKING), artifact, report), 0)


def waiter(helper: FakeHelper) -> Waiter:
    """Return a waiter whose pauses are short."""
    return Waiter(threading.Event(), helper.connector_logger, first_pause=0.001, longest_pause=0.01)


def quick(helper: FakeHelper) -> Waiter:
    """Return a waiter without patience that takes RabbitMQ's numbers as current."""
    return replace(waiter(helper), queue_numbers_delay=0.0, patience=-1.0)


def delivery(helper: FakeHelper, waits: Waiter | None = None) -> Delivery:
    """Return a delivery over a fake helper."""
    return Delivery(
        helper, find_abilities(helper), waits or waiter(helper), "reports of 2024-01-31"
    )


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """Return a small report file."""
    path = tmp_path / "2024-01-31-scan_ssl-example.csv"
    path.write_bytes(b"timestamp,ip\n")
    return path


IP = "ipv4-addr--00000000-0000-5000-8000-0000000000%02d"
NOTE = "note--00000000-0000-5000-8000-0000000000%02d"


def test_nothing_is_opened_when_nothing_is_sent() -> None:
    """A delivery closed without a chunk opens no work."""
    helper = FakeHelper()
    helper.api.work.failures = [AssertionError("nothing is to be asked")]
    delivery(helper).close("nothing", in_error=False)
    assert len(helper.api.work.failures) == 1
    assert helper.api.work.works == {}


def test_chunk_is_one_message_with_exact_expectations(original: Path) -> None:
    """pycti announces one object for the message; the connector announces the others."""
    helper = FakeHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1, IP % 2), original)
    batch.send(findings(IP % 3, report_refs=1), original)
    batch.close("done", in_error=False)
    assert [len(stix["objects"]) for _, stix in helper.messages] == [5, 4]
    work = helper.api.work.works["work-1"]
    assert work["name"] == "reports of 2024-01-31"
    assert work["expected"] == 9 == batch.objects
    assert work["multipart"] is True
    assert (work["message"], work["in_error"]) == ("done", False)


def test_old_pycti_splits_and_counts_itself(original: Path) -> None:
    """A pycti without ``no_split`` and multipart works splits and announces by itself."""
    helper = OldHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1, IP % 2), original)
    batch.close("done", in_error=True)
    assert [len(stix["objects"]) for _, stix in helper.messages] == [1] * 5
    work = helper.api.work.works["work-1"]
    assert work["expected"] == 5
    assert work["multipart"] is False
    assert work["in_error"] is True


def test_messages_are_counted_as_pycti_splits_them(original: Path) -> None:
    """OpenCTI expects only the objects that an old pycti sent, which may omit some."""
    helper = OldHelper()
    helper.api.work = FakeWorks()
    queue = helper.queue

    def dropping(bundle: str, *args: Any, **kwargs: Any) -> list[str]:
        stix = json.loads(bundle)
        return queue(json.dumps({**stix, "objects": stix["objects"][:-1]}), *args, **kwargs)

    helper.queue = dropping  # type: ignore[method-assign]
    batch = delivery(helper)
    batch.send(findings(IP % 1, IP % 2), original)
    batch.close("done", in_error=False)
    assert len(helper.messages) == 4
    assert helper.api.work.works["work-1"]["expected"] == 4


def test_oldest_pycti_sends_whole_messages_by_another_keyword(original: Path) -> None:
    """The oldest pycti announces every object of a message; the connector announces none."""
    helper = OldestHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1, IP % 2), original)
    batch.send(findings(IP % 3, report_refs=1), original)
    helper.import_all("work-1")
    batch.send(findings(IP % 3, report_refs=2), original)
    batch.close("done", in_error=False)
    assert [len(stix["objects"]) for _, stix in helper.messages] == [5, 4, 1]
    assert helper.api.work.works["work-1"]["expected"] == 10 == batch.objects


def test_api_protocol_leaves_counting_to_the_platform(original: Path) -> None:
    """With ``api``, the worker splits and announces; the connector announces nothing."""
    helper = FakeHelper(queue_protocol="api")
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    batch.send(findings(IP % 1, report_refs=1), original)
    batch.close("done", in_error=False)
    assert helper.api.work.works["work-1"]["expected"] == 0
    assert helper.sent_ids()[IP % 1] == 2


@pytest.mark.parametrize("kind", [FakeHelper, OldHelper, OldestHelper])
def test_broker_that_comes_back_leaves_exact_expectations(
    kind: type[FakeHelper], original: Path
) -> None:
    """What pycti announced before failed attempts is subtracted; one line says so."""
    helper = kind(sending_failures=[AMQPConnectionError(), OSError("no"), AMQPConnectionError()])
    batch = delivery(helper)
    batch.send(findings(IP % 1, IP % 2), original)
    assert helper.api.work.works["work-1"]["expected"] == 5
    assert helper.sent_ids()[IP % 1] == 1
    assert helper.connector_logger.messages("warning") == ["Waiting"]
    assert helper.connector_logger.messages("info") == ["Resumed"]


def test_announcement_that_pycti_lost_is_made_up_for(original: Path) -> None:
    """pycti sends even if it could not announce; the work's count is correct in the end."""
    helper = FakeHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1, IP % 2), original)
    helper.api.work.works["work-1"]["expected"] -= 1
    batch.close("done", in_error=False)
    assert helper.api.work.works["work-1"]["expected"] == 5


@pytest.mark.parametrize("kind", [FakeHelper, OldHelper, OldestHelper])
def test_nothing_is_sent_that_could_not_be_announced(
    kind: type[FakeHelper], original: Path
) -> None:
    """A message waits while OpenCTI, which must be told of it, is down."""
    helper = kind()
    patch_announcing(helper)
    batch = delivery(helper)
    batch.open()
    helper.query_failures = [requests.ConnectionError(), ValueError("<html>502")]
    batch.send(findings(IP % 1, IP % 2), original)
    assert helper.sent_ids()[IP % 1] == 1
    assert helper.api.work.works["work-1"]["expected"] == 5
    assert helper.connector_logger.messages("warning") == ["Waiting"]


def test_deleted_work_is_met_by_the_announcement(original: Path) -> None:
    """An announcement to a deleted work fails the report at once."""
    helper = FakeHelper()
    patch_announcing(helper)
    batch = delivery(helper)
    batch.open()
    helper.api.work.works.clear()
    with pytest.raises(WorkDeletedError):
        batch.send(findings(IP % 1), original)
    assert helper.messages == []


def test_platform_that_comes_back_is_waited_for(original: Path) -> None:
    """Opening and closing a work are retried until OpenCTI answers."""
    helper = FakeHelper()
    down = requests.ConnectionError("token-in-a-request")
    helper.api.work.failures = [down, ValueError("<html>502"), ValueError({"name": "DB"})]
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.api.work.failures = [down]
    batch.close("done", in_error=False)
    assert helper.api.work.works["work-1"]["message"] == "done"
    assert "token-in-a-request" not in helper.connector_logger.text()


def test_message_that_is_too_large_is_refused_not_repeated(original: Path) -> None:
    """RabbitMQ closes the channel on a message above its limit; the report fails without retry."""
    helper = FakeHelper(sending_failures=[ChannelClosedByBroker(406, "PRECONDITION_FAILED")])
    batch = delivery(helper)
    with pytest.raises(SkippableError, match="too large"):
        batch.send(findings(IP % 1), original)
    batch.close("done", in_error=True)
    assert helper.api.work.works["work-1"]["expected"] == 0


def test_object_is_left_out_only_when_platform_has_it(original: Path) -> None:
    """An object is omitted only if OpenCTI has it: a queued one may be imported too late."""
    helper = FakeHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    batch.send(findings(IP % 1, report_refs=1), original)
    assert helper.sent_ids()[IP % 1] == 2
    helper.import_all("work-1")
    batch.send(findings(IP % 1, IP % 2, report_refs=2), original)
    assert helper.sent_ids() == {REPORT: 3, AUTHOR: 2, MARKING: 2, IP % 1: 2, IP % 2: 1}
    assert helper.api.work.works["work-1"]["expected"] == sum(helper.sent_ids().values())


def test_object_of_an_earlier_day_is_sent_once_while_all_is_queued(original: Path) -> None:
    """An object that OpenCTI has is sent once in a work; others until they are imported."""
    helper = FakeHelper(held={IP % 1})
    batch = delivery(helper)
    for number in range(3):
        batch.send(findings(IP % 1, IP % 2, report_refs=number), original)
    assert helper.sent_ids()[IP % 1] == 1
    assert helper.sent_ids()[IP % 2] == 3


def test_platform_is_asked_only_of_what_would_go_again(original: Path) -> None:
    """OpenCTI is not asked of new objects, nor again of those it is known to have."""
    helper = FakeHelper(held={AUTHOR, MARKING, IP % 1, IP % 2})
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    assert helper.lookups == []
    batch.send(findings(IP % 1, report_refs=1), original)
    batch.send(findings(IP % 1, IP % 2, report_refs=2), original)
    assert helper.lookups == [[AUTHOR, MARKING, IP % 1]]


def compared(*ids: str, recurring: Collection[str] = (), report_refs: int = 0) -> Chunk:
    """Return a chunk that was compared with the history."""
    return replace(
        findings(*ids, report_refs=report_refs),
        already_sent=frozenset(recurring),
        has_comparison=True,
    )


def test_of_what_recurs_only_that_goes_which_opencti_lacks(original: Path) -> None:
    """Recurring objects that OpenCTI has are omitted; new and changed ones are sent anyway."""
    helper = FakeHelper(held={AUTHOR, IP % 1, CERTIFICATE, REPORT})
    batch = delivery(helper, quick(helper))
    batch.send(compared(IP % 1, IP % 2, CERTIFICATE, recurring=[IP % 1, IP % 2]), original)
    assert helper.lookups == [sorted([AUTHOR, MARKING, IP % 1, IP % 2, CERTIFICATE])]
    assert helper.sent_ids() == {MARKING: 1, IP % 2: 1, CERTIFICATE: 1, REPORT: 1}
    assert helper.api.work.works["work-1"]["expected"] == 4 == batch.objects


@pytest.mark.parametrize(
    ("labels", "score", "held_labels", "held_score", "goes"),
    [
        ((), None, (), None, False),
        (("ssh",), None, ("other", "ssh"), 40, False),
        (("SSH",), 75, ("ssh",), 75, False),
        (("ssh",), 75, ("ssh",), 90, True),
        (("ssh",), 75, ("ssh",), None, True),
        (("ssh", "telnet"), None, ("ssh",), None, True),
    ],
)
def test_observable_of_a_new_finding_goes_where_labels_or_score_are_new(
    labels: Sequence[str],
    score: int | None,
    held_labels: Sequence[str],
    held_score: int | None,
    goes: bool,
    original: Path,
) -> None:
    """A known observable is sent only if its labels or score differ from OpenCTI's."""
    held_scores = {} if held_score is None else {IP % 1: held_score}
    helper = FakeHelper(held={IP % 1}, labels={IP % 1: set(held_labels)}, scores=held_scores)
    stix: dict[str, Any] = {"id": IP % 1, "type": "ipv4-addr", "x_opencti_labels": labels}
    if score is not None:
        stix["x_opencti_score"] = score
    chunk = compared(IP % 1)
    objects = [
        ChunkObject(each.id, json.dumps(stix).encode()) if each.id == IP % 1 else each
        for each in chunk.objects
    ]
    delivery(helper, quick(helper)).send(replace(chunk, objects=tuple(objects)), original)
    assert (IP % 1 in helper.sent_ids()) is goes


def test_what_refers_to_something_deleted_goes_with_it(original: Path) -> None:
    """Objects that referred to a deleted one are sent with it, in any report that has it."""
    helper = FakeHelper(held={AUTHOR, MARKING, NOTE % 1, NOTE % 2, NOTE % 3, IP % 2})
    batch = delivery(helper, quick(helper))
    batch.send(known(noted(1, 1), noted(2, 2)), original)
    assert helper.sent_ids() == {IP % 1: 1, NOTE % 1: 1, REPORT: 1}
    helper.import_all("work-1")
    batch.send(known(noted(3, 1), report_refs=1), original)
    assert helper.sent_ids() == {IP % 1: 1, NOTE % 1: 1, NOTE % 3: 1, REPORT: 2}


def test_each_report_gives_its_labels_to_what_was_deleted(original: Path) -> None:
    """An address that comes back with the first report of a work gets the others' labels, too."""
    helper = FakeHelper(held={AUTHOR, MARKING})
    batch = delivery(helper, quick(helper))
    sent = []
    for refs, label in enumerate(("ssl", "vpn", "vpn")):
        chunk = compared(IP % 1, recurring=[IP % 1], report_refs=refs)
        tagged = encoded(IP % 1, x_opencti_labels=[label])
        objects = [tagged if each.id == IP % 1 else each for each in chunk.objects]
        batch.send(replace(chunk, objects=tuple(objects)), original)
        helper.import_all("work-1")
        sent.append(helper.sent_ids()[IP % 1])
    assert sent == [1, 2, 2]


def test_what_says_no_more_than_its_id_goes_once_in_a_work(original: Path) -> None:
    """An Autonomous System that the first report brings is not sent with the next, as it is there.

    Its text may be another one there: a report may not have its name.
    """
    system = "autonomous-system--00000000-0000-5000-8000-000000000001"
    helper = FakeHelper(held={AUTHOR, MARKING, IP % 1})
    batch = delivery(helper, quick(helper))
    for refs, name in enumerate(("EXAMPLE", "")):
        chunk = compared(IP % 1, system, recurring=[IP % 1], report_refs=refs)
        named = encoded(system, name=name)
        objects = [named if each.id == system else each for each in chunk.objects]
        batch.send(replace(chunk, objects=tuple(objects)), original)
        helper.import_all("work-1")
    assert helper.sent_ids()[system] == 1


def test_what_recurs_goes_with_something_deleted_that_has_changed(original: Path) -> None:
    """A recurring Note is sent when its deleted address is, as OpenCTI took the reference away."""
    helper = FakeHelper(held={AUTHOR, MARKING, NOTE % 1})
    batch = delivery(helper, quick(helper))
    address, note = noted(1, 1)
    chunk = known((address, note))
    batch.send(replace(chunk, already_sent=frozenset([note.id])), original)
    assert helper.sent_ids() == {IP % 1: 1, NOTE % 1: 1, REPORT: 1}


def test_what_recurs_goes_with_a_deleted_file_that_a_new_finding_has(original: Path) -> None:
    """A recurring Observed-Data is sent with its file if that was deleted, also with a new finding.

    A file that is there is sent as well: its name may be new.
    """
    seen = [f"observed-data--00000000-0000-4000-8000-00000000000{n}" for n in (1, 2)]
    files = [f"file--00000000-0000-4000-8000-00000000000{n}" for n in (1, 2)]
    helper = FakeHelper(held={AUTHOR, MARKING, *seen, files[1]})
    chunk = known(
        *((encoded(f), encoded(s, object_refs=[f])) for f, s in zip(files, seen, strict=True))
    )
    batch = delivery(helper, quick(helper))
    batch.send(replace(chunk, already_sent=frozenset(seen)), original)
    assert helper.sent_ids() == {files[0]: 1, seen[0]: 1, files[1]: 1, REPORT: 1}


def noted(number: int, address: int) -> tuple[ChunkObject, ChunkObject]:
    """Return an address and its Note."""
    return encoded(IP % address), encoded(NOTE % number, object_refs=[IP % address])


def known(*notes: tuple[ChunkObject, ChunkObject], report_refs: int = 0) -> Chunk:
    """Return a chunk of addresses and Notes that are all recurring."""
    parts = [each for note in notes for each in note]
    chunk = compared(recurring=[each.id for each in parts], report_refs=report_refs)
    return replace(chunk, objects=(*chunk.objects[:-1], *parts, chunk.objects[-1]))


def test_what_is_known_to_be_delivered_is_not_asked_of_again(original: Path) -> None:
    """Objects known to be imported are omitted from a compared chunk without asking again."""
    helper = FakeHelper()
    batch = delivery(helper, quick(helper))
    batch.send(compared(IP % 1), original)
    helper.import_all("work-1")
    batch.send(compared(IP % 1, report_refs=1), original)
    batch.send(compared(IP % 1, IP % 2, report_refs=2), original)
    assert helper.lookups == [
        [AUTHOR, IP % 1, MARKING],  # which OpenCTI did not have then
        [AUTHOR, MARKING, IP % 1],
        [IP % 2],
    ]
    assert helper.sent_ids() == {AUTHOR: 1, MARKING: 1, IP % 1: 1, IP % 2: 1, REPORT: 3}


@pytest.mark.parametrize(
    ("chunk", "looks"),
    [
        (findings(IP % 1), 0),
        (compared(IP % 1), 0),
        (compared(IP % 1, recurring=[AUTHOR, MARKING]), 0),
        (compared(IP % 1, recurring=[AUTHOR, IP % 1]), 2),
    ],
)
def test_import_of_earlier_days_is_awaited_where_something_recurs(
    chunk: Chunk, looks: int, original: Path
) -> None:
    """A delivery awaits the queue once, if a changeable object recurs."""
    helper = FakeHelper(queue_numbers=[0] * 9)
    batch = delivery(helper, quick(helper))
    batch.send(chunk, original)
    after = 9 - len(helper.queue_numbers)
    assert after == 1 + looks
    batch.send(chunk, original)
    assert 9 - len(helper.queue_numbers) == after + 1


def test_where_opencti_is_behind_what_recurs_is_not_sent_again(original: Path) -> None:
    """While the queue is not empty, recurring objects are neither sent nor looked up."""
    helper = FakeHelper(queue_numbers=[5] * 99)
    batch = delivery(helper, quick(helper))
    batch.send(compared(IP % 1, IP % 2, recurring=[IP % 1]), original)
    batch.send(compared(IP % 3, recurring=[IP % 3], report_refs=1), original)
    assert IP % 1 not in helper.sent_ids()
    assert IP % 3 not in helper.sent_ids()
    assert helper.sent_ids()[IP % 2] == 1
    assert {each for ids in helper.lookups for each in ids} == {AUTHOR, MARKING, IP % 2}
    assert 99 - len(helper.queue_numbers) == 3  # two for room, one for the import


def test_copy_is_whole_whatever_the_message_leaves_out(original: Path) -> None:
    """The copy in the directory has all objects, for a platform that has none of them."""
    helper = FakeHelper(held={AUTHOR, MARKING, IP % 1}, bundle_send_to_directory=True)
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    batch.send(findings(IP % 1, report_refs=1), original)
    assert [len(stix["objects"]) for _, stix in helper.messages] == [4, 1]
    assert [len(stix["objects"]) for stix in helper.copies] == [4, 4]


def test_traffic_is_found_by_the_id_that_it_was_sent_with(original: Path) -> None:
    """OpenCTI gives Network-Traffic an id of its own; it is found by the id that we sent."""
    traffic = "network-traffic--00000000-0000-5000-8000-000000000001"
    helper = FakeHelper(held={traffic})
    batch = delivery(helper)
    batch.send(findings(IP % 1, traffic), original)
    batch.send(findings(IP % 1, traffic, report_refs=1), original)
    assert helper.sent_ids()[traffic] == 1


@pytest.mark.parametrize("kind", [FakeHelper, OldHelper, OldestHelper])
def test_same_file_twice_in_a_work_is_sent_once(kind: type[FakeHelper], original: Path) -> None:
    """A second file with nothing new sends no message, as pycti takes no empty bundle."""
    helper = kind()
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.import_all("work-1")
    messages = len(helper.messages)
    batch.send(findings(IP % 1), original)
    assert len(helper.messages) == messages
    batch.close("done", in_error=False)
    assert helper.api.work.works["work-1"]["expected"] == 4


@pytest.mark.parametrize(
    "refusal",
    [
        ValueError({"name": "UNSUPPORTED_ERROR", "error_message": "no"}),
        ValueError('{"errors": [{"extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]}'),
    ],
)
def test_objects_go_again_where_the_platform_does_not_tell_of_them(
    refusal: ValueError, original: Path
) -> None:
    """If a lookup is refused, objects are sent again, without a warning."""
    helper = FakeHelper(held={IP % 1})
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.query_failures = [refusal]
    batch.send(findings(IP % 1, report_refs=1), original)
    assert helper.sent_ids()[IP % 1] == 2
    assert helper.connector_logger.messages("warning") == []


def test_lookup_waits_for_a_platform_that_is_away(original: Path) -> None:
    """A lookup is retried until OpenCTI answers."""
    helper = FakeHelper(held={IP % 1})
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.query_failures = [requests.ConnectionError(), ValueError("<html>502")]
    batch.send(findings(IP % 1, report_refs=1), original)
    assert helper.sent_ids()[IP % 1] == 1
    assert helper.connector_logger.messages("warning") == ["Waiting"]


def test_many_objects_are_looked_up_in_several_calls(original: Path) -> None:
    """Lookups are divided, as OpenCTI's search takes a limited number of ids."""
    ids = [f"ipv4-addr--{number:08}-0000-5000-8000-000000000000" for number in range(450)]
    helper = FakeHelper(held=set(ids))
    batch = delivery(helper)
    batch.send(findings(*ids), original)
    batch.send(findings(*ids, report_refs=1), original)
    assert max(map(len, helper.lookups)) <= 200
    assert {helper.sent_ids()[each] for each in ids} == {1}


def test_changed_object_is_sent_again(original: Path) -> None:
    """An object whose content changed is sent again under its id."""
    helper = FakeHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.import_all("work-1")
    changed = Chunk((encoded(AUTHOR), encoded(IP % 1, x_opencti_score=10)), 1)
    batch.send(changed, original)
    assert helper.sent_ids()[IP % 1] == 2


def test_objects_are_not_left_out_of_another_work(original: Path) -> None:
    """After a work is closed, its objects are sent again in the next."""
    helper = FakeHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.import_all("work-1")
    batch.close("done", in_error=False)
    batch.send(findings(IP % 1), original)
    batch.close("done", in_error=False)
    assert helper.sent_ids()[IP % 1] == 2
    assert [work["expected"] for work in helper.api.work.works.values()] == [4, 4]


def test_full_queue_pauses_inside_a_run(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue's size is checked before every chunk; one line says that it is full."""
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: None)
    helper = FakeHelper(connect_queue_threshold="1", queue_sizes=[0, 1_000_000, 2_000_000, 999_999])
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    batch.send(findings(IP % 2), original)
    assert helper.queue_sizes == []
    assert helper.connector_logger.lines == [
        ("info", "The queue is full, pausing", {"megabytes": 1.0, "threshold": 1.0}),
        ("info", "The queue has room again, resuming", {"megabytes": 0.999999}),
    ]
    assert helper.connector_info.buffering is False
    assert helper.connector_info.queue_messages_size == pytest.approx(0.999999)


def test_small_artifact_travels_in_the_queue(original: Path) -> None:
    """The message holds a small file's content."""
    helper = FakeHelper()
    delivery(helper).send(artifact_chunk(original.read_bytes()), original)
    [(_, stix)] = helper.messages
    assert base64.b64decode(stix["objects"][2]["payload_bin"]) == original.read_bytes()


def test_large_artifact_is_uploaded_then_described_in_the_queue(original: Path) -> None:
    """A large file is uploaded with its marking; the message adds author and labels."""
    helper = FakeHelper()
    with Uploads(stored(ARTIFACT)) as uploads:
        uploads.answer_to(helper)
        delivery(helper).send(artifact_chunk(None), original)
    [variables] = uploads.variables
    assert "artifactImport(" in uploads.queries[0]
    assert variables["file"]["content"] == original.read_bytes()
    assert variables["file"]["name"] == original.name
    assert variables["objectMarking"] == [MARKING]
    assert helper.sent_ids()[ARTIFACT] == 1
    assert helper.connector_logger.messages("warning") == []


@pytest.mark.parametrize(
    "answer",
    [
        stored("artifact--ffffffff-0000-5000-8000-00000000000a"),
        refused(name="FORBIDDEN_ACCESS", message="no"),
        (413, b"<html></html>"),
    ],
)
def test_refused_artifact_is_left_out_with_a_warning(answer: Answer, original: Path) -> None:
    """If OpenCTI refuses the file, the Report is sent without it."""
    helper = FakeHelper()
    batch = delivery(helper)
    with Uploads(answer) as uploads:
        uploads.answer_to(helper)
        batch.send(artifact_chunk(None), original)
    assert helper.sent_ids() == {AUTHOR: 1, MARKING: 1, REPORT: 1}
    assert helper.messages[0][1]["objects"][-1]["object_refs"] == []
    assert helper.connector_logger.messages("warning") == ["The original file is not attached"]
    assert helper.api.work.works["work-1"]["expected"] == 3


def test_upload_waits_for_a_platform_that_is_away(original: Path) -> None:
    """Each attempt sends the whole file; no line of the log holds the token."""
    helper = FakeHelper()
    with Uploads(
        None, (502, b"<html></html>"), (200, b"<html></html>"), stored(ARTIFACT)
    ) as uploads:
        uploads.answer_to(helper)
        delivery(helper).send(artifact_chunk(None), original)
    contents = [each["file"]["content"] for each in uploads.variables]
    assert contents == [original.read_bytes()] * 4
    assert helper.connector_logger.messages("warning") == ["Waiting"]
    assert helper.connector_logger.lines[0][2]["for"] == "OpenCTI"
    assert helper.sent_ids()[ARTIFACT] == 1
    assert TOKEN not in helper.connector_logger.text()


def test_artifact_that_the_queue_refuses_is_left_out(original: Path) -> None:
    """If the broker refuses the message for its size, the report is sent without its file."""
    helper = FakeHelper(sending_failures=[ChannelClosedByBroker(406, "PRECONDITION_FAILED")])
    delivery(helper).send(artifact_chunk(original.read_bytes()), original)
    assert helper.sent_ids() == {AUTHOR: 1, MARKING: 1, REPORT: 1}
    assert helper.api.work.works["work-1"]["expected"] == 3


def test_large_artifact_waits_for_no_validation(original: Path) -> None:
    """Where a person must approve every bundle, a large file is not uploaded around it."""
    helper = FakeHelper(connect_validate_before_import=True)
    with Uploads() as uploads:
        uploads.answer_to(helper)
        delivery(helper).send(artifact_chunk(None), original)
    assert uploads.variables == []
    reason = "an upload would not wait for the validation that is asked for"
    assert helper.connector_logger.lines == [
        ("warning", "The original file is not attached", {"file": original.name, "reason": reason})
    ]


def test_bundles_to_be_approved_are_whole(original: Path) -> None:
    """Each bundle to be approved has all its objects, as an earlier one may be rejected."""
    helper = FakeHelper(connect_validate_before_import=True)
    helper.held |= {AUTHOR, MARKING, IP % 1}
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    batch.send(findings(IP % 1, IP % 2), original)
    assert helper.sent_ids()[IP % 1] == 2
    assert helper.sent_ids()[AUTHOR] == 2


def test_bundle_to_be_approved_is_handed_over_once(original: Path) -> None:
    """pycti writes no copy of a bundle to be approved, and the connector adds none."""
    helper = FakeHelper(connect_validate_before_import=True, bundle_send_to_directory=True)
    calls: list[dict[str, Any]] = []
    queue = helper.queue

    def keeping(bundle: str, *args: Any, **kwargs: Any) -> list[str]:
        calls.append(kwargs)
        return queue(bundle, *args, **kwargs)

    helper.queue = keeping  # type: ignore[method-assign]
    delivery(helper).send(findings(IP % 1), original)
    assert [{*call} for call in calls] == [{"work_id", "file_name", "no_split"}]


def test_doubt_about_what_is_expected_is_settled_once(original: Path) -> None:
    """The expected count is read after a failed message; otherwise only the work's existence."""
    helper = FakeHelper(sending_failures=[AMQPConnectionError()])
    asked: list[str] = []
    get_work = helper.api.work.get_work

    def counting(work_id: str) -> Any:
        asked.append(work_id)
        return get_work(work_id)

    helper.api.work.get_work = counting
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    assert asked == ["work-1"]  # after the failure
    batch.send(findings(IP % 2, report_refs=1), original)
    assert asked == ["work-1"] * 2  # whether it is there
    batch.close("done", in_error=False)
    assert asked == ["work-1"] * 3  # whether it counts what was sent
    batch.send(findings(IP % 3), original)
    assert asked == ["work-1"] * 3 + ["work-2"]
    helper.sending_failures = [ChannelClosedByBroker(406, "PRECONDITION_FAILED")]
    with pytest.raises(SkippableError):
        batch.send(findings(IP % 4, report_refs=1), original)
    batch.close("done", in_error=True)
    asked.clear()
    batch.send(findings(IP % 4), original)
    assert asked == ["work-3"]


def test_publishing_that_takes_long_is_said(original: Path) -> None:
    """A line says that RabbitMQ is waited for, as when its memory alarm blocks publishing."""
    helper = FakeHelper()
    waits = replace(waiter(helper), slow_after=0.0)
    said = threading.Event()
    warn, queue = helper.connector_logger.warning, helper.queue

    def warning(message: str, meta: dict[str, Any] | None = None) -> None:
        warn(message, meta)
        said.set()

    def slow(bundle: str, *args: Any, **kwargs: Any) -> list[str]:
        assert said.wait(30)
        return queue(bundle, *args, **kwargs)

    helper.connector_logger.warning = warning  # type: ignore[method-assign]
    helper.queue = slow  # type: ignore[method-assign]
    delivery(helper, waits).send(findings(IP % 1), original)
    assert helper.connector_logger.lines[0] == (
        "warning", "Waiting", {"for": "OpenCTI's message queue", "reason": ANY},
    )  # fmt: skip


def test_copies_without_a_queue_are_tried_again(original: Path) -> None:
    """Without a queue there is no work, and writing a copy is still retried."""
    helper = FakeHelper(bundle_send_to_directory=True, bundle_send_to_queue=False)
    helper.api.work.initiate_work = lambda *args, is_multipart: None
    queue, failures = helper.queue, [OSError(errno.EACCES, "secret")] * 2

    def failing(bundle: str, *args: Any, **kwargs: Any) -> list[str]:
        if failures:
            raise failures.pop()
        return queue(bundle, *args, **kwargs)

    helper.queue = failing  # type: ignore[method-assign]
    delivery(helper).send(findings(IP % 1), original)
    assert len(helper.copies) == 1


def test_copy_for_the_directory_is_made_once(original: Path) -> None:
    """The copy is written once, however often the queue must be retried."""
    helper = FakeHelper(bundle_send_to_directory=True, sending_failures=[AMQPConnectionError()] * 3)
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    assert len(helper.copies) == 1
    assert helper.sent_ids()[IP % 1] == 1
    assert helper.api.work.works["work-1"]["expected"] == 4


def test_copies_in_a_bucket_are_whole_as_those_in_a_directory(original: Path) -> None:
    """Copies in a bucket are whole, and written once before their message."""
    helper = FakeHelper(sending_failures=[OSError(errno.ECONNREFUSED, "x")])
    helper.bundle_send_to_s3 = True  # type: ignore[attr-defined]
    calls: list[dict[str, Any]] = []
    queue = helper.queue

    def keeping(bundle: str, *args: Any, **kwargs: Any) -> list[str]:
        where = ("send_to_queue", "send_to_directory", "send_to_s3")
        calls.append({name: kwargs[name] for name in where if name in kwargs})
        return queue(bundle, *args, **kwargs)

    helper.queue = keeping  # type: ignore[method-assign]
    delivery(helper).send(findings(IP % 1), original)
    message = {"send_to_directory": False, "send_to_s3": False}
    assert calls == [{"send_to_queue": False}, message, message]


def test_message_of_one_object_is_announced_by_pycti_alone(original: Path) -> None:
    """pycti announces one object, so the connector sends no announcement of zero."""
    helper = FakeHelper()
    batch = delivery(helper)
    batch.open()
    helper.query_failures = [AssertionError("nothing is to be announced")]
    batch.send(Chunk((encoded(AUTHOR),), 1), original)
    batch.close("done", in_error=False)
    assert len(helper.query_failures) == 1
    assert helper.api.work.works["work-1"]["expected"] == 1


def test_wait_for_the_platform_is_named(original: Path) -> None:
    """At every call of a delivery, the log says that OpenCTI is waited for."""
    helper = FakeHelper()
    helper.api.work.failures = [requests.ConnectionError()]
    helper.query_failures = [requests.ConnectionError()]  # for an announcement
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.api.work.failures = [requests.ConnectionError()]  # for a look whether it is there
    helper.query_failures = [requests.ConnectionError()]  # for a lookup
    batch.send(findings(IP % 2, report_refs=1), original)
    helper.api.work.failures = [requests.ConnectionError()]
    batch.close("done", in_error=False)
    named = [meta["for"] for level, _, meta in helper.connector_logger.lines if level == "warning"]
    assert named == ["OpenCTI"] * 5


def test_place_for_copies_that_is_away_is_waited_for_by_its_name(original: Path) -> None:
    """The log names the directory or bucket that fails, not RabbitMQ."""
    helper = FakeHelper(bundle_send_to_directory=True)
    queue, failures = helper.queue, [OSError(errno.EACCES, "secret")]

    def failing(bundle: str, *args: Any, **kwargs: Any) -> list[str]:
        if failures and not kwargs.get("send_to_queue", True):
            raise failures.pop()
        return queue(bundle, *args, **kwargs)

    helper.queue = failing  # type: ignore[method-assign]
    delivery(helper).send(findings(IP % 1), original)
    assert helper.connector_logger.lines[0] == (
        "warning",
        "Waiting",
        {"for": "the place where pycti writes bundles", "reason": "no copy: Permission denied"},
    )
    assert helper.sent_ids()[IP % 1] == len(helper.copies) == 1


def test_each_message_has_a_file_name_of_its_own(original: Path) -> None:
    """The file name identifies a message among those that wait for validation."""
    helper = FakeHelper()
    names: list[str] = []
    queue = helper.queue

    def naming(bundle: str, *args: Any, **kwargs: Any) -> list[str]:
        names.append(kwargs["file_name"])
        return queue(bundle, *args, **kwargs)

    helper.queue = naming  # type: ignore[method-assign]
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    batch.send(findings(IP % 2, report_refs=1), original)
    assert names == [f"{original.stem}-1.json", f"{original.stem}-2.json"]


def test_message_that_is_too_large_says_what_to_lower(original: Path) -> None:
    """The error has the message's size, its file, and the setting to lower."""
    helper = FakeHelper(sending_failures=[ChannelClosedByBroker(406, "PRECONDITION_FAILED")])
    chunk = findings(IP % 1)
    with pytest.raises(SkippableError) as caught:
        delivery(helper).send(chunk, original)
    size = len(chunk.bundle())
    said = f"{original.name}: a message of {size} bytes is too large for OpenCTI's queue; "
    assert str(caught.value).startswith(said)
    assert str(caught.value) == said + (
        "raise max_message_size of its RabbitMQ, or lower SHADOWSERVER_CHUNK_BYTES, or for an "
        "Artifact SHADOWSERVER_ARTIFACT_MAX_SIZE"
    )


def test_wait_for_the_queue_is_named(original: Path) -> None:
    """The log says that the queue is waited for, with a short reason."""
    helper = FakeHelper(sending_failures=[OSError(errno.ECONNREFUSED, "secret")])
    delivery(helper).send(findings(IP % 1), original)
    assert helper.connector_logger.lines[0][2] == {
        "for": "OpenCTI's message queue",
        "reason": "OpenCTI returned an error: Connection refused",
    }


def test_directory_alone_needs_no_work(original: Path) -> None:
    """With the queue switched off, pycti writes copies and no work is opened."""
    helper = FakeHelper(bundle_send_to_directory=True, bundle_send_to_queue=False)
    helper.api.work.initiate_work = lambda *args, is_multipart: None
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    batch.close("done", in_error=False)
    assert len(helper.copies) == 1
    assert helper.messages == []


@pytest.mark.parametrize("protocol", ["amqp", "api"])
def test_deleted_work_fails_the_report_and_opens_another(protocol: str, original: Path) -> None:
    """OpenCTI ignores a deleted work's messages, so the report fails and the next opens a work."""
    helper = FakeHelper(queue_protocol=protocol)
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    helper.api.work.works.pop("work-1")
    with pytest.raises(WorkDeletedError):
        batch.send(findings(IP % 2), original)
    helper.api.work.works["other"] = {}
    batch.send(findings(IP % 2), original)
    assert helper.messages[-1][0] == "work-2"


def test_stop_is_heard_while_waiting_for_the_broker(original: Path) -> None:
    """A request to stop ends the wait at once; the work can still be closed."""
    helper = FakeHelper(sending_failures=[AMQPConnectionError()] * 1000)
    waits = waiter(helper)
    batch = delivery(helper, waits)
    batch.open()
    waits.stop.set()
    with pytest.raises(Stopping):
        batch.send(findings(IP % 1), original)
    batch.close_at_once("stopped")
    assert helper.api.work.works["work-1"]["message"] == "stopped"


@pytest.mark.parametrize("how", ["close", "at once", "deleted"])
def test_work_is_this_process_own_as_long_as_it_is_open(how: str, original: Path) -> None:
    """A work is marked as this process's until it ends, in whatever way."""
    helper = FakeHelper()
    batch = delivery(helper)
    batch.send(findings(IP % 1), original)
    assert owner_of("connector-id", "work-1") is Owner.ITSELF
    if how == "close":
        batch.close("done", in_error=True)
    elif how == "at once":
        batch.close_at_once("stopped")
    else:
        helper.api.work.works.clear()
        with pytest.raises(WorkDeletedError):
            batch.send(findings(IP % 2), original)
    assert owner_of("connector-id", "work-1") is Owner.UNKNOWN
    if how == "at once":
        work = helper.api.work.works["work-1"]
        assert (work["message"], work["in_error"]) == ("stopped", False)
        work["message"] = "as it was"
        batch.close_at_once("stopped again")
        assert work["message"] == "as it was"
    else:
        assert not batch.is_open


def test_chunk_is_sent_at_once_where_nothing_hinders(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a chunk is sent, a stop is checked for without a pause."""
    pauses: list[float] = []
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: pauses.append(seconds))
    batch = delivery(FakeHelper())
    batch.send(findings(IP % 1), original)
    batch.send(findings(IP % 2, report_refs=1), original)
    batch.close("done", in_error=False)
    assert pauses == [0, 0]


def test_pycti_that_knows_no_protocol_but_amqp_announces(original: Path) -> None:
    """With a pycti that has no ``queue_protocol``, the count is as for AMQP."""
    helper = OldestHelper()

    class Older:
        def __getattr__(self, name: str) -> Any:
            if name == "queue_protocol":
                raise AttributeError(name)
            return getattr(helper, name)

    batch = Delivery(Older(), find_abilities(helper), waiter(helper), "reports of 2024-01-31")
    batch.send(findings(IP % 1), original)
    helper.api.work.works["work-1"]["expected"] += 5
    batch.close("done", in_error=False)
    assert helper.api.work.works["work-1"]["expected"] == 4
