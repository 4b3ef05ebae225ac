"""From Shadowserver's files to OpenCTI's objects, through every part of the system."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pycti import OpenCTIApiClient

from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import (
    CONNECTOR,
    KEY,
    REPORT_ID,
    SECRET,
    TODAY,
    Reports,
    World,
    bundle_of,
    check_complete,
    csv,
    small_month,
)
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

RESETS = ("during a run", "between two runs")
HAS_API_PROTOCOL = hasattr(OpenCTIApiClient, "send_bundle_to_api")


@pytest.fixture
def store() -> Reports:
    """Return the reports of two days."""
    return small_month()


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def test_import_is_complete_and_exact(world: World, store: Reports) -> None:
    """After a run, the platform has what is in the files, and no open work."""
    assert world.run() == 0, world.logs()[-3000:]
    workers = world.import_all()
    assert workers.rejected == []
    assert workers.failed == []
    oddities = world.platform.store.oddities
    assert oddities.dropped == []
    assert oddities.rewritten == []
    assert oddities.merged == []
    assert oddities.refused == []
    for work in world.works():
        assert work.status == "complete", work.plain()
        assert work.processed == work.expected > 0
        assert work.errors == []
    kinds = [thing["type"] for thing in world.objects().values()]
    assert kinds.count("Report") == kinds.count("Artifact") == len(store.files) == 4
    assert kinds.count("Observed-Data") == 4 * 12
    # One for each host and type, on both days.
    assert kinds.count("Note") == 2 * 12
    assert [work.messages[-1]["message"] for work in world.works()] == [
        f"{TODAY - timedelta(days=back)}: 2 reports, 24 findings "
        "(24 new, 0 changed, 0 recurring, 0 resurfaced, 0 gone), "
        f"{work.expected} objects sent, 0 skipped, 0 failed"
        for back, work in zip((1, 2), world.works(), strict=True)
    ]


def test_second_run_changes_nothing(world: World) -> None:
    """A second run only lists reports; it opens no work and sends nothing."""
    world.run()
    world.import_all()
    before, works = world.objects(), len(world.works())
    world.simulator.requests.clear()
    assert world.run() == 0
    assert {each.path for each in world.simulator.requests.matching()} == {"/api2/reports/list"}
    assert world.queued() == 0
    assert world.objects() == before
    assert len(world.works()) == works


def test_import_from_nothing_twice_changes_nothing(world: World) -> None:
    """After a reset everything is sent again, and OpenCTI's objects do not change."""
    world.run()
    world.import_all()
    before = world.objects()
    world.platform.reset(CONNECTOR)
    assert world.run() == 0
    assert world.queued() > 0
    world.import_all()
    assert world.objects() == before
    assert world.platform.store.oddities.rewritten == []


def test_nothing_that_opencti_knows_goes_twice_in_a_work(world: World) -> None:
    """Objects go once in a work, even before they are imported, and no reference is lost."""
    world.run()
    world.import_all()
    world.platform.reset(CONNECTOR)
    assert world.run() == 0
    sent = Counter(
        (message["work_id"], json.dumps(each, sort_keys=True))
        for message in world.messages()
        for each in bundle_of(message)["objects"]
    )
    assert len(sent) > 2 * 24
    assert set(sent.values()) == {1}
    world.import_all()
    assert world.platform.store.oddities.dropped == []


def test_large_file_is_uploaded_and_is_the_same_artifact(world: World, store: Reports) -> None:
    """A file above the queue's limit is uploaded whole, with our id, author and marking."""
    content = csv(7, 20) + b"x" * 9 * 1024 * 1024 + b"\n"
    report = store.add(TODAY - timedelta(days=1), "scan_ssh", content, 21)
    assert world.run(shadowserver_report_types="scan_ssh") == 0, world.logs()[-3000:]
    world.import_all()
    [artifact] = [each for each in world.objects().values() if each["type"] == "Artifact"]
    assert list(artifact["files"]) == [report.file]
    assert artifact["created_by"]
    assert artifact["markings"]
    assert world.platform.store.oddities.rewritten == []
    assert "not attached" not in world.logs()


