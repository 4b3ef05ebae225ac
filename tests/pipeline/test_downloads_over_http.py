"""Downloads ahead from a real HTTP server that checks what is on the disk meanwhile."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowserver_connector.api import ApiOptions, ReportsApi, RetryPolicy
from shadowserver_connector.pipeline.bounds import folder_bytes
from shadowserver_connector.pipeline.downloads_ahead import completed_downloads, downloads
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.simulator.store import Content
from tests.api.memory import DAY, KEY, SECRET, MemoryStore, stored

THREADS = 8
PIECE = 2**16
SIZE = 48 * PIECE
BOUND = 3 * SIZE - 5 * PIECE
BODIES = {
    stored(f"scan_{name}"): (f"{name},b\n" * (SIZE // 4))[:SIZE].encode() for name in "abcdefgh"
}


class WatchingStore(MemoryStore):
    """Looks at a folder before each piece that it sends."""

    def __init__(self, folder: Path, *, chunked: bool) -> None:
        super().__init__(dict(BODIES), chunked=chunked)
        self.folder = folder
        self.most = 0

    def open(self, id: str) -> Content:
        """Return a file in pieces."""
        (body,) = (body for report, body in BODIES.items() if report.id == id)
        return Content(None if self.chunked else SIZE, self._pieces(body))

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        for at in range(0, SIZE, PIECE):
            # So slow that all would be under way at the same time.
            time.sleep(0.005)
            self.most = max(self.most, folder_bytes(self.folder))
            yield body[at : at + PIECE]


@pytest.mark.integration
@pytest.mark.parametrize("chunked", [False, True])
def test_bytes_on_disk_are_bounded_while_files_come(tmp_path: Path, chunked: bool) -> None:
    """Only the file in turn exceeds the limit; one given up uses no attempt and arrives later."""
    store = WatchingStore(tmp_path, chunked=chunked)
    retries: list[object] = []
    failures: list[Failure] = []
    taken = []
    with (
        Simulator(store, key=KEY, secret=SECRET) as simulator,
        ReportsApi(
            KEY,
            SECRET,
            ApiOptions(
                api_url=simulator.api_url,
                download_url=simulator.download_url,
                requests_per_second=1e6,
                retry=RetryPolicy(attempts=1, on_retry=retries.append),
            ),
        ) as api,
    ):
        reports = api.list_reports(DAY)
        fetched = downloads(reports, api.download, tmp_path, threads=THREADS, max_bytes=BOUND)
        for file, report in completed_downloads(fetched, failures.append):
            (body,) = (body for each, body in BODIES.items() if each.id == report.id)
            assert file.path.read_bytes() == body
            taken.append(report)
            shutil.rmtree(file.path.parent)
    assert taken == reports
    assert (failures, retries) == ([], [])
    # A look takes a while: in it, each thread may write what a folder that was counted had.
    assert store.most <= BOUND + SIZE + THREADS * PIECE
    assert list(tmp_path.iterdir()) == []
