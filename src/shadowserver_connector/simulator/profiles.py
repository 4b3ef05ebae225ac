"""Which reports a simulated Shadowserver has, and the store that makes them when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.simulator.generate import report_chunks
from shadowserver_connector.simulator.store import Content, StoredReport

_LISTS = ("example-asn", "example-net")
# Above this a report is made while it is sent, and its size is not known beforehand.
_ROWS_MADE_AT_ONCE = 20_000

DEMO_TYPES = (
    "blocklist",
    "compromised_account",
    "compromised_iot",
    "compromised_website",
    "device_id",
    "device_id6",
    "event4_ddos_participant",
    "event4_honeypot_brute_force",
    "event4_honeypot_darknet",
    "event4_honeypot_ddos_amp",
    "event4_honeypot_http_scan",
    "event4_ip_spoofer",
    "event4_microsoft_sinkhole",
    "event4_sinkhole",
    "event4_sinkhole_dns",
    "event4_sinkhole_http",
    "event4_sinkhole_http_referer",
    "event6_sinkhole_http",
    "malware_url",
    "population_http_proxy",
    "ransomware_victim",
    "sandbox_url",
    "scan6_ssh",
    "scan_dns",
    "scan_exchange",
    "scan_http_vulnerable",
    "scan_mysql",
    "scan_rdp",
    "scan_smb",
    "scan_snmp",
    "scan_ssh",
    "scan_ssl",
    "spam_url",
    "special",
)
"""Report types of every family."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What reports there are on each day."""

    rows: Mapping[str, tuple[int, int]]
    """Report type -> fewest and most rows on a day."""
    with_hostile_cells: bool = False
    lists: Sequence[str] = _LISTS
    """Names of the subscriber's report lists; each type is in one of them."""


def sized(rows: Mapping[str, int]) -> Profile:
    """Return a profile with exactly these numbers of rows by type, of any size."""
    return Profile({name: (count, count) for name, count in rows.items()})


PROFILES: Mapping[str, Callable[[], Profile]] = {
    "demo": lambda: Profile(dict.fromkeys(DEMO_TYPES, (10, 200))),
    "hostile": lambda: Profile(dict.fromkeys(DEMO_TYPES, (40, 60)), with_hostile_cells=True),
    "all": lambda: Profile(dict.fromkeys(load_catalogue().types, (10, 30))),
}
"""Profiles by name: a demonstration, hostile cells in every row, every known type."""


class GeneratedReports:
    """A ``ReportStore`` whose files are made from a seed, each time that one is opened."""

    def __init__(self, profile: Profile, days: Sequence[date], seed: int = 1) -> None:
        self._profile = profile
        self._seed = seed
        self._days = {day: self._of_day(day) for day in sorted(days)}
        self._by_id = {report.id: report for reports in self._days.values() for report in reports}

    def days(self) -> Sequence[date]:
        """Return the days that have reports."""
        return list(self._days)

    def reports(self, day: date) -> Sequence[StoredReport]:
        """Return the reports of a day; empty for a day without."""
        return self._days.get(day, [])

    def open(self, id: str) -> Content:
        """Return the file with this id. Raises KeyError where there is none."""
        report = self._by_id[id]
        if report.rows > _ROWS_MADE_AT_ONCE:
            return Content(None, self._chunks(report))
        content = b"".join(self._chunks(report))
        return Content(len(content), iter([content]))

    def _chunks(self, report: StoredReport) -> Iterator[bytes]:
        return report_chunks(
            report.type,
            report.day,
            report.rows,
            seed=self._seed,
            with_hostile_cells=self._profile.with_hostile_cells,
        )

    def _of_day(self, day: date) -> list[StoredReport]:
        return [
            self._report(name, day, fewest, most)
            for name, (fewest, most) in self._profile.rows.items()
        ]

    def _report(self, name: str, day: date, fewest: int, most: int) -> StoredReport:
        chance = hashlib.sha256(f"{self._seed}:{day}:{name}".encode()).digest()
        of_type = hashlib.sha256(f"{self._seed}:{name}".encode()).digest()
        # A type has about the same size every day.
        usual = fewest + int.from_bytes(of_type[:4]) % (most - fewest + 1)
        rows = min(most, max(fewest, usual + chance[0] % 7 - 3))
        listed = self._profile.lists[of_type[4] % len(self._profile.lists)]
        return StoredReport(
            type=name,
            list=listed,
            day=day,
            file=f"{day}-{name}-{listed}.csv",
            id=chance.hex()[:50],
            url=load_catalogue().report_type(name).page,
            rows=rows,
        )


def days_until(last: date, count: int) -> list[date]:
    """Return ``count`` days that end with ``last``."""
    return [last - timedelta(days=back) for back in reversed(range(count))]
