"""What dropped files hold: their reports one by one, then what is wrong with the file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from shadowserver_connector.errors import DISK_FULL
from shadowserver_connector.operations.importing import jobs_in
from shadowserver_connector.pipeline.batch import Failure, Job
from shadowserver_connector.report.hashing import fingerprint


class DroppedReport(NamedTuple):
    """A report, unpacked where it has to be."""

    job: Job
    sha256: str


class DroppedFile(NamedTuple):
    """A file of which all reports have been found."""

    path: Path
    reasons: tuple[str, ...]
    """What is wrong with what it holds."""
    problem: OSError | None
    """Why it could not be read, which is no fault of what it holds."""


def reports_in(paths: Sequence[Path], work: Path) -> Iterator[DroppedReport | DroppedFile]:
    """Yield the reports of each file and then the file, in order; unpacked into ``work``.

    Raises ``OSError`` where a disk is full.
    """
    for path in paths:
        failures: list[Failure] = []
        problem: OSError | None = None
        try:
            path.open("rb").close()
            for job in jobs_in([path], work, failures.append):
                yield DroppedReport(job, fingerprint(job[0]).sha256)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise
            problem = error
        yield DroppedFile(path, tuple(failure.reason for failure in failures), problem)


@contextmanager
def unpacking(folder: Path) -> Iterator[Path]:
    """Make a folder in ``folder``, gone afterwards with what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    # After an interruption a conversion may still write there.
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as made:
        yield Path(made)
