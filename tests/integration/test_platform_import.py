"""From pycti's helper through RabbitMQ and pycti's importer into the stand-in, without loss."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pycti import OpenCTIConnectorHelper

from tests.integration.conftest import Connect
from tests.platform import samples
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.worker import Workers

pytestmark = pytest.mark.integration


def send(
    platform: OpenCTI,
    broker: RabbitMQ,
    helper: OpenCTIConnectorHelper,
    objects: list[dict[str, Any]],
    **how: Any,
) -> Any:
    """Send objects in a work of their own, import them with two workers, and return the work."""
    work_id = helper.api.work.initiate_work(helper.connector_id, "one bundle")
    helper.send_stix2_bundle(samples.bundle_of(objects), work_id=work_id, **how)
    helper.api.work.to_processed(work_id, "sent")
    with Workers(platform, broker, helper.connector_id, number=2) as workers:
        workers.wait_idle()
    assert workers.rejected == []
    assert workers.failed == []
    return platform.works.get(work_id)


def test_every_object_and_reference_arrives(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """A bundle split over two workers is complete on the platform, and its work counts exactly."""
    objects = samples.everything()
    work = send(platform, rabbitmq, connect(platform), objects)

    assert (work.status, work.expected, work.processed) == ("complete", len(objects), len(objects))
    assert work.errors == []
    kept = platform.snapshot()["objects"]
    for sent in objects:
        if sent["type"] == "network-traffic":
            continue
        assert sent["id"] in kept, sent["type"]
        assert kept[sent["id"]]["aliases"] == []
        if "object_refs" in sent and sent["type"] != "observed-data":
            traffic = {one for one in sent["object_refs"] if one.startswith("network-traffic--")}
            assert set(sent["object_refs"]) - traffic <= set(kept[sent["id"]]["objects"])
            assert len(kept[sent["id"]]["objects"]) == len(sent["object_refs"])
    oddities = platform.store.oddities
    assert oddities.dropped == []
    assert oddities.rewritten == []
    assert oddities.refused == []
    assert oddities.emptied == []


def test_labels_author_marking_and_score_are_kept(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """The platform shows an observable's labels, author, marking and score."""
    objects = [samples.author(), samples.observables()[0]]
    send(platform, rabbitmq, connect(platform), objects)
    address = platform.snapshot()["objects"][objects[1]["id"]]
    assert address["attributes"] == {"value": "192.0.2.1", "x_opencti_score": 40}
    assert address["labels"] == ["Two", "example:one"]
    assert address["created_by"] == samples.AUTHOR
    assert address["markings"] == [samples.TLP_CLEAR]


