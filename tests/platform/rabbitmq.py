"""A real RabbitMQ node that belongs to the tests: own directories, own ports, loopback only.

Debian's `rabbitmq-server` package is enough (`scripts/install-system-packages.sh`). The node is
started with RabbitMQ's own scripts instead of the package's wrapper in /usr/sbin, because the
wrapper insists on root or the user `rabbitmq`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pika
from pika.exceptions import AMQPError

SCRIPTS = Path("/usr/lib/rabbitmq/bin")
START_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0

_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{amqp_port}
default_user = {user}
default_pass = {password}
loopback_users = none
log.console = false
log.file.level = info
# A small or full disk of the machine that runs the tests must not block publishers.
disk_free_limit.absolute = 1MB
vm_memory_high_watermark.absolute = 1GB
"""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at this moment.

    It is none of those that the system gives to outgoing connections: a node that is stopped for a
    while would find its port taken.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def missing() -> str | None:
    """Return what has to be installed before a node can be started, or None."""
    if (SCRIPTS / "rabbitmq-server").exists() and shutil.which("epmd"):
        return None
    return "rabbitmq-server is not installed: run scripts/install-system-packages.sh"


class RabbitMQ:
    """One node. Use as a context manager; `start` and `stop` may be called again in between.

    `stop` shuts down in order, `kill` with SIGKILL; both keep the data directory, so durable
    queues and persistent messages are there again after the next `start`.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        self.port = free_port()
        self.user = "tests"
        self.password = secrets.token_hex(8)
        self.vhost = "/"
        self._epmd_port = free_port()
        self._node = f"tests-{secrets.token_hex(4)}@localhost"
        self._guards: dict[int, subprocess.Popen[bytes]] = {}
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill everything that belongs to the node and remove its files."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._reap(self._epmd)
            self._epmd = None
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self) -> None:
        """Start the node and wait until it takes AMQP connections and questions.

        Starting twice is harmless.

        Raises RuntimeError, with the end of the node's output, when it does not come up.
        """
        if self.running:
            return
        if why := missing():
            raise RuntimeError(why)
        self._write_configuration()
        if self._epmd is None:
            self._epmd = self._spawn(["epmd", "-port", str(self._epmd_port)], "epmd.out")
            _wait(lambda: _listening(self._epmd_port), START_TIMEOUT)
        self._server = self._spawn([str(SCRIPTS / "rabbitmq-server")], "server.out")
        if not _wait(lambda: not self.running or self._answers(), START_TIMEOUT):
            raise RuntimeError(f"RabbitMQ did not start in time:\n{self._output()}")
        if not self.running:
            raise RuntimeError(f"RabbitMQ ended during its start:\n{self._output()}")

    def stop(self) -> None:
        """Shut the node down in order, as `systemctl stop` would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Shut down in order and start again with the same data and ports."""
        self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """Whether the node's process is there."""
        return self._server is not None and self._server.poll() is None

    def processes(self) -> list[int]:
        """Return the ids of the node's own processes: the server and Erlang's port mapper."""
        started = (self._server, self._epmd)
        return [process.pid for process in started if process is not None]

    def parameters(self) -> pika.ConnectionParameters:
        """Return connection parameters for pika."""
        return pika.ConnectionParameters(
            host="127.0.0.1",
            port=self.port,
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.user, self.password),
            socket_timeout=10,
            blocked_connection_timeout=30,
        )

    def ready(self, queue: str) -> int:
        """Return how many messages wait in the queue, exactly, without the unacknowledged ones."""
        with pika.BlockingConnection(self.parameters()) as connection:
            answer = connection.channel().queue_declare(queue, passive=True)
            return int(answer.method.message_count)

    def size(self, queue: str) -> tuple[int, int]:
        """Return (messages, bytes) of the queue as they are now, unacknowledged ones included."""
        asked = (
            f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{self.vhost}">>, queue, '
            f'<<"{queue}">>)), rabbit_amqqueue:info(Q, [messages, message_bytes]).\n'
        )
        answer = self._evaluate(asked)
        found = re.search(r"{messages, *(\d+)}, *{message_bytes, *(\d+)}", answer)
        if not found:
            raise RuntimeError(f"RabbitMQ knows no queue {queue}: {answer.strip()}")
        return int(found[1]), int(found[2])

    def _evaluate(self, expression: str) -> str:
        """Have the node evaluate something.

        Waits for its answer while it runs, which under load may take some attempts. Raises OSError
        where there is none.
        """
        deadline = time.monotonic() + STOP_TIMEOUT
        while True:
            try:
                return self._evaluate_once(expression)
            except OSError:
                if not self.running or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def _evaluate_once(self, expression: str) -> str:
        cookie = (self.home / ".erlang.cookie").read_text()
        command = ["erl_call", "-sname", self._node, "-c", cookie, "-e"]
        try:
            return subprocess.run(
                command, input=expression, env=self._environment(), capture_output=True,
                text=True, timeout=STOP_TIMEOUT, check=True,
            ).stdout  # fmt: skip
        except subprocess.SubprocessError as error:
            raise OSError(f"RabbitMQ's node does not answer: {error!r}") from None

    def purge(self, queue: str) -> int:
        """Drop the messages that wait in the queue and return how many there were."""
        with pika.BlockingConnection(self.parameters()) as connection:
            return int(connection.channel().queue_purge(queue).method.message_count)

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Take all waiting messages off the queue and return them as decoded JSON, in order."""
        messages: list[dict[str, Any]] = []
        with pika.BlockingConnection(self.parameters()) as connection:
            channel = connection.channel()
            while True:
                method, _, body = channel.basic_get(queue, auto_ack=True)
                if method is None:
                    return messages
                messages.append(json.loads(body))

    def _write_configuration(self) -> None:
        (self.home / "rabbitmq.conf").write_text(
            _CONFIG.format(amqp_port=self.port, user=self.user, password=self.password)
        )
        (self.home / "enabled_plugins").write_text("[].\n")
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)

    def _environment(self) -> dict[str, str]:
        home = self.home
        return {
            "PATH": os.environ.get("PATH", "") + ":/usr/bin:/bin",
            "HOME": f"{home}",
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Makes the script become the node (exec), so that signals reach it directly.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            # Files of the package's own node must not leak in.
            "RABBITMQ_CONF_ENV_FILE": f"{home}/none-env.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/none-advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
            # For every Erlang process: RabbitMQ starts short-lived ones besides the server.
            "ERL_AFLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }

    def _spawn(self, command: list[str], output: str) -> subprocess.Popen[bytes]:
        with (self.home / output).open("ab") as sink:
            # A session of its own: Ctrl-C in the terminal is for pytest, which then stops the node.
            process = subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guards[process.pid] = _guard(process.pid)
        return process

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a process that was told to end; kill it if it does not."""
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT)
        guard = self._guards.pop(process.pid)
        guard.kill()
        guard.communicate()

    def _end(self, how: signal.Signals) -> None:
        if self._server is None:
            return
        self._server.send_signal(how)
        self._reap(self._server)
        self._server = None

    def _answers(self) -> bool:
        # pika logs a page for each refused connection.
        if not _listening(self.port):
            return False
        try:
            pika.BlockingConnection(self.parameters()).close()
            # Erlang's own protocol is another port, and may be later under load.
            return "ready" in self._evaluate_once("ready.\n")
        except (AMQPError, OSError):
            return False

    def _output(self) -> str:
        parts = [*self.home.glob("*.out"), *self.home.glob("log/*.log")]
        return "\n".join(f"{part.name}: {part.read_text()[-2000:]}" for part in parts)


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """Start a process that kills another one as soon as this one is gone, however it ends."""
    # The guard's input ends when the last holder of the pipe does, and that is only this process.
    command = ["sh", "-c", 'read -r _; kill -KILL "$1"', "guard", str(pid)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False
