"""Write a generated report of a type, to try a change with.

``python scripts/sample_report.py scan_rdp`` writes ``2024-01-31-scan_rdp-example.csv``, 20 rows,
into the working directory. A second argument is the number of rows.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.errors import CatalogueError
from shadowserver_connector.simulator.generate import write_report

DAY = date(2024, 1, 31)


def main(arguments: list[str]) -> int:
    """Write the report and print its name; return the exit code."""
    if len(arguments) not in (1, 2) or not (arguments[1:] or ["20"])[0].isdecimal():
        sys.stderr.write("usage: python scripts/sample_report.py TYPE [ROWS]\n")
        return 2
    report_type, rows = arguments[0], int((arguments[1:] or ["20"])[0])
    try:
        types = load_catalogue().types
    except CatalogueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if report_type not in types:
        sys.stderr.write(
            f"no type {report_type} in report_types.toml; add it or correct the name\n"
        )
        return 1
    path = Path(f"{DAY}-{report_type}-example.csv")
    write_report(path, report_type, DAY, rows=rows)
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
