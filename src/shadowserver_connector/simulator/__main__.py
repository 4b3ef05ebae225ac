"""Serve a simulated Reports API: ``python -m shadowserver_connector.simulator``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from shadowserver_connector.simulator.profiles import (
    PROFILES,
    GeneratedReports,
    Profile,
    days_until,
    sized,
)
from shadowserver_connector.simulator.server import Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the URLs, one a line, then serve until SIGTERM or SIGINT."""
    options = _parser().parse_args(arguments)
    store = GeneratedReports(
        _profile(options), days_until(options.last, options.days), options.seed
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Simulator(store, key=options.key, secret=options.secret, port=options.port) as simulator:
        reports = sum(len(store.reports(day)) for day in store.days())
        sys.stdout.write(
            f"api_url={simulator.api_url}\n"
            f"download_url={simulator.download_url}\n"
            f"{reports} reports of {options.days} days until {options.last}; stop with Ctrl-C\n"
        )
        sys.stdout.flush()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shadowserver_connector.simulator",
        description="Serve generated reports as Shadowserver's Reports API does, on 127.0.0.1.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument(
        "--key", default="simulated-key", help="API key to expect (default: %(default)s)"
    )
    parser.add_argument(
        "--secret", default="simulated-secret", help="secret to expect (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same reports")
    parser.add_argument("--days", type=_days, default=3, help="how many days have reports")
    parser.add_argument(
        "--last",
        type=date.fromisoformat,
        default=(datetime.now(UTC) - timedelta(days=1)).date(),
        help="last day that has reports, YYYY-MM-DD (default: yesterday, UTC)",
    )
    parser.add_argument("--profile", choices=sorted(PROFILES), default="demo")
    parser.add_argument(
        "--type",
        action="append",
        type=_typed_rows,
        metavar="TYPE=ROWS",
        help="only this report type, with so many rows; can be repeated; instead of --profile",
    )
    return parser


def _profile(options: argparse.Namespace) -> Profile:
    return sized(dict(options.type)) if options.type else PROFILES[options.profile]()


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 366:
        raise argparse.ArgumentTypeError(f"{text}: give 1 to 366 days")
    return days


def _typed_rows(text: str) -> tuple[str, int]:
    name, _, rows = text.partition("=")
    if not name or not rows.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: write it as scan_ssl=1000")
    return name, int(rows)


if __name__ == "__main__":
    sys.exit(main())
