"""What became of reports, as a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from shadowserver_connector.cli.console import err, print_json, print_table
from shadowserver_connector.exits import OK, SOME_FAILED
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.plural import counted
from shadowserver_connector.sink.directory import report_folder

HEADINGS = ("Date", "Type", "Severity", "Findings", "Objects", "Folder of the bundles")


def show(results: Sequence[Outcome | Failure], out: Path, *, as_json: bool) -> int:
    """Print all results and return the exit code."""
    outcomes = [result for result in results if isinstance(result, Outcome)]
    failures = [result for result in results if isinstance(result, Failure)]
    if as_json:
        print_json(
            {
                "reports": [_as_json(outcome, out) for outcome in outcomes],
                "failed": [{"file": f.info.file, "reason": f.reason} for f in failures],
            }
        )
    else:
        outcomes.sort(key=lambda outcome: (outcome.info.day, outcome.info.type, outcome.info.file))
        if outcomes:
            print_table(HEADINGS, [_row(outcome, out) for outcome in outcomes])
            err.print(f"The folders are in {out}/<date>/.", markup=False, soft_wrap=True)
            _print_sums(outcomes)
        _print_notes(outcomes, failures)
    return SOME_FAILED if failures else OK


def _row(outcome: Outcome, out: Path) -> tuple[object, ...]:
    folder = report_folder(out, outcome.info)
    return (
        outcome.info.day.isoformat(),
        outcome.info.type,
        outcome.severity,
        outcome.rows,
        sum(outcome.objects.values()),
        folder.name,
    )


def _print_sums(outcomes: Sequence[Outcome]) -> None:
    rows = sum(outcome.rows for outcome in outcomes)
    objects = sum(sum(outcome.objects.values()) for outcome in outcomes)
    sums = ((len(outcomes), "report"), (rows, "finding"), (objects, "object"))
    err.print(f"{', '.join(counted(*each) for each in sums)}.")


def _print_notes(outcomes: Sequence[Outcome], failures: Sequence[Failure]) -> None:
    for outcome in outcomes:
        for remark in outcome.remarks:
            err.print(Text(f"odd: {remark}"), soft_wrap=True)
    for failure in failures:
        err.print(Text(f"failed: {failure.reason}", style="red"), soft_wrap=True)


def _as_json(outcome: Outcome, out: Path) -> dict[str, Any]:
    plain = asdict(outcome)
    info = plain.pop("info")
    return {
        "file": info["file"],
        "type": info["type"],
        "day": outcome.info.day.isoformat(),
        "folder": str(report_folder(out, outcome.info)),
        **plain,
    }
