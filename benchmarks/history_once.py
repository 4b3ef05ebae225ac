"""Two days of one report against a history, as a process: ``... FOLDER ROWS``; prints JSON."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

from benchmarks.measure import Seconds, peak_kib, timed
from benchmarks.reports import DAY
from shadowserver_connector.history.comparison import ReportFeed
from shadowserver_connector.history.database import reading_only
from shadowserver_connector.history.history import open_history
from shadowserver_connector.history.identified_rows import IdentifiedRows, open_identified_rows
from shadowserver_connector.history.questions import findings_about, open_longest
from shadowserver_connector.history.record import DIGEST_BYTES

FEED = ReportFeed("scan_ssl", "example")
NEW_IN = 20
CHANGED_IN = 50
ROWS_OF_HOST = 1.5
"""As in generated reports: two hosts for three rows, each with a name."""

# Steps through all of IPv4 in no order.
_STEP = 2_654_435_761


def main(folder: Path, rows: int) -> None:
    """Commit a day, then compare and commit the next: 5 % new, 2 % changed, 5 % gone."""
    took: dict[str, Seconds] = {}

    def step(name: str, work: Callable[[], object]) -> None:
        took[name] = timed(work)

    directory = folder / "history"
    with open_history(directory, "benchmark") as history:
        with open_identified_rows() as first:
            _fill(first, rows, 0)
            step("first commit", lambda: history.commit(FEED, DAY, first))
        before = history.path.stat().st_size
        next_day = DAY + timedelta(1)
        with open_identified_rows() as second:
            step("sort", lambda: _fill(second, rows, 1))
            found = []
            step("compare", lambda: found.append(history.compare(FEED, next_day, second)))
            peak = peak_kib()
            step("commit", lambda: history.commit(FEED, next_day, second))
        counts = {**found[0].counts, "gone": found[0].gone_count}
        with reading_only(directory) as connection:
            step("address", lambda: list(findings_about(connection, "10.0.0.1")))
            step("name", lambda: list(findings_about(connection, "host1.example.net")))
            step("oldest", lambda: open_longest(connection, 100))
        after = history.path.stat().st_size
    shutil.rmtree(directory)
    findings = rows + counts["new"]
    sys.stdout.write(
        json.dumps(
            {
                "seconds": took,
                "counts": counts,
                "bytes": [before / rows, after / findings],
                "peak": peak,
            }
        )
        + "\n"
    )


def _fill(day: IdentifiedRows, rows: int, number: int) -> None:
    moved = number * (rows // NEW_IN)
    for row in range(moved, moved + rows):
        host = int(row / ROWS_OF_HOST)
        address = (host * _STEP % 2**32).to_bytes(4, "big")
        identity = blake2b(b"%d" % row, digest_size=DIGEST_BYTES).digest()
        version = number if row % CHANGED_IN == 0 else 0
        state = blake2b(b"%d %d" % (row, version), digest_size=DIGEST_BYTES).digest()
        name = f"host{host}.example.net"
        day.add(b"4" + address + identity, state, f"{row % 40}/tcp ssl", name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