def test_the_artifact_holds_the_original_bytes(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """The file in `payload_bin` is stored unchanged, under its own name."""
    artifact = samples.artifact()
    send(platform, rabbitmq, connect(platform), [samples.author(), artifact])
    assert platform.snapshot()["objects"][artifact["id"]]["files"] == {
        samples.FILE_NAME: {
            "size": len(samples.FILE),
            "sha256": hashlib.sha256(samples.FILE).hexdigest(),
            "mime": "text/csv",
        }
    }


def test_sent_twice_nothing_changes(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """Importing the same bundle again changes no object."""
    helper = connect(platform)
    send(platform, rabbitmq, helper, samples.everything())
    before = platform.snapshot()["objects"]
    send(platform, rabbitmq, helper, samples.everything())
    assert platform.snapshot()["objects"] == before


def test_a_reference_that_never_comes_is_dropped_and_told(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """After three refusals the object is stored without the reference, and that is recorded."""
    absent = samples.observables()[0]["id"]
    lonely = samples.note(7, [absent, samples.AUTHOR])
    work = send(platform, rabbitmq, connect(platform), [samples.author(), lonely])
    assert platform.count("NoteAdd") == 4
    assert platform.snapshot()["objects"][lonely["id"]]["objects"] == [samples.AUTHOR]
    assert platform.store.oddities.dropped == [
        {"object": lonely["id"], "type": "Note", "reference": "objects", "missing": absent}
    ]
    assert (work.status, work.errors) == ("complete", [])


def test_a_relationship_without_its_end_is_an_error_of_the_work(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """A relationship whose end never comes is lost, and the work says so."""
    address, other, *_ = samples.observables()
    lonely = samples.relationship("related-to", address["id"], other["id"])
    work = send(platform, rabbitmq, connect(platform), [samples.author(), address, lonely])
    assert lonely["id"] not in platform.snapshot()["objects"]
    assert (work.status, work.processed, len(work.errors)) == ("complete", 3, 1)
    assert "MISSING_REFERENCE_ERROR" in work.errors[0]["message"]


def test_a_value_that_the_platform_refuses_costs_its_object_only(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """A refused AS number loses its object; the rest of the bundle arrives."""
    address = samples.observables()[0]
    large = address | {
        "type": "autonomous-system",
        "id": "autonomous-system--5e6b5c9c-3d7e-5d6e-8c53-0f9b8f8a2d11",
        "number": 4294967294,
    }
    work = send(platform, rabbitmq, connect(platform), [samples.author(), address, large])
    assert address["id"] in platform.snapshot()["objects"]
    assert [one["type"] for one in platform.store.oddities.refused] == ["Autonomous-System"]
    assert (work.processed, len(work.errors)) == (3, 1)


def test_a_whole_bundle_in_one_message_is_imported_in_order(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """An unsplit bundle is imported in order, so that no reference is refused.

    pycti 7 calls it `no_split` and announces one object, 6.2 `bypass_split` and announces all.
    """
    helper = connect(platform)
    objects = samples.everything()
    work_id = helper.api.work.initiate_work(helper.connector_id, "one message")
    sent = helper.send_stix2_bundle(
        samples.bundle_of(objects), work_id=work_id, no_split=True, bypass_split=True
    )
    assert len(sent) == 1
    announced = platform.works.get(work_id)
    assert announced is not None
    if announced.expected == 1:
        helper.api.work.add_expectations(work_id, len(objects) - 1)
    with Workers(platform, rabbitmq, helper.connector_id, number=2) as workers:
        workers.wait_idle()
    work = platform.works.wait_complete(work_id)
    assert (work.expected, work.processed, work.errors) == (len(objects), len(objects), [])
    assert workers.messages == 1
    assert platform.count("ReportAdd") == platform.count("NoteAdd") == 1
    assert platform.store.oddities.dropped == []


def test_messages_outlive_a_restart_of_the_broker(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """Messages sent before the broker stopped are imported once it is back."""
    helper = connect(platform)
    objects = samples.everything()
    work_id = helper.api.work.initiate_work(helper.connector_id, "before the restart")
    helper.send_stix2_bundle(samples.bundle_of(objects), work_id=work_id)
    with Workers(platform, rabbitmq, helper.connector_id, number=2) as workers:
        rabbitmq.restart()
        workers.wait_idle()
    work = platform.works.wait_complete(work_id)
    assert work.expected == len(objects)
    assert platform.store.oddities.dropped == []


def test_workers_wait_for_a_platform_that_is_away(
    platform: OpenCTI, rabbitmq: RabbitMQ, connect: Connect
) -> None:
    """A message that meets a stopped platform is retried until it is imported."""
    helper = connect(platform)
    address = samples.observables()[0]
    with Workers(platform, rabbitmq, helper.connector_id, number=1) as workers:
        helper.send_stix2_bundle(samples.bundle_of([samples.author()]))
        workers.wait_idle()
        platform.stop()
        helper.send_stix2_bundle(samples.bundle_of([address]))
        workers.wait_taken(2)
        platform.start()
        workers.wait_idle()
    assert address["id"] in platform.snapshot()["objects"]
