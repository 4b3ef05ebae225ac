"""Copies of bundles that pycti writes in addition to the queue, if a setting asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pycti import OpenCTIConnectorHelper

from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, SECRET, World, check_complete, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.s3 import ACCESS_KEY, SECRET_KEY, Bucket

pytestmark = pytest.mark.integration

REPORTS = small_month(days=1)
HAS_S3 = hasattr(OpenCTIConnectorHelper, "_send_bundle_to_s3")


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(REPORTS, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def in_bucket(bucket: Bucket) -> dict[str, Any]:
    """Return the settings for copies in a bucket."""
    return {
        "connector_send_to_s3": "true",
        "connector_send_to_s3_bucket": bucket.name,
        "connector_send_to_s3_folder": "copies",
        "connector_send_to_s3_retention": 7,
        "s3_endpoint": "127.0.0.1",
        "s3_port": bucket.port,
        "s3_access_key": ACCESS_KEY,
        "s3_secret_key": SECRET_KEY,
        "s3_use_ssl": "false",
        "s3_bucket_region": "us-east-1",
    }


def check_copies(copies: list[dict[str, Any]], world: World) -> None:
    """Check that each message has a copy with all its objects."""
    sent = [ids_of(bundle) for bundle in world.bundles()]
    copied = [ids_of(copy) for copy in copies]
    assert len(copied) == len(sent)
    assert set().union(*copied) == set().union(*sent)
    assert all(any(message <= copy for copy in copied) for message in sent)


def ids_of(bundle: dict[str, Any]) -> set[str]:
    """Return the ids of a bundle's objects."""
    return {each["id"] for each in bundle["objects"]}


def test_copies_in_a_directory_beside_the_queue(world: World, tmp_path: Path) -> None:
    """Each message has one copy in the directory, and everything arrives."""
    copies = tmp_path / "copies"
    copies.mkdir()
    settings = {"connector_send_to_directory": "true", "connector_send_to_directory_path": copies}
    assert world.run(**settings) == 0, world.logs()[-3000:]
    copied = [json.loads(path.read_text())["bundle"] for path in copies.rglob("*.json")]
    check_copies(copied, world)
    check_complete(world, REPORTS)


def test_missing_directory_is_waited_for(world: World, tmp_path: Path) -> None:
    """The log names a missing directory, as of an unmounted disk; the run
    resumes when it exists.
    """
    copies = tmp_path / "copies"
    settings: dict[str, Any] = {
        "connector_send_to_directory": "true",
        "connector_send_to_directory_path": copies,
    }
    with world.connector(**settings) as process:
        world.until(lambda: "the place where pycti writes bundles" in world.logs())
        assert "No such file or directory" in world.logs()
        copies.mkdir()
        assert process.wait() == 0, world.logs()[-3000:]
    assert world.logs().count('"Waiting"') == 1
    assert list(copies.rglob("*.json"))
    check_complete(world, REPORTS)


def test_copies_in_a_bucket_beside_the_queue(world: World) -> None:
    """Each message has one copy, though one is refused at first; old copies are deleted.

    An old pycti has no buckets, and the log of the start says so.
    """
    with Bucket("bundles") as bucket:
        # What pycti wrote days ago, and something that is not its own.
        for name in ("copies/shadowserver-old.json", "copies/other.json"):
            bucket.objects[name] = b'{"bundle": {"objects": []}}'
            bucket.ages[name] = datetime.now(UTC) - timedelta(days=8)
        bucket.refused = 1
        settings = in_bucket(bucket) | {"connector_name": "Shadowserver"}
        assert world.run(**settings) == 0, world.logs()[-3000:]
    for secret in (ACCESS_KEY, SECRET_KEY):
        assert secret not in world.logs()
    if HAS_S3:
        assert world.logs().count('"Waiting"') == 1
        assert "copies/other.json" in bucket.objects
        assert "copies/shadowserver-old.json" not in bucket.objects
        del bucket.objects["copies/other.json"]
        copied = [json.loads(content)["bundle"] for content in bucket.objects.values()]
        check_copies(copied, world)
    else:
        assert "CONNECTOR_SEND_TO_S3 has no effect" in world.logs()
    check_complete(world, REPORTS)
