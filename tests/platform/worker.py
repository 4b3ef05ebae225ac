"""Workers that import what is in a connector's queue, as OpenCTI's worker does.

Each worker takes one message at a time, gives its bundle to pycti's own importer and acknowledges
it afterwards. Whether a bundle of several objects is imported at once or split and queued again
follows the worker that belongs to the installed pycti.
"""

from __future__ import annotations

import base64
import inspect
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pycti import OpenCTIApiClient, OpenCTIConnectorHelper, OpenCTIStix2Splitter
from pycti.utils import opencti_stix2

from tests.platform.opencti import OpenCTI
from tests.platform.queues import EXCHANGE, push_queue
from tests.platform.rabbitmq import RabbitMQ

# The worker of OpenCTI 6.2 imports every bundle whole; from 6.3 on only those marked so.
SPLITS = 'kwargs.get("bypass_split"' not in inspect.getsource(
    OpenCTIConnectorHelper.send_stix2_bundle
)
# The importer waits seconds to a minute before it tries again; here that is a few milliseconds.
_SHORTER = 1 / 200


class Workers:
    """Several workers on one connector's queue. Use as a context manager.

    `messages` counts what was taken, `rejected` holds the reason of each message that was thrown
    away, `failed` the ids of objects that the importer gave up on.
    """

    def __init__(
        self,
        platform: OpenCTI,
        broker: RabbitMQ,
        connector_id: str,
        number: int = 2,
        *,
        splits: bool = SPLITS,
    ) -> None:
        """``splits``: whether they are workers of a platform from 6.3 on."""
        self.messages = 0
        self.rejected: list[str] = []
        self.failed: list[str] = []
        self._platform = platform
        self._broker = broker
        self._splits = splits
        self._queue = push_queue(connector_id)
        self._routing = f"push_routing_{connector_id}"
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"worker-{n}", daemon=True)
            for n in range(number)
        ]

    def __enter__(self) -> Self:
        self._patience = shortened_waits()
        self._patience.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let each worker finish the message that it has, and end. Stopping twice is harmless."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
        self._patience.__exit__(None, None, None)

    def wait_idle(self, seconds: float = 60) -> None:
        """Wait until the queue is empty and no worker has a message. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # The size counts what workers have not acknowledged yet.
            if self._broker.size(self._queue)[0] == 0:
                return
            time.sleep(0.05)
        raise TimeoutError(f"{self._queue}: {self._broker.size(self._queue)[0]} messages are left")

    def wait_taken(self, number: int, seconds: float = 60) -> None:
        """Wait until this many messages were taken in all. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.messages < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._queue}: {self.messages} messages taken")
            time.sleep(0.02)

    def _run(self) -> None:
        api: OpenCTIApiClient | None = None
        while not self._stopping.is_set():
            try:
                api = api or OpenCTIApiClient(
                    self._platform.url, self._platform.token, log_level="critical"
                )
                self._consume(api)
            except (AMQPError, OSError, ValueError):
                # Broker or platform are away: come again, as a restarted worker would.
                self._stopping.wait(0.2)

    def _consume(self, api: OpenCTIApiClient) -> None:
        parameters = self._broker.parameters()
        # The connection is not served while a message is imported, however long that takes.
        parameters.heartbeat = 0
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=1)
            for method, _, body in channel.consume(self._queue, inactivity_timeout=0.1):
                if self._stopping.is_set():
                    break
                if method is None:
                    continue
                with self._lock:
                    self.messages += 1
                reason = self._handle(api, channel, body)
                if reason is None:
                    channel.basic_ack(method.delivery_tag)
                else:
                    self.rejected.append(reason)
                    channel.basic_nack(method.delivery_tag, requeue=False)

    def _handle(self, api: OpenCTIApiClient, channel: BlockingChannel, body: bytes) -> str | None:
        """Import a message, or split it; return why it has to be thrown away, or None."""
        try:
            message = json.loads(body)
            bundle = base64.b64decode(message["content"]).decode()
            objects = json.loads(bundle)["objects"]
            _set_headers(api, message)
            if len(objects) == 1 or message.get("no_split") or not self._splits:
                self._import(api, message, bundle)
            else:
                self._split(api, channel, message, bundle)
        except Exception as error:
            return repr(error)
        return None

    def _import(self, api: OpenCTIApiClient, message: dict[str, Any], bundle: str) -> None:
        result = api.stix2.import_bundle_from_json(
            bundle,
            message.get("update", False),
            message.get("entities_types") or None,
            message.get("work_id"),
        )
        # pycti 7 returns (imported, given up), pycti 6 the imported only.
        if isinstance(result, tuple):
            self.failed += [item["id"] for item in result[1]]

    def _split(
        self, api: OpenCTIApiClient, channel: BlockingChannel, message: dict[str, Any], bundle: str
    ) -> None:
        number, *_, parts = OpenCTIStix2Splitter().split_bundle_with_expectations(bundle)
        if message.get("work_id"):
            api.work.add_expectations(message["work_id"], number)
        for part in parts:
            content = base64.b64encode(part.encode()).decode()
            channel.basic_publish(
                EXCHANGE,
                self._routing,
                json.dumps(message | {"content": content}).encode(),
                pika.BasicProperties(delivery_mode=2, content_encoding="utf-8"),
            )


def _set_headers(api: OpenCTIApiClient, message: dict[str, Any]) -> None:
    api.set_applicant_id_header(message.get("applicant_id"))
    # pycti 6.2 has no such header.
    if hasattr(api, "set_work_id"):
        api.set_work_id(message.get("work_id"))


@contextmanager
def shortened_waits() -> Iterator[None]:
    """Let pycti's importer wait a fraction of its time between two attempts."""
    real = opencti_stix2.time
    opencti_stix2.time = SimpleNamespace(
        sleep=lambda seconds: real.sleep(seconds * _SHORTER), time=real.time
    )
    try:
        yield
    finally:
        opencti_stix2.time = real
