"""A server that answers with the bytes of a script, whatever the request."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

Script = Callable[[], Iterable[bytes]]


@contextmanager
def scripted(script: Script, pause: float = 0.0) -> Iterator[int]:
    """Serve on a free port, which is yielded; pieces are sent ``pause`` seconds apart."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def answer(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(10)
            head = b""
            while b"\r\n\r\n" not in head:
                got = client.recv(65536)
                if not got:
                    return
                head += got
            for piece in script():
                client.sendall(piece)
                if stop.wait(pause):
                    return
            # A close with unread bytes would reset the connection.
            client.shutdown(socket.SHUT_WR)
            client.recv(65536)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                thread = threading.Thread(target=answer, args=(listener.accept()[0],))
                thread.start()
                threads.append(thread)

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *threads):
            thread.join()
