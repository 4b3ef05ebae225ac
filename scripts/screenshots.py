"""Take the pictures of the preview page that the documents show.

``python scripts/screenshots.py`` writes ``docs/preview/*.webp`` from generated reports, at the
sizes of a desk, a tablet and a phone, in both colour schemes. It needs Debian's chromium.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.preview.browser import Page, open_browser  # noqa: E402

from shadowserver_connector.mapping.options import Options  # noqa: E402 - after the path
from shadowserver_connector.preview.page import write_page  # noqa: E402
from shadowserver_connector.report.info import ReportInfo  # noqa: E402
from shadowserver_connector.simulator.generate import write_report  # noqa: E402

DAYS = (date(2024, 1, 30), date(2024, 1, 31))
TYPES = ("scan_ssl", "scan_rdp", "compromised_account", "event4_sinkhole_http", "scan_exchange")
ROWS = 60
SIZES = {"desk": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}
QUALITY = 0.7
VIEWS = {
    "overview": ("tab=overview", "#charts figure"),
    "hosts": ("tab=hosts&host=HOST", "#host .facts"),
    "findings": ("tab=findings&severity=critical&severity=high", "#findings .row"),
    "graph": ("tab=graph&object=OBJECT", "#object .facts"),
}
SHOWN = [
    *(("overview", size, scheme) for size in SIZES for scheme in ("light", "dark")),
    *((view, "desk", "light") for view in ("hosts", "findings", "graph")),
    *((view, "phone", "dark") for view in ("hosts", "findings")),
]


def write(folder: Path) -> Path:
    """Write the page of some generated reports; return its path."""
    jobs = []
    for day in DAYS:
        for name in TYPES:
            path = folder / f"{day}-{name}-example.csv"
            write_report(path, name, day, ROWS)
            jobs.append((path, ReportInfo(type=name, day=day, file=path.name, list="example")))
    write_page(jobs, folder / "page.html", Options())
    return folder / "page.html"


def take(page: Page, view: str, size: str, scheme: str, places: dict[str, str]) -> bytes:
    """Return a picture of a view."""
    page.look(*SIZES[size], scheme)
    state, shown = VIEWS[view]
    for name, value in places.items():
        state = state.replace(name, value)
    page.run("location.hash = arguments[0]", f"#{state}")
    page.wait(f"document.querySelector('{shown}') !== null")
    time.sleep(0.3)
    return page.picture(QUALITY)


def main() -> None:
    """Write all pictures."""
    target = ROOT / "docs" / "preview"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, open_browser("chromium", Path(folder)) as page:
        page.open(write(Path(folder)), "#tab=hosts")
        places = {"HOST": page.texts("#hosts .row .of-subject")[0]}
        page.click("#hosts .row")
        page.wait("document.querySelector('#host .to-graph') !== null")
        page.click("#host .to-graph")
        page.wait("document.querySelector('#object .facts') !== null")
        places["OBJECT"] = page.hash()["object"][0]
        for view, size, scheme in SHOWN:
            name = f"{view}-{size}-{scheme}.webp"
            (target / name).write_bytes(take(page, view, size, scheme, places))
            print(name, (target / name).stat().st_size)  # noqa: T201 - that is what it prints


if __name__ == "__main__":
    main()
