"""A store of a few reports in memory, for the simulator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from shadowserver_connector.simulator.store import Content, StoredReport

KEY = "key-0123456789"
SECRET = "secret-abcdef"
DAY = date(2024, 1, 31)
DAY_BEFORE = date(2024, 1, 30)


def stored(
    type: str, *, list: str = "example-net", day: date = DAY, id: str = "", rows: int = 1
) -> StoredReport:
    """Return a report named after its type, list and day."""
    return StoredReport(
        type=type,
        list=list,
        day=day,
        file=f"{day}-{type}-{list}.csv",
        id=id or f"id-{type}-{list}-{day}",
        url=f"https://reports.example/{type}",
        rows=rows,
    )


class MemoryStore:
    """Reports and their bytes; ``chunked`` hides the sizes, so that they are sent in chunks."""

    def __init__(
        self, files: dict[StoredReport, bytes | Iterator[bytes]], *, chunked: bool = False
    ) -> None:
        self.files = files
        self.chunked = chunked

    def days(self) -> Sequence[date]:
        """Return the days of the files."""
        return sorted({report.day for report in self.files})

    def reports(self, day: date) -> Sequence[StoredReport]:
        """Return a day's reports."""
        return [report for report in self.files if report.day == day]

    def open(self, id: str) -> Content:
        """Return a file in small pieces."""
        for report, body in self.files.items():
            if report.id != id:
                continue
            if not isinstance(body, bytes):
                return Content(None, body)
            pieces = iter([body[at : at + 1000] for at in range(0, len(body), 1000)])
            return Content(None if self.chunked else len(body), pieces)
        raise KeyError(id)


def csv(rows: int = 3) -> bytes:
    """Return a small report's bytes."""
    lines = ['"timestamp","ip","port"']
    lines += [f'"2024-01-31 00:00:{n % 60:02}","192.0.2.{n % 250}","{n}"' for n in range(rows)]
    return "\n".join(lines).encode() + b"\n"
