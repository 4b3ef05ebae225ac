"""The tests' own RabbitMQ node has the properties that other tests rely on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPConnectionError

from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration


@pytest.fixture
def queue(rabbitmq: RabbitMQ) -> str:
    """Return the name of a new durable queue with three persistent messages."""
    name = f"queue-{uuid.uuid4()}"
    with pika.BlockingConnection(rabbitmq.parameters()) as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True)
        channel.confirm_delivery()
        for number in range(3):
            channel.basic_publish(
                "", name, f'{{"number": {number}}}', pika.BasicProperties(delivery_mode=2)
            )
    return name


def test_messages_are_counted_weighed_and_taken_in_order(rabbitmq: RabbitMQ, queue: str) -> None:
    """A queue gives its numbers of messages and bytes, and the messages in order."""
    assert rabbitmq.ready(queue) == 3
    assert rabbitmq.size(queue) == (3, 3 * len('{"number": 0}'))
    assert [message["number"] for message in rabbitmq.take(queue)] == [0, 1, 2]
    assert rabbitmq.size(queue) == (0, 0)


def test_purge_empties_a_queue(rabbitmq: RabbitMQ, queue: str) -> None:
    """Purging returns how many messages were dropped."""
    assert rabbitmq.purge(queue) == 3
    assert rabbitmq.ready(queue) == 0


def test_a_stopped_node_refuses_and_a_started_one_has_its_messages(
    rabbitmq: RabbitMQ, queue: str
) -> None:
    """A stopped node refuses connections; started again, it has its persistent messages."""
    rabbitmq.stop()
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(rabbitmq.parameters())
    rabbitmq.start()
    assert rabbitmq.ready(queue) == 3


def test_confirmed_messages_outlive_a_kill(rabbitmq: RabbitMQ, queue: str) -> None:
    """A message that the broker confirmed is still there after SIGKILL."""
    rabbitmq.kill()
    assert not rabbitmq.running
    rabbitmq.start()
    assert rabbitmq.ready(queue) == 3


def test_the_node_listens_on_loopback_only(rabbitmq: RabbitMQ) -> None:
    """Neither AMQP nor Erlang's ports are reachable from other machines."""
    sockets = _listening_sockets(rabbitmq)
    assert rabbitmq.port in {port for _, port in sockets}
    assert len(sockets) >= 3  # AMQP, Erlang distribution, epmd
    assert {address for address, _ in sockets} <= {"127.0.0.1", "::1"}


def test_closing_leaves_nothing_behind() -> None:
    """A node closed after an exception has no process and no files."""
    node = RabbitMQ()
    processes: list[int] = []
    with pytest.raises(ZeroDivisionError):
        _fail_inside(node, processes)
    assert len(processes) == 2
    assert not node.home.exists()
    assert not any(_alive(pid) for pid in processes)


def test_a_node_ends_with_the_process_that_started_it() -> None:
    """A killed test run leaves no broker behind."""
    code = (
        "from tests.platform.rabbitmq import RabbitMQ\n"
        "node = RabbitMQ()\n"
        "node.start()\n"
        "print(node.home, *node.processes(), flush=True)\n"
        "input()\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    home, *processes = run.stdout.readline().split()
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 30
    while any(_alive(int(pid)) for pid in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.rmtree(home)
    assert len(processes) == 2
    assert not any(_alive(int(pid)) for pid in processes)


def _fail_inside(node: RabbitMQ, processes: list[int]) -> None:
    with node:
        processes += node.processes()
        raise ZeroDivisionError


def _listening_sockets(node: RabbitMQ) -> set[tuple[str, int]]:
    """Return (address, port) of every listening TCP socket of the node's processes."""
    inodes = set()
    for pid in node.processes():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    sockets = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            listening = words[3] == "0A"
            if listening and words[9] in inodes:
                address, _, port = words[1].rpartition(":")
                sockets.add((_readable(address), int(port, 16)))
    return sockets


def _readable(address: str) -> str:
    known = {
        "0100007F": "127.0.0.1",
        "00000000": "0.0.0.0",
        "00000000000000000000000001000000": "::1",
        "0" * 32: "::",
    }
    return known.get(address, address)


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " not in stat.read_text()
