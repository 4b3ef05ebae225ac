"""Small reports made for a test, converted by the real pipeline, and read back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo

DAY = date(2024, 1, 31)

Stix = dict[str, Any]


_SEVERAL = re.compile(r"^\*\*(\d+) findings\*\*$", re.MULTILINE)


def findings_in(notes: Iterable[Stix]) -> int:
    """Return the number of findings that some Notes say they cover."""
    told = [_SEVERAL.search(note["content"]) for note in notes]
    return sum(int(each[1]) if each else 1 for each in told)


def is_balanced(outcome: Outcome) -> bool:
    """Tell whether every row is accounted for."""
    shown = outcome.noted + outcome.merged
    left_out = outcome.skipped + outcome.filtered + outcome.cut + outcome.empty
    return outcome.rows == shown + left_out


@dataclass(frozen=True)
class Converted:
    """The objects that a conversion emitted, and its counts."""

    path: Path
    outcome: Outcome
    chunks: tuple[Chunk, ...]

    @property
    def bundles(self) -> list[list[Stix]]:
        """The objects of each chunk, read from its bundle's JSON."""
        return [orjson.loads(chunk.bundle())["objects"] for chunk in self.chunks]

    def everything(self) -> Iterator[Stix]:
        """Yield every copy of every object, in order."""
        for bundle in self.bundles:
            yield from bundle

    def of(self, *types: str) -> list[Stix]:
        """Return the objects of some types: the first copy of each id."""
        found: dict[str, Stix] = {}
        for stix in self.everything():
            if stix["type"] in types:
                found.setdefault(stix["id"], stix)
        return list(found.values())

    def one(self, stix_type: str) -> Stix:
        """Return the only object of a type."""
        (stix,) = self.of(stix_type)
        return stix

    def where(self, stix_type: str, **fields: Any) -> Stix:
        """Return the only object of a type that has these values."""
        (stix,) = (
            stix
            for stix in self.of(stix_type)
            if all(stix.get(name) == value for name, value in fields.items())
        )
        return stix

    def relationships(self) -> set[tuple[str, str, str]]:
        """Return (type of source, relationship type, type of target) of all relationships."""
        return {
            (
                stix["source_ref"].partition("--")[0],
                stix["relationship_type"],
                stix["target_ref"].partition("--")[0],
            )
            for stix in self.of("relationship")
        }


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Write a report as Shadowserver does: every cell quoted, one line a row."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([header, *rows])
    return text.getvalue().encode("utf-8", "surrogatepass")


def info_of(report_type: str, *, list: str = "example", day: date = DAY) -> ReportInfo:
    """Return the facts that a file name gives of a report of this type."""
    return ReportInfo(report_type, day, f"{day}-{report_type}-{list}.csv", list)


def convert_bytes(
    folder: Path, report_type: str, content: bytes, options: Options | None = None
) -> Converted:
    """Convert a report of these bytes, written to ``folder``."""
    info = info_of(report_type)
    path = folder / info.file
    path.write_bytes(content)
    chunks: list[Chunk] = []
    outcome = convert_report(path, info, options or Options(), chunks.append)
    return Converted(path, outcome, tuple(chunks))


def convert(
    folder: Path,
    report_type: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    **options: Any,
) -> Converted:
    """Convert a report of these rows; ``options`` are fields of ``Options``."""
    return convert_bytes(folder, report_type, csv_bytes(header, rows), Options(**options))


def contained(objects: Iterable[Stix]) -> dict[str, set[str]]:
    """Return by id what each Report and Case contains, whichever of the two names the other."""
    found: dict[str, set[str]] = {}
    notes = []
    for stix in objects:
        if stix["type"] in ("report", "case-incident"):
            found.setdefault(stix["id"], set()).update(stix["object_refs"])
        elif stix["type"] == "note":
            notes.append(stix)
    for note in notes:
        for ref in note["object_refs"]:
            if ref in found:
                found[ref].add(note["id"])
    return found


def references(stix: Stix) -> Iterator[str]:
    """Yield every id that an object refers to."""
    for name, value in stix.items():
        if name.endswith("_ref") and value:
            yield value
        elif name.endswith("_refs"):
            yield from value