def test_full_queue_pauses_the_run(world: World, store: Reports) -> None:
    """In the middle of a report, sending pauses until OpenCTI's workers have made room."""
    store.files.clear()
    store.add(TODAY - timedelta(days=1), "scan_http", csv(1, 24), 24)
    # A little more than half of what is sent: after the pause the rest fits in.
    threshold = 0.12
    with world.connector(connector_queue_threshold=threshold) as process:
        world.until(lambda: "The queue is full, pausing" in world.logs())
        messages, size = world.broker.size(world.queue)
        assert size >= threshold * 1_000_000
        looks = world.platform.count("GetConnector")
        world.until(lambda: world.platform.count("GetConnector") > looks)
        assert world.queued() == messages
        assert world.done() == 0
        assert world.import_all().messages == messages
        assert process.wait() == 0, world.logs()[-3000:]
    assert world.queued() > 0
    assert world.logs().count("The queue is full, pausing") == 1
    assert world.logs().count("The queue has room again, resuming") == 1
    assert '"Waiting"' not in world.logs()
    check_complete(world, store)


def test_queue_protocol_api(world: World, store: Reports) -> None:
    """With ``api`` the same objects arrive without a connection to the broker.

    An old pycti has no such protocol: it uses the broker, and the start says so.
    """
    # OpenCTI imports what comes this way object by object, which takes its time.
    only = {"shadowserver_report_types": "scan_ssh"}
    store.add(TODAY - timedelta(days=1), "scan_ssh", csv(7, 5), 5)
    if HAS_API_PROTOCOL:
        assert world.run(connector_queue_protocol="api", mq_port=1, **only) == 0, world.logs()[
            -3000:
        ]
    else:
        assert world.run(connector_queue_protocol="api", **only) == 0
        assert "CONNECTOR_QUEUE_PROTOCOL has no effect" in world.logs()
    world.import_all()
    assert all(work.status == "complete" for work in world.works())
    assert world.platform.store.oddities.dropped == []
    through_api = world.objects()
    assert "Report" in {each["type"] for each in through_api.values()}
    world.platform.reset(CONNECTOR)
    world.run(**only)
    world.import_all()
    assert world.objects() == through_api


def test_secrets_are_nowhere(world: World, store: Reports) -> None:
    """No secret is in debug logs, state, works or messages, even after errors."""
    store.add(TODAY - timedelta(days=1), "scan_ssh", b"\x00\x01 no table", 1)
    world.run()
    seen = world.logs() + str(world.state()) + str(world.bundles())
    seen += str([work.plain() for work in world.works()])
    for secret in (KEY, SECRET, REPORT_ID, world.platform.token, world.simulator.download_url):
        assert secret not in seen


def test_schedule_survives_and_stops_in_time(world: World) -> None:
    """The connector keeps running after a run, shows the next one, and stops when asked."""
    with world.connector("run") as process:
        world.until(lambda: "last_run" in (world.state() or {}))
        world.until(lambda: "Schedule next run" in world.logs())
        assert process.terminate(10) == 0
    assert "deleteConnector" not in {
        field for seen in world.platform.requests for field in seen.fields
    }


def test_run_and_terminate(world: World) -> None:
    """With pycti's setting the connector ends after its run and stays registered."""
    settings = {"connector_run_and_terminate": "true", "shadowserver_report_types": "scan_ssl"}
    with world.connector("run", **settings) as process:
        assert process.wait() == 0, world.logs()[-3000:]
    assert world.done() == 2
    assert "deleteConnector" not in {
        field for seen in world.platform.requests for field in seen.fields
    }


def test_stop_in_the_middle_closes_the_work(world: World, store: Reports) -> None:
    """Within ten seconds the current report is abandoned and its work closed with a message."""
    store.add(TODAY, "scan_ssh", csv(3, 150), 150)
    with world.connector("run", shadowserver_chunk_objects=20) as process:
        world.until(lambda: world.queued() >= 3)
        assert process.terminate(10) == 0
    [work] = world.works()
    assert work.closed
    assert "interrupted by a shutdown" in work.messages[-1]["message"]
    assert world.run() == 0
    assert world.done() == 5


@pytest.mark.parametrize("when", RESETS if os.environ.get("TEST_FULL") else RESETS[:1])
def test_reset_leads_to_a_full_import(when: str, world: World, store: Reports) -> None:
    """A reset restarts the run that meets it, or within 40 seconds the one that waits.

    The state is that of the second start only.
    """
    with world.connector("run") as process:
        world.until(lambda: world.done() >= 1)
        if when == "between two runs":
            world.until(lambda: "Schedule next run" in world.logs())
        world.platform.reset(CONNECTOR)
        assert world.done() == 0
        world.until(lambda: "last_run" in (world.state() or {}), 90)
        assert process.terminate(10) == 0
    assert "The state was reset in OpenCTI" in world.logs()
    assert world.done() == len(store.files)
    assert set(world.sends()) == {report.file for report in store.files}
    world.import_all()
    kinds = [thing["type"] for thing in world.objects().values()]
    assert kinds.count("Report") == len(store.files)
